"""The calendar of runs: of all profiles, or of the one that is selected. Cells of notebooks show it alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import panel as pn

from pwsops.operations.records import ProfileView
from pwsops.web.live import calendar_cache
from pwsops.web.live.calendar_cache import Content, Request
from pwsops.web.live.query import Policy, Query
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import Problem, Snapshot
from pwsops.web.nav import parsed
from pwsops.web.pages.overview.rows import selected
from pwsops.web.ui import formatting
from pwsops.web.ui.calendar import Calendar
from pwsops.web.ui.calendar_texts import Heading
from pwsops.web.ui.charts.month import Month
from pwsops.web.ui.markup import Markup

_DOING = "Working out the runs to come"
_AT_ONCE = 10
"""So many profiles are planned while the page waits; more, while it is looked at."""


class RunsCalendar(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Shows what the address asks for, once the browser has drawn the rest of the page: somebody came for that."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._visit = session.visits
        # An answer changes nothing but what is shown here.
        self._planned: Query[Content] = Query(session, _DOING, policy=Policy.SERIAL, on_answer=self._redraw)
        self._ahead: Query[Content] = Query(session, _DOING, policy=Policy.SERIAL, on_answer=lambda: None)
        self._soon = Markup()
        self.view = pn.Column(self._soon, sizing_mode="stretch_width", margin=0)
        self.refresh()
        if not session.drawn:
            session.when_drawn(self._redraw)

    def __panel__(self) -> Any:
        return self.view

    @cached_property
    def calendar(self) -> Calendar:
        """Made when it is shown first: until then it would take time from the first paint."""
        made = Calendar(self._session)
        self.view[:] = [made]
        return made

    def refresh(self) -> None:
        """Show the session's present snapshot and place."""
        snapshot = self._session.snapshot
        chosen = selected(snapshot, self._session.nav)
        title = f"Runs: {chosen.name if chosen else 'all profiles'}"
        if not self._session.drawn:
            self._soon.show("overview/plan_soon.html", title=title)
            return
        request = self._request(snapshot, chosen)
        content = self._content(request)
        lead = [f"{chosen.schedule[:1].upper()}{chosen.schedule[1:]}."] if chosen else []
        lead += filter(None, [formatting.other_zone(request.zone, snapshot.zone_name)])
        heading = Heading(
            title=title,
            several=chosen is not None and len(snapshot.profiles) > 1,
            overdue=calendar_cache.due_since(request.profiles, snapshot),
            lead=" ".join(lead),
            problem=f"{content.message} {content.hint}" if isinstance(content, Problem) else "",
        )
        if isinstance(content, Content):
            self.calendar.show(content, heading)
        else:
            self.calendar.wait(request.month, heading)

    def _redraw(self) -> None:
        """Show what has come, unless somebody went to another page, whose address says nothing of this one."""
        if self._session.visits != self._visit:
            for query in (self._planned, self._ahead):
                query.forget()
            return
        try:
            self.refresh()
        except Exception:  # noqa: BLE001 - a page shows a message, never a traceback
            self._session.changed()  # draws the whole page, and makes a message of what fails

    def _request(self, snapshot: Snapshot, chosen: ProfileView | None) -> Request:
        nav = self._session.nav
        zone = snapshot.zone if chosen is None else self._session.store.calendar.zone_of(chosen)
        now = snapshot.at.astimezone(zone)
        month, day = Month.read(nav.month, now), parsed(nav.day)
        return Request(
            profiles=[chosen] if chosen else list(snapshot.profiles),
            beside=[profile for profile in snapshot.profiles if profile is not chosen] if chosen else (),
            month=month if day is None else Month.around(day, month, now),
            zone=zone,
            view=nav.view,
            day=day,
            now=snapshot.at,
        )

    def _content(self, request: Request) -> Content | Problem | None:
        """Return what there is to show: of few profiles at once; of many what was worked out last, until more is."""
        calendar, snapshot = self._session.store.calendar, self._session.snapshot
        work = partial(calendar.content, self._session.ops, request)
        # The past of many profiles takes a while to count.
        is_quick = request.month.begin > request.now.date() and calendar.is_known(request)
        if len(snapshot.profiles) <= _AT_ONCE or is_quick:
            return work()
        # What failed would fail again at once; it is tried again when something has changed.
        answer = self._planned.ask(request.place, work, version=snapshot.number)
        if isinstance(answer, Content):
            self._look_ahead(answer.request)
        return answer

    def _look_ahead(self, request: Request) -> None:
        """Work out the next month too, so that it is ready when somebody turns to it."""
        later = request.month.later
        if request.view or not later:
            return
        month = Month.read(later, request.now.astimezone(request.zone))
        work = partial(self._session.store.calendar.content, self._session.ops, replace(request, month=month))
        self._ahead.ask((request.named, later), work)
