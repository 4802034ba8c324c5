import io
from datetime import UTC, datetime

from pwsops.cli import progress
from pwsops.engines.requests import Progress
from pwsops.operations.records import ItemView, RunView
from pwsops.rules.model import BackupKind, RunStatus, Trigger


def run(status=RunStatus.RUNNING, going=None, ended=()):
    items = [ItemView(id=number, database=f"d{number}", status=of_item) for number, of_item in enumerate(ended)]
    return RunView(
        id=7,
        profile="vault",
        due_at=datetime(2026, 3, 1, tzinfo=UTC),
        status=status,
        kind=BackupKind.FULL,
        trigger=Trigger.MANUAL,
        items=items,
        progress=going,
    )


def test_a_log_gets_a_line_per_change_and_no_more(capsys):
    with progress.shown() as tell:
        told = progress.of_run(tell)
        told(run(RunStatus.QUEUED))
        for done in range(0, 100, 10):
            told(run(going=Progress(phase="reading", done_bytes=done, total_bytes=100)))
    assert capsys.readouterr().err.splitlines() == [
        "run 7 of vault: queued",
        "run 7 of vault: running, reading",
    ]


def test_several_databases_are_counted(capsys):
    with progress.shown() as tell:
        progress.of_run(tell)(run(ended=[RunStatus.FAILED, RunStatus.RUNNING]))
    assert "1 of 2 databases done" in capsys.readouterr().err


def test_a_terminal_gets_a_bar(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "150")
    with progress.shown() as tell:
        progress.of_operation(tell, "restore of [db]")(Progress(phase="writing", done_bytes=512, total_bytes=1024))
    assert "restore of [db]: writing" in stream.getvalue()
    assert "0.5/1.0 kB" in stream.getvalue()
