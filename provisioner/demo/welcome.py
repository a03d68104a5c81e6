"""The mails that wait in the demo account's inbox."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

SENDER = "provisioner <demo@provisioner.invalid>"

_MAILS = (
    (
        "Welcome to the demo",
        "If you read this in your mail client, provisioner has set it up: you typed no server name,\n"
        "no port and no password.\n\n"
        "This mailbox lives inside the demo on this computer and is gone when the demo ends.\n",
    ),
    (
        "Where your password is",
        "The client keeps it in its own password store, and nobody else was told.\n"
        "provisioner writes it to no log and to no receipt.\n",
    ),
    (
        "Try it: send a mail to yourself",
        "Answer this mail to your own address. It comes back to this inbox, and the copy lands in\n"
        '"Sent Messages", the mailbox that was there before.\n\n'
        "The demo sends nothing out of this computer.\n",
    ),
)


def welcome_mails(address: str, now: datetime) -> list[bytes]:
    """Mails to `address` as they travel (RFC 5322, CRLF), oldest first, one minute apart up to `now`."""
    mails = []
    for index, (subject, text) in enumerate(_MAILS):
        mail = EmailMessage(policy=SMTP)
        mail["From"] = SENDER
        mail["To"] = address
        mail["Reply-To"] = address
        mail["Subject"] = subject
        mail["Date"] = format_datetime(now - timedelta(minutes=len(_MAILS) - 1 - index))
        mail["Message-ID"] = f"<welcome-{index + 1}@provisioner.invalid>"
        mail.set_content(text)
        mails.append(mail.as_bytes())
    return mails
