"""What can go wrong with a Mozilla password store."""

from __future__ import annotations

from provisioner.errors import Conflict, UsageError


class StoreUnrecognised(Conflict):
    """A file of the store is not as Thunderbird writes it, so it is neither trusted nor changed."""

    code = "store.unrecognised"

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(
            f"{file} is not a password store that we recognise: {reason}.",
            "Start Thunderbird, see whether its saved passwords still work, close it and try again.",
        )


class PrimaryPasswordNeeded(UsageError):
    """The store is protected by a Primary Password and none was given."""

    code = "store.primary_password_needed"

    def __init__(self) -> None:
        super().__init__(
            "Thunderbird's saved passwords are protected by a Primary Password.",
            "Give the Primary Password that Thunderbird asks for when it starts.",
        )


class PrimaryPasswordWrong(UsageError):
    """The Primary Password that was given does not open the store."""

    code = "store.primary_password_wrong"

    def __init__(self) -> None:
        super().__init__(
            "The Primary Password is not the one of this Thunderbird profile.",
            "Give the Primary Password that Thunderbird asks for when it starts; capital letters matter.",
        )
