"""Turns a new app-specific password into working mail in one command."""

__version__ = "0.1.0"
