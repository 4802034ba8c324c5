"""What is kept of a profile's backups, what goes, and doing it."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from pwsops.operations.access import Context
from pwsops.operations.lookup import find_profile
from pwsops.operations.rights import needs, of_profile
from pwsops.rules.retention import Action
from pwsops.rules.rights import Right
from pwsops.runs.retention_outcome import Retention, SetDecision

__all__ = ["Action", "Retention", "Retentions", "SetDecision"]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let the garbage collector rest: it would look through a hundred thousand records again and again as they come.

    That takes as long as all the rest. Where two do this at once, the first one that ends lets it work again.
    """
    works = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if works:
            gc.enable()


class Retentions:
    """See what the policy of a profile keeps, and remove the rest."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.LOOK, "see what is kept", of_profile())
    def preview(self, profile: str) -> Retention:
        """Return what `prune` would do as far as is known here; asks no server, and changes nothing.

        Raises `NotFound`, and `InvalidInput` for a profile that cannot be used.
        """
        with self._context.read() as connection, _uncollected():
            row = find_profile(connection, profile)
            found = self._context.core.pruner.preview(connection, row)
        # What a server said may have addresses in it.
        reasons = {decision.reason for decision in found.having(Action.RETAINED)}
        shown = {reason: self._context.redacted(reason) for reason in reasons}
        if all(reason == redacted for reason, redacted in shown.items()):
            return found
        return found._replace(sets=[each._replace(reason=shown.get(each.reason, each.reason)) for each in found.sets])

    @needs(Right.CONFIGURE, "remove backups", of_profile())
    def prune(self, profile: str, *, agreed: Collection[str] | None = None) -> Retention:
        """Remove what the policy keeps no longer; what could not be removed is `RETAINED`, with the cause.

        `agreed`: the `set_id` of those that somebody agreed to; what is obsolete besides stays. None: all of it goes.

        Nothing goes before the newest backup that is kept was seen and is proven, or while a restore or a run of the
        database reads it. Returns no decisions where the profile has no policy. Raises as `preview` does.
        """
        with self._context.read() as connection:
            row = find_profile(connection, profile)
        return self._context.core.pruner.prune(row, actor=self._context.actor, agreed=agreed)
