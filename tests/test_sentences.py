"""What is said of passwords that go, for every combination of who has them: one true hint for each label.

What must be said is computed from a model, a list of who has which password, that knows nothing of receipts,
seals and files.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner import apply
from provisioner.accounts import Wish
from provisioner.clients import thunderbird
from provisioner.clients.base import Options
from provisioner.errors import ProvisionError
from provisioner.journal import Journal
from provisioner.report import Report, State, StatusRow
from provisioner.secret import Secret
from provisioner.workflows import rotate as rotation
from provisioner.workflows.context import Context
from provisioner.workflows.recovery import recover
from provisioner.workflows.status import status
from tests.clients.machines import MACHINES
from tests.memory_store import Killed, MemoryStore
from tests.test_crash import Silent, ask
from tests.test_users import ALIAS, EMAIL, HOOK, Desk

P, Q, N = Secret("abcd-efgh-ijkl-mnop"), Secret("mnop-mnop-mnop-mnop"), Secret("qrst-uvwx-yzab-cdef")
FIRST, SECOND = "first", "second"
MSMTP, MBSYNC, BIRD = "msmtp", "mbsync", "thunderbird"
PROGRAMS = (MSMTP, MBSYNC, "neomutt", "notmuch", "secret-tool")


# --- the model ---


@dataclass(frozen=True)
class Has:
    """Someone who has a password. `name` is how a hint calls them."""

    name: str
    secret: Secret
    client: str
    ours: bool = True
    """There is a receipt of it, with `label`: of another password than `secret` if that was `typed` since."""
    label: str = ""
    typed: bool = False
    alias: bool = False
    item: bool = False
    """It reads the shared item of the keyring."""
    stays: str = ""
    """`remove` leaves it, and it is called this then."""
    replaced: bool = False
    """What was there before us is not there any more: `remove` says which label it has, and stays."""
    seen: bool = True


Hint = tuple[str, str, frozenset[str]]
"""`used`, `revoke` or `unless`; the label; who has the password."""


def hints(labels: Iterable[str], before: list[Has], after: list[Has], *others: Secret) -> set[Hint]:
    """What is to be said of these labels, once `before` has become `after`, or if nobody knows `before` any
    more, from `after` alone. `others`: passwords that are known to be none of them.
    """
    found: set[Hint] = set()
    for label in labels:
        names = {one.name for one in after if one.ours and one.label == label and not one.typed}
        secret = named(before).get(label)
        known = [*others, *named(after).values()]
        doubts = [one for one in after if not one.seen and (one.typed or not one.ours)]
        if secret:
            names |= {one.name for one in after if one.seen and one.secret == secret}
        else:
            doubts += [one for one in after if (one.typed or not one.ours) and one.secret not in known]
        kind = "used" if names else "unless" if doubts else "revoke"
        found.add((kind, label, frozenset(names)))
    return found


def nameless(changed: list[Has], after: list[Has]) -> set[Hint]:
    """The same of passwords that were replaced and have no label that is spoken of."""
    labels = {one.label for one in changed}
    labelled = [secret for label, secret in named(changed).items() if label in labels]
    found: set[Hint] = set()
    for one in changed:
        if (one.typed or not one.ours) and one.secret not in labelled:
            names = {other.name for other in after if other.seen and other.secret == one.secret}
            doubts = any(not other.seen and (other.typed or not other.ours) for other in after)
            found.add(("used" if names else "unless" if doubts else "revoke", "", frozenset(names)))
    return found


def named(has: list[Has]) -> dict[str, Secret]:
    """The passwords whose labels are known."""
    return {one.label: one.secret for one in has if one.ours and one.label and one.seen and not one.typed}


def without(has: list[Has], client_ids: Iterable[str]) -> tuple[list[str], list[Has]]:
    """remove: the labels that were freed, and who has what afterwards."""
    going = [one for one in has if one.ours and not one.alias and one.client in client_ids]
    stay = [
        dataclasses.replace(one, name=one.stays, ours=False, label="", stays="") for one in going if one.stays
    ]
    labels = [one.label for one in going if one.label and not one.replaced]
    return labels, [one for one in has if one not in going] + stay


def given(has: list[Has], chosen: Callable[[Has], bool], by: Secret) -> tuple[list[Has], list[Has]]:
    """rotate and setup: who gets the new password, and who has what afterwards."""
    item = any(chosen(one) and one.item for one in has)
    changed = [one for one in has if (chosen(one) or (item and one.item)) and one.secret != by]
    new = [dataclasses.replace(one, secret=by, label="new", typed=False) for one in changed]
    return changed, [one for one in has if one not in changed] + new


# --- the computer ---


class World:
    def __init__(self, directory: Path) -> None:
        self.directory = directory / "world"
        self.directory.mkdir()
        machine = MACHINES["thunderbird-used"][1](self.directory)
        programs = self.directory / "bin"
        programs.mkdir(exist_ok=True)
        for name in PROGRAMS:
            (programs / name).write_text("#!/bin/sh\n")
            (programs / name).chmod(0o755)
        env = {**machine.host.env, "PATH": f"{machine.host.env.get('PATH', '')}:{programs}"}
        self.store = MemoryStore()
        self.desk = Desk(dataclasses.replace(machine.host, env=env, secrets=self.store))
        self.has: list[Has] = []
        self.clear = False
        self.locked = False

    def keep(self) -> None:
        shutil.copytree(self.directory, self.directory.with_name("saved"), symlinks=True)
        self.items = dict(self.store.items)

    def restore(self) -> None:
        shutil.rmtree(self.directory)
        shutil.copytree(self.directory.with_name("saved"), self.directory, symlinks=True)
        self.store.items = dict(self.items)

    @property
    def bird(self) -> str:
        (prefs,) = self.desk.host.home.glob(".thunderbird/*/prefs.js")
        return f"Mozilla Thunderbird (~/{prefs.parent.relative_to(self.desk.host.home)})"

    def stranger(self, secret: Secret) -> None:
        """Someone else, of whom we know nothing, sets Thunderbird up."""
        other = Desk(self.desk.host)
        other.journal = Journal(self.directory / "elsewhere")
        assert other.setup(EMAIL, BIRD, secret=secret).ok


def shared(world: World, how: str) -> None:
    if how == "none":
        return
    names = how.split("+")
    assert world.desk.setup(EMAIL, *names, secret=P, label=FIRST).ok
    holding = [name for name in names if name in (MSMTP, MBSYNC)] or [MBSYNC, MSMTP]
    world.has += [Has(name, P, name, label=FIRST, item=True) for name in holding]


def own(world: World, how: str) -> None:
    """Thunderbird, which has a store of its own."""
    desk, name = world.desk, world.bird
    what, _, secret = how.partition(" ")
    value = {"P": P, "Q": Q}.get(secret, P)
    label = FIRST if value == P else SECOND
    hand = Has(name, value, BIRD, ours=False)
    ours = Has(BIRD, value, BIRD, label=label)
    if what == "set":
        desk.setup(EMAIL, BIRD, secret=value, label=label)
        world.has.append(ours)
    elif what in ("typed", "locked-typed"):
        before, had = (Q, SECOND) if value == P else (P, FIRST)
        desk.setup(EMAIL, BIRD, secret=before, label=had)
        world.stranger(value)
        world.has.append(dataclasses.replace(ours, label=had, typed=True, seen=what == "typed"))
    elif what in ("hand", "locked-hand"):
        world.stranger(value)
        world.has.append(dataclasses.replace(hand, seen=what == "hand"))
    elif what == "replaced":
        world.stranger(N)
        desk.setup(EMAIL, BIRD, secret=value, label=label)
        world.has.append(dataclasses.replace(ours, stays=name, replaced=True))
    elif what == "locked":
        desk.setup(EMAIL, BIRD, secret=value, label=label)
        world.has.append(dataclasses.replace(ours, seen=False))
    world.locked = what.startswith("locked")


def extra(world: World, how: str) -> None:
    rc = world.desk.host.home / ".msmtprc"
    head = f"account mine\nhost smtp.mail.me.com\nuser {EMAIL}\n"
    if how == "alias":
        world.desk.setup(ALIAS, MBSYNC, secret=P, label=FIRST)
        world.has.append(Has(f"{MBSYNC} ({ALIAS})", P, MBSYNC, label=FIRST, alias=True))
    elif how == "lines":
        rc.write_text(f'{head}passwordeval "{HOOK}"\n')
        world.has.append(Has("msmtp (~/.msmtprc)", P, MSMTP, ours=False, item=True))
    elif how == "clear":
        rc.write_text(f"{head}password secret\n")
        world.clear = True


SHARED = ("none", MSMTP, f"{MSMTP}+{MBSYNC}", "mutt-stack")
OWN = (
    *("none", "set P", "set Q", "typed P", "typed Q", "hand P", "hand Q", "replaced P", "replaced Q"),
    *("locked-hand P", "locked Q", "locked-typed P"),
)
EXTRA = ("none", "alias", "lines", "clear")


# --- what is said ---


class Listening(Silent):
    def __init__(self) -> None:
        self.warned: list[str] = []

    def warn(self, text: str) -> None:
        self.warned.append(text)


USED = re.compile(r'The (?:password "(.+)"|old password) is still used by (.+): do not revoke it yet\.')
REVOKE = re.compile(
    r"(To end the app-specific password, |Unless it is still in use, |Now )"
    r'revoke (?:"(.+)" at https://\S+|the old password where you made it\.)'
)
DOUBT = re.compile(
    r"(~/\.msmtprc line 4 has .* of its own: change it before you revoke the old password\."
    r"|.* cannot be seen(: .*| from here\.))"
)


def said(text: str) -> list[Hint]:
    """The hints in a report, each as often as it stands there."""
    found: list[Hint] = []
    doubts: list[str] = []
    for line in text.splitlines():
        if match := USED.fullmatch(line):
            names = (name.removesuffix(f" ({EMAIL})") for name in match[2].split(", "))
            found.append(("used", match[1] or "", frozenset(names)))
        elif match := REVOKE.fullmatch(line):
            found.append(("unless" if "Unless" in match[1] else "revoke", match[2] or "", frozenset()))
        elif DOUBT.fullmatch(line):
            doubts.append(line)
        else:
            assert "revoke" not in line.replace("before you revoke", "") or line.startswith("First"), text
    assert len(set(doubts)) == len(doubts), text
    unsure = any(kind == "unless" for kind, *_ in found)
    assert unsure == any("cannot be seen" in one for one in doubts), text
    return found


@dataclass(frozen=True)
class Case:
    """One run of a verb: what is done, and what must be said of which labels."""

    name: str
    run: Callable[[World], str]
    expected: Callable[[World, bool], set[Hint]]
    """Whether the run was killed: then nobody remembers what was there before it."""


def context_of(world: World, verb: str, ui: Silent | None = None) -> Context:
    return Context(world.desk.host, world.desk.journal, ui or Silent(), Report(verb))


def remove_of(*client_ids: str) -> Case:
    def run(world: World) -> str:
        return world.desk.remove(EMAIL, *client_ids).next

    def expected(world: World, killed: bool) -> set[Hint]:
        labels, after = without(world.has, client_ids or [one.client for one in world.has])
        found = hints(labels, after if killed else world.has, after)
        went = [one for one in world.has if one not in after and one.seen and not one.stays]
        return found if killed else found | nameless(went, after)

    return Case(f"remove {' '.join(client_ids) or 'all'}", run, expected)


def rotate_of(*client_ids: str) -> Case:
    def run(world: World) -> str:
        context = context_of(world, "rotate")
        rotation.rotate(context, Wish(EMAIL), client_ids, ask(N), Options())
        return context.report.next

    def expected(world: World, killed: bool) -> set[Hint]:
        wanted = client_ids or {one.client for one in world.has}
        changed, after = given(world.has, lambda one: one.client in wanted and (one.seen or one.ours), N)
        labels = [one.label for one in changed if one.label]
        found = hints(labels, after if killed else world.has, after, N)
        return found if killed else found | nameless(changed, after)

    return Case(f"rotate {' '.join(client_ids) or 'all'}", run, expected)


def setup_of(client_id: str, secret: Secret) -> Case:
    def run(world: World) -> str:
        report = world.desk.setup(EMAIL, client_id, secret=secret)
        assert report.ok, report
        return report.next

    def expected(world: World, _killed: bool) -> set[Hint]:
        def chosen(one: Has) -> bool:
            return one.client == client_id and not one.alias and (one.ours or client_id == BIRD)

        changed, after = given(world.has, chosen, secret)
        known = named(world.has)
        label = next((label for label, one in known.items() if one == secret), "new")
        after = [dataclasses.replace(one, label=label) if one.label == "new" else one for one in after]
        labels = {one.label for one in changed if one.label} - {label}
        found = hints(labels, world.has, after, secret)
        # A password that is nowhere any more may be the one that is given now.
        return {
            ("unless" if kind == "revoke" and one not in known else kind, one, names)
            for kind, one, names in found
        }

    return Case(f"setup {client_id} {'same' if secret == P else 'new'}", run, expected)


def cases(world: World) -> Iterator[Case]:
    ours = {one.client for one in world.has if one.ours and not one.alias}
    anyone = {one.client for one in world.has}
    touchable = not world.locked
    if touchable and ours:
        yield remove_of()
    for client_id in sorted(ours):
        if touchable or client_id != BIRD:
            yield remove_of(client_id)
    if touchable and anyone:
        yield rotate_of()
    for client_id in sorted(anyone):
        if touchable or client_id != BIRD:
            yield rotate_of(client_id)
    for client_id, secret in itertools.product((MSMTP, BIRD), (P, N)):
        if (touchable or client_id != BIRD) and client_id in anyone:
            yield setup_of(client_id, secret)


def killed(world: World, case: Case, patch: pytest.MonkeyPatch) -> str:
    """What the next command says of a run that ended when all was written."""

    def end(*_rest: object) -> None:
        raise Killed

    with patch.context() as patched:
        patched.setattr(apply, "_close", end)
        with pytest.raises(Killed):
            case.run(world)
    ui = Listening()
    recover(context_of(world, "status", ui), EMAIL)
    return "\n".join(ui.warned)


def messages(world: World) -> dict[tuple[str, str], tuple[State, str]]:
    context = context_of(world, "status")
    status(context, None, Options(), login=False)
    rows = [row for row in context.report.rows if isinstance(row, StatusRow)]
    return {(row.client, row.address): (row.state, row.message) for row in rows}


def no_key(*_rest: object) -> Secret:
    raise ProvisionError("The Primary Password is needed.", "Give it.", code="store.primary_password")


How = tuple[str, str, str]
ALONE: tuple[How, ...] = (
    ("none", "hand P", "alias"),
    (f"{MSMTP}+{MBSYNC}", "set P", "alias"),
    ("none", "typed Q", "clear"),
    ("none", "typed P", "none"),
)


def possible() -> Iterator[How]:
    """All but what is no other than a part of it."""
    for one in itertools.product(SHARED, OWN, EXTRA):
        first, second, third = one
        lonely = first == "none" and (second == "none" or third == "lines")
        if not lonely and (first not in (MSMTP, "mutt-stack") or "none" in (second, third)):
            yield one


def quick(how: How) -> bool:
    """Each who once, which takes seconds."""
    first, second, third = how
    both = f"{MSMTP}+{MBSYNC}"
    return (first, third) == (both, "none") or (first, second) == ("mutt-stack", "none") or how in ALONE


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(one, id=", ".join(one), marks=[] if quick(one) else pytest.mark.exhaustive)
        for one in possible()
    ],
)
def test_one_true_hint_for_each_label(
    how: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "_works", lambda *_rest: True)
    monkeypatch.setattr(os, "fsync", lambda _file: None)
    world = World(tmp_path)
    for put, what in zip((shared, own, extra), how, strict=True):
        put(world, what)
    world.keep()
    if world.locked:
        monkeypatch.setattr(thunderbird, "stored_secret", no_key)
    wrong = []
    for (client_id, _), (state, message) in messages(world).items():
        typed = any(one.typed for one in world.has) and client_id == BIRD
        usual = State.LOCKED if world.locked and client_id == BIRD else State.OK
        if state is not (State.DRIFTED if typed and not world.locked else usual):
            wrong.append(f"status: {client_id} {state} {message}")
    for case, kill in itertools.product(cases(world), (False, True)):
        if kill and (case.name.startswith("setup") or case.name == "remove all"):
            continue
        world.restore()
        expected = sorted(case.expected(world, kill), key=repr)
        text = killed(world, case, monkeypatch) if kill else case.run(world)
        if sorted(said(text), key=repr) != expected:
            wrong.append(f"{case.name}{' killed' * kill}: expected {expected}\n{text}\n")
    assert not wrong, "\n".join(wrong)
