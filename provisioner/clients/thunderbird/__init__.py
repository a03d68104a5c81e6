"""Mozilla Thunderbird: the account in prefs.js, the password in Thunderbird's own store."""

from __future__ import annotations

import shlex
from pathlib import Path

from provisioner.clients.base import About, Options, no_export
from provisioner.clients.thunderbird import account as accounts
from provisioner.clients.thunderbird import folders, installation, profiles, removal, search
from provisioner.clients.thunderbird.account import Edit
from provisioner.clients.thunderbird.installation import App
from provisioner.clients.thunderbird.passwords import Passwords
from provisioner.clients.thunderbird.profiles import Selected
from provisioner.clients.thunderbird.view import Login, View, preferences
from provisioner.edits.prefsjs import Prefs
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.model import Account, FileChange, Installation, Plan, Support
from provisioner.receipt import Receipt
from provisioner.secret import Secret

ID = "thunderbird"
TITLE = installation.TITLE
SUPPORT = Support.FULL
ABOUT = About(
    versions="153 (128 and newer are written the same way)",
    account="its profile: prefs.js",
    stored="its own store: logins.json and key4.db, under the Primary Password if there is one",
    proof="the real program starts under Xvfb, logs in, fetches and sends over TLS; "
    "other systems' paths are pretended",
    proven="2026-11-23",
)

AES_SINCE = 144
"""The first version whose own new password stores have an AES key."""

export = no_export
find = search.find


def detect(host: Host) -> tuple[Installation, ...]:
    """The Thunderbirds of this machine; `where` is the directory of profiles.ini."""
    return tuple(Installation(ID, app.title, app.version, str(app.root)) for app in installation.find(host))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account to the profile that Thunderbird starts, or mends it there.

    Raises ProvisionError (`client.not_installed`), Conflict (`profile.*`, `prefs.*`, `ini.broken`, and those
    of the password store) and UsageError for values that the files cannot hold.
    """
    _refuse_unwritable(account)
    if options.calendar or options.contacts:
        raise UsageError(
            "Calendar and contacts cannot be set up in Thunderbird by provisioner yet.",
            "Leave --calendar and --contacts out; in Thunderbird they are added in a minute by hand.",
            code="client.no_dav",
        )
    app, profile = _choose(host, account.address, options)
    profiles.refuse_newer(host, app, profile.path)
    prefs, user = preferences(host, profile.path)
    view = View({**prefs.values, **user.values})
    fresh = not prefs.entries
    edit = accounts.add(view, account, fresh=fresh, platform=host.platform, rename=options.rename)
    _refuse_overridden(profile.path, user, edit)
    store = Passwords(host, profile.path, options, aes=app.at_least(AES_SINCE))
    passwords = store.change(accounts.logins(account), secret, edit.stale)
    written = _prefs_change(host, profile.path, prefs, edit)
    return Plan(
        client=ID,
        title=app.short_title,
        where=str(profile.path),
        # profiles.ini last: a profile is announced when it is complete.
        changes=(*passwords, *written, *reversed(profile.changes)),
        locks=(_lock(host, profile.path),),
        done=_done(profile, edit, accounts_changed=bool(written), passwords_changed=bool(passwords)),
        next=_next(profile),
        notes=_notes(account, edit, locked=store.locked),
        adopted=edit.existed,
        wrote_password=bool(passwords),
        seal=store.seal,
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account and its two passwords out of the profile, and leaves all else as it is now.

    With `options.force`, what user.js says and a password store that we do not recognise stay, and the
    notes say so; what the user has added to the account goes with it. Raises Conflict as `plan`, and
    `account.added_to`.
    """
    profile = Path(receipt.where)
    app = next((app for app in installation.find(host) if profile.is_relative_to(app.root)), None)
    title = app.short_title if app else TITLE.removeprefix("Mozilla ")
    if not profile.is_dir():
        return Plan(ID, title, receipt.where, (), done=f"nothing to remove: {profile} is gone")
    prefs, user = preferences(host, profile)
    view = View({**prefs.values, **user.values})
    ours = accounts.logins(receipt.account) if receipt.wrote_password else ()
    edit = Edit({}, existed=True, stale=ours)
    if not receipt.adopted:
        edit = removal.remove(view, receipt.account, options.sharing)
    notes = _removal_notes(receipt, edit, view)
    if not options.force:
        _refuse_overridden(profile, user, edit)
        _refuse_added(receipt, edit)
    passwords: tuple[FileChange, ...] = ()
    try:
        if edit.stale and host.read(profile / "key4.db") is not None:
            passwords = Passwords(host, profile, options).forget(edit.stale)
    except Conflict as error:
        if not options.force:
            raise
        places = " and ".join(place for place, _ in edit.stale)
        notes = (
            *notes,
            f"{error.message} The passwords for {places} stay in it: delete them in Thunderbird.",
        )
    written = _prefs_change(host, profile, prefs, edit)
    return Plan(
        client=ID,
        title=title,
        where=receipt.where,
        changes=(*written, *passwords),
        locks=(_lock(host, profile),),
        done=_undone(written, passwords),
        notes=notes,
        left=_downloaded(profile, view, receipt, edit),
    )


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The password with which Thunderbird would log in to the account's incoming server."""
    found = _saved(host, account, options)
    return found[0].get(found[1]) if found else None


