"""Faults strike where they are told to, and leave behind what the real thing leaves."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.clocks import wait_until
from tests.standin.events import Said
from tests.standin.server import ScriptedServer
from tests.standin.server.client import Client, Reply
from tests.standin.server.database import Database
from tests.standin.server.faults import Fault
from tests.standin.server.messages import said

FULL = r"BACKUP DATABASE vault TO DISK = N'D:\a.bak' WITH CHECKSUM, STATS = 10"
SETS = "SELECT COUNT(*) AS sets FROM msdb.dbo.backupset"
HEADER = r"RESTORE HEADERONLY FROM DISK = N'D:\a.bak'"


@pytest.fixture
def other(server: ScriptedServer, client: Client) -> Client:
    return Client(server)


def in_background(ask: Callable[[], Reply]) -> tuple[threading.Thread, list[Reply]]:
    replies: list[Reply] = []
    thread = threading.Thread(target=lambda: replies.append(ask()), daemon=True)
    thread.start()
    return thread, replies


def held(server: ScriptedServer, client: Client) -> tuple[Fault, threading.Thread, list[Reply]]:
    fault = server.faults.on("BACKUP", hold=threading.Event(), after_messages=5)
    thread, replies = in_background(lambda: client.ask(FULL))
    assert fault.reached.wait(10)
    return fault, thread, replies


def test_an_error_before_the_statement_leaves_nothing_on_disk(client: Client, server: ScriptedServer) -> None:
    server.faults.access_denied(r"D:\a.bak")
    assert client.ask(FULL).numbers == [3201, 3013]
    assert r"D:\a.bak" not in server.files
    client.done(FULL)


def test_an_error_in_the_middle_leaves_a_partial_file(client: Client, server: ScriptedServer) -> None:
    server.faults.disk_full(r"D:\a.bak", after_messages=3)
    reply = client.ask(FULL)
    assert [one.number for one in reply.said] == [3211, 3211, 3211, 3202, 3013]
    assert client.ask(HEADER).errors == [3256, 3013]
    assert client.done(SETS).values == [(0,)]


def test_a_fault_strikes_as_often_as_it_is_told(client: Client, server: ScriptedServer) -> None:
    server.faults.deadlock(times=2)
    assert [client.ask(FULL).errors for _ in range(3)] == [[1205], [1205], []]
    server.faults.on("BACKUP", raise_=[said(3279)], times=None)
    assert [client.ask(FULL).errors for _ in range(3)] == [[3279]] * 3
    server.faults.clear()
    client.done(FULL)


def test_a_fault_strikes_only_the_statement_database_and_text_it_names(client: Client, server: ScriptedServer) -> None:
    server.faults.offline("vault")
    server.faults.error("RESTORE VERIFYONLY", 3189)
    server.faults.error("SELECT", 1205, 51, "lock", containing="backupset")
    client.done(r"BACKUP DATABASE model TO DISK = N'D:\m.bak'")
    client.done("SELECT name FROM sys.databases")
    assert client.ask(SETS).errors == [1205]
    assert client.ask(FULL).errors == [942, 3013]
    client.done(FULL)
    client.done(HEADER)
    assert client.ask(r"RESTORE VERIFYONLY FROM DISK = N'D:\a.bak'").errors == [3189, 3013]


@pytest.mark.parametrize("after", [0, 3, 9])
def test_a_cut_in_the_middle_breaks_the_backup(
    client: Client, other: Client, server: ScriptedServer, after: int
) -> None:
    server.faults.cut(after=after)
    reply = client.ask(FULL)
    assert reply.cut
    assert len(reply.said) == after
    assert client.ask("SELECT 1 AS one").cut
    assert other.done(SETS).values == [(0,)]
    assert server.requests == {}
    other.done(f"{FULL}, FORMAT")


def test_a_backup_may_end_well_though_its_client_is_cut_off(
    client: Client, other: Client, server: ScriptedServer
) -> None:
    server.faults.cut(after=2, finishes=True)
    assert client.ask(FULL).cut
    assert other.done(SETS).values == [(1,)]
    assert len(other.done(HEADER).rows) == 1


def test_a_cut_before_the_last_word_comes_after_the_success(
    client: Client, other: Client, server: ScriptedServer
) -> None:
    server.faults.cut(after=12)
    reply = client.ask(FULL)
    assert reply.cut
    assert 3014 not in reply.numbers
    assert other.done(SETS).values == [(1,)]


def test_a_backup_whose_client_is_gone_is_seen_until_it_ends(
    client: Client, other: Client, server: ScriptedServer, vault: Database
) -> None:
    end = threading.Event()
    server.faults.cut(after=2, finishes_when=end)
    assert client.ask(FULL).cut
    running = "SELECT command FROM sys.dm_exec_requests WHERE percent_complete > 0"
    assert other.done(running).values == [("BACKUP DATABASE",)]
    assert other.done(SETS).values == [(0,)]
    end.set()
    wait_until(lambda: other.done(SETS).values == [(1,)], "the end of the backup")
    wait_until(lambda: other.done(running).values == [], "the end of the request")


def test_a_held_backup_shows_its_progress_and_keeps_others_out(
    client: Client, other: Client, server: ScriptedServer
) -> None:
    fault, thread, replies = held(server, client)
    (row,) = other.done("SELECT session_id, command, percent_complete FROM sys.dm_exec_requests").rows
    assert row == {"session_id": client.session.session_id, "command": "BACKUP DATABASE", "percent_complete": 60.0}
    assert other.ask(FULL).errors == [3023, 3013]
    assert other.ask(FULL.replace("vault", "model")).said[0].text.endswith("used by another process.).")
    assert other.ask(HEADER).errors == [3201, 3013]
    assert fault.hold is not None
    fault.hold.set()
    thread.join(10)
    assert 3014 in replies[0].numbers
    assert len(other.done(HEADER).rows) == 1


def test_a_cancelled_backup_leaves_a_partial_file_and_no_trace(
    client: Client, other: Client, server: ScriptedServer, vault: Database
) -> None:
    _, thread, replies = held(server, client)
    client.cancelled.set()
    thread.join(10)
    assert replies[0].errors == []
    assert not replies[0].cut
    assert other.ask(HEADER).errors == [3256, 3013]
    assert other.done(SETS).values == [(0,)]
    other.done(f"{FULL}, FORMAT")


def test_a_broken_append_is_an_incomplete_set_behind_the_good_ones(client: Client, server: ScriptedServer) -> None:
    client.done(FULL)
    server.faults.disk_full(r"D:\a.bak", after_messages=3)
    client.ask(FULL)
    rows = client.done(HEADER).rows
    assert [(row["Position"], row["BackupName"]) for row in rows] == [(1, None), (2, "*** INCOMPLETE ***")]
    assert client.ask(r"RESTORE VERIFYONLY FROM DISK = N'D:\a.bak' WITH FILE = 2").errors == [3256, 3013]
    client.done(r"RESTORE VERIFYONLY FROM DISK = N'D:\a.bak' WITH FILE = 1")


def test_kill_ends_a_held_backup_and_its_connection(client: Client, other: Client, server: ScriptedServer) -> None:
    _, thread, replies = held(server, client)
    other.done(f"KILL {client.session.session_id}")
    thread.join(10)
    assert replies[0].cut
    assert other.done(SETS).values == [(0,)]
    assert other.ask("KILL 999").errors == [6106]


@pytest.mark.parametrize("count", [20, 10_000])
def test_a_backup_says_as_many_messages_as_wanted(client: Client, server: ScriptedServer, count: int) -> None:
    server.faults.on("BACKUP", messages=count)
    reply = client.done(FULL)
    assert len(reply.said) == count
    assert reply.said[-1].number == 3014


def test_a_delay_ends_early_when_the_client_cancels(client: Client, server: ScriptedServer) -> None:
    server.faults.on("SELECT", delay_s=600)
    client.cancelled.set()
    assert client.ask("SELECT 1 AS one").rows == []


def test_any_message_can_be_injected(client: Client, server: ScriptedServer) -> None:
    own = Said(number=50001, text="of the users", severity=17, state=3)
    server.faults.on("SELECT", raise_=[own])
    assert client.ask("SELECT 1 AS one").said == [own]
