"""After a restore it is said what is not as before, with the statement that makes it so again."""

from __future__ import annotations

from typing import Any

import pytest

from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlserver import aftermath
from pwsops.engines.sqlserver.engine import SqlServerEngine
from tests.integration.sqlserver.bench import PASSWORD, Bench
from tests.standin.server.messages import said

SWITCHES = [
    ("is_trustworthy_on", "TRUSTWORTHY was on", "ALTER DATABASE [vault] SET TRUSTWORTHY ON"),
    ("is_broker_enabled", "Service Broker was on", "ALTER DATABASE [vault] SET ENABLE_BROKER"),
    ("is_db_chaining_on", "Ownership chaining over databases was on", "SET DB_CHAINING ON"),
    ("is_cdc_enabled", "Change data capture was on", "USE [vault]; EXEC sys.sp_cdc_enable_db"),
    ("is_published", "Replication was on", "Set it up again"),
]


def told(bench: Bench, engine: SqlServerEngine | None = None, **options: Any) -> list[str]:
    """Restore, and give what was said of it, without the server's own messages."""
    full = bench.full()
    result = (engine or bench.engine).restore(RestoreRequest(database="vault", sets=[full], **options))
    return [message.text for message in result.messages if message.number is None]


def test_what_is_as_before_is_not_mentioned(bench: Bench) -> None:
    bench.server.databases["vault"].users = {"app": "pwsops"}
    assert told(bench) == []


@pytest.mark.parametrize(("column", "what", "statement"), SWITCHES, ids=[each[0] for each in SWITCHES])
def test_what_a_restore_switched_off_is_said_with_its_statement(
    bench: Bench, column: str, what: str, statement: str
) -> None:
    bench.server.databases["vault"].switched_on = {column}
    (note,) = told(bench)
    assert f"{what} before the restore and is off now" in note
    assert statement in note


def test_users_without_a_login_are_said_with_their_statement(bench: Bench) -> None:
    bench.server.databases["vault"].users = {"app": "pwsops", "o]ld": "gone"}
    (note,) = told(bench)
    assert "The user o]ld of vault belongs to no login" in note
    assert "USE [vault]; ALTER USER [o]]ld] WITH LOGIN = [o]]ld]" in note


def test_a_database_that_was_made_anew_has_its_users_looked_at(bench: Bench) -> None:
    full = bench.full()
    bench.server.drop_database("vault")
    result = bench.engine.restore(RestoreRequest(database="vault", sets=[full], create_if_missing=True))
    assert [message.text for message in result.messages if message.number is None] == []


def test_logins_that_are_not_shown_are_not_taken_for_missing_ones(bench: Bench) -> None:
    bench.server.databases["vault"].users = {"app": "pwsops"}
    bench.server.add_login(
        "least", password=PASSWORD, roles={"dbcreator"}, databases={"vault": {"db_owner"}, "msdb": {"db_datareader"}}
    )
    (note,) = [each for each in told(bench, bench.engine_as("least")) if "login" in each and "room" not in each]
    assert "could not be looked up, because this login does not see all logins" in note


@pytest.mark.parametrize(
    ("containing", "note"),
    [
        ("is_trustworthy_on", "Whether the settings of vault are as before could not be looked up, because"),
        ("database_principals", "Whether users of vault lack their login could not be looked up, because"),
    ],
)
def test_what_could_not_be_asked_is_said_and_fails_nothing(bench: Bench, containing: str, note: str) -> None:
    full = bench.full()
    bench.fail("SELECT", said(229, "SELECT", "x", "y", "z"), containing=containing, times=None)
    result = bench.engine.restore(RestoreRequest(database="vault", sets=[full]))
    (said_besides,) = [message.text for message in result.messages if message.number is None]
    assert said_besides.startswith(note)


def test_another_owner_is_said() -> None:
    before = {"owner": "ann", "is_cdc_enabled": 0} | dict.fromkeys((*aftermath._SWITCHES, *aftermath._REPLICATION), 0)
    (note,) = aftermath.changes("vault", before, before | {"owner": "bob"})
    assert note == (
        "The owner of vault was ann before the restore and is bob now. As before: ALTER AUTHORIZATION ON "
        "DATABASE::[vault] TO [ann]"
    )
    (note,) = aftermath.changes("vault", before | {"owner": None}, before)
    assert "was unknown before" in note
    assert "ALTER" not in note
    (note,) = aftermath.changes("vault", before, before | {"is_cdc_enabled": 1})
    assert "sp_cdc_disable_db" in note
    (note,) = aftermath.changes("vault", before, before | {"is_subscribed": 1})
    assert "sp_removedbreplication" in note
    (note,) = aftermath.changes("vault", before, before | {"is_trustworthy_on": 1})
    assert "SET TRUSTWORTHY OFF" in note
    assert list(aftermath.changes("vault", {}, before)) == []
