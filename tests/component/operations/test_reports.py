"""Reports over real runs: what is in the frames, in the files, and in the evidence."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Connection, update

from pwsops.catalogue import reporting, sets
from pwsops.catalogue.audit_keys import system_user
from pwsops.catalogue.history import Filter, Selection
from pwsops.catalogue.schema import audit, backup_sets, runs
from pwsops.errors import Denied, EngineError, InvalidInput, NotFound
from pwsops.operations import Operations, Role
from pwsops.operations.audit_log import AuditQuery
from pwsops.operations.history import HistoryQuery, HistorySort
from pwsops.operations.reports import Period, PeriodName, ReportFormat, ReportQuery
from pwsops.operations.restores import RestoreQuery
from pwsops.reports import evidence, figures
from pwsops.rules.model import RunStatus, Trigger
from pwsops.rules.rights import GRANTS, Right
from pwsops.rules.run_mark import safety_description
from tests.clocks import NOON
from tests.homes import HOUR, Home
from tests.people import acting_as

DAY = 24 * HOUR
FULL = EngineError("The device is full.", hint="Make room.", number=112, severity=16)


@pytest.fixture
def filled(home: Home) -> Home:
    """Six runs of two profiles, an hour apart; `two` fails in the third and the fourth."""
    home.server.sizes = {"one": 1, "two": 1}
    home.add(name="p", databases=["one", "two"])
    home.add(name="q", databases=["two"])
    for number in range(6):
        if number in (2, 3):
            home.server.fail("two", FULL)
        home.run("pq"[number % 2])
        home.clock.advance(HOUR)
    return home


def evidence_of(home: Home, path: Path, query: ReportQuery | None = None) -> str:
    home.ops.reports.write(ReportFormat.EVIDENCE, path / "evidence.html", query or ReportQuery(), replace=True)
    return re.sub(
        r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", (path / "evidence.html").read_text(), flags=re.S)
    )


def test_a_frame_of_runs_has_one_a_row_oldest_first(filled: Home) -> None:
    found = filled.ops.reports.runs()
    assert list(found.run_id) == [1, 2, 3, 4, 5, 6]
    assert list(found.profile) == ["p", "q"] * 3
    assert list(found.databases[:2]) == ["one, two", "two"]
    assert list(found.status) == ["succeeded", "succeeded", "failed", "failed", "succeeded", "succeeded"]
    assert found.due_at[0] == NOON + timedelta(seconds=1)
    assert found.summary[2] == "1 of 2 failed: The device is full."
    assert found.size_bytes.sum() == 70


def test_a_run_that_never_began_has_gaps_and_no_databases(filled: Home) -> None:
    with filled.core.catalogue.write() as connection:
        connection.execute(update(runs).where(runs.c.id == 6).values(started_at=None, finished_at=None))
        connection.exec_driver_sql("UPDATE run_items SET run_id = 5 WHERE run_id = 6")
    last = filled.ops.reports.runs().iloc[-1]
    assert all(pd.isna(last[name]) for name in ("databases", "started_at", "finished_at", "duration_s", "missed_until"))


def test_items_tell_cause_and_next_step_and_messages_what_was_said(filled: Home) -> None:
    items = filled.ops.reports.items(ReportQuery(status=RunStatus.FAILED))
    assert list(items.database) == ["one", "two", "two"]
    failed = items[items.status == "failed"]
    assert set(failed.error) == {"The device is full."}
    assert set(failed.hint) == {"Make room."}
    messages = filled.ops.reports.messages(ReportQuery(profile="q"))
    error = messages[messages.is_error].iloc[0]
    assert (error.run_id, error.database, error.number, error.severity) == (4, "two", 112, 16)


def test_filters_and_periods_choose_the_runs(filled: Home) -> None:
    def ids(**values: object) -> list[int]:
        return list(filled.ops.reports.runs(ReportQuery(**values)).run_id)  # type: ignore[arg-type]

    second = filled.ops.reports.runs().due_at[1].to_pydatetime()
    assert ids(since=second) == [2, 3, 4, 5, 6]
    assert ids(until=second) == [1]
    assert ids(since=second, until=second + HOUR) == [2]
    assert ids(profile="q") == [2, 4, 6]
    assert ids(status=RunStatus.FAILED, profile="q") == [4]
    assert ids(trigger=Trigger.SCHEDULE) == []
    assert ids(text=" DEVICE ") == [3, 4]


@pytest.mark.parametrize("form", ReportFormat)
def test_a_text_that_is_searched_for_narrows_every_form_but_evidence(
    filled: Home, form: ReportFormat, tmp_path: Path
) -> None:
    path = tmp_path / "report"
    wanted = ReportQuery(text="device", profile="q")
    assert filled.ops.reports.write(form, path, wanted) == (3 if form is ReportFormat.EVIDENCE else 1)


def test_csv_excel_and_parquet_hold_the_same_rows(filled: Home, tmp_path: Path) -> None:
    read = {
        ReportFormat.CSV: lambda path: pd.read_csv(path, parse_dates=["due_at"]),
        ReportFormat.XLSX: pd.read_excel,
        ReportFormat.PARQUET: pd.read_parquet,
    }
    found = []
    for form, reader in read.items():
        path = tmp_path / f"report.{form.ending}"
        assert filled.ops.reports.write(form, path) == 6
        rows = reader(path)
        assert list(rows.columns) == list(filled.ops.reports.runs().columns)
        due = pd.to_datetime(rows.due_at, utc=True).dt.round("ms")
        found.append([*zip(rows.run_id, rows.profile, rows.databases, rows.status, due, rows.size_bytes, strict=True)])
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 6


def test_rows_come_a_chunk_at_a_time_and_none_is_lost(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "CHUNK", 4)
    with filled.ops.reports._selected(ReportQuery()) as selection:
        chunks = [[row[0] for row in rows] for rows in reporting.run_rows(selection)]
    assert chunks == [[1, 2, 3, 4], [5, 6]]
    assert list(filled.ops.reports.runs().run_id) == [1, 2, 3, 4, 5, 6]


def test_the_runs_are_read_along_an_index_and_never_sorted(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[str] = []
    execute = Connection.execute

    def explained(self: Connection, statement: Any, *rest: Any) -> Any:
        said = str(statement.compile(self.engine, compile_kwargs={"literal_binds": True}))
        plans.append("; ".join(row[3] for row in self.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}")))
        return execute(self, statement, *rest)

    with filled.ops.reports._selected(ReportQuery()) as selection:
        monkeypatch.setattr(Connection, "execute", explained)
        for rows in (reporting.run_rows, reporting.item_rows):
            assert list(rows(selection))
    assert all("runs USING INDEX ix_runs_due_at" in plan for plan in plans)
    assert not any("USE TEMP B-TREE FOR ORDER BY" in plan for plan in plans)


def test_who_may_look_exports_and_chooses_no_file_of_the_server(
    filled: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = acting_as(filled.ops, Role.VIEWER, "vera")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with viewer.reports.export(ReportFormat.HTML) as file:
        assert b"by user:vera with pwsops" in file.read()
        assert list(tmp_path.iterdir()) == [filled.path]
    with pytest.raises(Denied, match="into a file of the server"):
        viewer.reports.write(ReportFormat.HTML, tmp_path / "e.html")


def test_a_period_without_a_zone_or_without_length_is_refused(filled: Home) -> None:
    with pytest.raises(InvalidInput, match="without a time zone") as refused:
        filled.ops.reports.runs(ReportQuery(since=datetime(2026, 3, 1)))
    assert "aware" in refused.value.hint
    with pytest.raises(
        InvalidInput, match="ends before it begins: it is from 2026-03-02 12:00 UTC to 2026-03-02 12:00"
    ):
        filled.ops.reports.runs(ReportQuery(since=NOON, until=NOON))


ASKED: dict[str, Callable[[Operations, datetime | None, datetime | None], object]] = {
    "the history": lambda ops, since, until: ops.history.page(HistoryQuery(since=since, until=until)),
    "the history, as a list": lambda ops, since, until: ops.runs.list(period=Period(since=since, until=until)),
    "the audit log": lambda ops, since, until: ops.audit.page(AuditQuery(since=since, until=until)),
    "restores": lambda ops, since, until: ops.restores.page(RestoreQuery(since=since, until=until)),
    "restores, as a frame": lambda ops, since, until: ops.reports.restores(RestoreQuery(since=since, until=until)),
    "restores, as a file": lambda ops, since, until: ops.reports.export_restores(
        ReportFormat.HTML, RestoreQuery(since=since, until=until)
    ),
}


@pytest.mark.parametrize("what", ASKED)
def test_a_period_in_which_nothing_can_be_is_refused_wherever_one_is_asked_for(filled: Home, what: str) -> None:
    ask, named = ASKED[what], re.escape(what.split(",")[0])
    with pytest.raises(InvalidInput, match=f"period of {named} was given without a time zone"):
        ask(filled.ops, datetime(2026, 3, 1), None)
    with pytest.raises(InvalidInput, match=f"period of {named} ends before it begins"):
        ask(filled.ops, NOON, NOON - HOUR)


def test_there_is_no_evidence_of_restores_alone(filled: Home) -> None:
    with pytest.raises(InvalidInput, match="no evidence of restores alone") as refused:
        filled.ops.reports.export_restores(ReportFormat.EVIDENCE)
    assert "evidence of the history" in refused.value.hint


def test_frames_of_restores_are_written_down_as_such(filled: Home) -> None:
    filled.ops.reports.restores()
    assert filled.ops.audit.page().entries[0].action == "export restores"


@pytest.mark.parametrize("scope", [None, frozenset({"srv"})])
@pytest.mark.parametrize("role", [role for role in Role if Right.EXPORT in GRANTS[role]])
def test_a_report_names_the_home_to_those_who_are_told_it(
    filled: Home, role: Role, scope: frozenset[str] | None
) -> None:
    ops = acting_as(filled.ops, role, instances=scope)
    with ops.reports.export(ReportFormat.HTML) as file:
        told = str(filled.path) in file.read().decode()
    assert told == ops.principal.sees_home


def test_runs_stay_where_they_worked_when_their_profile_is_given_another_instance(filled: Home, tmp_path: Path) -> None:
    filled.ops.instances.add("other", engine="fake", address="somewhere")
    moved = filled.ops.profiles.get("p")
    moved.instance = "other"
    filled.ops.profiles.save("p", moved)
    reports = filled.ops.reports
    assert set(reports.runs().instance) == set(reports.items().instance) == {"srv"}
    assert set(reports.databases().query("succeeded > 0").instance) == {"srv"}
    assert "srv" in evidence_of(filled, tmp_path)
    with filled.core.catalogue.read() as connection:
        assert sets.of_run(connection, 1)[0] == "srv"
        assert len(sets.of_run(connection, 1)[1]) == 2
    theirs = {name: acting_as(filled.ops, Role.AUDITOR, instances=frozenset({name})) for name in ("srv", "other")}
    assert list(theirs["srv"].reports.runs().run_id) == [1, 2, 3, 4, 5, 6]
    assert list(theirs["other"].reports.runs().run_id) == []
    assert theirs["other"].history.page(HistoryQuery()).total == 0
    assert theirs["other"].history.profiles() == []
    for query in (HistoryQuery(), HistoryQuery(sort=HistorySort.PROFILE), HistoryQuery(profile="p")):
        page = theirs["srv"].history.page(query)
        assert page.total == len(page.runs) == (3 if query.profile else 6)
    assert theirs["srv"].history.profiles() == ["p", "q"]


def test_a_profile_that_never_was_is_an_answer_and_a_deleted_one_is_found(filled: Home) -> None:
    filled.ops.profiles.delete("p")
    assert len(filled.ops.reports.runs(ReportQuery(profile="p"))) == 3
    filled.add(name="new")
    assert len(filled.ops.reports.runs(ReportQuery(profile="new"))) == 0
    with pytest.raises(NotFound, match="no profile 'nwe'"):
        filled.ops.reports.runs(ReportQuery(profile="nwe"))


def test_databases_tell_how_their_backups_ended_and_what_would_have_been_lost(filled: Home) -> None:
    found = filled.ops.reports.databases().set_index("database")
    assert list(found.index) == ["one", "two"]
    assert list(found.profiles) == ["p", "p, q"]
    assert list(found.succeeded) == [3, 4]
    assert list(found.failed) == [0, 2]
    # `one` is backed up every two hours; `two` was not from the second run to the fifth.
    assert found.worst_exposure_s.round(-2).tolist() == [7200.0, 10800.0]
    assert found.exposure_s.round(-2).tolist() == [7200.0, 3600.0]
    assert (found.unprotected_s < 1).all()
    assert found.last_full_at.notna().all()


def test_a_database_that_no_run_ever_reached_is_unprotected(filled: Home) -> None:
    filled.server.sizes["three"] = 1
    filled.add(name="r", databases=["three"])
    three = filled.ops.reports.databases().set_index("database").loc["three"]
    assert (three.succeeded, three.failed, three.size_bytes) == (0, 0, 0)
    assert pd.isna(three.worst_exposure_s)
    assert round(three.unprotected_s) == 6 * 3600 + 5
    assert list(filled.ops.reports.databases(ReportQuery(profile="q")).database) == ["two"]


def test_exposure_over_time_is_without_gaps_and_falls_with_each_backup(filled: Home) -> None:
    found = filled.ops.reports.exposure(ReportQuery(since=NOON - HOUR))
    one = found[found.database == "one"]
    assert list(one.since[1:]) == list(one.until[:-1])
    assert pd.isna(one.least_s.iloc[0])
    assert one.most_s.iloc[1:].round(-2).tolist() == [7200.0, 7200.0, 7200.0]
    assert (one.least_s.iloc[1:] < 60).all()


def test_backup_sets_are_a_frame_with_the_runs_that_took_them(filled: Home) -> None:
    found = filled.ops.reports.sets()
    assert list(found.run_id) == [1, 1, 2, 3, 5, 5, 6]
    assert set(found.database_size_bytes) == {1}
    assert list(filled.ops.reports.sets(ReportQuery(profile="q")).run_id) == [2, 6]
    period = ReportQuery(since=NOON + HOUR, until=NOON + 3 * HOUR)
    assert list(filled.ops.reports.sets(period).run_id) == [2, 3]


def test_a_set_that_was_replaced_protects_no_more(filled: Home) -> None:
    with filled.core.catalogue.write() as connection:
        connection.execute(update(backup_sets).values(replaced_at=NOON + 2 * HOUR))
    found = filled.ops.reports.databases().set_index("database")
    assert found.exposure_s.isna().all()
    assert found.size_bytes.sum() == 0


@pytest.mark.parametrize("change", ["address", "is_damaged", "key", "safety copy"])
def test_the_figures_count_no_backup_that_the_verdict_does_not(home: Home, change: str) -> None:
    home.add(incremental=False)
    home.run()
    home.clock.advance(minutes=1)
    before = home.ops.reports.databases().iloc[0]
    assert before["exposure_s"] == 60
    if change == "address":
        home.ops.instances.edit("srv", address="another server")
    elif change == "key":
        with home.core.catalogue.write() as connection:
            connection.exec_driver_sql("UPDATE backup_sets SET thumbprint = 'AB12'")
    elif change == "safety copy":
        with home.core.catalogue.write() as connection:
            connection.execute(update(backup_sets).values(description=safety_description(1, "us")))
    else:
        with home.core.catalogue.write() as connection:
            connection.exec_driver_sql("UPDATE backup_sets SET details = '{\"is_damaged\": true}'")
    [verdict] = home.ops.databases.verdicts("srv")
    assert verdict.point is None
    found = home.ops.reports.databases().iloc[0]
    assert all(pd.isna(found[key]) for key in ("exposure_s", "worst_exposure_s", "last_full_at"))
    assert found["unprotected_s"] > 0
    home.ops.instances.edit("srv", address="nowhere")
    assert pd.isna(home.ops.reports.databases().iloc[0]["exposure_s"]) == (change != "address")


def test_a_home_without_runs_gives_empty_reports(home: Home, tmp_path: Path) -> None:
    assert [len(frame()) for frame in (home.ops.reports.runs, home.ops.reports.databases)] == [0, 0]
    for form in ReportFormat:
        assert home.ops.reports.write(form, tmp_path / f"{form}.{form.ending}") == 0
    assert "There was no run." in evidence_of(home, tmp_path)


def test_evidence_has_the_period_the_rate_the_coverage_and_the_causes_with_their_cures(
    filled: Home, tmp_path: Path
) -> None:
    text = evidence_of(filled, tmp_path)
    assert "Runs due from 2026-03-02 12:00:01 UTC to 2026-03-02 18:00:06 UTC" in text
    assert "66.66% succeeded of what was due" in text
    assert "2 failed, 4 succeeded." in text
    assert re.search(r"3 h( \d+ s)? the worst exposure: two, 2026-03-02 16:00", text)
    assert "2 of 2 databases could be restored at all times" in text
    assert "The device is full. Make room. 1 " in text
    assert f"ann {system_user()} create profile p" in text


def test_evidence_counts_what_was_missed_as_often_as_it_was_due_and_says_what_to_do(
    filled: Home, tmp_path: Path
) -> None:
    with filled.core.catalogue.write() as connection:
        values = {"status": "missed", "missed_count": 4, "missed_until": NOON + HOUR, "summary": "nobody was there"}
        connection.execute(update(runs).where(runs.c.id == 1).values(values))
        connection.execute(update(runs).where(runs.c.id == 2).values(status="skipped", summary="still going"))
        connection.execute(update(runs).where(runs.c.id == 5).values(status="cancelled"))
    text = evidence_of(filled, tmp_path)
    assert "12.5% succeeded" in text
    assert "p all of it nobody was there Keep the backup service running" in text
    assert "q all of it still going Choose a longer interval" in text


def test_evidence_says_what_it_left_out(filled: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MOST_FAILURES", 1)
    monkeypatch.setattr(evidence, "MOST_CHANGES", 3)
    text = evidence_of(filled, tmp_path)
    assert "1 older kinds of failure are not printed" in text
    assert "6 older entries of the period are not printed" in text


def test_evidence_names_the_newest_digest_and_whether_the_log_is_whole(filled: Home, tmp_path: Path) -> None:
    head = filled.ops.audit.list(limit=1)[0].digest
    text = evidence_of(filled, tmp_path)
    assert "The log is whole." in text
    assert head in text
    with filled.core.catalogue.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_is_append_only_update")
        connection.execute(update(audit).where(audit.c.id == 2).values(actor="somebody else"))
    text = evidence_of(filled, tmp_path)
    assert "The log was changed after it was written." in text
    assert "Entry 2 cannot have been written so" in text
    assert "is whole" not in text


def test_the_audit_log_of_a_period_is_a_frame(filled: Home) -> None:
    everything = filled.ops.reports.audit_log()
    # That it was taken is an entry, too.
    assert list(everything.entry_id) == [entry.id for entry in reversed(filled.ops.audit.list())][:-1]
    later = filled.ops.reports.audit_log(ReportQuery(since=NOON + HOUR, until=NOON + 2 * HOUR))
    assert set(later.action) == {"start run"}
    assert len(later) == 1


def test_names_in_a_document_are_escaped(home: Home, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    home.add(name=hostile)
    home.server.fail("one", EngineError(hostile, hint=hostile))
    home.run(hostile)
    for form in (ReportFormat.HTML, ReportFormat.EVIDENCE):
        home.ops.reports.write(form, tmp_path / form, ReportQuery(profile=hostile))
        page = (tmp_path / form).read_text()
        assert "<script" not in page
        assert "&lt;script&gt;" in page


def test_days_are_put_together_where_they_are_many() -> None:
    def bars(days: int) -> list[figures.Bar]:
        return list(figures._bars([(0, RunStatus.FAILED, 2), *((day, RunStatus.SUCCEEDED, 1) for day in range(days))]))

    assert [(one.days, one.total) for one in bars(2)] == [(1, 3), (1, 1)]
    year = bars(365)
    assert len(year) == 92
    assert sum(one.good for one in year) == 365
    assert (year[0].bad, year[0].other) == (2, 0)
    assert (year[1].first - year[0].first).days == year[0].days == 4


def test_what_was_missed_counts_in_each_period_that_it_lies_in_and_there_as_often_as_it_was_due(
    filled: Home, tmp_path: Path
) -> None:
    """Fourteen occurrences in a row, an hour apart, kept as one row: half of them on the first day."""
    midnight = (NOON + 2 * DAY).replace(hour=0)
    values = {
        "status": "missed", "missed_count": 14, "due_at": midnight - 7 * HOUR, "missed_until": midnight + 6 * HOUR,
        "summary": "14 runs were missed", "size_bytes": 0,
    }  # fmt: skip
    with filled.core.catalogue.write() as connection:
        connection.execute(update(runs).where(runs.c.id == 1).values(values))
    filled.clock.advance(midnight + DAY - filled.clock.now())
    before = ReportQuery(since=midnight - DAY, until=midnight, profile="p")
    after = ReportQuery(since=midnight, until=midnight + DAY, profile="p")
    for query, times in ((before, 7), (after, 7), (ReportQuery(profile="p", since=midnight - DAY), 14)):
        assert list(filled.ops.reports.runs(query).run_id[-1:]) == [1]
        text = evidence_of(filled, tmp_path, query)
        assert f"{times} missed" in text
        assert (
            f"Keep the backup service running; what is missed is caught up once when it starts again. {times} " in text
        )
        with filled.core.catalogue.read() as connection:
            wanted = Filter(since=query.since, until=query.until, profile="p", status=RunStatus.MISSED)
            assert sum(count for _, _, count in reporting.days(Selection(connection, wanted))) == times


def test_a_gap_that_steps_over_a_period_is_not_counted_there(filled: Home) -> None:
    """Two occurrences, two days apart, kept as one row: none is due on the day between."""
    noon = NOON + 3 * DAY
    values = {
        "status": "missed", "missed_count": 2, "due_at": noon, "missed_until": noon + 2 * DAY, "summary": "2 missed",
    }  # fmt: skip
    with filled.core.catalogue.write() as connection:
        connection.execute(update(runs).where(runs.c.id == 1).values(values))
    for since, until, wanted in (
        (noon + HOUR, noon + DAY, []),
        (noon - DAY, noon + DAY, [(1, noon, noon)]),
        (noon - DAY, noon + 3 * DAY, [(2, noon, noon + 2 * DAY)]),
    ):
        with filled.core.catalogue.read() as connection:
            selection = Selection(connection, Filter(since=since, until=until, profile="p"))
            found = reporting.never_begun(selection, RunStatus.MISSED)
        assert [(one.times, one.first_at, one.last_at) for one in found] == wanted


def test_gaps_of_one_profile_and_reason_are_told_together(filled: Home) -> None:
    values = {"status": "missed", "summary": "missed"}
    with filled.core.catalogue.write() as connection:
        for number, count, hours in ((1, 3, 2), (3, 1, 0), (5, 4, 3)):
            due = NOON + number * DAY
            more = {"missed_count": count, "due_at": due, "missed_until": due + hours * HOUR}
            connection.execute(update(runs).where(runs.c.id == number).values(values | more))
        found = reporting.never_begun(Selection(connection, Filter(since=NOON + DAY + HOUR)), RunStatus.MISSED)
    assert [(one.times, one.first_at, one.last_at) for one in found] == [
        (2 + 1 + 4, NOON + DAY + HOUR, NOON + 5 * DAY + 3 * HOUR)
    ]


def test_a_period_has_a_name(filled: Home) -> None:
    filled.clock.advance(datetime(2026, 3, 29, 12, tzinfo=UTC) - filled.clock.now())
    today = filled.ops.reports.period("today", "Europe/Berlin")
    assert today == Period(since=datetime(2026, 3, 28, 23, tzinfo=UTC), until=datetime(2026, 3, 29, 22, tzinfo=UTC))
    assert filled.ops.reports.period(PeriodName.WEEK).since is not None
    for name, zone, told in (("yesterday", "", "no period 'yesterday'"), ("today", "Moon/Base", "no time zone")):
        with pytest.raises(InvalidInput, match=told):
            filled.ops.reports.period(name, zone)
