"""Percentages, as STATS asks for them, and as the requests view shows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from tests.standin.events import Said
from tests.standin.server.context import Context
from tests.standin.server.messages import said


@dataclass
class Request:
    """A running statement, as `sys.dm_exec_requests` shows it."""

    session_id: int
    command: str
    database_id: int
    started_at: datetime
    batch: str
    percent: float = 0


@contextmanager
def running(context: Context, command: str, database_id: int) -> Iterator[Request]:
    """Show a statement among the requests for as long as it runs."""
    server, session_id = context.server, context.session.session_id
    request = Request(
        session_id=session_id,
        command=command,
        database_id=database_id,
        started_at=server.clock.now(),
        batch=context.batch,
    )
    server.requests[session_id] = request
    try:
        yield request
    finally:
        server.requests.pop(session_id, None)


def percentages(context: Context, request: Request, stats: int | None, others: int) -> Iterator[Said]:
    """Return the 3211 messages before the last; `others` is how many other messages the statement has."""
    if context.messages is not None:
        count = max(context.messages - others, 1)
        steps = [100 * (step + 1) // count for step in range(count - 1)]
    else:
        steps = list(range(stats, 100, stats)) if stats else []
    for percent in steps:
        request.percent = percent
        yield said(3211, percent)
    request.percent = 100


def last_percentage(context: Context, stats: int | None) -> Iterator[Said]:
    """Return the message of 100 percent, where percentages are said at all."""
    if stats or context.messages is not None:
        yield said(3211, 100)
