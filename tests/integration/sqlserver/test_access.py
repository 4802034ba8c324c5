"""Who may come into a database during a restore, and after it: the mode before is the mode after."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from pwsops.engines.protocol import GivesBackAccess
from pwsops.engines.records import DatabaseState
from pwsops.engines.requests import AccessChange, Progress, RestoreRequest
from pwsops.engines.sqlserver import patience, running
from pwsops.engines.sqlserver.link import Link
from pwsops.errors import Cancelled, EndUnknown, EngineError, InvalidInput, NotFound, PwsopsError
from tests.integration.sqlserver.bench import ROWS, Bench
from tests.standin.events import LoginRefused, Said
from tests.standin.server.client import Client
from tests.standin.server.messages import said
from tests.standin.server.session import ScriptedSession

ENDED = said(3013, "RESTORE DATABASE")
MODES = ("MULTI_USER", "RESTRICTED_USER", "SINGLE_USER")
LOCKED = Said(
    number=5061, text="ALTER DATABASE failed because a lock could not be placed on database 'vault'.", severity=16
)
LOCK_TIMEOUT = Said(number=1222, text="Lock request time out period exceeded.", severity=16)
DEADLOCK = said(1205, 51, "lock")


@dataclass
class Ledger:
    """What a catalogue would hold: changes that are owed, and in which order all happened."""

    bench: Bench
    owed: list[AccessChange] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)

    def request(self, *sets: Any, **options: Any) -> RestoreRequest:
        return RestoreRequest(
            database="vault",
            sets=sets,
            on_access_change=self._change,
            on_access_restored=self._restored,
            **options,
        )

    def _change(self, change: AccessChange) -> None:
        self.owed = [change]
        self.told.append(("changed", self._mode()))

    def _restored(self, change: AccessChange) -> None:
        assert self.owed == [change]
        self.owed = []
        self.told.append(("restored", self._mode()))

    def _mode(self) -> str:
        vault = self.bench.server.databases["vault"]
        return vault.user_access if vault.state == "ONLINE" else vault.state


@pytest.fixture
def ledger(bench: Bench) -> Ledger:
    return Ledger(bench)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("succeeds", [True, False])
def test_the_mode_after_a_restore_is_the_mode_before_and_is_remembered_before_it_is_changed(
    bench: Bench, ledger: Ledger, mode: str, succeeds: bool
) -> None:
    full = bench.full()
    vault = bench.server.databases["vault"]
    vault.user_access = mode
    if not succeeds:
        bench.fail("RESTORE DATABASE", said(3257, "C:\\", 100, 10), ENDED)
        with pytest.raises(EngineError, match="no space"):
            bench.engine.restore(ledger.request(full))
    else:
        bench.engine.restore(ledger.request(full))
    assert (vault.state, vault.user_access) == ("ONLINE", mode)
    assert ledger.told == [("changed", mode), ("restored", mode)]
    assert ledger.owed == []


def test_nobody_but_administrators_comes_in_between_the_restore_and_a_restricted_mode(bench: Bench) -> None:
    full = bench.full()
    bench.server.databases["vault"].user_access = "RESTRICTED_USER"
    bench.engine.restore(RestoreRequest(database="vault", sets=[full]))
    assert "RESTRICTED_USER" in bench.sent("RESTORE DATABASE")[0]


def test_a_mode_that_an_earlier_restore_owes_is_what_this_one_ends_in(bench: Bench, ledger: Ledger) -> None:
    full = bench.full()
    vault = bench.server.databases["vault"]
    vault.state = "OFFLINE"
    bench.fail("RESTORE DATABASE", said(3257, "C:\\", 100, 10), ENDED)
    request = ledger.request(full, former_mode="RESTRICTED_USER")
    with pytest.raises(EngineError, match="no space"):
        bench.engine.restore(request)
    assert (vault.state, vault.user_access) == ("ONLINE", "RESTRICTED_USER")
    vault.user_access = "SINGLE_USER"
    bench.engine.restore(request)
    assert vault.user_access == "RESTRICTED_USER"
    assert ledger.owed == []


def test_a_database_that_somebody_took_offline_stays_so_where_the_restore_does_not_begin(
    bench: Bench, ledger: Ledger
) -> None:
    full = bench.full()
    vault = bench.server.databases["vault"]
    vault.state = "OFFLINE"
    bench.fail("RESTORE DATABASE", said(3257, "C:\\", 100, 10), ENDED)
    with pytest.raises(EngineError, match="no space"):
        bench.engine.restore(ledger.request(full))
    assert vault.state == "OFFLINE"
    assert ledger.owed == []
    bench.engine.restore(ledger.request(full))
    assert (vault.state, vault.user_access) == ("ONLINE", "MULTI_USER")


def test_where_the_mode_cannot_be_remembered_it_is_not_changed(bench: Bench) -> None:
    def refuse(_: AccessChange) -> None:
        raise EngineError("the catalogue cannot be written", hint="Free space.")

    full = bench.full()
    with pytest.raises(EngineError, match="catalogue"):
        bench.engine.restore(RestoreRequest(database="vault", sets=[full], on_access_change=refuse))
    assert not bench.sent("ALTER DATABASE")
    assert not bench.sent("RESTORE DATABASE")


@contextmanager
def reconnecting(bench: Bench, monkeypatch: pytest.MonkeyPatch, *, times: int = 1000) -> Iterator[list[Client]]:
    """Have a client in vault that is back the moment its session is ended, so often."""
    clients = [Client(bench.server, database="vault")]
    kill, busy = ScriptedSession.kill, threading.Lock()

    def kill_and_come_back(session: ScriptedSession) -> None:
        was_ours = session is clients[-1].session
        kill(session)
        if was_ours and len(clients) <= times and busy.acquire(blocking=False):
            session.close()
            try:
                clients.append(Client(bench.server, database="vault"))
            except LoginRefused:
                pass  # it is offline: there is no seat
            finally:
                busy.release()

    monkeypatch.setattr(ScriptedSession, "kill", kill_and_come_back)
    yield clients


def test_a_client_that_reconnects_gets_no_seat_during_a_restore(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    full = bench.full()
    bench.server.databases["vault"].write_rows([(1, "newer")])
    run, refused = running.run, []

    def knocking(link: Link, scene: Any, text: str, **options: Any) -> running.Heard:
        if text.startswith("RESTORE DATABASE"):
            with pytest.raises(LoginRefused):
                Client(bench.server, database="vault")
            refused.append(text)
        return run(link, scene, text, **options)

    monkeypatch.setattr(running, "run", knocking)
    bench.engine.restore(ledger.request(full))
    assert len(refused) == 1
    vault = bench.server.databases["vault"]
    assert (vault.user_access, vault.read_rows()) == ("MULTI_USER", ROWS)
    assert not bench.sent("KILL")


def test_a_client_in_the_one_seat_does_not_keep_a_restore_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    full = bench.full()
    with reconnecting(bench, monkeypatch, times=1):
        bench.server.databases["vault"].user_access = "SINGLE_USER"
        bench.engine.restore(ledger.request(full))
    assert bench.server.databases["vault"].user_access == "SINGLE_USER"
    assert ledger.owed == []


def break_off(bench: Bench, ledger: Ledger, full: Any) -> None:
    """Die like a process that is killed after the database was taken offline: nothing is given back."""
    with pytest.MonkeyPatch.context() as dying:
        dying.setattr("pwsops.engines.sqlserver.access.Access.give_back", lambda self: "")
        bench.fail("RESTORE DATABASE", said(3257, "C:\\", 100, 10), ENDED)
        with pytest.raises(EngineError):
            bench.engine.restore(ledger.request(full))
    assert ledger.owed


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_that_a_dead_process_owes_is_given_back(bench: Bench, ledger: Ledger, mode: str) -> None:
    full = bench.full()
    vault = bench.server.databases["vault"]
    vault.user_access = mode
    break_off(bench, ledger, full)
    assert vault.state == "OFFLINE"
    assert isinstance(bench.engine, GivesBackAccess)
    for _ in range(2):  # the second time it is so already
        bench.engine.give_back_access("vault", ledger.owed[0].former_mode)
        assert (vault.state, vault.user_access, vault.read_rows()) == ("ONLINE", mode, ROWS)


def test_a_mode_is_given_back_with_a_reconnecting_client_in_the_one_seat(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reconnecting(bench, monkeypatch, times=3) as clients:
        bench.server.databases["vault"].user_access = "SINGLE_USER"
        bench.engine.give_back_access("vault", "MULTI_USER")
    assert len(clients) > 1
    assert bench.server.databases["vault"].user_access == "MULTI_USER"


def test_a_mode_that_cannot_be_given_back_now_says_why(bench: Bench) -> None:
    Client(bench.server, database="vault")
    vault = bench.server.databases["vault"]
    vault.user_access = "SINGLE_USER"
    blind = bench.engine_with("VIEW ANY DEFINITION", roles={"dbcreator"})
    with pytest.raises(EngineError, match="single-user mode and somebody else is in it"):
        blind.give_back_access("vault", "MULTI_USER")
    vault.state = "RESTORING"
    with pytest.raises(EngineError, match="a restore was begun and not ended") as waiting:
        bench.engine.give_back_access("vault", "MULTI_USER")
    assert "Restore a backup into vault" in waiting.value.hint
    with pytest.raises(NotFound):
        bench.engine.give_back_access("nowhere", "MULTI_USER")
    vault.state = "ONLINE"
    with pytest.raises(InvalidInput, match="ANYBODY"):
        bench.engine.give_back_access("vault", "ANYBODY")


@pytest.mark.parametrize(
    ("mode", "state"), [("SINGLE_USER", DatabaseState.SINGLE_USER), ("RESTRICTED_USER", DatabaseState.RESTRICTED)]
)
def test_the_list_of_databases_says_who_may_come_in(bench: Bench, mode: str, state: DatabaseState) -> None:
    bench.server.databases["vault"].user_access = mode
    (found,) = [each for each in bench.engine.databases() if each.name == "vault"]
    assert found.state is state
    assert state.value.partition("-")[0] in found.reason
    assert found.details["user_access"] == mode
    assert bench.full().size_bytes > 0, "a backup needs no seat"


def test_a_database_that_a_login_may_not_see_is_not_gone(bench: Bench) -> None:
    """A mode that is owed is owed until it is known that there is no such database."""
    narrow = bench.engine_with()
    with pytest.raises(EngineError, match="does not see nowhere: it is gone, or not for this login to see") as hidden:
        narrow.give_back_access("nowhere", "MULTI_USER")
    assert not isinstance(hidden.value, NotFound)
    assert "VIEW ANY DATABASE" in hidden.value.hint


@pytest.mark.parametrize("what", [LOCKED, LOCK_TIMEOUT, DEADLOCK])
@pytest.mark.parametrize("statement", ["ALTER DATABASE", "RESTORE DATABASE"])
def test_what_passes_by_itself_is_waited_out_and_nothing_is_taken_away_meanwhile(
    bench: Bench, ledger: Ledger, what: Said, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[str] = []
    monkeypatch.setattr(running.Limits, "pause", lambda _limits, _wait_s: modes.append(ledger._mode()))
    full = bench.full()
    last = said(5069) if statement == "ALTER DATABASE" else ENDED
    bench.fail(statement, what, last, times=3, containing="RESTORE" if last is ENDED else "OFFLINE")
    result = bench.engine.restore(ledger.request(full))
    assert modes == ["MULTI_USER"] * 3
    assert [message.text[:16] for message in result.messages if message.text.startswith("Attempt")] == [
        f"Attempt {number} failed" for number in (1, 2, 3)
    ]
    assert bench.server.databases["vault"].read_rows() == ROWS
    assert ledger.owed == []


def test_each_attempt_is_judged_by_itself(bench: Bench, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first attempt that came as far as RESTORE does not make a second one, which did not, look begun."""
    full = bench.full()
    bench.fail("RESTORE DATABASE", DEADLOCK, ENDED)
    pauses: list[float] = []

    def fail_once_more(_limits: running.Limits, wait_s: float) -> None:
        pauses.append(wait_s)
        if len(pauses) == 1:
            bench.fail("ALTER DATABASE", DEADLOCK, said(5069), containing="OFFLINE")

    monkeypatch.setattr(running.Limits, "pause", fail_once_more)
    bench.engine.restore(ledger.request(full))
    assert len(pauses) == 2
    assert bench.server.databases["vault"].read_rows() == ROWS


