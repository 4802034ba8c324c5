"""The restores, as the history lists them."""

from __future__ import annotations

from typing import Any

from pwsops.web.live.session import Session
from pwsops.web.pages.restore import texts
from pwsops.web.ui import formatting

PAGE = 50


def values(session: Session) -> dict[str, Any]:
    """Return what `restores.html` shows: the newest restores, each with its report's address."""
    snapshot = session.snapshot
    found = session.ops.restores.list(limit=PAGE)
    atomic = {name: texts.is_atomic(session.ops, name) for name in {one.instance for one in found}}
    return {
        "rows": [
            {
                "restore": one,
                "mark": texts.restore_mark(one),
                "percent": formatting.percent(one),
                "query": texts.address(instance=one.instance, database=one.database, opened=one.id),
                "outcome": texts.outcome(one, atomic=atomic[one.instance]),
            }
            for one in found
        ],
        "most": PAGE if len(found) == PAGE else 0,
        "now": snapshot.at,
        "zone": snapshot.zone,
    }
