"""A pretended machine with Thunderbird on it, for the tests of that client."""

from __future__ import annotations

from pathlib import Path

from provisioner.host import Host
from provisioner.model import Account, Mailboxes, Plan, Security, Server, Use
from provisioner.receipt import Receipt, ReceiptState
from provisioner.secret import Secret

DEBIAN = "/usr/lib/thunderbird"
DEBIAN_HASH = "FDC34C9F024745EB"
"""What Thunderbird 153 itself wrote for this directory."""
PASSWORD = Secret("abcd-efgh-ijkl-mnop")

ICLOUD = Account(
    address="jane.appleseed@icloud.com",
    display_name="Jane Appleseed",
    provider="icloud",
    title="iCloud Mail",
    imap=Server("imap.mail.me.com", 993, Security.TLS, "jane.appleseed"),
    smtp=Server("smtp.mail.me.com", 587, Security.STARTTLS, "jane.appleseed@icloud.com"),
    mailboxes=Mailboxes(
        {
            Use.SENT: "Sent Messages",
            Use.TRASH: "Deleted Messages",
            Use.DRAFTS: "Drafts",
            Use.JUNK: "Junk",
            Use.ARCHIVE: "Archive",
        },
        seen=True,
    ),
)

BOB = """\
// Mozilla User Preferences

user_pref("calendar.timezone.local", "UTC");
user_pref("mail.account.account1.identities", "id1");
user_pref("mail.account.account1.server", "server1");
user_pref("mail.account.account2.server", "server2");
user_pref("mail.account.lastKey", 5);
user_pref("mail.accountmanager.accounts", "account1,account2");
user_pref("mail.accountmanager.defaultaccount", "account1");
user_pref("mail.accountmanager.localfoldersserver", "server2");
user_pref("mail.identity.id1.fullName", "Bob");
user_pref("mail.identity.id1.smtpServer", "smtp1");
user_pref("mail.identity.id1.useremail", "bob@example.org");
user_pref("mail.server.server1.hostname", "imap.example.org");
user_pref("mail.server.server1.type", "imap");
user_pref("mail.server.server1.userName", "bob");
user_pref("mail.server.server2.hostname", "Local Folders");
user_pref("mail.server.server2.type", "none");
user_pref("mail.server.server2.userName", "nobody");
user_pref("mail.smtp.defaultserver", "smtp1");
user_pref("mail.smtpserver.smtp1.hostname", "smtp.example.org");
user_pref("mail.smtpserver.smtp1.username", "bob");
user_pref("mail.smtpservers", "smtp1");
user_pref("mail.ui-rdf.version", 61);
"""
"""A profile in which Thunderbird has made one account and Local Folders."""


def put(path: Path, content: str | bytes = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def application(
    host: Host, directory: str = DEBIAN, version: str = "153.7.0", name: str = "Thunderbird"
) -> None:
    put(
        host.system(directory) / "application.ini",
        f"; not used\n[App]\nVendor=Mozilla\nName={name}\nRemotingName=thunderbird-esr\nVersion={version}\n",
    )


def machine(tmp_path: Path, *directories: str, version: str = "153.7.0") -> Host:
    """A Linux machine; by default with Debian's package."""
    host = Host(home=tmp_path / "home", env={"PATH": ""}, root=tmp_path / "system")
    host.home.mkdir(parents=True, exist_ok=True)
    for directory in directories or (DEBIAN,):
        application(host, directory, version)
    return host


def profiles_ini(host: Host, text: str) -> Path:
    return put(host.home / ".thunderbird/profiles.ini", text)


def profile(host: Host, prefs: str | bytes = BOB, name: str = "abcd1234.default-esr") -> Path:
    """The profile that Debian's Thunderbird starts, used before by version 140."""
    profiles_ini(
        host,
        f"[Install{DEBIAN_HASH}]\nDefault={name}\nLocked=1\n\n"
        f"[Profile0]\nName=default-esr\nIsRelative=1\nPath={name}\n\n[General]\nVersion=2\n",
    )
    path = host.home / ".thunderbird" / name
    put(path / "prefs.js", prefs)
    put(path / "compatibility.ini", f"[Compatibility]\nLastVersion=140.1.0_1/1\nLastPlatformDir={DEBIAN}\n")
    return path


def apply(plan: Plan) -> None:
    """Writes the plan, after checking that each file is what the plan saw."""
    for change in plan.changes:
        assert (change.path.read_bytes() if change.path.exists() else None) == change.before
        if change.after is None:
            change.path.unlink()
        else:
            put(change.path, change.after)


def receipt(plan: Plan, account: Account = ICLOUD) -> Receipt:
    return Receipt(
        schema=1,
        id="1",
        state=ReceiptState.DONE,
        address=account.address,
        client=plan.client,
        where=plan.where,
        provider=account.provider,
        label="Mozilla Thunderbird (imac)",
        created="2026-01-01T00:00:00Z",
        updated="2026-01-01T00:00:00Z",
        account=account,
        adopted=plan.adopted,
        wrote_password=plan.wrote_password,
        files=(),
    )


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
