"""What restores and drills that died still owe: access to databases, and the end of scratches."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from pwsops.runs.owed_access import OwedAccess
from pwsops.runs.owed_scratches import OwedScratches


@dataclass(frozen=True, kw_only=True)
class Owed:
    """Both of it, for whoever settles what dead processes left."""

    access: OwedAccess
    scratches: OwedScratches

    def is_due(self) -> bool:
        """Whether there is something to see to now. Quick."""
        return bool(self.access.due() or self.scratches.due())

    def settle(self, stop: threading.Event | None = None) -> None:
        """See to it. A server that does not answer takes its time; `stop` ends it in between."""
        self.access.give_back(stop)
        self.scratches.drop(stop)
