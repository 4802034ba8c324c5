"""Restores that go on by themselves: seen by everybody, cancelled by anybody, and settled when their process died."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from pwsops.catalogue import restores as rows
from pwsops.engines.base import Progress
from pwsops.errors import (
    Cancelled,
    Conflict,
    Denied,
    EndUnknown,
    EngineError,
    MediaError,
    NotFound,
    PwsopsError,
    Refused,
)
from pwsops.operations import Operations, Role, open_operations
from pwsops.operations.records import RestoreView
from pwsops.operations.restore_work import INTERRUPTED
from pwsops.rules.model import BackupKind, BackupSet, Message, RunStatus
from pwsops.runs.liveness import Presence
from tests.clocks import NOON, wait_until
from tests.homes import Home
from tests.people import acting_as

FILE = "/media/a.bak"
STEPS = (
    Progress(phase="checking", done_bytes=1, total_bytes=4),
    Progress(phase="checking", done_bytes=2, total_bytes=4),
    Progress(phase="restoring", done_bytes=4, total_bytes=4),
)


def lay(home: Home, path: str = FILE, kind: BackupKind = BackupKind.FULL, base: str | None = None) -> BackupSet:
    """Let a backup lie there that was recorded."""
    laid = BackupSet(set_id=path, database="one", kind=kind, path=path, finished_at=NOON, base_id=base)
    return home.record(home.server.put(laid))


def ended(home: Home, restore_id: int) -> RestoreView:
    wait_until(lambda: home.ops.restores.get(restore_id).status.ended, "the restore's end")
    return home.ops.restores.get(restore_id)


def actions(home: Home) -> list[tuple[str, str]]:
    return [(entry.actor, entry.action) for entry in reversed(home.ops.audit.list())][1:]


@contextmanager
def held(home: Home) -> Iterator[None]:
    """Restores begin and wait in the middle, until the end of the block."""
    release = home.server.hold()
    try:
        yield
    finally:
        release.set()


@contextmanager
def other_process(home: Home) -> Iterator[Operations]:
    """The same home, opened once more."""
    other = open_operations(home.path, actor="eve", clock=home.clock)
    try:
        yield other
    finally:
        other.close()


def left_running(home: Home, owner: str) -> int:
    """A row as a process leaves it that has no time to say goodbye."""
    laid = lay(home)
    with home.core.catalogue.write() as connection:
        return rows.add(
            connection, laid, instance="srv", database="one", actor="bob", owner=owner, now=home.clock.now()
        )


def test_a_restore_goes_on_by_itself_and_says_how_it_ended(home: Home) -> None:
    home.server.told = [Message(text="Two pages more.", at=NOON, number=3014, severity=0)]
    lay(home)
    begun = home.ops.restores.begin("srv", "one", FILE)
    assert (begun.instance, begun.database, begun.path, begun.position) == ("srv", "one", FILE, 1)
    view = ended(home, begun.id)
    assert view.status is RunStatus.SUCCEEDED
    assert (view.set_id, view.kind, view.data_at, view.actor) == (FILE, BackupKind.FULL, NOON, "ann")
    assert (view.restored_bytes, view.error, view.hint, view.progress) == (10, "", "", None)
    assert view.messages == tuple(home.server.told)
    assert actions(home) == [("ann", "restore begins"), ("ann", "restore succeeded")]


@pytest.mark.parametrize("refused", [0, 1])
def test_a_restore_that_gets_no_thread_has_failed_and_is_in_nobodys_way(
    home: Home, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    lay(home)
    start, begun = threading.Thread.start, []

    def scarce(thread: threading.Thread) -> None:
        begun.append(thread)
        if len(begun) > refused:
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as crowded:
        crowded.setattr(threading.Thread, "start", scarce)
        with pytest.raises(PwsopsError, match="could not begin") as caught:
            home.ops.restores.begin("srv", "one", FILE)
    assert "Nothing was written" in caught.value.hint
    [view] = home.ops.restores.list()
    assert (view.status, view.error, home.server.restored) == (RunStatus.FAILED, caught.value.message, [])
    for thread in begun[:refused]:
        thread.join(20)
        assert not thread.is_alive()
    assert ended(home, home.ops.restores.begin("srv", "one", FILE).id).status is RunStatus.SUCCEEDED


def test_it_says_when_it_started_and_how_long_it_took(home: Home) -> None:
    lay(home)
    with held(home):
        view = home.ops.restores.begin("srv", "one", FILE)
        assert (view.started_at, view.finished_at, view.duration_s) == (home.clock.now(), None, None)
        home.clock.advance(timedelta(seconds=7))
    assert ended(home, view.id).duration_s == 7


def test_what_cannot_be_read_is_refused_before_anything_is_written_down(home: Home) -> None:
    with pytest.raises(MediaError):
        home.ops.restores.begin("srv", "one", "/media/nothing.bak")
    lay(home, "/media/d.bak", BackupKind.DIFFERENTIAL, base="f")
    with pytest.raises(MediaError, match="was not found"):
        home.ops.restores.begin("srv", "one", "/media/d.bak")
    assert home.ops.restores.list() == []
    assert actions(home) == []


def test_a_file_that_was_overwritten_since_it_was_chosen_is_not_restored(home: Home) -> None:
    lay(home)
    with pytest.raises(Conflict, match="overwritten") as refused:
        home.ops.restores.begin("srv", "one", FILE, set_id="another")
    assert "choose" in refused.value.hint
    assert home.ops.restores.list() == []
    assert ended(home, home.ops.restores.begin("srv", "one", FILE, set_id=FILE).id).status is RunStatus.SUCCEEDED


def test_a_failure_stays_with_its_next_step_also_after_a_restart(home: Home) -> None:
    lay(home)
    home.server.restore_error = EngineError("The database stayed locked.", hint="Stop the program.")
    view = ended(home, home.ops.restores.begin("srv", "one", FILE).id)
    assert (view.status, view.error, view.hint) == (
        RunStatus.FAILED,
        "The database stayed locked.",
        "Stop the program.",
    )
    assert not view.interrupted
    with other_process(home) as other:
        assert other.restores.list() == [view]


def test_of_a_restore_whose_end_nobody_knows_nothing_is_claimed(home: Home) -> None:
    lay(home)
    home.server.restore_error = EndUnknown("It was about to finish.", hint="Look.")
    view = ended(home, home.ops.restores.begin("srv", "one", FILE).id)
    assert (view.status, view.error, view.interrupted) == (RunStatus.FAILED, "It was about to finish.", True)


def test_what_the_server_said_of_a_failure_stays_with_it(home: Home) -> None:
    lay(home)
    said = (Message(text="Exclusive access could not be obtained.", at=NOON, number=3101, severity=16, is_error=True),)
    home.server.restore_error = EngineError("It is in use.", hint="Wait.", number=3101, messages=said)
    assert ended(home, home.ops.restores.begin("srv", "one", FILE).id).messages == said


def test_an_error_that_nobody_foresaw_is_logged_and_said(home: Home) -> None:
    lay(home)
    home.server.restore_error = RuntimeError("odd")
    with capture_logs() as logs:
        view = ended(home, home.ops.restores.begin("srv", "one", FILE).id)
    assert "not foreseen: RuntimeError: odd" in view.error
    assert "log" in view.hint
    assert logs
    with pytest.raises(RuntimeError), capture_logs():
        home.ops.restores.restore("srv", "one", FILE)


def test_another_process_sees_it_live_and_can_cancel_it(home: Home) -> None:
    lay(home)
    home.server.progress = STEPS
    with held(home), other_process(home) as other:
        number = home.ops.restores.begin("srv", "one", FILE).id
        wait_until(lambda: other.restores.get(number).progress is not None, "progress")
        assert other.restores.get(number).progress == STEPS[0]
        before = home.ops.changes.version()
        other.restores.cancel(number)
        view = ended(home, number)
        assert home.ops.changes.version() != before
    assert (view.status, view.progress) == (RunStatus.CANCELLED, None)
    assert view.error
    assert home.server.restored == []
    assert ("eve", "cancel restore") in actions(home)
    assert actions(home)[-1] == ("ann", "restore cancelled")
    with pytest.raises(Refused, match="ended already"):
        home.ops.restores.cancel(number)


def test_progress_is_written_at_most_twice_a_second(home: Home) -> None:
    lay(home)
    home.server.progress = STEPS
    with held(home):
        number = home.ops.restores.begin("srv", "one", FILE).id
        assert home.server.started.wait(20)
        assert home.ops.restores.get(number).progress == STEPS[0]


def test_progress_that_cannot_be_written_does_not_end_a_restore(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PwsopsError("Locked.", hint="Wait.")

    monkeypatch.setattr(rows, "progressed", fail)
    lay(home)
    home.server.progress = STEPS
    assert ended(home, home.ops.restores.begin("srv", "one", FILE).id).status is RunStatus.SUCCEEDED


def test_only_one_restore_of_a_database_goes_on_at_a_time(home: Home) -> None:
    lay(home)
    with held(home):
        first = home.ops.restores.begin("srv", "one", FILE)
        with (
            pytest.raises(Conflict, match=f"restore {first.id}, by ann, from {FILE}") as refused,
            other_process(home) as other,
        ):
            other.restores.begin("srv", "one", FILE)
        assert "cancel" in refused.value.hint
        second = home.ops.restores.begin("srv", "two", FILE)
    assert ended(home, first.id).status is ended(home, second.id).status is RunStatus.SUCCEEDED
    assert ended(home, home.ops.restores.begin("srv", "one", FILE).id).id not in (first.id, second.id)


def test_what_a_dead_process_left_running_is_settled_by_whoever_looks(home: Home) -> None:
    number = left_running(home, owner="0" * 32)
    (view,) = home.ops.restores.list()
    assert (view.id, view.status, view.error, view.interrupted) == (number, RunStatus.FAILED, INTERRUPTED, True)
    assert view.finished_at == home.clock.now()
    assert actions(home) == [("backup service", "restore failed")]
    home.ops.restores.list()
    assert len(actions(home)) == 1


def test_it_is_settled_when_a_home_is_opened_and_before_the_next_begins(home: Home) -> None:
    number = left_running(home, owner="0" * 32)
    with other_process(home):
        assert actions(home) == [("backup service", "restore failed")]
    left_running(home, owner="1" * 32)
    assert ended(home, home.ops.restores.begin("srv", "one", FILE).id).status is RunStatus.SUCCEEDED
    assert home.ops.restores.get(number).status is RunStatus.FAILED


def test_what_this_process_could_not_write_down_is_settled_too(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PwsopsError("Locked.", hint="Wait.")

    lay(home)
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(rows, "end", fail)
        home.ops.restores.restore("srv", "one", FILE)
        # Settling fails the same way, and nobody who looks is bothered by that.
        assert [view.status for view in home.ops.restores.list()] == [RunStatus.RUNNING]
    assert logs
    assert [view.interrupted for view in home.ops.restores.list()] == [True]


def test_an_end_that_cannot_be_written_at_first_is_written_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(home)
    write, left = rows.end, [2]

    def locked(*given: object, **more: object) -> bool:
        left[0] -= 1
        if left[0] >= 0:
            raise PwsopsError("The catalogue is locked.", hint="Wait.", transient=True)
        return write(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(rows, "end", locked)
    assert home.ops.restores.restore("srv", "one", FILE).restored_bytes == 10
    (view,) = home.ops.restores.list()
    assert view.status is RunStatus.SUCCEEDED


def test_a_restore_that_is_done_is_no_failure_where_that_cannot_be_written(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise PwsopsError("The catalogue's disk is full.", hint="Make room.")

    lay(home)
    with monkeypatch.context() as patched:
        patched.setattr(rows, "end", full)
        result = home.ops.restores.restore("srv", "one", FILE)
    assert "could not be written into the history (The catalogue's disk is full." in result.messages[-1].text
    (view,) = home.ops.restores.list()
    assert view.error.startswith("How the restore ended is not known")


def test_another_plan_than_the_one_that_was_agreed_to_is_not_carried_out(home: Home) -> None:
    home.server.put(replace(lay(home, "/media/original.bak"), path=FILE))  # a copy
    plan = home.ops.restores.plan("srv", "one", FILE)
    (chosen,) = home.server.media[FILE]
    home.server.media[FILE] = [replace(chosen, set_id="another")]
    with pytest.raises(Conflict, match="was overwritten since it was chosen"):
        home.ops.restores.restore("srv", "one", FILE, plan=plan)
    assert home.server.restored == []
    home.server.media[FILE] = [chosen]
    assert home.ops.restores.restore("srv", "one", FILE, plan=plan)


def test_what_a_living_process_does_is_left_alone(home: Home) -> None:
    living = Presence(home.path)
    try:
        left_running(home, owner=living.token)
        assert [view.status for view in home.ops.restores.list()] == [RunStatus.RUNNING]
    finally:
        living.close()
    assert [view.status for view in home.ops.restores.list()] == [RunStatus.FAILED]


def test_two_who_settle_at_once_write_one_end(home: Home) -> None:
    number = left_running(home, owner="0" * 32)
    with home.core.catalogue.read() as connection:
        (row,) = rows.every_open(connection)
    home.core.restoring._settle(row)
    home.core.restoring._settle(row)
    assert len(actions(home)) == 1
    assert home.ops.restores.get(number).interrupted


def test_waiting_tells_every_step_and_gives_the_result(home: Home) -> None:
    lay(home)
    home.server.progress = STEPS
    seen: list[Progress] = []
    result = home.ops.restores.restore("srv", "one", FILE, on_progress=seen.append)
    assert seen == list(STEPS)
    assert result.restored_bytes == 10
    assert [view.status for view in home.ops.restores.list()] == [RunStatus.SUCCEEDED]
    home.ops.restores.restore("srv", "one", FILE)


def test_whoever_interrupts_the_waiting_cancels_and_the_row_says_so(home: Home) -> None:
    lay(home)
    home.server.progress = STEPS

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with held(home), pytest.raises(KeyboardInterrupt):
        home.ops.restores.restore("srv", "one", FILE, on_progress=interrupt)
    assert [view.status for view in home.ops.restores.list()] == [RunStatus.CANCELLED]
    assert home.server.restored == []


def test_a_waiting_restore_that_somebody_cancels_raises_as_much(home: Home) -> None:
    lay(home)

    def cancel() -> None:
        home.server.started.wait(20)
        home.ops.restores.cancel(home.ops.restores.list()[0].id)

    with held(home), pytest.raises(Cancelled):
        threading.Thread(target=cancel, daemon=True).start()
        home.ops.restores.restore("srv", "one", FILE)


def test_closing_stops_what_goes_on_and_says_so(home: Home) -> None:
    lay(home)
    with held(home), other_process(home) as other:
        number = other.restores.begin("srv", "one", FILE).id
        assert home.server.started.wait(20)
        other.close()
        assert home.ops.restores.get(number).status is RunStatus.CANCELLED


def test_the_list_is_newest_first_in_parts_and_by_place(home: Home) -> None:
    lay(home)
    numbers = [ended(home, home.ops.restores.begin("srv", name, FILE).id).id for name in ("one", "two", "one")]
    listed = home.ops.restores.list
    assert [view.id for view in listed()] == numbers[::-1]
    assert [view.id for view in listed(limit=1, offset=1)] == [numbers[1]]
    assert [view.id for view in listed(instance="srv", database="one")] == [numbers[2], numbers[0]]
    assert listed(instance="other") == []


def test_a_restore_that_nobody_began_is_not_found(home: Home) -> None:
    with pytest.raises(NotFound, match="no restore 9"):
        home.ops.restores.get(9)
    home.core.restoring.cancel(9)


def test_who_may_not_restore_may_not_cancel_and_may_look(home: Home) -> None:
    lay(home)
    bob = acting_as(home.ops, Role.OPERATOR, "bob")
    for refused in (lambda: bob.restores.begin("srv", "one", FILE), lambda: bob.restores.cancel(1)):
        with pytest.raises(Denied):
            refused()
    assert bob.restores.list() == []


def test_a_begin_that_cannot_be_written_leaves_no_work_behind(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PwsopsError("Locked.", hint="Wait.")

    lay(home)
    with monkeypatch.context() as broken:
        broken.setattr("pwsops.operations.restore_work.audit.append", fail)
        with pytest.raises(PwsopsError, match="Locked"):
            home.ops.restores.begin("srv", "one", FILE)
    assert home.core.restoring._jobs == {}
    assert home.ops.restores.list() == []


def test_sources_are_the_known_backups_whose_files_are_there(home: Home) -> None:
    home.add(databases=["one", "two"])
    for _ in range(3):
        home.run()
    first, second, third = reversed([run.items[0].path for run in home.ops.runs.list()])
    assert [one.path for one in home.ops.restores.sources("srv", "one")] == [third, second, first]
    del home.server.media[str(second)]
    assert [one.path for one in home.ops.restores.sources("srv", "one")] == [third, first]
    home.server.unlistable.add("/media")  # nobody can say, so nothing is hidden
    assert len(home.ops.restores.sources("srv", "one")) == 3
    assert home.ops.restores.sources("srv", "three") == []


def test_what_is_in_a_database_is_told(home: Home) -> None:
    assert [tuple(table) for table in home.ops.databases.contents("srv", "one").tables] == [("rows", 100)]
    with pytest.raises(NotFound):
        home.ops.databases.contents("srv", "lost")


def test_the_directory_above_a_path_is_told_in_the_server_s_own_way(home: Home) -> None:
    assert home.ops.databases.parent("srv", "/media/sub") == "/media"
    assert home.ops.databases.parent("srv", "/") == "/"


def test_a_database_is_one_and_the_same_by_its_short_name(home: Home) -> None:
    home.server.sizes["vault.db"] = 1
    lay(home)
    with held(home):
        first = home.ops.restores.begin("srv", "vault", FILE)
        assert first.database == "vault.db"
        with pytest.raises(Conflict, match=r"vault\.db"):
            home.ops.restores.begin("srv", "vault.db", FILE)
    assert ended(home, first.id).status is RunStatus.SUCCEEDED


def test_a_database_that_is_to_be_created_is_no_other_whose_name_begins_so(home: Home) -> None:
    home.server.sizes["vault.db"] = 1
    lay(home)
    begun = home.ops.restores.begin("srv", "vault", FILE, create=True)
    assert ended(home, begun.id).status is RunStatus.SUCCEEDED
    assert home.server.created == ["vault"]


def test_a_database_that_is_known_and_gone_is_no_other_whose_name_begins_so(home: Home) -> None:
    home.server.sizes["notes"] = 1
    home.add(databases=["notes"])
    assert home.run() is RunStatus.SUCCEEDED
    del home.server.sizes["notes"]
    home.server.sizes["notes.db"] = 1
    path = next(iter(home.server.media))
    begun = home.ops.restores.begin("srv", "notes", path)
    assert ended(home, begun.id).status is RunStatus.FAILED
    home.ops.profiles.delete("p")
    with pytest.raises(NotFound, match="There is no database notes"):
        home.ops.restores.restore("srv", "notes", path)
    assert home.server.restored == []


def test_a_database_has_one_name_in_the_history_however_it_is_spelled(home: Home) -> None:
    lay(home)
    with held(home):
        first = home.ops.restores.begin("srv", "ONE", FILE)
        assert first.database == "one"
        with pytest.raises(Conflict):
            home.ops.restores.begin("srv", "One", FILE, create=True)
    assert ended(home, first.id).status is RunStatus.SUCCEEDED
    with home.core.catalogue.read() as connection:
        assert [one.set_id for one in rows.into(connection, "srv", "one")] == [FILE]


@pytest.mark.parametrize("thumbprint", [None, "AB" * 20])
def test_a_backup_that_nobody_recorded_is_restored_only_by_an_audited_choice(
    home: Home, thumbprint: str | None
) -> None:
    """Whom a backup is encrypted for is no secret: whoever may write there makes an encrypted one as well."""
    recorded = replace(lay(home), thumbprint=thumbprint)
    forged = home.server.put(replace(recorded, set_id="forged", path="/media/forged.bak"))
    for database in ("one", "two"):  # under another database's name it is the same forgery
        with pytest.raises(Refused, match=r"Nobody recorded the backup in /media/forged\.bak") as refused:
            home.ops.restores.begin("srv", database, forged.path)
        assert "--accept-unrecorded" in refused.value.hint
    assert home.ops.restores.list() == []
    begun = home.ops.restores.begin("srv", "one", forged.path, accept_unrecorded=True)
    assert ended(home, begun.id).status is RunStatus.SUCCEEDED
    [noted] = [entry for entry in home.ops.audit.list() if entry.action == "accept unrecorded backup"]
    assert (noted.subject, noted.detail) == ("srv/one", forged.path)


def test_a_copy_of_a_backup_whose_own_file_was_replaced_is_a_recorded_one(home: Home) -> None:
    former = replace(lay(home), details={"digest": "as it was written"})
    home.record(replace(former, set_id="former", path="/media/one.bak"))
    home.record(replace(former, set_id="newer", path="/media/one.bak"))
    home.server.put(replace(former, set_id="former", path="/usb/one.bak", details={"digest": "as it is"}))
    home.ops.restores.restore("srv", "one", "/usb/one.bak")
    assert home.server.restored[-1].sets[-1].details == {"digest": "as it was written"}
