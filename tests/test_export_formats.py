"""Exports: every value arrives in its format as it is, or is refused."""

from __future__ import annotations

import configparser
import dataclasses
import json
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from provisioner import exports
from provisioner.clients.base import Options
from provisioner.clients.thunderbird import account as thunderbird_account
from provisioner.errors import UsageError
from provisioner.exports import card, thunderbird_android, thunderbird_policies
from provisioner.model import Account, Security, Server, Support
from tests.export_samples import EMAIL, ICLOUD, ODD, SECRET, made


def sections(text: str) -> configparser.ConfigParser:
    """The file as an INI reader has it, keys as they are written."""
    parser = configparser.ConfigParser(delimiters="=", comment_prefixes=";", interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser


def test_outlook() -> None:
    text = made("outlook")
    assert text.isascii()
    assert text.count("\n") == text.count("\r\n") > 30
    file = sections(text)
    account = dict(file["Account1"])
    assert account == {
        "UniqueService": "No",
        "AccountName": EMAIL,
        "DisplayName": "Jane Appleseed",
        "EmailAddress": EMAIL,
        "IMAPServer": "imap.mail.me.com",
        "IMAPUserName": "jane.appleseed",
        "IMAPPort": "993",
        "IMAPUseSSL": "1",
        "IMAPUseSPA": "0",
        "SMTPServer": "smtp.mail.me.com",
        "SMTPPort": "587",
        "SMTPSecureConnection": "2",
        "SMTPUseAuth": "1",
        "SMTPUseSPA": "0",
        "SMTPAuthMethod": "1",
        "SMTPUserName": EMAIL,
    }
    # A key without a mapping in section 7 is dropped without a word.
    mapped = dict(file[file["Internet Account List"]["Account1"]])
    assert set(account) - {"UniqueService"} == set(mapped) - {"AccountType"}
    assert all(file.has_section(service) for service in file["Service List"])
    assert file.has_section(file["Service List"]["Service1"])
    assert file["General"]["OverwriteProfile"] == "Append", "nobody's profile is replaced"


def test_outlook_with_one_user_name_and_tls_for_both() -> None:
    server = Server("mail.example", 465, Security.TLS, "j")
    account = dataclasses.replace(ICLOUD, imap=dataclasses.replace(server, port=993), smtp=server)
    values = dict(sections(made("outlook", account))["Account1"])
    assert (values["SMTPAuthMethod"], values["SMTPSecureConnection"]) == ("0", "1")
    assert "SMTPUserName" not in values
    with pytest.raises(UsageError) as caught:
        made("outlook", ODD)
    assert caught.value.code == "outlook.starttls"


@example("%USERNAME%")
@example('"Jane"')
@given(name=st.text(min_size=1) | st.text(st.characters(codec="ascii"), min_size=1))
def test_outlook_reads_a_name_as_it_is_or_it_is_refused(name: str) -> None:
    account = dataclasses.replace(ICLOUD, display_name=name)
    plain = name.isascii() and name.isprintable() and name == name.strip()
    if not plain or "%" in name or name[0] in "\"'":
        with pytest.raises(UsageError) as caught:
            made("outlook", account)
        assert caught.value.code == "value.unwritable"
    else:
        assert sections(made("outlook", account))["Account1"]["DisplayName"] == name


AUTOCONFIG = {
    "incomingServer": ["hostname", "port", "socketType", "username", "authentication"],
    "outgoingServer": ["hostname", "port", "socketType", "username", "authentication"],
}
"""The order in which the definition of the format lists the elements."""


@pytest.mark.parametrize("account", [ICLOUD, ODD])
def test_autoconfig(account: Account) -> None:
    root = ElementTree.fromstring(made("autoconfig", account))
    assert (root.tag, root.attrib) == ("clientConfig", {"version": "1.1"})
    (provider,) = root
    assert provider.tag == "emailProvider"
    assert [element.tag for element in provider] == ["domain", "displayName", "displayShortName", *AUTOCONFIG]
    domain = account.address.partition("@")[2]
    assert provider.get("id") == provider.findtext("domain") == domain
    assert provider.findtext("displayName") == account.title
    for tag, kind, server in (
        ("incomingServer", "imap", account.imap),
        ("outgoingServer", "smtp", account.smtp),
    ):
        element = provider.find(tag)
        assert element is not None
        assert element.get("type") == kind
        assert [child.tag for child in element] == AUTOCONFIG[tag]
        socket = {Security.TLS: "SSL", Security.STARTTLS: "STARTTLS"}[server.security]
        form = {account.address: "%EMAILADDRESS%", account.local_part: "%EMAILLOCALPART%"}
        assert [child.text for child in element] == [
            server.host,
            str(server.port),
            socket,
            form.get(server.username, server.username),
            "password-cleartext",
        ]


def test_who_is_served_by_a_file_of_the_domain() -> None:
    def words(what: str, account: Account) -> str:
        return exports.get(what).export(account, None, Options()).next

    assert "every address of icloud.com" in words("autoconfig", ICLOUD)
    assert "j&n@b.example only" in words("autoconfig", ODD)
    assert f"{EMAIL} only" in words("autodiscover", ICLOUD)
    by_address = dataclasses.replace(ICLOUD, imap=dataclasses.replace(ICLOUD.imap, username=EMAIL))
    assert "every address of icloud.com" in words("autodiscover", by_address)


OUTER = "{http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006}"
INNER = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"


@pytest.mark.parametrize("account", [ICLOUD, ODD])
def test_autodiscover(account: Account) -> None:
    root = ElementTree.fromstring(made("autodiscover", account))
    assert root.tag == f"{OUTER}Autodiscover"
    (response,) = root
    assert response.tag == f"{INNER}Response"
    (element,) = response
    assert element.tag == f"{INNER}Account"
    found = [{child.tag.removeprefix(INNER): child.text for child in part} for part in element[2:]]
    assert [(part.tag, part.text) for part in element[:2]] == [
        (f"{INNER}AccountType", "email"),
        (f"{INNER}Action", "settings"),
    ]
    assert [part.tag for part in element[2:]] == [f"{INNER}Protocol"] * 2
    fixed = {"DomainRequired": "off", "SPA": "off", "SSL": "on", "AuthRequired": "on"}
    for values, kind, server in zip(found, ("IMAP", "SMTP"), (account.imap, account.smtp), strict=True):
        login = {"LoginName": server.username} if server.username != account.address else {}
        assert values == fixed | login | {
            "Type": kind,
            "Server": server.host,
            "Port": str(server.port),
            "Encryption": {Security.TLS: "SSL", Security.STARTTLS: "TLS"}[server.security],
        }


@given(title=st.text(min_size=1), user=st.text(min_size=1))
def test_xml_holds_any_value_or_refuses_it(title: str, user: str) -> None:
    account = dataclasses.replace(ICLOUD, title=title, imap=dataclasses.replace(ICLOUD.imap, username=user))
    try:
        config, discover = made("autoconfig", account), made("autodiscover", account)
    except UsageError:
        assert any(char not in "\t\n" and (char < " " or char > "\ufffd") for char in title + user)
        return
    root = ElementTree.fromstring(config)
    assert root.findtext("emailProvider/displayName") == title
    login = ElementTree.fromstring(discover).find(f".//{INNER}LoginName")
    assert user == EMAIL if login is None else login.text == user


def test_thunderbird_policies() -> None:
    document = json.loads(made("thunderbird-policies"))
    assert list(document) == ["policies"]
    assert list(document["policies"]) == ["Preferences"]
    found: dict[str, Any] = document["policies"]["Preferences"]
    assert {entry["Status"] for entry in found.values()} == {"default"}, "nothing of a user's is overwritten"
    values = {name: entry["Value"] for name, entry in found.items()}
    assert all(name.startswith("mail.") for name in values)
    # The policy would make truth values of them.
    assert not [name for name, value in values.items() if type(value) is int and value in (0, 1)]
    key = values.pop("mail.accountmanager.appendaccounts")
    number = int(key.removeprefix("account"))
    expected = thunderbird_account.alone(ICLOUD, number)
    assert values.items() <= expected.items()
    assert set(expected) - set(values) == {
        "mail.account.lastKey",
        "mail.accountmanager.accounts",
        "mail.accountmanager.defaultaccount",
        "mail.smtp.defaultserver",
        f"mail.identity.id{number}.reply_on_top",
        f"mail.server.server{number}.moveTargetMode",
    }
    assert values[f"mail.server.server{number}.hostname"] == "imap.mail.me.com"
    assert "Sent%20Messages" in values[f"mail.identity.id{number}.fcc_folder"] or (
        "Sent Messages" in values[f"mail.identity.id{number}.fcc_folder"]
    )


def test_the_keys_of_a_policy_are_an_address_s_own() -> None:
    numbers = {
        thunderbird_policies._number(dataclasses.replace(ICLOUD, address=f"{name}@icloud.com"))
        for name in ("jane", "JANE", "john")
    }
    assert len(numbers) == 2
    assert all(1_000_000 <= number < 2**31 for number in numbers)


def test_the_payload_for_android() -> None:
    assert json.loads(thunderbird_android.payload(ICLOUD, None)) == [
        1,
        [1, 1],
        [0, "imap.mail.me.com", 993, 3, 1, "jane.appleseed", EMAIL],
        [[[0, "smtp.mail.me.com", 587, 2, 1, EMAIL], [EMAIL, "Jane Appleseed"]]],
    ]
    nameless = dataclasses.replace(ODD, display_name="")
    payload = json.loads(thunderbird_android.payload(nameless, SECRET))
    incoming, (((*outgoing, password), identity),) = payload[2:]
    assert incoming[1:6] == ["i.example", 143, 2, 1, "x<y"]
    assert outgoing == [0, "s.example", 465, 3, 1, "j&n@b.example"]
    assert incoming[-1] == password == SECRET.reveal()
    assert identity == ["j&n@b.example"] * 2, "a name must not be missing"


@pytest.mark.parametrize(
    "change",
    [
        {"display_name": "a\nb"},
        {"address": "jö@icloud.com"},
        {"imap": Server("ü.example", 993, Security.TLS, "j")},
    ],
)
def test_what_the_android_app_does_not_take_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        made("thunderbird-android", dataclasses.replace(ICLOUD, **change))
    assert caught.value.code == "value.unwritable"


def test_the_drawing_has_the_size_and_the_white_border_of_a_code() -> None:
    lines = made("thunderbird-android", secret=SECRET).splitlines()
    assert len({len(line) for line in lines}) == 1
    width = len(lines[0])
    assert (width - 2 * thunderbird_android.BORDER - 17) % 4 == 0
    assert len(lines) == (width + 1) // 2
    assert not "".join(lines[:2]).strip()
    assert not any(line[:4].strip() or line[-4:].strip() for line in lines)


@pytest.mark.parametrize("what", exports.CARD_IDS)
def test_a_card_has_every_value_and_the_client_s_words(what: str) -> None:
    export = exports.get(what)
    assert export.SUPPORT is Support.GUIDE
    text = made(what, dataclasses.replace(ICLOUD, display_name="Jane Q"))
    for value in (EMAIL, "Jane Q", "imap.mail.me.com", "993", "jane.appleseed", "smtp.mail.me.com", "587"):
        if (what, value) != ("outlook-new", "Jane Q"):  # it asks for no name
            assert value in text, value
    assert text.count("(your app-specific password)") >= 2
    assert "(your app-specific password)" not in made(what, secret=SECRET)
    usual = "usual words" in export.ABOUT.proof
    assert ("usual words" in export.export(ICLOUD, None, Options()).next) == usual
    with pytest.raises(UsageError) as caught:
        made(what, dataclasses.replace(ICLOUD, address="a@b\n.example"))
    assert caught.value.code == "value.unwritable"


def test_both_kinds_of_encryption_have_a_word_on_every_card() -> None:
    for what in exports.CARD_IDS:
        text = made(what, ODD)
        for security in Security:
            words = card.read(what).words[security]
            assert words in text
