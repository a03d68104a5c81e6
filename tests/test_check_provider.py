"""What the account's provider means by what its servers say."""

from __future__ import annotations

import pytest

from provisioner.check import Conditions, Target, check_service, exit_code
from provisioner.check.causes import CAUSES
from provisioner.check.rules import RULES, Seen, judge, of_provider
from provisioner.login_causes import LoginRefused
from provisioner.model import Provider, Security
from provisioner.outcome import CheckResult
from provisioner.providers import load_file
from provisioner.resources import data_dir
from provisioner.secret import Secret
from tests.servers import HOST, PASSWORD, Answer, Scenario, Server, client_context
from tests.test_check_servers import QUICK, traces


def profile(name: str) -> Provider:
    return load_file(data_dir("profiles") / f"{name}.yaml")


def run(
    name: str,
    service: str,
    users: tuple[str, ...] = ("a", "b"),
    password: str = PASSWORD,
    **answers: Answer,
) -> tuple[CheckResult, Server]:
    provider = profile(name) if name else None
    security = "tls" if service == "imap" else "starttls"
    with Server(Scenario("", service, security, "", answers)) as server:  # type: ignore[arg-type]
        result = check_service(
            service,  # type: ignore[arg-type]
            Target(HOST, server.port, Security(security), users),
            Secret(password),
            Conditions(
                rule=provider.app_password if provider else None,
                provider=provider,
                timeouts=QUICK,
                context=client_context(),
            ),
        )
    return result, server


FAILED = "{tag} NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"


def test_a_provider_knows_better_what_its_words_mean() -> None:
    result, server = run("gmx-net", "imap", AUTHENTICATE=FAILED)
    assert (result.code, result.confidence) == ("auth.access_off", "likely")  # or the password is wrong
    assert result.next.startswith(
        "Copy the anwendungsspezifisches Passwort again. If it is right: Switch POP3/IMAP on in GMX's"
    )
    assert server.commands.count("AUTHENTICATE") == 2  # it may still have been the user name
    for name in ("", "icloud"):
        assert run(name, "imap", AUTHENTICATE=FAILED)[0].code == "auth.bad_credentials"
    assert run("gmx-net", "smtp", AUTH="535 Authentication failed\r\n")[0].code == "auth.bad_credentials"


@pytest.mark.parametrize(
    ("name", "said", "confidence"),
    [
        ("webde", "authentication failed", "likely"),
        ("mailcom", "[AUTHENTICATIONFAILED] authentication failed", "likely"),
        ("zoho", "[AUTHENTICATIONFAILED] Invalid credentials(Failure)", "likely"),
        ("yandex", "[AUTHENTICATIONFAILED] invalid credentials or IMAP is disabled sc=x", "likely"),
        ("zoho", "[ALERT] You are yet to enable IMAP for your account", "certain"),
    ],
)
def test_what_is_said_of_a_wrong_password_too_is_only_likely(name: str, said: str, confidence: str) -> None:
    result, _ = run(name, "imap", AUTHENTICATE=f"{{tag}} NO {said}\r\n")
    assert (result.code, result.confidence) == ("auth.access_off", confidence)
    assert ("Copy the" in result.next) is (confidence == "likely")


def test_a_providers_limit_ends_the_tries() -> None:
    result, server = run("yahoo", "imap", AUTHENTICATE="{tag} NO [AUTHENTICATIONFAILED] RATE limit HIT\r\n")
    assert result.code == "auth.limit"
    assert server.commands.count("AUTHENTICATE") == 1


@pytest.mark.parametrize("name", ["ionos", "gmx-net", "webde", "mailcom"])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("{tag} NO [UNAVAILABLE] Authentication failed, backend down\r\n", "auth.unavailable"),
        ("{tag} NO [LIMIT] authentication failed: too many logins\r\n", "auth.limit"),
        ("{tag} BAD authentication failed: command unknown\r\n", "proto.bad"),
        ("* BYE [UNAVAILABLE] authentication failed\r\n", "auth.unavailable"),
        ("* BYE Authentication failed: too many invalid login attempts\r\n", "auth.limit"),
    ],
)
def test_words_do_not_overrule_a_code_that_says_more(name: str, answer: str, code: str) -> None:
    result, server = run(name, "imap", AUTHENTICATE=answer, LOGIN=answer)
    assert result.code == code
    assert server.commands.count("AUTHENTICATE") == 1


