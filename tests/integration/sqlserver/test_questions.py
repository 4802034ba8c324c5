"""Could not ask is never "there is none"; a refused login is asked once; each error has its own next step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pwsops.clock import SystemClock
from pwsops.engines.records import DatabaseInfo
from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlserver import chain, link, running
from pwsops.engines.sqlserver.causes import CAUSES
from pwsops.engines.sqlserver.engine import SqlServerEngine
from pwsops.engines.sqlserver.link import NotAsked
from pwsops.errors import BaseUnusable, EngineError, LoginRefused, MediaError
from tests.integration.sqlserver.bench import PASSWORD, Bench
from tests.standin.events import Said
from tests.standin.server.messages import said
from tests.standin.server.others import take_full

DEADLOCK = (said(1205, 51, "lock"), "deadlock")
LOCKED = (Said(number=1222, text="Lock request time out period exceeded.", severity=16), "holds a lock")
RESTORING = (said(927, "other"), "in the middle of a restore")
NO_SELECT = (said(229, "SELECT", "backupset", "msdb", "dbo"), "may not use an object")
NO_STATE = (said(297), "may not see the server's state")
PASSING, LASTING = [DEADLOCK, LOCKED], [RESTORING, NO_SELECT, NO_STATE]
LOGS, BASES, SIZES, ROLES = "b.type = 'L'", "b.is_snapshot\nFROM sys.databases", "SUM(CAST(f.size", "dm_hadr"


def vault(engine: SqlServerEngine) -> DatabaseInfo:
    return next(each for each in engine.databases() if each.name == "vault")


def ask_in_vain(bench: Bench, containing: str, answer: Said, times: int | None = None) -> None:
    bench.fail("SELECT", answer, containing=containing, times=times)


QUESTIONS = [
    (LOGS, "Whether anybody backs up its log could not be looked up, because", "Nobody has backed up"),
    (BASES, "Who took its last full backup could not be looked up, because", "Somebody else"),
    (SIZES, "Its size could not be looked up, because", "0 Bytes"),
    (ROLES, "Its role in its availability group could not be looked up, because", "secondary"),
]


@pytest.mark.parametrize(("containing", "told", "false"), QUESTIONS, ids=["logs", "bases", "sizes", "roles"])
@pytest.mark.parametrize(("answer", "why"), [*PASSING, *LASTING], ids=["1205", "1222", "927", "229", "297"])
def test_what_could_not_be_asked_of_the_databases_is_said_with_the_reason(
    bench: Bench, containing: str, told: str, false: str, answer: Said, why: str
) -> None:
    bench.server.databases["vault"].replica_role = "PRIMARY"
    ask_in_vain(bench, containing, answer)
    warnings = " ".join(vault(bench.engine).warnings)
    assert told in warnings
    assert why in warnings
    assert false not in warnings


@pytest.mark.parametrize("containing", [LOGS, BASES, SIZES, ROLES])
@pytest.mark.parametrize(("answer", "why"), PASSING, ids=["1205", "1222"])
def test_what_passes_by_itself_is_asked_once_more(bench: Bench, containing: str, answer: Said, why: str) -> None:
    bench.server.databases["vault"].replica_role = "PRIMARY"
    ask_in_vain(bench, containing, answer, times=1)
    found = vault(bench.engine)
    assert "could not be looked up" not in " ".join(found.warnings)
    assert found.size_bytes > 0


def test_what_this_login_may_never_ask_is_asked_once(bench: Bench) -> None:
    ask_in_vain(bench, LOGS, NO_SELECT[0])
    bench.engine.databases()
    assert len([batch for batch in bench.server.log if LOGS in batch]) == 1


def test_a_question_that_takes_too_long_or_loses_its_connection_is_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "QUERY_TIMEOUT_S", 1)
    monkeypatch.setattr(link.Link.query, "__kwdefaults__", {**(link.Link.query.__kwdefaults__ or {}), "timeout_s": 1})
    bench.server.faults.on("SELECT", delay_s=2.5, containing=LOGS, times=None)
    assert "could not be looked up, because the server cannot be reached" in " ".join(vault(bench.engine).warnings)
    bench.server.faults.clear()
    bench.server.faults.on("SELECT", cut_after=0, containing=BASES, times=None)
    told = " ".join(vault(bench.engine).warnings)
    assert "Who took its last full backup could not be looked up, because the server cannot be reached" in told


def test_a_size_that_is_not_shown_is_not_told_as_none(bench: Bench) -> None:
    weak = bench.engine_with(reads_media=False)
    assert "Its size is not shown to this login, and so not known." in vault(weak).warnings
    assert "0 Bytes" not in " ".join(vault(weak).warnings)


def test_whose_base_it_is_could_not_be_asked(bench: Bench) -> None:
    full = bench.full()
    take_full(bench.server, "vault", bench.path("theirs.bak"))
    ask_in_vain(bench, "b.backup_set_uuid = CAST", NO_SELECT[0])
    with pytest.raises(BaseUnusable, match="could not be looked up, because the login pwsops may not"):
        chain.require_base(bench.engine._link, "vault", full)


def test_a_backup_that_may_be_going_on_still_is_not_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwsops.engines.sqlserver.resolving.REFUSED_LIMIT_S", 0.3)
    asked: dict[str, Any] = {"database": "vault", "directory": bench.directory, "description": "pwsops run 9"}
    ask_in_vain(bench, "dm_exec_sql_text", DEADLOCK[0])
    with pytest.raises(EngineError, match="deadlock"):
        bench.engine.find_backup(**asked)
    bench.server.faults.clear()
    ask_in_vain(bench, "dm_exec_sql_text", NO_STATE[0])
    assert bench.engine.find_backup(**asked) is None, "who never sees other sessions goes by the history"


def test_certificates_are_not_listed_as_needed_by_nobody_because_of_a_deadlock(bench: Bench) -> None:
    bench.server.make_certificate("keeper")
    ask_in_vain(bench, "dm_database_encryption_keys", DEADLOCK[0])
    with pytest.raises(EngineError, match="deadlock"):
        bench.engine.certificates()
    bench.server.faults.clear()
    ask_in_vain(bench, "dm_database_encryption_keys", NO_STATE[0])
    assert [each.name for each in bench.engine.certificates()] == ["keeper"]


def test_that_the_zone_of_a_set_could_not_be_asked_is_said_beside_its_times(bench: Bench) -> None:
    """A set that its file proves must not be lost for a time that may be an hour off."""
    bench.server.version = "15.0.4100.1"
    bench.engine.probe()
    full = bench.full()
    ask_in_vain(bench, "b.time_zone\nFROM", DEADLOCK[0])
    (read,) = bench.engine.read_media(full.path)
    assert (read.details["zone_from"], read.finished_at) == ("server", full.finished_at)


def test_the_stripes_of_another_tools_set_are_not_guessed_because_of_a_deadlock(bench: Bench) -> None:
    paths = [bench.path("a.bak"), bench.path("b.bak")]
    take_full(bench.server, "vault", f"{paths[0]}', DISK = N'{paths[1]}")
    ask_in_vain(bench, "b.backup_set_uuid = CAST", DEADLOCK[0])
    with pytest.raises(EngineError, match="deadlock"):
        bench.engine.read_media(paths[0])
    bench.server.faults.clear()
    (found,) = bench.engine.read_media(paths[0])
    assert found.details["stripes"] == paths


@pytest.mark.parametrize(
    ("answer", "told"), [(NO_STATE[0], "not visible"), (DEADLOCK[0], "because the server ended it")]
)
def test_a_service_account_that_could_not_be_asked_says_why(bench: Bench, answer: Said, told: str) -> None:
    ask_in_vain(bench, "dm_server_services", answer)
    assert told in bench.engine.probe().facts["Service account"]


def test_an_answer_that_is_none_has_to_be_looked_at(bench: Bench) -> None:
    ask_in_vain(bench, LOGS, DEADLOCK[0])
    answer = bench.engine._link.attempt(bench.engine._link.context("Asking"), "SELECT 1 AS one -- b.type = 'L'")
    assert isinstance(answer, NotAsked)
    assert not answer.is_denied
    assert answer.why == "the server ended it to resolve a deadlock"


REFUSED = [
    {"password": "changed"},
    {"password": PASSWORD, "locked": True},
    {"password": PASSWORD, "disabled": True},
    {"password": PASSWORD, "expired": True},
    {"password": PASSWORD, "must_change": True},
]
ASKED: dict[str, Callable[[Bench, Any], object]] = {
    "probe": lambda bench, full: bench.engine.probe(),
    "databases": lambda bench, full: bench.engine.databases(),
    "backup": lambda bench, full: bench.take(file_name="two.bak"),
    "differential": lambda bench, full: bench.take(file_name="diff.bak", base=full),
    "verify": lambda bench, full: bench.engine.verify(full),
    "media": lambda bench, full: bench.engine.read_media(full.path),
    "look for": lambda bench, full: bench.engine.look_for([full]),
    "history": lambda bench, full: bench.engine.history(),
    "browse": lambda bench, full: bench.engine.browse(bench.directory),
    "certificates": lambda bench, full: bench.engine.certificates(),
    "give back": lambda bench, full: bench.engine.give_back_access("vault", "MULTI_USER"),
    "restore": lambda bench, full: bench.engine.restore(RestoreRequest(database="vault", sets=[full])),
}


@pytest.mark.parametrize("state", REFUSED, ids=["password", "locked", "disabled", "expired", "must change"])
def test_a_refused_login_is_its_own_error_and_one_attempt(bench: Bench, state: dict[str, Any]) -> None:
    bench.server.add_login("pwsops", **state)
    with pytest.raises(LoginRefused) as refused:
        bench.engine.databases()
    assert not refused.value.transient
    assert bench.server.connections.refused == 1


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_whatever_is_asked_a_refused_login_is_one_attempt(bench: Bench, ask: Callable[[Bench, Any], object]) -> None:
    full = bench.full()
    bench.engine._link.forget()
    bench.server.accounts["pwsops"].password = "changed"
    with pytest.raises(LoginRefused):
        ask(bench, full)
    assert bench.server.connections.refused == 1


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
def test_a_login_that_is_refused_after_its_connections_broke_is_one_attempt(
    bench: Bench, ask: Callable[[Bench, Any], object]
) -> None:
    full = bench.full()
    bench.server.accounts["pwsops"].password = "changed"
    for session in bench.server.sessions():
        session.kill()
    with pytest.raises(LoginRefused):
        ask(bench, full)
    assert bench.server.connections.refused == 1


def test_an_engine_does_not_try_a_refused_login_again_until_it_is_probed(bench: Bench) -> None:
    bench.server.accounts["pwsops"].password = "changed"
    for _ in range(3):
        with pytest.raises(LoginRefused):
            bench.engine.databases()
    assert bench.server.connections.refused == 1
    bench.server.accounts["pwsops"].password = PASSWORD
    assert bench.engine.probe().reachable
    assert bench.engine.databases()


def test_a_password_that_changes_during_a_restore_is_one_attempt(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    full = bench.full()
    run = running.run

    def cut_and_change(at: link.Link, context: Any, text: str, **options: Any) -> running.StatementResult:
        if not text.startswith("RESTORE DATABASE"):
            return run(at, context, text, **options)
        bench.server.faults.on("RESTORE DATABASE", cut_after=3, finishes=False)
        result = run(at, context, text, **options)
        bench.server.accounts["pwsops"].password = "changed"
        at.forget()
        return result

    waits: list[float] = []
    monkeypatch.setattr(SystemClock, "wait", lambda _clock, _event, seconds: waits.append(seconds))
    monkeypatch.setattr(running, "run", cut_and_change)
    with pytest.raises(EngineError) as failed:
        bench.engine.restore(RestoreRequest(database="vault", sets=[full]))
    assert bench.server.connections.refused == 1
    assert waits == [], "nobody is let in later either"
    assert "Let them in again" in failed.value.hint


def test_a_database_that_cannot_be_opened_is_no_refused_login(bench: Bench) -> None:
    """4060 comes when the password was right: it does not count towards locking the account."""
    bench.server.databases["master"].state = "OFFLINE"
    with pytest.raises(EngineError) as failed:
        bench.engine.databases()
    # FreeTDS hands out the severest error alone, which is the 18456 that follows.
    assert isinstance(failed.value, LoginRefused) is not bench.driver.is_microsofts
    assert bench.server.connections.refused == 1


def test_without_rights_in_msdb_the_databases_are_listed_with_what_could_not_be_asked(bench: Bench) -> None:
    bench.server.add_login(
        "least", password=PASSWORD, grants={"CREATE ANY DATABASE"}, databases={"vault": {"db_backupoperator"}}
    )
    found = vault(bench.engine_as("least"))
    told = " ".join(found.warnings)
    assert "Whether anybody backs up its log could not be looked up, because" in told
    assert "Nobody has backed up its log" not in told


@pytest.mark.parametrize("number", [596, 3287, 3098, 1807, 9002, 3033, 983, 5070, 8645])
def test_an_error_has_a_cause_and_a_next_step_of_its_own(bench: Bench, number: int) -> None:
    bench.fail(
        "BACKUP DATABASE",
        Said(number=number, text=f"What the server says of {number}.", severity=16),
        said(3013, "BACKUP DATABASE"),
    )
    with pytest.raises(EngineError) as failed:
        bench.take()
    cause = CAUSES[number]
    assert failed.value.number == number
    assert failed.value.transient is cause.transient
    assert cause.text.partition("{")[0] in failed.value.message
    assert "only all that came here" not in failed.value.hint
    assert "error log at this time for the cause" not in failed.value.hint


@pytest.mark.parametrize("number", [3189, 3203, 3241])
def test_a_backup_that_fails_its_verification_gets_a_backups_next_step(bench: Bench, number: int) -> None:
    blanks = ("x", "38(Reached the end of the file.)") if number == 3203 else ("x", "y")
    bench.fail("RESTORE VERIFYONLY", said(number, *blanks), said(3013, "VERIFY DATABASE"))
    with pytest.raises(MediaError) as failed:
        bench.take()
    assert "take the backup again" in failed.value.hint
    assert "Use another backup" not in failed.value.hint
    full = bench.full("two.bak")
    bench.fail("RESTORE VERIFYONLY", said(number, *blanks), said(3013, "VERIFY DATABASE"))
    with pytest.raises(MediaError) as failed:
        bench.engine.restore(RestoreRequest(database="vault", sets=[full]))
    assert "Use another backup" in failed.value.hint
