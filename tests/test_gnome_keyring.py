"""GNOME Keyring keeps plain text where a keyring has no password: that is found out and refused."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provisioner.clients.base import Options
from provisioner.errors import ProvisionError
from provisioner.items import SecretItem
from provisioner.journal import Journal
from provisioner.report import Report, State, StatusRow
from provisioner.workflows.context import Context
from provisioner.workflows.remove import remove
from provisioner.workflows.status import status
from tests.clients.machines.base import terminal
from tests.clients.test_contract import snapshot
from tests.memory_store import MemoryStore
from tests.test_setup import EMAIL, TWO, Desk, codes

with contextlib.suppress(ImportError):  # Linux only
    import secretstorage

    from provisioner.stores import gnome_keyring, secret_service

PLAIN, ENCRYPTED = b"[keyring]\ndisplay-name=Login\n", b"GnomeKeyring\n\r\0\n\0\0"
ITEM = SecretItem.shared("jane@icloud.com")
ROOT = "/org/freedesktop/secrets/collection/"
DATA = ".local/share/keyrings/login.keyring"


def refused(place: str, env: dict[str, str]) -> bool:
    pytest.importorskip("secretstorage")
    try:
        gnome_keyring.refuse_plain(ROOT + place, env)
    except ProvisionError as error:
        return error.code == "keyring.unsafe" and "Seahorse" in error.hint
    return False


@pytest.mark.parametrize(
    ("file", "content", "place", "expected"),
    [
        (DATA, PLAIN, "login", True),
        (DATA, ENCRYPTED, "login", False),
        (DATA, b"", "login", False),
        (DATA, PLAIN, "session", False),
        (".local/share/keyrings/Default keyring.keyring", PLAIN, "Default_20keyring", True),
        (".local/share/keyrings/grün.keyring", PLAIN, "gr_c3_bcn", True),
        ("data/keyrings/login.keyring", PLAIN, "login", False),
        (".gnome2/keyrings/login.keyring", PLAIN, "login", True),
    ],
)
def test_the_file_of_a_collection(
    tmp_path: Path, file: str, content: bytes, place: str, expected: bool
) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert refused(place, {"HOME": str(tmp_path)}) is expected


def test_the_data_directory_may_be_elsewhere_and_the_old_one_counts_only_alone(tmp_path: Path) -> None:
    for name, content in ((".gnome2", PLAIN), ("data", ENCRYPTED)):
        path = tmp_path / name / "keyrings/login.keyring"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    env = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    assert not refused("login", env)
    path.write_bytes(PLAIN)
    assert refused("login", env)
    assert not refused("login", {})


@pytest.mark.parametrize("gnome", [True, False])
@pytest.mark.parametrize(("found", "plain"), [("", "login"), ("work", "work")])
def test_it_is_asked_where_the_password_would_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gnome: bool, found: str, plain: str
) -> None:
    pytest.importorskip("secretstorage")
    directory = tmp_path / ".local/share/keyrings"
    directory.mkdir(parents=True)
    for name in ("login", "work"):
        (directory / f"{name}.keyring").write_bytes(PLAIN if name == plain else ENCRYPTED)
    items = [SimpleNamespace(item_path=f"{ROOT}{found}/3")] if found else []
    monkeypatch.setattr(secretstorage, "search_items", lambda bus, attributes: items)
    monkeypatch.setattr(gnome_keyring, "serves", lambda bus: gnome)
    monkeypatch.setattr(secret_service, "_default_path", lambda bus: f"{ROOT}login")
    monkeypatch.setattr(secret_service.SecretService, "_bus", lambda service: contextlib.nullcontext())
    service = secret_service.SecretService({"HOME": str(tmp_path)})
    with pytest.raises(ProvisionError, match="plain text") if gnome else contextlib.nullcontext():
        service.vet(ITEM)
    (directory / f"{plain}.keyring").write_bytes(ENCRYPTED)
    service.vet(ITEM)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(terminal(tmp_path, "msmtp", "mbsync", "secret-tool"))


def unsafe(desk: Desk) -> MemoryStore:
    store: Any = desk.host.secrets
    store.unsafe = ProvisionError("No.", "Do.", code="keyring.unsafe")
    return store  # type: ignore[no-any-return]


def test_a_keyring_that_is_not_safe_is_refused_before_a_password_is_asked_for(desk: Desk) -> None:
    store, before = unsafe(desk), snapshot(desk.host)
    with pytest.raises(ProvisionError) as caught:
        desk.setup("msmtp")
    assert caught.value.code == "keyring.unsafe"
    assert (desk.asked, store.items) == (0, {})
    assert codes(desk.setup("msmtp", "mbsync")) == ["keyring.unsafe"] * 2
    assert store.items == {}
    assert snapshot(desk.host) == before
    assert Journal(desk.host.state_dir).receipts() == []


def test_another_password_does_not_go_there_either_but_the_old_one_can_be_removed(desk: Desk) -> None:
    assert codes(desk.setup("msmtp")) == [""]
    store = unsafe(desk)
    before = dict(store.items)
    assert codes(desk.setup("mbsync", "msmtp", secret=TWO)) == ["keyring.unsafe"] * 2
    assert store.items == before
    context = Context(desk.host, desk.journal, desk, Report("remove"))  # type: ignore[arg-type]
    remove(context, EMAIL, [], Options(), dry_run=False, wait=False)
    assert store.items == {}


def test_one_that_has_become_unsafe_is_refused_and_told_though_nothing_is_to_be_changed(desk: Desk) -> None:
    assert codes(desk.setup("msmtp", "mbsync")) == ["", ""]
    report = Report("status")
    context = Context(desk.host, desk.journal, desk, report)  # type: ignore[arg-type]
    status(context, EMAIL, Options(), login=False)
    assert {row.message for row in report.rows if isinstance(row, StatusRow)} == {"as it was set up"}
    unsafe(desk)
    with pytest.raises(ProvisionError) as caught:
        desk.setup("msmtp")
    assert caught.value.code == "keyring.unsafe"
    assert codes(desk.setup("msmtp", "mbsync")) == ["keyring.unsafe"] * 2
    assert codes(desk.setup("msmtp", "mbsync", dry_run=True)) == ["keyring.unsafe"] * 2
    report.rows.clear()
    status(context, EMAIL, Options(), login=False)
    for row in report.rows:
        assert isinstance(row, StatusRow)
        assert (row.state, row.ok) == (State.OK, True)
        assert row.message == "as it was set up; its password is not safe there: No"
        assert row.next == "Do."
