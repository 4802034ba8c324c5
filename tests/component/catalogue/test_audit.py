from __future__ import annotations

import hashlib
import importlib
import json
import os
import pwd
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine

from pwsops.catalogue import Catalogue, audit, audit_keys, store
from pwsops.catalogue.audit import FIRST
from pwsops.catalogue.schema import BEGINNING
from pwsops.errors import PwsopsError
from pwsops.operations import open_operations
from pwsops.rules.audit import AuditState, Head, Kind, Verification
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


def as_before_the_migration(home: Home) -> None:
    """Return the log what it had before there were keys: digests that anybody can compute, and no heads."""
    before, rows = FIRST, []
    with closing(sqlite3.connect(home.path / store.FILE_NAME)) as connection:
        found = connection.execute("SELECT id, at, actor, action, subject, detail FROM audit ORDER BY id").fetchall()
    for number, at, *texts in found:
        told = json.dumps([before, (BEGINNING + timedelta(microseconds=at)).isoformat(), *texts], ensure_ascii=False)
        before = hashlib.sha256(told.encode()).hexdigest()
        rows.append(f"UPDATE audit SET digest = '{before}', key_id = NULL, system_user = '' WHERE id = {number}")
    tamper(home, *rows, "DELETE FROM audit_keys")
    (home.path / "audit-heads.log").unlink()


def test_entries_from_before_there_were_keys_are_sealed_by_one_that_says_so(home: Home) -> None:
    fill(home)
    as_before_the_migration(home)
    found = home.ops.audit.verify()
    assert [one.kind for one in found.findings] == [Kind.UNKEYED]
    assert "Every entry was written without the log's key" in found.summary
    again = open_operations(home.path, actor="ann", clock=home.clock)
    newest = again.audit.list(limit=1)[0]
    assert (newest.id, newest.actor, newest.action, newest.key_id) == (6, "backup service", "begin keyed audit log", 1)
    assert newest.detail.startswith("the entries 1 to 5 keep their digests without a key; the newest of them is ")
    assert (again.audit.verify().state, again.audit.verify().keyed_from) == (AuditState.WHOLE, 6)
    again.close()
    tamper(home, "UPDATE audit SET detail = 'else' WHERE id = 2")
    assert places(home.ops.audit.verify()) == [(Kind.REWRITTEN, 2, 2)]


def test_an_old_entry_that_is_rewritten_with_all_after_it_does_not_fit_what_seals_it(home: Home) -> None:
    fill(home)
    as_before_the_migration(home)
    open_operations(home.path, actor="ann", clock=home.clock).close()
    with closing(sqlite3.connect(home.path / store.FILE_NAME)) as connection:
        (sealing,) = connection.execute("SELECT * FROM audit WHERE id = 6").fetchall()
        (keys,) = connection.execute("SELECT * FROM audit_keys").fetchall()
    heads = (home.path / "audit-heads.log").read_bytes()
    tamper(home, "DELETE FROM audit WHERE id = 6", "UPDATE audit SET detail = 'else' WHERE id = 2")
    as_before_the_migration(home)
    (home.path / "audit-heads.log").write_bytes(heads)
    with closing(sqlite3.connect(home.path / store.FILE_NAME)) as connection, connection:
        connection.execute(f"INSERT INTO audit VALUES ({', '.join('?' * len(sealing))})", sealing)
        connection.execute("INSERT INTO audit_keys VALUES (?, ?, ?, ?)", keys)
    assert places(home.ops.audit.verify()) == [(Kind.REWRITTEN, 6, 6)]


