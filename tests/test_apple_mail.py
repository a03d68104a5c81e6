"""The configuration profile for Apple Mail, checked against Apple's own schema (tests/apple-schema)."""

from __future__ import annotations

import functools
import plistlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from provisioner.clients import apple_mail, base
from provisioner.clients.apple_mail import profile
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.model import Account, Plan, Security, Server, Support
from provisioner.plan import diff
from provisioner.receipt import Receipt, ReceiptState
from provisioner.render import render
from provisioner.resources import data_dir
from provisioner.secret import Secret

HERE = Path(__file__).resolve().parent
GOLDEN = HERE / "golden/apple-mail/icloud.mobileconfig"
ALL = Options(calendar=True, contacts=True)
PASSWORD = "abcd-efgh-ijkl-mnop"


def icloud(address: str = "jane.appleseed@icloud.com", name: str = "Jane Appleseed") -> Account:
    return Account(
        address=address,
        display_name=name,
        provider="icloud",
        title="iCloud Mail",
        imap=Server("imap.mail.me.com", 993, Security.TLS, address.rpartition("@")[0]),
        smtp=Server("smtp.mail.me.com", 587, Security.STARTTLS, address),
        caldav=Server("caldav.icloud.com", 443, Security.TLS, address),
        carddav=Server("contacts.icloud.com", 443, Security.TLS, address),
    )


def made(account: Account, secret: Secret | None = None, options: Options = ALL) -> dict[str, Any]:
    data = plistlib.loads(apple_mail.export(account, secret, options).content)
    assert isinstance(data, dict)
    return data


def payload(data: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = [entry for entry in data["PayloadContent"] if entry["PayloadType"] == f"com.apple.{kind}"]
    assert isinstance(found, dict)
    return found


# A checker of its own: it reads Apple's YAML and knows nothing of how profiles are made.

TYPES = {
    "<string>": str,
    "<integer>": int,
    "<boolean>": bool,
    "<array>": list,
    "<dictionary>": dict,
    "<real>": float,
}


@functools.cache
def keys_of(name: str) -> dict[str, dict[str, Any]]:
    schema = yaml.safe_load((HERE / "apple-schema" / f"{name}.yaml").read_text())
    return {entry["key"]: entry for entry in schema["payloadkeys"]}


def faults_of(data: dict[str, Any], keys: dict[str, dict[str, Any]]) -> list[str]:
    faults = [
        f"{key} is missing"
        for key, rule in keys.items()
        if rule["presence"] == "required" and key not in data
    ]
    for key, value in data.items():
        rule = keys.get(key)
        if rule is None:
            faults.append(f"{key} is not Apple's")
            continue
        if type(value) is not TYPES[rule["type"]]:
            faults.append(f"{key} is a {type(value).__name__}")
        if "rangelist" in rule and value not in rule["rangelist"]:
            faults.append(f"{key} is {value!r}")
        if "format" in rule and not re.fullmatch(rule["format"], value):
            faults.append(f"{key} is {value!r}")
        if value == "":
            faults.append(f"{key} is empty")
        for system in ("iOS", "macOS"):
            support = rule.get("supportedOS", {}).get(system, {})
            if support.get("introduced") == "n/a" or "deprecated" in support or "removed" in support:
                faults.append(f"{key} is not for {system}")
    return faults


def faults(data: dict[str, Any]) -> list[str]:
    found = faults_of(data, keys_of("TopLevel"))
    for entry in data["PayloadContent"]:
        found += faults_of(entry, keys_of("CommonPayloadKeys") | keys_of(entry["PayloadType"]))
    for name in ("PayloadIdentifier", "PayloadUUID"):
        values = [data[name], *(entry[name] for entry in data["PayloadContent"])]
        if len(set(values)) != len(values):
            found.append(f"{name} is not unique")
    for text in data.get("ConsentText", {}).values():
        if type(text) is not str or not text:
            found.append("ConsentText is not text")
    return found


def test_golden_file() -> None:
    """Identifiers and UUIDs included: a device that has the profile must recognise the next version's."""
    content = apple_mail.export(icloud(), None, ALL).content
    assert content == GOLDEN.read_bytes()


@pytest.mark.parametrize("secret", [None, Secret(PASSWORD)], ids=["asks", "password"])
@pytest.mark.parametrize("options", [Options(), Options(calendar=True), Options(contacts=True), ALL])
@pytest.mark.parametrize("name", ["Jane Appleseed", ""])
def test_obeys_apples_schema(secret: Secret | None, options: Options, name: str) -> None:
    data = made(icloud(name=name), secret, options)
    assert faults(data) == []
    assert len(data["PayloadContent"]) == 1 + options.calendar + options.contacts


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("IncomingMailServerPortNumber", 993.0),
        ("IncomingMailServerUseSSL", 1),
        ("IncomingMailServerAuthentication", "password"),
        ("EmailAddress", ""),
        ("Unheard", "of"),
        ("PreventMove", True),
        ("PayloadVersion", 2),
    ],
)
def test_the_schema_checker_sees_faults(key: str, value: object) -> None:
    data = made(icloud())
    payload(data, "mail.managed")[key] = value
    assert faults(data) != []


