"""The causes of a test mail that does not come back, and what is said of one that does; see causes.py."""

from __future__ import annotations

from provisioner.check.cause import OTHER, Cause

SENDING: dict[str, Cause] = {
    "send.arrived": Cause("A test mail to {address} came back after {seconds} s; it is {fate}.", "", 0),
    "send.from_refused": Cause(
        "The login works, but {host} refuses to send as {address}: {text}",
        "Use the account's own address, or an alias that is set up at the provider.",
        OTHER,
    ),
    "send.relay_refused": Cause(
        "The login works, but {host} refuses to pass mail on: {text}",
        "Check that this is the provider's server for sending (port 587 or 465).",
        OTHER,
    ),
    "send.later": Cause(
        "The login works, but {host} wants the mail to be sent later: {text}",
        "Wait and try again; a limit on sending is the usual reason.",
    ),
    "send.too_big": Cause(
        "The login works, but there is no room for the test mail, which is tiny: {text}",
        "Free some space in the mailbox; it is probably full.",
        OTHER,
    ),
    "send.rejected": Cause(
        "The login works, but {host} refused the test mail: {text}",
        "Follow what the provider says there.",
        OTHER,
    ),
    "send.not_arrived": Cause(
        "{host} took the test mail, but it did not arrive within {seconds} seconds.",
        "Look in web mail, in the spam folder and where filters put mail; its subject ends in {token}.",
        OTHER,
    ),
    "send.out_of_sight": Cause(
        "The test mail may have been sent all the same; it has not been seen, and not been deleted.",
        "Look in {mailbox}, and delete it yourself; its subject ends in {token}.",
        0,
    ),
    "send.in_junk": Cause(
        "The test mail was filed as junk, in {mailbox}.",
        "Look there for mail that you miss, and mark what is not junk.",
        0,
    ),
    "send.saves_sent": Cause(
        "The server itself keeps a copy of what is sent, in {mailbox}.",
        "A mail client that saves one, too, makes it two.",
        0,
    ),
    "send.saves_none": Cause(
        "The server keeps no copy of what is sent.", "Leave it to the mail client to save one.", 0
    ),
    "send.left_flagged": Cause(
        "The test mail in {mailbox} is marked as deleted; the server cannot delete one mail alone.",
        "It goes when a mail client next cleans that mailbox up.",
        0,
    ),
    "send.not_deleted": Cause(
        "The test mail could not be deleted from {mailbox}.",
        "Delete it yourself; its subject ends in {token}.",
        0,
    ),
}
