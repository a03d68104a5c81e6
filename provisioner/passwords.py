"""Where a password comes from: a hidden prompt, standard input or a command.

Never argv, never the environment: other users can see those.
"""

from __future__ import annotations

import io
import re
import shlex
import string
import sys
from collections.abc import Callable
from typing import BinaryIO

from provisioner.errors import Cancelled, UsageError
from provisioner.model import AppPassword
from provisioner.secret import Secret
from provisioner.shape import shape_of
from provisioner.stores.captured import MAX_BYTES
from provisioner.stores.command import printed

TRIES = 3
"""How often the prompt asks again after an empty or multi-line answer."""
_SURROUNDING = string.whitespace + "\x85\xa0\u2028\u2029\ufeff\u200b\u200e\u200f\u2060"
"""White space, and the invisible marks that some programs put around what they hand over."""
_LINE_END, _CONTROL = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]"), re.compile(r"[\x00-\x1f\x7f]")


def clean(text: str, rule: AppPassword | None) -> Secret:
    """The password in what was typed or pasted.

    Surrounding white space and line breaks go; inner white space goes only if the provider merely
    displays it. Case and punctuation stay. Raises UsageError for an empty or multi-line password.
    """
    value = text.strip(_SURROUNDING)
    if not value:
        raise UsageError("The password is empty.", "Paste it, then press Return.", code="password.empty")
    if _LINE_END.search(value):
        raise UsageError(
            "The password has more than one line.", "Give the password alone, without anything else.",
            code="password.multiline",
        )  # fmt: skip
    if rule and rule.spaces_are_decoration:
        value = "".join(value.split())
    if _CONTROL.search(value):
        raise UsageError(
            "The password holds a control character.", "Copy it again, without anything else.",
            code="password.control",
        )  # fmt: skip
    return Secret(value)


def shape_warning(secret: Secret, rule: AppPassword | None) -> str:
    """A sentence if the password does not look like the provider's; empty if it does or nothing is known."""
    if rule is None or rule.form is None:
        return ""
    shape = shape_of(secret, rule)
    if shape.kind == "fits":
        return ""
    looks = f"{rule.form.displayed_as}, such as {rule.form.example}"
    if shape.kind == "mangled":
        return f"This looks like {rule.a_term} that was damaged while copying: {shape.why}. It is {looks}."
    return (
        f"This does not look like {rule.a_term}: that is {looks}. "
        "The password of the account itself does not work here."
    )


def from_stdin(rule: AppPassword | None, stream: BinaryIO | None = None) -> Secret:
    """The password on standard input. Raises UsageError if it is too long, not UTF-8 or not one line."""
    if stream is None:
        stream = sys.stdin.buffer if sys.stdin else io.BytesIO()  # closed by `<&-`
    return clean(_decode(stream.read(MAX_BYTES + 1), "standard input"), rule)


def from_command(command: str, rule: AppPassword | None) -> Secret:
    """The password that a command prints. No shell runs it; its standard error goes to the terminal.

    Raises UsageError if it cannot be started, fails, takes too long or prints no single line.
    """
    output = printed(command)
    return clean(_decode(output, f"the output of {shlex.split(command)[0]}"), rule)


def from_prompt(prompt: str, ask: Callable[[str], str], rule: AppPassword | None) -> Secret:
    """The password typed at a hidden prompt; asks again for one that cannot be one.

    Raises Cancelled when the user stops, UsageError after the third useless answer.
    """
    try:
        for _ in range(TRIES - 1):
            try:
                return clean(ask(prompt), rule)
            except UsageError as error:
                if error.code not in ("password.empty", "password.multiline", "password.control"):
                    raise
                prompt = f"{error.message} {error.hint}\n{prompt.splitlines()[-1]}"
        return clean(ask(prompt), rule)
    except (EOFError, KeyboardInterrupt):
        raise Cancelled("Stopped at the password; nothing was changed.") from None


def _decode(data: bytes, source: str) -> str:
    if len(data) > MAX_BYTES:
        raise UsageError(
            f"There are more than {MAX_BYTES} bytes in {source}.",
            "Give the password alone.",
            code="password.too_long",
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(
            f"What came from {source} is not UTF-8 text.",
            "Give the password as UTF-8.",
            code="password.encoding",
        ) from None