def test_a_providers_sentence_that_names_all_causes_is_not_taken_for_one_of_them() -> None:
    said = (
        "Login fail. Account is abnormal, service is not open, password is incorrect, "
        "login frequency limited, or system is busy."
    )
    answer: Answer
    for service, command, answer in (
        ("imap", "AUTHENTICATE", f"{{tag}} NO {said}\r\n"),
        ("smtp", "AUTH", f"535 {said}\r\n"),
    ):
        assert run("", service, ("a",), PASSWORD, **{command: answer})[0].code == "auth.access_off"
        result, _ = run("qq", service, ("a",), PASSWORD, **{command: answer})
        assert result.code == "auth.access_off"
        assert result.next.startswith("Copy the authori")
        assert " again. If it is right: Switch the IMAP/SMTP service on" in result.next
    assert (
        run("qq", "imap", AUTHENTICATE=f"{{tag}} NO [UNAVAILABLE] {said}\r\n")[0].code == "auth.unavailable"
    )


def test_the_providers_next_step_goes_when_the_password_looks_wrong() -> None:
    answer = "{tag} NO [AUTHENTICATIONFAILED] Incorrect username or password\r\n"
    right, _ = run("fastmail", "imap", password="abcdefghijklmnop", AUTHENTICATE=answer)
    assert (right.code, right.next[:20]) == ("auth.bad_credentials", "Make an app password")
    wrong, _ = run("fastmail", "imap", password="Summer-2024!", AUTHENTICATE=answer)
    assert wrong.code in ("auth.bad_credentials", "auth.account_password")
    assert wrong.confidence == ("likely" if wrong.code == "auth.account_password" else "certain")


@pytest.mark.parametrize(
    "offer", ["AUTH=XOAUTH2 AUTH=OAUTHBEARER", "LOGINDISABLED", "LOGINDISABLED AUTH=XOAUTH2"]
)
@pytest.mark.parametrize("name", ["yahoo", "aol", "att"])
def test_passwords_are_over_where_plain_is_gone(name: str, offer: str) -> None:
    greeting = f"* OK [CAPABILITY IMAP4rev1 SASL-IR {offer}] hi\r\n"
    result, server = run(name, "imap", GREETING=greeting)
    assert (result.code, exit_code(result.code)) == ("auth.passwords_over", 1)
    assert "browser" in result.next
    assert not any(trace in b"".join(server.inside) for trace in traces(user="a"))
    elsewhere, _ = run("icloud", "imap", GREETING=greeting)
    assert elsewhere.ok or elsewhere.code in ("auth.no_common_method", "auth.disabled_plain")


def test_passwords_are_over_for_sending_too_but_not_on_the_wrong_port() -> None:
    hello = "250-x\r\n250-STARTTLS\r\n250 "
    assert run("yahoo", "smtp", EHLO=hello + "AUTH XOAUTH2\r\n")[0].code == "auth.passwords_over"
    assert run("yahoo", "smtp", EHLO=hello + "PIPELINING\r\n")[0].code == "auth.none_offered"


@pytest.mark.parametrize(("name", "named"), [("netease-163", True), ("icloud", False)])
def test_a_server_that_wants_our_name_gets_it_unasked(name: str, named: bool) -> None:
    greeting = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n"
    result, server = run(name, "imap", GREETING=greeting)
    assert result.ok
    assert ("ID" in server.commands) is named


def test_every_row_leads_to_a_cause_and_can_be_reached() -> None:
    """A row that fits whatever a later one fits hides it."""
    assert {rule.code for rule in RULES} <= CAUSES.keys()
    for number, rule in enumerate(RULES):
        catch_alls = [
            early
            for early in RULES[:number]
            if early.layer == rule.layer
            and early.service in ("", rule.service)
            and not early.words
            and early.status in ("", rule.status)
        ]
        assert not catch_alls, rule
    for layer in ("handshake", "certificate", "offer", "login"):
        assert judge(Seen(layer, "imap", "?", ""))


def test_a_profile_may_name_whatever_the_table_may_say_of_a_refused_login() -> None:
    said = {rule.code for rule in RULES if rule.layer == "login" and rule.code.startswith("auth.")}
    assert said - {"auth.required"} == set(LoginRefused)


def test_texts_of_a_profile_are_no_patterns() -> None:
    (first, *_) = of_provider(profile("zoho"))
    assert first.fits(Seen("login", "imap", "NO", "x Invalid Credentials(failure) x"))
    assert not first.fits(Seen("login", "imap", "NO", "Invalid credentialsFailure"))
    assert of_provider(None) == ()
