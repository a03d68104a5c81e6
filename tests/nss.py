"""Thunderbird's own NSS as an independent reader and writer of a key store, for tests only.

The library is loaded in a process of its own: its parts must be found before it starts, and its
key database can be opened only once in a process. This file is also that process's program.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

THUNDERBIRD = Path("/usr/lib/thunderbird")
CKM_AES_CBC = 0x1082


class NssError(Exception):
    """A call of NSS failed; holds its (negative) error number."""


def run(directory: Path, *operations: tuple[str, ...]) -> list[Any]:
    """Opens `sql:directory`, does the operations in order and returns one result for each.

    ("init", pin) · ("login", pin) -> bool · ("change", old, new) · ("encrypt-des3", text) -> base64 ·
    ("encrypt-aes", text) -> base64 · ("decrypt", base64) -> text. Raises NssError.
    """
    job = json.dumps({"directory": str(directory), "operations": operations})
    done = subprocess.run(
        [sys.executable, __file__],
        input=job,
        capture_output=True,
        text=True,
        timeout=60,
        env={"LD_LIBRARY_PATH": str(THUNDERBIRD), "PATH": os.environ.get("PATH", os.defpath)},
        check=False,
    )
    if done.returncode:
        raise NssError(done.stderr.strip().rpartition("\n")[2])
    results: list[Any] = json.loads(done.stdout)
    return results


class _Item(ctypes.Structure):
    _fields_ = [("type", ctypes.c_uint), ("data", ctypes.c_void_p), ("len", ctypes.c_uint)]

    @classmethod
    def of(cls, data: bytes) -> _Item:
        item = cls(0, None, len(data))
        item.keep = ctypes.create_string_buffer(data, len(data))
        item.data = ctypes.cast(item.keep, ctypes.c_void_p)
        return item

    def bytes(self) -> bytes:
        return ctypes.string_at(self.data, self.len) if self.data else b""


class _Library:
    def __init__(self, directory: str) -> None:
        self.lib = ctypes.CDLL(str(THUNDERBIRD / "libnss3.so"))
        self.lib.PK11_GetInternalKeySlot.restype = ctypes.c_void_p
        self.check(self.lib.NSS_Initialize(f"sql:{directory}".encode(), b"", b"", b"secmod.db", 0))
        self.slot = ctypes.c_void_p(self.lib.PK11_GetInternalKeySlot())

    def check(self, status: int) -> None:
        if status:
            raise NssError(str(self.lib.PR_GetError()))

    def close(self) -> None:
        self.lib.PK11_FreeSlot(self.slot)
        self.check(self.lib.NSS_Shutdown())

    def do(self, name: str, *values: str) -> Any:
        data = [value.encode() for value in values]
        if name == "init":
            return self.check(self.lib.PK11_InitPin(self.slot, None, data[0]))
        if name == "change":
            return self.check(self.lib.PK11_ChangePW(self.slot, data[0], data[1]))
        if name == "login":
            return self.lib.PK11_CheckUserPassword(self.slot, data[0]) == 0
        result, key_id = _Item(), _Item()
        if name == "decrypt":
            source = _Item.of(base64.b64decode(values[0]))
            self.check(self.lib.PK11SDR_Decrypt(ctypes.byref(source), ctypes.byref(result), None))
            return result.bytes().decode()
        source = _Item.of(data[0])
        arguments = ctypes.byref(key_id), ctypes.byref(source), ctypes.byref(result), None
        if name == "encrypt-des3":
            self.check(self.lib.PK11SDR_Encrypt(*arguments))
        else:
            mechanism = ctypes.c_ulong(CKM_AES_CBC)
            self.check(
                self.lib.PK11SDR_EncryptWithMechanism(self.slot, arguments[0], mechanism, *arguments[1:])
            )
        return base64.b64encode(result.bytes()).decode()


def _main() -> None:
    job = json.load(sys.stdin)
    library = _Library(job["directory"])
    json.dump([library.do(*operation) for operation in job["operations"]], sys.stdout)
    library.close()


if __name__ == "__main__":
    _main()
