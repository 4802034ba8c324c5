"""Which sets bring a database back, in order."""

from __future__ import annotations

import ntpath
from collections.abc import Sequence
from dataclasses import dataclass

from pwsops.errors import MediaError
from pwsops.rules.model import BackupKind, BackupSet


@dataclass(frozen=True, kw_only=True)
class RestorePlan:
    """The sets to apply, in order."""

    sets: tuple[BackupSet, ...]


def plan_restore(target: BackupSet, candidates: Sequence[BackupSet]) -> RestorePlan:
    """Plan the way to a set: a full alone, a differential after its full.

    The full may be known in several places (a copy, the catalogue and the disk); one beside the target wins, because
    people move a directory as a whole, then the one written last.

    Raises
    ------
    MediaError
        The full that a differential needs is not among the candidates.
    """
    if target.kind is BackupKind.FULL:
        return RestorePlan(sets=(target,))
    # ntpath splits at both kinds of slash, whatever kind of server wrote the path.
    beside = ntpath.dirname(target.path)
    bases = [each for each in candidates if each.kind is BackupKind.FULL and each.set_id == target.base_id]
    base = max(bases, key=lambda each: (ntpath.dirname(each.path) == beside, each.finished_at), default=None)
    if base is None:
        raise _no_base(target)
    return RestorePlan(sets=(base, target))


def _no_base(target: BackupSet) -> MediaError:
    needed = f"the full backup {target.base_id}" if target.base_id else "a full backup that it does not name"
    taken = (target.started_at or target.finished_at).strftime("%Y-%m-%d %H:%M:%S UTC")
    return MediaError(
        f"Cannot restore {target.database} from {target.path}: this incremental needs {needed}, which was not found.",
        hint=f"Look for the file of the full backup of {target.database} taken before {taken} (its name usually holds "
        f"_FULL), put it beside {target.path}, and try again; or choose another backup.",
    )
