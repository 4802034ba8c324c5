"""People who ask for something, for tests of what they may do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pwsops.operations import Operations
from pwsops.rules.rights import Principal, Role, Way

ANEW = datetime.max.replace(tzinfo=UTC)
"""Until when somebody's signing in counts as done just now: for ever."""


def person(role: Role, name: str = "bob", **values: Any) -> Principal:
    """Somebody who has just signed in."""
    return Principal(**{"name": name, "role": role, "way": Way.SIGNED_IN, "anew_until": ANEW} | values)


def acting_as(ops: Operations, role: Role, name: str = "bob", **values: Any) -> Operations:
    """The operations, for somebody who has just signed in."""
    principal = person(role, name, **values)
    return ops.acting_as(lambda: principal)
