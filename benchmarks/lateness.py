"""How late runs are claimed: from the instant they are due to the commit of their rows, all due together.

The real service, the real catalogue on disk and the real clock; only the runs themselves do nothing, since it is the
claim that is measured.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from sqlalchemy import Connection, insert

from pwsops.catalogue import Catalogue, claims, profiles, service_state
from pwsops.catalogue.home_key import StoredKeyRecords
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.schema import profiles as table
from pwsops.clock import SystemClock
from pwsops.engines.protocol import Engine
from pwsops.profile import BackupProfile
from pwsops.rules.model import BackupKind, ProfileState, RunStatus
from pwsops.runs.after_run import AfterRun
from pwsops.runs.certificates import RunCertificates
from pwsops.runs.liveness import Liveness
from pwsops.runs.owed import Owed
from pwsops.runs.runner import Runner
from pwsops.runs.scheduler import Service
from pwsops.secrets import Vault

AHEAD_S = 4.0


def run(rounds: int = 5) -> list[dict[str, Any]]:
    """Measure both sizes; each row's figure is the median over the rounds of that round's p99."""
    return [_row(1_000, 100.0, rounds), _row(10_000, 1_000.0, rounds)]


def _row(count: int, limit_ms: float, rounds: int) -> dict[str, Any]:
    found = [_lateness_ms(count) for _ in range(rounds)]
    return {
        "name": f"lateness, {count:,} profiles due together, p99",
        "ours": statistics.median(found),
        "unit": "ms",
        "limit": limit_ms,
        "note": f"median of {rounds} rounds, worst {max(found):.0f} ms",
    }


def _lateness_ms(count: int) -> float:
    with tempfile.TemporaryDirectory() as directory:
        catalogue = Catalogue(Path(directory))
        due = datetime.now(UTC) + timedelta(seconds=AHEAD_S + count / 5_000)
        _fill(catalogue, count, due)
        late = sorted(_claim_all(catalogue, count, due))
        catalogue.close()
        return late[int(count * 0.99) - 1]


def _fill(catalogue: Catalogue, count: int, due: datetime) -> None:
    start = datetime(2026, 1, 1)  # noqa: DTZ001 - wall time of a profile
    profile = BackupProfile(
        name="p", instance="none", databases=["d"], directory="/nowhere", start=start, timezone="Europe/Berlin"
    )
    with catalogue.write() as connection:
        first = profiles.add(connection, profile, state=ProfileState.ACTIVE, now=due)
        values = dict(connection.execute(table.select()).mappings().one())
        del values["id"]
        connection.execute(insert(table), [values | {"name": f"p{number}"} for number in range(1, count)])
        planned = [(number, due, BackupKind.FULL) for number in range(first, first + count)]
        profiles.schedule(connection, planned)
        service_state.want(connection, True)


def _claim_all(catalogue: Catalogue, count: int, due: datetime) -> list[float]:
    """Let the service claim them all, and give each row's lateness in milliseconds, taken right after its commit."""
    late: list[float] = []
    fresh = 0
    claim, write = claims.claim, catalogue.write

    def noted_claim(*args: Any, **kwargs: Any) -> list[claims.Claimed]:
        nonlocal fresh
        found = claim(*args, **kwargs)
        fresh = len(found)
        return found

    @contextmanager
    def noted_write() -> Iterator[Connection]:
        nonlocal fresh
        with write() as connection:
            yield connection
        late.extend([(datetime.now(UTC) - due).total_seconds() * 1000] * fresh)
        fresh = 0

    with (
        mock.patch.object(claims, "claim", noted_claim),
        mock.patch.object(catalogue, "write", noted_write),
        mock.patch.object(Runner, "execute", return_value=RunStatus.SUCCEEDED),
        # Would move the instant, chosen close at hand, to the profiles' next full hour.
        mock.patch.object(claims, "refresh"),
    ):
        _serve_until(catalogue, lambda: len(late) >= count)
    return late


def _serve_until(catalogue: Catalogue, done: Callable[[], bool]) -> None:
    clock, liveness = SystemClock(), Liveness(catalogue.home)
    certificates = RunCertificates(catalogue, Vault(catalogue.home, StoredKeyRecords(catalogue)))
    runner = Runner(
        catalogue,
        clock=clock,
        liveness=liveness,
        open_engine=_no_engine,
        certificates=certificates,
        owed=mock.Mock(spec=Owed),
        after_run=mock.Mock(spec=AfterRun),
    )
    service = Service(catalogue, clock=clock, liveness=liveness, runner=runner, parallel_runs=2)
    service.attach()
    deadline = time.monotonic() + 120
    while not done() and time.monotonic() < deadline:
        time.sleep(0.1)
    service.detach()
    liveness.close()


def _no_engine(profile: ProfileRow) -> Engine:
    raise AssertionError(f"no run of {profile.name} should reach its instance")
