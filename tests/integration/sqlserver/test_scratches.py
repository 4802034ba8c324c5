"""Scratches of drills on a server: made with files of their own, checked, and dropped whatever happens."""

from __future__ import annotations

import threading

import pytest

from pwsops.engines.scratch import DrillsBackups, Scratch, Scratches
from pwsops.errors import Cancelled, CertificateNeeded, EngineError, MediaError, NoSpace, PwsopsError, Refused
from pwsops.rules.drills import scratch_name
from tests.integration.sqlserver.bench import ROWS, Bench
from tests.standin.server.client import Client
from tests.standin.server.messages import said

NAME = scratch_name("0" * 32)
SCRATCH = Scratch(name=NAME)


def its(bench: Bench) -> Scratches:
    assert isinstance(bench.engine, DrillsBackups)
    return bench.engine.scratches()


def filled(bench: Bench) -> Scratches:
    found = its(bench)
    found.fill(found.place(NAME), [bench.full()], 1)
    return found


def assert_nothing_is_left(bench: Bench) -> None:
    assert NAME not in bench.server.databases
    names = [name for name, _, _ in bench.server.files.listing(bench.server.folder("DATA"))]
    assert [name for name in names if name.startswith("pwsops_drill")] == []


def test_a_scratch_is_a_new_database_that_is_checked_counted_and_dropped(bench: Bench) -> None:
    found = filled(bench)
    assert bench.server.databases[NAME].read_rows() == ROWS
    assert bench.server.databases["vault"].read_rows() == ROWS
    assert "MOVE" in bench.sent("RESTORE DATABASE")[0]
    checked = found.check(SCRATCH)
    assert (list(checked.found), checked.why_not) == ([], "")
    assert bench.sent("DBCC") == [f"DBCC CHECKDB ([{NAME}]) WITH ALL_ERRORMSGS"]
    assert [tuple(one) for one in found.count(SCRATCH).tables] == [("dbo.notes", len(ROWS))]
    assert found.drop(SCRATCH)
    assert_nothing_is_left(bench)
    assert not found.drop(SCRATCH)


def test_damage_is_found_and_told_in_the_servers_words(bench: Bench) -> None:
    found = filled(bench)
    bench.server.databases[NAME].damaged_page = 77
    [damage] = found.check(SCRATCH).found
    assert "(1:77) could not be processed" in damage
    assert damage.endswith("(8928)")
    assert found.drop(SCRATCH)


@pytest.mark.parametrize("number", [8921, 7983, 1205])
def test_a_check_that_was_not_possible_is_no_damage(bench: Bench, number: int) -> None:
    found = filled(bench)
    bench.fail("DBCC CHECKDB", said(number, "pwsops", NAME))
    with pytest.raises(EngineError):
        found.check(SCRATCH)


def test_a_check_whose_end_is_not_reported_proves_nothing(bench: Bench) -> None:
    found = filled(bench)
    bench.server.faults.cut("DBCC CHECKDB", after=0)
    try:
        checked = found.check(SCRATCH)
    except PwsopsError:
        return
    assert checked.why_not
    assert not checked.found


def test_a_check_can_be_cancelled(bench: Bench) -> None:
    cancel = threading.Event()
    found = filled(bench)
    bench.server.faults.on("DBCC CHECKDB", hold=threading.Event())
    stop = threading.Timer(0.2, cancel.set)
    stop.start()
    with pytest.raises(Cancelled):
        found.check(SCRATCH, cancel)
    stop.join()
    assert found.drop(SCRATCH)


def test_what_has_to_stay_free_is_looked_for_before_anything_is_made(bench: Bench) -> None:
    full = bench.full()
    volume = bench.server.files.volume_of("C:\\")
    assert volume is not None
    volume.free_bytes = full.database_size_bytes * 3
    with pytest.raises(NoSpace, match="has no space"):
        its(bench).fill(SCRATCH, [full], full.database_size_bytes * 3)
    assert not bench.sent("RESTORE DATABASE")
    assert_nothing_is_left(bench)


def test_damaged_media_are_told_and_nothing_is_left(bench: Bench) -> None:
    full = bench.full()
    bench.server.files.damage(full.path)
    with pytest.raises(MediaError):
        its(bench).fill(SCRATCH, [full], 1)
    assert_nothing_is_left(bench)


def test_without_the_certificate_it_is_not_the_medias_fault(bench: Bench) -> None:
    bench.fail("RESTORE HEADERONLY", said(33111, "certificate", "0xAB"), times=None)
    with pytest.raises(CertificateNeeded):
        its(bench).fill(SCRATCH, [bench.full()], 1)


def test_no_query_is_asked(bench: Bench) -> None:
    assert "could do anything" in its(bench).why_no_queries()
    with pytest.raises(Refused):
        its(bench).ask(SCRATCH, ["SELECT 1"])
    assert its(bench).ask(SCRATCH, []) == []


def test_what_a_broken_restore_left_is_dropped(bench: Bench) -> None:
    """As after a kill: its connection is gone, and the database waits for its restore."""
    bench.server.faults.cut("RESTORE DATABASE", after=2)
    with pytest.raises(PwsopsError):
        filled(bench)
    its(bench).drop(SCRATCH)
    assert_nothing_is_left(bench)


def test_somebody_who_looks_into_it_is_no_hindrance(bench: Bench) -> None:
    found = filled(bench)
    Client(bench.server).done(f"USE [{NAME}]")
    assert found.drop(SCRATCH)
    assert_nothing_is_left(bench)


def test_a_database_of_anybody_else_is_never_dropped(bench: Bench) -> None:
    bench.server.add_database(NAME)
    bench.server.databases[NAME].files[0] = bench.server.databases["vault"].files[0]
    with pytest.raises(EngineError, match="is not dropped"):
        its(bench).drop(SCRATCH)
    assert not its(bench).drop(Scratch(name="vault"))
    assert {"vault", NAME} <= set(bench.server.databases)
    assert not bench.sent("DROP DATABASE")


def test_one_that_cannot_be_dropped_says_so(bench: Bench) -> None:
    found = filled(bench)
    bench.fail("DROP DATABASE", said(3702, NAME), times=2)
    with pytest.raises(EngineError):
        found.drop(SCRATCH)
    bench.fail("DROP DATABASE", said(3701, "drop", "database", NAME))
    with pytest.raises(EngineError):
        found.drop(SCRATCH)
    assert found.drop(SCRATCH)


def test_a_drop_that_does_nothing_is_not_believed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    found = filled(bench)
    with monkeypatch.context() as spoilt:
        spoilt.setattr("pwsops.engines.sqlserver.tsql.drop_database", lambda name: "SELECT 1 AS one")
        with pytest.raises(EngineError, match="still there"):
            found.drop(SCRATCH)
    assert found.drop(SCRATCH)


def test_silence_of_the_server_is_no_proof(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    found = filled(bench)
    monkeypatch.setattr("pwsops.engines.sqlserver.tsql.check", lambda name: "SELECT 1 AS one")
    checked = found.check(SCRATCH)
    assert (list(checked.found), "did not report" in checked.why_not) == ([], True)
