"""Where KMail looks its passwords up."""

from __future__ import annotations

from provisioner.clients.common import gnome, program
from provisioner.clients.kmail.parts import Parts
from provisioner.host import Host
from provisioner.items import SecretItem, Store
from provisioner.model import Account

TITLE = "KMail"


def items(host: Host, account: Account, parts: Parts) -> tuple[SecretItem, ...]:
    """For IMAP and SMTP, as KMail stores them; the one for IMAP first.

    Since 24.02 both go through QtKeychain; before, only that for SMTP did, and that for IMAP was always in
    KWallet (kdepim-runtime, resources/imap/settings.cpp; kmailtransport, transport.cpp). QtKeychain takes
    KWallet in a session of KDE and the Secret Service in any other (keychain_unix.cpp, detectKeyringBackend;
    the attributes: libsecret.cpp). Where no desktop is named, such as over SSH, both get the passwords.
    """
    desktop = host.env.get("XDG_CURRENT_DESKTOP", "")
    kde = "KDE" in desktop.split(":")
    version = program.version(host, "kmail", "-platform", "offscreen", "--version") if not kde else ()
    found = []
    for what, folder, key in (
        ("IMAP", "imap", f"{parts.resource}rc"),
        ("SMTP", "mailtransports", parts.transport),
    ):
        always = what == "IMAP" and () < version < (6,)
        if kde or not desktop or always:
            label = f"Mail password of {account.address} ({TITLE}, {what})"
            found.append(SecretItem(label, (("service", folder), ("username", key)), Store.KWALLET))
        if not kde and not always:
            attributes = (("user", key), ("server", folder), ("type", "plaintext"))
            found.append(gnome.item(account, f"{TITLE}, {what}", "org.qt.keychain", *attributes))
    return tuple(found)
