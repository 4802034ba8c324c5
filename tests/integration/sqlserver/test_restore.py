from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pwsops.engines.requests import Encryption, Progress, RestoreRequest, RestoreResult
from pwsops.engines.sqlserver import link
from pwsops.errors import Cancelled, CertificateNeeded, EngineError, InvalidInput, MediaError, NotFound
from pwsops.rules.model import BackupSet
from tests.integration.sqlserver.bench import ROWS, Bench, open_bench
from tests.standin import drivers
from tests.standin.events import Said
from tests.standin.server.client import Client
from tests.standin.server.database import DataFile
from tests.standin.server.messages import said

ENDED = said(3013, "RESTORE DATABASE")
WAIT_S = 10


def restore(bench: Bench, *sets: BackupSet, **options: Any) -> RestoreResult:
    return bench.engine.restore(RestoreRequest(database="vault", sets=sets, **options))


def test_people_in_the_database_are_thrown_out_and_let_in_again(bench: Bench) -> None:
    full = bench.full()
    bench.server.databases["vault"].write_rows([(1, "newer")])
    somebody = Client(bench.server, database="vault")
    assert not somebody.ask("SELECT 1 AS one").errors
    result = restore(bench, full)
    vault = bench.server.databases["vault"]
    assert vault.read_rows() == ROWS
    assert vault.user_access == "MULTI_USER"
    assert result.restored_bytes == full.database_size_bytes
    assert [message.number for message in result.messages] == [3262, 4035, 4035, 3014]


def test_a_restore_replaces_first_and_recovers_last(bench: Bench) -> None:
    full = bench.full()
    differential = bench.take(file_name="diff.bak", base=full).backup_set
    restore(bench, full, differential)
    first, second = bench.sent("RESTORE DATABASE")
    assert "REPLACE, NORECOVERY" in first
    assert "REPLACE" not in second
    assert ", RECOVERY" in second
    assert all("CHECKSUM" in statement for statement in (first, second))


@pytest.mark.parametrize("succeeds", [True, False])
def test_after_a_restore_nothing_stays_of_who_did_it(bench: Bench, succeeds: bool) -> None:
    full, key = bench.full(), bench.engine._link._key
    assert key in link._POOL.keys
    assert key in link._SERVERS
    if succeeds:
        restore(bench, full)
    else:
        with pytest.raises(MediaError):
            restore(bench, replace(full, path=full.path + " gone"))
    assert key not in link._POOL.keys
    assert key not in link._SERVERS


