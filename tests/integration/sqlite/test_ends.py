"""Stopped in the very last moment: what was done is said to be done, and nothing is said that nobody knows."""

from __future__ import annotations

import builtins
import os
import signal
import threading
from collections.abc import Mapping
from threading import Event
from typing import Any

import pytest

from pwsops.engines.records import CertificateCopy
from pwsops.engines.requests import Progress, RestoreRequest
from pwsops.engines.sqlite import certificate_saving, engine, process, worker
from pwsops.engines.sqlite.process import Worker
from pwsops.engines.sqlite.report import Report
from pwsops.errors import Cancelled, EndUnknown, EngineError
from tests.clocks import joined, wait_until
from tests.integration.sqlite.support import Place, Play, cancelling

PLAYED = """
import json, os, select, signal, sys
def say(**values):
    print(json.dumps(values), flush=True)
def hung_up():
    while os.read(0, 1 << 16):
        pass
say(progress=["playing", os.getpid(), 0])
"""
"""A worker that a test plays. `hung_up` waits until its parent told it to end."""


# The parent ------------------------------------------------------------------------------------------------------


def test_a_result_that_comes_after_the_cancel_counts(play: Play) -> None:
    play(PLAYED + "say(finishing=True); hung_up(); say(result=7)")
    assert Worker("restore", {}, **cancelling()).run() == 7


def test_a_result_that_comes_after_the_time_limit_counts(play: Play) -> None:
    play(PLAYED + "hung_up(); say(finishing=True); say(result=7)")
    assert Worker("restore", {}, limit_s=0).run() == 7


def test_a_cancel_after_the_result_ends_what_still_goes_on(play: Play) -> None:
    play(PLAYED + "say(result=7); say(progress=['tidying', 1, 1]); hung_up()")
    assert Worker("restore", {}, **cancelling("tidying")).run() == 7


def test_what_goes_wrong_after_the_result_changes_nothing(play: Play) -> None:
    play(PLAYED + "say(result=7); os.kill(os.getpid(), signal.SIGKILL)")
    assert Worker("restore", {}).run() == 7


def test_an_error_after_the_cancel_leaves_it_cancelled(play: Play) -> None:
    play(
        PLAYED + "say(finishing=True); hung_up()\n"
        "say(error={'type': 'EngineError', 'message': 'locked', 'hint': 'h', 'transient': True})"
    )
    with pytest.raises(Cancelled):
        Worker("restore", {}, **cancelling()).run()


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), signal.SIGKILL)", "signal.pause()"])
def test_cancelled_while_finishing_and_without_an_answer_nobody_knows(
    play: Play, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "FINISH_S", 0.2)
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    play(PLAYED + f"say(finishing=True); hung_up(); {end}")
    with pytest.raises(
        EndUnknown, match=r"cancelled. It was about to finish, and whether it did is not known"
    ) as unknown:
        Worker("restore", {}, **cancelling()).run()
    assert unknown.value.hint
    assert not unknown.value.transient


