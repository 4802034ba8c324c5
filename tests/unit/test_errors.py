"""What an error is about stands in its attributes: nothing is read back out of its words."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import pwsops
from pwsops.errors import CertificateNeeded

ROOT = Path(pwsops.__file__).parent
WORDS = {"message", "hint", "summary"}
CUTTING = {
    "partition", "rpartition", "split", "rsplit", "startswith", "endswith", "removeprefix", "removesuffix", "find",
    "index", "count",
}  # fmt: skip
SEARCHING = {"search", "match", "fullmatch", "findall", "finditer", "split", "sub"}


def is_words(node: ast.expr) -> bool:
    """Whether it is what an error or a run says: an attribute of that name, or an error as text."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str":
        return any(isinstance(one, ast.Name) and one.id in ("error", "caught", "cause") for one in node.args)
    return isinstance(node, ast.Attribute) and node.attr in WORDS


def readings(source: str) -> Iterator[int]:
    """Yield the lines in which words are searched or cut."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            looked_into = [
                right for op, right in zip(node.ops, node.comparators, strict=True) if isinstance(op, ast.In)
            ]
            if any(map(is_words, looked_into)):
                yield node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            cuts = node.func.attr in CUTTING and is_words(node.func.value)
            searches = node.func.attr in SEARCHING and any(map(is_words, node.args))
            if cuts or searches:
                yield node.lineno


def test_nothing_is_read_back_out_of_an_errors_words() -> None:
    found = [f"{path.relative_to(ROOT)}:{line}" for path in ROOT.rglob("*.py") for line in readings(path.read_text())]
    # SQLite has no code of its own for a check that meets an unknown function, nor for a table that is not there.
    its = {"engines/sqlite/structure.py", "engines/sqlite/examination.py"}
    assert len(found) == len(its)
    assert {one.partition(":")[0] for one in found} == its


def test_what_is_read_back_would_be_found() -> None:
    source = """
a = "locked" in error.message
b = "locked" in str(error)
c = error.message.partition(" failed: ")
d = _THUMBPRINT.search(error.message)
e = run.summary.removesuffix(item.error)
f = error.number in NUMBERS
"""
    assert sorted(readings(source)) == [2, 3, 4, 5, 6]


def test_an_error_keeps_all_that_it_carries_from_process_to_process() -> None:
    told = CertificateNeeded("It lacks x.", hint="Bring it.", cause="x is not there", field="y", thumbprint="AB" * 20)
    assert vars(pickle.loads(pickle.dumps(told))) == vars(told)
