"""What a refused login can mean, by the stable codes of check/refused.py."""

from __future__ import annotations

from enum import StrEnum


class LoginRefused(StrEnum):
    """The causes that a server's words can name when it refuses a login."""

    BAD_CREDENTIALS = "auth.bad_credentials"
    APP_PASSWORD_REQUIRED = "auth.app_password_required"  # noqa: S105 - a cause
    ACCESS_OFF = "auth.access_off"
    WEB_LOGIN = "auth.web_login"
    METHOD_OFF = "auth.method_off"
    NOT_AUTHORIZED = "auth.not_authorized"
    TRANSITION = "auth.transition"
    EXPIRED = "auth.expired"
    CONTACT_ADMIN = "auth.contact_admin"
    REFUSED = "auth.refused"
    PRIVACY_REQUIRED = "auth.privacy_required"
    UNAVAILABLE = "auth.unavailable"
    LIMIT = "auth.limit"
    IN_USE = "auth.in_use"
    ELSEWHERE = "auth.elsewhere"
    METHOD_BROKEN = "auth.method_broken"