def stored_seal(host: Host, account: Account, options: Options) -> str:
    """The mark of that password, which changes when anyone saves another one."""
    found = _saved(host, account, options)
    return found[0].sealed(found[1]) if found else ""


def _saved(host: Host, account: Account, options: Options) -> tuple[Passwords, Login] | None:
    """The profile's passwords and the account's incoming login there, None if either is missing."""
    _, profile = _choose(host, account.address, options)
    if profile.fresh:
        return None
    prefs, user = preferences(host, profile.path)
    view = View({**prefs.values, **user.values})
    found = accounts.find(view, account)
    if found is None or host.read(profile.path / "key4.db") is None:
        return None
    return Passwords(host, profile.path, options), view.imap_login(view.server_of(found))


def _choose(host: Host, address: str, options: Options) -> tuple[App, Selected]:
    apps = installation.find(host)
    if not apps:
        raise ProvisionError(
            "Thunderbird is not installed here.",
            "Install it (https://www.thunderbird.net/, or your system's package), then run this again.",
            code="client.not_installed",
        )
    if options.profile:
        return _chosen_by_name(host, apps, address, options.profile)
    by_root = {app.root: app for app in reversed(apps)}
    used = [app for app in by_root.values() if profiles.Database(host, app).known]
    candidates = used or list(by_root.values())
    if len(candidates) > 1:
        raise Conflict(
            f"There is more than one Thunderbird: {', '.join(app.title for app in candidates)}.",
            "Say which one: " + " or ".join(f"--client-profile {app.root}" for app in candidates),
            code="installation.ambiguous",
        )
    return candidates[0], profiles.select(host, candidates[0], address)


def _chosen_by_name(host: Host, apps: tuple[App, ...], address: str, wanted: str) -> tuple[App, Selected]:
    for app in apps:
        if Path(wanted).expanduser() == app.root:
            return app, profiles.select(host, app, address)
    for app in apps:
        if (selected := profiles.named(host, app, wanted)) is not None:
            return app, selected
    names = dict.fromkeys(profile.name for app in apps for profile in profiles.Database(host, app).known)
    raise UsageError(
        f"Thunderbird has no profile {wanted!r}.",
        f"It has: {', '.join(names)}." if names else "Leave --client-profile away and one is made.",
        code="profile.unknown",
    )


def _prefs_change(host: Host, profile: Path, prefs: Prefs, edit: Edit) -> tuple[FileChange, ...]:
    path = profile / "prefs.js"
    after = prefs.edit(edit.prefs)
    before = host.read(path)
    return () if after == (before or b"") else (FileChange(path, before, after, 0o600),)


