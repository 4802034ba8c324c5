"""What leaves an entry in the audit log beside what is done in the catalogue, and how much of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pwsops.catalogue import refused_logins
from pwsops.engines.records import Credentials
from pwsops.errors import Denied, InvalidInput, LoginRefused, PwsopsError
from pwsops.operations import Role
from pwsops.operations.audit_log import AuditQuery
from pwsops.operations.events import MOST_ACTORS, MOST_DETAILS, MOST_SUBJECTS, WINDOW_S
from pwsops.operations.reports import ReportFormat
from tests.homes import Home
from tests.people import acting_as

A_MINUTE = timedelta(seconds=WINDOW_S)


def actions(home: Home) -> list[str]:
    return [one.action for one in reversed(home.ops.audit.list(limit=1_000))][1:]


def fail(home: Home, name: str = "eve", subject: str = "eve") -> None:
    home.core.events.record(name, "sign-in failed", subject, "wrong password")


def test_what_is_repeated_is_counted_and_told_a_minute_later(home: Home) -> None:
    for _ in range(1_000):
        fail(home)
    assert actions(home) == ["sign-in failed"]
    home.clock.advance(A_MINUTE)
    newest = home.ops.audit.list(limit=1)[0]
    assert (newest.actor, newest.subject) == ("eve", "eve")
    assert newest.detail.startswith("999 more within a minute, the last at 2026-03-02 12:00:00 UTC")
    fail(home)
    assert actions(home) == ["sign-in failed"] * 3


def test_strangers_who_change_their_names_do_not_fill_the_disk(home: Home) -> None:
    for number in range(1_000):
        fail(home, f"eve {number}", "x" * 10_000)
    assert len(actions(home)) == MOST_ACTORS
    assert {len(one.subject) for one in home.ops.audit.list(limit=MOST_ACTORS)} == {500}
    home.clock.advance(A_MINUTE)
    fail(home)
    newest = home.ops.audit.list(limit=2)[1]
    assert newest.actor == "several"
    assert newest.detail.startswith("800 more")


def test_whoever_makes_up_subjects_and_details_is_counted_apart_from_everybody_else(home: Home) -> None:
    for number in range(1_000):
        fail(home, "mallory", f"made up {number}")
        home.core.events.record("mallory", "sign-in failed", "ada", f"from {number}")
    assert len(actions(home)) == MOST_SUBJECTS - 1 + MOST_DETAILS
    fail(home, "ann", "a real one")
    newest = home.ops.audit.list(limit=1)[0]
    assert (newest.actor, newest.subject, newest.detail) == ("ann", "a real one", "wrong password")
    home.clock.advance(A_MINUTE)
    counted = [(one.actor, one.subject, one.detail.split()[0]) for one in home.ops.audit.list(limit=2)]
    assert sorted(counted) == [("mallory", "ada", "995"), ("mallory", "several", "981")]


def test_what_is_over_makes_room_again(home: Home) -> None:
    for _ in range(3):
        for number in range(MOST_SUBJECTS):
            fail(home, "mallory", f"made up {number}")
        home.clock.advance(A_MINUTE)
    assert len(actions(home)) == 3 * MOST_SUBJECTS


def test_what_was_counted_is_written_when_the_process_ends(home: Home) -> None:
    fail(home)
    fail(home)
    home.core.events.close()
    assert home.ops.audit.list(limit=1)[0].detail.startswith("1 more")


def test_what_was_done_is_written_each_time(home: Home) -> None:
    for _ in range(5):
        home.ops.audit.record("export history", "history.csv")
    assert actions(home) == ["export history"] * 5


def test_a_denial_is_raised_also_where_it_cannot_be_written_down(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object, **__: object) -> None:
        raise PwsopsError("locked", hint="wait")

    monkeypatch.setattr(home.core.events, "record", locked)
    with pytest.raises(Denied):
        acting_as(home.ops, Role.VIEWER).service.stop()


def test_exports_leave_an_entry_and_without_one_there_is_no_file(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.ops.reports.write(ReportFormat.CSV, tmp_path / "a.csv")
    home.ops.reports.write(ReportFormat.EVIDENCE, tmp_path / "b.html")
    home.ops.reports.export_audit().close()
    assert [(one.action, one.subject, one.detail) for one in home.ops.audit.list(limit=3)] == [
        ("export audit log", "audit log", "csv, for a browser"),
        ("export evidence", "evidence", f"evidence, {tmp_path / 'b.html'}"),
        ("export history", "history", f"csv, {tmp_path / 'a.csv'}"),
    ]

    def locked(*_: object, **__: object) -> None:
        raise PwsopsError("locked", hint="wait")

    monkeypatch.setattr("pwsops.catalogue.audit.append", locked)
    with pytest.raises(PwsopsError, match="locked"):
        home.ops.reports.write(ReportFormat.CSV, tmp_path / "d.csv")
    assert not (tmp_path / "d.csv").exists()


def test_a_probe_that_lets_a_login_be_used_again_leaves_an_entry(home: Home) -> None:
    error = LoginRefused("Login failed.", hint="Mend it.")
    with home.core.catalogue.write() as connection:
        refused_logins.add(connection, "srv", None, error, now=home.clock.now())
    home.ops.instances.probe("srv")
    home.ops.instances.probe("srv")
    assert actions(home) == ["use refused login again"]


def test_the_use_of_another_login_leaves_an_entry_before_anything_is_asked(home: Home) -> None:
    home.server.login = True
    credentials = Credentials(login="sa", password="a password")
    for _ in range(3):
        home.ops.databases.browse("srv", "/", credentials=credentials)
    entry = home.ops.audit.list(limit=1)[0]
    assert (entry.action, entry.subject, entry.detail) == ("use other login", "srv", "as sa")
    assert actions(home) == ["use other login"]


def test_a_person_who_uses_a_private_key_leaves_an_entry_and_the_service_does_not(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = home.ops.certificates.create("backups")
    core = home.core
    assert core.private_key(None, made.thumbprint) is not None
    assert core.private_key("ann", "F" * 40) is None
    assert actions(home) == ["create certificate"]
    assert core.instance("srv", actor="ann").private_keys(made.thumbprint) is not None
    entry = home.ops.audit.list(limit=1)[0]
    assert (entry.actor, entry.action, entry.subject) == ("ann", "use private key", made.thumbprint)

    def locked(*_: object, **__: object) -> None:
        raise PwsopsError("locked", hint="wait")

    monkeypatch.setattr(core.events, "record_repeated", locked)
    assert core.private_key("ann", made.thumbprint) is not None, "a restore does not fail for it"


def test_a_verification_of_a_backup_leaves_an_entry(home: Home) -> None:
    home.add()
    home.run()
    (item,) = home.ops.runs.list()[0].items
    home.ops.media.verify(item.path or "", 1, "srv")
    assert home.ops.audit.list(limit=1)[0].detail == "set 1 is good"
    assert actions(home)[-1] == "verify backup"


def test_a_period_needs_a_time_zone(home: Home) -> None:
    with pytest.raises(InvalidInput, match="time zone"):
        home.ops.audit.list(query=AuditQuery(since=home.clock.now().replace(tzinfo=None)))
