"""Second looks: name service, search domain, clock, and a network that answers for everybody."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from provisioner.check import Conditions, Target, Timeouts, check_login, check_service, second
from provisioner.check.diagnosis import Fault
from provisioner.model import Provider, Security
from provisioner.outcome import CheckResult
from provisioner.providers import load_file
from provisioner.resources import data_dir
from provisioner.secret import Secret
from tests.servers import HOST, PASSWORD, USER, Answer, Scenario, Server, client_context, hang
from tests.test_check_reach import closed_port
from tests.test_check_servers import QUICK, traces

NO, NONE = socket.EAI_NONAME, socket.EAI_AGAIN


def names(monkeypatch: pytest.MonkeyPatch, **known: str | int) -> None:
    """What the resolver says: a canonical name, or an error; `other` for all that is not named."""

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        said = known.get(host.replace(".", "_").replace("-", "__"), known.get("other", NO))
        if isinstance(said, int):
            raise socket.gaierror(said, "no")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, said, ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def icloud() -> Provider:
    return load_file(data_dir("profiles") / "icloud.yaml")


def run(imap: str, smtp: str, port: int = 993, provider: Provider | None = None) -> dict[str, CheckResult]:
    targets: dict[Literal["imap", "smtp"], Target] = {
        "imap": Target(imap, port, Security.TLS, (USER,)),
        "smtp": Target(smtp, port, Security.TLS, (USER,)),
    }
    results = check_login(
        targets,
        Secret(PASSWORD),
        Conditions(provider=provider, timeouts=Timeouts.of(20), context=client_context()),
    )
    return {str(service): result for service, result in results.items()}


def test_a_misspelt_name_is_told_from_being_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, imap_mail_me_com="imap.mail.me.com")
    results = run("imap.gmial.com", "smtp.gmial.com", provider=icloud())
    for service, host in (("imap", "imap.gmial.com"), ("smtp", "smtp.gmial.com")):
        result = results[service]
        assert result.code == "net.dns"
        assert result.message.endswith("; imap.mail.me.com is found, so the name is probably misspelt.")
        assert result.next == f"Check the spelling of {host}."


@pytest.mark.parametrize(("own", "other"), [(NONE, NONE), (NO, NONE)])
def test_no_name_server_at_all(monkeypatch: pytest.MonkeyPatch, own: int, other: int) -> None:
    names(monkeypatch, imap_gmial_com=own, other=other)
    result = run("imap.gmial.com", "smtp.elsewhere.example")["imap"]
    assert result.code == "net.dns"
    assert "probably offline" in result.message
    assert result.next == "Check the internet connection."


def test_names_of_one_domain_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch)
    result = run("imap.gmial.com", "smtp.gmial.com")["imap"]
    assert result.message == "The server name imap.gmial.com does not exist or could not be looked up."
    assert "smtp.other.example" in run("imap.gmial.com", "smtp.other.example")["imap"].message


def test_a_search_domain_that_makes_up_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    trap = "imap.gmial.com.corp.example"
    names(monkeypatch, imap_gmial_com=trap, other=NO)
    port = closed_port()
    result = run("imap.gmial.com", "smtp.gmial.com", port)["imap"]
    assert result.code == "net.search_domain"
    assert trap in result.message
    for known in (
        {"imap_gmial_com": "imap.gmial.com"},  # from the hosts file
        {"imap_gmial_com": trap, "imap_gmial_com_": "imap.gmial.com"},  # the name exists
        {"imap_gmial_com": trap, "imap_gmial_com_": NONE},
    ):
        names(monkeypatch, **known)
        assert run("imap.gmial.com", "smtp.gmial.com", port)["imap"].code == "net.refused"


@pytest.mark.parametrize("host", ["localhost", "mail", "127.0.0.1", "::1", "imap.example."])
def test_names_that_no_search_domain_is_added_to(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(second, "resolve", lambda *_: pytest.fail("looked up"))
    assert second.search_domain(host, 0) == ""


def test_the_clock_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    assert second.plausible(now)
    assert second.plausible(now + timedelta(days=1000))
    assert not second.plausible(now - timedelta(days=1000))
    assert not second.plausible(now + timedelta(days=5000))
    monkeypatch.setattr(second, "_now", lambda: datetime(2019, 1, 1, tzinfo=UTC))
    for kind, code in (("future", "tls.cert_not_yet_valid"), ("expired", "tls.cert_expired")):
        with Server(Scenario("", "imap", "tls", code, certificate=kind)) as server:
            result = check_service(
                "imap",
                Target(HOST, server.port, Security.TLS, (USER,)),
                Secret(PASSWORD),
                Conditions(timeouts=QUICK, context=client_context()),
            )
        assert result.code == code
        assert "this computer's clock says 2019-01-01, which must be wrong." in result.message
        assert result.next.startswith("Set this computer's date")


@pytest.mark.parametrize(
    ("greeting", "code"), [(hang, "net.captive_portal"), ("* OK hi\r\n", "tls.cert_wrong_host")]
)
def test_one_certificate_everywhere_and_no_mail_is_a_captive_portal(greeting: Answer, code: str) -> None:
    scenario = Scenario("", "imap", "tls", code, {"GREETING": greeting}, certificate="other-host")
    with Server(scenario) as one, Server(scenario) as two:
        targets: dict[Literal["imap", "smtp"], Target] = {
            "imap": Target(HOST, one.port, Security.TLS, (USER,)),
            "smtp": Target(HOST, two.port, Security.TLS, (USER,)),
        }
        results = check_login(
            targets, Secret(PASSWORD), Conditions(timeouts=Timeouts.of(20), context=client_context())
        )
    assert {result.code for result in results.values()} == {code}
    assert all("elsewhere.example" in result.message for result in results.values())
    assert not any(trace in b"".join(one.inside + two.inside) for trace in traces())


def test_one_such_server_alone_is_no_captive_portal() -> None:
    fault = Fault("tls.cert_wrong_host", names="x", issuer="y")
    assert second.refused_certificate(fault) == "x / y"
    assert second.refused_certificate(Fault("tls.cert_wrong_host", names="x", issuer="y", talks="IMAP")) == ""
    assert second.refused_certificate(Fault("net.dns")) == ""
