"""Machines on which a client is installed, two or so for each: what the contract suite runs on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.clients.machines import (
    aerc,
    alpine,
    apple_mail,
    curl,
    emacs,
    fetchmail,
    getmail,
    git_send_email,
    gnome,
    imapfilter,
    mbsync,
    msmtp,
    mutt,
    notmuch,
    offlineimap,
    s_nail,
    thunderbird,
)
from tests.clients.machines.base import Machine

MACHINES: dict[str, tuple[str, Callable[[Path], Machine]]] = {
    "thunderbird-fresh": ("thunderbird", thunderbird.thunderbird_fresh),
    "thunderbird-used": ("thunderbird", thunderbird.thunderbird_used),
    "apple-mail": ("apple-mail", apple_mail.mac),
    "msmtp-fresh": ("msmtp", msmtp.fresh),
    "msmtp-used": ("msmtp", msmtp.used),
    "mbsync-fresh": ("mbsync", mbsync.fresh),
    "mbsync-used": ("mbsync", mbsync.used),
    "getmail-fresh": ("getmail", getmail.fresh),
    "getmail-used": ("getmail", getmail.used),
    "fetchmail-fresh": ("fetchmail", fetchmail.fresh),
    "fetchmail-used": ("fetchmail", fetchmail.used),
    "imapfilter-fresh": ("imapfilter", imapfilter.fresh),
    "imapfilter-used": ("imapfilter", imapfilter.used),
    "git-send-email-fresh": ("git-send-email", git_send_email.fresh),
    "git-send-email-used": ("git-send-email", git_send_email.used),
    "offlineimap-fresh": ("offlineimap", offlineimap.fresh),
    "offlineimap-used": ("offlineimap", offlineimap.used),
    "s-nail-fresh": ("s-nail", s_nail.fresh),
    "s-nail-used": ("s-nail", s_nail.used),
    "emacs-fresh": ("emacs", emacs.fresh),
    "emacs-used": ("emacs", emacs.used),
    "curl-fresh": ("curl", curl.fresh),
    "curl-used": ("curl", curl.used),
    "mutt-fresh": ("mutt", mutt.fresh),
    "mutt-used": ("mutt", mutt.used),
    "neomutt-fresh": ("neomutt", mutt.neomutt_fresh),
    "neomutt-used": ("neomutt", mutt.neomutt_used),
    "aerc-fresh": ("aerc", aerc.fresh),
    "aerc-used": ("aerc", aerc.used),
    "notmuch-fresh": ("notmuch", notmuch.fresh),
    "notmuch-used": ("notmuch", notmuch.used),
    "alpine-fresh": ("alpine", alpine.fresh),
    "alpine-used": ("alpine", alpine.used),
    "evolution-fresh": ("evolution", gnome.evolution_fresh),
    "evolution-used": ("evolution", gnome.evolution_used),
    "geary-fresh": ("geary", gnome.geary_fresh),
    "geary-used": ("geary", gnome.geary_used),
    "gnome-online-accounts-fresh": ("gnome-online-accounts", gnome.online_fresh),
    "gnome-online-accounts-used": ("gnome-online-accounts", gnome.online_used),
}
