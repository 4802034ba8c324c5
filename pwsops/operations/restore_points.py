"""Restore points: list the moments that a database can be brought back to, and find the one that somebody means."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta

from pwsops.engines.protocol import Engine
from pwsops.engines.records import Credentials
from pwsops.errors import InvalidInput, LoginRefused, PwsopsError
from pwsops.operations import points
from pwsops.operations.access import Context
from pwsops.operations.lookup import typed
from pwsops.operations.points import PointChoice, Points, PointView
from pwsops.operations.rights import as_login, needs, of_instance
from pwsops.rules.moments import as_zone, read_moment, write_moment
from pwsops.rules.rights import Right

LIST = "list restore points"
ROUNDED_UP = timedelta(seconds=1)
"""Moments are shown rounded up to the second: one that was just taken may be named by a second that is not over."""


class RestorePoints:
    """List and find restore points; `credentials` say who to be on the server, None is the instance's own login."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.MEDIA, LIST, of_instance(), as_login)
    def list(self, instance: str, database: str, *, credentials: Credentials | None = None) -> Sequence[PointView]:
        """Return the moments that a database can be brought back to, newest first, those that are lost included.

        The files of all are looked for; see `PointView` for what is told of each.
        """
        return tuple(self._points(instance, database, credentials).views())

    @needs(Right.MEDIA, LIST, of_instance(), as_login)
    def at(
        self,
        instance: str,
        database: str,
        when: str | datetime,
        *,
        zone: str = "",
        credentials: Credentials | None = None,
    ) -> PointChoice:
        """Return the newest restore point of a database that is not after a moment.

        Parameters
        ----------
        when
            An aware instant, or a text as a person writes it; see `rules.moments`.
        zone
            Whose clock a text is read by, as an IANA name; empty: that of the database's profile, else this machine's.

        Raises
        ------
        InvalidInput
            The text is no moment, or one that came twice or never in that zone; or the moment is still to come.
        NotFound
            There is no such point.
        """
        found = self._points(instance, database, credentials)
        now = self._context.core.clock.now()
        name = zone or points.zone_of(self._context, instance, found.database)
        moment = read_moment(when, now=now, zone=as_zone(name)) if isinstance(when, str) else when
        if moment > now + ROUNDED_UP:
            raise InvalidInput(
                f"{write_moment(moment, as_zone(name))} in {name} is still to come.",
                hint="Give a moment that has passed; `pwsops points` lists those that can be had.",
                field="at",
            )
        return points.choose(found, moment, name)

    @needs(Right.MEDIA, LIST, of_instance(), as_login)
    def zone(self, instance: str, database: str, *, credentials: Credentials | None = None) -> str:
        """Return the zone that moments of a database are read in: that of its profile, else this machine's."""
        _, database = self._meant(instance, database, credentials)
        return points.zone_of(self._context, instance, database)

    @needs(Right.MEDIA, LIST, of_instance(), as_login)
    def of_run(self, instance: str, database: str, run: int, *, credentials: Credentials | None = None) -> PointView:
        """Return the restore point of a database that a run took; raises `NotFound`."""
        return points.of_run(self._points(instance, database, credentials), run)

    def _points(self, instance: str, database: str, credentials: Credentials | None) -> Points:
        engine, database = self._meant(instance, database, credentials)
        return points.look(self._context, engine, instance, database)

    def _meant(self, instance: str, database: str, credentials: Credentials | None) -> tuple[Engine, str]:
        """Return who serves an instance, and the database that a name means.

        It is the name as it was typed where the instance cannot be asked.
        """
        engine = self._context.engine(instance, credentials)
        with nullcontext() if credentials else self._context.core.asking(instance):
            try:
                return engine, typed(self._context.core.catalogue, engine, database)
            except LoginRefused:
                raise
            except PwsopsError:
                return engine, database
