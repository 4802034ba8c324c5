"""The restores, as the history lists them: searched, filtered and fifty at a time."""

from __future__ import annotations

from typing import Any

from pwsops.web.live.session import Session
from pwsops.web.pages.history import filters
from pwsops.web.pages.restore import texts
from pwsops.web.ui import export, formatting


def values(session: Session, *, exporting: bool = False) -> dict[str, Any]:
    """Return what `restores.html` shows: the restores that the address asks for, each with its report's address."""
    snapshot, nav = session.snapshot, session.nav
    query = filters.restore_query_of(nav, snapshot.at, snapshot.zone)
    found = session.ops.restores.page(query, before=filters.before(nav))
    atomic = {name: texts.is_atomic(session.ops, name) for name in {one.instance for one in found.restores}}
    return {
        "rows": [
            {
                "restore": one,
                "mark": texts.restore_mark(one),
                "percent": formatting.percent(one),
                "query": texts.address(instance=one.instance, database=one.database, opened=one.id),
                "outcome": texts.outcome(one, atomic=atomic[one.instance]),
            }
            for one in found.restores
        ],
        "total": found.total,
        "said": formatting.counted(found.total, "restore"),
        "older": found.older,
        "turned": bool(nav.after),
        "exporting": exporting,
        "exports": export.RESTORE_CHOICES,
        "now": snapshot.at,
        "zone": snapshot.zone,
        **filters.restore_choices(nav, snapshot.at, snapshot.zone),
    }
