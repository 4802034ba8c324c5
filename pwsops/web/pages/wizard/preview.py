"""The calendar beside the wizard: the runs of what is typed, and the other profiles' faintly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import panel as pn

from pwsops.errors import NotFound
from pwsops.operations.records import ProfileView
from pwsops.profile import BackupProfile
from pwsops.web.live.calendar_cache import Content, Request
from pwsops.web.live.query import Policy, Query
from pwsops.web.live.session import Session
from pwsops.web.nav import parsed
from pwsops.web.pages.wizard import texts
from pwsops.web.pages.wizard.draft import Draft
from pwsops.web.ui import formatting
from pwsops.web.ui.calendar import Calendar
from pwsops.web.ui.calendar_texts import Heading
from pwsops.web.ui.charts.month import Month
from pwsops.web.ui.charts.plan import Plan
from pwsops.web.ui.markup import Markup

_AT_ONCE = 10
"""The runs of so many other profiles are worked out while the page waits; of more, beside it."""


class Preview(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Follows what is typed.

    Parameters
    ----------
    session
        Whose address says which month or day is shown.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._sentence = Markup()
        self._calendar = Calendar(session, above=self._sentence)
        self._planned: tuple[object, Plan | None] = (None, None)
        self._others_known: Query[Content] = Query(session, "Working out the runs to come", policy=Policy.SERIAL)

    def __panel__(self) -> Any:
        return self._calendar

    def show(self, draft: Draft) -> None:
        """Show the runs of a draft, once the browser has drawn the form."""
        if not self._session.drawn:
            return
        snapshot, nav = self._session.snapshot, self._session.nav
        profile = draft.schedule()
        zone = ZoneInfo(profile.timezone) if profile else snapshot.zone
        now = snapshot.at.astimezone(zone)
        month, day = Month.read(nav.month, now, behind=0), parsed(nav.day)
        month = month if day is None else Month.around(day, month, now)
        self._sentence.show("wizard/sentence.html", sentence=texts.sentence(draft, profile))
        if profile is None:
            unread = "The runs are shown as soon as the fields of the interval can be read."
            self._calendar.wait(month, Heading(title="Runs to come", problem=unread))
            return
        request = Request(
            beside=self._others(draft),
            own=self._plan(draft, profile, month),
            month=month,
            zone=zone,
            view=nav.view,
            day=day,
            now=snapshot.at,
        )
        calendar = self._session.store.calendar
        if len(request.beside) > _AT_ONCE and not calendar.is_known(request):
            self._work_out(request)
            request = replace(request, beside=())
        lead = formatting.other_zone(zone, snapshot.zone_name)
        self._calendar.show(calendar.content(self._session.ops, request), Heading(title="Runs to come", lead=lead))

    def _others(self, draft: Draft) -> Sequence[ProfileView]:
        edited = "" if draft.original is None else draft.original.name
        return [profile for profile in self._session.snapshot.profiles if profile.name != edited]

    def _work_out(self, request: Request) -> None:
        """Work out the other profiles' runs beside the page: whoever types does not wait for them."""
        work = partial(self._session.store.calendar.content, self._session.ops, request)
        self._others_known.ask(request.place, work, version=self._session.snapshot.number)

    def _plan(self, draft: Draft, profile: BackupProfile, month: Month) -> Plan:
        now = self._session.snapshot.at
        place = (draft.text["instance"], draft.text["directory"], draft.encrypt_with)
        key = (
            draft.text["name"],
            profile.summary(),
            profile.start,
            place,
            month.begin,
            now.replace(second=0, microsecond=0),
        )
        if self._planned[0] != key or self._planned[1] is None:
            self._planned = (key, self._preview(draft, profile, month, now))
        assert self._planned[1] is not None
        return self._planned[1]

    def _preview(self, draft: Draft, profile: BackupProfile, month: Month, now: datetime) -> Plan:
        # Where it is to write decides whether it goes on from where the stored one stands.
        profile.param.update(
            instance=str(draft.text["instance"]),
            directory=str(draft.text["directory"]).strip(),
            encrypt_with=draft.encrypt_with,
        )
        zone = ZoneInfo(profile.timezone)
        since = month.since(zone)
        edited = None if draft.original is None else draft.original.name
        try:
            found = self._session.ops.profiles.preview(
                profile, edits=edited, start=since if since > now else None, until=month.end(zone)
            )
        except NotFound:  # the instance has gone meanwhile, or was never theirs: the rest of the page goes on
            found = []
        return Plan(found, zone, edited or str(draft.text["name"]).strip() or texts.NAMELESS)
