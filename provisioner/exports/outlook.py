"""Classic Outlook for Windows: a profile file (.prf) that adds the account.

Keys and sections: Microsoft, "Customize Outlook profiles by using an Outlook Profile (PRF) file" (cc179062)
and the Account Management API's properties. The format has no key for a password.
"""

from __future__ import annotations

from provisioner.clients.base import FILE, About, ExportFile, Options
from provisioner.errors import UsageError
from provisioner.exports.base import Holds
from provisioner.model import Account, Security, Support
from provisioner.render import render
from provisioner.secret import Secret
from provisioner.steps import ours

ID = "outlook"
TITLE = "Outlook (classic, Windows)"
SUPPORT = Support.IMPORT
HOLDS = Holds.NEVER
ABOUT = About(
    versions="2010 and newer for Windows; the new Outlook ignores such files",
    account="a .prf that you open with `outlook.exe /importprf FILE`",
    stored="Outlook's own store; it asks",
    proof="keys and numbers as Microsoft documents them; not tried with Outlook",
    proven="2026-11-23",
)


def export(account: Account, _secret: Secret | None, _options: Options) -> ExportFile:
    """The profile file, in ASCII with Windows' line ends.

    Raises UsageError: `value.unwritable`, or `outlook.starttls` for an incoming server with STARTTLS, which
    the format cannot tell from one without encryption (IMAPUseSSL is yes or no).
    """
    if account.imap.security is not Security.TLS:
        raise UsageError(
            "An Outlook profile file cannot say that the incoming server wants STARTTLS.",
            f"Make a card instead and type it in:{ours('export', account.address, 'card')}",
            code="outlook.starttls",
        )
    own_login = account.smtp.username != account.imap.username
    text = render(
        "outlook/account.prf.j2",
        account=account,
        name=account.display_name or account.address,
        own_login=own_login,
    )
    asks = "twice, for receiving and for sending," if own_login else "once"
    return ExportFile(
        name="outlook.prf",
        content=text.replace("\n", "\r\n").encode("ascii"),
        next="Bring the file to the Windows computer, close Outlook there, press Windows+R and type, with "
        f'the path where it is:\n  outlook.exe /importprf "C:\\path\\to\\{FILE}"\n'
        f"The account joins your profile; Outlook asks {asks} for the "
        "app-specific password. The new Outlook ignores such files: make a card for it (outlook-new).",
    )
