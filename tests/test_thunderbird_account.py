"""The account among the preferences: numbers, matching, mending, removal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.clients.thunderbird import account as accounts
from provisioner.clients.thunderbird import folders, removal
from provisioner.clients.thunderbird.account import Edit
from provisioner.clients.thunderbird.view import View
from provisioner.edits import prefsjs
from provisioner.edits.prefsjs import Value
from provisioner.model import Account, Mailboxes, Security, Server, Use
from tests.thunderbird_files import BOB, ICLOUD

Values = dict[str, Value]
BOBS: Values = prefsjs.parse(BOB.encode(), Path("prefs.js")).values


def add(
    values: Mapping[str, Value], account: Account = ICLOUD, *, fresh: bool = False, rename: bool = False
) -> Edit:
    return accounts.add(View(values), account, fresh=fresh, platform="linux", rename=rename)


def remove(values: Mapping[str, Value], account: Account = ICLOUD) -> Edit:
    return removal.remove(View(values), account)


def after(values: Mapping[str, Value], edit: Edit) -> Values:
    return {name: value for name, value in {**values, **edit.prefs}.items() if value is not None}


def branch(values: Mapping[str, Value], prefix: str) -> Values:
    return {
        name.removeprefix(f"{prefix}."): value
        for name, value in values.items()
        if name.startswith(f"{prefix}.")
    }


def test_the_first_account() -> None:
    values = after({}, add({}, fresh=True))
    assert branch(values, "mail.server.server1") == {
        "type": "imap",
        "hostname": "imap.mail.me.com",
        "port": 993,
        "userName": "jane.appleseed",
        "socketType": 3,
        "authMethod": 3,
        "name": "jane.appleseed@icloud.com",
        "login_at_startup": True,
        "check_new_mail": True,
        "trash_folder_name": "Deleted Messages",
        "moveTargetMode": 1,
        "spamActionTargetFolder": "imap://jane.appleseed@imap.mail.me.com/Junk",
    }
    assert branch(values, "mail.smtpserver.smtp1") == {
        "type": "smtp",
        "hostname": "smtp.mail.me.com",
        "port": 587,
        "username": "jane.appleseed@icloud.com",
        "try_ssl": 2,
        "authMethod": 3,
        "description": "iCloud Mail",
    }
    assert branch(values, "mail.identity.id1") == {
        "useremail": "jane.appleseed@icloud.com",
        "fullName": "Jane Appleseed",
        "smtpServer": "smtp1",
        "valid": True,
        "reply_on_top": 1,
        "fcc_folder": "imap://jane.appleseed@imap.mail.me.com/Sent Messages",
        "fcc_folder_picker_mode": "1",
        "draft_folder": "imap://jane.appleseed@imap.mail.me.com/Drafts",
        "drafts_folder_picker_mode": "1",
        "archive_folder": "imap://jane.appleseed@imap.mail.me.com/Archive",
        "archives_folder_picker_mode": "1",
    }
    rest = {
        name: value
        for name, value in values.items()
        if not name.startswith(("mail.server.", "mail.identity."))
    }
    assert {name: value for name, value in rest.items() if not name.startswith("mail.smtpserver.")} == {
        "mail.account.account1.identities": "id1",
        "mail.account.account1.server": "server1",
        "mail.account.lastKey": 1,
        "mail.accountmanager.accounts": "account1",
        "mail.accountmanager.defaultaccount": "account1",
        "mail.rights.version": 1,
        "mail.shell.checkDefaultClient": False,
        "mail.smtp.defaultserver": "smtp1",
        "mail.smtpservers": "smtp1",
    }


def test_next_to_another_account() -> None:
    edit = add(BOBS)
    values = after(BOBS, edit)
    assert not edit.existed
    assert values["mail.account.account6.server"] == "server3"
    assert values["mail.account.account6.identities"] == "id2"
    assert values["mail.identity.id2.smtpServer"] == "smtp2"
    assert values["mail.account.lastKey"] == 6
    assert values["mail.accountmanager.accounts"] == "account1,account6,account2"
    assert values["mail.accountmanager.defaultaccount"] == "account1"
    assert values["mail.smtpservers"] == "smtp1,smtp2"
    assert values["mail.smtp.defaultserver"] == "smtp1"
    assert "mail.rights.version" not in values
    changed = {name for name in BOBS if values[name] != BOBS[name]}
    assert changed == {"mail.account.lastKey", "mail.accountmanager.accounts", "mail.smtpservers"}


def test_numbers_in_use_are_not_taken_even_if_nothing_lists_them() -> None:
    left_over: Values = {
        "mail.server.server1.nextFilterTime": 10,
        "mail.server.server3.type": "none",
        "mail.identity.id1.valid": False,
        "mail.smtpserver.smtp1.hostname": "x",
        "mail.account.account9.server": "server7",
        "mail.account.lastKey": 4,
    }
    values = after(left_over, add(left_over))
    assert values["mail.account.account10.server"] == "server2"
    assert values["mail.account.account10.identities"] == "id2"
    assert values["mail.smtpservers"] == "smtp2"


def test_only_local_folders() -> None:
    local: Values = {
        "mail.account.account1.server": "server1",
        "mail.accountmanager.accounts": "account1",
        "mail.accountmanager.defaultaccount": "account1",
        "mail.server.server1.type": "none",
    }
    values = after(local, add(local))
    assert values["mail.accountmanager.accounts"] == "account2,account1"
    assert values["mail.accountmanager.defaultaccount"] == "account2"


def test_a_second_time_changes_nothing() -> None:
    values = after(BOBS, add(BOBS))
    assert add(values) == Edit({}, existed=True)
    assert add(values, replace(ICLOUD, mailboxes=None)).prefs == {}


def test_a_name_replaces_another_only_where_it_was_given_for_that() -> None:
    values = after(BOBS, add(BOBS))
    other = replace(ICLOUD, display_name="Someone Else")
    assert add(values, other).prefs == {}
    assert add(values, other, rename=True).prefs == {"mail.identity.id2.fullName": "Someone Else"}
    assert add(values, replace(ICLOUD, display_name=""), rename=True).prefs == {}


def test_what_thunderbird_leaves_out_because_it_is_implied() -> None:
    values = after(BOBS, add(BOBS))
    for name in (
        "mail.server.server3.authMethod",
        "mail.server.server3.port",
        "mail.smtpserver.smtp2.authMethod",
    ):
        del values[name]
    assert add(values).prefs == {}
    values["mail.server.server3.socketType"] = 2
    assert add(values).prefs == {"mail.server.server3.socketType": 3, "mail.server.server3.port": 993}


@pytest.mark.parametrize("username", ["jane.appleseed", "jane.appleseed@icloud.com", "Jane.Appleseed"])
def test_a_changed_user_name_is_mended_and_its_login_goes(username: str) -> None:
    old = replace(ICLOUD, imap=replace(ICLOUD.imap, username=username))
    values = after(BOBS, add(BOBS, old))
    new = replace(ICLOUD, imap=replace(ICLOUD.imap, username="jane.appleseed+"))
    edit = add(values, new)
    assert edit.existed
    assert edit.stale == (("imap://imap.mail.me.com", username),)
    mended = after(values, edit)
    assert mended["mail.server.server3.userName"] == "jane.appleseed+"
    assert mended["mail.identity.id2.fcc_folder"] == "imap://jane.appleseed%2B@imap.mail.me.com/Sent Messages"
    assert len(mended) == len(values)


def test_of_two_similar_accounts_the_exact_one_is_meant() -> None:
    first = after({}, add({}, replace(ICLOUD, address="j@me.com", imap=replace(ICLOUD.imap, username="j"))))
    both = after(first, add(first))
    both["mail.server.server1.userName"] = "jane.appleseed@icloud.com"
    assert add(both).prefs == {}


def test_an_outgoing_server_that_others_use_is_not_changed() -> None:
    values = after(BOBS, add(BOBS, replace(ICLOUD, smtp=replace(ICLOUD.smtp, host="old.example"))))
    mended = add(values).prefs
    assert mended == {"mail.smtpserver.smtp2.hostname": "smtp.mail.me.com"}
    shared = values | {"mail.identity.id1.smtpServer": "smtp2"}
    kept = after(shared, add(shared))
    assert kept["mail.smtpserver.smtp2.hostname"] == "old.example"
    assert kept["mail.identity.id2.smtpServer"] == "smtp3"
    assert kept["mail.smtpserver.smtp3.hostname"] == "smtp.mail.me.com"


def test_an_account_of_the_same_address_moves_to_new_servers() -> None:
    old = replace(
        ICLOUD,
        imap=Server("old.example", 143, Security.STARTTLS, "jane"),
        smtp=Server("old.example", 465, Security.TLS, "jane.appleseed"),
    )
    values = after(BOBS, add(BOBS, old))
    edit = add(values)
    assert after(values, edit) == after(BOBS, add(BOBS)) | {
        "mail.smtpserver.smtp2.description": "iCloud Mail"
    }
    assert set(edit.stale) == {("imap://old.example", "jane"), ("smtp://old.example", "jane.appleseed")}


def test_an_account_with_oauth_is_changed_to_a_password() -> None:
    values = after(BOBS, add(BOBS)) | {
        "mail.server.server3.authMethod": 10,
        "mail.smtpserver.smtp2.authMethod": 10,
    }
    assert add(values).prefs == {"mail.server.server3.authMethod": 3, "mail.smtpserver.smtp2.authMethod": 3}


def test_the_users_own_settings_stay() -> None:
    own: Values = {
        "mail.server.server3.name": "Private",
        "mail.server.server3.login_at_startup": False,
        "mail.server.server3.trash_folder_name": "Bin",
        "mail.identity.id2.fullName": "J. A.",
        "mail.identity.id2.fcc_folder": "mailbox://nobody@Local%20Folders/Sent",
        "mail.identity.id2.fcc_folder_picker_mode": "0",
        "mail.smtpserver.smtp2.description": "mine",
    }
    values = after(BOBS, add(BOBS)) | own
    assert add(values).prefs == {}


def test_missing_folders_of_an_existing_account_are_filled_in() -> None:
    values = after(BOBS, add(BOBS, replace(ICLOUD, mailboxes=None)))
    assert not any("fcc_folder" in name for name in values)
    filled = after(values, add(values))
    assert filled["mail.identity.id2.fcc_folder_picker_mode"] == "1"
    assert str(filled["mail.identity.id2.archive_folder"]).endswith("/Archive")
    assert filled["mail.server.server3.trash_folder_name"] == "Deleted Messages"


def test_another_account_that_can_also_send_from_the_address_is_not_taken() -> None:
    alias: Values = {
        "mail.account.account1.identities": "id1,id7",
        "mail.identity.id7.useremail": "jane.appleseed@icloud.com",
    }
    edit = add(BOBS | alias)
    assert not edit.existed
    assert "mail.server.server1.hostname" not in edit.prefs


def test_a_pop3_account_of_the_same_address_stays_beside() -> None:
    values: Values = BOBS | {
        "mail.server.server1.type": "pop3",
        "mail.server.server1.hostname": "imap.mail.me.com",
        "mail.server.server1.userName": "jane.appleseed",
        "mail.identity.id1.useremail": "jane.appleseed@icloud.com",
    }
    assert not add(values).existed


def test_an_alias_becomes_another_identity_and_goes_alone() -> None:
    values = after(BOBS, add(BOBS))
    alias = replace(ICLOUD, address="jane@me.com")
    both = after(values, add(values, alias))
    assert both["mail.account.account6.identities"] == "id2,id3"
    assert both["mail.identity.id3.smtpServer"] == "smtp2"
    edit = remove(both, alias)
    assert edit.others
    assert edit.stale == ()
    assert after(both, edit) == values


def test_removal_leaves_what_was_there_before() -> None:
    values = after(BOBS, add(BOBS))
    edit = remove(values)
    assert after(values, edit) == BOBS | {"mail.account.lastKey": 6}
    assert set(edit.stale) == set(accounts.logins(ICLOUD))


def test_removal_of_the_only_account() -> None:
    values = after({}, add({}))
    assert after(values, remove(values)) == {"mail.account.lastKey": 1}


def test_removal_takes_what_thunderbird_added() -> None:
    values = after(BOBS, add(BOBS)) | {
        "mail.server.server3.directory-rel": "[ProfD]ImapMail/imap.mail.me.com",
        "mail.server.server3.spamActionTargetAccount": "imap://jane.appleseed@imap.mail.me.com",
        "mail.smtpserver.smtp2.clientid": "x",
        "mail.server.server33.type": "rss",
    }
    left = after(values, remove(values))
    assert set(left) - set(BOBS) == {"mail.server.server33.type"}


def test_removal_hands_the_defaults_on() -> None:
    first = after({}, add({}))
    bob = replace(ICLOUD, address="bob@example.org", imap=replace(ICLOUD.imap, host="i", username="bob"))
    bob = replace(bob, smtp=replace(ICLOUD.smtp, host="s", username="bob"))
    both = after(first, add(first, bob))
    left = after(both, remove(both))
    assert left["mail.accountmanager.defaultaccount"] == "account2"
    assert left["mail.smtp.defaultserver"] == "smtp2"


def test_an_outgoing_server_that_only_an_added_identity_uses_stays() -> None:
    """It has nothing to do with ours, and neither has its password."""
    values = after(BOBS, add(BOBS)) | {
        "mail.account.account6.identities": "id2,id3",
        "mail.identity.id3.useremail": "jane@work.example",
        "mail.identity.id3.smtpServer": "smtp3",
        "mail.smtpservers": "smtp1,smtp2,smtp3",
        "mail.smtpserver.smtp3.hostname": "smtp.work.example",
        "mail.smtpserver.smtp3.username": "jane",
    }
    edit = remove(values)
    assert edit.added == ("the identity jane@work.example",)
    assert ("smtp://smtp.work.example", "jane") not in edit.stale
    left = after(values, edit)
    assert left["mail.smtpservers"] == "smtp1,smtp3"
    assert "mail.identity.id3.useremail" not in left


def test_an_outgoing_server_that_another_identity_uses_stays() -> None:
    values = after(BOBS, add(BOBS)) | {"mail.identity.id1.smtpServer": "smtp2"}
    edit = remove(values)
    left = after(values, edit)
    assert left["mail.smtpserver.smtp2.hostname"] == "smtp.mail.me.com"
    assert left["mail.smtpservers"] == "smtp1,smtp2"
    assert edit.stale == (("imap://imap.mail.me.com", "jane.appleseed"),)


def relying(**more: Value) -> Values:
    """Bob's account names no outgoing server, so it sends by the default one."""
    values = BOBS | {f"mail.{name.replace('__', '.')}": value for name, value in more.items()}
    del values["mail.identity.id1.smtpServer"]
    return values


