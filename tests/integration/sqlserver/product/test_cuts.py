"""A connection that breaks at any moment of a backup or a restore: what is said of it is what the server did."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pwsops.errors import PwsopsError
from pwsops.operations.records import ItemView
from pwsops.rules.model import BackupKind, RunStatus
from tests.clocks import joined, wait_until
from tests.integration.sqlserver.product.home import ROWS, Work, opened
from tests.standin.drivers import Driver

BACKUP_MESSAGES = 103
"""99 percentages, the pages of two files with 100 percent between them, and success."""
EVERY_TENTH = [*range(0, BACKUP_MESSAGES, 10), BACKUP_MESSAGES - 2, BACKUP_MESSAGES - 1]
COMMITTED = BACKUP_MESSAGES - 1
"""After so many the set is in the server's history, whoever hears of it."""


def taken(work: Work) -> list[str]:
    """Return the identities of all sets of the database that the server knows to be finished."""
    history = work.server.history.backups
    return [str(one.stored.guid).upper() for one in history if one.stored.database == work.database]


def check_right(work: Work, item: ItemView) -> None:
    """Succeeded exactly when the server has the set and it is whole; nothing half-written stays, and no second one."""
    known = taken(work)
    if item.status is RunStatus.SUCCEEDED:
        assert known == [item.set_id]
        work.assert_whole(item)
        assert item.path is not None
        assert work.media() == [item.path.rpartition("\\")[2]]
    else:
        assert item.status is RunStatus.FAILED
        assert (known, work.media()) == ([], [])
        assert "cannot be reached, or stopped answering" in item.error
        assert item.hint


@pytest.mark.parametrize("after", EVERY_TENTH)
@pytest.mark.parametrize("finishes", [False, True], ids=["the server stops", "the server finishes"])
def test_a_backup_whose_connection_is_cut_is_never_told_wrong(shaped_work: Work, after: int, finishes: bool) -> None:
    work = shaped_work
    work.profile()
    work.server.faults.cut(after=after, finishes=finishes)
    item = work.item()
    check_right(work, item)
    assert item.status is RunStatus.SUCCEEDED, "what was cut off once is settled, or done again"
    said = " ".join(message.text for message in item.messages)
    if finishes or after >= COMMITTED:
        assert "but the backup is there: it is finished" in said
        assert "Attempt" not in said
    else:
        assert "Attempt 1 of 3 failed" in said


@pytest.mark.parametrize("after", [0, 50, COMMITTED - 1])
def test_a_backup_that_is_cut_off_each_time_is_failed_and_leaves_nothing(shaped_work: Work, after: int) -> None:
    shaped_work.profile()
    shaped_work.server.faults.cut(after=after, times=3)
    item = shaped_work.item()
    assert item.status is RunStatus.FAILED
    check_right(shaped_work, item)
    check_right(shaped_work, shaped_work.succeeds())


def test_the_verdict_waits_for_a_server_that_goes_on_alone(shaped_work: Work) -> None:
    work = shaped_work
    work.profile()
    finish = threading.Event()
    fault = work.server.faults.cut(after=30, finishes_when=finish)

    def let_it_finish() -> None:
        # Somebody has asked what the server still does, and has been told: a backup.
        fault.reached.wait(20)
        asked = len(work.server.log)
        wait_until(lambda: any("dm_exec_requests" in batch for batch in work.server.log[asked:]))
        finish.set()

    helper = threading.Thread(target=let_it_finish, daemon=True)
    helper.start()
    item = work.item()
    joined(helper)
    assert item.status is RunStatus.SUCCEEDED
    check_right(work, item)


def test_an_incremental_that_is_cut_off_is_settled_too(shaped_work: Work) -> None:
    work = shaped_work
    work.profile(incremental=True)
    full = work.succeeds()
    work.on_server.write_rows([(3, "third")])
    work.server.faults.cut(after=40, finishes=True)
    item = work.item(BackupKind.DIFFERENTIAL)
    assert (item.status, item.kind, item.reason) == (RunStatus.SUCCEEDED, BackupKind.DIFFERENTIAL, "")
    assert taken(work) == [full.set_id, item.set_id]
    work.restores(item, [*ROWS, (3, "third")])


def test_a_connection_that_is_reset_is_no_other_case(tmp_path: Path, driver: Driver) -> None:
    with opened(tmp_path, driver, reset_on_cut=True) as product:
        work = Work(product, "vault")
        work.profile()
        work.server.faults.cut(after=30, finishes=True)
        check_right(work, work.item())


RESTORE_MESSAGES = 103
RESTORED = 100
"""After the last percentage the database is back, whoever hears of it."""


@pytest.mark.parametrize("after", [0, 10, 30, 50, 70, 90, RESTORED - 1, RESTORED, RESTORE_MESSAGES - 1])
@pytest.mark.parametrize("finishes", [False, True], ids=["the server stops", "the server finishes"])
def test_a_restore_whose_connection_is_cut_is_never_told_wrong(shaped_work: Work, after: int, finishes: bool) -> None:
    work = shaped_work
    work.profile()
    item = work.succeeds()
    assert item.path is not None
    work.on_server.write_rows([(1, "changed meanwhile"), (3, "new")])
    work.server.faults.cut("RESTORE DATABASE", after=after, finishes=finishes)
    if finishes or after >= RESTORED:
        work.product.restore(item.path, work.database)
    else:
        with pytest.raises(PwsopsError) as cut:
            work.product.restore(item.path, work.database)
        assert work.on_server.state == "RESTORING"
        assert "waits for a restore" in cut.value.hint
        assert work.last_restore().status is RunStatus.FAILED
        work.product.restore(item.path, work.database)
    work.assert_holds(ROWS)
    assert work.last_restore().status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("finishes", [False, True], ids=["refused", "done"])
def test_whoever_was_thrown_out_is_let_in_again_whatever_is_cut(shaped_work: Work, finishes: bool) -> None:
    work = shaped_work
    work.profile()
    item = work.succeeds()
    assert item.path is not None
    work.on_server.write_rows([(1, "changed meanwhile")])
    work.server.faults.cut("ALTER DATABASE", after=0, finishes=finishes, containing="OFFLINE", times=None)
    with pytest.raises(PwsopsError) as cut:
        work.product.restore(item.path, work.database)
    assert "It was tried" in cut.value.hint
    work.assert_holds([(1, "changed meanwhile"), ROWS[1]])
    work.server.faults.clear()
    work.server.faults.cut("ALTER DATABASE", after=0, finishes=finishes, containing="OFFLINE")
    work.restores(item)
