"""The tables of key4.db as NSS 3.125 makes them (lib/softoken/sdb.c: INIT, INDEX and CREATE statements)."""

from __future__ import annotations

import re

PAGE_SIZE = 32768
"""Bytes; NSS sets this for every database that it makes."""

_ATTRIBUTES = """
    0 1 2 3 4 10 11 12 80 81 82 83 84 85 86 87 88 89 8a 8b 8c 90 100 101 102 103 104 105 106 107 108 109 10a
    10b 10c 110 111 120 121 122 123 124 125 126 127 128 129 130 131 132 133 134 160 161 162 163 164 165 166
    170 171 172 180 181 200 201 202 210 40000211 40000212 40000213 220 221 222 223 224 225 226 227 22e 22f
    22a 22b 22c 22d 250 251 252 300 301 302 400 401 402 403 404 405 406 480 481 482 500 501 502 503 601 602
    603 604 605 606 607 608 609 60a 60b 60c 60d 60e 60f 610 611 612 617 618 619 61a 61b 61c 61d 61e 61f 620
    621 622 623 624 625 626 627 629 628 62a 62b 62c 62d 62e 62f 630 631 632 633 634 635 636 637 80000001
    ce534351 ce534352 ce534353 ce534354 ce534355 ce534356 ce534357 ce534358 ce534364 ce534365 ce534366
    ce534367 ce534368 ce534369 ce534373 ce534374 ce536351 ce536352 ce536353 ce536354 ce536355 ce536356
    ce536357 ce536358 ce536359 ce53635a ce53635b ce53635c ce53635d ce53635e ce53635f ce536360 ce5363b4
    ce5363b5 d5a0db00
"""
"""Types of PKCS #11 attributes in hex, in NSS's order; it expects a column for each that it knows."""

META_DATA = "CREATE TABLE metaData (id PRIMARY KEY UNIQUE ON CONFLICT REPLACE, item1, item2)"

STATEMENTS = (
    "CREATE TABLE nssPrivate (id PRIMARY KEY UNIQUE ON CONFLICT ABORT, "
    + ", ".join(f"a{attribute}" for attribute in _ATTRIBUTES.split())
    + ")",
    "CREATE INDEX issuer ON nssPrivate (a81)",
    "CREATE INDEX subject ON nssPrivate (a101)",
    "CREATE INDEX label ON nssPrivate (a3)",
    "CREATE INDEX ckaid ON nssPrivate (a102)",
    META_DATA,
)

_PLAIN = {
    "table": re.compile(
        r"CREATE TABLE (nssPrivate|metaData) ?\(id PRIMARY KEY UNIQUE ON CONFLICT (ABORT|REPLACE)(, ?\w+)*\)",
        re.ASCII,
    ),
    "index": re.compile(r"CREATE INDEX \w+ ON (nssPrivate|metaData) ?\(\w+\)", re.ASCII),
}


def is_plain(kind: object, sql: object) -> bool:
    """Whether an object of the database is a list of bare columns, as every version of NSS makes it.

    All else (generated columns, defaults, checks, expressions in an index, triggers, views) would make
    SQLite run what the file says. The indexes that SQLite makes for `UNIQUE` have no SQL.
    """
    if kind == "index" and sql is None:
        return True
    pattern = _PLAIN.get(kind) if isinstance(kind, str) else None
    return pattern is not None and isinstance(sql, str) and pattern.fullmatch(sql) is not None
