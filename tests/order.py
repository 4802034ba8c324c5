"""In which order the files of tests are begun: what takes longest first, so that no worker waits at the end.

xdist begins with the files that have most tests (unless it is told --no-loadscope-reorder): those with one long test
would come last.
"""

from __future__ import annotations

from pathlib import Path

import pytest

_HERE = Path(__file__).parent
LONGEST = (
    "browser/test_axe.py",
    "integration/sqlserver/product/test_server_errors.py",
    "integration/sqlserver/product/test_cuts.py",
    "integration/test_spoiled_rows.py",
    "browser/test_dashboard.py",
    "browser/test_cut_off.py",
    "integration/sqlserver/product/test_chain.py",
    "integration/test_notebooks.py",
    "browser/test_served_notebooks.py",
    "browser/test_canary.py",
    "browser/test_reports.py",
    "integration/sqlite/test_encryption.py",
    "integration/sqlite/test_recover.py",
    "integration/sqlite/test_rebuild.py",
    "integration/sqlite/test_rebuild_statements.py",
    "integration/test_docs.py",
    "browser/test_cells.py",
    "browser/test_wizard.py",
    "integration/test_scope.py",
    "integration/test_cli.py",
    "browser/test_overlap.py",
    "integration/test_schedule.py",
    "integration/test_saved_certificates.py",
    "browser/test_attention.py",
    "integration/test_forged.py",
    "integration/test_limits.py",
    "component/catalogue/test_history.py",
    "component/operations/test_rights.py",
    "browser/test_sqlserver.py",
    "browser/test_mission.py",
    "browser/test_signin.py",
)
"""The longest first, from the times in what `pytest --junit-xml` writes; only roughly, and not all of them."""
PARTS = ("browser", "integration", "histories", "component", "contract", "faults", "fuzz", "unit")
"""After those, by how long their files take on the whole."""


def longest_first(items: list[pytest.Item]) -> None:
    """Put tests in that order; within a file it stays."""
    items.sort(key=lambda item: _rank(_name(item.path)))


def _name(path: Path) -> str:
    """Return a file's path among the tests; one that lies elsewhere keeps its own, and comes last."""
    return path.relative_to(_HERE).as_posix() if path.is_relative_to(_HERE) else path.as_posix()


def _rank(name: str) -> int:
    if name in LONGEST:
        return LONGEST.index(name)
    part = name.partition("/")[0]
    return len(LONGEST) + (PARTS.index(part) if part in PARTS else len(PARTS))