def test_says_what_the_account_says() -> None:
    data = made(icloud(), Secret(PASSWORD))
    mail = payload(data, "mail.managed")
    assert {key: value for key, value in mail.items() if not key.startswith("Payload")} == {
        "EmailAccountType": "EmailTypeIMAP",
        "EmailAccountDescription": "jane.appleseed@icloud.com",
        "EmailAccountName": "Jane Appleseed",
        "EmailAddress": "jane.appleseed@icloud.com",
        "IncomingMailServerAuthentication": "EmailAuthPassword",
        "IncomingMailServerHostName": "imap.mail.me.com",
        "IncomingMailServerPortNumber": 993,
        "IncomingMailServerUseSSL": True,
        "IncomingMailServerUsername": "jane.appleseed",
        "IncomingPassword": PASSWORD,
        "OutgoingMailServerAuthentication": "EmailAuthPassword",
        "OutgoingMailServerHostName": "smtp.mail.me.com",
        "OutgoingMailServerPortNumber": 587,
        "OutgoingMailServerUseSSL": True,
        "OutgoingMailServerUsername": "jane.appleseed@icloud.com",
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    for kind, prefix, host in (("caldav", "CalDAV", "caldav"), ("carddav", "CardDAV", "contacts")):
        dav = payload(data, f"{kind}.account")
        assert {key: value for key, value in dav.items() if not key.startswith("Payload")} == {
            f"{prefix}AccountDescription": "jane.appleseed@icloud.com",
            f"{prefix}HostName": f"{host}.icloud.com",
            f"{prefix}Port": 443,
            f"{prefix}UseSSL": True,
            f"{prefix}Username": "jane.appleseed@icloud.com",
            f"{prefix}Password": PASSWORD,
        }
    assert data["PayloadScope"] == "User"
    assert "PayloadRemovalDisallowed" not in data
    assert "password" in data["ConsentText"]["default"]


def test_without_a_password_no_key_for_one() -> None:
    content = apple_mail.export(icloud(), None, ALL).content
    assert re.findall(rb"<key>(\w*Password)</key>", content) == [b"OutgoingPasswordSameAsIncomingPassword"]
    assert b"ConsentText" not in content


def test_an_empty_name_is_left_out() -> None:
    assert "EmailAccountName" not in payload(made(icloud(name="")), "mail.managed")


def identity(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["PayloadIdentifier"], entry["PayloadUUID"]) for entry in (data, *data["PayloadContent"])]


def test_a_later_profile_replaces_the_earlier_one() -> None:
    first = identity(made(icloud()))
    assert identity(made(icloud(), Secret(PASSWORD))) == first
    assert identity(made(icloud(address="Jane.Appleseed@iCloud.com", name="J"))) == first
    assert identity(made(icloud(), options=Options(contacts=True))) == [first[0], first[1], first[3]]


def test_addresses_that_read_alike_stay_apart() -> None:
    one, two = (identity(made(icloud(address))) for address in ("foo.bar@icloud.com", "foo-bar@icloud.com"))
    assert not {name for pair in one for name in pair} & {name for pair in two for name in pair}


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
HOSTILE = st.one_of(
    TEXT,
    st.sampled_from(
        [
            '"',
            "'",
            "&amp;",
            "<key>",
            "]]>",
            "a\nb",
            " x ",
            "\t",
            "😀",
            "\u202e\u200f",
            "{{ 7*7 }}",
            "<!--",
            "%s\\n",
        ]
    ),
)


def is_xml(text: str) -> bool:
    """Whether XML 1.0 (production 2) can hold it and a parser gives it back unchanged (no CR)."""
    return all(
        c in "\t\n" or 0x20 <= ord(c) <= 0xD7FF or 0xE000 <= ord(c) <= 0xFFFD or ord(c) > 0xFFFF for c in text
    )


@given(name=HOSTILE, user=HOSTILE, password=HOSTILE)
def test_hostile_values_come_back_or_are_refused(name: str, user: str, password: str) -> None:
    account = replace(icloud(name=name), imap=replace(icloud().imap, username=user))
    if not all(is_xml(value) for value in (name, user, password)):
        with pytest.raises(UsageError, match=r"U\+"):
            made(account, Secret(password))
        return
    data = made(account, Secret(password))
    mail = payload(data, "mail.managed")
    assert (mail["EmailAccountName"], mail["IncomingMailServerUsername"]) == (name, user)
    assert mail["IncomingPassword"] == payload(data, "caldav.account")["CalDAVPassword"] == password
    assert faults(data) == []


