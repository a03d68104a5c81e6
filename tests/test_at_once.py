"""Two commands for one login: the second works while the first waits for its password."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from provisioner.accounts import Wish
from provisioner.clients.base import Options
from provisioner.errors import Conflict
from provisioner.receipt import Receipt
from provisioner.report import ClientRow, Report
from provisioner.secret import Secret
from provisioner.workflows import context as contexts
from provisioner.workflows import rotate as rotation
from provisioner.workflows.context import AskPassword, Context
from provisioner.workflows.remove import remove
from provisioner.workflows.setup import SetupOptions, setup
from tests.clients.machines.base import terminal
from tests.test_crash import Silent, ask
from tests.test_holders import EMAIL, NEW, OLD, Desk, watch

NEWER = Secret("aaaa-bbbb-cccc-dddd")


class Pair(Desk):
    """Its journal is another one for each command, as in life."""

    def context(self, verb: str) -> Context:
        return Context(self.host, type(self.journal)(self.host.state_dir), Silent(), Report(verb))

    def add(self, ask: AskPassword, *client_ids: str) -> Report:
        context = self.context("setup")
        setup(context, Wish(EMAIL), client_ids, ask, SetupOptions(check=False))
        return context.report

    def change(self, ask: AskPassword, *client_ids: str) -> Report:
        context = self.context("rotate")
        rotation.rotate(context, Wish(EMAIL), client_ids, ask, Options())
        return context.report

    @property
    def receipts(self) -> dict[str, Receipt]:
        return {one.client: one for one in self.journal.receipts()}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    pair = Pair(terminal(tmp_path, "msmtp", "mbsync", "alpine", "secret-tool"))
    watch(monkeypatch, pair)
    return pair


def meanwhile(action: Callable[[], object], secret: Secret) -> AskPassword:
    """Before the password is typed, another command does this."""

    def typed(*_rest: object) -> Secret:
        action()
        return secret

    return typed


def test_every_label_that_goes_is_named_by_one_of_them(desk: Pair) -> None:
    desk.add(ask(OLD), "msmtp", "alpine")
    first = desk.receipts["alpine"].label
    second: list[str] = []

    def one_of_them() -> None:
        desk.change(ask(NEW), "msmtp")
        second.append(desk.receipts["msmtp"].label)

    said = desk.change(meanwhile(one_of_them, NEWER)).next
    labels = {one.label for one in desk.receipts.values()}
    assert len({first, *second, *labels}) == 3
    assert f'revoke "{first}"' in said
    assert f'revoke "{second[0]}"' in said


@pytest.mark.parametrize("verb", ["rotate", "setup"])
def test_no_two_passwords_get_the_same_label(desk: Pair, verb: str) -> None:
    desk.add(ask(OLD), "msmtp")
    other = meanwhile(lambda: desk.change(ask(NEW)), NEWER)
    if verb == "rotate":
        with pytest.raises(Conflict) as caught:
            desk.change(other)
        code, exit_code = caught.value.code, caught.value.exit_code
    else:
        (row,) = desk.add(other, "msmtp").rows
        assert isinstance(row, ClientRow)
        code, exit_code = row.code, row.exit_code
    assert (code, exit_code) == ("drift", 5)
    assert desk.item == NEW
    again = desk.receipts["msmtp"].label
    desk.change(ask(NEWER))
    assert desk.receipts["msmtp"].label != again


@pytest.mark.parametrize("verb", ["rotate", "setup"])
def test_the_same_password_twice_is_no_conflict(desk: Pair, verb: str) -> None:
    desk.add(ask(OLD), "msmtp")
    command = desk.change if verb == "rotate" else desk.add
    clients = ["msmtp"]
    assert command(meanwhile(lambda: command(ask(NEW), *clients), NEW), *clients).ok
    assert desk.item == NEW


def test_setup_names_the_label_that_it_replaced_and_no_other(desk: Pair) -> None:
    desk.add(ask(OLD), "msmtp")
    labels = [desk.receipts["msmtp"].label]

    def another() -> None:
        context = desk.context("setup")
        setup(context, Wish(EMAIL), ["msmtp"], ask(NEW), SetupOptions(check=False, label="own"))

    said = desk.add(meanwhile(another, NEWER), "msmtp").next
    labels.append(desk.receipts["msmtp"].label)
    assert len({"own", *labels}) == 3
    assert said.count("revoke ") == 1
    assert 'revoke "own"' in said


def test_remove_names_the_label_that_there_is_once_it_has_the_lock(
    desk: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.add(ask(OLD), "msmtp")
    real, labels = contexts.undisturbed, list[str]()

    def late(context: Context, **options: bool) -> AbstractContextManager[None]:
        monkeypatch.setattr("provisioner.workflows.remove.undisturbed", real)
        desk.change(ask(NEW))
        labels.append(desk.receipts["msmtp"].label)
        return real(context, **options)

    monkeypatch.setattr("provisioner.workflows.remove.undisturbed", late)
    context = desk.context("remove")
    remove(context, EMAIL, [], Options(), dry_run=False, wait=False)
    assert context.report.ok, context.report
    assert labels[0] in context.report.next
    assert desk.item is None
