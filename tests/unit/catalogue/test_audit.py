from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pytest

from pwsops.catalogue import store
from pwsops.catalogue.audit import FIRST
from pwsops.rules.audit import AuditState, Kind, Verification
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


def places(found: Verification) -> Sequence[tuple[Kind, int | None, int | None]]:
    return [(one.kind, one.first, one.last) for one in found.findings]


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
    assert {entry.key_id for entry in entries} == {1}


def test_an_untouched_log_is_whole(home: Home) -> None:
    fill(home)
    found = home.ops.audit.verify()
    assert (found.state, found.findings, found.entries, found.last) == (AuditState.WHOLE, [], 5, 5)
    assert found.sources == {str(home.path / "audit-heads.log"): 5}
    assert found.head == home.ops.audit.list()[0].digest


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'bob'",
        "action = 'nothing'",
        "subject = 'q'",
        "detail = 'harmless'",
        "at = at + 1",
        "system_user = 'nobody'",
        "key_id = 0",
        "key_id = NULL",
    ],
)
def test_a_changed_entry_is_found(home: Home, change: str) -> None:
    fill(home)
    tamper(home, f"UPDATE audit SET {change} WHERE id = 3")
    assert places(home.ops.audit.verify()) == [(Kind.REWRITTEN, 3, 3)]


def test_a_changed_digest_is_found_there_at_the_next_and_by_its_head(home: Home) -> None:
    fill(home)
    tamper(home, f"UPDATE audit SET digest = '{FIRST}' WHERE id = 3")
    assert places(home.ops.audit.verify()) == [(Kind.REWRITTEN, 3, 4), (Kind.REWRITTEN, 3, 3)]


@pytest.mark.parametrize(("gone", "first", "last"), [("id = 3", 3, 3), ("id < 3", 1, 2)])
def test_removed_entries_are_a_gap(home: Home, gone: str, first: int, last: int) -> None:
    fill(home)
    tamper(home, f"DELETE FROM audit WHERE {gone}")
    assert places(home.ops.audit.verify()) == [(Kind.GAP, first, last)]


def test_entries_that_changed_places_are_found(home: Home) -> None:
    fill(home)
    tamper(
        home,
        "UPDATE audit SET id = 99 WHERE id = 2",
        "UPDATE audit SET id = 2 WHERE id = 3",
        "UPDATE audit SET id = 3 WHERE id = 99",
    )
    assert (Kind.REWRITTEN, 2, 4) in places(home.ops.audit.verify())


def test_a_log_that_was_cut_at_its_end_is_older_than_its_head(home: Home) -> None:
    fill(home)
    tamper(home, "DELETE FROM audit WHERE id > 3")
    found = home.ops.audit.verify()
    assert places(found) == [(Kind.CUT, 4, 5)]
    assert "cut at its end: its last entry is 3" in found.summary
    home.ops.audit.record("start again", "p")
    assert (Kind.REWRITTEN, 4, 4) in places(home.ops.audit.verify()), "what was written since hides it"


def test_an_emptied_log_is_found_by_its_heads_and_by_what_the_home_holds(home: Home) -> None:
    fill(home)
    tamper(home, "DELETE FROM audit")
    assert [kind for kind, *_ in places(home.ops.audit.verify())] == [Kind.EMPTIED]
    tamper(home, "DELETE FROM audit_keys")
    (home.path / "audit-heads.log").unlink()
    found = home.ops.audit.verify()
    assert (found.state, [one.kind for one in found.findings]) == (AuditState.CHANGED, [Kind.EMPTIED])


def test_a_log_that_was_replaced_fits_none_of_its_heads(home: Home) -> None:
    fill(home)
    tamper(home, "UPDATE audit SET digest = 'x' || substr(digest, 2), key_id = 0")
    assert Kind.REPLACED in {one.kind for one in home.ops.audit.verify().findings}


def test_a_damaged_entry_is_named_and_hides_no_other(home: Home) -> None:
    fill(home)
    tamper(home, "UPDATE audit SET at = 'noon' WHERE id = 2", "UPDATE audit SET actor = x'00' WHERE id = 4")
    assert places(home.ops.audit.verify()) == [(Kind.DAMAGED, 2, 2), (Kind.DAMAGED, 4, 4)]
    assert home.ops.audit.verify().damaged_entries == {2, 4}


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
    assert home.ops.audit.verify().state is AuditState.WHOLE
