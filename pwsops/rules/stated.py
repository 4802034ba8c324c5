"""What several statements come to together: of one profile the newest, with the backups, holds and runs of all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pwsops.rules.statements import StatedHold, StatedRun, Statement

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Stated:
    """A profile, as all statements of it together tell it."""

    newest: Statement
    sets: frozenset[str]
    holds: Sequence[StatedHold]
    runs: Sequence[StatedRun]
    """In the order in which they were claimed."""
    secrets: Sequence[str]
    is_cut: bool


def merged(statements: Iterable[Statement]) -> list[Stated]:
    """Return each profile once, by instance, where that is, and name.

    Statements of one home and profile are of one profile, though it was renamed or moved between them: the one said
    last tells its name. Of several homes, those of one name on one instance are; its fields are those saved last. A
    hold that any of them has is there, and of two runs of one instant the one that ended last.
    """
    own: dict[Hashable, list[Statement]] = {}
    for one in sorted(statements, key=lambda one: one.saved_at):
        own.setdefault((one.home_id, one.profile_id), []).append(one)
    named: dict[tuple[str, str, str], list[list[Statement]]] = {}
    for same in own.values():
        named.setdefault((same[-1].instance, same[-1].address, same[-1].name), []).append(same)
    return [_together(named[key]) for key in sorted(named)]


def _together(homes: Sequence[Sequence[Statement]]) -> Stated:
    newest = max((each[-1] for each in homes), key=lambda one: (one.amended_at, one.saved_at))
    every = sorted((one for each in homes for one in each), key=lambda one: one.saved_at)
    runs = _united((run for one in every for run in one.runs), lambda run: run.due_at)
    return Stated(
        newest=newest,
        sets=frozenset(set_id for one in every for set_id in one.sets),
        holds=_united((hold for one in every for hold in one.holds), lambda hold: hold),
        runs=sorted(runs, key=lambda run: (run.claimed_at, run.due_at)),
        secrets=_united((secret for one in every for secret in one.secrets), lambda secret: secret),
        is_cut=any(one.is_cut for one in every),
    )


def _united(given: Iterable[_T], key: Callable[[_T], Hashable]) -> list[_T]:
    """Return each once; of several with one key the last."""
    return list({key(one): one for one in given}.values())