def test_what_is_known_of_a_server_that_nobody_asks_any_more_is_forgotten(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = bench.engine._link.clock.monotonic() - link.FACTS_LAST_S - 1
    monkeypatch.setitem(link._SERVERS, "PWD=secret", (long_ago, bench.engine._link.server()))
    bench.engine._link.server(again=True)
    assert "PWD=secret" not in link._SERVERS


def test_progress_of_a_restore_ends_at_its_end(bench: Bench) -> None:
    full = bench.full()
    seen: list[Progress] = []
    bench.engine.restore(RestoreRequest(database="vault", sets=[full]), on_progress=seen.append)
    assert seen[-1] == Progress(phase="restoring", done_bytes=full.size_bytes, total_bytes=full.size_bytes)


def test_files_go_where_the_existing_databases_files_are(bench: Bench) -> None:
    full = bench.full()
    bench.server.add_database("copy")
    before = {file.path for file in bench.server.databases["copy"].files}
    bench.engine.restore(RestoreRequest(database="copy", sets=[full]))
    assert {file.path for file in bench.server.databases["copy"].files} == before
    assert bench.server.databases["copy"].read_rows() == ROWS
    assert bench.server.databases["vault"].read_rows() == ROWS


def test_files_that_the_database_did_not_have_go_beside_under_new_names(bench: Bench) -> None:
    folder = bench.server.folder("DATA")
    files = [
        DataFile(file_id=1, name="wide", path=f"{folder}\\wide.mdf"),
        DataFile(file_id=2, name="wide_log", path=f"{folder}\\wide.ldf", kind="LOG"),
        DataFile(file_id=3, name="wide_2", path=f"{folder}\\wide_2.ndf"),
    ]
    bench.server.add_database("wide", rows=ROWS, files=files)
    wide = bench.full("wide.bak", database="wide")
    bench.server.drop_database("wide")
    restore(bench, wide)
    vault = bench.server.databases["vault"]
    assert vault.read_rows() == ROWS
    added = [file.path for file in vault.files if file.name == "wide_2"]
    assert len(added) == 1
    assert added[0].startswith(f"{folder}\\vault_")


def test_a_set_of_another_tool_without_checksums_is_restored_without_that_check(bench: Bench) -> None:
    path = bench.path("plain.bak")
    assert not Client(bench.server).ask(f"BACKUP DATABASE vault TO DISK = N'{path}'").errors
    (plain,) = bench.engine.read_media(path)
    restore(bench, plain)
    assert "NO_CHECKSUM" in bench.sent("RESTORE DATABASE")[0]


def test_a_damaged_set_is_found_before_anybody_is_thrown_out(bench: Bench) -> None:
    full = bench.full()
    differential = bench.take(file_name="diff.bak", base=full).backup_set
    bench.server.files.damage(differential.path)
    with pytest.raises(MediaError, match=r"diff.bak"):
        restore(bench, full, differential)
    assert not bench.sent("ALTER DATABASE")
    assert not bench.sent("RESTORE DATABASE")


def test_sets_that_do_not_belong_together_are_refused(bench: Bench) -> None:
    first = bench.full("first.bak")
    second = bench.full("second.bak")
    differential = bench.take(file_name="diff.bak", base=second).backup_set
    for wrong in ([], [differential], [differential, second], [first, second, differential]):
        with pytest.raises(MediaError, match="one full backup"):
            restore(bench, *wrong)
    with pytest.raises(MediaError, match="does not refer to"):
        restore(bench, first, differential)


def test_a_set_that_is_no_longer_in_its_file_is_refused(bench: Bench) -> None:
    full = bench.full()
    with pytest.raises(MediaError, match="does not hold the backup"):
        restore(bench, replace(full, set_id="0" * 8))


def test_master_and_its_kin_are_refused_with_the_way_to_do_it(bench: Bench) -> None:
    full = bench.full()
    for name, hint in (("master", "-m"), ("TEMPDB", "own databases"), ("model", "own databases")):
        with pytest.raises(InvalidInput) as refused:
            bench.engine.restore(RestoreRequest(database=name, sets=[full]))
        assert hint in refused.value.hint


def test_a_database_that_is_gone_is_not_made_by_accident(bench: Bench) -> None:
    full = bench.full()
    bench.server.drop_database("vault")
    with pytest.raises(NotFound) as gone:
        restore(bench, full)
    assert "create it empty" in gone.value.hint


def test_a_secondary_copy_is_not_restored_into(bench: Bench) -> None:
    full = bench.full()
    bench.server.databases["vault"].replica_role = "SECONDARY"
    with pytest.raises(EngineError, match="secondary copy"):
        restore(bench, full)


def test_an_error_in_the_middle_says_what_state_the_database_is_in(bench: Bench) -> None:
    full = bench.full()
    bench.fail("RESTORE DATABASE", said(3203, full.path, "38(Reached the end of the file.)"), ENDED, after_messages=3)
    with pytest.raises(EngineError, match="failed") as failed:
        restore(bench, full)
    assert "waits for a restore" in failed.value.hint
    assert failed.value.messages[0].number == 3262
    restore(bench, full)
    vault = bench.server.databases["vault"]
    assert (vault.state, vault.user_access, vault.read_rows()) == ("ONLINE", "MULTI_USER", ROWS)


def test_an_error_before_the_restore_begins_lets_everybody_in_again(bench: Bench) -> None:
    full = bench.full()
    bench.fail("RESTORE DATABASE", said(3257, "C:\\", 100, 10), ENDED)
    with pytest.raises(EngineError, match="no space"):
        restore(bench, full)
    assert bench.server.databases["vault"].user_access == "MULTI_USER"
    assert bench.server.databases["vault"].read_rows() == ROWS


def test_what_still_holds_the_database_is_thrown_out_again(bench: Bench) -> None:
    full = bench.full()
    bench.fail("RESTORE DATABASE", said(3101), ENDED, times=2)
    restore(bench, full)
    assert len(bench.sent("ALTER DATABASE [vault] SET OFFLINE")) == 3


@pytest.mark.parametrize("shape", ["plain", "done_more"])
def test_a_lost_connection_is_settled_by_the_servers_history(driver: drivers.Driver, shape: str) -> None:
    with open_bench(driver, shape=shape) as bench:
        full = bench.full()
        differential = bench.take(file_name="diff.bak", base=full).backup_set
        bench.server.faults.on("RESTORE DATABASE", cut_after=3, finishes=True)
        result = restore(bench, full, differential)
        assert any("its history has the restore" in message.text for message in result.messages)
        assert bench.server.databases["vault"].state == "ONLINE"
        bench.server.faults.on("RESTORE DATABASE", cut_after=3, finishes=False)
        with pytest.raises(EngineError, match="cannot be reached") as lost:
            restore(bench, full)
        assert "waits for a restore" in lost.value.hint


def test_a_cancelled_restore_stops_and_says_what_it_left(bench: Bench) -> None:
    full = bench.full()
    cancel = threading.Event()
    fault = bench.server.faults.on("RESTORE DATABASE", after_messages=3, hold=threading.Event())
    threading.Thread(target=lambda: fault.reached.wait(WAIT_S) and cancel.set(), daemon=True).start()
    with pytest.raises(Cancelled, match="was cancelled") as stopped:
        bench.engine.restore(RestoreRequest(database="vault", sets=[full]), cancel=cancel)
    assert "waits for a restore" in stopped.value.hint
    assert not bench.server.requests


def test_reading_the_header_of_a_file_is_stopped_by_a_cancel(bench: Bench) -> None:
    full, cancel = bench.full(), threading.Event()
    fault = bench.server.faults.on("RESTORE HEADERONLY", hold=threading.Event(), times=None)
    threading.Thread(target=lambda: fault.reached.wait(WAIT_S) and cancel.set(), daemon=True).start()
    for read in (
        lambda: bench.engine.restore(RestoreRequest(database="vault", sets=[full]), cancel=cancel),
        lambda: bench.engine.verify(full, cancel=cancel),
    ):
        with pytest.raises(Cancelled, match=r"Reading .* was cancelled"):
            read()
    assert bench.server.databases["vault"].read_rows() == ROWS


def test_a_cancel_before_the_restore_begins_touches_nothing(bench: Bench) -> None:
    full = bench.full()
    cancel = threading.Event()

    def stop(progress: Progress) -> None:
        if progress.done_bytes == progress.total_bytes:
            cancel.set()  # at the end of verifying

    with pytest.raises(Cancelled) as stopped:
        bench.engine.restore(RestoreRequest(database="vault", sets=[full]), on_progress=stop, cancel=cancel)
    assert stopped.value.hint
    assert not bench.sent("ALTER DATABASE [vault] SET OFFLINE")
    assert not bench.sent("RESTORE DATABASE")


def test_a_time_limit_stops_a_restore(bench: Bench) -> None:
    full = bench.full()
    bench.server.faults.on("RESTORE DATABASE", after_messages=3, hold=threading.Event())
    with pytest.raises(EngineError, match="time limit"):
        restore(bench, full, time_limit_s=0.4)


def test_an_interrupt_of_our_own_process_still_lets_everybody_in(bench: Bench) -> None:
    full = bench.full()

    def interrupt(progress: Progress) -> None:
        if progress.phase == "restoring":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.engine.restore(RestoreRequest(database="vault", sets=[full]), on_progress=interrupt)
    assert bench.server.databases["vault"].state in ("ONLINE", "RESTORING")


def test_an_offline_database_is_restored_without_throwing_anybody_out(bench: Bench) -> None:
    full = bench.full()
    bench.server.databases["vault"].state = "RESTORING"
    restore(bench, full)
    assert not bench.sent("ALTER DATABASE [vault] SET OFFLINE")
    assert bench.server.databases["vault"].state == "ONLINE"


def test_a_login_that_may_not_restore_is_told_which_right_it_lacks(bench: Bench) -> None:
    full = bench.full()
    engine = bench.engine_with("VIEW ANY DEFINITION")
    with pytest.raises(EngineError) as denied:
        engine.restore(RestoreRequest(database="vault", sets=[full]))
    assert "least" in denied.value.message
    assert denied.value.hint
    assert bench.server.databases["vault"].user_access == "MULTI_USER"


def test_a_login_that_sees_no_files_puts_nothing_anywhere(bench: Bench) -> None:
    full = bench.full()
    bench.fail(
        "SELECT",
        said(229, "SELECT", "master_files", "mssqlsystemresource", "sys"),
        containing="AS pages\nFROM sys.master_files AS f\nWHERE",
    )
    with pytest.raises(EngineError):
        restore(bench, full)
    assert not bench.sent("RESTORE DATABASE")


def test_a_database_whose_files_are_not_shown_is_not_restored_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = bench.full()
    nothing = (
        "SELECT f.name, f.type_desc, f.physical_name, f.size AS pages FROM sys.master_files AS f "
        "WHERE f.database_id = DB_ID(?) + 99"
    )
    monkeypatch.setattr("pwsops.engines.sqlserver.plan.queries.FILES", nothing)
    with pytest.raises(EngineError, match="cannot be seen with this login"):
        restore(bench, full)
    assert not bench.sent("RESTORE DATABASE")


def test_a_restore_of_which_nobody_says_how_it_ended_is_a_failure(bench: Bench) -> None:
    full = bench.full()
    bench.server.faults.on("RESTORE DATABASE", raise_=[Said(number=5701, text="Nothing much.")])
    with pytest.raises(EngineError, match="neither reported success"):
        restore(bench, full)


def test_a_moment_to_stop_at_is_given_in_the_servers_time(driver: drivers.Driver) -> None:
    with open_bench(driver, offset=timedelta(hours=2)) as bench:
        full = bench.full()
        restore(bench, full, stop_at=full.finished_at + timedelta(seconds=1))
        local = (full.finished_at + timedelta(hours=2, seconds=1)).replace(tzinfo=None)
        assert f"STOPAT = N'{local.isoformat(timespec='milliseconds')}'" in bench.sent("RESTORE DATABASE")[0]


def test_an_encrypted_set_wants_its_certificate(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    full = bench.full(encryption=Encryption(name="keeper"))
    kept = bench.server.certificates.pop("keeper")
    assert full.thumbprint == kept.thumbprint.hex().upper()
    with pytest.raises(CertificateNeeded, match=f"thumbprint {full.thumbprint}") as locked:
        restore(bench, full)
    assert locked.value.number == 33111
    bench.server.add_certificate(kept)
    restore(bench, full)
