"""What a restore of a database to its newest backup would do. A plan alone: to restore, the Restore page is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pwsops.rules.restore_plan import RestorePlan
from pwsops.web.live.query import Query
from pwsops.web.live.session import Action, Session
from pwsops.web.live.snapshot import Problem
from pwsops.web.pages.page import Page
from pwsops.web.pages.restore import texts
from pwsops.web.pages.restore.texts import Present
from pwsops.web.ui.markup import Markup

if TYPE_CHECKING:
    from pwsops.operations import Operations


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What is there now, and what would be restored; None: there is no backup."""

    present: Present
    plan: RestorePlan | None


class PlanPage(Page):
    """Shows the plan, and again when a run or a restore has ended."""

    def __init__(self, session: Session, instance: str, database: str) -> None:
        super().__init__(session)
        self._place = (instance, database)
        self._piece = Markup(self._act)
        self._planned: Query[_Found] = Query(session, "Planning the restore")
        self._round = 0
        self.refresh()

    def refresh(self) -> None:
        """Show what is known; what takes its time is asked for."""
        session, (instance, database) = self._session, self._place
        snapshot = session.snapshot
        runs = tuple(
            (profile.id, profile.last_run and (profile.last_run.id, profile.last_run.status))
            for profile in snapshot.profiles
        )
        restores = session.ops.restores.list(limit=1, instance=instance, database=database)
        ended = tuple((restore.id, restore.status) for restore in restores)
        answer = self._planned.ask((runs, ended, self._round), lambda: _look(session.ops, instance, database))
        found = answer if isinstance(answer, _Found) else None
        target = found.plan.sets[-1] if found and found.plan else None
        self._piece.show(
            "cells/plan.html",
            instance=instance,
            database=database,
            awaited=answer is None,
            problem=answer if isinstance(answer, Problem) else None,
            story=texts.story(found.plan, database, found.present, snapshot.at, snapshot.zone)
            if found and found.plan
            else None,
            atomic=texts.is_atomic(session.ops, instance),
            query=target
            and texts.address(instance=instance, database=database, file=target.path, position=target.position),
            now=snapshot.at,
            zone=snapshot.zone,
        )

    def _actions(self) -> Mapping[str, Action]:
        return {"look-again": self._look_again}

    def _look_again(self, _key: str) -> None:
        self._round += 1
        self._session.changed()


def _look(ops: Operations, instance: str, database: str) -> _Found:
    present = texts.look_at_database(ops, instance, database)
    sources = ops.restores.sources(instance, database)
    if not sources:
        return _Found(present=present, plan=None)
    newest = sources[0]
    return _Found(present=present, plan=ops.restores.plan(instance, database, newest.path, newest.position))
