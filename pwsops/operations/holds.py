"""Holds: backups that stay, with what they stand on, whatever a policy says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pwsops.catalogue import Connection, holds, runs, sets
from pwsops.catalogue.holds import HoldRow
from pwsops.errors import Conflict, InvalidInput, NotFound
from pwsops.operations.access import Context
from pwsops.operations.lookup import find_hold, find_instance, find_run
from pwsops.operations.rights import needs, of_hold, of_instance, of_run
from pwsops.rules.model import BackupSet
from pwsops.rules.rights import Right

__all__ = ["HoldRow", "Holds"]

Views = list[HoldRow]
HOLD = "hold backups"
MOST_CHARACTERS = 500


class Holds:
    """Hold backups, list the holds, take one back."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.LOOK, "list holds", of_instance())
    def list(self, instance: str | None = None) -> list[HoldRow]:
        """Return the holds in force, the newest first; of one instance, or of all."""
        with self._context.read() as connection:
            return holds.in_force(connection, self._context.core.clock.now(), instance=instance)

    @needs(Right.RUN, HOLD, of_run)
    def add_run(self, run_id: int, *, reason: str, until: datetime | None = None) -> Views:
        """Hold every backup that a run took; each keeps what it stands on.

        Parameters
        ----------
        reason
            Why it is kept, as the list of holds shows it.
        until
            When that ends by itself; aware. None: when it is taken back.

        Raises
        ------
        NotFound
            There is no such run, or none of its backups is there any more.
        InvalidInput
            There is no reason, or the end has passed.
        Conflict
            A run goes on that may overwrite it.
        """
        with self._context.core.catalogue.write() as connection:
            find_run(connection, run_id)
            instance, found = sets.of_run(connection, run_id)
            if not found:
                raise NotFound(
                    f"Run {run_id} has no backup to hold: it took none, or others took their place.",
                    hint="Hold another run; `pwsops runs` lists them.",
                )
            return self._add(connection, instance, found, reason, until)

    @needs(Right.RUN, HOLD, of_instance())
    def add_set(self, instance: str, set_id: str, *, reason: str, until: datetime | None = None) -> HoldRow:
        """Hold one backup; see `add_run`."""
        with self._context.core.catalogue.write() as connection:
            find_instance(connection, instance)
            found = sets.of_instance(connection, instance, set_id)
            if found is None:
                raise NotFound(
                    f"{instance} has no backup {set_id!r} that could be held.",
                    hint="`pwsops prune PROFILE --dry-run --json` names those of a profile.",
                )
            return self._add(connection, instance, [found], reason, until)[0]

    @needs(Right.CONFIGURE, "take back a hold", of_hold)
    def remove(self, hold_id: int) -> None:
        """Take a hold back: from now on the policy decides about its backup. Raises `NotFound`."""
        core = self._context.core
        with core.catalogue.write() as connection:
            row = find_hold(connection, hold_id)
            holds.remove(connection, hold_id, now=core.clock.now())
            subject = f"{row.instance}/{row.database}"
            self._context.note(connection, "release backup", subject, f"hold {hold_id} on {row.path}: {row.reason}")

    def _add(
        self, connection: Connection, instance: str, found: Sequence[BackupSet], reason: str, until: datetime | None
    ) -> Views:
        now = self._context.core.clock.now()
        _check(reason, until, now)
        made = []
        for one in found:
            _refuse_overwritten(runs.overwriting(connection, instance, one.database), one.database)
            hold_id = holds.add(
                connection, one, instance=instance, reason=reason, until=until, actor=self._context.actor, now=now
            )
            end = "" if until is None else f", until {until:%Y-%m-%d %H:%M} UTC"
            subject = f"{instance}/{one.database}"
            self._context.note(connection, "hold backup", subject, f"hold {hold_id} on {one.path}{end}: {reason}")
            made.append(find_hold(connection, hold_id))
        return made


def _refuse_overwritten(run_id: int | None, database: str) -> None:
    if run_id is not None:
        raise Conflict(
            f"The backup of {database} was not held: run {run_id} is taking a new one, which may take its place.",
            hint="Wait for the end of that run; then hold what there is.",
            transient=True,
        )


def _check(reason: str, until: datetime | None, now: datetime) -> None:
    if not reason.strip() or len(reason) > MOST_CHARACTERS:
        raise InvalidInput(
            "The backup was not held: a hold needs a reason, of at most 500 characters.",
            hint="Say what it is kept for, and who asked for it.",
            field="reason",
        )
    if until is not None and until <= now:
        raise InvalidInput(
            f"The backup was not held: the end, {until:%Y-%m-%d %H:%M} UTC, has passed.",
            hint="Give a later one, or none.",
            field="until",
        )
