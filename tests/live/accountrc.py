"""Files of accounts and mailboxes with any values in them, as Claws Mail and Sylpheed read and write them."""

from __future__ import annotations

import shutil
from pathlib import Path

from hypothesis import strategies as st

from provisioner.edits.ini import Ini
from provisioner.quoting.sylpheed import folderattr, sylpheedrc

_PLAIN = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=60
)
_SYNTAX = st.text(st.sampled_from("\\\"'`$(){};&<>#|%s=[]x &amp;&lt;&#65;"), min_size=1, max_size=40)
VALUES = st.lists(_PLAIN | _SYNTAX, min_size=20, max_size=60, unique=True)


def write(config: Path, values: list[str], imap: int) -> None:
    """Each value as the name of a mailbox of the first account and as a name in an account of its own.

    `imap`: the number of the protocol; the other accounts fetch from nowhere.
    """
    shutil.rmtree(config, ignore_errors=True)
    config.mkdir(mode=0o700)
    items = "".join(
        f'<folderitem type="normal" name="x" path="{folderattr(value)}"></folderitem>' for value in values
    )
    (config / "folderlist.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<folderlist>\n<folder type="mh" name="Local" '
        f'path="{config.name}/local"></folder>\n'
        f'<folder type="imap" name="x" account_id="1">{items}</folder>\n</folderlist>\n'
    )
    sections = "\n".join(
        f"[Account: {number}]\naccount_name={number}\nname={sylpheedrc(value)}\n"
        f"protocol={imap * (number == 1)}\n"
        for number, value in enumerate(values, 1)
    )
    (config / "accountrc").write_text(sections)


def assert_read(config: Path, values: list[str], shown: set[str]) -> None:
    """`shown`: the mailboxes as the program lists them; it has ended and written its settings again."""
    assert {f"#imap/x/{value}" for value in values} <= shown
    now = Ini((config / "accountrc").read_bytes(), Path("accountrc"))
    assert [now.get(f"Account: {number}", "name") for number in range(1, len(values) + 1)] == values
    assert now.get("Account: 1", "ssl_imap") is not None  # it has written the file
