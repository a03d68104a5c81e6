"""Dovecot playing an IMAP server: iCloud as it answers, with either set of names, or one with special-use."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import Enum
from pathlib import Path

from tests.live.lab import Lab, clean_environment, run, start, stop, until

NOBODY = 65534
POP3 = Path("/usr/lib/dovecot/pop3")
"""Where Debian has the program."""
CAPABILITY = (
    "XAPPLEPUSHSERVICE IMAP4 IMAP4rev1 CONDSTORE ENABLE QRESYNC QUOTA NAMESPACE UIDPLUS CHILDREN "
    "BINARY UNSELECT SORT CATENATE URLAUTH LANGUAGE ESEARCH ESORT THREAD=ORDEREDSUBJECT "
    "THREAD=REFERENCES CONTEXT=SEARCH CONTEXT=SORT WITHIN SASL-IR SEARCHRES METADATA ID XMSEARCH "
    "X-SUN-SORT ANNOTATE-EXPERIMENT-1 X-UNAUTHENTICATE X-SUN-IMAP XUM1 MULTISEARCH IDLE LIST-STATUS"
)
"""As iCloud answers after login; seen in github.com/nextcloud/mail/issues/3401."""


class Flavour(Enum):
    """(mailboxes by use, the server says which is which, what CAPABILITY answers: empty is Dovecot's own)"""

    ICLOUD = ({"Sent": "Sent Messages", "Trash": "Deleted Messages"}, False, CAPABILITY)
    ICLOUD_ITEMS = ({"Sent": "Sent Items", "Trash": "Deleted Items"}, False, CAPABILITY)
    SPECIAL_USE = ({"Sent": "Outbound", "Trash": "Bin"}, True, "")

    @property
    def mailboxes(self) -> dict[str, str]:
        return {"Drafts": "Drafts", "Junk": "Junk", "Archive": "Archive"} | self.value[0]

    @property
    def sent(self) -> str:
        return self.mailboxes["Sent"]


@dataclass(frozen=True)
class Entry:
    """One line of the log about a login. `user` is what the client typed."""

    user: str
    tls: bool


@dataclass
class Dovecot:
    """An IMAP server on port 993 with users whose passwords can be changed while it runs."""

    lab: Lab
    log_file: Path
    flavour: Flavour = Flavour.ICLOUD
    local_part_only: bool = False
    """Refuse full addresses as user names; otherwise both forms work."""
    passwords: dict[str, str] = field(default_factory=dict)
    directory: Path = field(default_factory=Path)
    _process: subprocess.Popen[bytes] | None = None
    _changes: int = 0

    def __enter__(self) -> Dovecot:
        self.directory = Path(tempfile.mkdtemp(dir=self.lab.directory))
        self.directory.chmod(0o755)
        mail = self.directory / "mail"
        mail.mkdir()
        os.chown(mail, NOBODY, NOBODY)
        self._write_users()
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            stop(self._process, 9)  # nothing of it is worth a tidy end, which takes a second

    def restart(self, *, local_part_only: bool) -> None:
        """The same server with the same mail, but choosier (or less choosy) about user names."""
        self.__exit__()
        self.local_part_only = local_part_only
        self.forget()
        self._start()

    def _start(self) -> None:
        self._conf.write_text(self._configuration())
        command = ["dovecot", "-F", "-c", str(self._conf)]
        self._process = start(command, log=self.directory / "start.log", env=clean_environment())
        until("Dovecot to listen", lambda: "starting up" in self.log() or self._dead())
        assert not self._dead(), (self.directory / "start.log").read_text() + self.log()

    def _dead(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    @property
    def _conf(self) -> Path:
        return self.directory / "dovecot.conf"

    def _configuration(self) -> str:
        d = self.directory
        lines = []
        for use, name in self.flavour.mailboxes.items():
            flag = f"special_use = \\{use}\n" if self.flavour.value[1] else ""
            lines.append(f'mailbox "{name}" {{\nauto = subscribe\n{flag}}}')
        boxes = "\n".join(lines)
        return f"""
base_dir = {d}/run
state_dir = {d}/state
log_path = {self.log_file}
protocols = imap{" pop3" if POP3.exists() else ""}
listen = 127.0.0.1
ssl = required
ssl_cert = <{self.lab.certificate}
ssl_key = <{self.lab.certificate}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = yes
auth_mechanisms = plain login
auth_username_format = {"%u" if self.local_part_only else "%n"}
auth_verbose = yes
auth_failure_delay = 0
login_log_format_elements = user=<%{{orig_user}}> method=%m %k
imap_capability = {self.flavour.value[2]}
mail_location = maildir:{d}/mail/%n
mail_plugins = quota
first_valid_uid = {NOBODY}
passdb {{
  driver = passwd-file
  args = {d}/users
}}
userdb {{
  driver = static
  args = uid={NOBODY} gid={NOBODY} home={d}/mail/%n allow_all_users=yes
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
}}
namespace inbox {{
  inbox = yes
  separator = /
  {boxes}
}}
protocol imap {{
  mail_plugins = quota imap_quota
}}
# no waiting time after rejected logins
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = 993
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = 995
    ssl = yes
  }}
}}
"""

    def _write_users(self) -> None:
        users = self.directory / "users"
        users.write_text(
            "".join(f"{user}:{{PLAIN}}{password}\n" for user, password in self.passwords.items())
        )
        # Dovecot notices a change by size and whole seconds: make sure that the time differs.
        self._changes += 1
        os.utime(users, (self._changes * 10, self._changes * 10))

    def set_password(self, user: str, password: str) -> None:
        """Changes a password and waits until the server has taken notice (it looks once a second)."""
        self.passwords[user] = password
        self._write_users()
        test = ["doveadm", "-c", str(self._conf), "auth", "test", user, password]
        until(
            "the new password to count",
            lambda: subprocess.run(test, capture_output=True, check=False).returncode == 0,
        )

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def forget(self) -> None:
        """Empties the log, so that what comes now can be told from what was."""
        os.truncate(self.log_file, 0)

    def logins(self, protocol: str = "imap") -> list[Entry]:
        """Successful logins, oldest first."""
        line = rf"{protocol}-login: Info: Login: user=<([^>]*)>, method=\S+,? ?(.*)"
        found = re.findall(line, self.log())
        return [Entry(user, re.search(r"TLSv1\.[23]", rest) is not None) for user, rest in found]

    def failures(self) -> list[str]:
        """User names of rejected attempts, oldest first, as the user database saw them."""
        return re.findall(
            r"auth: Info: passwd-file\(([^,)]*),[^)]*\): (?:Password mismatch|unknown user)", self.log()
        )

    def _doveadm(self, *arguments: str) -> str:
        return run("doveadm", "-c", str(self._conf), *arguments)

    def mailboxes(self, user: str) -> set[str]:
        """All mailboxes of the user, read without a login."""
        return set(self._doveadm("mailbox", "list", "-u", user).splitlines())

    def subjects(self, user: str, mailbox: str) -> list[str]:
        """Subjects of the messages in a mailbox, oldest first."""
        text = self._doveadm("-f", "tab", "fetch", "-u", user, "hdr.subject", "mailbox", mailbox)
        return text.splitlines()[1:]

    def unseen(self, user: str) -> int:
        """How many messages in the INBOX nobody has read."""
        return int(self._doveadm("-f", "tab", "mailbox", "status", "-u", user, "unseen", "INBOX").split()[-1])

    def deliver(self, user: str, *subjects: str) -> None:
        """Puts messages into the user's INBOX."""
        for number, subject in enumerate(subjects):
            mail = EmailMessage()
            mail["From"] = "Friend <friend@example.org>"
            mail["To"] = f"{user}@icloud.com"
            mail["Subject"] = subject
            mail["Date"] = f"Mon, 05 Oct 2026 10:{number:02}:00 +0000"
            mail["Message-ID"] = f"<{number}.{user}@example.org>"
            mail.set_content("Hello.\n")
            self.save(user, mail.as_bytes())

    def save(self, user: str, mail: bytes, mailbox: str = "INBOX") -> None:
        """Puts one message into a mailbox."""
        file = self.directory / "message"
        file.write_bytes(mail)
        self._doveadm("save", "-u", user, "-m", mailbox, str(file))
