"""From an address and what the user said about servers to the accounts that may be tried. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from provisioner import marks
from provisioner.errors import ProvisionError, UsageError
from provisioner.model import (
    Account,
    DavServer,
    Mailboxes,
    PopServer,
    Provider,
    Security,
    Server,
    ServerProfile,
    UserForm,
)
from provisioner.nearby import did_you_mean
from provisioner.providers import for_domain

MAX_NAME = 256
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@([^@\s]+)")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{3,253}}\Z){_LABEL}(?:\.{_LABEL})+", re.I)
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.I)
_PORTS = {  # RFC 8314, section 3; RFC 6409
    ("imap", Security.TLS): 993,
    ("imap", Security.STARTTLS): 143,
    ("smtp", Security.TLS): 465,
    ("smtp", Security.STARTTLS): 587,
}
_SECURITY = {143: Security.STARTTLS, 587: Security.STARTTLS, 25: Security.STARTTLS}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user said on the command line, as typed; None where nothing was said."""

    address: str
    name: str | None = None
    provider: str | None = None
    imap: str | None = None
    imap_security: str | None = None
    smtp: str | None = None
    smtp_security: str | None = None
    login: str | None = None
    smtp_login: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A server to check, and the user names to try there, in order."""

    host: str
    port: int
    security: Security
    usernames: tuple[str, ...]

    def server(self, username: str | None = None) -> Server:
        return Server(self.host, self.port, self.security, username or self.usernames[0])


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account before the login check has said which user names are right."""

    address: str
    display_name: str
    provider: Provider | None
    title: str
    imap: Target
    smtp: Target
    caldav: Server | None = None
    carddav: Server | None = None
    pop: Server | None = None

    def account(
        self, imap_user: str | None = None, smtp_user: str | None = None, mailboxes: Mailboxes | None = None
    ) -> Account:
        """The account with the user names and mailboxes that the check found, else the likeliest ones."""
        return Account(
            address=self.address,
            display_name=self.display_name,
            provider=self.provider.id if self.provider else "",
            title=self.title,
            imap=self.imap.server(imap_user),
            smtp=self.smtp.server(smtp_user),
            mailboxes=mailboxes or self._usual_mailboxes(),
            caldav=self.caldav,
            carddav=self.carddav,
            pop=self.pop,
        )

    def _usual_mailboxes(self) -> Mailboxes | None:
        known = self.provider.mailboxes if self.provider else None
        if known is None:
            return None
        names = {use: names[0] for use, names in known.names.items()}
        return Mailboxes(names, special_use=known.special_use_advertised)


def parse_address(text: str) -> tuple[str, str]:
    """(local part, domain in ASCII) of a mail address (RFC 5321 dot-string). Raises UsageError."""
    match = _ADDRESS.fullmatch(text.strip())
    domain = ""
    if match and len(match[1]) <= 64:  # RFC 5321, section 4.5.3.1.1
        try:
            domain = match[2].encode("idna").decode() if not match[2].isascii() else match[2]
        except UnicodeError:
            domain = ""
    if not match or not _DOMAIN.fullmatch(domain):
        raise UsageError(
            f"{text!r} is not a mail address.",
            "Write it like jane.appleseed@icloud.com.",
            code="address.invalid",
        )
    return match[1], domain


def resolve(wish: Wish, providers: Iterable[Provider]) -> Candidate:
    """The account that the address and the options describe.

    Raises UsageError: malformed address, unknown provider, no server known for the domain; ProvisionError
    (`provider.refuses`) where no password can log in.
    """
    local, domain = parse_address(wish.address)
    address = f"{local}@{domain}"
    provider = _provider(wish, domain, list(providers))
    if provider and not (wish.imap and wish.smtp):
        refuse_passwordless(provider)
    imap = _target("imap", wish, wish.login, address, provider)
    smtp = _target("smtp", wish, wish.smtp_login or wish.login, address, provider)
    login = wish.login if wish.login and "@" in wish.login else address
    return Candidate(
        address=address,
        display_name=_display_name(wish.name or ""),
        provider=provider,
        title=provider.name if provider else domain,
        imap=imap,
        smtp=smtp,
        caldav=_other(provider.caldav, login) if provider else None,
        carddav=_other(provider.carddav, login) if provider else None,
        # Who names another server than the provider's has their mail elsewhere.
        pop=_other(provider.pop, login) if provider and not wish.imap else None,
    )


def refuse_passwordless(provider: Provider) -> None:
    """Raises ProvisionError (`provider.refuses`) where no password can log in."""
    if refusal := provider.refusal:
        since = f" (since {refusal.since})" if refusal.since else ""
        raise ProvisionError(
            refusal.reason.removesuffix(".") + since + ".", refusal.instead, code="provider.refuses"
        )


