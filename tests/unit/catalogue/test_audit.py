from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from pwsops.catalogue import store
from pwsops.catalogue.audit import FIRST
from tests.homes import Home


def tamper(home: Home, *statements: str) -> None:
    """Change the file behind the product's back, as somebody with access to it could."""
    with closing(sqlite3.connect(home.path / store.FILE_NAME)) as connection, connection:
        for verb in ("update", "delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS audit_is_append_only_{verb}")
        for statement in statements:
            connection.execute(statement)


def fill(home: Home) -> None:
    home.add()
    home.ops.profiles.deactivate("p")
    home.ops.profiles.activate("p")
    home.ops.profiles.delete("p")


def test_every_change_is_there_with_who_when_and_what(home: Home) -> None:
    fill(home)
    entries = home.ops.audit.list()
    assert [entry.action for entry in reversed(entries)] == [
        "add instance",
        "create profile",
        "deactivate profile",
        "activate profile",
        "delete profile",
    ]
    assert {entry.actor for entry in entries} == {"ann"}
    assert {entry.at for entry in entries} == {home.clock.now()}
    assert entries[0].subject == "p"
    assert len({entry.digest for entry in entries} | {FIRST}) == len(entries) + 1
    assert [entry.action for entry in home.ops.audit.list(limit=1)] == ["delete profile"]


def test_an_untouched_log_is_whole(home: Home) -> None:
    assert home.ops.audit.first_broken() is None
    fill(home)
    assert home.ops.audit.first_broken() is None


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'bob'",
        "action = 'nothing'",
        "subject = 'q'",
        "detail = 'harmless'",
        "at = at + 1",
        f"digest = '{FIRST}'",
    ],
)
def test_a_changed_entry_is_found(home: Home, change: str) -> None:
    fill(home)
    tamper(home, f"UPDATE audit SET {change} WHERE id = 3")
    assert home.ops.audit.first_broken() == 3


def test_a_removed_entry_is_found_at_the_next(home: Home) -> None:
    fill(home)
    tamper(home, "DELETE FROM audit WHERE id = 3")
    assert home.ops.audit.first_broken() == 4


def test_a_removed_first_entry_is_found(home: Home) -> None:
    fill(home)
    tamper(home, "DELETE FROM audit WHERE id = 1")
    assert home.ops.audit.first_broken() == 2


def test_entries_that_changed_places_are_found(home: Home) -> None:
    fill(home)
    tamper(
        home,
        "UPDATE audit SET id = 99 WHERE id = 2",
        "UPDATE audit SET id = 2 WHERE id = 3",
        "UPDATE audit SET id = 3 WHERE id = 99",
    )
    assert home.ops.audit.first_broken() == 2


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'bob'", "DELETE FROM audit"])
def test_the_file_itself_refuses_changes_and_deletions(home: Home, statement: str) -> None:
    with (
        closing(sqlite3.connect(home.path / store.FILE_NAME)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)


def test_any_text_can_be_told(home: Home) -> None:
    home.add(name="Ünïcode 🗄 'quotes' \"; --")
    assert home.ops.audit.list()[0].subject == "Ünïcode 🗄 'quotes' \"; --"
    assert home.ops.audit.first_broken() is None
