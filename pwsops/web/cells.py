"""Parts of the dashboard for a cell of a notebook, each made of operations.

A cell is one of the dashboard's own pages in a frame without header and menu: it has its own colours, light or dark as
the page around is, and follows the catalogue while somebody looks at it. What takes its time is asked for in other
threads; the kernel's own waits for no server. A link leads on inside the cell, and back again.

>>> from pwsops.operations import open_operations
>>> from pwsops.web.cells import Overview
>>> Overview(open_operations())  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import panel as pn

from pwsops.errors import InvalidInput
from pwsops.web import access, app, nav
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Store
from pwsops.web.pages.cells.plan import PlanPage
from pwsops.web.pages.cells.table import TablePage
from pwsops.web.pages.overview.runs_calendar import RunsCalendar
from pwsops.web.panel_compat import CellColumn, kernel_loop, served_document
from pwsops.web.ui.markup import Markup
from pwsops.web.ui.surroundings import PALETTES, Surroundings

if TYPE_CHECKING:
    from pwsops.operations import Operations

__all__ = ["HistoryTable", "MonthChart", "Overview", "ProfileWizard", "RestorePlanView"]

_stores: WeakValueDictionary[int, Store] = WeakValueDictionary()
"""By the operations' identity, which a store keeps alive: what is read is read once for all cells of a notebook."""


class Cell(app.Frame):
    """Shows the page it begins with, and those that its links lead to.

    Parameters
    ----------
    ops
        What it works with. They stay the caller's: close the cells before them.
    own
        By a page's name, what makes the one that is shown in its place.
    where
        Where it begins, as the dashboard's addresses say it.

    Raises
    ------
    Refused
        It is served by `panel serve`, and somebody on another machine asks for it.
    """

    def __init__(
        self, ops: Operations, own: Mapping[str, Callable[[Session], Any]] | None = None, **where: Any
    ) -> None:
        document = served_document()
        if document is not None:
            access.check_peer()
        self._own = dict(own or {})
        self._where = where
        self._surroundings = Surroundings(self._seen, served=document is not None)
        session = Session(_store_of(ops), document, loop=kernel_loop())
        self._surroundings.param.watch(lambda event: session.paint(dark=event.new), "dark")
        self._back = Markup(self._act)
        session.nav.go(**where)
        super().__init__(session)
        if document is not None:
            pn.state.on_session_destroyed(lambda _: self.close())

    @property
    def dark(self) -> bool:
        """Whether the page around is dark, as far as a browser has said."""
        return bool(self._surroundings.dark)

    def close(self) -> None:
        """Follow nothing any more, and leave no thread behind. What is shown stays as it is."""
        self._session.close()

    def __enter__(self) -> Cell:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _assemble(self) -> Any:
        self._main.margin = 0
        for unseen in (self._surroundings, self._session.download):
            unseen.styles = {"position": "absolute"}
        return CellColumn(
            self._surroundings,
            self._session.download,
            self._service,
            self._back,
            self._main,
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[PALETTES],
        )

    def make_page(self, name: str) -> Any:
        """Return the page that is shown under a name: the cell's own, or the dashboard's."""
        make = self._own.get(name)
        return super().make_page(name) if make is None else make(self._session)

    def _show_menu(self, here: str) -> None:
        begins = here == self._where.get("page", nav.OVERVIEW)
        self._back.show("cells/back.html")
        self._back.visible = not begins
        self._service.visible = not begins or here not in self._own

    def _act(self, _action: str, _key: str) -> None:
        self._session.nav.go(**self._where)

    def _seen(self, seen: bool) -> None:
        if seen:
            self._session.open()
        else:
            self._session.pause()


class Overview(Cell):
    """Whether all databases are safe, the profiles with what can be done about them, and their latest runs.

    Parameters
    ----------
    ops
        What it works with.
    profile
        The one that is selected; empty: none.
    """

    def __init__(self, ops: Operations, *, profile: str = "") -> None:
        super().__init__(ops, profile=profile)


class ProfileWizard(Cell):
    """The wizard, with the calendar of the runs of what is typed.

    Parameters
    ----------
    ops
        What it works with.
    profile
        The one that is edited; empty: a new one.
    """

    def __init__(self, ops: Operations, *, profile: str = "") -> None:
        super().__init__(ops, page=nav.WIZARD, profile=profile)


class MonthChart(Cell):
    """The calendar of runs, those to come and those that were.

    Parameters
    ----------
    ops
        What it works with.
    profile
        Only this one's; empty: all.
    month
        As in ``2026-03``; empty: the present one.
    """

    def __init__(self, ops: Operations, *, profile: str = "", month: str = "") -> None:
        super().__init__(ops, {nav.OVERVIEW: RunsCalendar}, profile=profile, month=_month(month))


class HistoryTable(Cell):
    """The runs as a table, fifty at a time; a click on one shows all of it.

    Parameters
    ----------
    ops
        What it works with.
    profile, status, text
        Only these, as in `HistoryQuery`; empty: all.
    """

    def __init__(self, ops: Operations, *, profile: str = "", status: str = "", text: str = "") -> None:
        super().__init__(ops, {nav.RUNS: TablePage}, page=nav.RUNS, profile=profile, status=status, q=text)


class RestorePlanView(Cell):
    """What a restore of a database to its newest backup would do. Nothing is restored by it.

    Its button leads to the page that restores, which has its own confirmation.

    Parameters
    ----------
    ops
        What it works with.
    instance, database
        What would be restored.
    """

    def __init__(self, ops: Operations, instance: str, database: str) -> None:
        plan = {nav.DATABASES: lambda session: PlanPage(session, instance, database)}
        super().__init__(ops, plan, page=nav.DATABASES, instance=instance, database=database)


def _month(text: str) -> str:
    if nav.Nav.canonical(f"?month={text}") != (f"?month={text}" if text else ""):
        raise InvalidInput(f"{text!r} is no month.", hint="Name one as in 2026-03, or none for the present one.")
    return text


def _store_of(ops: Operations) -> Store:
    store = _stores.get(id(ops))
    if store is None:
        store = _stores[id(ops)] = Store(ops, waits=False)
    return store
