"""Log backups that somebody else takes count, as far as their chain is whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from tests.integration.sqlserver.bench import Bench
from tests.standin.server.client import Client
from tests.standin.server.messages import said


def log(bench: Bench, name: str) -> None:
    bench.server.databases["vault"].write_rows([(hash(name) % 1000 + 100, name)])
    assert not Client(bench.server).ask(f"BACKUP LOG vault TO DISK = N'{bench.path(name)}'").errors


def until(bench: Bench) -> datetime | None:
    info = next(each for each in bench.engine.databases() if each.name == "vault")
    told = info.details.get("log_backed_up_until")
    return None if told is None else datetime.fromisoformat(str(told))


def age(bench: Bench, *minutes: int) -> None:
    """Let the last backups have been taken so many minutes ago, the last first."""
    entries = bench.server.history.backups
    for entry, ago in zip(reversed(list(entries)), minutes, strict=False):
        at = bench.server.clock.now() - timedelta(minutes=ago)
        place = entries.index(entry)
        entries[place] = replace(entry, stored=replace(entry.stored, started_at=at, finished_at=at))


def test_log_backups_count_up_to_the_last_of_a_whole_chain(bench: Bench) -> None:
    assert until(bench) is None
    bench.full()
    assert until(bench) is None
    for name in ("a.trn", "b.trn"):
        log(bench, name)
    age(bench, 10, 20, 30)
    reached = until(bench)
    assert reached is not None
    assert abs(bench.server.clock.now() - timedelta(minutes=10) - reached) < timedelta(minutes=1)


def test_behind_a_gap_no_log_counts(bench: Bench) -> None:
    bench.full()
    for name in ("a.trn", "b.trn", "c.trn"):
        log(bench, name)
    age(bench, 10, 20, 30, 40)
    del bench.server.history.backups[2]
    reached = until(bench)
    assert reached is not None
    assert abs(bench.server.clock.now() - timedelta(minutes=30) - reached) < timedelta(minutes=1)


def test_logs_of_the_time_before_a_restore_do_not_count(bench: Bench) -> None:
    bench.full()
    log(bench, "a.trn")
    entry = bench.server.history.backups[-1]
    bench.server.history.backups[-1] = replace(entry, stored=replace(entry.stored, fork=uuid4()))
    assert until(bench) is None


def test_a_damaged_full_begins_no_chain(bench: Bench) -> None:
    bench.full()
    log(bench, "a.trn")
    entry = bench.server.history.backups[0]
    bench.server.history.backups[0] = replace(entry, stored=replace(entry.stored, holds_damage=True))
    assert until(bench) is None


def test_where_the_history_cannot_be_asked_no_log_counts(bench: Bench) -> None:
    bench.full()
    log(bench, "a.trn")
    assert until(bench) is not None
    for question in ("b.type = 'D'", "b.type IN ('D', 'L')"):
        bench.server.faults.on("SELECT", containing=question, raise_=[said(1205, 51, "lock")], times=2)
        assert until(bench) is None
        bench.server.faults.clear()
    bench.server.databases["vault"].recovery_model = "SIMPLE"
    assert until(bench) is None
