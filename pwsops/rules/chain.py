"""Full or differential, and on which base."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pwsops.rules.model import SKEW, BackupKind, BackupSet, Recurrence, Renewal
from pwsops.rules.recurrence import renewal_between
from pwsops.rules.run_mark import is_ours

CLOCK_IN_DOUBT = "the last full backup is dated {at:%Y-%m-%d %H:%M} UTC, which is still to come: the clock is in doubt"


@dataclass(frozen=True, kw_only=True)
class BaseChoice:
    """The full a differential is to refer to; where there is none, `reason` says why a full must be taken instead."""

    base: BackupSet | None
    reason: str = ""


def choose_base(
    *,
    own: Sequence[BackupSet],
    all_sets: Sequence[BackupSet],
    shared_base: bool,
    server_base: str | None,
    outside: Sequence[BackupSet] = (),
    lost: Collection[str] = (),
    now: datetime,
) -> BaseChoice:
    """Choose the base of the next differential of one database.

    Nothing is built on a full that is dated after `now`: whether it is the newest cannot be known.

    Parameters
    ----------
    own
        The sets this profile took of this database and that still exist, in the order they were taken, newest first.
    all_sets
        Every set of this database that one of our profiles took and that was not replaced.
    shared_base
        The engine's capability: the server has one base per database, whoever took it.
    server_base
        With `shared_base`, the `set_id` of that base; None where the server has none.
    outside
        The sets that the server remembers and we do not: they say whose base it is where it is not ours.
    lost
        The `set_id` of each set that was looked for and not found, or was found bad: nothing is built on it.
    """
    choice = _server_choice(all_sets, server_base, outside) if shared_base else _own_choice(own)
    base = choice.base
    if base is None:
        return choice
    if base.set_id in lost:
        return BaseChoice(base=None, reason=f"the full backup {base.path} is gone or damaged")
    if is_ahead(base.finished_at, now):
        return BaseChoice(base=None, reason=CLOCK_IN_DOUBT.format(at=base.finished_at))
    return choice


def is_ahead(dated: datetime, now: datetime) -> bool:
    """Whether something that is over is dated after now: the clock that dated it, or that of now, was wrong."""
    return dated > now + SKEW


def _own_choice(own: Sequence[BackupSet]) -> BaseChoice:
    newest = next(iter(_bases(own)), None)
    return BaseChoice(base=newest, reason="" if newest else "no full backup of the database by this profile is known")


def _server_choice(all_sets: Sequence[BackupSet], server_base: str | None, outside: Sequence[BackupSet]) -> BaseChoice:
    if server_base is None:
        return BaseChoice(base=None, reason="the server has no full backup of the database to build on")
    base = next((each for each in _bases(all_sets) if each.set_id == server_base), None)
    if base is not None:
        return BaseChoice(base=base)
    # Another tool's file is moved or deleted by rules that nobody here knows: nothing is built on it.
    foreign = next((each for each in outside if each.set_id == server_base), None)
    return BaseChoice(base=None, reason=_not_ours(server_base) if foreign is None else _whose(foreign))


def _not_ours(server_base: str) -> str:
    return f"the full backup that the server would build on ({server_base}) is not one of ours"


def _whose(foreign: BackupSet) -> str:
    when = f"{foreign.finished_at:%Y-%m-%d %H:%M} UTC"
    who = foreign.details.get("taken_by")
    by = f" by {who}" if who else ""
    if is_ours(foreign.description):
        return (
            f"a full backup that pwsops took on {when} ({foreign.description}) became the base and does not count "
            "here: its run failed, or another home took it"
        )
    if foreign.details.get("is_snapshot"):
        return f"a snapshot of the server's disks took the place of the full backup on {when}{by}"
    return f"another tool took a full backup on {when}{by} ({foreign.path}), and nothing is built on a file of others"


def _bases(sets: Iterable[BackupSet]) -> Iterable[BackupSet]:
    return (each for each in sets if each.kind is BackupKind.FULL and not each.copy_only)


def planned_kind(
    *,
    incremental: bool,
    renewal: Renewal,
    recurrence: Recurrence,
    last_full_due: datetime | None,
    due_at: datetime,
    now: datetime,
) -> BackupKind:
    """Plan what an occurrence takes, as it looks `now`.

    Full where the profile is not incremental, where no full came before (`last_full_due` None), or where a renewal
    lies after the last full and not after this occurrence. That also covers a catch-up after downtime: it is full
    if a full was among the missed. Full as well where the last one is dated after `now`: a clock was wrong, and which
    renewals lie between is not known.
    """
    if not incremental or last_full_due is None or is_ahead(last_full_due, now):
        return BackupKind.FULL
    renewed = renewal_between(recurrence, renewal, last_full_due, due_at)
    return BackupKind.FULL if renewed else BackupKind.DIFFERENTIAL
