"""A replaced file keeps its owner, ACL and attributes, and is never open to more people than before."""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from provisioner import atomic, attributes
from provisioner.attributes import ACL, Tag
from tests.needs import need

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has calls for these in Python")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can set this")

BOB, GUESTS = 54321, 54322
Rights = dict[tuple[Tag, int], int]


def acl(owner: int, group: int, mask: int, other: int, **named: int) -> bytes:
    """The attribute as the kernel keeps it; `named` are the rights of bob and of the group guests."""
    entries = [(Tag.OWNER, owner, -1)]
    entries += [(Tag.USER, named["bob"], BOB)] if "bob" in named else []
    entries += [(Tag.OWNING_GROUP, group, -1)]
    entries += [(Tag.GROUP, named["guests"], GUESTS)] if "guests" in named else []
    entries += [(Tag.MASK, mask, -1), (Tag.OTHER, other, -1)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)
    try:
        os.setxattr(path, "user.test", b"x")
        os.removexattr(path, "user.test")
        os.setxattr(path, ACL, acl(6, 0, 6, 0, bob=4))
        os.removexattr(path, ACL)
    except OSError as error:
        need(False, f"the file system of {tmp_path} keeps no attributes: {error}")
    path.chmod(0o600)
    return path


def write(path: Path) -> None:
    atomic.write(path, b"new", mode=attributes.plain_mode(path), tag="t")


def rights(file: int | Path) -> Rights:
    """Who may do what, whether there is an ACL or not."""
    mode = os.stat(file).st_mode  # noqa: PTH116 - it may be a descriptor
    plain = {Tag.OWNER: mode >> 6 & 7, Tag.OWNING_GROUP: mode >> 3 & 7, Tag.OTHER: mode & 7}
    found = {(tag, -1): bits for tag, bits in plain.items()}
    for entry in attributes.access_list(file):
        found[Tag(entry.tag), entry.id if entry.named else -1] = entry.rights
    found.pop((Tag.MASK, -1), None)
    return found


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Rights]:
    """The rights on the temporary file after each call that may change them, and when it is written."""
    seen: list[Rights] = []

    def watch(name: str) -> None:
        real = getattr(os, name)

        def call(descriptor: int | Path, *rest: object) -> None:
            real(descriptor, *rest)
            if isinstance(descriptor, int) and stat.S_ISREG(os.fstat(descriptor).st_mode):
                seen.append(rights(descriptor))

        monkeypatch.setattr(os, name, call)

    for name in ("fchmod", "fchown", "setxattr", "fsync"):
        watch(name)
    return seen


def test_attributes_are_kept(file: Path) -> None:
    os.setxattr(file, "user.origin", b"\0\xff")
    os.setxattr(file, ACL, acl(6, 4, 6, 0, bob=6, guests=4))
    before = {name: os.getxattr(file, name) for name in os.listxattr(file)}
    info = file.stat()
    assert {"user.origin", ACL} <= before.keys()
    write(file)
    assert file.read_bytes() == b"new"
    assert {name: os.getxattr(file, name) for name in os.listxattr(file)} == before
    after = file.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (info.st_mode, info.st_uid, info.st_gid)


@root_only
def test_owner_and_group_are_kept(file: Path) -> None:
    os.chown(file, BOB, GUESTS)
    file.chmod(0o640)
    write(file)
    assert (file.stat().st_uid, file.stat().st_gid) == (BOB, GUESTS)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    "value",
    [acl(6, 0, 6, 0, bob=6), acl(6, 4, 0, 0, bob=6), acl(6, 6, 6, 4, bob=0, guests=0), None],
    ids=["a group with less than the mask", "all masked", "shut out", "no ACL"],
)
@pytest.mark.parametrize("handed_down", [True, False])
def test_nobody_has_more_rights_than_before_on_the_way(
    file: Path, steps: list[Rights], value: bytes | None, handed_down: bool
) -> None:
    file.chmod(0o664)
    if value:
        os.setxattr(file, ACL, value)
    if handed_down:
        os.setxattr(file.parent, "system.posix_acl_default", acl(7, 7, 7, 7, bob=7, guests=7))
    before = rights(file)
    write(file)
    assert steps
    assert rights(file) == before
    for step in steps:
        for who, bits in step.items():
            assert bits & ~before.get(who, 0) == 0, (who, bits)