def test_a_restore_that_came_to_its_end_unheard_is_not_done_again(
    bench: Bench, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What people wrote since it was online would be lost."""
    full = bench.full()
    nothing_new = (
        "SELECT COUNT(*) AS restores FROM msdb.dbo.restorehistory AS r WHERE r.destination_database_name = ? + N'x'"
    )
    monkeypatch.setattr("pwsops.engines.sqlserver.restore.queries.RESTORES", nothing_new)
    bench.server.faults.on("RESTORE DATABASE", cut_after=3, finishes=True)
    with pytest.raises(EngineError, match="cannot be reached"):
        bench.engine.restore(ledger.request(full))
    assert len(bench.sent("RESTORE DATABASE")) == 1


def test_waiting_for_what_does_not_pass_takes_minutes_and_then_says_so(bench: Bench) -> None:
    full = bench.full()
    seen: list[str] = []
    bench.fail("ALTER DATABASE", DEADLOCK, said(5069), containing="OFFLINE", times=None)
    with pytest.raises(EngineError, match="deadlock") as failed:
        bench.engine.restore(
            RestoreRequest(database="vault", sets=[full]), on_progress=lambda progress: seen.append(progress.phase)
        )
    assert f"It was tried {len(patience.WAITS_S) + 1} times" in failed.value.hint
    assert "by itself" not in failed.value.hint
    assert next(phase for phase in seen if phase.startswith("waiting")) == (
        "waiting 0 s for attempt 2 of 11, because the server ended it to resolve a deadlock"
    )
    assert not failed.value.transient, "nobody is to begin all over again"
    assert bench.server.databases["vault"].user_access == "MULTI_USER"
    assert not bench.sent("RESTORE DATABASE")


def test_the_waits_last_longer_than_a_failover() -> None:
    assert 180 <= sum(WAITS_S) <= 600


WAITS_S = patience.WAITS_S
"""As they are outside of tests."""


def test_waiting_ends_with_a_cancel_and_with_the_time_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "WAITS_S", (600.0,))
    full = bench.full()
    bench.fail("ALTER DATABASE", DEADLOCK, said(5069), containing="OFFLINE", times=None)
    cancel = threading.Event()

    def stop(progress: Progress) -> None:
        if progress.phase.startswith("waiting"):
            cancel.set()

    with pytest.raises(Cancelled):
        bench.engine.restore(RestoreRequest(database="vault", sets=[full]), on_progress=stop, cancel=cancel)
    with pytest.raises(EngineError, match="deadlock") as late:
        bench.engine.restore(RestoreRequest(database="vault", sets=[full], time_limit_s=2))
    assert "The time limit left no time" in late.value.hint
    assert bench.server.databases["vault"].user_access == "MULTI_USER"


def test_a_restore_that_has_begun_is_not_begun_again_by_itself(bench: Bench, ledger: Ledger) -> None:
    full = bench.full()
    bench.server.faults.on("RESTORE DATABASE", cut_after=3, finishes=False)
    with pytest.raises(EngineError, match="cannot be reached") as lost:
        bench.engine.restore(ledger.request(full))
    assert "waits for a restore" in lost.value.hint
    assert not lost.value.transient
    assert len(bench.sent("RESTORE DATABASE")) == 1
    assert ledger.owed, "the mode is given back when a later restore is through"
    bench.engine.restore(ledger.request(full, former_mode=ledger.owed[0].former_mode))
    assert ledger.owed == []


def test_an_outage_after_the_database_was_taken_offline_is_waited_out(bench: Bench, ledger: Ledger) -> None:
    full = bench.full()
    bench.server.faults.on("ALTER DATABASE", cut_after=0, finishes=True, containing="OFFLINE")
    bench.engine.restore(ledger.request(full))
    vault = bench.server.databases["vault"]
    assert (vault.state, vault.user_access, vault.read_rows()) == ("ONLINE", "MULTI_USER", ROWS)


def test_an_end_that_nobody_can_look_up_is_not_told_as_a_failure_or_a_success(bench: Bench) -> None:
    full = bench.full()
    bench.server.faults.on("RESTORE DATABASE", cut_after=3, finishes=True)
    bench.fail("SELECT", said(229, "SELECT", "restorehistory", "msdb", "dbo"), containing="restorehistory", times=None)
    with pytest.raises(EndUnknown, match="how it ended could not be looked up, because") as unknown:
        bench.engine.restore(RestoreRequest(database="vault", sets=[full]))
    assert not unknown.value.transient


def test_after_the_restore_a_mode_that_cannot_be_set_is_a_message(bench: Bench, ledger: Ledger) -> None:
    full = bench.full()
    bench.server.databases["vault"].user_access = "SINGLE_USER"
    bench.fail("ALTER DATABASE", LOCKED, said(5069), containing="SINGLE_USER", times=None)
    result = bench.engine.restore(ledger.request(full))
    (note,) = [message for message in result.messages if "may still be closed" in message.text]
    assert note.is_error
    assert "ALTER DATABASE [vault] SET SINGLE_USER" in note.text
    assert ledger.owed


def test_a_login_that_could_not_bring_the_database_online_again_does_not_take_it_offline(bench: Bench) -> None:
    full = bench.full()
    bench.server.databases["vault"].owner = "least"
    engine = bench.engine_with("VIEW ANY DEFINITION", "VIEW SERVER STATE")
    with pytest.raises(EngineError, match="could not bring it online again") as refused:
        engine.restore(RestoreRequest(database="vault", sets=[full]))
    assert "dbcreator" in refused.value.hint
    assert not bench.sent("ALTER DATABASE")


def test_where_the_database_vanishes_meanwhile_the_hint_says_so(bench: Bench) -> None:
    full = bench.full()

    def drop(_: AccessChange) -> None:
        bench.server.drop_database("vault")

    with pytest.raises(PwsopsError) as failed:
        bench.engine.restore(RestoreRequest(database="vault", sets=[full], on_access_change=drop))
    assert "does not exist" in failed.value.hint