def test_a_worker_that_dies_while_finishing_is_not_tried_again_unseen(play: Play) -> None:
    play(PLAYED + "say(finishing=True); os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(EndUnknown, match=r"ended by signal 9 before it was done. It was about to finish") as failed:
        Worker("restore", {}).run()
    assert not failed.value.transient


def test_a_worker_that_does_not_listen_is_killed_and_cancelled(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    play(PLAYED + "signal.pause()")
    with pytest.raises(Cancelled):
        Worker("restore", {}, **cancelling()).run()


# Where all hangs -------------------------------------------------------------------------------------------------


def test_nobody_waits_for_a_clearing_up_that_hangs(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    returned, ends = Event(), []
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    monkeypatch.setattr(process.sweeping, "sweep", lambda directory, token: ends.append(returned.wait(20)))
    play(PLAYED + "sys.exit(3)")
    with pytest.raises(EngineError, match="with status 3"):
        Worker("backup", {"token": "0" * 32}, directories=["/hangs"]).run()
    returned.set()
    wait_until(lambda: ends == [True], "the clearing up's end")


def test_nobody_waits_for_a_worker_that_cannot_be_ended_and_it_is_cleared_up_later(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[str] = []
    pids: list[int] = []
    cancel = Event()
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    monkeypatch.setattr(process.sweeping, "sweep", lambda directory, token: swept.append(f"{directory} {token}"))
    monkeypatch.setattr(process.subprocess.Popen, "kill", lambda self: None)

    def on_progress(progress: Progress) -> None:
        pids.append(progress.done_bytes)
        cancel.set()

    play(PLAYED + "signal.pause()")
    with pytest.raises(Cancelled):
        Worker("backup", {"token": "t"}, directories=["/hangs"], on_progress=on_progress, cancel=cancel).run()
    assert swept == []
    os.kill(pids[0], signal.SIGKILL)
    wait_until(lambda: swept == ["/hangs t"], "the clearing up")


def test_a_worker_that_closed_its_mouth_and_cannot_be_ended_counts_as_killed(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids: list[int] = []
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    monkeypatch.setattr(process.subprocess.Popen, "kill", lambda self: None)
    play(PLAYED + "sys.stdout.flush(); os.close(1); signal.pause()")
    with pytest.raises(EngineError, match="by signal 9"):
        Worker("backup", {}, on_progress=lambda progress: pids.append(progress.done_bytes)).run()
    os.kill(pids[0], signal.SIGKILL)


def test_a_run_looks_at_no_file_in_its_own_thread(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.vault()
    root = str(place.vaults.parent)

    def guard(module: Any, name: str) -> None:
        original = getattr(module, name)

        def guarded(path: Any, *given: Any, **more: Any) -> Any:
            assert not str(path).startswith(root), f"{name} of {path}"
            return original(path, *given, **more)

        monkeypatch.setattr(module, name, guarded)

    for name in ("stat", "lstat", "open", "scandir", "unlink", "replace"):
        guard(os, name)
    guard(builtins, "open")
    copy = CertificateCopy(file_name="a.pfx", content=lambda: b"new", serves=lambda present: False)
    place.engine.save_certificates(str(place.media), [copy])
    taken = place.take(database="db.sqlite3").backup_set
    assert place.take("two.bak", base=taken).backup_set.base_id == taken.set_id
    restored = place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken]))
    assert (taken.database, restored.database) == ("db.sqlite3", "db.sqlite3")
    found = place.engine.find_backup(database="db.sqlite3", directory=str(place.media), description="pwsops run 1")
    assert found is not None
    assert place.engine.contents("db.sqlite3").tables


def test_settling_where_all_hangs_ends_after_a_while(play: Play, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "FIND_LIMIT_S", 0.2)
    play(PLAYED + "hung_up()")
    with pytest.raises(EngineError, match=r"Find of db.sqlite3 was stopped"):
        place.engine.find_backup(database="db.sqlite3", directory=str(place.media), description="pwsops run 1")


def test_verifying_where_all_hangs_ends_after_a_while_that_its_size_allows(
    play: Play, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.vault()
    taken = place.take().backup_set
    monkeypatch.setattr(engine, "VERIFY_LIMIT_S", 0.1)
    monkeypatch.setattr(engine, "SLOWEST_BYTES_PER_S", taken.database_size_bytes * 10)
    play(PLAYED + "hung_up()")
    with pytest.raises(EngineError, match=r"Verify of .* was stopped: it did not end within 0 s"):
        place.engine.verify(taken)


def test_deleting_where_all_hangs_ends_after_a_while(play: Play, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.vault()
    taken = place.take().backup_set
    monkeypatch.setattr(engine, "DELETE_LIMIT_S", 0.2)
    play(PLAYED + "hung_up()")
    with pytest.raises(EngineError, match="Delete was stopped"):
        place.engine.delete_media([taken])


def test_saving_a_certificate_where_all_hangs_ends_after_a_while(
    play: Play, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate_saving, "SAVE_LIMIT_S", 0.2)
    play(PLAYED + "hung_up()")
    copy = CertificateCopy(file_name="a.pfx", content=lambda: b"", serves=lambda present: False)
    with pytest.raises(EngineError, match="Look for certificate was stopped"):
        place.engine.save_certificates(str(place.media), [copy])


# The worker ------------------------------------------------------------------------------------------------------


def test_nobody_ends_a_worker_from_the_last_step_to_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[list[Mapping[str, object]]] = []
    said: list[Mapping[str, object]] = []
    report = Report(said.append)
    monkeypatch.setattr(os, "_exit", lambda status: ends.append(list(said)))
    ended, parent = os.pipe()
    report.finishing()
    watching = threading.Thread(target=worker.watch, args=(ended, None, report), daemon=True)
    watching.start()
    os.close(parent)
    watching.join(0.2)
    assert ends == []
    report.result(7)
    joined(watching)
    os.close(ended)
    assert ends == [[{"finishing": True}, {"result": 7}]]


def test_where_the_end_has_begun_no_last_step_is_taken() -> None:
    said: list[Mapping[str, object]] = []
    report = Report(said.append)
    with report.may_end:
        stepping = threading.Thread(target=report.finishing, daemon=True)
        stepping.start()
        stepping.join(0.2)
        assert said == []
    joined(stepping)
    assert said == [{"finishing": True}]


def test_only_the_first_answer_is_given() -> None:
    said: list[Mapping[str, object]] = []
    report = Report(said.append)
    report.result(1)
    report.error({})
    report.result(2)
    assert said == [{"result": 1}]
