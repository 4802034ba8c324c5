"""Files of a table, read back by libraries that did not write them."""

from __future__ import annotations

import csv as plain_csv
import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pwsops.errors import Conflict, PwsopsError
from pwsops.reports import csv, excel, parquet, words
from pwsops.reports.frames import frame
from pwsops.reports.new_file import new_file
from pwsops.reports.pipelined import write_pipelined
from pwsops.reports.tables import MESSAGES, RUNS, TABLES, Kind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STARTS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "' "]
HARMLESS = ["plain", "a=b", " =1", "", "ä-b", "1-2", "{=1}"]


def us(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1e6)


def run_row(number: int = 1, **values: Any) -> tuple[Any, ...]:
    given = {
        "run_id": number, "profile": "p", "instance": "srv", "databases": "one, two", "status": "succeeded",
        "kind": "full", "trigger": "schedule", "due_at": us(NOON), "started_at": us(NOON),
        "finished_at": us(NOON + timedelta(seconds=90)), "duration_s": 90_000_000, "size_bytes": 1234,
        "missed_count": 0, "missed_until": None, "summary": "",
    }  # fmt: skip
    assert list(given) == [column.name for column in RUNS.columns]
    return tuple((given | values).values())


def as_csv(*rows: tuple[Any, ...]) -> str:
    file = io.BytesIO()
    csv.write(file, RUNS, [RUNS.batch(rows)])
    return file.getvalue().decode()


def as_excel(*rows: tuple[Any, ...], **options: Any) -> openpyxl.Workbook:
    file = io.BytesIO()
    excel.write(file, RUNS, [RUNS.batch([row]) for row in rows], ["About it."], **options)
    return openpyxl.load_workbook(file)


@pytest.mark.parametrize("text", STARTS)
def test_csv_marks_what_begins_a_formula_and_the_mark_itself_so_that_it_can_be_taken_away(text: str) -> None:
    (row,) = plain_csv.DictReader(io.StringIO(as_csv(run_row(summary=text, profile=text)), newline=""))
    assert (row["summary"], row["profile"]) == (f"'{text}", f"'{text}")


@pytest.mark.parametrize("text", HARMLESS)
def test_csv_leaves_what_is_harmless_as_it_is(text: str) -> None:
    (row,) = plain_csv.DictReader(io.StringIO(as_csv(run_row(summary=text)), newline=""))
    assert row["summary"] == text


def test_csv_has_a_header_in_row_1_and_numbers_and_instants_that_pandas_reads() -> None:
    rows = pd.read_csv(io.StringIO(as_csv(run_row(7), run_row(8, started_at=None))), parse_dates=["due_at"])
    assert list(rows.columns) == [column.name for column in RUNS.columns]
    assert list(rows.run_id) == [7, 8]
    assert list(rows.duration_s) == [90.0, 90.0]
    assert rows.due_at[0] == NOON
    assert pd.isna(rows.started_at[1])


def test_csv_quotes_what_would_break_a_row() -> None:
    text = 'a "quoted", comma\nand a line'
    (row,) = plain_csv.DictReader(io.StringIO(as_csv(run_row(summary=text)), newline=""))
    assert row["summary"] == text


def test_parquet_is_exact_typed_and_says_what_its_columns_mean() -> None:
    file = io.BytesIO()
    parquet.write(file, RUNS, [RUNS.batch([run_row(summary=text)]) for text in STARTS])
    found = pq.read_table(file)
    assert found.column("summary").to_pylist() == STARTS
    assert found.column("due_at")[0].as_py() == NOON
    assert [str(found.schema.field(name).type) for name in ("run_id", "duration_s", "due_at")] == [
        "int64", "double", "timestamp[us, tz=UTC]",
    ]  # fmt: skip
    assert found.schema.field("run_id").metadata == {b"meaning": b"The run's number."}


@pytest.mark.parametrize("text", [*STARTS, *filter(None, HARMLESS)])
def test_excel_holds_texts_as_texts(text: str) -> None:
    cell = as_excel(run_row(summary=text))["Runs"].cell(2, 15)
    # XML has no carriage return of its own; the file spells it out.
    assert (cell.data_type, cell.value) == ("s", text.replace("\r", "_x000D_"))


def test_excel_has_formats_a_frozen_header_and_colours_for_what_failed() -> None:
    book = as_excel(run_row(7), run_row(8, status="failed", started_at=None))
    sheet = book["Runs"]
    header, first, second = sheet.iter_rows()
    assert [cell.value for cell in header] == [column.name for column in RUNS.columns]
    assert sheet.freeze_panes == "C2"
    assert sheet.auto_filter.ref == "A1:O3"
    assert (first[0].value, first[7].value, first[10].value) == (7, NOON.replace(tzinfo=None), 90)
    assert first[7].number_format == "yyyy-mm-dd hh:mm:ss"
    assert second[8].value is None
    rules = [(str(area.sqref), rule.formula) for area in sheet.conditional_formatting for rule in area.rules]
    assert rules == [
        ("A2:O3", ['OR($E2="failed")']),
        ("A2:O3", ['OR($E2="missed",$E2="skipped")']),
    ]