def test_what_the_migration_adds_leaves_the_entries_that_are_there(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / store.FILE_NAME)) as connection, connection:
        connection.execute(
            "CREATE TABLE audit "
            "(id INTEGER PRIMARY KEY, at BIGINT, actor TEXT, action TEXT, subject TEXT, detail TEXT, digest TEXT)"
        )
        connection.execute("INSERT INTO audit VALUES (1, 0, 'ann', 'act', 'thing', '', 'd')")
    engine = create_engine(f"sqlite:///{tmp_path / store.FILE_NAME}")
    with engine.begin() as bound, Operations.context(MigrationContext.configure(bound)):
        importlib.import_module("pwsops.catalogue.migrations.versions.0014_keyed_audit_log").upgrade()
    engine.dispose()
    with closing(sqlite3.connect(tmp_path / store.FILE_NAME)) as connection:
        assert connection.execute("SELECT * FROM audit").fetchall() == [
            (1, 0, "ann", "act", "thing", "", "d", "", None)
        ]


def test_what_is_written_where_no_key_can_be_made_is_not_lost_and_not_called_whole(home: Home) -> None:
    tamper(home, "DELETE FROM audit", "DELETE FROM audit_keys")
    (home.path / "audit-heads.log").unlink()
    (home.path / "secret.key").unlink()
    (home.path / "secret.key").mkdir()
    home.ops.audit.record("export history", "a.csv")
    (entry,) = home.ops.audit.list()
    assert entry.key_id == 0
    assert places(home.ops.audit.verify()) == [(Kind.UNKEYED, 1, 1), (Kind.BEGUN_ANEW, 1, 1)]


def test_a_catalogue_alone_writes_entries_without_a_key_and_makes_none(tmp_path: Path) -> None:
    with closing(Catalogue(tmp_path)) as catalogue, catalogue.write() as connection:
        audit.append(connection, at=BEGINNING, actor="ann", action="act", subject="x", detail="")
        with pytest.raises(PwsopsError, match="has no key"):
            audit.begin_anew(connection, now=BEGINNING, actor="ann")


def test_the_system_user_is_the_process_and_not_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody else")
    audit_keys.system_user.cache_clear()
    assert audit_keys.system_user() == pwd.getpwuid(os.geteuid()).pw_name
    audit_keys.system_user.cache_clear()
    monkeypatch.setattr("pwsops.catalogue.audit_keys.os.geteuid", lambda: 4_123_456)
    assert audit_keys.system_user() == "4123456"
    audit_keys.system_user.cache_clear()


def test_a_verification_waits_for_the_head_of_what_another_process_has_just_written(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = home.core.catalogue.notary.heads
    assert heads is not None
    late: list[Head] = []
    write = heads.write
    monkeypatch.setattr(heads, "write", late.append)
    home.ops.audit.record("export history", "a.csv")
    assert [one.kind for one in home.ops.audit.verify().findings] == [Kind.NO_HEAD]
    monkeypatch.setattr(home.clock, "wait", lambda _event, _seconds: write(late.pop()))
    assert home.ops.audit.verify().state is AuditState.WHOLE


@pytest.mark.parametrize(
    ("action", "subject", "instance"),
    [
        ("edit instance", "srv", "srv"),
        ("restore succeeded", "srv/one", "srv"),
        ("backup found", "srv/sub/one", "srv/sub"),
        ("create database", "gone/one", None),
        ("start run", "p", "srv"),
        ("start run", "none", None),
        ("export history", "history", None),
        ("denied", "p", "srv"),
        ("denied", "srv/sub", None),
        ("denied", "/a/path", None),
        ("add user", "srv", None),
    ],
)
def test_which_instance_an_entry_is_about_is_settled_when_it_is_written(
    home: Home, action: str, subject: str, instance: str | None
) -> None:
    home.add()
    home.ops.instances.add("srv/sub", engine=home.ops.instances.list()[0].engine, address="elsewhere")
    home.add(name="srv/sub")
    number = home.ops.audit.list(1)[0].id + 1
    tamper(home, f"INSERT INTO audit_instances VALUES ({number}, 'left by a log that was cut')")
    home.ops.audit.record(action, subject)
    with home.core.catalogue.read() as connection:
        found = connection.exec_driver_sql(f"SELECT instance FROM audit_instances WHERE entry = {number}").scalar()
    assert found == instance
