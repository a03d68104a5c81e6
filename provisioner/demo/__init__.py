"""The demonstration: a mail server of its own on this computer, so that no account is needed."""
