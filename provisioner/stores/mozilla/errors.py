"""What can go wrong with a Mozilla password store."""

from __future__ import annotations

from pathlib import Path

from provisioner.errors import Conflict, UsageError


class StoreUnrecognised(Conflict):
    """A file of the store is not as Thunderbird writes it, so it is neither trusted nor changed."""

    code = "store.unrecognised"

    def __init__(self, file: str | Path, reason: str) -> None:
        """`file` is a name only where the store's bytes were judged without knowing their place."""
        super().__init__(
            f"{file} is not a password store that we recognise: {reason}.",
            "Nothing was written to this profile. "
            "Start Thunderbird, see whether its saved passwords still work, close it and try again.",
        )
        self.file = file
        self.reason = reason

    def below(self, directory: Path) -> StoreUnrecognised:
        """The same for a file of this profile directory, so that a person can find it."""
        return StoreUnrecognised(directory / self.file, self.reason)


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
