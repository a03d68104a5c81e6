"""The generated pages are those that the code would make now."""

from __future__ import annotations

from pathlib import Path

from provisioner.workflows.listing import clients_page

DOCS = Path(__file__).parent.parent / "docs"


def test_the_page_of_clients_is_up_to_date() -> None:
    assert (DOCS / "clients.md").read_text("utf-8") == clients_page(), "run `make docs`"
