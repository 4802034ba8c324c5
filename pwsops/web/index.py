"""A page that lists what `panel serve` serves: the dashboard, and the notebooks beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import panel as pn

from pwsops.errors import Refused
from pwsops.web import access, app
from pwsops.web.ui.markup import Markup

TITLE = "Dashboards"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One page: where it is, beside this one, what it is called, and what it shows."""

    address: str
    title: str
    text: str


_OPERATIONS = Entry(
    address="operations", title=app.TITLE, text="Profiles, history, databases and restores, as they are now."
)


def entries(notebooks: Path) -> Sequence[Entry]:
    """Return the dashboard, and what the notebooks of a directory say of themselves, but for those that are unreadable.

    Parameters
    ----------
    notebooks
        The directory.
    """
    found = (_entry(path) for path in sorted(notebooks.glob("*.ipynb")))
    return [_OPERATIONS, *(entry for entry in found if entry is not None)]


def build(notebooks: Path) -> Any:
    """Return the page, to be served; for somebody on another machine, one that says why not."""
    try:
        access.check_peer()
    except Refused as error:
        return app.refusal(error)
    piece = Markup()
    piece.show("cells/index.html", title=TITLE, entries=entries(notebooks))
    column = pn.Column(piece, margin=16, sizing_mode="stretch_width")
    return app.toolkit_page(title=TITLE, main=[column], busy_indicator=None)


def _entry(path: Path) -> Entry | None:
    try:
        first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    title, _, text = ("".join(first)).partition("\n")
    return Entry(address=path.stem, title=title.lstrip("# "), text=text.strip().partition("\n\n")[0].replace("\n", " "))
