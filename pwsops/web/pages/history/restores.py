"""The restores, as the history lists them: searched, filtered and fifty at a time."""

from __future__ import annotations

from typing import Any

from pwsops.operations.records import RestorePage
from pwsops.web.live.session import Session
from pwsops.web.nav import before
from pwsops.web.pages.history import filters
from pwsops.web.pages.restore import texts
from pwsops.web.ui import export, formatting

_NONE = RestorePage(restores=(), total=0, older=None)
"""What there is of a period that is none: nothing is asked, and nothing said of how many fit."""


def values(session: Session, *, exporting: bool = False) -> dict[str, Any]:
    """Return what `restores.html` shows: the restores that the address asks for, each with its report's address."""
    snapshot, nav = session.snapshot, session.nav
    found = _NONE if filters.period_error(nav, snapshot.zone) else _page(session)
    return {
        "rows": [
            {
                "restore": restore,
                "mark": texts.restore_mark(restore),
                "percent": formatting.percent(restore),
                "query": texts.address(instance=restore.instance, database=restore.database, opened=restore.id),
            }
            for restore in found.restores
        ],
        "total": found.total,
        "count_text": "" if found is _NONE else formatting.counted(found.total, "restore"),
        "older": found.older,
        "turned": bool(nav.after),
        "exporting": exporting,
        "exports": export.RESTORE_CHOICES,
        "now": snapshot.at,
        "zone": snapshot.zone,
        **filters.restore_choices(nav, snapshot.at, snapshot.zone),
    }


def _page(session: Session) -> RestorePage:
    snapshot, nav = session.snapshot, session.nav
    query = filters.restore_query_of(nav, snapshot.at, snapshot.zone)
    return session.ops.restores.page(query, before=before(nav.after))
