"""Thunderbird for Android: the QR code of "Import settings > Scan QR code", drawn on the terminal.

Format: thunderbird-android, feature/migration/qrcode/qr-code-format.md (version 1). Its parser knows no
`null`, and any unknown value makes the whole code invalid (QrCodePayloadAdapter.kt). K-9 Mail's builds have
the scanner switched off (app-k9mail/build.gradle.kts: feature.migration.launcher.noop).
"""

from __future__ import annotations

import json

import segno

from provisioner.clients.base import About, ExportFile, Options
from provisioner.errors import UsageError
from provisioner.exports.base import Holds
from provisioner.model import Account, Security, Server, Support
from provisioner.quoting.base import one_line
from provisioner.secret import Secret
from provisioner.steps import ours

ID = "thunderbird-android"
TITLE = "Thunderbird for Android"
SUPPORT = Support.IMPORT
HOLDS = Holds.SCREEN
ABOUT = About(
    versions="8 and newer (QR code format 1)",
    account="a QR code on the terminal, for the app's scanner",
    stored="the app; in the code only with --with-password, and never on disk here",
    proof="a scanner reads the code off the terminal, in Thunderbird's own form; not tried on a phone",
    proven="2026-11-23",
)

BORDER = 4
"""Modules of white around the code (ISO/IEC 18004)."""
_SECURITY = {Security.STARTTLS: 2, Security.TLS: 3}
_PASSWORD = 1
"""An ordinary password, inside TLS."""
_BLOCKS = {(0, 0): " ", (0, 1): "▄", (1, 0): "▀", (1, 1): "█"}
"""(upper module, lower module) -> character; 1 is dark."""


def payload(account: Account, secret: Secret | None) -> str:
    """The text inside the code. Raises UsageError (`value.unwritable`) for what the app does not take."""
    password = [secret.reveal()] if secret else []
    name = account.display_name or account.address
    for text in (account.address, account.imap.username, account.smtp.username, name, *password):
        one_line(text, TITLE)
    if not (account.address.isascii() and account.imap.host.isascii() and account.smtp.host.isascii()):
        raise UsageError(
            "Thunderbird for Android takes only addresses and servers in plain letters (ASCII).",
            f"Type it in instead:{ours('export', account.address, 'card')}",
            code="value.unwritable",
        )
    incoming = [0, *_server(account.imap), account.address, *password]
    outgoing = [[[0, *_server(account.smtp), *password], [account.address, name]]]
    return json.dumps([1, [1, 1], incoming, outgoing], ensure_ascii=False, separators=(",", ":"))


def export(account: Account, secret: Secret | None, _options: Options) -> ExportFile:
    """The code as lines of block characters, each two modules high.

    Raises UsageError (`value.unwritable`).
    """
    text = payload(account, secret)
    # Error correction L and no ECI header, as Thunderbird for the desktop does it (QRExport.sys.mjs).
    code = segno.make_qr(text, error="l", mode="byte", encoding="utf-8", boost_error=False)
    rows = [list(row) for row in code.matrix_iter(border=BORDER)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    lines = ["".join(_BLOCKS[pair] for pair in zip(upper, lower, strict=True)) for upper, lower in pairs]
    return ExportFile(
        name="",
        content="".join(f"{line}\n" for line in lines).encode(),
        next="On the phone: Import settings (in Thunderbird's welcome, later in Settings), then scan. "
        f"The window must be at least {len(lines[0])} columns wide. "
        + (
            "The password is inside: clear the terminal, and let nobody take a picture of it."
            if secret
            else "The app asks for the app-specific password."
        ),
        drawing=True,
    )


def _server(server: Server) -> list[str | int]:
    return [server.host, server.port, _SECURITY[server.security], _PASSWORD, server.username]
