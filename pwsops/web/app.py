"""The frame: header, sidebar, and the page that the address names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import panel as pn
import panel_material_ui as pmui
import param
from panel.custom import JSComponent

from pwsops.errors import Denied
from pwsops.rules.rights import Right
from pwsops.signin.sessions import Session as SignedIn
from pwsops.web import access, door, titles
from pwsops.web.door import Visit
from pwsops.web.live import process
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Problem, problem_of
from pwsops.web.nav import AUDIT, CERTIFICATES, CLEANUP, DATABASES, OVERVIEW, RESTORE, RUN, RUNS, SETTINGS, WIZARD
from pwsops.web.pages.audit.page import Audit
from pwsops.web.pages.certificates.page import Certificates
from pwsops.web.pages.cleanup.page import Cleanup
from pwsops.web.pages.databases.page import Databases
from pwsops.web.pages.history.page import History
from pwsops.web.pages.overview.page import Overview
from pwsops.web.pages.restore.page import Restore
from pwsops.web.pages.run.page import Run
from pwsops.web.pages.settings.page import Settings
from pwsops.web.pages.wizard.page import Wizard
from pwsops.web.panel_compat import unwatch_busy
from pwsops.web.ui import theme
from pwsops.web.ui.markup import Markup, script

if TYPE_CHECKING:
    from pwsops.operations import Operations

TITLE = "Backup operations"
_PAGES: dict[str, Callable[[Session], Any]] = {
    OVERVIEW: Overview,
    WIZARD: Wizard,
    RUNS: History,
    RUN: Run,
    DATABASES: Databases,
    RESTORE: Restore,
    CERTIFICATES: Certificates,
    SETTINGS: Settings,
    AUDIT: Audit,
    CLEANUP: Cleanup,
}
_MENU = (
    (OVERVIEW, "Profiles", "profiles"),
    (RUNS, "History", "history"),
    (DATABASES, "Databases", "databases"),
    (CERTIFICATES, "Certificates", "key"),
    (AUDIT, "Audit log", "audit"),
    (SETTINGS, "Settings", "settings"),
)
_BELONGS_TO = {RUN: RUNS, WIZARD: OVERVIEW, CLEANUP: OVERVIEW, RESTORE: DATABASES}


class Shell(JSComponent):  # type: ignore[misc]  # panel ships no complete types
    """Nothing to see while all is well: back and forward, light or dark, and whether the server is there."""

    zone = param.String(default="", doc="Time zone of what the page says.")
    page_title = param.String(default="", doc="Title of the browser's window.")
    focus = param.Dict(default={}, doc="As `Attention` has it.")
    announced = param.Dict(default={}, doc="As `Attention` has it.")

    _esm = script("drawn.js", "attention.js", "connection.js", "shell.js")

    def _handle_msg(self, data: Any) -> None:
        # An answer by the page's own connection, and by the loop that serves it.
        number = data.get("beat") if isinstance(data, dict) else None
        if isinstance(number, int):
            self._send_msg({"beat": number})


class Frame(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Holds the pages and redraws the one shown when its session says that something changed."""

    def __init__(self, session: Session, visit: Visit | None = None) -> None:
        super().__init__()
        self._session = session
        self._visit = visit
        self._service = Markup(session.act, sizing_mode="stretch_width")
        self._notice, self._question = Markup(session.act), Markup(session.act)
        self._shell = Shell(width=0, height=0, margin=0)
        self._shown = ""
        self._page: Any = None
        self._body = pn.Column(sizing_mode="stretch_width", margin=0)
        self._menu = Markup(session.act, margin=(8, 0))
        self._main = pn.Column(
            self._body,
            sizing_mode="stretch_width",
            margin=(14, 16),
            stylesheets=[":host { gap: 12px; } @media (max-width: 600px) { :host { margin: 8px !important; } }"],
        )
        self._view = self._assemble()
        session.on_change = self.refresh
        session.attention.param.watch(self._attend, ["focus", "announced"])
        self.refresh()

    def __panel__(self) -> Any:
        return self._view

    def _assemble(self) -> Any:
        page = toolkit_page(
            # Not in the sidebar, which a narrow screen draws anew whenever it is opened.
            header=[self._service, self._shell, self._session.download],
            sidebar=[self._menu],
            main=[self._main],
            sidebar_width=190,
            sidebar_resizable=False,
            busy_indicator=None,
        )
        page.param.watch(lambda event: self._session.paint(dark=event.new), "dark_theme")
        return page

    def make_page(self, name: str) -> Any:
        """Return a page by its name."""
        return _PAGES[name](self._session)

    def refresh(self) -> None:
        """Show what the session knows. What fails is a message on the page, never a traceback."""
        session = self._session
        notice = session.notice
        self._shell.param.update(zone=str(session.snapshot.zone), page_title=titles.of(session.nav))
        self._service.show(
            "service.html",
            service=session.snapshot.service,
            switching=session.switching,
            refused=session.why_not(Right.STOP, everywhere=True),
        )
        self._notice.show("notice.html", notice=notice)
        self._question.show("question.html", question=session.asking)
        # Always there, and not always visible: of a piece that came later the browser sent the whole model back, which
        # the door refuses.
        self._question.visible = session.asking is not None
        parts = [self._question, self._body] if notice is None else [self._question, self._notice, self._body]
        if list(self._main.objects) != parts:
            self._main.objects = parts
        try:
            self._show_page()
        except Exception as error:  # noqa: BLE001 - a page shows a message, never a traceback
            self._show_problem(problem_of(error, "Showing this page"))

    def _attend(self, event: Any) -> None:
        self._shell.param.update(**{event.name: event.new})

    def _show_problem(self, found: Problem) -> None:
        piece = Markup()
        piece.show("problem.html", message=found.message, hint=found.hint, command="")
        if self._shown:
            self._session.leave()
        self._shown, self._body.objects = "", [piece]

    def _show_menu(self, here: str) -> None:
        items = [item for item in _MENU if not self._session.why_not_open(item[0])]
        signed_in = self._visit if isinstance(self._visit, SignedIn) else None
        who, csrf = ("", "") if signed_in is None else (signed_in.person.name, signed_in.csrf)
        belongs_to = _BELONGS_TO.get(here, here)
        self._menu.show(
            "menu.html",
            items=items,
            here=here,
            belongs_to=belongs_to,
            who=who,
            csrf=csrf,
            zone_name=self._session.snapshot.zone_name,
        )

    def _show_page(self) -> None:
        name = self._session.nav.page
        self._show_menu(name)
        why_not = self._session.why_not_open(name)
        if why_not:
            self._show_problem(Problem(message=f"This page is not for you. {why_not}", hint="Ask an administrator."))
        elif name != self._shown:
            came_from = self._shown
            self._page = self.make_page(name)
            self._shown, self._body.objects = name, [self._page]
            if came_from:
                self._session.attention.focus_on("h1")
        else:
            self._page.refresh()


