"""Which of the backups that were found are new, and where they belong in the order in which backups were taken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.run_mark import SAFETY


class Conflict(NamedTuple):
    """What was found and not taken over, because something else says otherwise."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the catalogue has of the sets that were found.

    Parameters
    ----------
    digests
        By `set_id`, which contents it recorded; None among them: it did not note those.
    occupied
        By path, which set it recorded there that was not replaced.
    """

    digests: Mapping[str, Collection[str | None]]
    occupied: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What becomes of the sets that were found.

    Parameters
    ----------
    new
        Those that nobody recorded, each once, in the order in which they were taken.
    known
        How many the catalogue has.
    copies
        How many are further copies of others that were found.
    """

    new: Sequence[BackupSet]
    known: int
    copies: int
    conflicts: Sequence[Conflict]


def judge(found: Iterable[BackupSet], known: Known, *, stated: Collection[str] = ()) -> Judged:
    """Return which sets are new.

    One identity with several contents is in doubt, whichever came first. Where another set was recorded in the file, it
    may have been put there by anybody; it counts all the same where it is `stated`: a home said that it took it.
    """
    by_id: dict[str, list[BackupSet]] = defaultdict(list)
    for one in found:
        by_id[one.set_id].append(one)
    new, conflicts, known_count, copies = [], [], 0, 0
    for set_id, same in by_id.items():
        recorded = set(known.digests.get(set_id, ()))
        # What has none, a server alone can tell apart.
        if len(({one.details.get("digest") for one in same} | recorded) - {None}) > 1:
            conflicts += [Conflict(one.path, _OTHER_CONTENTS.format(set_id=set_id)) for one in same]
            continue
        copies += len(same) - 1
        if recorded:
            known_count += 1
            continue
        one = min(same, key=lambda each: (len(each.path), each.path))
        if known.occupied.get(one.path, set_id) != set_id and set_id not in stated:
            conflicts.append(Conflict(one.path, _OTHER_SET))
            continue
        new.append(_marked(one))
    return Judged(new=sorted(new, key=order), known=known_count, copies=copies, conflicts=conflicts)


_OTHER_CONTENTS = "the backup {set_id} was found, or is recorded, with other contents: one of them is not what it says"
_OTHER_SET = "another backup was recorded in this file than the one that it holds now"


def _marked(one: BackupSet) -> BackupSet:
    return replace(one, copy_only=True) if one.description.startswith(SAFETY) else one


def order(one: BackupSet) -> tuple[datetime, bool, str]:
    """Return what sorts sets by when they were taken, a full before what rests on it."""
    return one.finished_at, one.kind is not BackupKind.FULL, one.set_id


class Placed(NamedTuple):
    """A set with its instance; `is_late`: the catalogue knows newer ones of its database."""

    instance: str
    backup_set: BackupSet
    is_late: bool


def placed(new: Sequence[tuple[str, BackupSet]], newest: Mapping[tuple[str, str], datetime]) -> Iterator[Placed]:
    """Yield sets, each with its instance, in the order in which they are to be recorded.

    The order of records is the order of backups. What is older than what is known goes before all that is, from the
    newest on backwards; the rest behind it, from the oldest on. So a rebuild that ended in the middle is gone on with.

    Parameters
    ----------
    new
        In the order in which they were taken.
    newest
        By instance and database, when the last was taken of what is known.
    """
    late = [each for each in new if _is_late(each, newest)]
    yield from (Placed(*each, is_late=True) for each in reversed(late))
    yield from (Placed(*each, is_late=False) for each in new if not _is_late(each, newest))


def _is_late(each: tuple[str, BackupSet], newest: Mapping[tuple[str, str], datetime]) -> bool:
    instance, one = each
    known = newest.get((instance, one.database))
    return known is not None and one.finished_at < known
