"""Reports from the command line, and what LibreOffice makes of dangerous cells."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pwsops.reports import csv, excel
from pwsops.reports.tables import RUNS
from tests.integration.command_line import CommandLine, Driver
from tests.needs import require

DANGEROUS = ["=1+1", "+1+1", "-1+1", "@SUM(1;1)", "\t=1+1", "\r=1+1", '=HYPERLINK("file:///etc/passwd";"x")', "\n=1+1"]
NAMESPACES = {
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
}


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    """One process for the many commands whose own start is not the point."""
    one = Driver()
    yield one
    one.close()


@pytest.fixture
def line(tmp_path: Path, driver: Driver) -> CommandLine:
    return CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)


def write_rows(path: Path) -> None:
    due = datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1e6
    rows = [
        (number, text, text, text, "failed", "full", "manual", due, due, due, 0, 1, 0, None, text)
        for number, text in enumerate(DANGEROUS)
    ]
    batches = [RUNS.batch(rows)]
    with path.open("wb") as file:
        csv.write(file, RUNS, batches) if path.suffix == ".csv" else excel.write(file, RUNS, batches, [])


def cells_in_libreoffice(path: Path) -> list[dict[str, str]]:
    """Every cell of the first sheet, as LibreOffice understands it: its type, its formula where it has one."""
    office = require("LibreOffice Calc", shutil.which("soffice"), "apt-get install libreoffice-calc-nogui")
    profile = path.parent / "office"
    filters = ["--infilter=CSV:44,34,76,1,,1033,false,true,false,false,false,-1,true"] if path.suffix == ".csv" else []
    subprocess.run(
        [office, f"-env:UserInstallation={profile.as_uri()}", "--headless", *filters,
         "--convert-to", "fods", "--outdir", str(path.parent), str(path)],
        check=True, capture_output=True, timeout=180,
    )  # fmt: skip
    converted = next(path.parent.glob("*.fods"))
    sheet = ET.parse(converted).getroot().find(".//table:table", NAMESPACES)
    assert sheet is not None
    return [_attributes(cell) for cell in sheet.iterfind(".//table:table-cell", NAMESPACES) if cell.attrib]


def _attributes(cell: ET.Element) -> dict[str, str]:
    return {name.rpartition("}")[2]: value for name, value in cell.attrib.items()}


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_libreoffice_sees_texts_and_never_a_formula(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"report.{ending}"
    write_rows(path)
    cells = cells_in_libreoffice(path)
    assert [cell for cell in cells if "formula" in cell] == []
    texts = [cell for cell in cells if cell.get("value-type") == "string"]
    # The header, and five texts beside status, kind and trigger in each row.
    assert len(texts) >= 15 + 4 * len(DANGEROUS)
    numbers = [cell for cell in cells if cell.get("value-type") == "float"]
    assert len(numbers) >= len(DANGEROUS)


def test_libreoffice_would_see_formulas_in_a_csv_that_nobody_guarded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unguarded(batch: Any) -> Any:
        return batch

    monkeypatch.setattr(csv, "harmless", unguarded)
    path = tmp_path / "report.csv"
    write_rows(path)
    assert len([cell for cell in cells_in_libreoffice(path) if "formula" in cell]) >= 4


def test_the_command_writes_each_form_and_says_how_many_runs(line: CommandLine, tmp_path: Path) -> None:
    line.done("sample")
    line.done("profile", "create", "Vaults", "--instance", "samples", "--database", "company-vault.sqlite3",
              "--directory", tmp_path, "--every", "1d")  # fmt: skip
    line.done("run", "Vaults", "--here")
    for form, ending in (
        ("csv", "csv"),
        ("xlsx", "xlsx"),
        ("parquet", "parquet"),
        ("html", "html"),
        ("evidence", "html"),
    ):
        path = tmp_path / f"{form}.{ending}"
        assert line.done("report", "--format", form, "--output", path) == f"{path} holds 1 run.\n"
    assert list(pd.read_csv(tmp_path / "csv.csv").profile) == ["Vaults"]
    assert list(pd.read_parquet(tmp_path / "parquet.parquet").profile) == ["Vaults"]
    empty = tmp_path / "empty.csv"
    said = line.done(
        "report", "--format", "csv", "--output", empty, "--to", "2020-01-01", "--timezone", "Europe/Berlin"
    )
    assert said == f"{empty} holds 0 runs.\n"
    assert len(empty.read_text().splitlines()) == 1


def test_the_command_says_what_it_will_not_do(line: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("mine")
    told = ("report", "--format", "csv", "--output", path)
    assert "exists already" in line.refused(*told)
    assert path.read_text() == "mine"
    line.done(*told, "--force")
    assert "no profile 'nobody'" in line.refused(*told, "--force", "--profile", "nobody")
    assert "is not a moment" in line.refused(*told, "--from", "yesterday", code=2)
    assert "is not a known time zone" in line.refused(*told, "--timezone", "Mars/Olympus", code=2)
    backwards = line.refused(*told, "--force", "--from", "2026-03-02", "--to", "2026-03-01")
    assert "ends before it begins" in backwards
