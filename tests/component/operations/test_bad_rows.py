"""One bad row in the catalogue: it is marked with the reason, and everything else goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from pwsops.catalogue import candidates, claims, profiles, soundness, store
from pwsops.errors import InvalidInput
from pwsops.operations.history import HistoryQuery
from pwsops.operations.reports import ReportFormat
from pwsops.rules.breaker import LIMIT
from pwsops.rules.model import BackupKind, Health, ProfileState, RunStatus
from pwsops.rules.protection import Cause
from tests.clocks import NOON
from tests.homes import HOUR, Home

BAD_PROFILES = {
    "a zone that is not known": ("timezone = 'US/Pacific-New'", "US/Pacific-New"),
    "damaged JSON": ("databases = '[\"one'", "databases"),
    "a list of other things": ("databases = '[1]'", "databases"),
    "no database": ("databases = '[]'", "no database"),
    "a number that is text": ("every = 'often'", "every"),
    "an interval of nothing": ("every = 0", "interval"),
    "a unit that there is none of": ("unit = 'fortnight'", "fortnight"),
    "a moment that is none": ("start = 'soon'", "start"),
    "a renewal that is none": ("renew_full = 'sometimes'", "sometimes"),
    "a time limit that is none": ("time_limit_h = 'long'", "time_limit_h"),
    "a time limit of nothing": ("time_limit_h = 0", "0"),
    "bytes that are no text": ("directory = CAST(x'2fe9' AS TEXT)", "directory"),
    "an instant out of all times": ("amended_at = 9000000000000000000", "amended_at"),
    "a state that there is none of": ("state = 'asleep'", "asleep"),
}


def damage(home: Home, statement: str) -> None:
    """Change the file from outside, as an older version, another machine or a broken disk does."""
    with closing(sqlite3.connect(home.path / store.FILE_NAME)) as connection, connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(statement)


def claimed(home: Home) -> list[int]:
    """Claim what is due, as the service does, and give its runs."""
    with home.core.catalogue.write() as connection:
        found = claims.claim(connection, now=home.clock.now(), owner="me")
        ids = claims.take_queued(connection, owner="me")
    with home.core.catalogue.write() as connection:
        claims.advance(connection, found, now=home.clock.now())
    return ids


@pytest.mark.parametrize(("change", "reason"), BAD_PROFILES.values(), ids=BAD_PROFILES)
@pytest.mark.parametrize("late", [False, True], ids=["on time", "late"])
def test_a_profile_that_cannot_be_run_stops_no_other(home: Home, change: str, reason: str, late: bool) -> None:
    home.add(name="bad")
    home.add(name="good")
    damage(home, f"UPDATE profiles SET {change} WHERE name = 'bad'")
    home.clock.set_wall(NOON + (3 * HOUR + timedelta(minutes=10) if late else HOUR))
    for run_id in claimed(home):
        home.core.runner.execute(run_id)
    ended = {run.profile: run for run in home.ops.runs.list() if run.status is not RunStatus.MISSED}
    assert ended["good"].status is RunStatus.SUCCEEDED
    assert ended["bad"].status is RunStatus.FAILED
    assert reason in ended["bad"].summary
    view = home.ops.profiles.view("bad")
    assert view.health is Health.RED
    assert reason in view.broken
    assert view.next_due_at is None
    good = home.ops.profiles.view("good")
    assert (good.broken, good.health, good.next_due_at) == ("", Health.GREEN, NOON + (4 if late else 2) * HOUR)
    assert [one.name for one in home.ops.profiles.list()] == ["bad", "good"]


@pytest.mark.parametrize(("change", "reason"), BAD_PROFILES.values(), ids=BAD_PROFILES)
def test_a_start_of_the_service_plans_the_others(home: Home, change: str, reason: str) -> None:
    home.add(name="bad")
    home.add(name="good")
    damage(home, f"UPDATE profiles SET {change} WHERE name = 'bad'")
    home.clock.advance(timedelta(minutes=10))
    with home.core.catalogue.write() as connection:
        claims.refresh(connection, now=home.clock.now())
        assert profiles.earliest_due(connection) == NOON + HOUR
    assert home.ops.profiles.view("good").next_due_at == NOON + HOUR
    assert reason in home.ops.profiles.view("bad").broken


def test_a_profile_that_can_be_run_again_is_planned_at_the_next_start(home: Home) -> None:
    home.add()
    damage(home, "UPDATE profiles SET timezone = 'US/Pacific-New'")
    with home.core.catalogue.write() as connection:
        claims.refresh(connection, now=home.clock.now())
    damage(home, "UPDATE profiles SET timezone = 'US/Pacific'")
    with home.core.catalogue.write() as connection:
        claims.refresh(connection, now=home.clock.now())
    assert home.ops.profiles.view("p").next_due_at == NOON + HOUR


def test_a_profile_that_cannot_be_run_is_mended_by_an_edit(home: Home) -> None:
    home.add()
    damage(home, "UPDATE profiles SET timezone = 'US/Pacific-New'")
    edited = home.ops.profiles.get("p")
    edited.timezone = "Europe/Berlin"
    assert home.ops.profiles.save("p", edited).broken == ""
    assert home.ops.profiles.view("p").next_due_at is not None


def test_what_cannot_be_run_is_neither_started_nor_previewed_and_says_why(home: Home) -> None:
    home.add()
    damage(home, "UPDATE profiles SET timezone = 'US/Pacific-New'")
    for ask in (lambda: home.ops.runs.run_here("p"), lambda: home.ops.profiles.preview("p", count=1)):
        with pytest.raises(InvalidInput, match="US/Pacific-New") as caught:
            ask()
        assert "save it" in caught.value.hint


def test_failures_to_start_count_for_the_breaker(home: Home) -> None:
    profile_id = home.add()
    damage(home, "UPDATE profiles SET timezone = 'US/Pacific-New'")
    for hour in range(LIMIT):
        home.clock.advance(HOUR)
        damage(home, f"UPDATE profiles SET next_due_at = {1_000_000 * int(home.clock.now().timestamp())}")
        for run_id in claimed(home):
            assert home.core.runner.execute(run_id) is RunStatus.FAILED, hour
    with home.core.catalogue.read() as connection:
        row = profiles.get(connection, profile_id)
    assert (row.failures_in_a_row, row.state) == (LIMIT, ProfileState.TRIPPED)


def test_a_name_that_is_no_text_fails_alone(home: Home) -> None:
    home.add(databases=["one", "two"])
    damage(home, r"""UPDATE profiles SET databases = '["one", "caf\udce9.db"]'""")
    run = home.ops.runs.run_here("p")
    assert [(item.database, item.status) for item in run.items] == [
        ("one", RunStatus.SUCCEEDED),
        (r"caf\udce9.db", RunStatus.FAILED),
    ]
    assert "no text" in run.items[1].error
    assert "Rename" in run.items[1].hint


BAD_RUNS: dict[str, str] = {
    "a status that there is none of": "status = 'nonsense'",
    "a kind that there is none of": "kind = 'half'",
    "an instant that is none": "started_at = 'noon'",
    "a due instant that is none": "due_at = 'noon'",
    "bytes that are no text": "summary = CAST(x'e9' AS TEXT)",
}


@pytest.mark.parametrize("change", BAD_RUNS.values(), ids=BAD_RUNS)
def test_a_run_that_cannot_be_read_hides_no_other(home: Home, change: str) -> None:
    home.add()
    home.run()
    home.run()
    damage(home, f"UPDATE runs SET {change} WHERE id = 1")
    found = {run.id: run for run in home.ops.runs.list()}
    assert found[2].status is RunStatus.SUCCEEDED
    assert found[1].status is RunStatus.FAILED
    assert "damaged" in found[1].summary
    assert home.ops.profiles.view("p").health is Health.GREEN
    assert home.run() is RunStatus.SUCCEEDED
    assert home.ops.runs.get(1).status is RunStatus.FAILED


@pytest.mark.parametrize("change", ["status = 'nonsense'", "finished_at = 'noon'", "kind = 'half'"])
def test_an_item_that_cannot_be_read_hides_no_other(home: Home, change: str) -> None:
    home.add(databases=["one", "two"])
    home.run()
    damage(home, f"UPDATE run_items SET {change} WHERE database = 'one'")
    one, two = home.ops.runs.get(1).items
    assert (one.database, two.status) == ("one", RunStatus.SUCCEEDED)
    assert one.kind is None or "damaged" in one.error


def test_a_message_that_cannot_be_read_hides_no_other(home: Home) -> None:
    home.add()
    home.server.fail("one", ValueError("x"), times=1)
    home.run()
    damage(home, "UPDATE messages SET at = 'noon'")
    assert "damaged" in home.ops.runs.get(1).items[0].messages[0].text


def listings(home: Home) -> dict[str, Callable[[], object]]:
    ops = home.ops
    return {
        "profiles": ops.profiles.list,
        "instances": ops.instances.list,
        "settings": ops.settings.get,
        "runs": ops.runs.list,
        "restores": ops.restores.list,
        "certificates": ops.certificates.list,
        "audit": ops.audit.list,
        "doctor": ops.doctor,
        "new profile": ops.profiles.new,
        "databases": lambda: ops.databases.poll(["srv"]),
        "history": lambda: ops.history.page(HistoryQuery()),
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE instances SET options = '{' WHERE name = 'srv'",
        "UPDATE instances SET engine = 'oracle' WHERE name = 'srv'",
        "INSERT INTO settings VALUES ('parallel_runs', '{')",
        "INSERT INTO settings VALUES ('parallel_runs', '\"many\"')",
        "INSERT INTO settings VALUES ('what is this', '1')",
        "UPDATE audit SET at = 'noon'",
        "UPDATE audit SET detail = CAST(x'e9' AS TEXT)",
        "UPDATE restores SET messages = '['",
        "UPDATE restores SET status = 'nonsense'",
        "UPDATE restores SET started_at = 'noon'",
        "UPDATE certificates SET purpose = 'fun'",
        "UPDATE certificates SET not_after = 'noon'",
        "UPDATE backup_sets SET details = '{'",
        "UPDATE backup_sets SET kind = 'half'",
    ],
)
def test_every_list_is_given_beside_a_bad_row(home: Home, tmp_path: Path, statement: str) -> None:
    home.add()
    home.run()
    (taken,) = home.server.media
    home.ops.restores.restore("srv", "one", taken)
    if "certificates" in statement:
        home.ops.certificates.create("c")
    damage(home, statement)
    for name, ask in listings(home).items():
        assert ask() is not None, name
    assert any(not check.ok for check in home.ops.doctor()), "the doctor says nothing"


def test_a_profile_whose_instance_cannot_be_used_says_so(home: Home) -> None:
    home.add()
    damage(home, "UPDATE instances SET engine = 'oracle'")
    view = home.ops.profiles.view("p")
    assert view.health is Health.RED
    assert "oracle" in view.broken
    assert home.run() is RunStatus.FAILED
    assert "oracle" in home.ops.runs.list()[0].summary


def test_a_profile_whose_instance_is_gone_says_so(home: Home) -> None:
    home.add()
    damage(home, "DELETE FROM instances")
    assert "no instance 'srv'" in home.ops.profiles.view("p").broken
    assert home.run() is RunStatus.FAILED


def test_the_doctor_names_a_profile_that_cannot_be_run_and_the_setting_that_cannot_be(home: Home) -> None:
    home.add(name="bad")
    damage(home, "UPDATE profiles SET timezone = 'US/Pacific-New'")
    damage(home, "INSERT INTO settings VALUES ('every', '0')")
    found = {check.name: check for check in home.ops.doctor() if not check.ok}
    assert "US/Pacific-New" in found["Profile bad"].finding
    assert found["Profile bad"].next_step
    assert "default is in force" in found["Setting every"].finding


def test_the_doctor_names_rows_of_a_table_too_long_to_be_read(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundness, "_READ_WHOLE", 0)
    home.add()
    home.run()
    damage(home, "UPDATE runs SET due_at = 'noon', kind = 'half'")
    found = next(check for check in home.ops.doctor() if check.name == "Catalogue")
    assert not found.ok
    assert "runs 1" in found.finding


@pytest.mark.parametrize(
    "statement",
    [
        *(f"UPDATE runs SET {change} WHERE id = 1" for change in BAD_RUNS.values() if "summary" not in change),
        "UPDATE run_items SET finished_at = 'noon' WHERE run_id = 1",
        "UPDATE backup_sets SET details = '{' WHERE run_id = 1",
        "UPDATE profiles SET timezone = 'US/Pacific-New' WHERE name = 'other'",
        "UPDATE audit SET at = 'noon'",
    ],
)
def test_the_exports_and_the_evidence_go_on_beside_a_bad_row(home: Home, tmp_path: Path, statement: str) -> None:
    home.add()
    home.add(name="other")
    home.run()
    home.run()
    damage(home, statement)
    for form in (ReportFormat.CSV, ReportFormat.HTML, ReportFormat.EVIDENCE):
        home.ops.reports.write(form, tmp_path / form.value)
        assert (tmp_path / form.value).stat().st_size > 0
    assert 2 in list(home.ops.reports.runs()["run_id"])
    for frame in ("items", "messages", "sets", "databases", "exposure", "audit_log"):
        getattr(home.ops.reports, frame)()


BAD_SETS = ["details = '{'", "details = '[]'", "kind = 'half'", "finished_at = 'noon'", "seen_at = 'noon'"]


@pytest.mark.parametrize("change", BAD_SETS)
def test_a_backup_whose_row_cannot_be_read_is_not_said_to_be_none(home: Home, change: str) -> None:
    home.add()
    home.run()
    (path,) = home.server.media
    damage(home, f"UPDATE backup_sets SET {change}")
    view = next(one for one in home.ops.databases.list("srv") if one.name == "one")
    finding = next(one for one in view.verdict.findings if one.cause is Cause.RECORD_UNREADABLE)
    assert (view.verdict.point, view.exposure_s, finding.subject) == (None, None, path)
    assert not any(one.cause is Cause.NEVER_BACKED_UP for one in view.verdict.findings)
    check = {check.name: check for check in home.ops.doctor()}["Database one on srv"]
    assert (check.ok, check.required) == (False, True)
    assert "backup_sets 1" in check.finding
    assert home.ops.profiles.view("p").next_kind is BackupKind.FULL, "nothing can be built on it"
    assert home.run() is RunStatus.SUCCEEDED
    assert home.ops.runs.get(2).items[0].kind is BackupKind.FULL


def test_instants_that_cannot_be_read_count_as_too_old(home: Home) -> None:
    home.add()
    home.run()
    damage(
        home,
        "UPDATE backup_sets SET started_at = 'x', finished_at = 'x', proven_at = 'x', set_id = CAST(x'e9' AS TEXT)",
    )
    (verdict,) = [one for one in home.ops.databases.verdicts() if one.database == "one"]
    assert {Cause.OVERDUE, Cause.RECORD_UNREADABLE} <= {one.cause for one in verdict.findings}


def test_older_backups_are_looked_for_beside_rows_that_cannot_be_read(home: Home) -> None:
    home.add(timestamp=True, incremental=False, every=12)
    for _ in range(candidates.NEWEST + 2):
        home.run()
    damage(home, "UPDATE backup_sets SET details = '{' WHERE id > 2")
    (verdict,) = [one for one in home.ops.databases.verdicts() if one.database == "one"]
    assert verdict.point is not None
    assert Cause.RECORD_UNREADABLE in {one.cause for one in [*verdict.findings, *verdict.notes]}


def test_a_full_is_planned_only_where_no_full_can_be_read(home: Home) -> None:
    home.add(timestamp=True)
    home.run()
    home.run(kind=BackupKind.FULL)
    damage(home, "UPDATE backup_sets SET details = '{' WHERE id = 2")
    home.ops.databases.list("srv")
    assert home.ops.profiles.view("p").next_kind is BackupKind.DIFFERENTIAL
