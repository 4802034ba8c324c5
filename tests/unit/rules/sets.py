"""Backup sets for the tests, with defaults for everything but what matters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pwsops.rules.model import BackupKind, BackupSet

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)


def full(set_id: str, *, hours: float = 0, **fields: Any) -> BackupSet:
    """Return a full that finished so many hours after noon."""
    given = {"database": "db", "path": f"/backups/{set_id}.bak", "finished_at": NOON + timedelta(hours=hours)}
    return BackupSet(set_id=set_id, kind=BackupKind.FULL, **given | fields)


def differential(set_id: str, base_id: str | None, *, hours: float = 0, **fields: Any) -> BackupSet:
    """Return a differential that finished so many hours after noon."""
    given = {"database": "db", "path": f"/backups/{set_id}.bak", "finished_at": NOON + timedelta(hours=hours)}
    return BackupSet(set_id=set_id, kind=BackupKind.DIFFERENTIAL, base_id=base_id, **given | fields)
