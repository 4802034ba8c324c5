from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from pwsops.cli import runs
from pwsops.operations.records import ItemView, RunView
from pwsops.rules.model import BackupKind, RunStatus, Trigger

START = datetime(2026, 3, 1, tzinfo=UTC)


def ended(status, *items, summary=""):
    return RunView(
        id=7,
        profile="vaults",
        due_at=START,
        status=status,
        kind=BackupKind.DIFFERENTIAL,
        trigger=Trigger.MANUAL,
        started_at=START,
        finished_at=START + timedelta(seconds=2),
        summary=summary,
        items=items,
    )


def test_giving_up_waiting_says_that_the_run_goes_on(capsys):
    def wait(run_id, on_change):
        raise KeyboardInterrupt

    queued = SimpleNamespace(id=7)
    operations = SimpleNamespace(runs=SimpleNamespace(start=lambda name, kind: queued, wait=wait))
    with pytest.raises(KeyboardInterrupt):
        runs._by_service(operations, "vaults", None)
    assert "run 7 goes on in the service" in capsys.readouterr().err


def test_the_end_tells_what_was_really_taken_and_why(capsys):
    item = ItemView(
        id=1,
        database="a.db",
        status=RunStatus.SUCCEEDED,
        kind=BackupKind.FULL,
        reason="its base is gone",
        path="/b/a.bak",
        size_bytes=2048,
    )
    runs._tell_end(ended(RunStatus.SUCCEEDED, item))
    printed = capsys.readouterr()
    assert printed.out == ("Run 7 of vaults: succeeded in 2.0 s.\na.db: full (its base is gone), 2.0 kB, /b/a.bak\n")
    assert printed.err == ""


def test_the_end_tells_the_errors_on_stderr_and_nothing_of_what_was_cancelled_in_silence(capsys):
    bad = ItemView(id=1, database="a.db", status=RunStatus.FAILED, error="It is locked.", hint="Close it.")
    silent = ItemView(id=2, database="b.db", status=RunStatus.CANCELLED)
    runs._tell_end(ended(RunStatus.FAILED, bad, silent, summary="1 of 2 failed"))
    printed = capsys.readouterr()
    assert printed.out == "Run 7 of vaults: failed in 2.0 s. 1 of 2 failed.\n"
    assert printed.err == "a.db: It is locked.\nNext step: Close it.\n"


def test_the_end_says_an_error_once(capsys):
    bad = ItemView(id=1, database="a.db", status=RunStatus.FAILED, error="It is locked.", hint="Close it.")
    runs._tell_end(ended(RunStatus.FAILED, bad, bad, summary="2 of 2 failed: It is locked."))
    assert capsys.readouterr().out == "Run 7 of vaults: failed in 2.0 s. 2 of 2 failed.\n"
    runs._tell_end(ended(RunStatus.FAILED, bad, summary="It is locked."))
    assert capsys.readouterr().out == "Run 7 of vaults: failed in 2.0 s.\n"


def test_how_many_failed_is_counted_and_not_cut_out_of_the_summary(capsys):
    bad = ItemView(id=1, database="a.db", status=RunStatus.FAILED, error="failed", hint="Close it.")
    runs._tell_end(ended(RunStatus.FAILED, bad, bad, summary="2 of 2 failed: failed"))
    assert capsys.readouterr().out == "Run 7 of vaults: failed in 2.0 s. 2 of 2 failed.\n"
