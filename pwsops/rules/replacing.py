"""Which of a profile's sets a later backup may take the place of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from pwsops.rules.model import SKEW, BackupSet


class Order(NamedTuple):
    """When something happened, as the catalogue counts: no clock has a part in it.

    Parameters
    ----------
    run
        The id of the run that took a set, or of the last one that anybody had asked for at an instant; 0: of none.
    row
        The id under which a set was written down, or the last such id at an instant. A set of a run whose end was not
        heard may be written down late, and of two runs side by side either may end first: hence both.
    """

    run: int
    row: int

    def follows(self, other: Order) -> bool:
        """Whether this happened later by both counts."""
        return self.run > other.run and self.row > other.row

    def precedes(self, other: Order) -> bool:
        """Whether this happened no later by both counts."""
        return self.run <= other.run and self.row <= other.row


class Restored(NamedTuple):
    """A restore that wrote into a database, or may have: which set, of which instant, and after what it began."""

    set_id: str
    data_at: datetime
    began: Order


def replaceable(
    own: Iterable[BackupSet],
    *,
    resting: Iterable[BackupSet],
    of_database: Mapping[str, Order],
    restored: Iterable[Restored],
    now: datetime,
) -> list[BackupSet]:
    """Return those sets whose data the database still continues, and on which nothing rests that it does not continue.

    A restore breaks the line: what was backed up before it is in the database only as far as the restored set has it.
    Sets that are newer than that one, and all of them where another database's set was restored, are the last that is
    left of what was there before. An incremental of these is of no use without its full, which stays with it.

    Parameters
    ----------
    own
        The sets that the profile took of the database.
    resting
        All sets of the database that were not replaced, other profiles' as well: those that need a full.
    of_database
        When each set ever taken of it was taken, by its id.
    restored
        The restores into it.
    now
        What the time is. A set that is dated later shows that a clock was wrong: it stays where anything was restored.
    """
    breaks = list(restored)

    def continues(backup_set: BackupSet) -> bool:
        taken = of_database.get(backup_set.set_id)
        if not breaks:
            return True
        return (
            taken is not None
            and backup_set.finished_at <= now + SKEW
            and all(_goes_on(each, taken, backup_set.finished_at, of_database.get(each.set_id)) for each in breaks)
        )

    needed = {each.base_id for each in resting if each.base_id is not None and not continues(each)}
    return [backup_set for backup_set in own if backup_set.set_id not in needed and continues(backup_set)]


def is_written_over(each: Restored, taken: Order, finished_at: datetime, source: Order | None) -> bool | None:
    """Whether a restore wrote over what a set holds; None: whether the set was taken before or after it is not clear.

    Parameters
    ----------
    taken, finished_at
        When the set was taken, as the catalogue counts, and by the clock.
    source
        When the restored set was taken; None: it is another database's, or nobody knows.
    """
    if _goes_on(each, taken, finished_at, source):
        return False
    return True if taken.precedes(each.began) else None


def _goes_on(each: Restored, taken: Order, finished_at: datetime, source: Order | None) -> bool:
    """Whether a restore left what a set holds: the set was taken after it, or is part of what was restored."""
    if taken.follows(each.began):
        return True
    return source is not None and taken.precedes(source) and finished_at <= each.data_at