def without_servers() -> Values:
    names = ("mail.smtp.defaultserver", "mail.smtpservers", "mail.smtpserver.")
    return {name: value for name, value in relying().items() if not name.startswith(names)}


def test_an_account_that_sends_by_the_default_server_keeps_its_own() -> None:
    """The default one of before is never replaced, so it need not be put back."""
    values = after(relying(), add(relying()))
    assert values["mail.smtp.defaultserver"] == "smtp1"
    edit = remove(values)
    assert (edit.orphans, edit.heir) == ((), "smtp1")
    assert after(values, edit) == relying() | {"mail.account.lastKey": 6}


@pytest.mark.parametrize("default", ["smtp2", None])
def test_an_account_that_sent_by_ours_as_the_default_gets_another(default: str | None) -> None:
    """The person has made it the default one since, or it is the first and nothing says otherwise."""
    values = after(relying(), add(relying())) | {"mail.smtpservers": "smtp2,smtp3,smtp1"}
    values |= {"mail.smtpserver.smtp3.hostname": "smtp.third.example", "mail.smtpserver.smtp3.username": "x"}
    del values["mail.smtp.defaultserver"]
    if default:
        values["mail.smtp.defaultserver"] = default
    edit = remove(values)
    assert (edit.orphans, edit.heir) == (("bob@example.org",), "smtp1")  # bob's, by its user name
    left = after(values, edit)
    assert left["mail.smtp.defaultserver"] == "smtp1"
    assert left["mail.smtpservers"] == "smtp3,smtp1"
    assert not branch(left, "mail.smtpserver.smtp2")


