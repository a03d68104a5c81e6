"""status: what became of a password in the keyring, whose login it was, and receipts that are broken."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from provisioner.accounts import Target
from provisioner.cli import cli
from provisioner.demo.server import DemoServer
from provisioner.demo.tour import pretend_to_be_icloud
from provisioner.errors import Conflict, ProvisionError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.journal import Journal, new_id
from provisioner.model import Security
from provisioner.secret import Secret
from provisioner.workflows.login import Login
from provisioner.workflows.status import join
from tests.clients.machines.base import terminal
from tests.memory_store import MemoryStore

EMAIL, OTHER = "jane.appleseed@icloud.com", "bob@icloud.com"
ONE, TWO = Secret("cana-rypa-ssxy-zwvu"), Secret("newe-rpas-swor-dabc")
MSMTP = ".config/msmtp/config"
ITEM = SecretItem.shared(EMAIL)
CLOSED = Conflict("The keyring is locked.", "Unlock it.", code="keyring.locked")
AWAY = ProvisionError("There is no D-Bus session here.", "Log in there.", code="keyring.none")


class Store(MemoryStore):
    """A keyring that may be closed."""

    closed: ProvisionError | None = None

    def get(self, item: SecretItem) -> Secret | None:
        if self.closed:
            raise self.closed
        return super().get(item)


class Desk:
    """A machine with msmtp and mbsync, and a server that plays iCloud."""

    def __init__(self, host: Host, store: Store, server: DemoServer) -> None:
        self.host, self.store, self.server = host, store, server

    def run(self, *arguments: str, secret: Secret | None = None) -> Result:
        given = ["--password-stdin"] if secret else []
        text = secret.reveal() if secret else ""
        return CliRunner().invoke(cli, [*arguments, *given], input=text, catch_exceptions=False)

    def setup(self, *client_ids: str, email: str = EMAIL, secret: Secret = ONE) -> None:
        done = self.run("setup", email, *(client_ids or ("msmtp", "mbsync")), "--no-check", secret=secret)
        assert done.exit_code == 0, done.output

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.run("status", "--json", *arguments).stdout)["results"]
        return rows

    def states(self, *arguments: str) -> list[tuple[str, str]]:
        return [(row["client"], row["state"]) for row in self.json(*arguments) if "state" in row]

    def receipt(self, email: str = EMAIL, client: str = "msmtp") -> Path:
        (one,) = Journal(self.host.state_dir).receipts(email, client)
        return self.host.state_dir / "receipts" / f"{one.id}.json"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    store = Store()
    plain = terminal(tmp_path, "msmtp", "mbsync", "secret-tool")
    host = Host(home=plain.home, env=plain.env, root=plain.root, secrets=store)
    with DemoServer(EMAIL, ONE, tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
        monkeypatch.setattr(Host, "current", lambda: host)
        pretend_to_be_icloud(host, server)
        yield Desk(host, store, server)


ALL_OK = [("msmtp", "ok"), ("mbsync", "ok")]
ALL_DRIFTED = [("msmtp", "drifted"), ("mbsync", "drifted")]


# --- the password ---


def test_a_password_that_was_replaced_is_told(desk: Desk) -> None:
    desk.setup()
    assert desk.states() == ALL_OK
    desk.store.set(ITEM, ONE)  # saved again, the same: no drift
    assert desk.states() == ALL_OK
    desk.store.set(ITEM, TWO)
    assert desk.states() == ALL_DRIFTED
    assert {row["message"] for row in desk.json()} == {"another password has been stored since"}
    assert desk.run("status").exit_code == 5
    desk.store.set(ITEM, ONE)
    assert desk.states() == ALL_OK


def test_a_password_that_is_gone_is_told(desk: Desk) -> None:
    desk.setup()
    desk.store.delete(ITEM)
    assert desk.states() == ALL_DRIFTED
    assert {row["message"] for row in desk.json()} == {"its password is gone from the keyring"}
    assert all("setup" in row["next"] for row in desk.json())
    (desk.host.home / MSMTP).unlink()
    first, second = desk.json()
    assert first["message"] == "the account is gone; its password is gone from the keyring"
    assert second["message"] == "its password is gone from the keyring"


def test_all_that_has_changed_is_told(desk: Desk) -> None:
    desk.setup("msmtp")
    config = desk.host.home / MSMTP
    config.write_text(config.read_text().replace("localhost", "elsewhere.example"))
    desk.store.set(ITEM, TWO)
    (row,) = desk.json()
    assert row["message"].startswith("Someone has edited the lines")
    assert row["message"].endswith("config; another password has been stored since")
    desk.store.set(ITEM, ONE)
    assert desk.json()[0]["message"].endswith("config.")


@pytest.mark.parametrize(("error", "state", "code"), [(CLOSED, "locked", 5), (AWAY, "unknown", 1)])
def test_a_keyring_that_cannot_be_read_is_no_drift(
    desk: Desk, error: ProvisionError, state: str, code: int
) -> None:
    desk.setup()
    desk.store.closed = error
    assert desk.states() == [("msmtp", state), ("mbsync", state)]
    assert {(row["message"], row["next"]) for row in desk.json()} == {(error.message, error.hint)}
    assert desk.run("status").exit_code == 0
    assert desk.run("status", "--check").exit_code == code  # nobody could log in
    config = desk.host.home / MSMTP
    config.write_text(config.read_text().replace("localhost", "elsewhere.example"))
    first, second = desk.json()
    assert (first["state"], second["state"]) == ("drifted", state)
    assert first["message"].startswith("Someone has edited the lines")
    assert first["message"].endswith(f"config; {error.message}")
    config.unlink()
    assert desk.json()[0]["message"] == f"the account is gone; {error.message}"


def test_without_a_seal_status_says_what_it_knows(desk: Desk) -> None:
    desk.setup()
    desk.store.delete(ITEM.seal)
    assert desk.states() == [("msmtp", "unknown"), ("mbsync", "unknown")]
    assert desk.run("status").exit_code == 0
    desk.setup()  # as its advice says
    assert sorted(desk.states()) == sorted(ALL_OK)
    desk.store.set(ITEM, TWO)
    assert sorted(desk.states()) == sorted(ALL_DRIFTED)


def test_receipts_from_before_there_were_seals_are_fine(desk: Desk) -> None:
    desk.setup()
    desk.store.delete(ITEM.seal)
    for path in (desk.host.state_dir / "receipts").iterdir():
        document = json.loads(path.read_text())
        document["secrets"] = [one for one in document["secrets"] if "Seal" not in one["item"]["label"]]
        path.write_text(json.dumps(document))
    assert desk.states() == ALL_OK
    # The same password again is not a new one: nothing to revoke, and its label stays.
    labels = [row["label"] for row in desk.json()]
    done = desk.run("rotate", EMAIL, secret=ONE)
    assert done.exit_code == 0
    assert "evoke" not in done.output
    assert [row["label"] for row in desk.json()] == labels
    assert desk.run("remove", EMAIL).exit_code == 0
    assert desk.store.items == {}


@pytest.mark.parametrize("verb", ["setup", "rotate"])
def test_a_new_password_for_one_client_is_no_drift_for_the_other(desk: Desk, verb: str) -> None:
    desk.setup()
    desk.server.change_password(TWO)
    client = ["msmtp"] if verb == "setup" else ["--client", "msmtp"]
    assert desk.run(verb, EMAIL, *client, secret=TWO).exit_code == 0
    assert desk.states() in (ALL_OK, ALL_OK[::-1])
    assert desk.run("remove", EMAIL, "msmtp").exit_code == 0
    assert desk.states() == [("mbsync", "ok")]
    desk.store.set(ITEM, ONE)
    assert desk.states() == [("mbsync", "drifted")]
    assert desk.run("remove", EMAIL).exit_code == 0
    assert desk.store.items == {}


@pytest.mark.parametrize("verb", ["setup", "rotate"])
def test_a_password_that_was_put_in_by_hand_is_taken_over(desk: Desk, verb: str) -> None:
    desk.setup("msmtp")
    label = desk.json()[0]["label"]
    desk.server.change_password(TWO)
    desk.store.set(ITEM, TWO)
    done = desk.run(verb, EMAIL, *(["msmtp"] if verb == "setup" else []), secret=TWO)
    assert done.exit_code == 0
    (row,) = desk.json()
    assert row["state"] == "ok"
    assert row["rotated"]
    assert row["label"] != label
    assert f'revoke "{label}"' in " ".join(done.output.split())


# --- whose login it was ---


def test_each_login_says_whose_it_is(desk: Desk) -> None:
    desk.setup()
    tried = len(desk.server.logins)
    rows = [row for row in desk.json("--check") if "service" in row]
    assert [(row["service"], row["address"], row["clients"]) for row in rows] == [
        ("imap", EMAIL, ["msmtp", "mbsync"]),
        ("smtp", EMAIL, ["msmtp", "mbsync"]),
    ]
    assert len(desk.server.logins) == tried + 2  # one password, proven once for both
    text = " ".join(desk.run("status", "--check").stdout.split())
    assert text.count(f"{EMAIL}, as stored for msmtp, mbsync") == 2


def test_a_stored_password_that_is_refused_leads_to_rotate(desk: Desk) -> None:
    desk.setup(secret=TWO)  # the server wants another one
    command = f"provisioner rotate {EMAIL}"
    rows = [row for row in desk.json("--check") if "service" in row]
    assert {row["code"] for row in rows} == {"auth.bad_credentials"}
    assert {row["next"].splitlines()[-1] for row in rows} == {f"  {command}"}
    for arguments in (("status", "--check"), ("check", "--all"), ("check", EMAIL, "--client", "msmtp")):
        done = desk.run(*arguments)
        assert done.exit_code == 3
        assert [line.strip() for line in done.stdout.splitlines()].count(command) == 2
    typed = desk.run("check", EMAIL, secret=TWO)
    assert typed.exit_code == 3
    assert "rotate" not in typed.stdout


def test_logins_that_differ_are_not_put_together(desk: Desk) -> None:
    desk.setup("msmtp")
    desk.run("setup", EMAIL, "mbsync", "--no-check", "--login", "other", secret=ONE)
    rows = [row for row in desk.json("--check") if "service" in row]
    assert [(row["clients"], row["ok"]) for row in rows] == [
        (["msmtp"], True),
        (["msmtp"], True),
        (["mbsync"], False),
        (["mbsync"], False),
    ]


def test_the_same_servers_with_another_password_are_another_login() -> None:
    imap, smtp = (Target("h", port, Security.TLS, ("jane",)) for port in (993, 465))
    proofs: list[tuple[Login, Secret]] = []
    for client, secret in (("a", ONE), ("b", TWO), ("c", ONE), ("a", ONE)):
        join(proofs, Login(EMAIL, imap, smtp, clients=(client,)), secret)
    assert [(login.clients, secret == ONE) for login, secret in proofs] == [
        (("a", "c"), True),
        (("b",), False),
    ]


# --- receipts that are broken ---


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def newer(path: Path) -> None:
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 2'))


def open_to_others(path: Path) -> None:
    path.chmod(0o666)


@pytest.mark.parametrize("damage", [cut, newer, open_to_others])
def test_a_broken_receipt_hides_no_other(desk: Desk, damage: Callable[[Path], None]) -> None:
    desk.setup()
    desk.setup(email=OTHER)
    path = desk.receipt(OTHER)
    damage(path)
    rows = desk.json()
    assert [(row["address"], row["client"]) for row in rows if row["state"] == "ok"] == [
        (EMAIL, "msmtp"),
        (EMAIL, "mbsync"),
        (OTHER, "mbsync"),
    ]
    (failed,) = [row for row in rows if row["state"] != "ok"]
    assert (failed["state"], failed["path"], failed["ok"]) == ("failed", str(path), False)
    assert str(path) in failed["message"]
    assert "move" in failed["next"].lower()
    shown = desk.run("status")
    assert shown.exit_code == 1
    assert path.name in shown.stdout


def test_a_broken_receipt_stops_only_what_may_be_about_it(desk: Desk) -> None:
    config = desk.host.home / MSMTP
    config.parent.mkdir(parents=True)
    config.write_bytes(b"# mine\n")
    desk.setup("mbsync")
    desk.setup("msmtp", email=OTHER)
    path = desk.receipt(OTHER)
    whole = path.read_bytes()
    newer(path)
    assert [row["address"] for row in desk.json(EMAIL)] == [EMAIL]
    for verb in ("setup", "remove"):
        refused = desk.run(verb, OTHER, "msmtp", *(["--no-check"] if verb == "setup" else []))
        assert (refused.exit_code, path.name in refused.output) == (1, True), refused.output
    assert desk.run("remove", OTHER, "--dry-run").exit_code == 1
    desk.setup("mbsync", secret=TWO)
    assert desk.run("remove", EMAIL).exit_code == 0
    assert SecretItem.shared(OTHER) in desk.store.items
    # Mended, it is as good as ever: nothing of it was thrown away.
    path.write_bytes(whole)
    assert desk.states() == [("msmtp", "ok")]
    assert desk.run("remove", OTHER).exit_code == 0
    assert desk.store.items == {}
    assert config.read_bytes() == b"# mine\n"


def test_a_receipt_that_does_not_say_whose_it_is_stops_all_but_status(desk: Desk) -> None:
    desk.setup("msmtp", email=OTHER)
    path = desk.receipt(OTHER)
    cut(path)
    assert [row["state"] for row in desk.json(EMAIL)] == ["failed"]
    assert desk.run("setup", EMAIL, "mbsync", "--no-check", secret=ONE).exit_code == 1
    assert path.exists()


def test_a_broken_receipt_of_a_run_that_was_stopped_stops_all_but_status(desk: Desk) -> None:
    desk.setup("msmtp", email=OTHER)
    journal = Journal(desk.host.state_dir)
    (receipt,) = journal.receipts(OTHER)
    journal.open(msgspec.structs.replace(receipt, id=new_id(), schema=2, state="open"), {})
    assert sorted(row["state"] for row in desk.json()) == ["failed", "ok"]
    assert desk.run("remove", EMAIL).exit_code == 1


# --- lines of the user's own that read the same password ---


def own_lines(desk: Desk) -> Path:
    """An account set up by hand, whose password lies where ours would."""
    config = desk.host.home / MSMTP
    config.parent.mkdir(parents=True)
    command = f"secret-tool lookup service provisioner username {EMAIL}"
    lines = ("account mine", "host localhost", f"from {EMAIL}", f"user {EMAIL}", f'passwordeval "{command}"')
    config.write_text("\n".join((*lines, "")))
    desk.store.set(ITEM, ONE)
    return config


def test_an_account_of_the_users_own_that_rotate_served_is_there(desk: Desk) -> None:
    config = own_lines(desk)
    desk.server.change_password(TWO)
    assert desk.run("rotate", EMAIL, secret=TWO).exit_code == 0
    row, *logins = desk.json("--check")
    assert (row["client"], row["state"], row["next"]) == ("msmtp", "ok", "")
    assert row["rotated"] == row["created"]
    assert [(login["ok"], login["clients"]) for login in logins] == [(True, ["msmtp"])] * 2
    label = row["label"]
    desk.setup("mbsync", secret=TWO)  # the same password keeps its label
    assert {one["label"] for one in desk.json()} == {label}
    desk.store.set(ITEM, ONE)
    assert desk.json()[0]["message"] == "another password has been stored since"
    config.unlink()
    assert desk.json()[0]["message"].startswith("the account is gone")


def test_lines_that_have_lost_their_marks_are_drift_and_can_log_in(desk: Desk) -> None:
    desk.setup("msmtp")
    config = desk.host.home / MSMTP
    lines = config.read_text().splitlines(keepends=True)
    config.write_text("".join(line for line in lines if not line.startswith(("# <<<", "# >>>"))))
    row, *logins = desk.json("--check")
    assert row["state"] == "drifted"
    assert "other lines there have the account" in row["message"]
    assert "by hand before you run setup" in row["next"]
    assert [login["ok"] for login in logins] == [True, True]


# --- a run that is going on ---


def reopen(desk: Desk) -> Callable[[], object]:
    """The receipt of a run whose changes are not complete; what it gives completes them."""
    path = desk.receipt()
    whole = path.read_text()
    path.write_text(whole.replace('"state": "done"', '"state": "open"'))
    return lambda: path.write_text(whole)


def test_a_run_that_is_going_on_has_not_been_stopped(desk: Desk) -> None:
    desk.setup("msmtp")
    reopen(desk)
    assert desk.states() == [("msmtp", "unfinished")]
    before = sorted(desk.host.state_dir.rglob("*"))
    with Journal(desk.host.state_dir).locked():
        (row,) = desk.json("--check")
        assert desk.run("status").exit_code == 5
    assert (row["state"], row["ok"]) == ("running", False)
    assert row["message"] == f"another provisioner (process {os.getpid()}) is changing this now"
    assert row["next"] == "Run status again when it has finished."
    assert desk.states() == [("msmtp", "unfinished")]
    assert sorted(desk.host.state_dir.rglob("*")) == before
    (desk.host.state_dir / "lock").unlink()
    assert desk.states() == [("msmtp", "unfinished")]
    assert not (desk.host.state_dir / "lock").exists()


def test_a_run_that_ends_while_status_looks_was_not_stopped(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.setup("msmtp")
    complete = reopen(desk)
    glance = Journal.glance

    def later(journal: Journal) -> AbstractContextManager[str | None]:
        complete()
        return glance(journal)

    monkeypatch.setattr(Journal, "glance", later)
    assert desk.states() == [("msmtp", "ok")]


@pytest.mark.parametrize("complete", [False, True])
def test_an_unfinished_run_shows_what_will_be_true(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, complete: bool
) -> None:
    """To be taken back: label and dates from before. Complete: the new label, set up on the first day."""

    def stop(journal: Journal, group: str) -> None:
        if complete:
            commit(journal, group)
        shutil.copytree(desk.host.state_dir, kept)
        raise KeyboardInterrupt

    monkeypatch.setattr("provisioner.deed.now", lambda: "2026-01-05T00:00:00+00:00")
    desk.run("setup", EMAIL, "msmtp", "--label", "January", "--no-check", secret=ONE)
    (before,) = desk.json()
    kept, commit = desk.host.home / "kept", Journal.commit
    monkeypatch.setattr("provisioner.deed.now", lambda: "2026-02-06T00:00:00+00:00")
    with monkeypatch.context() as stopped:
        stopped.setattr(Journal, "commit", stop)
        desk.run("setup", EMAIL, "msmtp", "--label", "February", "--no-check", secret=TWO)
    shutil.rmtree(desk.host.state_dir)
    shutil.copytree(kept, desk.host.state_dir)  # as if it had been killed there
    (row,) = desk.json()
    assert (row["state"], row["title"]) == ("unfinished", before["title"])
    shown = {name: row[name] for name in ("label", "created", "rotated", "updated")}
    if complete:
        assert shown["label"] == "February"
        assert shown["created"] == before["created"] != shown["rotated"] == shown["updated"]
    else:
        assert shown == {name: before[name] for name in shown}
    assert f'label "{shown["label"]}", set up 2026-01-05' in desk.run("status").output


def test_a_first_setup_that_will_be_taken_back_has_no_label(desk: Desk) -> None:
    desk.setup("msmtp")
    reopen(desk)
    (row,) = desk.json()
    assert (row["label"], row["created"], row["title"]) == ("", "", "msmtp")
    assert "set up" not in desk.run("status").output


# --- labels ---


def test_another_password_gets_another_label_and_the_first_is_named(desk: Desk) -> None:
    desk.setup()
    first = desk.json()[0]["label"]
    again = desk.run("setup", EMAIL, "msmtp", "mbsync", "--no-check", secret=ONE)
    assert "evoke" not in again.output
    assert {row["label"] for row in desk.json()} == {first}
    found: list[str] = []
    for secret in (TWO, ONE, TWO):
        done = desk.run("setup", EMAIL, "msmtp", "mbsync", "--no-check", secret=secret)
        (label,) = {row["label"] for row in desk.json()}
        words = " ".join(done.output.split())
        assert words.count("evoke") == 1
        assert f'revoke "{(first, *found)[-1]}" at https://' in words
        found.append(label)
    assert first != found[0] != found[1] != found[2]
    assert found[0].startswith(f"{first} 20")
    desk.server.change_password(TWO)
    done = desk.run("rotate", EMAIL, secret=TWO)  # nothing to do, and the first run may not have said it
    assert f'revoke "{found[1]}"' in " ".join(done.output.split())
    desk.run("setup", EMAIL, "msmtp", "--no-check", "--label", "mine", secret=TWO)
    assert {row["label"] for row in desk.json()} == {"mine"}


def test_a_lost_password_that_is_put_back_is_no_other(desk: Desk) -> None:
    desk.setup()
    before = {(row["label"], row["rotated"]) for row in desk.json()}
    desk.store.delete(ITEM)
    done = desk.run("setup", EMAIL, "msmtp", "--no-check", secret=ONE)
    assert "evoke" not in done.output
    assert {(row["label"], row["rotated"]) for row in desk.json()} == before
    desk.store.delete(ITEM)
    done = desk.run("setup", EMAIL, "msmtp", "--no-check", secret=TWO)
    assert f'revoke "{before.pop()[0]}"' in " ".join(done.output.split())
