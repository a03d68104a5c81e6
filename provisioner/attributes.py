"""What a file is besides its bytes: owner, permissions, POSIX ACL, extended attributes.

A file that is replaced by a new one must not lose them, and nobody may be able to read the new one, or the
temporary file on the way, who could not read the old one. Only Linux has calls for extended attributes in
Python; elsewhere there is the mode alone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

ACL = "system.posix_acl_access"
OF_THE_CONTENT = {"security.capability", "security.ima", "security.evm"}
"""Rights and signatures that were given to the old bytes (capabilities(7), evmctl(1)); not for new ones."""
_NONE = {errno.ENODATA, errno.EOPNOTSUPP, errno.ENOSYS}
_HEADER, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")


class Tag(IntEnum):
    """Whom an entry of an ACL is about (linux/posix_acl.h)."""

    OWNER = 0x01
    USER = 0x02
    OWNING_GROUP = 0x04
    GROUP = 0x08
    MASK = 0x10
    OTHER = 0x20


@dataclass(frozen=True)
class Entry:
    """`rights`: rwx as in a mode, after the mask. `id`: of a USER or GROUP, else without meaning."""

    tag: int
    rights: int
    id: int

    @property
    def named(self) -> bool:
        return self.tag in (Tag.USER, Tag.GROUP)


def access_list(file: int | Path) -> tuple[Entry, ...]:
    """The POSIX ACL of a file or directory, empty if there is none beyond its mode.

    Layout: linux/posix_acl_xattr.h; the mask limits all but the owner and the others (acl(5)).
    """
    if sys.platform != "linux":
        return ()
    try:
        data = os.getxattr(file, ACL)
    except OSError:
        return ()
    entries = [Entry(*fields) for fields in _ENTRY.iter_unpack(data[_HEADER.size :])]
    mask = next((entry.rights for entry in entries if entry.tag == Tag.MASK), 0o7)
    return tuple(
        entry if entry.tag in (Tag.OWNER, Tag.OTHER) else Entry(entry.tag, entry.rights & mask, entry.id)
        for entry in entries
    )


def plain_mode(file: int | Path) -> int:
    """The permissions of a file as they would be without its ACL. Raises OSError.

    Where there is an ACL, the group bits of a mode are the mask, which is more than the group may do.
    """
    mode = stat.S_IMODE(os.stat(file).st_mode) & 0o777  # noqa: PTH116 - it may be a descriptor
    for entry in access_list(file):
        if entry.tag == Tag.OWNING_GROUP:
            return mode & 0o707 | entry.rights << 3
    return mode


def carry(old: int, new: int, mode: int) -> None:
    """Gives the open file `new` the owner, ACL and extended attributes of `old`, and the permissions `mode`.

    `new` must be empty and private. Raises OSError if something would be lost or access would widen; labels
    that only the system may set are left out where it refuses.
    """
    if sys.platform == "win32":
        return
    _keep_owner(old, new)
    set_mode(new, mode)
    if sys.platform != "linux":
        return
    for name in _names(old):
        if name in OF_THE_CONTENT or name == ACL:
            continue
        try:
            os.setxattr(new, name, os.getxattr(old, name))
        except OSError:
            if name.startswith(("user.", "system.")):
                raise
    entries = access_list(old)
    if entries:
        try:
            os.setxattr(new, ACL, os.getxattr(old, ACL))
        except OSError:
            if _shuts_out(entries):
                raise


def set_mode(new: int, mode: int) -> None:
    """The permissions of a new file, and nothing that its directory hands down (a default ACL, acl(5))."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # there is none
            os.removexattr(new, ACL)
    if sys.platform != "win32":
        os.fchmod(new, mode)


def _keep_owner(old: int, new: int) -> None:
    if sys.platform == "win32":
        return
    before, now = os.fstat(old), os.fstat(new)
    if (before.st_uid, before.st_gid) == (now.st_uid, now.st_gid):
        return
    try:
        os.fchown(new, before.st_uid, before.st_gid)
    except PermissionError:
        raise PermissionError(errno.EACCES, "it would lose its owner or its group") from None


def _names(file: int) -> list[str]:
    if sys.platform != "linux":
        return []
    try:
        return os.listxattr(file)
    except OSError as error:
        if error.errno in _NONE:
            return []
        raise


def _shuts_out(entries: Sequence[Entry]) -> bool:
    """Some user or group may do less than they could as one of the others, or by the owning group."""
    open_to = 0
    for entry in entries:
        if entry.tag in (Tag.OTHER, Tag.OWNING_GROUP):
            open_to |= entry.rights
    return any(entry.named and open_to & ~entry.rights for entry in entries)