@pytest.mark.parametrize("char", ["\0", "\r", "\x1b", "\ufffe", "\ud800"])
def test_what_xml_cannot_hold_is_refused_with_the_reason(char: str) -> None:
    with pytest.raises(UsageError, match=f"U\\+{ord(char):04X}"):
        made(icloud(name=f"Jane{char}"))


@pytest.mark.parametrize(
    ("options", "code"),
    [(Options(calendar=True), "account.no_calendar"), (Options(contacts=True), "account.no_contacts")],
)
def test_a_server_that_nobody_knows(options: Options, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        made(replace(icloud(), caldav=None, carddav=None), options=options)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"<integer>993</integer>", b"<real>993</real>"),
        (b"<integer>993</integer>", b"<string>993</string>"),
        (b"<true/>", b"<false/>"),
        (b"<true/>", b"<integer>1</integer>"),
        (b"imap.mail.me.com", b"imap.example.org"),
        (b"<key>EmailAccountDescription</key>", b"<key>IncomingPassword</key>"),
        (b"<key>EmailAccountDescription</key>", b"<key>OutgoingPassword</key>"),
        (b"<string>Mail: jane.appleseed@icloud.com</string>", b"<string></string>"),
        (b"<key>PayloadScope</key>", b"<key>PayloadRemovalDisallowed</key><true/><key>PayloadScope</key>"),
        (b"com.apple.caldav.account", b"com.apple.carddav.account"),
        (b"</plist>", b""),
    ],
)
def test_a_changed_template_cannot_lie(monkeypatch: pytest.MonkeyPatch, right: bytes, wrong: bytes) -> None:
    lie = GOLDEN.read_bytes().replace(right, wrong, 1).decode()
    assert lie.encode() != GOLDEN.read_bytes()
    monkeypatch.setattr(profile, "render", lambda *_, **__: lie)
    with pytest.raises(ProvisionError) as caught:
        made(icloud())
    assert caught.value.code == "render.mismatch"


def test_the_template_quotes_every_value() -> None:
    source = (data_dir("templates") / profile.TEMPLATE).read_text()
    printed = re.findall(r"{{(.*?)}}", source)
    assert len(printed) > 20
    assert [value for value in printed if not value.rstrip().endswith("|xml")] == []


def test_what_export_says() -> None:
    plain, secret = (apple_mail.export(icloud(), value, Options()) for value in (None, Secret(PASSWORD)))
    assert plain.name == "jane.appleseed@icloud.com.mobileconfig"
    assert "asks for the app-specific password" in plain.next
    assert "delete it after installing" in secret.next
    assert PASSWORD not in repr(secret) + secret.next
    assert "/" not in apple_mail.export(icloud("../../x@icloud.com"), None, Options()).name


# On a Mac


def mac(home: Path, release: str = "") -> Host:
    root = home / "root"
    if release:
        path = root / "System/Library/CoreServices/SystemVersion.plist"
        path.parent.mkdir(parents=True)
        path.write_bytes(plistlib.dumps({"ProductVersion": release}))
    return Host(home=home, platform="darwin", root=root)


def plan(host: Host, secret: str = PASSWORD, address: str = "jane.appleseed@icloud.com") -> Plan:
    return apple_mail.plan(host, icloud(address), Secret(secret), ALL)


def test_who_knows_the_hash_of_a_profile_cannot_try_passwords_on_it(tmp_path: Path) -> None:
    """It depends on a random number that stands in the profile only, with each password another one."""

    def salt() -> str:
        (change,) = plan(mac(tmp_path), PASSWORD).changes
        return profile.salt_of(change.after or b"")

    assert len({salt(), salt(), ""}) == 3
    apply(plan(mac(tmp_path)))
    assert plan(mac(tmp_path)).empty
    (change,) = plan(mac(tmp_path), "another").changes
    salts = [profile.salt_of(data or b"") for data in (change.before, change.after)]
    assert len({*salts, ""}) == 3
    without = re.sub(rb"<!-- .* -->\n", b"", change.before or b"")
    change.path.write_bytes(without)
    assert not profile.salt_of(without)
    (again,) = plan(mac(tmp_path)).changes
    assert profile.salt_of(again.after or b"")


def test_a_template_without_the_random_number_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile, "render", lambda template, **kw: render(template, **kw | {"salt": ""}))
    with pytest.raises(ProvisionError) as caught:
        plan(mac(tmp_path))
    assert caught.value.code == "render.mismatch"


