"""Whoever owns the application's user writes the catalogue, the key, audit.toml and every file of the home.

What left the home decides then: nothing that is written inside makes heads outside that contradict the log silently
fine. Where nothing left it, that is told, and no more is claimed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from pwsops.catalogue.store import FILE_NAME
from pwsops.errors import InvalidInput, Refused
from pwsops.heads import journal
from pwsops.heads.file import HeadFile
from pwsops.heads.journal import JournalHeads
from pwsops.operations import Operations, open_operations
from pwsops.rules.audit import AuditState, Head, HeadSource, Kind, Verification
from tests.homes import Home


@pytest.fixture(autouse=True)
def no_journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(journal, "JOURNALD", tmp_path / "none")
    monkeypatch.setattr(journal, "SYSLOG", tmp_path / "none")


@pytest.fixture
def outside(home: Home, tmp_path: Path) -> Path:
    """The heads of a home whose log has eight entries of its own, where its owner can only append."""
    file = tmp_path / "outside.log"
    (home.path / "audit.toml").write_text(f"heads = '{file}'\n")
    for number in range(8):
        home.ops.audit.record("restore succeeded", f"db{number}", "evil" if number > 4 else "fine")
    assert home.ops.audit.verify().state is AuditState.WHOLE
    return file


def tamper(home: Home, *statements: str) -> None:
    with closing(sqlite3.connect(home.path / FILE_NAME)) as connection, connection:
        for verb in ("update", "delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS audit_is_append_only_{verb}")
        for statement in statements:
            connection.execute(statement)


def cut(home: Home) -> None:
    tamper(home, "DELETE FROM audit WHERE id > 7")


def kinds(found: Verification) -> Sequence[Kind]:
    return [one.kind for one in found.findings]


def again(home: Home) -> Operations:
    """The home, opened as by a program that was started anew."""
    return open_operations(home.path, actor="mallory", clock=home.clock)


def log_check(home: Home) -> tuple[bool, bool]:
    check = next(one for one in home.ops.doctor() if one.name == "Audit log")
    return check.ok, check.unknown


@pytest.mark.parametrize("line", ["since = 2999-01-01T00:00:00Z", "journal = false"])
def test_a_line_in_the_home_s_configuration_leaves_no_head_aside(home: Home, outside: Path, line: str) -> None:
    cut(home)
    with (home.path / "audit.toml").open("a") as file:
        file.write(f"{line}\n")
    assert kinds(home.ops.audit.verify()) == [Kind.CUT]
    assert log_check(home) == (False, False)


@pytest.mark.parametrize("configuration", ["", "heads = 'audit-heads.log'", "heads = 'another.log'"])
def test_heads_that_go_elsewhere_are_compared_with_where_they_went(
    home: Home, outside: Path, configuration: str
) -> None:
    cut(home)
    (home.path / "audit.toml").write_text(configuration)
    assert Kind.CUT in kinds(home.ops.audit.verify())
    home.ops.audit.record("export history", "a.csv")
    assert home.ops.audit.verify().state is AuditState.CHANGED
    place = home.path / (configuration[9:-1] or "audit-heads.log")
    assert [(one.subject, one.detail) for one in home.ops.audit.list() if one.action == "place of heads"] == [
        ("audit log", str(place)),
        ("audit log", str(outside)),
    ]


def test_a_place_that_is_left_has_the_head_of_the_entry_that_says_so(home: Home, outside: Path) -> None:
    (home.path / "audit.toml").write_text("")
    for _ in range(2):
        home.ops.audit.record("export history", "a.csv")
    entry = next(one for one in home.ops.audit.list() if one.action == "place of heads")
    last = HeadFile(outside).read(home.path).heads[-1]
    assert (last.first, last.entry) == (entry.id, entry.id + 1)
    assert kinds(home.ops.audit.verify()) == [Kind.NO_HEAD], "where they go again, those of between are not"


def test_a_place_that_is_named_late_needs_no_heads_of_what_another_has(home: Home, outside: Path) -> None:
    found = home.ops.audit.verify()
    assert found.sources == {str(outside): 8, str(home.path / "audit-heads.log"): 2}, "the one it left knows where to"
    assert found.state is AuditState.WHOLE


def test_the_journal_is_compared_with_and_names_the_places_whatever_the_home_says_now(
    home: Home, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = HeadFile(outside).read(home.path).heads
    told = JournalHeads(
        source=HeadSource(name=journal.NAME, heads=heads), file_bytes={str(outside): outside.stat().st_size}
    )
    monkeypatch.setattr(journal, "read", lambda _home: told)
    (home.path / "audit.toml").write_text("journal = false")
    tamper(home, "DELETE FROM audit WHERE id > 1")
    found = home.ops.audit.verify()
    assert kinds(found) == [Kind.CUT]
    assert {journal.NAME, str(outside)} <= set(found.sources)


def test_heads_that_the_home_forgot_are_given_by_whoever_kept_them(home: Home, outside: Path) -> None:
    tamper(home, "DELETE FROM audit WHERE id > 1")
    (home.path / "audit.toml").unlink()
    inside = home.path / "audit-heads.log"
    inside.write_bytes(inside.read_bytes().splitlines(keepends=True)[0])
    found = home.ops.audit.verify()
    assert found.state is AuditState.WHOLE, "nothing in the home tells it"
    assert "can rewrite the log together with its heads, and no verification shows that" in found.caveat
    found = home.ops.audit.verify_with([outside])
    assert kinds(found) == [Kind.CUT]


# What is acknowledged


def test_what_is_acknowledged_is_told_and_never_whole(home: Home, outside: Path) -> None:
    with pytest.raises(Refused, match="nothing to acknowledge"):
        home.ops.audit.acknowledge("for nothing")
    with pytest.raises(InvalidInput, match="no reason"):
        home.ops.audit.acknowledge(" ")
    cut(home)
    home.ops.audit.acknowledge("the copy of Sunday was put back")
    entry = home.ops.audit.list(limit=1)[0]
    assert (entry.action, entry.id) == ("acknowledge findings", 8)
    assert entry.detail.startswith("the copy of Sunday was put back [changed: The log was cut at its end")
    found = home.ops.audit.verify()
    assert (found.state, kinds(found)) == (AuditState.UNKNOWN, [Kind.ACKNOWLEDGED])
    assert "3 heads of entries 8 to 10" in found.summary
    assert "Entry 8 acknowledges that" in found.summary
    assert log_check(home) == (False, True)
    assert HeadFile(outside).read(home.path).heads[-1].digest == entry.digest


def test_what_is_acknowledged_ends_where_the_entry_s_own_head_stands(home: Home, outside: Path) -> None:
    cut(home)
    now = home.clock.now()
    home.clock.advance(days=400)  # whoever owns the machine sets its clock
    home.ops.audit.acknowledge("a long time ahead")
    home.clock.set_wall(now)
    for number in range(3):
        home.ops.audit.record("restore succeeded", f"db{number}", "later")
    tamper(home, "DELETE FROM audit WHERE id > 9")
    assert kinds(home.ops.audit.verify()) == [Kind.ACKNOWLEDGED, Kind.CUT]


@pytest.mark.parametrize("change", ["key_id = 0", "detail = 'another reason'", "digest = 'x'"])
def test_an_acknowledgment_that_the_log_s_key_does_not_vouch_for_counts_for_nothing(
    home: Home, outside: Path, change: str
) -> None:
    cut(home)
    home.ops.audit.acknowledge("the copy of Sunday was put back")
    tamper(home, f"UPDATE audit SET {change} WHERE id = 8")
    assert home.ops.audit.verify().state is AuditState.CHANGED


def test_a_head_that_is_forged_for_an_acknowledgment_hides_nothing_that_comes_after(home: Home, outside: Path) -> None:
    cut(home)
    home.ops.audit.acknowledge("the copy of Sunday was put back")
    heads = HeadFile(outside).read(home.path).heads
    HeadFile(outside).append(home.path, Head(first=1, entry=99, digest="made up", at=home.clock.now()))
    HeadFile(outside).append(home.path, heads[-1])
    found = home.ops.audit.verify()
    assert (found.state, "4 heads of entries 1 to 99" in found.summary) == (AuditState.UNKNOWN, True)


# Keys


@pytest.mark.parametrize("change", ["UPDATE audit_keys SET sealed = NULL", "UPDATE audit_keys SET sealed = 'x'"])
def test_a_key_that_was_taken_out_of_the_catalogue_is_a_change_and_red_at_once(
    home: Home, outside: Path, change: str
) -> None:
    tamper(home, change, "UPDATE audit SET detail = 'fine' WHERE detail = 'evil'")
    fault = home.ops.key.fault()
    assert fault is not None
    assert "nobody can vouch" in fault.message
    assert home.ops.audit.verify().state is AuditState.CHANGED
    assert Kind.REWRITTEN in kinds(home.ops.audit.verify())
    checks = {one.name: one for one in home.ops.doctor()}
    assert not checks["Key of the audit log"].ok
    home.ops.audit.record("export history", "a.csv")
    assert home.ops.audit.list(limit=1)[0].key_id == 0
    home.ops.audit.begin_new_key()
    assert home.ops.key.fault() is None
    home.ops.audit.record("export history", "b.csv")
    found = home.ops.audit.verify()
    unkeyed = next(one for one in found.findings if one.kind is Kind.UNKEYED)
    assert (unkeyed.first, unkeyed.last) == (11, 11), "it is told apart from what the next key covers"


def test_a_check_value_that_was_changed_as_well_does_not_make_it_a_lost_key(home: Home) -> None:
    home.server.login = True
    home.ops.instances.add("with", engine="fake", address="x", login="sa", password="a password")
    tamper(home, "UPDATE audit_keys SET sealed = NULL", "UPDATE home SET key_check = 'x'")
    assert Kind.REWRITTEN in kinds(home.ops.audit.verify())
    tamper(home, "UPDATE instances SET sealed_password = NULL")
    assert kinds(home.ops.audit.verify()) == [Kind.KEY_LOST], "nothing proves the key then"
    assert home.ops.key.fault() is not None


def test_a_key_that_is_lost_with_the_home_s_is_told_apart_from_one_that_was_taken(home: Home) -> None:
    (home.path / "secret.key").unlink()
    home.ops.key.begin_anew()
    home.ops.audit.record("export history", "a.csv")
    entry = next(one for one in home.ops.audit.list() if one.action == "begin new key of audit log")
    assert entry.detail.endswith("; lost: 1")
    assert kinds(home.ops.audit.verify()) == [Kind.KEY_LOST]
    assert home.ops.key.fault() is None
    tamper(home, "UPDATE audit_keys SET sealed = NULL WHERE id = 2")
    assert Kind.REWRITTEN in kinds(home.ops.audit.verify())


# A log that begins anew


def emptied(home: Home) -> None:
    tamper(home, "DELETE FROM audit", "DELETE FROM audit_keys")
    (home.path / "audit-heads.log").unlink()


def test_a_log_that_begins_anew_in_a_home_in_use_gets_no_key_and_says_so_until_it_is_acknowledged(home: Home) -> None:
    emptied(home)
    ops = again(home)
    assert kinds(ops.audit.verify()) == [Kind.EMPTIED]
    assert ops.key.fault() is not None
    ops.audit.record("export history", "a.csv")
    assert ops.audit.list()[0].key_id == 0
    found = ops.audit.verify()
    assert (found.state, kinds(found)) == (AuditState.CHANGED, [Kind.UNKEYED, Kind.BEGUN_ANEW])
    assert "the instance srv" in found.findings[1].text
    ops.audit.begin_new_key()
    assert ops.audit.verify().state is AuditState.CHANGED, "a key alone explains nothing"
    ops.audit.acknowledge("the disk was lost, and nobody had a copy")
    found = ops.audit.verify()
    assert (found.state, kinds(found)) == (AuditState.UNKNOWN, [Kind.UNKEYED, Kind.ACKNOWLEDGED])
    ops.close()


def test_an_acknowledgment_gives_a_log_that_has_none_a_key(home: Home) -> None:
    emptied(home)
    home.ops.audit.acknowledge("the disk was lost, and nobody had a copy")
    assert [one.key_id for one in home.ops.audit.list()] == [1, 1]
    found = home.ops.audit.verify()
    assert (found.state, kinds(found)) == (AuditState.UNKNOWN, [Kind.ACKNOWLEDGED])


def test_runs_without_any_instance_that_was_added_are_a_log_begun_anew_too(home: Home) -> None:
    home.add()
    home.run()
    emptied(home)
    tamper(home, "DELETE FROM instances")
    home.ops.audit.record("export history", "a.csv")
    found = home.ops.audit.verify()
    assert (found.findings[-1].kind, "(runs)" in found.findings[-1].text) == (Kind.BEGUN_ANEW, True)


def test_a_new_home_has_a_key_before_its_first_entry_and_its_log_is_whole(tmp_path: Path) -> None:
    ops = open_operations(tmp_path / "new")
    assert (ops.audit.verify().state, ops.key.fault()) == (AuditState.WHOLE, None)
    ops.audit.record("export history", "a.csv")
    assert (ops.audit.list()[0].key_id, ops.audit.verify().state) == (1, AuditState.WHOLE)
    ops.close()
