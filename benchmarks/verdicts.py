"""What we and other programs say about each failing server of the tests: a table, and who names how many.

A peer names a cause if it does not end as if all were well (exit code 0) and if anything that it prints, the
server's own words that it passes on included, has one of the words that WORDS lists for it. That is generous:
it does not matter where the words stand, nor what else is said. Ours has to give exactly the code that the
test wants. Every server is on loopback and knows only a password that is made up for it; some peers take it
as an argument.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from provisioner.check import Timeouts
from tests.servers import HOST, PASSWORD, USER, Scenario, Server, authority
from tests.test_check_servers import BOMBS, QUICK, SCENARIOS, run

SECONDS = 2
"""For each peer and server."""
PLUGINS = Path("/usr/lib/nagios/plugins")
"""Debian's monitoring-plugins-basic."""
_CUT = (
    r"clos|reset|(reading|recv\(\)) failed|\beof\b|empty reply|disconnect|broken pipe|abort|connection lost"
)
_LATE = r"time(d)?[- ]?out"
WORDS = {
    "greet.timeout": _LATE,
    "greet.dropped": _CUT,
    "greet.bye": "too many|not today",
    "greet.busy": r"\b421\b|try later|enough",
    "greet.rejected": r"listed|go away|\b55[04]\b",
    "greet.not_mail": "HTTP/|not a|hello there|ssh|ftp|weird|unexpected|not IMAP|invalid",
    "greet.wrong_protocol": r"ESMTP|POP3|IMAP4 ready|220 mail|unexpected|not IMAP|not SMTP",
    "greet.preauth": "preauth",
    "tls.plaintext_on_tls_port": "wrong.version.number|not TLS|packet length|plain ?text|record layer",
    "tls.tls_on_plain_port": "expects TLS|TLS alert|is TLS|wants TLS",
    "tls.cert_expired": "expired",
    "tls.cert_not_yet_valid": "not yet valid",
    "tls.cert_wrong_host": "(host ?name|subject).{0,40}(mismatch|not match)|no alternative.{0,30}name",
    "tls.cert_self_signed": "self[- ]signed certificate(?! in)",
    "tls.cert_unknown_ca": "unable to get.{0,10}issuer|unknown ca|self[- ]signed certificate in",
    "tls.cert_incomplete_chain": "incomplete|unable to verify the first certificate|intermediate",
    "tls.cert_intercepted": "avast",
    "tls.too_old": "protocol.version|unsupported.protocol|TLSv1\\.[01]|legacy.sigalg",
    "tls.alert": "alert|no shared cipher|unrecognized",
    "tls.aborted": _CUT + "|unexpected eof|errno=104|syscall",
    "tls.failed": "SSL|TLS",
    "starttls.not_offered": r"starttls.{0,30}(not|no|n't)|no starttls|didn't find STARTTLS",
    "starttls.stripped": "XXXX",
    "starttls.refused": r"\b(454|421)\b|not now|starttls.{0,20}(denied|fail|refus)",
    "starttls.injected": "inject|unencrypted|before (the )?(TLS|handshake)|unexpected.{0,20}data|pipelin",
    "auth.disabled_plain": "logindisabled|login.{0,20}disabled",
    "auth.none_offered": "auth.{0,30}not (supported|offered)|not support auth|no auth",
    "auth.no_common_method": "xoauth2|gssapi|no (known|common|suitable).{0,20}(auth|mech)",
    "auth.bad_credentials": r"authenticationfailed|authentication failed|login denied|\b535\b|\bNO\b no",
    "auth.app_password_required": "application-specific",
    "auth.web_login": "web (login|browser)",
    "auth.method_off": "basic authentication is disabled|5\\.7\\.139|too weak",
    "auth.not_authorized": "authorizationfailed",
    "auth.expired": "expired",
    "auth.privacy_required": "privacyrequired|more encryption|\\b538\\b",
    "auth.contact_admin": "contactadmin|blocked",
    "auth.unavailable": "unavailable|temporary|server down",
    "auth.access_off": "enable imap",
    "auth.transition": "transition",
    "auth.limit": r"\[limit\]|too many|slow down|throttled",
    "auth.in_use": "inuse|locked",
    "auth.elsewhere": "referral",
    "auth.required": "authentication required|\\b530\\b",
    "auth.method_broken": r"\[cannot\]|no mechanism",
    "auth.refused": "sunday|pop before",
    "proto.bad": r"\bBAD\b|\b501\b",
    "proto.dropped": _CUT,
    "proto.bye": r"shutting down|enough|not today|\bbye\b",
    "proto.stalled": _LATE,
    "proto.too_long": "too (long|large|big)|more than|exceed|limit|oversize",
    "proto.garbled": "unexpected|invalid|malformed|weird|parse|garbl|bad (response|reply|server)|not valid",
    "box.no_inbox": r"no such mailbox|nonexistent|\[noperm\]|\bBAD no\b",
    "box.unavailable": r"\[(unavailable|serverbug)\]|unavailable",
    "box.id_wanted": "unsafe login",
}
_LIBRARY = """
import ssl, sys, imapclient
host, port, ca, tls, user, password = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
client = imapclient.IMAPClient(host, int(port), ssl=tls == "tls", ssl_context=context, timeout=float(1.5))
if tls != "tls": client.starttls(context)
client.login(user, password)
client.select_folder("INBOX", readonly=True)
print(len(client.list_folders()), "folders: OK")
"""
"""As in programs that copy mail: one step after the other, errors as they come."""


