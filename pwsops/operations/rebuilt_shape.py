"""What a rebuild did, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pwsops.messages import readable
from pwsops.operations.json_shapes import Record

if TYPE_CHECKING:
    from pwsops.operations.rebuilding import Rebuilt


def rebuilt(found: Rebuilt) -> Record:
    """One rebuild: what it found, and what it recorded."""
    return {
        "sets_found": found.sets_found,
        "sets_new": found.sets_new,
        "sets_known": found.sets_known,
        "copies": found.copies,
        "others": found.others,
        "of_servers": found.of_servers,
        "conflicts": [{"path": path, "reason": reason} for path, reason in found.conflicts],
        "unreadable": [{"path": readable(path), "reason": reason} for path, reason in found.unread],
        "unassigned": list(found.unassigned),
        "instances": list(found.instances),
        "profiles": list(found.profiles),
        "holds": found.holds,
        "runs": found.runs,
        "missing": list(found.missing),
    }
