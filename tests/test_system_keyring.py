"""The system's keyring: only a safe one, nothing shown of the password, and each refusal says what to do."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import keyring
import keyring.backend
import pytest
from keyring.backends import chainer, fail, null
from keyring.errors import KeyringLocked, NoKeyringError, PasswordDeleteError

from provisioner.errors import ProvisionError
from provisioner.items import SecretItem
from provisioner.secret import Secret
from provisioner.stores.system import SystemStore

WORD = "abcd-efgh-ijkl-mnop"
SECRET = Secret(WORD)
ITEM = SecretItem.shared("Jane@icloud.com")


NULL: Any = null.Keyring
FAIL: Any = fail.Keyring
CHAINER: Any = chainer.ChainerBackend


class Vault:
    """A back end of the keyring library. It is not one of its classes: those register for ever."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.items.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.items[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.items.pop((service, username), None) is None:
            raise PasswordDeleteError(username)


class PlaintextKeyring(Vault): ...


class Renamed(PlaintextKeyring): ...


class Alternative(Vault):
    __module__ = "keyrings.alt.file"


class Chain(Vault):
    def __init__(self, *backends: Any) -> None:
        super().__init__()
        self.backends = list(backends)


class Raising(Vault):
    """Fails at every call, with the password in the error."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self.error from ValueError(password)


class Forgetful(Vault):
    def set_password(self, service: str, username: str, password: str) -> None: ...


def store(monkeypatch: pytest.MonkeyPatch, backend: Any, platform: str = "darwin") -> SystemStore:
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
    return SystemStore(platform, {})


def refusal(system: SystemStore, call: str, item: SecretItem = ITEM) -> ProvisionError:
    arguments = (item, SECRET) if call == "set" else (item,)
    with pytest.raises(ProvisionError) as caught:
        getattr(system, call)(*arguments)
    error = caught.value
    assert error.hint
    assert error.__cause__ is None
    assert error.__context__ is None
    assert WORD not in "".join(traceback.format_exception(error)) + error.message + error.hint
    return error


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_an_item_is_stored_replaced_read_and_deleted(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    vault = Vault()
    system = store(monkeypatch, vault, platform)
    assert system.get(ITEM) is None
    system.delete(ITEM)
    system.set(ITEM, Secret("old"))
    system.set(ITEM, SECRET)
    assert vault.items == {("provisioner", "jane@icloud.com"): WORD}
    assert system.get(ITEM) == SECRET
    system.delete(ITEM)
    assert vault.items == {}


@pytest.mark.parametrize("call", ["get", "set", "delete"])
@pytest.mark.parametrize(
    ("backend", "code"),
    [
        (PlaintextKeyring(), "keyring.unsafe"),
        (Renamed(), "keyring.unsafe"),
        (Alternative(), "keyring.unsafe"),
        (NULL(), "keyring.unsafe"),
        (Chain(Vault(), PlaintextKeyring()), "keyring.unsafe"),
        (Chain(Vault(), Chain(Alternative())), "keyring.unsafe"),
        (FAIL(), "keyring.none"),
        (Chain(), "keyring.none"),
        (Chain(Vault(), FAIL()), "keyring.none"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else value,
)
def test_what_is_no_safe_place_is_refused_before_it_is_asked(
    monkeypatch: pytest.MonkeyPatch, backend: Any, code: str, call: str
) -> None:
    assert refusal(store(monkeypatch, backend), call).code == code
    members = [backend, *getattr(backend, "backends", [])]
    assert not any(member.items for member in members if isinstance(member, Vault))


def test_the_chain_of_the_library_is_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.backend, "get_all_keyring", lambda: [NULL()])
    monkeypatch.setattr(null.Keyring, "priority", 1)
    assert refusal(store(monkeypatch, CHAINER()), "set").code == "keyring.unsafe"


@pytest.mark.parametrize("call", ["get", "set", "delete"])
@pytest.mark.parametrize(
    ("raised", "code", "exit_code"),
    [
        (KeyringLocked(WORD), "keyring.locked", 5),
        (NoKeyringError(WORD), "keyring.none", 1),
        (RuntimeError(WORD), "keyring.failed", 1),
        (UnicodeDecodeError("utf-8", WORD.encode(), 0, 1, WORD), "keyring.failed", 1),
    ],
)
def test_errors_of_the_library_are_explained_without_the_password(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, code: str, exit_code: int, call: str
) -> None:
    error = refusal(store(monkeypatch, Raising(raised)), call)
    assert (error.code, error.exit_code) == (code, exit_code)


PLAIN = "keyrings.alt.file.PlaintextKeyring"
CHAIN = "keyring.backends.chainer.ChainerBackend"
REAL = """
from provisioner.errors import ProvisionError
from provisioner.items import SecretItem
from provisioner.secret import Secret
from provisioner.stores.system import SystemStore
import keyring
chosen = keyring.get_keyring()
print(type(chosen).__module__, *(type(one).__name__ for one in getattr(chosen, "backends", ())))
for platform in ("darwin", "win32"):
    try:
        SystemStore(platform, {}).set(SecretItem.shared("jane@icloud.com"), Secret("abcd-efgh-ijkl-mnop"))
    except ProvisionError as error:
        print(error.code, bool(error.hint))
