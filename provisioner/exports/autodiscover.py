"""Microsoft's Autodiscover: the answer (POX, schema 2006a) that a web server gives to Outlook.

Elements and values: Microsoft, "Protocol (POX)" (bb204278) and MS-OXDSCLI. `Encryption` overrides `SSL` for
IMAP and SMTP; `SSL` is on even for STARTTLS, so that a client that only knows the older element fails
instead of sending the password in clear.
"""

from __future__ import annotations

from provisioner.clients.base import About, ExportFile, Options
from provisioner.exports.base import Holds, served
from provisioner.model import Account, Security, Support
from provisioner.render import render
from provisioner.secret import Secret

ID = "autodiscover"
TITLE = "Microsoft Autodiscover"
SUPPORT = Support.IMPORT
HOLDS = Holds.NEVER
ABOUT = About(
    versions="POX schema 2006a: Outlook up to 2019, eM Client and others",
    account="an answer that the domain's administrator lets a web server give",
    stored="nowhere; each client asks",
    proof="elements and values as Microsoft documents them; not tried with Outlook",
    proven="2026-11-23",
)

_ENCRYPTION = {Security.TLS: "SSL", Security.STARTTLS: "TLS"}


def export(account: Account, _secret: Secret | None, _options: Options) -> ExportFile:
    """The answer. A user name that is the address is left out: clients take the address by themselves.

    Raises UsageError for a value that XML cannot hold.
    """
    domain = account.address.rpartition("@")[2]
    text = render("autodiscover/autodiscover.xml.j2", account=account, encryption=_ENCRYPTION)
    whom = served(account, everyone="<LoginName>" not in text)
    return ExportFile(
        name="autodiscover.xml",
        content=text.encode(),
        next=f"Let a web server answer POST requests with it for https://autodiscover.{domain}/autodiscover/"
        f"autodiscover.xml (or https://{domain}/autodiscover/autodiscover.xml), type text/xml. {whom} "
        "There is no password in it. Newer Outlooks ask Microsoft's servers instead and do not see it.",
    )