def apply(found: Plan) -> Path:
    (change,) = found.changes
    change.path.parent.mkdir(parents=True, exist_ok=True)
    assert change.after is not None
    change.path.write_bytes(change.after)
    return change.path


def receipt(found: Plan) -> Receipt:
    return Receipt(
        schema=1,
        id="x",
        state=ReceiptState.DONE,
        address="jane.appleseed@icloud.com",
        client="apple-mail",
        where=found.where,
        provider="icloud",
        label="",
        created="",
        updated="",
        account=icloud(),
        files=(),
    )


def test_is_a_client() -> None:
    client: base.Client = apple_mail
    assert (client.ID, client.TITLE, client.SUPPORT) == ("apple-mail", "Apple Mail", Support.IMPORT)
    assert client.stored_secret(Host(home=Path("/nowhere")), icloud(), Options()) is None


def test_detect(tmp_path: Path) -> None:
    assert apple_mail.detect(Host(home=tmp_path)) == ()
    host = mac(tmp_path)
    (found,) = apple_mail.detect(host)
    assert (found.client, found.version) == ("apple-mail", "")
    info = host.system("/System/Applications/Mail.app/Contents/Info.plist")
    info.parent.mkdir(parents=True)
    info.write_bytes(plistlib.dumps({"CFBundleShortVersionString": "16.0"}, fmt=plistlib.FMT_BINARY))
    (found,) = apple_mail.detect(host)
    assert found.version == "16.0"
    assert found.where == plan(host).where


def test_plan_writes_the_profile_once_for_the_user_alone(tmp_path: Path) -> None:
    host = mac(tmp_path, "15.7")
    first = plan(host)
    (change,) = first.changes
    assert (change.before, change.mode) == (None, 0o600)
    assert change.path.is_relative_to(tmp_path / "Library/Application Support/provisioner")
    assert payload(plistlib.loads(change.after or b""), "mail.managed")["IncomingPassword"] == PASSWORD
    assert not change.path.exists()
    apply(first)
    assert plan(host).empty
    assert first.open == change.path


def test_no_password_in_what_a_plan_shows(tmp_path: Path) -> None:
    host = mac(tmp_path)
    first = plan(host, "the-old-password")
    apply(first)
    second = plan(host, "the-new-password")
    (change,) = second.changes
    shown = repr(second) + repr(change) + diff(second)
    assert "the-old" not in shown
    assert "the-new" not in shown
    assert "(what changes in it is not shown)" in shown
    assert "imap.mail.me.com" in diff(first)


def test_two_accounts_have_a_file_each(tmp_path: Path) -> None:
    host = mac(tmp_path)
    paths = {
        apply(plan(host, address=address))
        for address in ("a.b@icloud.com", "a-b@icloud.com", "x" * 250 + "@me.com")
    }
    assert len(paths) == 3


@pytest.mark.parametrize(
    ("release", "pane"),
    [
        ("12.7", "System Preferences > Profiles"),
        ("13.0", "Privacy & Security > Profiles"),
        ("14.6.1", "Privacy & Security > Profiles"),
        ("15.7", "General > Device Management"),
        ("26.1", "General > Device Management"),
        ("", "Device Management (macOS 13 and 14:"),
        ("10.16", "Device Management (macOS 13 and 14:"),
        ("odd", "Device Management (macOS 13 and 14:"),
    ],
)
def test_the_pane_to_open(tmp_path: Path, release: str, pane: str) -> None:
    found = plan(mac(tmp_path, release))
    assert pane in found.next
    assert str(apple_mail.profile_path(mac(tmp_path), icloud().address)) in found.next
    assert pane in apple_mail.unplan(mac(tmp_path), receipt(found), Options()).notes[0]


@pytest.mark.parametrize("system", ["linux", "win32"])
def test_elsewhere_it_says_what_to_do_instead(tmp_path: Path, system: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(Host(home=tmp_path, platform=system))
    assert caught.value.code == "client.not_here"
    assert "provisioner export jane.appleseed@icloud.com apple-mail -o" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00", plistlib.dumps({"PayloadIdentifier": "other"})])
def test_a_foreign_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    host = mac(tmp_path)
    found = plan(host)
    path = apply(found)
    path.write_bytes(content)
    with pytest.raises(Conflict):
        plan(host)
    with pytest.raises(Conflict):
        apple_mail.unplan(host, receipt(found), Options())


def test_unplan_deletes_the_file(tmp_path: Path) -> None:
    host = mac(tmp_path)
    found = plan(host)
    assert apple_mail.unplan(host, receipt(found), Options()).empty
    path = apply(found)
    undo = apple_mail.unplan(host, receipt(found), Options())
    (change,) = undo.changes
    assert (change.path, change.before, change.after) == (path, path.read_bytes(), None)
    assert PASSWORD not in diff(undo)
    assert "minus button" in undo.notes[0]