"""


@pytest.mark.parametrize(
    ("configured", "chosen", "code"),
    [
        ("", "keyrings.alt.file", "keyring.unsafe"),  # without a word, as soon as it is installed
        (PLAIN, "keyrings.alt.file", "keyring.unsafe"),
        (CHAIN, "keyring.backends.chainer PlaintextKeyring", "keyring.unsafe"),
        ("keyring.backends.null.Keyring", "keyring.backends.null", "keyring.unsafe"),
        ("keyring.backends.fail.Keyring", "keyring.backends.fail", "keyring.none"),
    ],
)
def test_real_back_ends_that_are_no_safe_place_are_refused(
    tmp_path: Path, configured: str, chosen: str, code: str
) -> None:
    config = tmp_path / "config/python_keyring/keyringrc.cfg"
    config.parent.mkdir(parents=True)
    config.write_text(f"[backend]\ndefault-keyring={configured}\n" if configured else "")
    env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "PATH": "/nonexistent"}
    env |= {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", REAL], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == [chosen, f"{code} True", f"{code} True"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [config]


def test_a_password_that_is_not_given_back_was_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(store(monkeypatch, Forgetful()), "set").code == "keyring.failed"


@pytest.mark.parametrize("call", ["get", "set", "delete"])
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_an_item_without_attributes_would_match_every_item(
    monkeypatch: pytest.MonkeyPatch, platform: str, call: str
) -> None:
    error = refusal(store(monkeypatch, Vault(), platform), call, SecretItem("Any", ()))
    assert error.code == "keyring.attributes"


def test_other_attributes_are_for_the_secret_service_only(monkeypatch: pytest.MonkeyPatch) -> None:
    item = SecretItem("Geary", (("host", "imap.mail.me.com"), ("login", "jane"), ("proto", "IMAP")))
    error = refusal(store(monkeypatch, Vault()), "set", item)
    assert error.code == "keyring.attributes"
    assert "host, login, proto" in error.message


def test_starting_up_loads_no_keyring() -> None:
    code = (
        "import sys; from provisioner.host import Host; from provisioner.stores.chosen import ChosenStore;"
        "assert isinstance(Host.current().secrets, ChosenStore);"
        "print({'keyring', 'secretstorage', 'jeepney'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"


linux = pytest.mark.skipif(sys.platform != "linux", reason="secretstorage is installed on Linux only")


@linux
@pytest.mark.parametrize(
    "env",
    [
        {},
        {"XDG_RUNTIME_DIR": "/nonexistent"},
        {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"},
        {"DBUS_SESSION_BUS_ADDRESS": "autolaunch:"},
        {"DBUS_SESSION_BUS_ADDRESS": "tcp:host=localhost,port=1"},
        {"DBUS_SESSION_BUS_ADDRESS": "nonsense"},
        {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent", "DISPLAY": ":0"},
    ],
)
@pytest.mark.parametrize("call", ["get", "set", "delete"])
def test_without_a_session_bus_there_is_no_keyring(env: dict[str, str], call: str) -> None:
    error = refusal(SystemStore("linux", env), call)
    assert error.code == "keyring.none"
    assert "D-Bus" in error.message


@linux
def test_a_bus_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "bus"))
        listener.listen()
        assert refusal(SystemStore("linux", {"XDG_RUNTIME_DIR": str(tmp_path)}), "get").code == "keyring.none"


@linux
def test_no_answer_is_waited_for_without_end() -> None:
    from provisioner.stores.session_bus import BoundedConnection

    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs, pytest.raises(TimeoutError):
        BoundedConnection(ours, 0.05)


@linux
def test_no_prompt_is_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from provisioner.stores.session_bus import BoundedConnection

    def no_signal(self: Any, *, timeout: float | None) -> None:
        assert timeout is not None
        raise TimeoutError

    monkeypatch.setattr(BoundedConnection, "recv_messages", no_signal)
    connection = BoundedConnection.__new__(BoundedConnection)
    connection._seconds = 7
    with pytest.raises(TimeoutError):
        connection.recv_until_filtered([])


class Locked:
    """A collection whose prompt ends as `answer` says."""

    def __init__(self, answer: str) -> None:
        self.answer, self.asked = answer, 0

    def is_locked(self) -> bool:
        return not (self.answer == "unlocked" and self.asked)

    def unlock(self) -> bool:
        self.asked += 1
        if self.answer == "silent":
            raise TimeoutError
        return self.answer == "dismissed"


@linux
@pytest.mark.parametrize(
    ("env", "answer", "asked", "refused"),
    [
        ({}, "unlocked", 0, True),
        ({"DISPLAY": ":0"}, "unlocked", 1, False),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "unlocked", 1, False),
        ({"DISPLAY": ":0"}, "dismissed", 1, True),
        ({"DISPLAY": ":0"}, "silent", 1, True),
    ],
)
def test_a_locked_keyring_asks_only_where_somebody_can_answer(
    env: dict[str, str], answer: str, asked: int, refused: bool
) -> None:
    from provisioner.stores.secret_service import SecretService

    collection: Any = Locked(answer)
    try:
        SecretService(env)._unlock(collection)
        error = None
    except ProvisionError as raised:
        error = raised
    assert collection.asked == asked
    assert (error is not None) == refused
    if error is not None:
        assert (error.code, error.exit_code) == ("keyring.locked", 5)


@linux
def test_what_is_locked_for_a_moment_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from provisioner.stores import secret_service

    class Reloading:
        looks = 0

        def is_locked(self) -> bool:
            self.looks += 1
            return self.looks < 3

    monkeypatch.setattr(secret_service, "RELOAD_SECONDS", 0.0)
    item: Any = Reloading()
    secret_service.SecretService({})._unlock(item)
    assert item.looks == 3


@linux
@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("verb", ["get", "set", "delete"])
def test_what_becomes_locked_for_a_moment_after_we_have_looked_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, verb: str, times: int
) -> None:
    import secretstorage

    from provisioner.stores import secret_service

    class Reloading:
        calls = 0

        def is_locked(self) -> bool:
            return False

        def get_secret(self, *_: object) -> bytes:
            self.calls += 1
            if self.calls <= times:
                raise secretstorage.LockedException
            return SECRET.reveal().encode()

        set_secret = delete = get_secret

    found = Reloading()
    monkeypatch.setattr(secret_service, "RELOAD_SECONDS", 0.0)
    monkeypatch.setattr(secret_service, "_default", lambda bus: None)
    monkeypatch.setattr(secretstorage, "search_items", lambda bus, attributes: [found])
    monkeypatch.setattr(
        secret_service.SecretService, "_bus", lambda service: contextlib.nullcontext(cast(Any, None))
    )
    service = secret_service.SecretService({"DISPLAY": ":0"})
    actions: dict[str, Callable[[], object]] = {
        "get": lambda: service.get(ITEM),
        "set": lambda: service.set(ITEM, SECRET),
        "delete": lambda: service.delete(ITEM),
    }
    refusal = pytest.raises(secretstorage.LockedException)
    with contextlib.nullcontext() if times < secret_service.TRIES else refusal:
        assert actions[verb]() == (SECRET if verb == "get" else None)
    assert found.calls == min(times + 1, secret_service.TRIES)


@linux
@pytest.mark.parametrize("env", [{}, {"DISPLAY": ":0"}])
def test_a_locked_item_of_another_collection_is_unlocked_too(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str]
) -> None:
    import secretstorage

    from provisioner.stores import secret_service

    found = Locked("unlocked")
    monkeypatch.setattr(secret_service, "_default", lambda bus: None)
    monkeypatch.setattr(secretstorage, "search_items", lambda bus, attributes: [found])
    service, bus = secret_service.SecretService(env), cast(Any, None)
    if env:
        assert cast(Any, service._find(bus, ITEM)) is found
        assert found.asked == 1
    else:
        with pytest.raises(ProvisionError, match="locked"):
            service._find(bus, ITEM)


@linux
def test_errors_of_the_secret_service_are_explained_without_their_text() -> None:
    import secretstorage
    from jeepney import DBusErrorResponse, HeaderFields

    from provisioner.stores.secret_service import explain

    def answer(name: str) -> Exception:
        message = SimpleNamespace(
            header=SimpleNamespace(fields={HeaderFields.error_name: name}), body=(WORD,)
        )
        return cast(Exception, DBusErrorResponse(message))

    cases: list[tuple[Exception, str, int]] = [
        (answer("org.freedesktop.Secret.Error.IsLocked"), "keyring.locked", 5),
        (answer("org.freedesktop.DBus.Error.AccessDenied"), "keyring.failed", 1),
        (secretstorage.PromptDismissedException(WORD), "keyring.locked", 5),
        (secretstorage.LockedException(WORD), "keyring.locked", 5),
        (secretstorage.SecretServiceNotAvailableException(WORD), "keyring.none", 1),
        (secretstorage.ItemNotFoundException(WORD), "keyring.failed", 1),
        (TimeoutError(WORD), "keyring.failed", 1),
        (UnicodeDecodeError("utf-8", WORD.encode(), 0, 1, WORD), "keyring.failed", 1),
        (RuntimeError(WORD), "keyring.failed", 1),
    ]
    for raised, code, exit_code in cases:
        error = explain(raised)
        assert (error.code, error.exit_code) == (code, exit_code), raised
        assert error.hint
        assert WORD not in error.message + error.hint
