"""The floors of the house: who may import whom. The contracts are in pyproject.toml."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter import cli

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = sorted(path for folder in ("dashboards", "notebooks") for path in (ROOT / folder).rglob("*.py"))
DOORS = ("pwsops.operations", "pwsops.web")


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.fixture
def loggers() -> Iterator[None]:
    """Enable again what import-linter disables: each logger of the process that it does not know."""
    found = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    before = [one.disabled for one in found]
    yield
    for one, disabled in zip(found, before, strict=True):
        one.disabled = disabled


@pytest.mark.usefixtures("loggers")
def test_every_floor_imports_only_from_the_floors_below_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    status = cli.lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert status == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: path.name)
def test_what_is_served_uses_only_the_pages_and_the_operations(path: Path) -> None:
    ours = {name for name in imported(path) if name.split(".")[0] == "pwsops"}
    assert {name for name in ours if not name.startswith(DOORS)} == set()