def build(ops: Operations | None = None, *, guarded: bool = False) -> Any:
    """Build the page for one browser.

    Parameters
    ----------
    ops
        What it works with; None takes the process's own, and makes them on first use.
    guarded
        Whether the front door is before it: then nobody sees it who has not signed in.

    Returns
    -------
    panel_material_ui.Page or panel.viewable.Viewable
        To be served. For somebody who may not look, and where the catalogue cannot be opened, a page that says so.
    """
    try:
        visit = _visit(guarded=guarded)
        session = Session(process.store(ops), pn.state.curdoc, who=visit.principal if visit is not None else None)
        frame = Frame(session, visit)
    except Exception as error:  # noqa: BLE001 - a page shows a message, never a traceback
        return refusal(error)
    if pn.state.location is not None:
        session.nav.follow(pn.state.location)
    # Not before the browser is there: what changes while it is still drawing would not reach it.
    pn.state.onload(session.open)
    pn.state.on_session_destroyed(lambda _: session.close())
    return frame.__panel__()


def _visit(*, guarded: bool) -> Visit | None:
    """Return whose page it is; None for whoever looks at their own machine by `panel serve`, and in a test."""
    visit = door.visit_of(pn.state.curdoc.session_context if pn.state.curdoc else None)
    if visit is None:
        if guarded:
            raise Denied("Nobody is signed in.", hint="Sign in, and load the page again.")
        access.check_peer()
    return visit


def refusal(error: Exception) -> Any:
    """Return a page that says why another is not shown."""
    found = problem_of(error, "Opening the dashboard")
    piece = Markup()
    piece.show("problem.html", message=found.message, hint=found.hint, command=getattr(error, "command", ""))
    return toolkit_page(main=[pn.Column(piece, margin=16, sizing_mode="stretch_width")])


def toolkit_page(**parts: Any) -> Any:
    """Return a page of the toolkit in our look."""
    look = {"title": TITLE, "theme_config": theme.toolkit_theme(), "sx": theme.page_style()}
    pn.config.raw_css = [theme.faces()]
    page = pmui.Page(**{**look, **parts})
    unwatch_busy(page)
    return page
