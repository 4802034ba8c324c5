"""Where somebody is: the page and what it is about, kept equal to the address.

The address names only what differs from the start page, so that every address is short and going back restores
everything (a parameter that an address lacks has its default there).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlencode

import param

from pwsops.rules.rights import Right
from pwsops.web.panel_compat import Location

OVERVIEW, WIZARD, RUNS, RUN = "overview", "wizard", "runs", "run"
DATABASES, RESTORE, SETTINGS, CERTIFICATES = "databases", "restore", "settings", "certificates"
AUDIT, CLEANUP = "audit", "cleanup"
PAGES = (OVERVIEW, WIZARD, RUNS, RUN, DATABASES, RESTORE, SETTINGS, CERTIFICATES, AUDIT, CLEANUP)
RIGHTS = {
    WIZARD: Right.CONFIGURE,
    RESTORE: Right.MEDIA,
    CERTIFICATES: Right.CONFIGURE,
    SETTINGS: Right.CONFIGURE,
    AUDIT: Right.EVIDENCE,
}
"""What pages need that are not for everybody who may look."""
_FORMER = {"insert": RESTORE}
"""Names that pages had: links to them stay right, and no address is written with them."""
STEPS = 3
_MONTH = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])")
_DAY = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9]")


class Nav(param.Parameterized):
    """What the address says. All of it is text or a number that a hostile address may have made up."""

    page = param.String(default=OVERVIEW, regex="|".join(PAGES), doc="Which page.")
    profile = param.String(default="", doc="Selected profile; empty: all of them, in the wizard a new one.")
    month = param.String(default="", doc="Month of the calendar, 2026-03; empty: the present one.")
    day = param.String(default="", doc="Day of the calendar that is opened, or whose week is, 2026-03-28.")
    run = param.Integer(default=0, bounds=(0, None), doc="Run whose details are shown; 0: none.")
    step = param.Integer(default=1, bounds=(1, STEPS), doc="Step of the wizard.")
    instance = param.String(default="", doc="Instance whose databases are shown; empty: the first.")
    database = param.String(default="", doc="Database that is selected, or restored into.")
    file = param.String(default="", doc="Media file that is looked into.")
    position = param.Integer(default=0, bounds=(0, None), doc="Set of that file; 0: none chosen.")
    view = param.String(default="", doc="Part of a page; empty: its first.")
    q = param.String(default="", doc="What the history is searched for, or what a form is about.")
    status = param.String(default="", doc="State that the history is filtered by; empty: all.")
    trigger = param.String(default="", doc="Who started the runs of the history; empty: anybody.")
    sort = param.String(default="", doc="Column of the history, with a minus for descending; empty: newest first.")
    after = param.String(default="", doc="Where in the history the page begins; empty: at the beginning.")
    who = param.String(default="", doc="Whose entries of the audit log are shown; empty: everybody's.")
    period = param.String(default="", doc="Period of the history: a name, or days; empty: by since and until.")
    since = param.String(default="", doc="From which day on history or audit log are shown; empty: from the beginning.")
    until = param.String(default="", doc="Up to which day, itself included; empty: until now.")
    opened = param.Integer(default=0, bounds=(0, None), doc="Row of the history that is unfolded; 0: none.")

    def search(self) -> str:
        """Return the query of the address, with its question mark; empty on the start page."""
        query = {key: getattr(self, key) for key in _FIELDS if getattr(self, key) != self.param[key].default}
        return f"?{urlencode(query)}" if query else ""

    by_link = False
    """Whether somebody came here by an address alone, which others may have made up, and not by a click on a page."""

    def read(self, search: str) -> None:
        """Go where an address says; what it says amiss is taken as unsaid."""
        self._go_by(search, link=False)

    def _go_by(self, search: str, *, link: bool) -> None:
        self.by_link = link
        query = dict(parse_qsl(search.removeprefix("?")))
        self.param.update(**{key: self._value(key, query) for key in _FIELDS})

    def go(self, **where: Any) -> None:
        """Go to a page; what is not named has its default there."""
        self.by_link = False
        self.param.update(**{**{key: self.param[key].default for key in _FIELDS}, **where})

    def _value(self, key: str, query: Mapping[str, str]) -> Any:
        try:
            return _FIELDS[key](query[key])
        except (KeyError, ValueError):
            return self.param[key].default

    def follow(self, location: Location) -> None:
        """Keep equal to the browser's address, both ways."""
        self._go_by(location.search, link=True)

        def follow(event: Any) -> None:
            # What we wrote there ourselves comes back.
            if Nav.canonical(event.new) != self.search():
                self._go_by(event.new, link=True)

        location.param.watch(follow, "search")

        def write(*_: object) -> None:
            # An address that says the same is not written again, or the browser would have to go back twice.
            if Nav.canonical(location.search) != self.search():
                location.search = self.search()

        self.param.watch(write, list(_FIELDS))

    @staticmethod
    def canonical(search: str) -> str:
        """Return the address that `search` amounts to."""
        there = Nav()
        there.read(search)
        return there.search()


def _page(text: str) -> str:
    name = _FORMER.get(text, text)
    if name not in PAGES:
        raise ValueError(text)
    return name


def month(text: str) -> str:
    """Return a month that an address or a page names, 2026-03; raises `ValueError` for what is none."""
    if not _MONTH.fullmatch(text):
        raise ValueError(text)
    return text


def day(text: str) -> str:
    """Return a day that an address or a page names, 2026-03-28; raises `ValueError` for what is none."""
    if not _DAY.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text).isoformat()


def parsed(text: str) -> date | None:
    """Return the day that `Nav.day` names; None where it names none."""
    return date.fromisoformat(text) if text else None


def count(text: str) -> int:
    """Return a number that an address or a page names; raises `ValueError` for what is none, or too large."""
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise ValueError(text)
    return int(text)


def before(text: str) -> int | None:
    """Return the number before which a page of a list begins; None: it is the first page."""
    try:
        return count(text)
    except ValueError:
        return None


def step(text: str) -> int:
    """Return the step of the wizard that is meant; raises `ValueError` for what is no number."""
    return min(max(count(text), 1), STEPS)


_FIELDS: dict[str, Callable[[str], Any]] = {
    "page": _page,
    "profile": str,
    "month": month,
    "day": day,
    "run": count,
    "step": step,
    "instance": str,
    "database": str,
    "file": str,
    "position": count,
    "view": str,
    "q": str,
    "status": str,
    "trigger": str,
    "sort": str,
    "after": str,
    "who": str,
    "period": str,
    "since": str,
    "until": str,
    "opened": count,
}
