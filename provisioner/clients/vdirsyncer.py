"""vdirsyncer: calendars and contacts between directories and a provider that has servers for them.

Collections are made only on this computer. What was changed on both sides is left as it is and named
(no `conflict_resolution`), so nothing is lost.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, entries, hook, program, shared
from provisioner.clients.common.entries import Entry
from provisioner.clients.common.included import file_name
from provisioner.clients.common.shared import SharedFile
from provisioner.edits.block import Block
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Server, Support
from provisioner.quoting.vdirsyncer import vdirname
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "vdirsyncer"
TITLE = "vdirsyncer"
SUPPORT = Support.FULL
ABOUT = About(
    versions="0.19",
    account="marked blocks in vdirsyncer's config; what is fetched in ~/.calendars and ~/.contacts",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring fetches and stores with Radicale over TLS",
    proven="2026-11-23",
    needs=("caldav", "carddav"),
)

stored_seal = no_stored_seal
export = no_export

AGAIN = "Before the next `vdirsyncer sync` it wants `vdirsyncer discover` once more."
_SETTING = re.compile(r"([A-Za-z_.]+)\s*[=:]\s*(.*)")


@dataclass(frozen=True)
class _Pair:
    """What is kept the same on both sides, in the words of vdirsyncer."""

    name: str
    type: str
    directory: str
    ending: str
    url: str
    username: str


def _usual(host: Host) -> tuple[Path, ...]:
    """cli/config.py, from_filename_or_environment."""
    if named := host.env.get("VDIRSYNCER_CONFIG", ""):
        return (Path(named),)
    config = host.env_dir("XDG_CONFIG_HOME", host.home / ".config")
    return host.home / ".vdirsyncer/config", config / "vdirsyncer/config"


def detect(host: Host) -> tuple[Installation, ...]:
    """vdirsyncer on the search path; `where` is its configuration file."""
    return program.installation(host, ID, ID, TITLE, _choose(host, Options()))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds calendars, contacts or, if neither is asked for, both; and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`hook.missing`, `server.unknown`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, ID)
    if account.caldav is None and account.carddav is None:
        raise UsageError(
            f"The servers for calendars and contacts of {account.address} are not known.",
            "A provider profile can name them: see `caldav` in profiles/icloud.yaml, and --profile.",
            code="server.unknown",
        )
    if "/" in account.address or account.address.startswith("~"):  # cli/fetchparams.py takes it for a path
        raise UsageError(
            f"vdirsyncer cannot ask for the password of {account.address}: it would take that for a path.",
            "Set this address up in another client.",
            code="value.unwritable",
        )
    file = _file(host, _choose(host, options), account)
    pairs = _pairs(account, options, file)
    _refuse_clash(file, pairs)
    body = render("vdirsyncer/account.j2", pairs=pairs, hook=shlex.split(hook.command(host, account)))
    path = file.account.path
    command = shlex.join([ID, *([] if path == _choose(host, Options()) else ["-c", str(path)])])
    return Plan(
        client=ID,
        title=TITLE,
        where=str(path),
        changes=file.with_block(body),
        secrets=(hook.change(host, account, secret),),
        done=f"keeps {' and '.join(pair.directory for pair in pairs)} the same as the server",
        next=f"Once, and answer `y` to have the directories made:\n  {command} discover\n"
        f"Then, and whenever you like:\n  {command} sync",
        notes=hook.unattended(host, account),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's blocks out; calendars and contacts stay. Raises Conflict (`block.*`)."""
    file = _file(host, Path(receipt.where), receipt.account, force=options.force)
    own = file_name(receipt.account)
    left = (host.home / ".calendars" / own, host.home / ".contacts" / own)
    return shared.unplan(receipt, TITLE, file, left=left)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """The storages at the account's servers; see `Client.find`."""
    found: list[Found] = []
    for server in (account.caldav, account.carddav):
        if server is not None:
            for one in entries.find(host, account, options, server, _usual(host), _entries):
                # The password is part of what it remembers of each storage (cli/config.py, config_args).
                noted = dataclasses.replace(one, note=AGAIN) if one.account else one
                found += [] if noted in found else [noted]
    return tuple(found)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if vdirsyncer has our account that asks for it."""
    file = _file(host, _choose(host, options), account)
    return hook.stored(host, account) if file.account.block else None


def _choose(host: Host, options: Options) -> Path:
    return blockfile.choose(host, options, _usual(host), TITLE)


def _file(host: Host, path: Path, account: Account, *, force: bool = False) -> SharedFile:
    return SharedFile.read(host, path, account.key, _common, force=force)


def _common(own: str, _accounts: Sequence[Block]) -> str:
    """The section that must be there, and only once."""
    if re.search(r"^\[general\]", own, re.M):
        return ""
    return render("vdirsyncer/common.j2", status="~/.local/share/vdirsyncer/status/")


def _pairs(account: Account, options: Options, file: SharedFile) -> list[_Pair]:
    """Those that were asked for, else those that are there, else all that the provider has."""
    name, own = account.key, file_name(account)
    known: list[_Pair] = []
    if (dav := account.caldav) is not None:
        known.append(
            _Pair(f"{name}_calendar", "caldav", f"~/.calendars/{own}", ".ics", _url(dav), dav.username)
        )
    if (dav := account.carddav) is not None:
        known.append(
            _Pair(f"{name}_contacts", "carddav", f"~/.contacts/{own}", ".vcf", _url(dav), dav.username)
        )
    asked = {"caldav": options.calendar, "carddav": options.contacts}
    present = file.account.block.body if file.account.block else ""
    return (
        [pair for pair in known if asked[pair.type]]
        or [pair for pair in known if f"[pair {vdirname(pair.name)}]\n" in present]
        or known
    )


def _url(server: Server) -> str:
    return f"https://{server.host}{'' if server.port == 443 else f':{server.port}'}/"


def _refuse_clash(file: SharedFile, pairs: Sequence[_Pair]) -> None:
    """cli/config.py: a name is unique among pairs and storages."""
    ours = {vdirname(pair.name + ending) for pair in pairs for ending in ("", "_local", "_remote")}
    for match in re.finditer(r"^\[(?:pair|storage) (.+)\]", file.own, re.M):
        if match[1] in ours:
            raise blockfile.taken(file.account.path, f"a section {match[0]}")


def _entries(text: str) -> Iterator[Entry]:
    """The storages with a URL; values are JSON."""
    for number, section in _sections(text):
        try:
            values = {key: json.loads(value) for key, (value, _) in section.items()}
            url, user = str(values.get("url", "")), str(values.get("username", ""))
            fetch = values.get("password.fetch")
            host = urlsplit(url).hostname
        except ValueError:
            continue
        if host:
            own = isinstance(fetch, list) and fetch[:1] == ["command"] and "password" not in values
            command = shlex.join(map(str, fetch[1:])) if own and fetch else ""
            line = next((section[key][1] for key in ("password", "password.fetch") if key in section), number)
            yield Entry(line, host, user, command)


def _sections(text: str) -> Iterator[tuple[int, entries.Section]]:
    start, section = 1, entries.Section()
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("["):
            yield start, section
            start, section = number, {}
        elif match := _SETTING.fullmatch(line.rstrip()):
            section[match[1].lower()] = match[2], number
    yield start, section
