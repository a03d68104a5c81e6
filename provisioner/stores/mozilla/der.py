"""Strict DER for the few structures of NSS's key store, as nested Python values.

OBJECT IDENTIFIER is a dotted string, INTEGER an int, OCTET STRING bytes, SEQUENCE a tuple; so a
structure is recognised by one `match` pattern and everything else falls through.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from pyasn1.codec.der import decoder, encoder
from pyasn1.type import univ

Value: TypeAlias = "str | int | bytes | tuple[Value, ...]"

MAX_SIZE = 64 * 1024
"""Bytes; a password of a few thousand characters is the largest thing that is ever stored."""


class NotDer(ValueError):
    """The bytes are not one complete DER value of the types above."""


def decode(data: bytes) -> Value:
    """The value that `data` encodes. Raises NotDer, also for trailing bytes and other encodings than DER."""
    if len(data) > MAX_SIZE:
        raise NotDer("too long")
    try:
        parsed, _ = decoder.decode(data)
        value = _to_python(parsed)
        again = encode(value)
    except NotDer:
        raise
    except Exception as error:  # the decoder meets hostile bytes: whatever it trips over, it is not DER
        raise NotDer("not DER") from error
    # The decoder tolerates long forms of a length; a round trip does not, and sees trailing bytes.
    if again != data:
        raise NotDer("not DER")
    return value


def encode(value: Value) -> bytes:
    """The DER encoding of `value`."""
    encoded: bytes = encoder.encode(_to_asn1(value))
    return encoded


def _to_python(parsed: Any) -> Value:
    if type(parsed) is univ.Sequence:
        return tuple(_to_python(item) for item in parsed.values())
    if (
        type(parsed) is univ.SequenceOf
    ):  # what the decoder makes of a SEQUENCE whose items are all of one type
        return tuple(_to_python(item) for item in parsed)
    if type(parsed) is univ.OctetString:
        return bytes(parsed)
    if type(parsed) is univ.Integer:
        return int(parsed)
    if type(parsed) is univ.ObjectIdentifier:
        return str(parsed)
    raise NotDer("a type that does not belong here")


def _to_asn1(value: Value) -> Any:
    if isinstance(value, tuple):
        sequence = univ.Sequence()
        for position, item in enumerate(value):
            sequence.setComponentByPosition(position, _to_asn1(item))
        return sequence
    if isinstance(value, bytes):
        return univ.OctetString(value)
    if isinstance(value, int):
        return univ.Integer(value)
    return univ.ObjectIdentifier(value)
