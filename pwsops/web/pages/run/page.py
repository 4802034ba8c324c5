"""One run, with everything the server said, what its profile's last runs took, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping

from pwsops.errors import PwsopsError
from pwsops.operations.records import RunView
from pwsops.rules.rights import Right
from pwsops.web.live.session import Action, Session
from pwsops.web.live.snapshot import problem_of
from pwsops.web.nav import RESTORE, WIZARD
from pwsops.web.pages.page import Page
from pwsops.web.pages.restore import texts
from pwsops.web.pages.run import trend
from pwsops.web.pages.starting import GONE, refusal
from pwsops.web.ui.markup import Markup


class Run(Page):
    """One run: its databases, and under each the messages with number, severity, cause and next step."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._piece = Markup(self._act)
        self.refresh()

    def refresh(self) -> None:
        """Show the run that the address names."""
        session, snapshot = self._session, self._session.snapshot
        try:
            run = session.ops.runs.get(session.nav.run)
            measures = session.ops.history.up_to(run.id)
            restores = self._restores(run)
        except PwsopsError as error:
            found = problem_of(error, "Showing the run")
            self._piece.show("problem.html", message=found.message, hint=found.hint, command="")
            return
        self._piece.show(
            "run/run.html",
            run=run,
            now=snapshot.at,
            zone=snapshot.zone,
            refused=session.why_not(Right.RUN),
            refusals=self._refusals(run),
            restores_of=restores,
            measures=measures,
            charts=trend.charts(measures, run.id),
            height=trend.HEIGHT,
        )

    def _actions(self) -> Mapping[str, Action]:
        return {"edit": lambda profile: self._session.nav.go(page=WIZARD, profile=profile)}

    def _refusals(self, run: RunView) -> dict[str, str]:
        """Return why the run's profile cannot be started or edited; empty where it can."""
        session, profile = self._session, self._session.snapshot.profile(run.profile)
        start = refusal(profile, session.snapshot)
        edit = GONE if profile is None else ""
        return {"start": session.why_not(Right.RUN) or start, "edit": session.why_not(Right.CONFIGURE) or edit}

    def _restores(self, run: RunView) -> dict[str, str]:
        """Return where each backup of the run is restored from, by its set; none for who may not read media."""
        if not run.status.ended or self._session.why_not_open(RESTORE):
            return {}
        found = self._session.ops.media.of_run(run.id)
        return {
            backup_set.set_id: texts.address(
                instance=found.instance,
                database=backup_set.database,
                file=backup_set.path,
                position=backup_set.position,
            )
            for backup_set in found.sets
        }
