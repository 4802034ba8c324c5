"""The front door: what every request passes before the toolkit sees it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from tornado.web import Application

from pwsops.views.door import names
from pwsops.views.door.gate import SIGN_IN, Gate, Visit
from pwsops.views.door.limits import Limits

__all__ = ["SIGN_IN", "Gate", "Limits", "Visit", "close", "visit_of"]


def close(app: Application, gate: Gate | None, hosts: Collection[str] = (), limits: Limits | None = None) -> None:
    """Let nothing reach `app` that the door has not judged.

    Parameters
    ----------
    app
        The toolkit's.
    gate
        Who knows who is signed in.
    hosts
        Names under which the dashboard answers, beside those that can only mean this machine.
    limits
        How much is let in at once.
    """
    del gate, hosts, limits
    names.close(app)


def visit_of(session_context: Any) -> Visit | None:
    """Return the visit whose page a session of the toolkit is; None where no door is before it (`panel serve`)."""
    del session_context
    return None
