"""The causes of a login that is refused or not tried: see causes.py, of which this is a part."""

from __future__ import annotations

from provisioner.check.cause import OTHER, REJECTED, Cause

LOGIN: dict[str, Cause] = {
    "auth.bad_credentials": Cause(
        "{host} does not accept this user name and password.",
        "Copy the {term} again, or make a new one.",
        REJECTED,
    ),
    "auth.username": Cause(
        "{host} does not accept the user name {user}; the password is right, for {other} accepts it.",
        "Give the user name that {host} wants with {option}.",
        REJECTED,
    ),
    "auth.username_full": Cause(
        "{host} wants the full address {other} as user name, not {user}.",
        "Give the user name with {option}.",
        REJECTED,
    ),
    "auth.username_local": Cause(
        "{host} wants only {other} as user name, without what follows the @.",
        "Give the user name with {option}.",
        REJECTED,
    ),
    "auth.account_password": Cause(
        "{host} refused the password, and it does not look like {a_term}.",
        "Make {a_term} ({displayed}) and use that one.",
        REJECTED,
    ),
    "auth.password_mangled": Cause(
        "{host} refused the password; it looks like {a_term} that was damaged while copying ({why}).",
        "Copy it again exactly as shown: {displayed}.",
        REJECTED,
    ),
    "auth.app_password_required": Cause(
        "{host} wants {a_term}, not the account's own password.",
        "Make one at the provider and use it here.",
        REJECTED,
    ),
    "auth.access_off": Cause(
        "{host} refused the login; mail programs may be switched off for it, or the password is wrong.",
        "Switch access by mail programs (IMAP) on in the provider's settings, then try again.",
        REJECTED,
    ),
    "auth.web_login": Cause(
        "The provider wants you to sign in once with a web browser first.",
        "Sign in on the provider's web site, confirm that it is you, then try again.",
        REJECTED,
    ),
    "auth.method_off": Cause(
        "The provider has switched off login by password for this account or organisation.",
        "Use the provider's own sign-in, or ask the administrator.",
        REJECTED,
    ),
    "auth.not_authorized": Cause(
        "The password was accepted, but this account may not use mail here.",
        "Check that mail is switched on for the account.",
        REJECTED,
    ),
    "auth.transition": Cause(
        "{host} has to take over this account's password once more before mail programs can log in with it.",
        "Sign in once on the provider's web site, or set a new password there, then try again.",
        REJECTED,
    ),
    "auth.expired": Cause("The password has expired.", "Make a new one.", REJECTED),
    "auth.contact_admin": Cause(
        "The account is blocked, and only the provider can lift this: {text}",
        "Contact the provider's support.",
        REJECTED,
    ),
    "auth.refused": Cause(
        "{host} refused the login: {text}", "Follow what the provider says there.", REJECTED
    ),
    "auth.privacy_required": Cause(
        "{host} wants more encryption before the login.", "Check the port and its security (TLS or STARTTLS)."
    ),
    "auth.unavailable": Cause(
        "{host} cannot check passwords right now; yours may be right.",
        "Wait {pause} and try again; do not change the password.",
    ),
    "auth.limit": Cause(
        "Too many logins or connections for this account right now.",
        "Close other mail programs, wait {wait}, and try again.",
    ),
    "auth.skipped": Cause(
        "Not tried: {host} has just refused another login, as it gets too many; more could lock accounts.",
        "Wait {wait}, then check this account again.",
    ),
    "auth.not_tried": Cause(
        "Not tried: {host} has just refused two logins of this account; a third could lock it.",
        "Mend or remove the entries of this account that were refused, then check this one again.",
    ),
    "auth.in_use": Cause("Another program has locked the mailbox.", "Close the other program and try again."),
    "auth.elsewhere": Cause(
        "{host} says that this account is on another server; it has not judged the password.",
        "Ask the provider for the name of your server, and give it with --imap HOST.",
        OTHER,
    ),
    "auth.required": Cause(
        "{host} wants a login but took none.", "Check the port; else tell the provider.", OTHER
    ),
    "auth.disabled_plain": Cause(
        "{host} does not allow login by password on this port; the password was not sent.",
        "Check the port; the provider may want its own sign-in.",
        OTHER,
    ),
    "auth.none_offered": Cause(
        "{host} offers no login on port {port}, not even encrypted; the password was not sent.",
        "Check that this is the server for sending (port 587 or 465, not 25).",
        OTHER,
    ),
    "auth.no_common_method": Cause(
        "{host} only takes other ways to log in ({methods}); the password was not sent.",
        "Use a mail client that knows the provider's own sign-in.",
        OTHER,
    ),
    "auth.passwords_over": Cause(
        "{host} takes no passwords of mail programs any more, only the provider's own sign-in ({methods}); "
        "the password was not sent.",
        "Use a mail client that signs in through the web browser, such as Thunderbird.",
        OTHER,
    ),
    "auth.method_broken": Cause(
        "{host} advertises a way to log in and then refuses it: {text}", "Tell the provider.", OTHER
    ),
}
