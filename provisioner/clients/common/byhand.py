"""Accounts that people write into files by hand, where we never write: read as tolerantly as can be.

Only to name them: a password is never taken from such a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from provisioner.clients.base import Found, Options
from provisioner.clients.common import entries
from provisioner.clients.common.entries import Entry
from provisioner.host import Host
from provisioner.model import Account

_URL = re.compile(
    r"""\b(imap|smtp|submission|pop3?)s?://(?:([^:\s/'"`]+)(?::[^\s'"`]*)?@)?([a-z0-9.-]+)""", re.I
)
_HOST = re.compile(r"""\b(smtp)()\s*=\s*["']?([a-z0-9.-]+\.[a-z0-9.-]+)""", re.I)
"""s-nail(1), `smtp`: the server without a protocol, as it was once written."""
_USER = re.compile(r"""\b(?:imap_user|smtp-auth-user|user)\s*=\s*["']?([^\s"']+)""")
_COMMAND = re.compile(r"""\b(imap|smtp)_pass\s*=\s*["']?`([^`]*)`""")
_STORED = re.compile(r"\w+://([^:@/\s]+):[^@\s]*@([^:/\s%]+)")
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\S+')
_SECTION = re.compile(r'\[\s*(sendemail|imap)\s*(?:"((?:\\.|[^"\\])*)"|\.([^\]\s]+))?\s*\](.*)', re.I)
_SETTING = re.compile(r"(smtpserver|smtpuser|smtppass|host|user|pass)\s*=\s*(.*)", re.I)
_LUA_ACCOUNT = re.compile(r"\bIMAP\s*(?:\(\s*)?\{([^}]*)\}")
_LUA_FIELD = re.compile(r"""\b(server|username|password)\s*=\s*(?:"([^"\n]*)"|'([^'\n]*)')?""")
_LUA_COMMENT = re.compile(r"--[^\n]*")


def urls(text: str) -> Iterator[Entry]:
    """The servers in what mutt and s-nail `set`, as URLs or not, with the user in them or set apart.

    muttrc(5), imap_user, imap_pass, smtp_url, folder, account-hook; s-nail(1), mta, folder, smtp-auth-user.
    """
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.lstrip()[:1] != "#"]
    own = "\n".join(line for _, line in lines)
    users = dict.fromkeys(_USER.findall(own))
    commands = {found[1]: found[2] for found in _COMMAND.finditer(own)}
    for number, line in lines:
        for protocol, user, host in (*_URL.findall(line), *_HOST.findall(line)):
            for one in (unquote(user),) if user else users:
                yield Entry(number, host, one, commands.get(protocol.lower(), ""))


def netrc(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """What is in the files of logins that curl, Emacs, fetchmail, msmtp and s-nail share.

    Emacs' manual of auth-source: ~/.authinfo, ~/.authinfo.gpg and ~/.netrc, in this form.
    """
    homes = [host.home / name for name in (".authinfo", ".netrc")]
    found = entries.advise(host, account, options, ((path, netrc_entries) for path in homes))
    encrypted = [path.with_name(f"{path.name}.gpg") for path in homes]
    return found + tuple(
        Found(
            str(path),
            advice=f"~/{path.name} is encrypted, so nobody has looked into it: if it has the password of "
            f"{account.address}, change it there before you revoke the old one.",
        )
        for path in encrypted
        if path.is_file() and options.profile in (None, str(path))
    )


def netrc_entries(text: str) -> Iterator[Entry]:
    """The machines of a netrc file (ftp(1), THE .netrc FILE), in whatever order their words are."""
    host, user, place = "", "", 1
    words = _words(text)
    for number, word in words:
        if word in ("machine", "default"):
            yield Entry(place, host, user, "")
            host, user, place = next(words, (0, ""))[1] if word == "machine" else "", "", number
        elif word in ("login", "user", "password", "account", "port", "protocol"):
            number, value = next(words, (number, ""))
            if word in ("login", "user"):
                user = value
            elif word == "password":
                place = number
    yield Entry(place, host, user, "")


def _words(text: str) -> Iterator[tuple[int, str]]:
    """The words with their lines, without comments and macros, which end at an empty line."""
    macro = False
    for number, line in enumerate(text.split("\n"), 1):
        macro = line.startswith("macdef") or (macro and bool(line.strip()))
        for word in () if macro or line.lstrip()[:1] == "#" else _TOKEN.findall(line):
            yield number, re.sub(r"\\(.)", r"\1", word[1:-1]) if len(word) > 1 and word[0] == '"' else word


def git(text: str) -> Iterator[Entry]:
    """The servers by which git sends: `sendemail`, its identities, and `imap` (git-imap-send(1))."""
    shared: dict[str, tuple[str, int]] = {}
    found: list[dict[str, tuple[str, int]]] = [shared]
    current: dict[str, tuple[str, int]] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        rest = line.strip()
        if rest.startswith("["):
            section = _SECTION.match(rest)
            current, rest = None, section[4].strip() if section else ""
            if section and section[1].lower() == "sendemail" and not (section[2] or section[3]):
                current = shared
            elif section:
                current = {}
                found.append(current)
        if current is not None and (setting := _SETTING.match(rest)):
            current[setting[1].lower()] = setting[2].strip().strip('"'), number
    for one in found:
        for names in (("smtpserver", "smtpuser", "smtppass"), ("host", "user", "pass")):
            known = {**shared, **one}
            if known.keys() >= set(names[:2]) and (one is shared or one.keys() & set(names)):
                (server, place), (user, _) = known[names[0]], known[names[1]]
                yield Entry(known.get(names[2], ("", place))[1], server.rpartition("//")[2], user, "")


def git_credentials(text: str) -> Iterator[Entry]:
    """The lines of git's own store, which is plain text (git-credential-store(1), STORAGE FORMAT)."""
    for number, line in enumerate(text.split("\n"), 1):
        if match := _STORED.match(line):
            yield Entry(number, match[2], unquote(match[1]), "")


def lua(text: str) -> Iterator[Entry]:
    """The accounts of imapfilter whose server and user name stand there (imapfilter_config(5), IMAP)."""
    code = _LUA_COMMENT.sub(lambda comment: " " * len(comment[0]), text)
    for account in _LUA_ACCOUNT.finditer(code):
        fields = {field[1]: field for field in _LUA_FIELD.finditer(code, account.start(1), account.end(1))}
        if "server" in fields and "username" in fields:
            server, user = (fields[name][2] or fields[name][3] or "" for name in ("server", "username"))
            place = fields["password"].start() if "password" in fields else account.start()
            yield Entry(code.count("\n", 0, place) + 1, server, user, "")
