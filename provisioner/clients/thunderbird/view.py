"""What Thunderbird's preferences say about its accounts, identities and servers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from provisioner.edits import prefsjs
from provisioner.edits.prefsjs import Prefs, Value
from provisioner.host import Host

Login = tuple[str, str]
"""Where a password belongs, as Thunderbird looks it up: (`imap://HOST`, user name)."""


def preferences(host: Host, profile: Path) -> tuple[Prefs, Prefs]:
    """prefs.js and user.js; the second is laid over the first at every start. Raises Conflict (`prefs.*`)."""
    prefs, user = (
        prefsjs.parse(host.read(profile / name) or b"", profile / name) for name in ("prefs.js", "user.js")
    )
    return prefs, user


class View:
    """The preferences as Thunderbird has them in force, with the questions that are asked of them."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.values = values

    def number(self, name: str) -> int | None:
        value = self.values.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def text(self, name: str) -> str:
        value = self.values.get(name, "")
        return value if isinstance(value, str) else ""

    def keys(self, name: str) -> list[str]:
        """A list of keys, `account1,account2`."""
        return [key for part in self.text(name).split(",") if (key := part.strip())]

    @property
    def accounts(self) -> list[str]:
        return self.keys("mail.accountmanager.accounts")

    @property
    def smtps(self) -> list[str]:
        return self.keys("mail.smtpservers")

    def server_of(self, account: str) -> str:
        return self.text(f"mail.account.{account}.server")

    def identities_of(self, account: str) -> list[str]:
        return self.keys(f"mail.account.{account}.identities")

    @property
    def identities(self) -> list[str]:
        """Those of all accounts."""
        return [key for account in self.accounts for key in self.identities_of(account)]

    @property
    def default_smtp(self) -> str:
        """By which identities without a server of their own send: the first, if none is set
        (mailnews/compose/src/SmtpService.sys.mjs, defaultServer)."""
        return self.text("mail.smtp.defaultserver") or next(iter(self.smtps), "")

    def smtp_of(self, identity: str) -> str:
        """The outgoing server that the identity names; empty if it sends by the default one."""
        return self.text(f"mail.identity.{identity}.smtpServer")

    def type_of(self, account: str) -> str:
        return self.text(f"mail.server.{self.server_of(account)}.type")

    def email(self, identity: str) -> str:
        return self.text(f"mail.identity.{identity}.useremail").lower()

    def imap_login(self, server: str) -> Login:
        branch = f"mail.server.{server}"
        return f"imap://{self.text(f'{branch}.hostname')}", self.text(f"{branch}.userName")

    def smtp_login(self, smtp: str) -> Login:
        branch = f"mail.smtpserver.{smtp}"
        return f"smtp://{self.text(f'{branch}.hostname')}", self.text(f"{branch}.username")

    def used(self, prefix: str, listed: Iterable[str] = ()) -> set[int]:
        """The numbers N of all preferences `prefixN...` and of the listed keys."""
        word = prefix.rpartition(".")[2]
        numbers = (re.match(re.escape(prefix) + r"(\d+)\.", name) for name in self.values)
        keys = (re.fullmatch(re.escape(word) + r"(\d+)", key) for key in listed)
        return {int(match[1]) for match in (*numbers, *keys) if match}
