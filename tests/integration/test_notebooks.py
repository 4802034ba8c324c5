"""The notebooks run on a fresh home, with parameters too, and use the public API alone."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from pwsops.operations import open_operations
from tests import unmeasured

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DOORS = ("pwsops.operations", "pwsops.web.notebook", "pwsops.web.cells")


@pytest.fixture
def hermetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that is fresh, and no file of whoever runs the suite."""
    home = tmp_path / "home"
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    monkeypatch.setenv("PWSOPS_HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    return home


def code(notebook: Any) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def shown(notebook: Any) -> str:
    return json.dumps([cell.get("outputs", []) for cell in notebook.cells])


def test_there_are_five() -> None:
    assert [one.name[0] for one in NOTEBOOKS] == ["1", "2", "3", "4", "5"]


def test_every_notebook_runs_on_a_fresh_home(hermetic: Path) -> None:
    loaded = ["-p", "no:cacheprovider", "-p", "nbmake"]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", *loaded, "--nbmake", "notebooks"]
    done = subprocess.run(
        command, cwd=ROOT, env=unmeasured.environment(), capture_output=True, text=True, check=False, timeout=1200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(NOTEBOOKS)} passed" in done.stdout
    assert (hermetic / "sample-home").is_dir()
    own = open_operations(hermetic)
    assert (own.profiles.list(), own.instances.list(), own.runs.count()) == ([], [], 0)
    own.close()


def test_a_notebook_is_run_with_parameters_into_a_report(hermetic: Path, tmp_path: Path) -> None:
    home = tmp_path / "other"
    ops = open_operations(home)
    ops.samples.create(with_profile=True)
    profile = ops.profiles.list()[0].name
    ops.runs.cancel(ops.runs.list()[0].id)
    ops.runs.run_here(profile)
    ops.close()
    report = tmp_path / "report.ipynb"
    parameters = {"home": str(home), "profile": profile}
    papermill.execute_notebook(NOTEBOOKS[0], report, parameters, progress_bar=False)
    made = nbformat.read(report, as_version=4)
    assert "Sample data" not in shown(made)
    assert "company-vault.sqlite3" in shown(made)
    assert "application/vnd.bokehjs_exec" in shown(made) or "Bokeh" in shown(made)
    assert not any(output.output_type == "error" for cell in made.cells for output in cell.get("outputs", []))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_has_parameters_and_no_output(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])] == [notebook.cells[1]]
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)
    assert notebook.cells[0].source.startswith("# ")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_uses_the_public_api_alone(path: Path) -> None:
    tree = ast.parse(code(nbformat.read(path, as_version=4)))
    ours: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            ours.update(alias.name for alias in node.names if alias.name.startswith("pwsops"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pwsops"):
            ours.update(f"{node.module}.{alias.name}" for alias in node.names)
    assert ours
    assert {name for name in ours if not name.startswith(DOORS)} == set()
    private = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr.startswith("_")]
    assert private == []
