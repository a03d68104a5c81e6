"""KWallet's interface as a store; what it answers comes from a bus that only pretends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from provisioner.errors import ProvisionError
from provisioner.items import SecretItem, Store
from provisioner.secret import Secret
from provisioner.stores.system import WalletStore

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="D-Bus")

ITEM = SecretItem("", (("service", "imap"), ("username", "key")), Store.KWALLET)
SCREEN = {"DISPLAY": ":0"}
WORD = "abcd-efgh-ijkl-mnop"


class Wallet:
    """A daemon with one wallet. `answers`: what a method answers instead."""

    def __init__(self, names: tuple[str, ...] = ("org.kde.kwalletd5",), **answers: object) -> None:
        self.names, self.answers = names, answers
        self.entries: dict[tuple[str, str], str] = {}
        self.asked: list[str] = []
        self.services: set[str] = set()

    def send_and_get_reply(self, message: Any) -> Any:
        from jeepney import HeaderFields, MessageType

        fields = message.header.fields
        method = fields[HeaderFields.member]
        self.asked.append(method)
        if method == "ListNames":
            body: Any = ["org.freedesktop.DBus"]
        elif method == "ListActivatableNames":
            body = list(self.names)
        else:
            self.services.add(fields[HeaderFields.destination])
            body = self.answers.get(method)
            if body is None:
                body = self.answer(method, [one for one in message.body or () if isinstance(one, str)])
        if isinstance(body, Exception):
            raise body
        header = SimpleNamespace(message_type=MessageType.method_return)
        return SimpleNamespace(header=header, body=() if body is None else (body,))

    def answer(self, method: str, words: list[str]) -> object:
        usual = {"isEnabled": True, "networkWallet": "kdewallet", "isOpen": True, "open": 7}
        if method in usual:
            return usual[method]
        place = (words[0], words[1] if len(words) > 1 else "")
        match method:
            case "hasEntry":
                return place in self.entries
            case "readPassword":
                return self.entries[place]
            case "writePassword":
                self.entries[place] = words[2]
                return 0
            case "removeEntry":
                del self.entries[place]
                return 0
            case "entryList":
                return [key for folder, key in self.entries if folder == words[0]]
        return None


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Any:
    from provisioner.stores import session_bus

    def put(wallet: Wallet, env: Mapping[str, str] = SCREEN) -> WalletStore:
        @contextmanager
        def connect(_env: Mapping[str, str]) -> Iterator[Wallet]:
            yield wallet

        monkeypatch.setattr(session_bus, "connect", connect)
        return WalletStore("linux", env)

    return put


def refusal(store: WalletStore) -> ProvisionError:
    errors = []
    calls: list[Callable[[], object]] = [
        lambda: store.get(ITEM),
        lambda: store.set(ITEM, Secret(WORD)),
        lambda: store.delete(ITEM),
    ]
    for call in calls:
        with pytest.raises(ProvisionError) as caught:
            call()
        assert caught.value.__context__ is None
        assert WORD not in caught.value.message + caught.value.hint
        errors.append(caught.value)
    assert len({error.code for error in errors}) == 1
    return errors[0]


def test_an_entry_is_written_read_and_taken_out_with_its_folder(put: Any) -> None:
    wallet = Wallet()
    store = put(wallet)
    other = SecretItem("", (("service", "imap"), ("username", "other")), Store.KWALLET)
    for item in (ITEM, other):
        assert store.get(item) is None
        store.set(item, Secret(WORD))
        assert store.get(item) == Secret(WORD)
    assert set(wallet.entries) == {("imap", "key"), ("imap", "other")}
    store.delete(ITEM)
    assert "removeFolder" not in wallet.asked
    store.delete(other)
    assert "removeFolder" in wallet.asked
    store.delete(other)
    assert wallet.entries == {}


@pytest.mark.parametrize(
    ("names", "used"),
    [
        (("org.kde.kwalletd5",), "org.kde.kwalletd5"),
        (("org.kde.kwalletd5", "org.kde.kwalletd6"), "org.kde.kwalletd6"),
    ],
)
def test_the_newest_daemon_is_asked(put: Any, names: tuple[str, ...], used: str) -> None:
    wallet = Wallet(names)
    put(wallet).get(ITEM)
    assert wallet.services == {used}


@pytest.mark.parametrize(
    ("wallet", "env", "code"),
    [
        (Wallet(()), SCREEN, "keyring.none"),
        (Wallet(isEnabled=False), SCREEN, "keyring.none"),
        (Wallet(isOpen=False), {}, "keyring.locked"),
        (Wallet(open=-1), SCREEN, "keyring.locked"),
        (Wallet(open=TimeoutError(WORD)), SCREEN, "keyring.locked"),
        (Wallet(open=RuntimeError(WORD)), SCREEN, "keyring.failed"),
    ],
)
def test_refusals(put: Any, wallet: Wallet, env: Mapping[str, str], code: str) -> None:
    assert refusal(put(wallet, env)).code == code


def test_a_closed_wallet_is_asked_for_where_somebody_can_answer(put: Any) -> None:
    assert put(Wallet(isOpen=False)).get(ITEM) is None


def test_what_the_wallet_does_not_take_is_an_error(put: Any) -> None:
    with pytest.raises(ProvisionError, match="did not take"):
        put(Wallet(writePassword=-1)).set(ITEM, Secret(WORD))
    wallet = Wallet(removeEntry=-1)
    wallet.entries["imap", "key"] = WORD
    with pytest.raises(ProvisionError, match="did not take"):
        put(wallet).delete(ITEM)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("org.freedesktop.DBus.Error.ServiceUnknown", "keyring.none"),
        ("org.freedesktop.DBus.Error.Spawn.ChildExited", "keyring.none"),
        ("org.freedesktop.DBus.Error.AccessDenied", "keyring.failed"),
    ],
)
def test_errors_of_the_bus_are_explained_without_their_text(name: str, code: str) -> None:
    from jeepney import DBusErrorResponse, HeaderFields

    from provisioner.stores.kwallet import explain

    message = SimpleNamespace(header=SimpleNamespace(fields={HeaderFields.error_name: name}), body=(WORD,))
    error = explain(cast(Exception, DBusErrorResponse(message)))
    assert error.code == code
    assert WORD not in error.message + error.hint


def test_without_a_session_there_is_no_wallet() -> None:
    with pytest.raises(ProvisionError) as caught:
        WalletStore("linux", {}).get(ITEM)
    assert caught.value.code == "keyring.none"
