"""Mozilla's autoconfig: a file on the domain's web server from which clients learn the servers.

Elements, their order and values: https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat and
draft-ietf-mailmaint-autoconfig. `password-cleartext` means an ordinary password inside TLS.
"""

from __future__ import annotations

from provisioner.clients.base import About, ExportFile, Options
from provisioner.exports.base import Holds, served
from provisioner.model import Account, Security, Support
from provisioner.render import render
from provisioner.secret import Secret

ID = "autoconfig"
TITLE = "Mozilla autoconfig"
SUPPORT = Support.IMPORT
HOLDS = Holds.NEVER
ABOUT = About(
    versions="config-v1.1.xml: Thunderbird, K-9 Mail, Evolution, KMail and others",
    account="a file that the domain's administrator puts on its web server",
    stored="nowhere; each client asks",
    proof="the real Thunderbird's own reader takes every value",
    proven="2026-11-23",
)

_SOCKETS = {Security.TLS: "SSL", Security.STARTTLS: "STARTTLS"}


def export(account: Account, _secret: Secret | None, _options: Options) -> ExportFile:
    """The file. User names are `%EMAILADDRESS%` or `%EMAILLOCALPART%`, so that one file serves the domain.

    Raises UsageError for a value that XML cannot hold.
    """
    domain = account.address.rpartition("@")[2]
    users = {
        "imap": _username(account, account.imap.username),
        "smtp": _username(account, account.smtp.username),
    }
    text = render(
        "autoconfig/config-v1.1.xml.j2", account=account, domain=domain, users=users, sockets=_SOCKETS
    )
    whom = served(account, everyone=all(name.startswith("%") for name in users.values()))
    return ExportFile(
        name="config-v1.1.xml",
        content=text.encode(),
        next=f"Put it on a web server as https://autoconfig.{domain}/mail/config-v1.1.xml or as "
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml (type text/xml). "
        f"{whom} There is no password in it.",
    )


def _username(account: Account, name: str) -> str:
    forms = {account.address: "%EMAILADDRESS%", account.local_part: "%EMAILLOCALPART%"}
    return forms.get(name, name)