def test_an_account_that_is_left_without_an_outgoing_server() -> None:
    values = after(without_servers(), add(without_servers()))
    assert values["mail.smtp.defaultserver"] == "smtp1"
    edit = remove(values)
    assert (edit.orphans, edit.heir) == (("bob@example.org",), "")
    assert set(edit.stale) == set(accounts.logins(ICLOUD))
    assert after(values, edit) == without_servers() | {"mail.account.lastKey": 6}


def test_an_address_beside_ours_that_sends_by_our_server_as_the_default_one_keeps_it() -> None:
    other = replace(ICLOUD, address="jane@me.com")
    first = after({}, add({}, other))
    both = after(first, add(first))
    del both["mail.identity.id1.smtpServer"]
    edit = remove(both)
    assert edit.others
    left = after(both, edit)
    assert left["mail.smtpserver.smtp1.hostname"] == "smtp.mail.me.com"
    assert (edit.orphans, edit.stale) == ((), ())


def test_removal_of_what_is_not_there() -> None:
    assert remove(BOBS) == Edit({}, existed=False, stale=accounts.logins(ICLOUD))


def test_two_accounts_share_no_number() -> None:
    one = after({}, add({}))
    two = after(
        one, add(one, replace(ICLOUD, address="b@c.d", imap=replace(ICLOUD.imap, host="x", username="b")))
    )
    assert two["mail.accountmanager.accounts"] == "account1,account2"
    assert {two["mail.account.account1.server"], two["mail.account.account2.server"]} == {
        "server1",
        "server2",
    }


