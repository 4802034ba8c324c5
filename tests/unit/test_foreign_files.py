"""Who opens, makes, names and removes files in directories that others may write: one module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pwsops

ROOT = Path(pwsops.__file__).parent
HELD_TO_IT = ["engines/sqlite", "certificates", "reports/new_file.py", "runs"]
HELD_TO_IT += ["runs/saved_copies.py", "operations/media.py"]
STANDS_ALONE = {"recover.py", "liveness.py"}
"""The first lies beside media, without this product; what it opens is looked at in its own tests. The second opens what
lies in the home."""
OF_OS = {"open", "replace", "rename", "renames", "link", "symlink", "unlink", "remove", "mkdir", "mknod", "truncate"}
OF_PATHS = {"write_text", "write_bytes", "read_text", "read_bytes", "hardlink_to", "symlink_to", "touch"}
ALLOWED = {("recovery_kit.py", "read_bytes")}
"""The script's own source, in the package."""


def bare(source: str) -> Iterator[tuple[int, str]]:
    """Yield where files are opened or changed by their names, past the one module."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id == "open":
            yield node.lineno, "open"
        if isinstance(called, ast.Attribute):
            of = called.value.id if isinstance(called.value, ast.Name) else ""
            if of == "shutil" or (of in ("os", "io") and called.attr in OF_OS) or called.attr in OF_PATHS:
                yield node.lineno, called.attr


def test_nobody_opens_a_foreign_file_past_the_one_module() -> None:
    found = []
    for each in HELD_TO_IT:
        for path in sorted((ROOT / each).rglob("*.py")) if (ROOT / each).is_dir() else [ROOT / each]:
            if path.name not in STANDS_ALONE:
                found += [
                    f"{path.relative_to(ROOT)}:{line} {name}"
                    for line, name in bare(path.read_text())
                    if (path.name, name) not in ALLOWED
                ]
    assert found == []


def test_a_bare_open_would_be_found() -> None:
    source = "open('a')\nos.open('a', 0)\nPath('a').write_text('')\nshutil.copy('a', 'b')\nforeign.unlink('a')\n"
    assert [name for _, name in bare(source)] == ["open", "open", "write_text", "copy"]
