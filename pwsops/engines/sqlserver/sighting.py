"""What the server sees where sets were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pwsops.engines.sqlserver import directory, media
from pwsops.engines.sqlserver.link import Link
from pwsops.rules.model import BackupSet, MediaState, Sighting


def look_for(link: Link, sets: Sequence[BackupSet]) -> Mapping[str, Sighting]:
    """Return one sighting for each set, by its `set_id`. A stripe that is missing makes the whole set missing."""
    return {each.set_id: _sighting(link, each) for each in sets}


def _sighting(link: Link, backup_set: BackupSet) -> Sighting:
    seen = {device: directory.exists(link, device) for device in media.devices_of(backup_set)}
    missing = [device for device, there in seen.items() if there is False]
    if missing:
        return Sighting(state=MediaState.MISSING, reason=f"the server does not see {', '.join(missing)}")
    unknown = [device for device, there in seen.items() if there is None]
    if unknown:
        reason = f"the server does not tell this login whether {', '.join(unknown)} is there"
        return Sighting(state=MediaState.UNKNOWN, reason=reason)
    return Sighting(state=MediaState.PRESENT)