def boxes(delimiter: str = "/", **names: str) -> Account:
    uses = {Use(use): name for use, name in names.items()}
    return replace(ICLOUD, mailboxes=Mailboxes(uses, delimiter=delimiter, seen=True))


def test_only_mailboxes_that_exist_are_named() -> None:
    found = folders.of(boxes(sent="Sent Items"))
    assert found.identity == {
        "fcc_folder": "imap://jane.appleseed@imap.mail.me.com/Sent Items",
        "fcc_folder_picker_mode": "1",
    }
    assert (found.trash, found.junk) == ("", "")
    assert "mail.server.server1.moveTargetMode" not in add({}, boxes(sent="Sent Items")).prefs


def test_a_server_that_says_itself_which_mailbox_is_which() -> None:
    names = Mailboxes({Use.SENT: "Sent"}, special_use=True, seen=True)
    assert folders.of(replace(ICLOUD, mailboxes=names)) == folders.Folders()
    assert folders.of(replace(ICLOUD, mailboxes=None)) == folders.Folders()


def test_folder_names_as_on_the_wire() -> None:
    found = folders.of(boxes(".", sent="INBOX.Gesendet & 100%", trash="INBOX.Bin", junk="Spam.é"))
    uri = "imap://jane.appleseed@imap.mail.me.com"
    assert found.identity["fcc_folder"] == f"{uri}/INBOX/Gesendet &- 100%25"
    assert found.trash == "INBOX/Bin"
    assert found.junk == f"{uri}/Spam/&AOk-"