@dataclass(frozen=True)
class Peer:
    """`command`: what is run against a scenario on a port, with the file of authorities; None: it cannot."""

    name: str
    program: str
    command: Callable[[Scenario, int, str], list[str] | None]

    @property
    def missing(self) -> str:
        return "" if shutil.which(self.program) else f"{self.program} is not installed"


def _curl(scenario: Scenario, port: int, ca: str) -> list[str]:
    secure = ["--ssl-reqd"] if scenario.security == "starttls" else []
    scheme = scenario.service + ("s" if scenario.security == "tls" else "")
    ask = ["-X", "EXAMINE INBOX"] if scenario.service == "imap" else ["-X", "NOOP"]
    login = ["-u", f"{USER}:{PASSWORD}", "--cacert", ca, "-o", "/dev/null"]
    return ["curl", "-sS", "-v", "-m", "1.5", *secure, *login, *ask, f"{scheme}://{HOST}:{port}/"]


def _openssl(scenario: Scenario, port: int, ca: str) -> list[str]:
    """It knows no logins: it comes as far as TLS, and shows the greeting."""
    plain = ["-starttls", scenario.service] if scenario.security == "starttls" else []
    strict = ["-CAfile", ca, "-verify_hostname", HOST, "-verify_return_error"]
    return ["openssl", "s_client", "-brief", "-connect", f"{HOST}:{port}", *plain, *strict]


def _library(scenario: Scenario, port: int, ca: str) -> list[str] | None:
    if scenario.service != "imap":
        return None
    return [sys.executable, "-c", _LIBRARY, HOST, f"{port}", ca, scenario.security, USER, PASSWORD]


def _plugin(scenario: Scenario, port: int, _: str) -> list[str] | None:
    """check_imap knows no STARTTLS and check_smtp nothing else; neither verifies certificates, and check_imap
    waits on for the answer that it wants, whatever other comes."""
    where = ["-H", HOST, "-p", f"{port}", "-t", "1"]
    if (scenario.service == "smtp") is (scenario.security == "tls"):
        return None
    if scenario.service == "smtp":
        login = ["-A", "LOGIN", "-U", USER, "-P", PASSWORD]
        return [str(PLUGINS / "check_smtp"), *where, "-S", *login]
    login = ["-E", "-s", f"a LOGIN {USER} {PASSWORD}\\r\\n", "-e", "a OK"]
    return [str(PLUGINS / "check_imap"), *where, "-S", *login]


PEERS = (
    Peer("curl -v", "curl", _curl),
    Peer("openssl s_client", "openssl", _openssl),
    Peer("imapclient", sys.executable, _library),
    Peer("monitoring-plugins", str(PLUGINS / "check_imap"), _plugin),
)