def _display_name(name: str) -> str:
    check_line(name.strip(), "name")
    return name.strip()


def check_label(label: str) -> None:
    """Raises UsageError (`label.invalid`) unless the label is one line, and what it looks like.

    People compare it by eye with a provider's list before they revoke a password.
    """
    check_line(label, "label")
    if not label.strip():
        raise UsageError(
            "The label is empty.", "Type one by which you know the password again.", code="label.invalid"
        )
    if (shown := marks.escape(label)) != label:
        raise UsageError(
            f"The label holds characters that are not seen or turn the text around: {shown}",
            "Type the label without them.",
            code="label.invalid",
        )


def check_line(text: str, what: str) -> None:
    """Raises UsageError (`name.invalid`, `label.invalid`) unless the text is one line of sensible length."""
    if len(text) > MAX_NAME or any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text):
        raise UsageError(
            f"The {what} is too long or holds line breaks or control characters.",
            f"Give a {what} of at most {MAX_NAME} characters in one line.",
            code=f"{what}.invalid",
        )


def _provider(wish: Wish, domain: str, providers: list[Provider]) -> Provider | None:
    if wish.provider:
        for provider in providers:
            if provider.id == wish.provider:
                return provider
        known = sorted(provider.id for provider in providers)
        raise UsageError(
            f"There is no provider {wish.provider!r} here.",
            did_you_mean(
                wish.provider, known, f"Known providers: {', '.join(known)}.", "provisioner providers"
            ),
            code="provider.unknown",
        )
    found = for_domain(providers, domain)
    if found is None and not (wish.imap and wish.smtp):
        raise UsageError(
            f"The mail servers of {domain} are not known here.",
            f"Name them with --imap HOST and --smtp HOST; if {domain} is hosted at a known provider, "
            "say --provider ID and, if you log in with another name, --login USER.",
            code="provider.unknown",
        )
    return found


def _target(kind: str, wish: Wish, login: str | None, address: str, provider: Provider | None) -> Target:
    typed: str | None = getattr(wish, kind)
    security: str | None = getattr(wish, f"{kind}_security")
    profile: ServerProfile | None = getattr(provider, kind) if provider else None
    forms = profile.usernames if profile else (UserForm.ADDRESS, UserForm.LOCAL_PART)
    usernames = _usernames(login, address, forms, provider)
    if typed is None and profile is not None:
        port = profile.port if security is None else _PORTS[kind, Security(security)]
        return Target(profile.host, port, Security(security or profile.security), usernames)
    host, given_port = parse_server(typed or "", f"--{kind}")
    wanted = Security(security) if security else _SECURITY.get(given_port or 0, Security.TLS)
    return Target(host, given_port or _PORTS[kind, wanted], wanted, usernames)


def parse_server(text: str, option: str) -> tuple[str, int | None]:
    """(host, port or None) of `HOST`, `HOST:PORT`, `[IPv6]:PORT`. Raises UsageError."""
    match = re.fullmatch(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s:\[\]]+))(?::(?P<port>\d{1,5}))?", text)
    host = (match["v6"] or match["name"]) if match else ""
    port = int(match["port"]) if match and match["port"] else None
    if match and match["name"] and not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            host = ""
    valid = match and (match["v6"] or _HOST.fullmatch(host)) and (port is None or 1 <= port <= 65535)
    if not valid:
        raise UsageError(
            f"{option} {text!r} is not a server.",
            "Write HOST or HOST:PORT, for example imap.example.org:993.",
            code="server.invalid",
        )
    return host.lower(), port


def _usernames(
    login: str | None, address: str, forms: tuple[UserForm, ...], provider: Provider | None
) -> tuple[str, ...]:
    """The user names to try. A login with an @ is an address like any other; a bare one is taken as it
    is, completed by the provider's domain only where the server takes nothing but an address."""
    if login is not None:
        if not login.strip() or not login.isprintable():
            raise UsageError(
                "--login is empty or holds control characters.", "Type the user name.", code="login.invalid"
            )
        if "@" not in login:
            if provider is None or UserForm.LOCAL_PART in forms:
                return (login,)
            domain = address.rpartition("@")[2]
            foreign = provider.domains and domain not in provider.domains
            return (f"{login}@{provider.domains[0] if foreign else domain}",)
        if provider is None:
            return (login,)
    whole = login or address
    return tuple(dict.fromkeys(_form(form, whole) for form in forms))


def _form(form: UserForm, address: str) -> str:
    return address.rpartition("@")[0] if form is UserForm.LOCAL_PART else address


def _other(profile: DavServer | PopServer | None, login: str) -> Server | None:
    """A server that is never checked."""
    if profile is None:
        return None
    security = profile.security if isinstance(profile, PopServer) else Security.TLS
    return Server(profile.host, profile.port, security, _form(profile.username, login))
