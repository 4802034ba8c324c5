"""No module and no function is longer than somebody can hold in mind."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pwsops

ROOT = Path(pwsops.__file__).parent
LINES_OF_A_MODULE = 400
LINES_OF_A_FUNCTION = 40
"""Its docstring aside: what a parameter means takes the lines that it takes."""

LONG_MODULES = {
    "engines/sqlite/recover.py": "lies beside media as one file, and needs nothing but Python to restore them",
}
LONG_FUNCTIONS = {
    "web/pages/wizard/draft.py: _read_all": "a line for each field of a profile",
}
DATED = "catalogue/migrations/versions"
"""What a migration did is never changed again."""


def modules() -> Iterator[tuple[str, str]]:
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(DATED):
            yield name, path.read_text()


def functions(source: str) -> Iterator[tuple[str, int]]:
    """Yield each function's name and how many lines it has, from `def` on and without its docstring."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                described = node.body[0]
                lines -= (described.end_lineno or 0) - described.lineno + 1
            yield node.name, lines


def test_no_module_is_longer_than_400_lines_but_those_that_say_why() -> None:
    assert {name for name, text in modules() if len(text.splitlines()) > LINES_OF_A_MODULE} == set(LONG_MODULES)


def test_no_function_is_longer_than_40_lines_but_those_that_say_why() -> None:
    found = (
        f"{name}: {called}" for name, text in modules() for called, n in functions(text) if n > LINES_OF_A_FUNCTION
    )
    assert set(found) == set(LONG_FUNCTIONS)


def test_a_long_function_would_be_found_wherever_it_stands() -> None:
    body = "\n".join("        pass" for _ in range(40))
    source = f'class A:\n    def b(self):\n        """Do it.\n\n        Well.\n        """\n{body}\n'
    assert list(functions(source)) == [("b", 41)]
