"""What would be lost if a database vanished now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pwsops.rules.model import BackupKind, BackupSet


def exposure_s(sets: Sequence[BackupSet], now: datetime) -> float | None:
    """Give the seconds of work that no backup of a database holds; None where nothing can be restored.

    Counted from the start of the newest set that can be restored, because what was written while it was taken may
    not be in it. A differential counts only where its full is among the sets.
    """
    fulls = {each.set_id for each in sets if each.kind is BackupKind.FULL}
    usable = [each for each in sets if each.kind is BackupKind.FULL or each.base_id in fulls]
    newest = max((each.started_at or each.finished_at for each in usable), default=None)
    # A clock that was set back must not show a negative loss.
    return None if newest is None else max(0.0, (now - newest).total_seconds())
