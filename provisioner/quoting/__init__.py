"""One quoting filter per target syntax, by the name that templates use.

A filter returns `Quoted` text that means exactly the given value in its syntax, whatever the value holds, or
raises UsageError (`value.unwritable`). `tests/live/test_syntax.py` tries them on the programs' own parsers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from provisioner.quoting.aerc import aerc, aercmailbox, aercsection
from provisioner.quoting.alpine import alpine, alpinefolder
from provisioner.quoting.base import Quoted
from provisioner.quoting.configobj import vdirsection
from provisioner.quoting.curl import curl
from provisioner.quoting.fetchmail import fetchmail
from provisioner.quoting.getmail import getmail
from provisioner.quoting.gitconfig import gitconfig
from provisioner.quoting.gvariant import gvariant
from provisioner.quoting.json import json
from provisioner.quoting.kde import kconfig, qsettings
from provisioner.quoting.keyfile import keyfile, keyfile_list
from provisioner.quoting.lisp import lisp
from provisioner.quoting.lua import lua
from provisioner.quoting.mblaze import mblaze
from provisioner.quoting.mbsync import mbsync
from provisioner.quoting.mozilla import mozpref
from provisioner.quoting.msmtp import mpop, msmtp
from provisioner.quoting.mutt import mutt, muttcommand
from provisioner.quoting.netrc import netrc
from provisioner.quoting.notmuch import notmuch
from provisioner.quoting.offlineimap import offlineimap, offlineimap_section
from provisioner.quoting.outlook import outlook
from provisioner.quoting.python import python
from provisioner.quoting.shell import shell
from provisioner.quoting.sylpheed import folderattr, sylpheedrc
from provisioner.quoting.toml import meli, toml
from provisioner.quoting.vdirsyncer import vdirname
from provisioner.quoting.xml import xml
from provisioner.quoting.yaml import yaml

FILTERS: dict[str, Callable[[Any], Quoted]] = {
    "mozpref": mozpref,
    "xml": xml,
    "msmtp": msmtp,
    "mpop": mpop,
    "mbsync": mbsync,
    "getmail": getmail,
    "python": python,
    "fetchmail": fetchmail,
    "lua": lua,
    "gitconfig": gitconfig,
    "offlineimap": offlineimap,
    "shell": shell,
    "curl": curl,
    "lisp": lisp,
    "netrc": netrc,
    "kconfig": kconfig,
    "qsettings": qsettings,
    "keyfile": keyfile,
    "keyfile_list": keyfile_list,
    "gvariant": gvariant,
    "offlineimap_section": offlineimap_section,
    "aerc": aerc,
    "aercmailbox": aercmailbox,
    "aercsection": aercsection,
    "mutt": mutt,
    "muttcommand": muttcommand,
    "notmuch": notmuch,
    "vdirname": vdirname,
    "mblaze": mblaze,
    "vdirsection": vdirsection,
    "alpine": alpine,
    "alpinefolder": alpinefolder,
    "json": json,
    "outlook": outlook,
    "sylpheedrc": sylpheedrc,
    "folderattr": folderattr,
    "toml": toml,
    "meli": meli,
    "yaml": yaml,
}
