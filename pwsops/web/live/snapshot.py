"""What the pages show, read once for all of those who may see the same."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from pwsops.clock import Clock, SystemClock
from pwsops.engines.records import Instance
from pwsops.errors import PwsopsError, SignInAnew
from pwsops.operations.certificate_records import CertificateView
from pwsops.operations.periods import local_zone
from pwsops.operations.records import DatabaseView, ProfileView, RunView, ServiceView
from pwsops.rules.model import Health
from pwsops.rules.rights import Principal, Role, Way
from pwsops.web.live.calendar_cache import CalendarCache
from pwsops.web.live.database_poller import Answer, DatabasePoller
from pwsops.web.live.watcher import Watcher
from pwsops.web.ui import formatting

if TYPE_CHECKING:
    from pwsops.operations import Operations

_log = structlog.get_logger(__name__)
LATEST = 12
"""How many runs the first page lists."""


@dataclass(frozen=True, kw_only=True)
class DatabaseRow:
    """A database and the instance it lives on."""

    instance: str
    view: DatabaseView


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that could not be read: the message and the next step, never a traceback.

    `anew`: it helps to sign in once more.
    """

    message: str
    hint: str
    anew: bool = False


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything that the pages share, as of `at`; the higher `number` was begun later, and knows more."""

    number: int = 0
    at: datetime
    zone: ZoneInfo
    zone_name: str
    service: ServiceView
    instances: Sequence[str] = ()
    profiles: Sequence[ProfileView] = ()
    runs: Sequence[RunView] = ()
    databases: Sequence[DatabaseRow] = ()
    awaited: Sequence[str] = ()
    """The instances that have not answered yet."""
    broken: Mapping[int, RunView] = field(default_factory=dict)
    """The last runs, with their items, of the profiles that are orange or red, by run id."""
    certificates: Sequence[CertificateView] = ()
    """Those needed ones that somebody should see to."""
    problems: Mapping[str, Problem] = field(default_factory=dict)
    """Why an instance could not be asked, by its name."""
    audit_problem: str = ""
    """Why the newest head of the audit log did not leave the home; empty: it did."""
    key: Problem | None = None
    """What is wrong with the home's key."""

    def profile(self, name: str) -> ProfileView | None:
        """Return the profile of that name."""
        return next((profile for profile in self.profiles if profile.name == name), None)


class Snapshots:
    """The snapshots as of one look, each read when the first who is given those instances asks for it.

    Parameters
    ----------
    read
        Reads the one of those who are given these instances (None: all), and are told where they are, or not.
    """

    def __init__(self, read: Callable[[frozenset[str] | None, bool], Snapshot]) -> None:
        self._read = read
        self._known: dict[tuple[frozenset[str] | None, bool], Snapshot] = {}
        self._lock = threading.Lock()

    def of(self, theirs: frozenset[str] | None, *, addresses: bool = True) -> Snapshot:
        """Return what somebody may see who is given these instances; None: all.

        `addresses`: whether they are told where instances are.
        """
        with self._lock:
            if (theirs, addresses) not in self._known:
                self._known[theirs, addresses] = self._read(theirs, addresses)
            return self._known[theirs, addresses]

    def seen_by(self, principal: Principal) -> Snapshot:
        """Return what somebody may see."""
        return self.of(principal.instances, addresses=principal.sees_addresses)


def problem_of(error: Exception, doing: str) -> Problem:
    """Return an error as a page shows it; an unforeseen one is logged, and only its kind is named."""
    if isinstance(error, PwsopsError):
        return Problem(message=error.message, hint=error.hint, anew=isinstance(error, SignInAnew))
    _log.error("a page met an error that nobody foresaw", doing=doing, exc_info=error)
    return Problem(
        message=f"{doing} failed: {type(error).__name__}.",
        hint="The log of the server has the details; `pwsops doctor` checks the installation.",
    )


def _away(instance: str) -> Problem:
    return Problem(
        message=f"{instance} could not be asked for its databases.",
        hint="Ask somebody who restores or configures: they are told why.",
    )


def _key(ops: Operations) -> Problem | None:
    fault = ops.key.fault()
    return None if fault is None else problem_of(fault, "Looking at the key")


