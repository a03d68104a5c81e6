"""Accounts written by hand where provisioner never writes: they are named, their passwords are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner import clients
from provisioner.clients.base import Found, Options
from provisioner.host import Host
from tests.clients.machines.base import terminal
from tests.test_entries import HOOK, JANE
from tests.test_holders import EMAIL, Desk, watch

PASSWORD = "cana-rypa-ssxy-zwvu"
EVERYWHERE = Options()
NETRC = f"machine imap.example.org login jane password {PASSWORD}\n"
MUTT = {
    "URLs": (f'set folder="imaps://jane:{PASSWORD}@imap.example.org:993/"\nset smtp_pass={PASSWORD}', [1]),
    "user apart": (
        f"set imap_user=jane\nset imap_pass='{PASSWORD}'\nset folder=imaps://imap.example.org/",
        [3],
    ),
    "address as user": (
        f"set imap_pass={PASSWORD}\nset smtp_url = 'smtp://jane@example.org@smtp.example.org:587/'",
        [2],
    ),
    "percent": ("set folder=IMAPS://jane%40example.org@IMAP.example.org", [1]),
    "a hook": (f"account-hook imaps://jane@imap.example.org/ 'set imap_pass={PASSWORD}'", [1]),
    "both": ("set smtp_url=smtps://jane@smtp.example.org\nset folder=imaps://jane@imap.example.org", [1, 2]),
    "our item": (f"set imap_pass=`{HOOK}`\nset folder=imaps://jane@imap.example.org", []),
    "our item, for sending only": (f"set smtp_pass=`{HOOK}`\nset folder=imaps://jane@imap.example.org", [2]),
    "a command": ("set imap_pass='`pass show mail`'\nset folder=imaps://jane@imap.example.org", [2]),
    "comment": ("# set folder=imaps://jane@imap.example.org", []),
    "no user": ("set folder=imaps://imap.example.org", []),
    "another user": ("set folder=imaps://joe@imap.example.org\nset imap_user=joe", []),
    "another server": ("set folder=imaps://jane@imap.example.com", []),
}
S_NAIL = {
    "URLs": (
        f"set mta=smtp://jane:{PASSWORD}@smtp.example.org:587\nset folder=imaps://jane@imap.example.org",
        [1, 2],
    ),
    "as it was once": (
        f"set smtp=smtp.example.org:587\nset smtp-auth-user=jane\nset smtp-auth-password={PASSWORD}",
        [1],
    ),
    "another": ("set smtp=smtp.example.com smtp-auth-user=jane", []),
}
LOGINS = {
    "one line": (NETRC, [1]),
    "lines": (f"# mine\nmachine smtp.example.org\n\tlogin jane@example.org\n\tpassword {PASSWORD}\n", [4]),
    "another order": (f"machine imap.example.org port 993 password {PASSWORD} login jane", [1]),
    "quotes": (f'machine "imap.example.org" login "jane" password "machine \\"{PASSWORD}"', [1]),
    "two": (f"machine x.example.org login jane password x\n{NETRC}default login joe password x", [2]),
    "a password that looks like a word": ("machine imap.example.org login joe password login x jane", []),
    "a macro": (f"machine x.example.org login joe\nmacdef init\n{NETRC}", []),
    "after a macro": (f"macdef init\nx\n\n{NETRC}", [4]),
    "another user": (NETRC.replace("jane", "joe"), []),
    "a word without its value": ("machine", []),
}
GIT = {
    "password": (
        f'[sendemail]\n\tsmtpServer = smtp.example.org\n\tsmtpUser = "jane"\n\tsmtpPass = {PASSWORD}',
        [4],
    ),
    "an identity": ('[SendEmail "x"]\n smtpserver=smtp.example.org\n smtpuser=jane', [2]),
    "what identities share": (
        "[sendemail]\nsmtpserver = smtp.example.org\n[core]\nx = y\n[sendemail.x]\nsmtpuser = jane",
        [2],
    ),
    "git imap-send": (f"[imap]\nhost = imaps://imap.example.org\nuser = jane\npass = {PASSWORD}", [4]),
    "another": ("[sendemail]\nsmtpserver = smtp.example.org\n[sendemail.x]\nsmtpuser = joe", []),
    "another section": ("[other]\nsmtpserver = smtp.example.org\nsmtpuser = jane", []),
}
STORED = {
    "sending": (f"smtp://jane%40example.org:{PASSWORD}@smtp.example.org%3a587\n", [1]),
    "with a port": (f"https://x:y@z\nsmtp://jane%40example.org:{PASSWORD}@smtp.example.org:587\n", [2]),
    "another": (f"https://jane:{PASSWORD}@git.example.org\n", []),
}
LUA = {
    "account": (
        f"x = IMAP {{\n server = 'imap.example.org',\n username = \"jane\",\n password = '{PASSWORD}' }}",
        [4],
    ),
    "no password": ("x = IMAP({ server = 'imap.example.org', username = 'jane' })", [1]),
    "two": (
        "x = IMAP { server = 'imap.example.org', username = 'joe' }\n"
        "y = IMAP { server = 'imap.example.org', username = 'jane', password = pass() }",
        [2],
    ),
    "comment": ("-- x = IMAP { server = 'imap.example.org', username = 'jane' }", []),
    "variables": ("x = IMAP { server = host, username = user }", []),
}
TABLES = {
    ("mutt", ".muttrc"): MUTT,
    ("neomutt", ".neomuttrc"): MUTT,
    ("s-nail", ".mailrc"): S_NAIL,
    **{(client, ".netrc"): LOGINS for client in ("curl", "s-nail", "msmtp", "fetchmail")},
    ("emacs", ".authinfo"): LOGINS,
    ("git-send-email", ".gitconfig"): GIT,
    ("git-send-email", ".git-credentials"): STORED,
    ("imapfilter", ".imapfilter/config.lua"): LUA,
}
CASES = {
    f"{client_id} {file}: {name}": (client_id, file, *case)
    for (client_id, file), cases in TABLES.items()
    for name, case in cases.items()
}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, *{client_id for client_id, _ in TABLES}, "secret-tool")


def found(
    host: Host, client_id: str, file: str, text: str, options: Options = EVERYWHERE
) -> tuple[Found, ...]:
    path = host.home / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    result = clients.get(client_id).find(host, JANE, options)
    assert result is not None
    assert all(one.account is None and one.where == str(path) for one in result)
    assert PASSWORD not in repr(result)
    return result


@pytest.mark.parametrize("case", CASES)
def test_it_is_named_by_its_line(host: Host, case: str) -> None:
    client_id, file, text, lines = CASES[case]
    advice = [one.advice for one in found(host, client_id, file, text)]
    assert [int(one.removeprefix(f"~/{file} line ").split()[0]) for one in advice] == lines


def test_files_that_a_muttrc_reads(host: Host) -> None:
    (host.home / ".muttrc").write_text("source ~/.mutt/jane\n")
    (one,) = found(host, "mutt", ".mutt/jane", "set folder=imaps://jane@imap.example.org")
    assert one.advice.startswith("~/.mutt/jane line 1 has jane at imap.example.org")


@pytest.mark.parametrize("name", [".authinfo.gpg", ".netrc.gpg"])
def test_what_is_encrypted_is_named(host: Host, name: str) -> None:
    (one,) = found(host, "emacs", name, "x")
    assert one.advice.startswith(f"~/{name} is encrypted, so nobody has looked into it")


def test_a_file_that_cannot_be_read_is_advice(host: Host) -> None:
    (host.home / ".netrc").mkdir()
    (one,) = clients.get("curl").find(host, JANE, Options()) or ()
    assert "look there before you revoke" in one.advice


def test_only_in_the_named_file(host: Host) -> None:
    (host.home / ".netrc").write_text(NETRC)
    rc = str(host.home / ".mailrc")
    text = "set folder=imaps://jane@imap.example.org"
    assert len(found(host, "s-nail", ".mailrc", text, Options(profile=rc))) == 1


def test_rotate_says_it_once_before_the_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = watch(monkeypatch, Desk(terminal(tmp_path, "msmtp", "mutt", "neomutt", "git", "secret-tool")))
    desk.setup("msmtp")
    home = desk.host.home
    (home / ".netrc").write_text(f"machine smtp.mail.me.com login {EMAIL} password {PASSWORD}\n")
    (home / ".muttrc").write_text(
        f"set folder=imaps://jane.appleseed@imap.mail.me.com\nset imap_pass={PASSWORD}\n"
    )
    before = {path: path.read_bytes() for path in (home / ".netrc", home / ".muttrc")}
    rows = desk.rotate()
    by_hand = [row for row in rows.values() if row.state.value == "by-hand"]
    assert sorted(Path(row.path).name for row in by_hand) == [".muttrc", ".netrc"]
    assert len(desk.states) == 3
    assert desk.report.next.startswith("First change the old password by hand")
    assert PASSWORD not in repr(desk.report)
    assert {path: path.read_bytes() for path in before} == before
