from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pwsops.engines.requests import BackupRequest, Encryption, Progress
from pwsops.engines.sqlserver import chain, running, targets
from pwsops.engines.sqlserver.engine import SqlServerEngine
from pwsops.engines.sqlserver.link import Link
from pwsops.errors import BaseUnusable, Cancelled, Conflict, EngineError, InvalidInput, MediaError
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.runs.deleting import delete_files
from tests.clocks import joined
from tests.integration.sqlserver.bench import Bench, open_bench
from tests.standin import drivers
from tests.standin.events import Said
from tests.standin.server import others
from tests.standin.server.client import Client
from tests.standin.server.messages import ServerError, os_error, said

WAIT_S = 10
ENDED = said(3013, "BACKUP DATABASE")


def names(bench: Bench) -> list[str]:
    return [entry.name for entry in bench.engine.browse(bench.directory)]


def test_a_backup_says_what_the_server_said_with_numbers_and_severities(bench: Bench) -> None:
    messages = bench.take().messages
    assert [(message.number, message.severity) for message in messages] == [
        (4035, 10),
        (4035, 10),
        (3014, 10),
        (3262, 10),
    ]
    assert not any(message.is_error for message in messages)


def test_a_backup_that_only_the_servers_history_misses_is_proven_by_its_file(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_msdb(*_: object) -> None:
        text = "Could not insert a backup or restore history/detail record in the msdb database."
        raise ServerError(Said(number=3009, text=text, severity=16))

    monkeypatch.setattr(bench.server.history, "remember_backup", full_msdb)
    result = bench.take()
    assert bench.engine.read_media(result.backup_set.path) == [result.backup_set]
    assert any(message.number == 3009 for message in result.messages)


@pytest.mark.parametrize(("refused", "works"), [("pwsops-poll", True), ("pwsops-stop", False)])
def test_where_no_more_threads_can_be_had_none_stays_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, refused: str, works: bool
) -> None:
    start = threading.Thread.start

    def scarce(thread: threading.Thread) -> None:
        if thread.name == refused:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", scarce)
    if works:
        assert bench.full().kind is BackupKind.FULL
    else:
        with pytest.raises(RuntimeError, match="start new thread"):
            bench.full()
    assert not any(thread.name == "pwsops-stop" for thread in threading.enumerate())


def test_a_backup_is_checksummed_compressed_named_and_verified(bench: Bench) -> None:
    bench.take()
    statement = bench.sent("BACKUP")[0]
    for clause in ("NOINIT", "CHECKSUM", "COMPRESSION", "DESCRIPTION = N'pwsops run 1 (home)'"):
        assert clause in statement
    assert "CHECKSUM" in bench.sent("RESTORE VERIFYONLY")[0]


