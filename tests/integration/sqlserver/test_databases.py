from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from pwsops.engines.records import DatabaseInfo, DatabaseState
from pwsops.engines.sqlserver import databases
from pwsops.errors import BaseUnusable, EngineError, InvalidInput, NotFound
from pwsops.rules.model import BackupKind
from tests.integration.sqlserver.bench import Bench
from tests.standin.server.client import Client
from tests.standin.server.database import Database
from tests.standin.server.messages import said


def info(bench: Bench, name: str = "vault") -> DatabaseInfo:
    return next(each for each in bench.engine.databases() if each.name == name)


def test_every_database_is_listed_but_tempdb_and_snapshots(bench: Bench) -> None:
    bench.server.add_database("snap", snapshot_of="vault")
    assert [each.name for each in bench.engine.databases()] == ["master", "model", "msdb", "vault"]


STATES: list[tuple[Callable[[Database], None], DatabaseState, str]] = [
    (lambda each: setattr(each, "state", "OFFLINE"), DatabaseState.OFFLINE, "offline"),
    (lambda each: setattr(each, "state", "RESTORING"), DatabaseState.RESTORING, "restore was begun"),
    (lambda each: setattr(each, "state", "SUSPECT"), DatabaseState.UNREADABLE, "suspect"),
    (lambda each: setattr(each, "replica_role", "SECONDARY"), DatabaseState.SECONDARY, "back it up on the primary"),
]


@pytest.mark.parametrize(("change", "state", "reason"), STATES, ids=[each[2] for each in STATES])
def test_a_database_that_takes_no_backup_says_why(
    bench: Bench, change: Callable[[Database], None], state: DatabaseState, reason: str
) -> None:
    change(bench.server.databases["vault"])
    found = info(bench)
    assert found.state is state
    assert reason in found.reason
    assert found.warnings == ()
    with pytest.raises(EngineError, match="cannot be backed up") as refused:
        bench.take()
    assert reason in refused.value.message
    assert refused.value.hint
    assert not bench.sent("BACKUP")


def test_a_state_that_nobody_heard_of_is_told_by_its_name(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(databases._STATES, "SUSPECT")
    bench.server.databases["vault"].state = "SUSPECT"
    assert (info(bench).state, info(bench).reason) == (DatabaseState.UNREADABLE, "its state is SUSPECT")


def test_a_read_only_database_and_a_primary_are_backed_up(bench: Bench) -> None:
    bench.server.databases["vault"].read_only = True
    bench.server.databases["vault"].replica_role = "PRIMARY"
    assert info(bench).state is DatabaseState.ONLINE
    assert info(bench).details["read_only"]
    assert bench.full().size_bytes > 0


def test_a_secondary_copy_takes_a_copy_only_full(bench: Bench) -> None:
    bench.server.databases["vault"].replica_role = "SECONDARY"
    assert bench.full(copy_only=True).copy_only


def test_tempdb_is_never_backed_up_and_master_only_whole(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="tempdb"):
        bench.take(database="TempDB")
    full = bench.full("master.bak", database="master")
    assert full.kind is BackupKind.FULL
    with pytest.raises(BaseUnusable, match="full backups of master only"):
        bench.take(database="master", base=full, file_name="two.bak")
    assert info(bench, "master").details["full_only"]


def test_a_database_that_is_not_there_is_not_found(bench: Bench) -> None:
    for ask in (bench.engine.contents, bench.engine.differential_base):
        with pytest.raises(NotFound, match="nowhere"):
            ask("nowhere")


def test_a_log_that_nobody_backs_up_is_pointed_out_with_its_size(bench: Bench) -> None:
    (warning,) = info(bench).warnings
    assert "Nobody has backed up its log for 62 days, if ever" in warning
    assert "MB" in warning
    assert "SIMPLE" in warning
    client = Client(bench.server)
    path = bench.path("log.bak")
    for statement in (f"BACKUP DATABASE vault TO DISK = N'{path}' WITH DESCRIPTION = 'pwsops run 1'",
                      f"BACKUP LOG vault TO DISK = N'{path}'"):  # fmt: skip
        assert not client.ask(statement).errors
    assert info(bench).warnings == ()


def test_in_an_availability_group_another_server_may_back_up_the_log(bench: Bench) -> None:
    bench.server.databases["vault"].replica_role = "PRIMARY"
    (warning,) = info(bench).warnings
    assert "as far as this server of its availability group knows" in warning
    assert "SIMPLE" not in warning


def test_a_log_backup_of_long_ago_is_none(bench: Bench) -> None:
    bench.full()
    assert not Client(bench.server).ask(f"BACKUP LOG vault TO DISK = N'{bench.path('log.bak')}'").errors
    old = datetime.now(UTC) - timedelta(days=8)
    history = bench.server.history.backups
    history[:] = [replace(entry, stored=replace(entry.stored, finished_at=old)) for entry in history]
    assert "Nobody has backed up its log since 2" in info(bench).warnings[0]


def test_a_database_in_the_simple_model_has_no_log_to_back_up(bench: Bench) -> None:
    bench.server.databases["vault"].recovery_model = "SIMPLE"
    assert info(bench).warnings == ()
    assert info(bench).details["recovery_model"] == "SIMPLE"


def test_somebody_elses_full_is_pointed_out(bench: Bench) -> None:
    bench.server.databases["vault"].recovery_model = "SIMPLE"
    bench.full()
    assert info(bench).warnings == ()
    bench.full("theirs.bak", description="nightly")
    assert "Somebody else (pwsops) took its last full backup with another tool" in info(bench).warnings[0]
    bench.server.history.backups.clear()
    assert "is not in the server's history" in info(bench).warnings[0]


def test_what_a_login_may_not_see_is_left_out_of_the_list(bench: Bench) -> None:
    engine = bench.engine_with(reads_media=False)
    found = {each.name: each for each in engine.databases()}
    assert found["vault"].size_bytes == 0
    with pytest.raises(EngineError, match="cannot be seen") as hidden:
        engine.differential_base("vault")
    assert "CREATE ANY DATABASE" in hidden.value.hint


def test_what_is_in_a_database_is_counted_by_table(bench: Bench) -> None:
    bench.server.databases["vault"].create_table("more")
    assert bench.engine.contents("vault").tables == (("dbo.more", 0), ("dbo.notes", 50))


def test_a_question_that_is_refused_says_why(bench: Bench) -> None:
    bench.fail("SELECT", said(1205, 51, "lock"), containing="sys.databases")
    with pytest.raises(EngineError, match="deadlock") as failed:
        bench.engine.databases()
    assert failed.value.transient
    assert failed.value.severity == 13


def test_a_database_that_the_login_is_not_shown_is_not_said_to_be_gone(bench: Bench) -> None:
    engine = bench.engine_with(reads_media=False, sees_databases=False)
    assert [info.name for info in engine.databases()] == ["master"]
    for ask in (engine.spelled, engine.contents, partial(engine.give_back_access, former_mode="MULTI_USER")):
        with pytest.raises(EngineError, match="Whether the database vault exists") as refused:
            ask("vault")
        assert "GRANT VIEW ANY DATABASE TO [least]" in refused.value.hint
    assert engine.spelled("MASTER") == "master"
    assert bench.engine.spelled("lost") is None
    assert bench.engine.spelled("VAULT") == "vault"