def _refuse_overridden(profile: Path, user: Prefs, edit: Edit) -> None:
    for name, value in edit.prefs.items():
        if name in user.values and user.values[name] != value:
            raise Conflict(
                f"{profile / 'user.js'} sets {name} at every start, which would undo the change.",
                "Take that line out of user.js first, then run the command again.",
                code="prefs.user_js",
            )


def _refuse_added(receipt: Receipt, edit: Edit) -> None:
    if edit.added:
        raise Conflict(
            f"With {receipt.address}, what was added to it in Thunderbird would go: "
            f"{' and '.join(edit.added)}.",
            "In Thunderbird (Account Settings), take over to another account what you need, and delete it in "
            "this one; then run the command again.",
            code="account.added_to",
        )


def _refuse_unwritable(account: Account) -> None:
    values = (
        account.address,
        account.display_name,
        account.title,
        account.imap.username,
        account.smtp.username,
    )
    try:
        "".join(values).encode()
    except UnicodeEncodeError:
        raise UsageError(
            "The name or the address holds something that is not valid Unicode text.", "Type it again."
        ) from None


def _lock(host: Host, profile: Path) -> Path:
    """The file that Thunderbird locks while it runs (toolkit/profile/nsProfileLock.cpp)."""
    return profile / ("parent.lock" if host.platform == "win32" else ".parentlock")


def _done(profile: Selected, edit: Edit, *, accounts_changed: bool, passwords_changed: bool) -> str:
    if not edit.existed:
        return f"account added to profile {profile.name}, password in its own store"
    if accounts_changed:
        return f"account updated in profile {profile.name}, password in its own store"
    if passwords_changed:
        return f"password replaced in profile {profile.name}"
    return f"already set up in profile {profile.name}"


def _undone(prefs: tuple[FileChange, ...], passwords: tuple[FileChange, ...]) -> str:
    gone = [name for name, changes in (("account", prefs), ("password", passwords)) if changes]
    return f"{' and '.join(gone)} removed" if gone else "nothing to remove"


def _next(profile: Selected) -> str:
    if profile.starts:
        return "Start Thunderbird: your inbox is there."
    command = shlex.join(["thunderbird", "--profile", str(profile.path)])
    return f"Start Thunderbird with this profile:\n  {command}"


def _notes(account: Account, edit: Edit, *, locked: bool) -> tuple[str, ...]:
    notes = ["Thunderbird will ask for your Primary Password when it starts."] if locked else []
    if not edit.existed and (trash := folders.of(account).unsettable_trash):
        notes.append(
            f"In Thunderbird, choose {trash} for deleted messages (Account Settings, Server Settings): "
            "only Thunderbird itself can set a mailbox of such a name."
        )
    return tuple(notes)


def _removal_notes(receipt: Receipt, edit: Edit, view: View) -> tuple[str, ...]:
    if receipt.adopted:
        gone = "; only the password that was stored for you is gone" if receipt.wrote_password else ""
        return (f"You had the account in Thunderbird before, so it stays there{gone}.",)
    notes = ["The server stays in Thunderbird, because you have other addresses there."] * edit.others
    for address in edit.orphans:
        was = f"{address} sent by the outgoing server that is removed, Thunderbird's default one"
        if edit.heir:
            place, user = view.smtp_login(edit.heir)
            notes.append(
                f"{was}; now it sends by {place.removeprefix('smtp://')} ({user or 'no user name'})."
            )
        else:
            notes.append(f"{was}, and has none now: add one in Thunderbird before you write with it.")
    return tuple(notes)


def _downloaded(profile: Path, view: View, receipt: Receipt, edit: Edit) -> tuple[Path, ...]:
    """The mail of a server that goes with the account."""
    if receipt.adopted or edit.others or (found := accounts.find(view, receipt.account)) is None:
        return ()
    relative = view.text(f"mail.server.{view.server_of(found)}.directory-rel")
    inside = relative.startswith("[ProfD]")
    return (profile / relative.removeprefix("[ProfD]"),) if inside else ()
