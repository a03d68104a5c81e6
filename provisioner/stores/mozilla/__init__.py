"""Where Thunderbird keeps saved passwords: key4.db (keys) and logins.json (encrypted logins) of a profile.

Pure functions over the files' bytes; reading, locking and writing the files is the caller's part. The
cryptography is that of `cryptography`; a format that is not recognised is refused, never guessed.
"""

from provisioner.stores.mozilla.errors import PrimaryPasswordNeeded, PrimaryPasswordWrong, StoreUnrecognised
from provisioner.stores.mozilla.sdr import KeyKind
from provisioner.stores.mozilla.store import Login, MozillaStore, must_not_exist, shown_key4, shown_logins

__all__ = [
    "KeyKind",
    "Login",
    "MozillaStore",
    "PrimaryPasswordNeeded",
    "PrimaryPasswordWrong",
    "StoreUnrecognised",
    "must_not_exist",
    "shown_key4",
    "shown_logins",
]