@pytest.mark.parametrize("name", ["Gelöscht", "Gone & over"])
def test_a_trash_that_thunderbird_would_forget_is_left_to_the_user(name: str) -> None:
    account = boxes(trash=name)
    assert folders.of(account) == folders.Folders(unsettable_trash=name)
    assert not any("trash" in name for name in add({}, account).prefs)


def test_a_name_that_no_path_can_say_is_left_out() -> None:
    assert folders.of(boxes(".", sent="A/B", trash="x/y")) == folders.Folders()


@pytest.mark.parametrize(
    ("username", "encoded"),
    [
        ("jane@icloud.com", "jane%40icloud.com"),
        ("a+b~c d/é", "a%2Bb%7Ec%20d%2F%C3%A9"),
        ("a*b-c_d.e", "a*b-c_d.e"),
    ],
)
def test_user_names_in_uris(username: str, encoded: str) -> None:
    assert folders.server_uri(username, "h") == f"imap://{encoded}@h"


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@given(TEXTS, TEXTS)
def test_hostile_names_reach_thunderbird_as_they_are(name: str, username: str) -> None:
    account = replace(ICLOUD, display_name=name, imap=replace(ICLOUD.imap, username=username))
    edit = add({}, account)
    text = prefsjs.parse(b"", Path("p")).edit(edit.prefs)
    values = prefsjs.parse(text, Path("p")).values
    assert values["mail.identity.id1.fullName"] == name
    assert values["mail.server.server1.userName"] == username
    assert add(values, account).prefs == {}