_CHATTER = re.compile(
    r"Closing|shutting down connection|DONE|More details|Connection #|TLSv1\.\d \((IN|OUT)|to learn more|"
    r"establish a secure|how to fix|CONNECTION EST|Protocol version|Ciphersuite|Peer cert|Hash used|"
    r"Signature|Verification: OK|Verified peername|Server Temp Key|depth=",
    re.I,
)
"""Lines that programs print whatever happens."""


@dataclass(frozen=True)
class Verdict:
    """What a program said, and whether that names the cause."""

    words: str
    named: bool = False
    tried: bool = True


def ours(scenario: Scenario) -> Verdict:
    with Server(scenario) as server:
        code = run(scenario, server, timeouts=Timeouts() if scenario in BOMBS else QUICK).code
    return Verdict(code, code == scenario.code)


def judge(peer: Peer, scenario: Scenario, ca: str) -> Verdict:
    """What the peer says. `ca`: the file of authorities, in which only the good ones are."""
    answers = dict(scenario.answers)
    if "AUTHENTICATE" in answers:  # whichever of the two commands the peer prefers
        answers.setdefault("LOGIN", answers["AUTHENTICATE"])
    with Server(replace(scenario, answers=answers)) as server, tempfile.TemporaryFile() as output:
        if (command := peer.command(scenario, server.port, ca)) is None:
            return Verdict("-", tried=False)
        # A server that floods must fill neither the disk nor the memory.
        bounded = ["sh", "-c", 'ulimit -f 2048; ulimit -v 4000000; exec "$@"', "sh", *command]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        try:
            status = subprocess.run(bounded, timeout=SECONDS, check=False, **pipes).returncode  # type: ignore[call-overload]
        except subprocess.TimeoutExpired:
            status = -1
        output.seek(0)
        lines = _lines(output.read(1 << 20).decode("utf-8", "replace"))
    if status == 0:
        return Verdict("(well) " + (lines[-1] if lines else ""))
    telling = [line for line in lines if re.search(WORDS[scenario.code], line, re.I)]
    if telling:
        return Verdict(telling[-1], named=True)
    return Verdict(lines[-1] if lines else "(nothing)" if status > 0 else "(still waits)")


def _lines(words: str) -> list[str]:
    """What says something, without signs of the program's own and without the password."""
    found = []
    for line in words.replace(PASSWORD, "****").splitlines():
        line = " ".join("".join(char if char.isprintable() else " " for char in line).split())
        line = re.sub(
            r"^(curl: \(\d+\)|[*<>]|\w+(\.\w+)+:) |^.*error:[0-9A-F]{8}:SSL routines:\w*:+", "", line
        )
        if len(line) > 3 and not _CHATTER.match(line):
            found.append(line)
    return found


def main() -> None:
    print("verdicts: our code and each peer's words; + where the cause is named. A peer names a cause if it")
    print(
        "  does not end as if all were well, and prints, or passes on from the server, one of the words that"
    )
    print("  benchmarks/verdicts.py lists for it. Ours has to be exactly the code that the test wants.")
    peers = [peer for peer in PEERS if not peer.missing]
    for peer in PEERS:
        if peer.missing:
            print(f"  left out: {peer.name}: {peer.missing}")
    names = ["provisioner", *(peer.name for peer in peers)]
    counts = {name: [0, 0] for name in names}
    print(f"{'scenario':36}" + "".join(f"{name:{30 if name == names[0] else 41}}" for name in names).rstrip())
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(len(PEERS)) as pool:
        ca = str(Path(directory) / "ca.pem")
        authority().cert_pem.write_to_path(ca)
        for scenario in SCENARIOS:
            asked = [pool.submit(judge, peer, scenario, ca) for peer in peers]
            said = [verdict.result() for verdict in asked]
            verdicts = dict(zip(names, [ours(scenario), *said], strict=True))
            row = f"{scenario.name:36}"
            for name, verdict in verdicts.items():
                counts[name][0] += verdict.named
                counts[name][1] += verdict.tried
                size = 27 if name == names[0] else 38
                row += f"{'+' if verdict.named else ' '} {verdict.words[:size]:{size}} "
            print(row.rstrip(), flush=True)
    for name, (good, tried) in counts.items():
        print(f"verdicts: {name} names {good} of {tried} causes")


if __name__ == "__main__":
    main()
