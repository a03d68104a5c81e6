"""The number by which Mozilla's programs tell their installations apart.

`profiles.ini` names the profile of an installation in a section `[Install<HASH>]`. HASH is CityHash64
of the directory of the executable, as UTF-16 (toolkit/mozapps/update/common/commonupdatedir.cpp), and
that is CityHash version 1.0: the packages on PyPI implement the later 1.1, which gives other numbers.
"""

from __future__ import annotations

import struct

_K0 = 0xC3A5C85C97CB3127
_K1 = 0xB492B66FBE98F273
_K2 = 0x9AE16A3B2F90404F
_K3 = 0xC949D7C7509E6557
_MUL = 0x9DDFEA08EB382D69
_MASK = (1 << 64) - 1


def install_hash(directory: str) -> str:
    """HASH for the directory of the real executable, spelled as the system spells it. No leading zeros."""
    return f"{city_hash64(directory.encode('utf-16-le')):X}"


def city_hash64(data: bytes) -> int:
    """CityHash64, version 1.0, as an unsigned number."""
    if len(data) <= 16:
        return _up_to_16(data)
    if len(data) <= 32:
        return _up_to_32(data)
    if len(data) <= 64:
        return _up_to_64(data)
    return _long(data)


def _u64(data: bytes, offset: int) -> int:
    """The 64-bit word at `offset`; a negative one counts from the end."""
    return int(struct.unpack_from("<Q", data, offset if offset >= 0 else len(data) + offset)[0])


def _u32(data: bytes, offset: int) -> int:
    return int(struct.unpack_from("<I", data, offset if offset >= 0 else len(data) + offset)[0])


def _rotate(value: int, shift: int) -> int:
    value &= _MASK
    return (value >> shift | value << (64 - shift)) & _MASK


def _mix(value: int) -> int:
    value &= _MASK
    return value ^ (value >> 47)


def _pair(low: int, high: int) -> int:
    first = _mix((low ^ high) * _MUL)
    return _mix((high ^ first) * _MUL) * _MUL & _MASK


def _up_to_16(data: bytes) -> int:
    size = len(data)
    if size > 8:
        first, last = _u64(data, 0), _u64(data, -8)
        return _pair(first, _rotate(last + size, size)) ^ last
    if size >= 4:
        return _pair(size + (_u32(data, 0) << 3), _u32(data, -4))
    if size:
        low = data[0] + (data[size >> 1] << 8)
        high = size + (data[-1] << 2)
        return _mix(low * _K2 ^ high * _K3) * _K2 & _MASK
    return _K2


def _up_to_32(data: bytes) -> int:
    a = _u64(data, 0) * _K1
    b = _u64(data, 8)
    c = _u64(data, -8) * _K2
    d = _u64(data, -16) * _K0
    return _pair(
        (_rotate(a - b, 43) + _rotate(c, 30) + d) & _MASK,
        (a + _rotate(b ^ _K3, 20) - c + len(data)) & _MASK,
    )


def _up_to_64(data: bytes) -> int:
    def half(z: int, a: int, words: tuple[int, int, int]) -> tuple[int, int]:
        b, c = _rotate(a + z, 52), _rotate(a, 37)
        a += words[0]
        c += _rotate(a, 7)
        a += words[1]
        return a + words[2], b + _rotate(a, 31) + c

    v0, v1 = half(
        _u64(data, 24),
        _u64(data, 0) + (len(data) + _u64(data, -16)) * _K0,
        (_u64(data, 8), _u64(data, 16), _u64(data, 24)),
    )
    w0, w1 = half(
        _u64(data, -8),
        _u64(data, 16) + _u64(data, -32),
        (_u64(data, -24), _u64(data, -16), _u64(data, -8)),
    )
    r = _mix((v0 + w1) * _K2 + (w0 + v1) * _K0)
    return _mix(r * _K0 + v1) * _K2 & _MASK


def _weak(data: bytes, offset: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = struct.unpack_from("<4Q", data, offset)
    a += w
    b = _rotate(b + a + z, 21)
    total = a + x + y
    b += _rotate(total, 44)
    return (total + z) & _MASK, (b + a) & _MASK


def _long(data: bytes) -> int:
    size = len(data)
    x, y, z = _u64(data, 0), _u64(data, -16) ^ _K1, _u64(data, -56) ^ _K0
    v = _weak(data, size - 64, size, y)
    w = _weak(data, size - 32, size * _K1, _K0)
    z += _mix(v[1]) * _K1
    x = _rotate(z + x, 39) * _K1
    y = _rotate(y, 33) * _K1
    for offset in range(0, (size - 1) & ~63, 64):
        x = _rotate(x + y + v[0] + _u64(data, offset + 16), 37) * _K1
        y = _rotate(y + v[1] + _u64(data, offset + 48), 42) * _K1
        x = (x ^ w[1]) & _MASK
        y = (y ^ v[0]) & _MASK
        z = _rotate(z ^ w[0], 33)
        v = _weak(data, offset, v[1] * _K1, x + w[0])
        w = _weak(data, offset + 32, z + w[1], y)
        z, x = x, z
    return _pair(
        (_pair(v[0], w[0]) + _mix(y) * _K1 + z) & _MASK,
        (_pair(v[1], w[1]) + x) & _MASK,
    )
