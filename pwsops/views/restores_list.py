"""The restores, as the history lists them."""

from __future__ import annotations

from typing import Any

from pwsops.views import inserting, words
from pwsops.views.session import Session

PAGE = 50


def values(session: Session) -> dict[str, Any]:
    """Give what `history_restores.html` shows: the newest restores, each with its report's address."""
    snapshot = session.snapshot
    found = session.ops.restores.list(limit=PAGE)
    atomic = {name: inserting.is_atomic(session.ops, name) for name in {one.instance for one in found}}
    return {
        "rows": [
            {
                "restore": one,
                "mark": inserting.restore_mark(one),
                "percent": words.percent(one),
                "query": inserting.address(instance=one.instance, database=one.database, opened=one.id),
                "outcome": inserting.outcome(one, atomic=atomic[one.instance]),
            }
            for one in found
        ],
        "most": PAGE if len(found) == PAGE else 0,
        "now": snapshot.at,
        "zone": snapshot.zone,
    }