def test_excel_goes_on_in_another_sheet_where_one_is_full() -> None:
    book = as_excel(*map(run_row, range(1, 6)), limit=3)
    assert book.sheetnames == ["Runs", "Runs 2", "Runs 3", "Columns"]
    found = [[row[0].value for row in book[name].iter_rows()] for name in book.sheetnames[:3]]
    assert found == [["run_id", 1, 2], ["run_id", 3, 4], ["run_id", 5]]


def test_excel_explains_its_columns() -> None:
    sheet = as_excel()["Columns"]
    assert sheet["A1"].value == "About it."
    assert {row[0].value: row[1].value for row in sheet.iter_rows(min_row=3)} == {
        column.name: column.meaning for column in RUNS.columns
    }


def test_a_table_without_a_status_has_no_colours() -> None:
    file = io.BytesIO()
    excel.write(file, MESSAGES, [MESSAGES.batch([(1, "p", "d", us(NOON), True, 3201, 16, None, "=no")])], [])
    sheet = openpyxl.load_workbook(file)["Messages"]
    assert [cell.value for cell in sheet[2]] == [1, "p", "d", NOON.replace(tzinfo=None), True, 3201, 16, None, "=no"]
    assert len(list(sheet.conditional_formatting)) == 0


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_frame_has_its_columns_and_types_also_where_it_is_empty(table: Any) -> None:
    found = frame(table, [])
    assert len(found) == 0
    assert {name: str(kind) for name, kind in found.dtypes.items()} == {
        column.name: column.kind.value for column in table.columns
    }


def test_every_type_of_a_column_is_used_and_every_column_says_what_it_means() -> None:
    columns = [column for table in TABLES for column in table.columns]
    assert {column.kind for column in columns} == set(Kind)
    assert all(column.meaning.endswith(".") for column in columns)


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(ZeroDivisionError), new_file(path, replace=False) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with new_file(path, replace=False) as file:
        file.write(b"whole")
        assert not path.exists()
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]
    assert path.read_bytes() == b"whole"


def test_a_file_that_exists_gives_way_only_where_that_was_said(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"before")
    with pytest.raises(Conflict, match="exists already") as refused, new_file(path, replace=False):
        pass
    assert "--force" in refused.value.hint
    with new_file(path, replace=True) as file:
        file.write(b"after")
    assert path.read_bytes() == b"after"


def test_a_file_that_came_meanwhile_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(Conflict), new_file(path, replace=False):
        path.write_bytes(b"theirs")

    def no_links(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    with pytest.raises(Conflict), new_file(path, replace=False):
        pass
    path.unlink()
    with pytest.raises(Conflict), new_file(path, replace=False):
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    with new_file(tmp_path / "b.csv", replace=False) as file:
        file.write(b"ours")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_a_file_that_cannot_be_written_is_an_answer(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "a.csv"
    with pytest.raises(PwsopsError, match=r"written: No such file") as refused, new_file(nowhere, replace=False):
        pass
    assert "directory that exists" in refused.value.hint


def test_what_cannot_be_written_behind_is_raised() -> None:
    written: list[int] = []

    def write(batch: Any) -> None:
        written.append(batch)
        if batch == 2:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_pipelined(iter([1, 2, 3, 4]), write)
    assert written == [1, 2]
    write_pipelined([], write)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (words.share(None), "–"),
        (words.share(1.0), "100%"),
        (words.share(0.999_99), "99.99%"),
        (words.share(0.5), "50%"),
        (words.duration(None), "–"),
        (words.duration(4.25), "4.2 s"),
        (words.duration(3_725), "1 h 2 min"),
        (words.duration(200_000), "2 d 7 h"),
        (words.kind("differential"), "incremental"),
        (words.kind("full"), "full"),
        (words.size(None), "–"),
        (words.size(1_500_000), "1.5 MB"),
        (words.moment(None), "–"),
        (words.moment(NOON), "2026-03-01 12:00"),
        (words.day(NOON), "2026-03-01"),
    ],
)
def test_values_read_so(said: str, expected: str) -> None:
    assert said == expected


def test_the_documented_columns_are_those_of_the_code() -> None:
    told = (Path(__file__).resolve().parents[3] / "docs" / "reports.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (.*) \|$", told, flags=re.MULTILINE)
    assert rows == [(each.name, each.kind.value, each.meaning) for table in TABLES for each in table.columns]
