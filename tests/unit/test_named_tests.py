"""The tests that the documents name exist, by file and by name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")
DOCUMENTS = [ROOT / "docs" / name for name in ("reliability.md", "security.md")]


def missing(text: str) -> list[str]:
    """Return what is named and is not there."""
    found = []
    for match in NAMED.finditer(text):
        path, test = ROOT / match[1], match[2]
        if not path.is_file() or (test and test not in functions(path)):
            found.append(match[0])
    return found


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_test_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert NAMED.search(text)
    assert missing(text) == []


def test_a_test_that_is_not_there_is_found() -> None:
    here = "tests/unit/test_named_tests.py"
    known = f"{here}::test_a_test_that_is_not_there_is_found"
    assert missing(f"{known} {here} tests/unit/nowhere.py {here}::test_nothing") == [
        "tests/unit/nowhere.py",
        f"{here}::test_nothing",
    ]
