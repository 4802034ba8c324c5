"""Restore: put a backup into a database. One step after the other, and nothing is lost without the typed name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import panel as pn

from pwsops.errors import NotFound
from pwsops.operations.records import RestoreView
from pwsops.rules.model import BackupSet
from pwsops.rules.restore_plan import RestorePlan
from pwsops.rules.rights import Right
from pwsops.web.live.query import Query
from pwsops.web.live.session import Action, Session
from pwsops.web.live.snapshot import Problem
from pwsops.web.nav import DATABASES, RESTORE, Nav, count
from pwsops.web.pages.page import Page
from pwsops.web.pages.restore import texts
from pwsops.web.pages.restore.login import LoginPart
from pwsops.web.pages.restore.outcome import Outcome
from pwsops.web.pages.restore.source import Source
from pwsops.web.pages.restore.texts import Present
from pwsops.web.ui.markup import Markup


class Restore(Page):
    """Shows what is there now, where to restore from, what would happen, and then how it goes."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._head, self._plan = (Markup(self._act, self._typed) for _ in range(2))
        self._outcome = Outcome(session, self._act, self._cancel)
        self._who = LoginPart(session, self._ask_anew)
        self._source = Source(session, self._who, self._look_again)
        self._column = pn.Column(
            self._head,
            self._who.piece,
            self._source.piece,
            self._plan,
            self._outcome.piece,
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[":host { gap: 12px; }"],
        )
        self._present: Query[Present] = Query(session, "Looking at the database")
        self._planned: Query[RestorePlan] = Query(session, "Planning the restore")
        self._place: tuple[str, str] = ("", "")
        self._chosen: tuple[str, int] | None = None
        self._round = 0
        self._start_anew()
        self.refresh()

    def __panel__(self) -> Any:
        return self._column

    def _about(self) -> object:
        return self._stay

    @property
    def _instance(self) -> str:
        return self._session.nav.instance or next(iter(self._session.snapshot.instances), "")

    @property
    def _database(self) -> str:
        return str(self._session.nav.database)

    def refresh(self) -> None:
        """Show the place that the address names; nothing it says is trusted."""
        if self._session.nav.page != RESTORE:
            return
        if (self._instance, self._database) != self._place:
            self._place = (self._instance, self._database)
            self._who.forget()
            self._start_anew()
        refusal = self._no_such_place()
        if refusal is not None:
            back = Nav(page=DATABASES).search()
            self._head.show("restore/nowhere.html", message=refusal, back=back)
            self._arrange(self._head)
            return
        restore = self._restore()
        present = self._look(restore)
        self._show_head(present, restore)
        if restore is not None:
            found = present if isinstance(present, Present) else None
            self._outcome.show(restore, found, not_allowed=self._not_allowed(), failure=self._problem)
            self._arrange(self._head, self._outcome.piece)
        elif isinstance(present, Present):
            self._show_choice(present)
        else:
            self._arrange(self._head)

    def _who_restores(self) -> list[Markup]:
        return [self._who.piece] if self._who.show(self._instance) else []

    def _ask_anew(self) -> None:
        """Ask everything anew: somebody else asks the server from now on, or it may answer otherwise."""
        self._round += 1
        self._source.ask_anew()

    def _look_again(self, _key: str) -> None:
        self._ask_anew()
        self._session.changed()

    def _read_file(self, _key: str) -> None:
        self._session.nav.by_link = False
        self._session.changed()

    def _start_anew(self) -> None:
        self._stay = object()
        self._watched = 0
        self._confirmed = ""
        self._confirmable: BackupSet | None = None
        self._create = False
        self._unrecorded, self._accepted = "", False
        self._found: Present | None = None
        self._outcome.forget()
        self._task.let_go()
        self._clear()

    def _arrange(self, *pieces: Markup) -> None:
        for piece in self._column.objects:
            piece.visible = piece in pieces

    def _no_such_place(self) -> str | None:
        if not self._database:
            return "No database was chosen."
        known = self._instance in self._session.snapshot.instances
        return None if known else f"There is no instance {self._instance or 'yet'}."

    def _restore(self) -> RestoreView | None:
        """Return the restore to show: one that goes on, or the one followed here or named by the address."""
        restores, (instance, database) = self._session.ops.restores, self._place
        latest = restores.list(limit=1, instance=instance, database=database)
        if latest and not latest[0].status.ended:
            self._watched = latest[0].id
            return latest[0]
        restore_id = self._session.nav.opened or self._watched
        if not restore_id:
            return None
        try:
            found = restores.get(restore_id)
        except NotFound:
            return None
        return found if (found.instance, found.database) == self._place else None

    def _look(self, restore: RestoreView | None) -> Present | Problem | None:
        ended = restore.id if restore is not None and restore.status.ended else 0
        ops, (instance, database) = self._session.ops, self._place
        return self._present.ask(
            (instance, database, self._round, ended), lambda: texts.look_at_database(ops, instance, database)
        )

    def _show_head(self, present: Present | Problem | None, restore: RestoreView | None) -> None:
        found = present if isinstance(present, Present) else None
        busy_with = [
            profile.name
            for profile in self._session.snapshot.profiles
            if profile.running and profile.instance == self._instance and self._database in profile.databases
        ]
        self._head.show(
            "restore/now.html",
            instance=self._instance,
            database=self._database,
            back=Nav(page=DATABASES, instance=self._instance).search(),
            view=found and found.view,
            awaited=present is None,
            problem=present if isinstance(present, Problem) else None,
            contents=texts.contents(found.contents if found else None),
            missing=found is not None and not found.is_there,
            chooses=restore is None,
            compared=self._outcome.compared(restore, found) is not None,
            backed_up_by=busy_with,
        )

    def _show_choice(self, present: Present) -> None:
        who = self._who_restores()
        chosen = self._source.show(self._place)
        if chosen != self._chosen:
            self._chosen, self._confirmed, self._problem = chosen, "", None
            self._accepted = False
        if chosen is None:
            self._confirmable = None
            self._arrange(self._head, *who, self._source.piece)
            return
        self._show_plan(present, chosen)
        self._arrange(self._head, *who, self._source.piece, self._plan)

    def _show_plan(self, present: Present, chosen: tuple[str, int]) -> None:
        ops, (instance, database), (path, position) = self._session.ops, self._place, chosen
        who, not_allowed = self._who.credentials, self._not_allowed()
        unread = not self._source.is_asked_for(path)
        plan: RestorePlan | Problem | None = None
        if not_allowed:
            plan = Problem(message=f"You may not restore here. {not_allowed}", hint="Ask somebody who may.")
        elif not unread:
            plan = self._planned.ask(
                (instance, database, path, position, self._round),
                lambda: ops.restores.plan(instance, database, path, position, credentials=who),
            )
        snapshot = self._session.snapshot
        story, self._confirmable, self._unrecorded = None, None, ""
        if isinstance(plan, RestorePlan):
            self._confirmable, self._create = plan.sets[-1], not present.is_there
            self._unrecorded = ops.restores.unrecorded(instance, plan)
            known = texts.with_newest_verdict(present, snapshot, self._place)
            story = texts.story(plan, database, known, snapshot.at, snapshot.zone)
            self._found = present
        self._plan.show(
            "restore/plan.html",
            database=database,
            story=story,
            unread=path if unread else "",
            not_allowed=not_allowed,
            problem=plan if isinstance(plan, Problem) else None,
            atomic=texts.is_atomic(ops, instance),
            unrecorded=self._unrecorded,
            accepted=self._accepted,
            typed=self._confirmed,
            refusal=self._refusal(),
            failure=self._problem,
            first=texts.savers(snapshot, self._place, self._session.why_not(Right.RUN)) if present.is_there else [],
            now=snapshot.at,
            zone=snapshot.zone,
        )

    def _not_allowed(self) -> str:
        return self._session.why_not(Right.RESTORE)

    def _refusal(self) -> str:
        """Return why it cannot be restored now; empty where it can."""
        if self._not_allowed() or self._task.doing:
            return self._not_allowed() or f"{self._task.doing} …"
        if self._unrecorded and not self._accepted:
            return "Say first that you know where this backup comes from."
        return "" if self._confirmed.strip() == self._database else f"Type {self._database} first."

    def _typed(self, field: str, _key: str, value: str | bool) -> None:
        if field == "accepted":
            self._accepted = value is True
        else:
            self._confirmed = str(value)
        self._session.changed()

    def _actions(self) -> Mapping[str, Action]:
        return {
            "look-again": self._look_again,
            "read-file": self._read_file,
            "restore-now": self._begin,
            "restore-again": self._again,
        }

    def _begin(self, _key: str) -> None:
        instance, database = self._place
        if self._not_allowed():
            # No page of ours offers it to them: whoever sends it all the same is refused, and that is noted.
            self._ask_for("Starting the restore", lambda: self._session.ops.restores.check(instance))
            return
        # What a browser sends proves nothing: asked here once more.
        if self._refusal() or self._confirmable is None:
            return
        source, who, create, accepted = self._confirmable, self._who.credentials, self._create, self._accepted
        beside = self._found is not None and self._found.keeps_beside
        self._ask_for(
            "Starting the restore",
            lambda: self._session.ops.restores.begin(
                instance,
                database,
                source.path,
                source.position,
                create=create,
                keeps_beside=beside,
                accept_unrecorded=accepted,
                set_id=source.set_id,
                credentials=who,
            ),
        )

    def _cancel(self, key: str) -> None:
        try:
            restore_id = count(key)
        except ValueError:
            return
        if restore_id == self._watched or self._not_allowed():
            self._ask_for("Cancelling the restore", lambda: self._session.ops.restores.cancel(restore_id))

    def _again(self, _key: str) -> None:
        self._start_anew()
        self._round += 1
        self._session.nav.go(page=RESTORE, instance=self._instance, database=self._database)
        self._session.changed()
        self._session.attention.focus_on("#source-title")

    def _ask_for(self, doing: str, work: Callable[[], object]) -> None:
        """Begin or cancel a restore. What was typed is let go of, and all is looked at anew, whatever came of it."""
        if self._task.doing:
            return
        self._clear()

        def then(answer: Any, here: bool) -> None:
            if here:
                self._confirmed = ""
                self._round += 1
                self._problem = answer if isinstance(answer, Problem) else None
                if isinstance(answer, RestoreView):
                    self._who.forget()
                    self._watched = answer.id
                    self._outcome.begun(answer, self._found)
                    self._session.nav.opened = answer.id
            self._session.changed()

        self._task.start(doing, work, then)
        self._session.changed()
