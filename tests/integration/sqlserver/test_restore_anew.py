"""Restoring a database that is gone: made by its restore once the media are proven, and removed where that fails."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from pwsops.engines.requests import Encryption, RestoreRequest, RestoreResult
from pwsops.engines.sqlserver import running
from pwsops.engines.sqlserver.link import Link
from pwsops.errors import Cancelled, CertificateNeeded, Conflict, EngineError, MediaError, NotFound
from pwsops.rules.model import BackupSet
from tests.integration.sqlserver.bench import ROWS, Bench, open_bench
from tests.standin import drivers
from tests.standin.server.client import Client
from tests.standin.server.messages import said

ENDED = said(3013, "RESTORE DATABASE")
WAIT_S = 10


def restore(bench: Bench, *sets: BackupSet, **options: Any) -> RestoreResult:
    request = RestoreRequest(database="vault", sets=sets, create_if_missing=True, **options)
    return bench.engine.restore(request)


def gone(bench: Bench) -> BackupSet:
    full = bench.full()
    bench.server.drop_database("vault")
    return full


def assert_nothing_is_left(bench: Bench) -> None:
    assert "vault" not in bench.server.databases
    assert not bench.sent("CREATE DATABASE")
    names = [name for name, _, _ in bench.server.files.listing(bench.server.folder("DATA"))]
    assert [name for name in names if "vault" in name] == []


def test_a_database_that_is_gone_is_made_by_its_restore(bench: Bench) -> None:
    full = bench.full()
    differential = bench.take(file_name="diff.bak", base=full).backup_set
    bench.server.drop_database("vault")
    result = restore(bench, full, differential)
    vault = bench.server.databases["vault"]
    assert result.created
    assert (vault.state, vault.user_access, vault.read_rows()) == ("ONLINE", "MULTI_USER", ROWS)
    folder = bench.server.folder("DATA")
    assert all(file.path.startswith(f"{folder}\\vault_") for file in vault.files)
    assert [file.path[-4:] for file in vault.files] == [".mdf", ".ldf"]
    assert "REPLACE" not in bench.sent("RESTORE DATABASE")[0]
    assert not bench.sent("CREATE DATABASE")


def test_a_database_that_is_there_is_replaced_and_was_not_created(bench: Bench) -> None:
    assert not restore(bench, bench.full()).created


def test_without_the_word_a_database_that_is_gone_stays_gone(bench: Bench) -> None:
    full = gone(bench)
    with pytest.raises(NotFound) as missing:
        bench.engine.restore(RestoreRequest(database="vault", sets=[full]))
    assert "do not create it empty" in missing.value.hint
    assert_nothing_is_left(bench)


def damaged(bench: Bench, full: BackupSet) -> None:
    bench.server.files.damage(full.path)


def no_backup(bench: Bench, full: BackupSet) -> None:
    bench.server.files.damage_header(full.path)


def away(bench: Bench, full: BackupSet) -> None:
    bench.server.files.remove(full.path)


def newer(bench: Bench, full: BackupSet) -> None:
    bench.server.version = "15.0.4100.1"
    bench.engine.probe()


def no_room(bench: Bench, full: BackupSet) -> None:
    volume = bench.server.files.volume_of("C:\\")
    assert volume is not None
    volume.free_bytes = 1000


@pytest.mark.parametrize(
    ("happens", "error", "match"),
    [
        (damaged, MediaError, "damaged"),
        (no_backup, MediaError, "is no backup"),
        (away, MediaError, "does not exist"),
        (newer, MediaError, "newer version of SQL Server"),
        (no_room, EngineError, "has no space"),
    ],
)
def test_what_speaks_against_the_media_is_found_before_anything_is_made(
    bench: Bench, happens: Any, error: type[EngineError], match: str
) -> None:
    full = gone(bench)
    happens(bench, full)
    with pytest.raises(error, match=match):
        restore(bench, full)
    assert_nothing_is_left(bench)
    assert not bench.sent("RESTORE DATABASE")


@pytest.mark.parametrize(
    ("happens", "error", "match"),
    [
        (newer, MediaError, "newer version of SQL Server"),
        (no_room, EngineError, "has no space"),
    ],
)
def test_what_speaks_against_the_media_is_found_before_a_database_is_cut_off(
    bench: Bench, happens: Any, error: type[EngineError], match: str
) -> None:
    vault = bench.server.databases["vault"]
    vault.extra_pages = 5000
    full = bench.full()
    vault.extra_pages = 0
    bench.server.place_files(vault, vault.files)
    happens(bench, full)
    with pytest.raises(error, match=match):
        bench.engine.restore(RestoreRequest(database="vault", sets=[full]))
    assert not bench.sent("ALTER DATABASE")


def test_a_certificate_that_is_missing_is_found_before_anything_is_made(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    full = bench.full(encryption=Encryption(name="keeper"))
    bench.server.drop_database("vault")
    bench.server.certificates.pop("keeper")
    with pytest.raises(CertificateNeeded):
        restore(bench, full)
    assert_nothing_is_left(bench)


def test_space_that_cannot_be_looked_up_is_said_and_stops_nothing(bench: Bench) -> None:
    full = gone(bench)
    bench.fail("SELECT", said(300, "VIEW SERVER STATE", "server", "master"), containing="volume_stats", times=None)
    result = restore(bench, full)
    (note,) = [message.text for message in result.messages if "room" in message.text]
    assert "could not be looked up, because" in note


@pytest.mark.parametrize("after", [0, 3])
def test_what_a_failed_restore_began_to_make_is_removed(bench: Bench, after: int) -> None:
    full = gone(bench)
    bench.fail("RESTORE DATABASE", said(3183, 1, 77, "vault"), ENDED, after_messages=after)
    with pytest.raises(MediaError, match="damaged page") as failed:
        restore(bench, full)
    assert "waits for a restore" not in failed.value.hint
    assert_nothing_is_left(bench)
    restore(bench, full)
    assert bench.server.databases["vault"].read_rows() == ROWS


def test_a_second_step_that_fails_takes_the_first_with_it(bench: Bench) -> None:
    full = bench.full()
    differential = bench.take(file_name="diff.bak", base=full).backup_set
    bench.server.drop_database("vault")
    bench.fail("RESTORE DATABASE", said(3136), ENDED, containing="diff.bak")
    with pytest.raises(EngineError):
        restore(bench, full, differential)
    assert_nothing_is_left(bench)


@pytest.mark.parametrize("shape", ["plain", "done_more"])
def test_a_lost_connection_leaves_nothing_or_a_whole_database(driver: drivers.Driver, shape: str) -> None:
    with open_bench(driver, shape=shape) as bench:
        full = gone(bench)
        bench.server.faults.on("RESTORE DATABASE", cut_after=3, finishes=False)
        with pytest.raises(EngineError, match="cannot be reached"):
            restore(bench, full)
        assert_nothing_is_left(bench)
        bench.server.faults.on("RESTORE DATABASE", cut_after=3, finishes=True)
        assert restore(bench, full).created
        assert bench.server.databases["vault"].read_rows() == ROWS


def test_a_cancelled_restore_leaves_nothing(bench: Bench) -> None:
    full = gone(bench)
    cancel = threading.Event()
    fault = bench.server.faults.on("RESTORE DATABASE", after_messages=3, hold=threading.Event())
    threading.Thread(target=lambda: fault.reached.wait(WAIT_S) and cancel.set()).start()
    with pytest.raises(Cancelled):
        bench.engine.restore(RestoreRequest(database="vault", sets=[full], create_if_missing=True), cancel=cancel)
    assert_nothing_is_left(bench)


def test_an_interrupt_of_our_own_process_leaves_nothing_half_made(bench: Bench) -> None:
    full = gone(bench)

    def interrupt(progress: Any) -> None:
        if progress.phase == "restoring":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.engine.restore(
            RestoreRequest(database="vault", sets=[full], create_if_missing=True), on_progress=interrupt
        )
    made = bench.server.databases.get("vault")
    assert made is None or made.read_rows() == ROWS


def test_what_cannot_be_removed_is_said_with_the_statement(bench: Bench) -> None:
    full = gone(bench)
    bench.fail("RESTORE DATABASE", said(3183, 1, 77, "vault"), ENDED, after_messages=3)
    bench.fail("DROP DATABASE", said(3702, "vault"), times=None)
    with pytest.raises(MediaError) as failed:
        restore(bench, full)
    assert "What the restore began is still there, because somebody is working in vault" in failed.value.hint
    assert "DROP DATABASE [vault]" in failed.value.hint
    assert bench.server.databases["vault"].state == "RESTORING", "an empty one that looks healthy is never left"


def test_a_database_that_somebody_else_made_meanwhile_is_left_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = gone(bench)
    execute = running.run

    def made_meanwhile(link: Link, scene: Any, text: str, **options: Any) -> running.Heard:
        heard = execute(link, scene, text, **options)
        if text.startswith("RESTORE VERIFYONLY"):
            bench.server.add_database("vault", rows=[(1, "theirs")])
        return heard

    with monkeypatch.context() as patched:
        patched.setattr(running, "run", made_meanwhile)
        with pytest.raises(Conflict, match="somebody else made it meanwhile"):
            restore(bench, full)
    assert bench.server.databases["vault"].read_rows() == [(1, "theirs")]


def test_a_database_of_somebody_elses_files_is_never_dropped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    full = gone(bench)
    execute = running.run

    def made_meanwhile(link: Link, scene: Any, text: str, **options: Any) -> running.Heard:
        if text.startswith("RESTORE DATABASE"):
            bench.server.add_database("vault", rows=[(1, "theirs")])
        return execute(link, scene, text, **options)

    monkeypatch.setattr(running, "run", made_meanwhile)
    with pytest.raises(EngineError, match="another database") as refused:
        restore(bench, full)
    assert "it was left alone" in refused.value.hint
    assert bench.server.databases["vault"].read_rows() == [(1, "theirs")]
    assert not bench.sent("DROP DATABASE")


def test_where_the_server_names_no_places_files_go_beside_those_of_master(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = gone(bench)
    known = bench.engine._link.server()
    monkeypatch.setattr(Link, "server", lambda self, **_: known.__class__(**vars(known) | {"data_path": None}))
    restore(bench, full)
    assert bench.server.databases["vault"].files[0].path.startswith(bench.server.folder("DATA"))


def test_a_login_that_may_make_databases_restores_one_that_is_gone(bench: Bench) -> None:
    full = gone(bench)
    engine = bench.engine_with("VIEW ANY DEFINITION", roles={"dbcreator"})
    assert engine.restore(RestoreRequest(database="vault", sets=[full], create_if_missing=True)).created
    assert not Client(bench.server, database="vault").ask("SELECT 1 AS one").errors
