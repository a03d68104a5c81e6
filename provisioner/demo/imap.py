"""The demo's IMAP side: pymap with its mailboxes in memory, one user under two names.

Importing this module needs the `demo` extra.
"""

from __future__ import annotations

from argparse import Namespace
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from proxyprotocol.sock import SocketInfoLocal
from pymap.backend.dict import Config, Identity, Login, Session
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import MailboxData, MailboxSet
from pymap.concurrent import Event, Subsystem
from pymap.exceptions import InvalidAuth
from pymap.imap import IMAPServer
from pymap.interfaces.login import IdentityInterface
from pymap.parsing.message import AppendMessage
from pymap.selected import SelectedMailbox
from pymap.user import UserMetadata
from pysasl.creds.server import ServerCredentials
from pysasl.hashing import Cleartext

from provisioner.demo.welcome import welcome_mails
from provisioner.secret import Secret

MAILBOXES = ("Archive", "Deleted Messages", "Drafts", "Junk", "Sent Messages")
"""The names of an iCloud account, INBOX apart."""


class Imap:
    """An account's mailboxes and the callback for `asyncio.start_server`. Make it with `create`."""

    def __init__(self, config: Config, inbox: MailboxData, login: Login) -> None:
        self._server = IMAPServer(login, config)
        self._inbox = inbox
        self._login = login
        self._config = config

    @classmethod
    async def create(cls, address: str, password: Secret, record: Callable[[str, bool], None]) -> Imap:
        """Runs in the event loop that serves. `record` is told the user name and outcome of each login."""
        config = _config()
        config.apply_context()
        mailboxes = MailboxSet()
        for name in MAILBOXES:
            await mailboxes.add_mailbox(name)
            await mailboxes.set_subscribed(name, subscribed=True)
        login = _Login(config, record)
        for user in {address, address.rpartition("@")[0]}:
            config.set_cache[user] = (mailboxes, FilterSet())
        imap = cls(config, await mailboxes.get_mailbox("INBOX"), login)
        imap.change_password(password)
        for mail in welcome_mails(address, datetime.now(UTC)):
            await imap.deliver(mail)
        return imap

    def change_password(self, password: Secret) -> None:
        """From the next login on, only this one is right."""
        for user in self._config.set_cache:
            self._login.users_dict[user] = UserMetadata(self._config, user, password=password.reveal())

    async def deliver(self, mail: bytes) -> None:
        """Puts a mail into the inbox; clients that wait (RFC 2177, IDLE) are told."""
        await self._inbox.append(AppendMessage(mail, datetime.now(UTC)), recent=True)

    def __call__(self, reader: StreamReader, writer: StreamWriter) -> Awaitable[None]:
        return self._server(reader, writer, SocketInfoLocal(writer))


def _config() -> Config:
    return _Config(
        Namespace(proxy_protocol=None),
        host=None,
        port=0,
        demo_data=False,
        demo_user="",
        demo_password="",
        tls_enabled=False,  # no STARTTLS: the port is TLS from the first byte
        hash_context=Cleartext(),
        cpu_subsystem=Subsystem.for_asyncio(),
        invalid_user_sleep=0,
        reject_dnsbl=False,
    )


class _Config(Config):
    @property
    def greeting(self) -> bytes:
        return b"provisioner demo"  # pymap's own asks the DNS for this computer's name


class _Login(Login):
    def __init__(self, config: Config, record: Callable[[str, bool], None]) -> None:
        super().__init__(config)
        self._record = record

    async def authenticate(self, credentials: ServerCredentials) -> Identity:
        ok = False
        try:
            identity = await super().authenticate(credentials)
            ok = True
        except ValueError:
            raise InvalidAuth from None  # a name or password that SASLprep (RFC 4013) forbids
        finally:
            self._record(credentials.authcid, ok)
        return identity

    async def authorize(self, authenticated: IdentityInterface, authzid: str) -> Identity:
        identity = await super().authorize(authenticated, authzid)
        return _Identity(identity.name, self, None, identity.roles)


class _Identity(Identity):
    @asynccontextmanager
    async def new_session(self) -> AsyncIterator[Session]:
        async with super().new_session() as session:
            yield _Session(session.owner, session.config, session.mailbox_set, session.filter_set)


class _Session(Session):
    async def check_mailbox(
        self, selected: SelectedMailbox, *, wait_on: Event | None = None, housekeeping: bool = False
    ) -> SelectedMailbox:
        """pymap's IDLE tells what comes while it waits, but not what came just before; this does both."""
        known = selected.mod_sequence
        current = await super().check_mailbox(selected, housekeeping=housekeeping)
        if wait_on is None or current.mod_sequence != known:
            return current
        return await super().check_mailbox(current, wait_on=wait_on)