class Store:
    """The pages' one source: a snapshot that is read when something changed, and the future runs of a month.

    Parameters
    ----------
    ops, clock
        What the pages work with, and the time.
    every_s
        Pause between two looks whether anything changed.
    waits
        Whether a snapshot waits for the servers that it asks. Where pages are served it must not: what they answer
        comes with a later snapshot.
    """

    def __init__(
        self, ops: Operations, clock: Clock | None = None, every_s: float = 0.3, *, waits: bool = True
    ) -> None:
        self.ops = ops
        self.clock = clock or SystemClock()
        self.watcher: Watcher[Snapshots] = Watcher(version=self._version, read=self.snapshots, every_s=every_s)
        self.calendar = CalendarCache(ops)
        self._waits = waits
        self._numbers = itertools.count(1)
        self._poller = DatabasePoller(ops)
        self._last: tuple[object, Snapshots] | None = None
        """What was read last, and of which version."""

    def _version(self) -> object:
        # The service's state is asked apart: a process that dies writes nothing. The minute, since ages are shown.
        service = self.ops.service.status()
        minute = self.clock.now().replace(second=0, microsecond=0)
        return self.ops.changes.version(), service, minute, self._poller.version

    def snapshot(self, principal: Principal | None = None) -> Snapshot:
        """Read everything that pages share, as far as somebody may see it; None: all."""
        return self.snapshots().of(None) if principal is None else self.snapshots().seen_by(principal)

    def snapshots(self) -> Snapshots:
        """Return what pages show, as of now, once for all of those who are given the same instances.

        Where pages are served it is read once for each version: somebody who comes is shown what others see already.
        """
        version = None if self._waits else self._version()
        last = self._last
        if last is not None and last[0] == version:
            return last[1]
        found = self._read()
        self._last = None if version is None else (version, found)
        return found

    def _read(self) -> Snapshots:
        number, now = next(self._numbers), self.clock.now()
        instances, profiles = self.ops.instances.list(), self.ops.profiles.list()
        # A server is asked once for everybody.
        answers = self._answers(instances, profiles, now)

        def read(theirs: frozenset[str] | None, addresses: bool) -> Snapshot:
            if theirs is None and addresses:
                return self._snapshot(self.ops, number, now, [each.name for each in instances], profiles, answers)
            principal = replace(self.ops.principal, instances=theirs)
            if not addresses:
                principal = replace(principal, way=Way.SIGNED_IN, role=Role.VIEWER)
            ops = self.ops.acting_as(lambda: principal)
            names = [instance.name for instance in ops.instances.list()]
            known = {name: answer for name, answer in answers.items() if name in names}
            found = self._snapshot(ops, number, now, names, ops.profiles.list(), known)
            return found if addresses else replace(found, problems={name: _away(name) for name in found.problems})

        return Snapshots(read)

    def _snapshot(
        self,
        ops: Operations,
        number: int,
        now: datetime,
        instances: Sequence[str],
        profiles: Sequence[ProfileView],
        answers: Mapping[str, Answer | None],
    ) -> Snapshot:
        """Read what `ops` may see; what cannot be read is a problem in it."""
        zone, zone_name = self._zone()
        return Snapshot(
            number=number,
            at=now,
            zone=zone,
            zone_name=zone_name,
            service=ops.service.status(),
            instances=instances,
            profiles=profiles,
            runs=ops.runs.list(limit=LATEST),
            databases=[
                DatabaseRow(instance=name, view=view)
                for name, views in ops.databases.everything().items()
                if name in answers
                for view in views
            ],
            awaited=[name for name, answer in answers.items() if answer is None],
            certificates=ops.certificates.attention(),
            audit_problem=ops.audit.problem(),
            key=_key(ops),
            broken={run.id: run for run in map(self._with_items, profiles) if run is not None},
            problems={
                name: problem_of(answer, f"Listing the databases of {name}")
                for name, answer in answers.items()
                if isinstance(answer, PwsopsError)
            },
        )

    def ask_anew(self, instance: str) -> None:
        """Ask an instance for its databases with the next snapshot, whatever it answered before."""
        self._poller.forget(instance)

    def _zone(self) -> tuple[ZoneInfo, str]:
        name = self.ops.settings.get().display_timezone or local_zone()
        zone = ZoneInfo(name)
        return zone, formatting.zone_name(zone)

    def _with_items(self, profile: ProfileView) -> RunView | None:
        if profile.last_run is None or profile.health not in (Health.ORANGE, Health.RED):
            return None
        return self.ops.runs.get(profile.last_run.id)

    def _answers(
        self, instances: Sequence[Instance], profiles: Sequence[ProfileView], now: datetime
    ) -> Mapping[str, Answer | None]:
        # Asking a server may be slow: only when a run or a restore has ended, or profiles or instances differ, or a
        # minute on.
        state = (
            tuple(instances),
            tuple(
                (p.id, p.name, tuple(p.databases), p.last_run and (p.last_run.id, p.last_run.status)) for p in profiles
            ),
            [(restore.id, restore.status) for restore in self.ops.restores.list(limit=1)],
            now.replace(second=0, microsecond=0),
        )
        return self._poller.about([instance.name for instance in instances], state, wait=self._waits)
