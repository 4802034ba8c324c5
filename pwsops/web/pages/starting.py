"""Why a profile cannot be started now: the same on every page that has a button for it."""

from __future__ import annotations

from pwsops.operations.records import ProfileView
from pwsops.web.live.snapshot import Snapshot

STOPPED = "The backup service is stopped. Start it at the top of the page; then any profile can be started."
GONE = "The profile is not there any more."


def refusal(profile: ProfileView | None, snapshot: Snapshot) -> str:
    """Return why a profile cannot be started now; empty where it can. None is one that was deleted."""
    if profile is None:
        return GONE
    if not snapshot.service.running:
        return STOPPED
    return f"{profile.name} is running." if profile.running is not None else ""
