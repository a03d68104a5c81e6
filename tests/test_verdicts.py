"""The table of verdicts judges every scenario by words, and shows no password."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import verdicts
from tests.needs import need
from tests.servers import PASSWORD, authority
from tests.test_check_servers import SCENARIOS

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def test_every_cause_of_a_scenario_has_words() -> None:
    assert {scenario.code for scenario in SCENARIOS} <= verdicts.WORDS.keys()


@pytest.mark.parametrize(
    ("program", "scenario", "named"),
    [
        ("curl", "imap-login-unavailable", True),
        ("curl", "imap-cert-expired", True),
        ("curl", "smtp-tls-on-plain-port", False),
        ("openssl", "imap-cert-self-signed", True),
        ("openssl", "imap-login-expired", False),
        (sys.executable, "imap-login-limit", True),
    ],
)
def test_a_peer_is_judged_by_what_it_prints(
    program: str, scenario: str, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(shutil.which(program) is not None, f"{program} is not installed")
    monkeypatch.setattr(verdicts, "SECONDS", 20)
    ca = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(ca))
    peer = next(peer for peer in verdicts.PEERS if peer.program == program)
    verdict = verdicts.judge(peer, BY_NAME[scenario], str(ca))
    assert (verdict.named, verdict.tried) == (named, True), verdict
    assert PASSWORD not in verdict.words


def test_what_cannot_be_tried_does_not_count() -> None:
    library = next(peer for peer in verdicts.PEERS if peer.name == "imapclient")
    assert not verdicts.judge(library, BY_NAME["smtp-silent"], "").tried


def test_ours_is_judged_by_the_exact_code() -> None:
    scenario = BY_NAME["imap-login-limit"]
    assert verdicts.ours(scenario) == verdicts.Verdict("auth.limit", named=True)
    assert not verdicts.ours(replace(scenario, code="auth.unavailable")).named