def test_what_was_asked_for_reaches_the_server(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    bench.take(
        copy_only=True,
        compress=False,
        encryption=Encryption(name="keeper"),
        max_transfer_size=65536,
        buffer_count=7,
        verify=False,
    )
    statement = bench.sent("BACKUP")[0]
    for clause in ("COPY_ONLY", "NO_COMPRESSION", "[keeper]", "MAXTRANSFERSIZE = 65536", "BUFFERCOUNT = 7"):
        assert clause in statement
    assert not bench.sent("RESTORE VERIFYONLY")
    assert bench.engine.differential_base("vault") is None


def test_how_backups_are_written_may_be_told_to_the_instance(bench: Bench) -> None:
    told = {"stripes": 2, "compress": False, "max_transfer_size": 131072, "buffer_count": 5}
    engine = SqlServerEngine(replace(bench.engine.instance, options={**bench.engine.instance.options, **told}))
    request = BackupRequest(
        database="vault", kind=BackupKind.FULL, directory=bench.directory, file_name="one.bak", description="x"
    )
    taken = engine.backup(request).backup_set
    statement = bench.sent("BACKUP")[0]
    for clause in ("~1of2.bak", "~2of2.bak", "NO_COMPRESSION", "MAXTRANSFERSIZE = 131072", "BUFFERCOUNT = 5"):
        assert clause in statement
    assert len(taken.details["stripes"]) == 2


def test_progress_ends_at_its_end_also_where_nothing_is_verified(bench: Bench) -> None:
    for verify in (True, False):
        seen: list[Progress] = []
        bench.engine.backup(bench.request(file_name=f"{verify}.bak", verify=verify), on_progress=seen.append)
        assert seen[-1].done_bytes == seen[-1].total_bytes > 0


def test_progress_is_asked_for_while_no_message_comes(driver: drivers.Driver) -> None:
    with open_bench(driver, shape="plain") as bench:
        hold, moved = threading.Event(), threading.Event()
        bench.server.faults.on("BACKUP", after_messages=5, hold=hold)

        def see(progress: Progress) -> None:
            moved.set()
            hold.set()
            seen.append(progress)

        seen: list[Progress] = []
        bench.engine.backup(bench.request(), on_progress=see)
        assert moved.is_set()
        assert 0 < seen[0].done_bytes < seen[0].total_bytes


def test_a_poll_that_is_refused_does_not_fail_the_backup(bench: Bench) -> None:
    hold = threading.Event()
    bench.server.faults.on("BACKUP", after_messages=5, hold=hold)
    refused = bench.server.faults.on("SELECT", containing="percent_complete", raise_=[said(297)])

    def release() -> None:
        while refused.times:
            threading.Event().wait(0.01)
        hold.set()

    threading.Thread(target=release, daemon=True).start()
    assert bench.take().backup_set.size_bytes > 0


@pytest.mark.parametrize("shape", ["plain", "done_more"])
@pytest.mark.parametrize("finishes", [True, False])
def test_a_lost_connection_is_settled_by_the_file(driver: drivers.Driver, shape: str, finishes: bool) -> None:
    with open_bench(driver, shape=shape) as bench:
        bench.server.faults.cut(after=7, finishes=finishes)
        if finishes:
            result = bench.take()
            assert bench.engine.read_media(result.backup_set.path) == [result.backup_set]
            assert any("the backup is there: it is finished" in message.text for message in result.messages)
        else:
            with pytest.raises(EngineError, match="cannot be reached") as lost:
                bench.take()
            assert lost.value.transient
            assert names(bench) == []
        assert bench.full().size_bytes > 0


def test_a_backup_that_goes_on_after_its_connection_is_waited_for(bench: Bench) -> None:
    finish = threading.Event()
    bench.server.faults.cut(after=7, finishes_when=finish)
    threading.Timer(1.0, finish.set).start()
    assert bench.take().backup_set.description == "pwsops run 1 (home)"


def test_without_sight_of_other_sessions_the_history_is_given_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pwsops.engines.sqlserver.resolving.UNSEEN_LIMIT_S", 20)
    engine = bench.engine_with("VIEW ANY DEFINITION", roles={"dbcreator"})
    finish = threading.Event()
    bench.server.faults.cut(after=7, finishes_when=finish)
    threading.Timer(0.7, finish.set).start()
    assert engine.backup(bench.request()).backup_set.size_bytes > 0
    monkeypatch.setattr("pwsops.engines.sqlserver.resolving.UNSEEN_LIMIT_S", 0.5)
    bench.server.faults.cut(after=7, finishes=False)
    with pytest.raises(EngineError, match="cannot be reached"):
        engine.backup(bench.request(file_name="two.bak"))


def test_a_backup_that_never_ends_after_its_connection_is_undecided_and_nothing_is_deleted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pwsops.engines.sqlserver.resolving.LIMIT_S", 0.5)
    finish = threading.Event()
    bench.server.faults.cut(after=7, finishes_when=finish)
    with pytest.raises(EngineError, match="still busy") as undecided:
        bench.take()
    assert undecided.value.transient
    assert not bench.sent("EXEC master.sys.xp_delete")
    finish.set()


@pytest.mark.parametrize("shape", ["plain", "done_more"])
def test_a_cancelled_backup_stops_on_the_server_and_leaves_nothing(driver: drivers.Driver, shape: str) -> None:
    with open_bench(driver, shape=shape) as bench:
        cancel = threading.Event()
        fault = bench.server.faults.on("BACKUP", after_messages=4, hold=threading.Event())
        canceller = threading.Thread(target=lambda: fault.reached.wait(WAIT_S) and cancel.set(), daemon=True)
        canceller.start()
        with pytest.raises(Cancelled, match="vault was cancelled"):
            bench.engine.backup(bench.request(), cancel=cancel)
        joined(canceller)
        assert not bench.server.requests
        assert names(bench) == []
        assert list(bench.engine.history()) == []
        assert bench.full().size_bytes > 0


def test_a_cancel_that_comes_too_late_leaves_a_finished_backup_finished(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "POLL_EVERY_S", 3600)
    cancel = threading.Event()
    result = bench.engine.backup(bench.request(verify=False), cancel=cancel, on_progress=lambda _: cancel.set())
    assert bench.engine.read_media(result.backup_set.path) == [result.backup_set]


def test_what_a_cancelled_backup_leaves_is_said_where_it_may_not_be_deleted(bench: Bench) -> None:
    engine = bench.engine_with("VIEW SERVER STATE")
    cancel = threading.Event()
    fault = bench.server.faults.on("BACKUP", after_messages=4, hold=threading.Event())
    threading.Thread(target=lambda: fault.reached.wait(WAIT_S) and cancel.set(), daemon=True).start()
    with pytest.raises(Cancelled) as stopped:
        engine.backup(bench.request(), cancel=cancel)
    assert bench.path("one.bak") in stopped.value.hint


def test_tidying_up_never_hides_what_went_wrong(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.fail("BACKUP", said(3202, "x", "112(full)"), ENDED, after_messages=5)

    def gone(*_: Any) -> bool:
        raise EngineError("The server is gone.", hint="Wait.")

    monkeypatch.setattr("pwsops.engines.sqlserver.writing._left", gone)
    with pytest.raises(EngineError, match="is full") as failed:
        bench.take()
    assert bench.path("one.bak") in failed.value.hint


def test_a_login_that_may_not_read_backup_files_is_told_before_anything_is_written(bench: Bench) -> None:
    bench.full()
    engine = bench.engine_with(reads_media=False)
    for ask in (lambda: engine.backup(bench.request()), lambda: engine.read_media(bench.path("full.bak"))):
        with pytest.raises(EngineError) as denied:
            ask()
        assert "may not read backup files" in denied.value.message
    assert len(bench.sent("BACKUP")) == 1


def test_a_time_limit_stops_the_backup(bench: Bench) -> None:
    bench.server.faults.on("BACKUP", after_messages=4, hold=threading.Event())
    with pytest.raises(EngineError, match=r"time limit of 0.3 s"):
        bench.engine.backup(bench.request(time_limit_s=0.3))
    assert not bench.server.requests
    assert names(bench) == []


def test_verifying_is_stopped_by_cancel_and_time_limit_too(bench: Bench) -> None:
    taken = bench.full()
    bench.server.faults.on("RESTORE VERIFYONLY", after_messages=1, hold=threading.Event(), times=2)
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    with pytest.raises(Cancelled, match="Verifying"):
        bench.engine.verify(taken, cancel=cancel)
    with pytest.raises(EngineError, match="time limit"):
        bench.engine.backup(bench.request(time_limit_s=0.5))


def test_a_connection_lost_while_verifying_is_no_reason_to_give_the_backup_up(bench: Bench) -> None:
    bench.server.faults.on("RESTORE VERIFYONLY", cut_after=5)
    assert bench.take().backup_set.size_bytes > 0
    bench.server.faults.on("RESTORE VERIFYONLY", cut_after=5, times=2)
    with pytest.raises(EngineError, match="Verifying") as lost:
        bench.take(file_name="two.bak")
    assert lost.value.transient


def test_a_backup_that_cannot_be_verified_does_not_stay(bench: Bench) -> None:
    bench.fail("RESTORE VERIFYONLY", said(3189, 1, 1), said(3013, "VERIFY DATABASE"))
    with pytest.raises(MediaError, match="damaged") as damaged:
        bench.take()
    assert 3014 in [message.number for message in damaged.value.messages]
    assert damaged.value.messages[-1].is_error
    assert names(bench) == []


def test_an_edition_without_compression_is_not_asked_for_it(driver: drivers.Driver) -> None:
    with open_bench(driver, edition="Express Edition (64-bit)") as bench:
        messages = bench.take().messages
        assert "does not compress" in messages[0].text
        assert "NO_COMPRESSION" in bench.sent("BACKUP")[0]


def test_where_compression_is_refused_the_backup_is_taken_without(bench: Bench) -> None:
    bench.server.faults.on(
        "BACKUP", raise_=[said(1844, "BACKUP DATABASE WITH COMPRESSION", "Web Edition"), said(3013, "BACKUP DATABASE")]
    )
    result = bench.take()
    assert any("(1844)" in message.text for message in result.messages)
    assert "NO_COMPRESSION" in bench.sent("BACKUP")[1]


def test_stripes_are_one_backup_that_is_read_verified_and_deleted_together(bench: Bench) -> None:
    taken = bench.full("s.bak", stripes=3)
    stripes = [bench.path(f"s~{number}of3.bak") for number in (1, 2, 3)]
    assert taken.path == stripes[0]
    assert taken.details["stripes"] == stripes
    assert bench.engine.read_media(stripes[1]) == [taken]
    assert bench.engine.verify(taken).backup_set == taken
    assert next(iter(bench.engine.history())).details["stripes"] == stripes
    assert bench.engine.delete_media([taken])[0].deleted
    assert names(bench) == []


def test_what_is_left_of_stripes_goes_with_the_next_try(bench: Bench) -> None:
    taken = bench.full("s.bak", stripes=3)
    bench.server.files.remove(bench.path("s~1of3.bak"))
    other = bench.full("t.bak")
    content = bench.server.files.get(other.path)
    whole = bench.server.files.get(bench.path("s~2of3.bak"))
    assert content is not None
    assert whole is not None
    bench.server.files.put(bench.path("s~2of3.bak"), content.size_bytes, content.content)
    (end,) = delete_files(bench.engine, [taken]).values()
    assert end.is_there
    assert "holds another backup" in end.why
    assert end.is_lost
    bench.server.files.put(bench.path("s~2of3.bak"), whole.size_bytes, whole.content)
    (end,) = delete_files(bench.engine, [taken]).values()
    assert end.was_deleted
    assert names(bench) == ["t.bak"]
    (end,) = delete_files(bench.engine, [taken]).values()
    assert (end.is_there, end.was_deleted) == (False, False)


def test_overwriting_alternates_and_drops_the_older_when_the_newer_is_proven(bench: Bench) -> None:
    results = [bench.overwrite(run) for run in range(3)]
    one, two = bench.path("v.bak"), bench.path("v~2.bak")
    assert [result.backup_set.path for result in results] == [one, two, one]
    assert [list(result.replaced) for result in results] == [[], [one], [two]]
    assert names(bench) == ["v.bak"]


def test_overwriting_never_touches_the_older_where_the_newer_fails(bench: Bench) -> None:
    first = bench.overwrite(1).backup_set
    bench.server.faults.on(
        "BACKUP", after_messages=5, raise_=[said(3202, "v", "112(full)"), said(3013, "BACKUP DATABASE")]
    )
    with pytest.raises(EngineError, match="is full"):
        bench.overwrite(2)
    assert bench.engine.verify(first).backup_set == first


def test_a_backup_that_cannot_be_read_just_now_is_not_overwritten(bench: Bench) -> None:
    only = bench.overwrite(1).backup_set
    sharing = said(3201, only.path, os_error(32))
    bench.fail("RESTORE HEADERONLY", sharing, said(3013, "RESTORE HEADERONLY"))
    result = bench.overwrite(2)
    assert "in use by another program" in result.messages[0].text
    assert bench.engine.read_media(only.path) == [only]
    assert result.backup_set.path == bench.path("v~2.bak")


def test_a_share_that_is_away_is_written_to_under_no_name(bench: Bench) -> None:
    only = bench.overwrite(1).backup_set
    away = said(3201, only.path, os_error(53))
    bench.fail("RESTORE HEADERONLY", away, said(3013, "RESTORE HEADERONLY"))
    with pytest.raises(MediaError, match="does not reach the share"):
        bench.overwrite(2)
    assert len(bench.sent("BACKUP")) == 1


def test_a_backup_that_was_to_be_overwritten_stays_where_nothing_was_written(bench: Bench) -> None:
    engine = bench.engine_with("VIEW ANY DEFINITION")
    older, newer = (bench.overwrite(run, engine).backup_set for run in range(2))
    bench.fail("BACKUP DATABASE", said(3023, "vault"), ENDED)
    with pytest.raises(EngineError, match="another backup") as busy:
        bench.overwrite(2)
    assert "unfinished" not in busy.value.hint
    assert bench.engine.read_media(older.path) == [older]
    assert bench.engine.read_media(newer.path) == [newer]


def test_an_older_backup_that_may_not_be_deleted_stays_and_is_overwritten_next(bench: Bench) -> None:
    engine = bench.engine_with(roles={"dbcreator"})
    results = [bench.overwrite(run, engine) for run in range(3)]
    one, two = bench.path("v.bak"), bench.path("v~2.bak")
    assert [result.backup_set.path for result in results] == [one, two, one]
    assert not any(result.replaced for result in results)
    assert any("stays until it is overwritten" in message.text for message in results[1].messages)
    assert "FORMAT" in bench.sent("BACKUP")[2]


def test_a_file_that_is_no_backup_keeps_its_name(bench: Bench) -> None:
    bench.server.files.put(bench.path("one.bak"), 10)
    result = bench.take()
    assert result.backup_set.path == bench.path("one~2.bak")
    assert "is no backup, or was not finished" in result.messages[0].text
    with pytest.raises(Conflict, match=r"one~2.bak"):
        bench.take(description="pwsops run 2 (home)")
    assert len(bench.sent("BACKUP")) == 1


def test_a_name_that_is_taken_is_refused_before_anything_is_written(bench: Bench) -> None:
    bench.take()
    with pytest.raises(Conflict, match=r"one.bak"):
        bench.take(description="pwsops run 2 (home)")
    assert len(bench.sent("BACKUP")) == 1


def test_where_every_name_is_taken_nothing_is_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "NAMES", 2)
    for name in ("one.bak", "one~2.bak"):
        bench.server.files.put(bench.path(name), 10)
    with pytest.raises(Conflict, match=r"one.bak and 1 names like it are taken"):
        bench.take()
    assert not bench.sent("BACKUP")


def test_a_directory_that_is_not_absolute_is_refused(bench: Bench) -> None:
    with pytest.raises(EngineError, match="not an absolute path"):
        bench.take(directory="Backup")


def test_a_set_that_is_not_where_it_was_written_is_no_success(bench: Bench) -> None:
    bench.take()
    wrong = bench.server.files.get(bench.path("one.bak"))
    assert wrong is not None
    moved = bench.server.files.put(bench.path("kept.bak"), wrong.size_bytes, wrong.content)
    assert moved.content is not None

    def swap(_: Progress) -> None:
        bench.server.files.put(bench.path("two.bak"), wrong.size_bytes, wrong.content)

    with pytest.raises(EngineError, match="does not hold it"):
        bench.engine.backup(bench.request(file_name="two.bak", description="pwsops run 2"), on_progress=swap)


def test_freetds_hides_a_missing_right_behind_the_wrapper_and_it_is_found_all_the_same(bench: Bench) -> None:
    engine = bench.engine_with("VIEW ANY DEFINITION", vault=None)
    with pytest.raises(EngineError, match="the login least may not do this in vault") as denied:
        engine.backup(bench.request())
    assert denied.value.number == 262
    assert "db_backupoperator" in denied.value.hint


# The base


def differential(bench: Bench, base: BackupSet | None, **changes: Any) -> BackupSet:
    request = bench.request(file_name="diff.bak", **changes)
    return bench.engine.backup(replace(request, kind=BackupKind.DIFFERENTIAL, base=base)).backup_set


def test_a_differential_builds_on_the_servers_base(bench: Bench) -> None:
    full = bench.full()
    assert bench.engine.differential_base("vault") == full.set_id
    assert differential(bench, full).base_id == full.set_id


def test_a_differential_that_was_built_on_another_full_after_all_is_no_success(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = bench.full()
    look = chain.require_base

    def overtaken(link: Link, database: str, base: BackupSet | None) -> None:
        look(link, database, base)
        others.take_full(bench.server, database, bench.path("theirs.bak"))

    monkeypatch.setattr(chain, "require_base", overtaken)
    with pytest.raises(BaseUnusable, match="built on another full"):
        differential(bench, full)
    assert names(bench) == ["full.bak", "theirs.bak"]


def test_a_copy_only_full_is_no_base(bench: Bench) -> None:
    full = bench.full()
    bench.full("copy.bak", copy_only=True)
    assert bench.engine.differential_base("vault") == full.set_id


def test_a_differential_wants_a_base(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="needs the full"):
        differential(bench, None)
    foreign = bench.full()
    bench.server.databases["vault"].base = None
    with pytest.raises(BaseUnusable, match="no full backup of it"):
        differential(bench, foreign)


def test_another_full_in_between_is_named_with_who_took_it(bench: Bench) -> None:
    ours = bench.full()
    bench.full("theirs.bak", description="nightly")
    with pytest.raises(BaseUnusable, match=r"pwsops took another full backup since, to .*theirs.bak"):
        differential(bench, ours)
    bench.server.history.backups.clear()
    with pytest.raises(BaseUnusable, match="history does not hold"):
        differential(bench, ours)
    assert not any("DIFFERENTIAL" in batch for batch in bench.sent("BACKUP"))


def test_a_base_that_is_a_snapshot_or_was_damaged_is_of_no_use(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    full = bench.full()
    for fact, why in (("is_snapshot", "snapshot of the disk"), ("is_damaged", "was damaged")):
        odd = replace(full, details={**full.details, fact: True})
        monkeypatch.setattr("pwsops.engines.sqlserver.chain.media.read_one", lambda *_, odd=odd: odd)
        with pytest.raises(BaseUnusable, match=why):
            differential(bench, full)


def test_a_base_whose_file_is_gone_damaged_or_another_is_of_no_use(bench: Bench) -> None:
    full = bench.full()
    other = bench.server.files.get(bench.path("full.bak"))
    assert other is not None
    bench.server.files.remove(full.path)
    with pytest.raises(BaseUnusable, match="not to be had"):
        differential(bench, full)
    bench.server.files.put(full.path, 10)
    with pytest.raises(BaseUnusable, match="not to be had"):
        differential(bench, full)


def test_a_base_that_another_backup_overwrote_is_of_no_use(bench: Bench) -> None:
    full = bench.full()
    bench.server.add_database("other")
    bench.take(database="other", file_name="other.bak")
    file = bench.server.files.get(bench.path("other.bak"))
    assert file is not None
    bench.server.files.put(full.path, file.size_bytes, file.content)
    with pytest.raises(BaseUnusable, match="another one stands at"):
        differential(bench, full)


# History


def test_an_interrupted_backup_is_found_unless_its_file_is_gone(bench: Bench) -> None:
    taken = bench.full(description="pwsops run 9 (home)")

    def find(directory: str = bench.directory) -> BackupSet | None:
        return bench.engine.find_backup(database="vault", directory=directory, description="pwsops run 9 (home)")

    assert find() == find(bench.directory.lower()) == taken
    assert find("D:\\Elsewhere") is None
    bench.server.files.remove(taken.path)
    assert find() is None


def test_an_interrupted_backup_that_still_goes_on_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    finish, settled = threading.Event(), threading.Event()
    fault = bench.server.faults.on("BACKUP", after_messages=5, hold=finish)
    taking = threading.Thread(target=bench.take, daemon=True)
    taking.start()
    assert fault.reached.wait(WAIT_S)
    found: list[BackupSet | None] = []

    def find(description: str) -> BackupSet | None:
        return bench.engine.find_backup(database="vault", directory=bench.directory, description=description)

    def settle() -> None:
        found.append(find("pwsops run 1 (home)"))
        settled.set()

    assert find("pwsops run 2 (home)") is None
    threading.Thread(target=settle, daemon=True).start()
    assert not settled.wait(0.5)
    finish.set()
    assert settled.wait(WAIT_S)
    joined(taking)
    assert found[0] is not None
    monkeypatch.setattr("pwsops.engines.sqlserver.resolving.LIMIT_S", 0.0)
    assert find("pwsops run 1 (home)") == found[0]


def test_the_history_holds_every_tools_backups_from_a_moment_on(bench: Bench) -> None:
    bench.server.add_database("other")
    first = bench.full("one.bak")
    second = bench.full("two.bak", database="other", description="nightly")
    found = list(bench.engine.history())
    assert [each.set_id for each in found] == [first.set_id, second.set_id]
    assert found[1].details["taken_by"] == "pwsops"
    assert found[0] == first
    assert [each.database for each in bench.engine.history(database="other")] == ["other"]
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert list(bench.engine.history(later)) == []
    assert len(list(bench.engine.history(later - timedelta(minutes=10)))) == 2


def test_instants_are_right_whatever_the_servers_zone(driver: drivers.Driver) -> None:
    for version in ("13.0.5026.0", "16.0.4100.1"):
        with open_bench(driver, offset=timedelta(hours=-9, minutes=-30), version=version) as bench:
            taken = bench.full()
            assert abs(taken.finished_at - datetime.now(UTC)) < timedelta(minutes=1)
            assert list(bench.engine.history()) == [taken]
            assert bench.engine.probe().timezone == "UTC-09:30"


def test_what_another_server_took_is_no_backup_of_this_one_after_it_was_restored_here(bench: Bench) -> None:
    full = bench.full()
    others.bring_from(bench.server, "OTHER")
    Client(bench.server).done(f"RESTORE DATABASE vault FROM DISK = N'{full.path}' WITH REPLACE")
    (noted,) = bench.server.history.backups
    assert noted.stored.server_name == "OTHER"
    assert list(bench.engine.history()) == []
    assert list(bench.engine.history(database="vault")) == []


def test_stripes_of_another_tool_are_found_by_the_history(bench: Bench) -> None:
    one, two = bench.path("left.bak"), bench.path("right.bak")
    assert not Client(bench.server).ask(f"BACKUP DATABASE vault TO DISK = N'{one}', DISK = N'{two}'").errors
    for path in (one, two):
        (striped,) = bench.engine.read_media(path)
        assert (striped.path, striped.details["stripes"]) == (one, [one, two])
    assert bench.engine.verify(striped).backup_set == striped
    bench.server.history.backups.clear()
    (lonely,) = bench.engine.read_media(one)
    with pytest.raises(MediaError, match="spread over several files"):
        bench.engine.verify(lonely)


def test_a_connection_is_not_used_again_after_an_error(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "POLL_EVERY_S", 3600)  # no second connection to ask how far it is
    bench.full()
    before = bench.server.connections.total
    bench.server.faults.cut(after=7, finishes=True)
    bench.take()
    bench.fail("BACKUP", said(3202, "x", "112(full)"), ENDED, after_messages=3)
    with pytest.raises(EngineError):
        bench.take(file_name="two.bak")
    bench.full("three.bak")
    # That which was cut, that which failed, and that which found the unfinished file unreadable.
    assert bench.server.connections.total == before + 3


def test_a_file_with_many_sets_lists_each_and_leaves_logs_and_broken_ones_out(bench: Bench) -> None:
    client = Client(bench.server)
    path = bench.path("ssms.bak")
    for statement in (
        f"BACKUP DATABASE vault TO DISK = N'{path}'",
        f"BACKUP LOG vault TO DISK = N'{path}'",
        f"BACKUP DATABASE vault TO DISK = N'{path}' WITH DIFFERENTIAL",
        f"BACKUP DATABASE vault TO DISK = N'{path}' WITH COPY_ONLY",
    ):
        assert not client.ask(statement).errors
    found = bench.engine.read_media(path)
    assert [(each.position, each.kind, each.copy_only) for each in found] == [
        (1, BackupKind.FULL, False),
        (3, BackupKind.DIFFERENTIAL, False),
        (4, BackupKind.FULL, True),
    ]
    assert found[1].base_id == found[0].set_id
    assert bench.engine.verify(found[2]).backup_set == found[2]
