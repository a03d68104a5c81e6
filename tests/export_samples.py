"""Accounts to export, and what is made of them."""

from __future__ import annotations

import dataclasses

from provisioner import exports
from provisioner.clients.base import Options
from provisioner.model import Account, Mailboxes, Security, Server, Use
from provisioner.secret import Secret

EMAIL = "jane.appleseed@icloud.com"
SECRET = Secret("cana-rypa-ssxy-zwvu")
ICLOUD = Account(
    EMAIL,
    "Jane Appleseed",
    "icloud",
    "iCloud Mail",
    Server("imap.mail.me.com", 993, Security.TLS, "jane.appleseed"),
    Server("smtp.mail.me.com", 587, Security.STARTTLS, EMAIL),
    Mailboxes({Use.SENT: "Sent Messages", Use.TRASH: "Deleted Messages", Use.JUNK: "Junk"}),
)
ODD = dataclasses.replace(
    ICLOUD,
    address="j&n@b.example",
    title="Mail <b> \"&' 🍏",
    imap=Server("i.example", 143, Security.STARTTLS, "x<y"),
    smtp=Server("s.example", 465, Security.TLS, "j&n@b.example"),
)


def made(what: str, account: Account = ICLOUD, secret: Secret | None = None) -> str:
    return exports.get(what).export(account, secret, Options()).content.decode()
