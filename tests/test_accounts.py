"""From an address and options to the servers and user names that may be tried."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.accounts import Candidate, Wish, check_label, parse_address, parse_server, resolve
from provisioner.errors import ProvisionError, UsageError
from provisioner.host import Host
from provisioner.model import Security, Use
from provisioner.providers import load_all

PROVIDERS = load_all(Host(home=Path("/nonexistent"))).values()


def candidate(address: str = "jane.appleseed@icloud.com", **kw: str) -> Candidate:
    return resolve(Wish(address, **kw), PROVIDERS)


def test_icloud_takes_the_local_part_for_imap_and_the_address_for_smtp() -> None:
    found = candidate()
    assert (found.imap.host, found.imap.port, found.imap.security) == ("imap.mail.me.com", 993, Security.TLS)
    assert found.imap.usernames == ("jane.appleseed", "jane.appleseed@icloud.com")
    assert (found.smtp.host, found.smtp.port, found.smtp.security) == (
        "smtp.mail.me.com",
        587,
        Security.STARTTLS,
    )
    assert found.smtp.usernames == ("jane.appleseed@icloud.com",)
    account = found.account()
    assert account.imap.username == "jane.appleseed"
    assert account.mailboxes is not None
    assert account.mailboxes.names[Use.SENT] == "Sent Messages"
    assert not account.mailboxes.seen


@pytest.mark.parametrize("domain", ["icloud.com", "me.com", "mac.com", "iCloud.COM"])
def test_the_provider_is_found_by_domain(domain: str) -> None:
    found = candidate(f"j@{domain}")
    assert found.provider is not None
    assert found.provider.id == "icloud"


def test_custom_domain_with_another_login() -> None:
    found = candidate("jane@example.org", provider="icloud", login="jane.appleseed@icloud.com")
    assert found.imap.usernames == ("jane.appleseed", "jane.appleseed@icloud.com")
    assert found.smtp.usernames == ("jane.appleseed@icloud.com",)
    assert found.caldav is not None
    assert found.caldav.username == "jane.appleseed@icloud.com"
    assert found.account().address == "jane@example.org"


def test_bare_login_is_completed_only_where_the_server_wants_an_address() -> None:
    found = candidate("jane@example.org", provider="icloud", login="jane.appleseed")
    assert found.imap.usernames == ("jane.appleseed",)
    assert found.smtp.usernames == ("jane.appleseed@icloud.com",)
    assert candidate("jane@me.com", login="jj").smtp.usernames == ("jj@me.com",)


def test_smtp_login_is_separate() -> None:
    found = candidate(login="a@icloud.com", smtp_login="b@icloud.com")
    assert found.imap.usernames == ("a", "a@icloud.com")
    assert found.smtp.usernames == ("b@icloud.com",)


def test_servers_without_a_profile() -> None:
    found = candidate("j@example.org", imap="mail.example.org", smtp="mail.example.org:587")
    assert (found.imap.port, found.imap.security) == (993, Security.TLS)
    assert (found.smtp.port, found.smtp.security) == (587, Security.STARTTLS)
    assert found.imap.usernames == ("j@example.org", "j")
    assert found.account().mailboxes is None
    login = candidate("j@example.org", imap="a.b", smtp="a.b", login="DOMAIN\\jane")
    assert login.imap.usernames == ("DOMAIN\\jane",)


def test_security_decides_the_port_and_the_port_the_security() -> None:
    found = candidate("j@example.org", imap="a.b:143", smtp="a.b", smtp_security="starttls")
    assert (found.imap.port, found.imap.security) == (143, Security.STARTTLS)
    assert (found.smtp.port, found.smtp.security) == (587, Security.STARTTLS)
    odd = candidate("j@example.org", imap="a.b:10143", imap_security="starttls", smtp="[::1]:465")
    assert (odd.imap.port, odd.imap.security) == (10143, Security.STARTTLS)
    assert (odd.smtp.host, odd.smtp.port, odd.smtp.security) == ("::1", 465, Security.TLS)


def test_options_override_a_profile() -> None:
    found = candidate(imap="proxy.example.org:1993")
    assert (found.imap.host, found.imap.port) == ("proxy.example.org", 1993)
    assert found.imap.usernames[0] == "jane.appleseed"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "jane",
        "@icloud.com",
        "jane@",
        "jane@icloud",
        "a b@icloud.com",
        "jane@@icloud.com",
        "a@b@icloud.com",
        "jane@icloud..com",
        "jane@-x.com",
        ".jane@icloud.com",
        "jane.@icloud.com",
        "jane@icloud.com\nx",
        "j\0@icloud.com",
        "x" * 65 + "@icloud.com",
        "jane@" + "x" * 64 + ".com",
        'ja"ne@icloud.com',
        "jane@icloud.com>",
        "jané@icloud.com",
    ],
)
def test_malformed_addresses_are_refused_in_one_sentence(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(address)
    assert caught.value.code == "address.invalid"
    assert caught.value.hint


def test_an_international_domain_is_encoded() -> None:
    assert parse_address("jane@bücher.example") == ("jane", "xn--bcher-kva.example")


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        local, domain = parse_address(text)
    except UsageError:
        return
    assert local.isascii()
    assert domain.isascii()
    assert not any(char.isspace() or ord(char) < 32 for char in local + domain)


@pytest.mark.parametrize(
    "server", ["", "a b", "a:b", "a:0", "a:65536", "::1", "http://x", "x/y", "-x.y", "[x]:1", "a:993:1"]
)
def test_malformed_servers_are_refused(server: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_server(server, "--imap")
    assert caught.value.code == "server.invalid"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (Wish("j@example.org"), "provider.unknown"),
        (Wish("j@example.org", imap="a.b"), "provider.unknown"),
        (Wish("j@icloud.com", provider="nope"), "provider.unknown"),
        (Wish("j@icloud.com", login=" "), "login.invalid"),
        (Wish("j@icloud.com", login="a\nb"), "login.invalid"),
        (Wish("j@icloud.com", name="a\nb"), "name.invalid"),
        (Wish("j@icloud.com", name="a\0b"), "name.invalid"),
        (Wish("j@icloud.com", name="x" * 10_000), "name.invalid"),
    ],
)
def test_refusals(wish: Wish, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(wish, PROVIDERS)
    assert caught.value.code == code


def test_a_name_may_be_strange_but_stays_as_it_is() -> None:
    name = 'Jané "J" \\ O\'Neill `$(x)` {{ y }} 🍏 \u202eabc'
    assert candidate(name=name).display_name == name


@pytest.mark.parametrize("address", ["jane@outlook.com", "jane@hey.com", "jane@proton.me"])
def test_where_no_password_can_log_in_none_is_asked_for(address: str) -> None:
    with pytest.raises(ProvisionError) as caught:
        resolve(Wish(address), PROVIDERS)
    assert caught.value.code == "provider.refuses"
    assert caught.value.hint
    resolve(Wish(address, imap="127.0.0.1:1143", smtp="127.0.0.1:1025"), PROVIDERS)


def test_a_provider_without_domains_of_its_own() -> None:
    found = resolve(Wish("jane@example.org", provider="google-workspace", login="joe"), PROVIDERS)
    assert found.imap.usernames == ("joe@example.org",)


@pytest.mark.parametrize(
    "label", ["Lapt\u202eop", "Lap\u200btop", "\ufeffLaptop", "a\u2028b", "a\nb", "x" * 257, "  ", "\u3000"]
)
def test_a_label_that_is_not_what_it_looks_like_is_refused(label: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_label(label)
    assert caught.value.code == "label.invalid"
    assert caught.value.message.isprintable()
    assert caught.value.hint


@pytest.mark.parametrize("label", ["Laptop (imac)", "Jané’s 💻", "👩\u200d👧", "טלפון"])
def test_a_label_of_any_language_is_taken(label: str) -> None:
    check_label(label)
