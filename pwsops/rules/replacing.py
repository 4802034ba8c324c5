"""Which of a profile's sets a later backup may take the place of."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from pwsops.rules.model import BackupSet


class Restored(NamedTuple):
    """A restore that wrote into a database, or may have: which set, of which instant, and when it began."""

    set_id: str
    data_at: datetime
    began_at: datetime


def replaceable(
    own: Iterable[BackupSet], *, of_database: Collection[str], restored: Iterable[Restored]
) -> frozenset[str]:
    """Return the ids of those sets whose data the database still continues.

    A restore breaks the line: what was backed up before it is in the database only as far as the restored set has it.
    Sets that are newer than that one, and all of them where another database's set was restored, are the last that is
    left of what was there before.

    Parameters
    ----------
    own
        The sets that the profile took of the database.
    of_database
        The ids of all sets ever taken of it.
    restored
        The restores into it.
    """
    breaks = list(restored)

    def continues(one: BackupSet) -> bool:
        later = (each for each in breaks if each.began_at >= one.finished_at)
        return all(each.set_id in of_database and one.finished_at <= each.data_at for each in later)

    return frozenset(one.set_id for one in own if continues(one))
