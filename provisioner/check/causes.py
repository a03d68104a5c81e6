"""The causes of a failed login as data: stable code -> sentence, next step, exit code.

Codes are a promise to scripts: add, never rename. A sentence may use `{host}`, `{port}` and the facts
that the fault carries; whatever a server said is cleaned, shortened and masked before it gets in.
"""

from __future__ import annotations

from provisioner.check.cause import OTHER, Cause
from provisioner.check.refused import LOGIN
from provisioner.check.sending import SENDING

CAUSES: dict[str, Cause] = {
    "ok": Cause("Logged in as {user}.", "", 0),
    "greet.slow": Cause(
        "Logged in as {user}, but {host} took {seconds} seconds to greet.",
        "Nothing to do; try again later if the mail client times out.",
        0,
    ),
    # The way to the server
    "net.dns": Cause(
        "The server name {host} does not exist or could not be looked up{finding}.",
        "Check the spelling of the server name and the internet connection.",
    ),
    "net.search_domain": Cause(
        "The server name {host} does not exist; this computer's search domain turned it into {real}.",
        "Check the spelling of {host}.",
    ),
    "net.captive_portal": Cause(
        "What answers for {host} on this network is no mail server; it shows a certificate of {names}.",
        "It is probably the sign-in page of a Wi-Fi: open any web page, sign in, then try again.",
    ),
    "net.refused": Cause(
        "Nothing listens on port {port} of {host}.", "Check the port (usual: IMAP 993, SMTP 587)."
    ),
    "net.timeout": Cause(
        "{host} does not answer on port {port}; a firewall or the network may drop the connection.",
        "Try another network, or ask whether port {port} is blocked here.",
    ),
    "net.unreachable": Cause(
        "There is no way from here to {host} port {port} ({text}).",
        "Check the internet connection, VPN and firewall.",
    ),
    # The greeting
    "greet.timeout": Cause(
        "{host} took the connection on port {port} but never said anything.",
        "Try again later; if it lasts, a proxy or security program may hold the connection.",
    ),
    "greet.bye": Cause(
        "{host} takes no new connections right now: {text}",
        "Wait {wait} and try again; too many open connections are a usual reason.",
    ),
    "greet.busy": Cause("{host} is unavailable for the moment: {text}", "Wait {pause} and try again."),
    "greet.rejected": Cause(
        "{host} refuses to talk to this computer: {text}",
        "Use another network, or ask the provider about a block.",
    ),
    "greet.not_mail": Cause(
        "What answers at {host} port {port} is not a mail server ({what}).",
        "Check the server name and the port.",
    ),
    "greet.wrong_protocol": Cause(
        "{host} port {port} is a server for {found}, not for {wanted}.",
        "Check whether two names or ports are swapped.",
    ),
    "greet.dropped": Cause(
        "{host} closed the connection on port {port} before it said anything.",
        "Try again; if it lasts, a firewall or security program closes it, or the port is the wrong one.",
    ),
    "greet.preauth": Cause(
        "{host} claims that we are logged in already, without any password; that is not safe.",
        "Do not use this server from here; something on the network may pretend to be it.",
    ),
    # TLS
    "tls.plaintext_on_tls_port": Cause(
        "{host} port {port} does not use TLS from the start; it talks in clear.",
        "Use --{service}-security starttls for this port, or the TLS port (IMAP 993, SMTP 465).",
    ),
    "tls.tls_on_plain_port": Cause(
        "{host} port {port} wants TLS from the first byte, not STARTTLS.",
        "Use --{service}-security tls for this port, or the port for STARTTLS (IMAP 143, SMTP 587).",
    ),
    "tls.cert_expired": Cause(
        "The certificate of {host} expired on {date}{finding}.",
        "Check the date of this computer; if it is right, only the provider can renew the certificate.",
    ),
    "tls.cert_not_yet_valid": Cause(
        "The certificate of {host} is not valid before {date}{finding}.",
        "The date of this computer is probably wrong: set it and try again.",
    ),
    "tls.cert_wrong_host": Cause(
        "The certificate is for {names}, not for {host}.",
        "Check the server name; the sign-in page of a Wi-Fi can cause this, too.",
    ),
    "tls.cert_self_signed": Cause(
        "{host} shows a certificate that it signed itself, so nobody vouches for it.",
        "Check the server name; for a server of your own, name its certificate file in SSL_CERT_FILE.",
    ),
    "tls.cert_intercepted": Cause(
        "A security program ({issuer}) on this computer or network opens the encrypted connection to {host}.",
        "Turn off its scanning of mail for {host}, or install its root certificate.",
    ),
    "tls.cert_unknown_ca": Cause(
        "The certificate of {host} is signed by an authority that this computer does not know ({issuer}).",
        "Check the server name; for a company's server, name its CA file in SSL_CERT_FILE.",
    ),
    "tls.cert_incomplete_chain": Cause(
        "{host} leaves out a certificate between its own and a known authority ({issuer}).",
        "Tell the provider; other programs may hide this fault.",
    ),
    "tls.cert_weak": Cause(
        "The certificate of {host} uses a key or signature that is too weak.", "Tell the provider."
    ),
    "tls.cert_invalid": Cause(
        "The certificate of {host} cannot be trusted: {text}.",
        "Check the server name; else tell the provider.",
    ),
    "tls.too_old": Cause(
        "{host} only speaks old, unsafe TLS (before 1.2).",
        "Tell the provider; do not lower any security setting.",
    ),
    "tls.aborted": Cause(
        "{host} broke off while encryption was being set up.",
        "Try again; a firewall or security program may be the cause.",
    ),
    "tls.alert": Cause(
        "{host} refused the encryption that was offered ({alert}).",
        "Check the server name; else tell the provider.",
    ),
    "tls.failed": Cause(
        "Encryption with {host} could not be set up ({alert}).", "Try again; else tell the provider."
    ),
    "starttls.not_offered": Cause(
        "{host} offers no encryption on port {port}; the password was not sent.",
        "Use the TLS port; if the provider documents STARTTLS here, something on the network removes it.",
    ),
    "starttls.stripped": Cause(
        "Something on the way to {host} removes its offer of encryption; the password was not sent.",
        "Use another network or the TLS port.",
    ),
    "starttls.refused": Cause(
        "{host} offers encryption but could not start it: {text}", "Try again later; else tell the provider."
    ),
    "starttls.injected": Cause(
        "Unencrypted data came from {host} after it had agreed to encrypt; the password was not sent.",
        "Do not log in from here; try another network.",
    ),
    **LOGIN,
    # The conversation
    "proto.bad": Cause(
        "{host} did not understand {command}; the password was not {judged}.",
        "Check server name and port; else report this as a fault of this program.",
        OTHER,
    ),
    "proto.dropped": Cause(
        "{host} closed the connection {when} and gave no reason.",
        "Wait and try again; repeated wrong logins can cause this.",
    ),
    "proto.bye": Cause("{host} ended the connection {when}: {text}", "Wait {pause} and try again."),
    "proto.stalled": Cause(
        "{host} stopped answering {when}.", "Try again; a slow or filtered network is the usual reason."
    ),
    "proto.too_long": Cause("{host} sent an absurdly long answer {when}.", "Check server name and port."),
    "proto.garbled": Cause(
        "{host} sent an answer that is not valid {when}.",
        "Check server name and port; something may alter the connection.",
    ),
    "box.no_inbox": Cause(
        "The login works, but the inbox cannot be opened: {text}",
        "Check that mail is set up for the account: does the provider's web mail open?",
        OTHER,
    ),
    "box.unavailable": Cause(
        "The login works, but {host} cannot open the mailbox right now: {text}",
        "Wait {pause} and try again; the password is right.",
    ),
    "box.id_wanted": Cause(
        "The login works, but {host} opens no mailbox for a program that does not say its name (ID): {text}",
        "Use a mail client that does, such as Thunderbird, Outlook or Apple Mail; the password is right.",
        OTHER,
    ),
    "box.nearly_full": Cause(
        "The mailbox is {percent} % full: {used} of {limit}.",
        "Delete or move mail, before the server takes no more.",
        0,
    ),
    **SENDING,
}
