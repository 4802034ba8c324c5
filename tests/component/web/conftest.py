"""A small stand-in for the operations, and records to fill it with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pwsops.engines.records import DatabaseState
from pwsops.errors import NotFound, PwsopsError
from pwsops.operations.history import HistoryQuery
from pwsops.operations.records import (
    DatabaseView,
    HistoryPage,
    ItemView,
    ProfileView,
    RestorePage,
    RestoreView,
    RunMeasure,
    RunSets,
    RunView,
    ServiceView,
)
from pwsops.operations.reports import RestoreQuery
from pwsops.rules.model import BackupKind, BackupSet, Health, Occurrence, ProfileState, RunStatus, Trigger
from pwsops.rules.protection import Cause, Finding, Protection, SetFacts, Verdict
from pwsops.rules.rights import Principal
from pwsops.signin.authentication import Authentication
from pwsops.signin.roles import Roles
from pwsops.web.live.session import Session
from pwsops.web.live.snapshot import DatabaseRow, Snapshot, Store
from tests.fake_sealer import FakeSealer

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass
class FixedClock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def wait(self, event: Event, seconds: float) -> bool:
        return event.is_set()


def make_run(number: int = 1, status: RunStatus = RunStatus.SUCCEEDED, **fields: Any) -> RunView:
    ended = NOW if status.ended else None
    values = {"profile": "Vaults", "due_at": NOW, "kind": BackupKind.FULL, "trigger": Trigger.MANUAL}
    return RunView(**{"id": number, "status": status, "started_at": NOW, "finished_at": ended, **values, **fields})


def make_restore(number: int = 1, status: RunStatus = RunStatus.SUCCEEDED, **fields: Any) -> RestoreView:
    values: dict[str, Any] = {
        "instance": "vaults", "database": "a.db", "path": "/b/a.bak", "position": 1, "set_id": "s",
        "kind": BackupKind.FULL, "data_at": NOW, "actor": "ann", "started_at": NOW, "finished_at": NOW,
    }  # fmt: skip
    return RestoreView(**{"id": number, "status": status, **values, **fields})


def make_item(status: RunStatus = RunStatus.FAILED, **fields: Any) -> ItemView:
    return ItemView(**{"id": 1, "database": "a.db", "status": status, **fields})


def make_profile(name: str = "Vaults", **fields: Any) -> ProfileView:
    values: dict[str, Any] = {
        "id": 1,
        "instance": "vaults",
        "databases": ("a.db",),
        "directory": "/backups",
        "state": ProfileState.ACTIVE,
        "health": Health.GREEN,
        "schedule": "every hour, UTC",
        "incremental": True,
        "next_due_at": NOW + timedelta(minutes=30),
        "next_kind": BackupKind.DIFFERENTIAL,
        "last_run": None,
        "running": None,
        "failures_in_a_row": 0,
    }
    return ProfileView(name=name, **{**values, **fields})


def make_verdict(
    name: str = "a.db", exposure_s: float | None = 60.0, *causes: Cause, covered: bool = True, **fields: Any
) -> Verdict:
    """A verdict: protected, with a backup of so many seconds ago, unless causes are given or there is none."""
    if exposure_s is None:
        causes = (Cause.NEVER_BACKED_UP, *causes)
    point = None
    if exposure_s is not None:
        data_at = NOW - timedelta(seconds=exposure_s)
        point = SetFacts(set_id="s", kind=BackupKind.FULL, path="/s.bak", data_at=data_at, finished_at=data_at, order=1)
    findings = tuple(Finding(cause=cause, since=NOW, subject="Vaults", detail="so it is") for cause in causes)
    worst = min((cause.protection for cause in causes), key=lambda one: one.rank, default=Protection.PROTECTED)
    values = {"protection": worst, "covered": covered, "findings": findings, "point": point}
    return Verdict(instance="vaults", database=name, **values | fields)


def make_database(
    name: str = "a.db", exposure_s: float | None = 60.0, *causes: Cause, covered: bool = True
) -> DatabaseRow:
    view = DatabaseView(
        name=name,
        size_bytes=1,
        state=DatabaseState.ONLINE,
        reason="",
        last_full_at=None,
        last_incremental_at=None,
        exposure_s=exposure_s,
        verdict=make_verdict(name, exposure_s, *causes, covered=covered),
    )
    return DatabaseRow(instance="vaults", view=view)


def make_service(running: bool = True) -> ServiceView:
    return ServiceView(running=running, here=True, pid=1, since=NOW, why_not="" if running else "It is stopped.")


def make_snapshot(**fields: Any) -> Snapshot:
    values = {
        "at": NOW,
        "zone": ZoneInfo("UTC"),
        "zone_name": "UTC",
        "service": make_service(),
        "instances": ["vaults"],
    }
    return Snapshot(**{**values, **fields})


@dataclass
class FakeOperations:
    """Answers from lists, and remembers what it was asked to do."""

    profile_views: list[ProfileView] = field(default_factory=list)
    run_views: list[RunView] = field(default_factory=list)
    database_views: list[DatabaseView] = field(default_factory=list)
    instance_names: list[str] = field(default_factory=lambda: ["vaults"])
    running: bool = True
    version: int = 0
    timezone: str = "UTC"
    refusal: Exception | None = None
    database_error: Exception | None = None
    done: list[tuple[Any, ...]] = field(default_factory=list)
    previews: list[str] = field(default_factory=list)
    previewed: int = 0
    """How many runs were given in previews."""
    queries: list[HistoryQuery] = field(default_factory=list)
    run_sets: list[BackupSet] = field(default_factory=list)
    restore_views: list[RestoreView] = field(default_factory=list)
    restore_queries: list[tuple[RestoreQuery, int | None]] = field(default_factory=list)
    took: dict[str, dict[BackupKind, float]] = field(default_factory=dict)
    """How many seconds the runs of profiles usually take."""
    asked_databases: int = 0
    attached: int = 0
    home: Path = Path("/nowhere")
    recorded: list[tuple[str, ...]] = field(default_factory=list)
    principal: Principal = field(default_factory=lambda: Principal(name="test"))

    def __post_init__(self) -> None:
        self.key = SimpleNamespace(fault=lambda: None)
        self.certificates = SimpleNamespace(attention=list, for_encryption=list)
        self.audit = SimpleNamespace(problem=lambda: "")
        self.profiles = SimpleNamespace(
            list=lambda: list(self.profile_views),
            get=lambda name: SimpleNamespace(timezone="Europe/Berlin"),
            preview=self._preview,
            activate=self._does("activate"),
            deactivate=self._does("deactivate"),
            delete=self._does("delete"),
        )
        self.runs = SimpleNamespace(
            list=lambda limit, offset=0: self.run_views[offset : offset + limit],
            count=lambda: len(self.run_views),
            get=self._run,
            start=self._does("start"),
            cancel=self._does("cancel"),
        )
        self.instances = SimpleNamespace(
            list=lambda: [SimpleNamespace(name=name) for name in self.instance_names],
            capabilities=lambda _: SimpleNamespace(atomic_restore=True),
        )
        self.databases = SimpleNamespace(poll=self._poll, everything=self._everything)
        self.restores = SimpleNamespace(list=lambda limit: [], page=self._restores)
        self.media = SimpleNamespace(of_run=lambda number: RunSets(instance="vaults", sets=self.run_sets))
        self.history = SimpleNamespace(
            up_to=self._up_to, page=self._history, profiles=lambda: sorted({run.profile for run in self.run_views})
        )
        self.calendar = SimpleNamespace(
            outcomes=self._outcomes,
            runs=self._past,
            durations=lambda names: {name: self.took.get(name, {}) for name in names},
        )
        self.people = SimpleNamespace(authentication=self._authentication)
        self.settings = SimpleNamespace(
            get=lambda: SimpleNamespace(timezone=self.timezone, display_timezone=self.timezone)
        )
        self.changes = SimpleNamespace(version=lambda: self.version)
        self.service = SimpleNamespace(
            status=lambda: make_service(self.running),
            start=lambda: self._switch(True),
            stop=lambda: self._switch(False),
            attach=self._attach,
        )

    def acting_as(self, who: Callable[[], Principal]) -> FakeOperations:
        self.principal = who()
        return self

    def _authentication(self, **options: Any) -> Authentication:
        return Authentication(
            self.home,
            clock=FixedClock(),
            roles=Roles(self.home),
            record=lambda *words: self.recorded.append(words),
            sealer=FakeSealer(),
            system_user="service",
            **options,
        )

    def close(self) -> None:
        self.done.append(("close",))

    def _attach(self) -> None:
        self.attached += 1

    def _does(self, action: str) -> Callable[..., None]:
        def do(*values: Any) -> None:
            if self.refusal is not None:
                raise self.refusal
            self.done.append((action, *values))

        return do

    def _switch(self, running: bool) -> None:
        self.running = running

    def _run(self, number: int) -> RunView:
        found = [run for run in self.run_views if run.id == number]
        if not found:
            raise NotFound(f"There is no run {number}.", hint="`pwsops runs` lists those there are.")
        return found[0]

    def _history(self, query: HistoryQuery) -> HistoryPage:
        self.queries.append(query)
        start = int(query.position or 0)
        found = [run for run in self.run_views if query.text.lower() in run.profile.lower()]
        before = str(max(0, start - query.size)) if start else ""
        after = str(start + query.size) if start + query.size < len(found) else ""
        return HistoryPage(runs=found[start : start + query.size], before=before, after=after, total=len(found))

    def _up_to(self, number: int) -> list[RunMeasure]:
        return [
            RunMeasure(
                run_id=run.id, due_at=run.due_at, status=run.status, kind=run.kind, duration_s=run.duration_s,
                size_bytes=sum(item.size_bytes or 0 for item in run.items) or None,
            )
            for run in reversed(self.run_views)
            if run.id <= number
        ]  # fmt: skip

    def _restores(self, query: RestoreQuery, *, before: int | None) -> RestorePage:
        self.restore_queries.append((query, before))
        return RestorePage(restores=self.restore_views, total=len(self.restore_views), older=None)

    def _outcomes(self, edges: Sequence[datetime], profile: str | None = None) -> list[dict[RunStatus, int]]:
        return [dict(Counter(run.status for run in self._past(*day, profile))) for day in pairwise(edges)]

    def _past(self, since: datetime, until: datetime, profile: str | None = None) -> list[RunView]:
        found = [run for run in self.run_views if since <= run.due_at < until]
        return [run for run in found if profile in (None, run.profile)]

    def _poll(self, names: list[str], on_answer: Callable[[str, object], None]) -> None:
        self.asked_databases += 1
        for name in names:
            on_answer(name, self.database_error or self.database_views)

    def _everything(self) -> dict[str, list[DatabaseView]]:
        return dict.fromkeys(self.instance_names, self.database_views)

    def _preview(self, name: str, start: datetime, until: datetime) -> list[Occurrence]:
        self.previews.append(name)
        found, at = [], start
        while at < until:
            kind = BackupKind.FULL if at == start else BackupKind.DIFFERENTIAL
            found.append(Occurrence(due_at=at, local=at, kind=kind))
            at += timedelta(hours=6)
        self.previewed += len(found)
        return found


def hold(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Let what a page asks wait until it is called for: by position, what was asked."""
    waiting: list[Callable[[], None]] = []
    background = session.background

    def wait(work: Callable[[], None], *, asks: bool) -> bool:
        waiting.append(partial(background, work, asks=asks))
        return True

    monkeypatch.setattr(session, "background", wait)
    return waiting


def hold_answers(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Let what a page asks be answered at once, and the answers wait until they are called for: in their order."""
    waiting: list[Callable[[], None]] = []
    monkeypatch.setattr(session, "later", waiting.append)
    return waiting


@pytest.fixture
def ops(tmp_path: Path) -> FakeOperations:
    return FakeOperations(
        home=tmp_path,
        profile_views=[make_profile(last_run=make_run())],
        run_views=[make_run()],
        database_views=[make_database().view],
    )


@pytest.fixture
def store(ops: FakeOperations) -> Store:
    return Store(ops, clock=FixedClock(), every_s=0.01)  # type: ignore[arg-type]


@pytest.fixture
def unforeseen() -> Exception:
    return RuntimeError("secret insides")


@pytest.fixture
def refused() -> PwsopsError:
    return PwsopsError("Not <b>now</b>.", hint="Try later.")
