"""Deleting files of backups, and finding out what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pwsops.engines.protocol import Engine
from pwsops.engines.requests import Deletion
from pwsops.errors import LoginRefused, PwsopsError
from pwsops.rules.model import LOST, BackupSet, MediaState, Sighting

_NOT_THERE = (MediaState.MISSING, MediaState.OTHER)


def is_gone(seen: Sighting | None) -> bool:
    """Whether nothing is left of a set that was looked for."""
    return seen is not None and seen.state in _NOT_THERE and not seen.is_partly_there


def is_there(seen: Sighting | None) -> bool:
    """Whether something of a set that was looked for is left; of one that nobody saw it is not known."""
    return seen is not None and (seen.is_partly_there or seen.state in (MediaState.PRESENT, MediaState.DAMAGED))


class End(NamedTuple):
    """What became of a file that was to be deleted.

    Parameters
    ----------
    is_there
        Whether it is there still; None: nobody knows.
    why
        Why it is, or is not, where it was not deleted.
    was_deleted
        Whether it was deleted now; where the engine's answer was not heard: whether it is missing since it was asked.
    seen
        What a look at it found, where there was one.
    """

    is_there: bool | None
    why: str = ""
    was_deleted: bool = False
    seen: Sighting | None = None

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be restored from it any more, or nobody knows."""
        return self.is_there is None or (self.seen is not None and self.seen.state in LOST)


def delete_files(engine: Engine, wanted: Sequence[BackupSet]) -> dict[str, End]:
    """Delete the files of backups; return what became of each, by `set_id`.

    What the engine did not delete is looked for: somebody may have been quicker. Where it broke off, only a look tells.
    Raises `LoginRefused`, before anything is asked again.
    """
    if not wanted:
        return {}
    try:
        answers, broken_off = engine.delete_media(wanted), False
    except LoginRefused:
        raise
    except PwsopsError as error:
        answers = [Deletion(path=one.path, deleted=False, reason=str(error)) for one in wanted]
        broken_off = True
    asked = list(zip(wanted, answers, strict=True))
    seen = _looked_for(engine, [one for one, answer in asked if not answer.deleted])
    return {one.set_id: _end(answer, seen.get(one.set_id), broken_off) for one, answer in asked}


def _end(answer: Deletion, seen: Sighting | None, broken_off: bool) -> End:
    state, why = seen.state if seen else None, answer.reason.removesuffix(".")
    if answer.deleted:
        return End(False, was_deleted=True)
    if seen is not None and is_gone(seen):
        if broken_off and state is MediaState.MISSING:
            return End(False, was_deleted=True)  # that was asked for, and it is done
        return End(False, f"it was not there any more: {why or seen.state.value}")
    if broken_off and state in (None, MediaState.UNKNOWN, MediaState.ELSEWHERE):
        return End(None, why)
    return End(True, why or "the engine does not say why", seen=seen)


def _looked_for(engine: Engine, sets: Sequence[BackupSet]) -> Mapping[str, Sighting]:
    if not sets:
        return {}
    try:
        return engine.look_for(sets)
    except PwsopsError:
        return {}