def test_a_new_file_gets_nothing_from_its_directory(file: Path) -> None:
    os.setxattr(file.parent, "system.posix_acl_default", acl(7, 7, 7, 7, bob=7))
    for name, mode in (("a", 0o600), ("b", 0o640)):
        atomic.write(file.with_name(name), b"x", mode=mode, tag="t")
        assert attributes.access_list(file.with_name(name)) == ()
        assert stat.S_IMODE(file.with_name(name).stat().st_mode) == mode
    atomic.write_new(file.with_name("c"), b"x", mode=0o640, replace=False, tag="t")
    assert attributes.access_list(file.with_name("c")) == ()


def refuse(monkeypatch: pytest.MonkeyPatch, prefix: str, number: int) -> None:
    real = os.setxattr

    def setxattr(file: int, name: str, value: bytes) -> None:
        if name.startswith(prefix):
            raise OSError(number, os.strerror(number))
        real(file, name, value)

    monkeypatch.setattr(os, "setxattr", setxattr)


def test_an_acl_that_cannot_be_kept_only_closes(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.setxattr(file, ACL, acl(6, 0, 6, 0, bob=6))
    refuse(monkeypatch, ACL, errno.EOPNOTSUPP)
    write(file)
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "value", [acl(6, 0, 4, 4, bob=0), acl(6, 4, 4, 0, guests=0), acl(6, 0, 0, 4, guests=4)]
)
def test_an_acl_that_shuts_someone_out_is_kept_or_nothing_is_written(
    file: Path, monkeypatch: pytest.MonkeyPatch, value: bytes
) -> None:
    os.setxattr(file, ACL, value)
    refuse(monkeypatch, ACL, errno.EPERM)
    with pytest.raises(OSError) as caught:
        write(file)
    assert caught.value.filename == str(file)
    assert (file.read_bytes(), os.getxattr(file, ACL)) == (b"old", value)
    assert list(file.parent.iterdir()) == [file]


def test_an_attribute_of_the_user_is_never_lost(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.setxattr(file, "user.origin", b"x")
    refuse(monkeypatch, "user.", errno.ENOSPC)
    with pytest.raises(OSError):
        write(file)
    assert (file.read_bytes(), os.getxattr(file, "user.origin")) == (b"old", b"x")


@root_only
def test_what_only_the_system_may_set_is_left_out_where_it_refuses(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.setxattr(file, "security.test", b"x")
    write(file)
    assert os.getxattr(file, "security.test") == b"x"
    refuse(monkeypatch, "security.", errno.EPERM)
    write(file)
    assert "security.test" not in os.listxattr(file)


@root_only
def test_rights_given_to_the_old_bytes_are_not_given_to_the_new_ones(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attributes, "OF_THE_CONTENT", {"security.test"})
    os.setxattr(file, "security.test", b"signature")
    write(file)
    assert "security.test" not in os.listxattr(file)


def test_where_there_are_no_such_calls_the_mode_is_kept(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributes, "sys", SimpleNamespace(platform="darwin"))
    for name in ("getxattr", "setxattr", "listxattr", "removexattr"):
        monkeypatch.delattr(os, name)
    file.chmod(0o640)
    write(file)
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_file_system_without_attributes_has_none(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*arguments: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    for name in ("getxattr", "setxattr", "listxattr", "removexattr"):
        monkeypatch.setattr(os, name, none)
    write(file)
    assert file.read_bytes() == b"new"
