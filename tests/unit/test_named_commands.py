"""Every command that a message tells people to type exists, with the options that it names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from pwsops.cli.app import app

PACKAGE = Path(__file__).resolve().parents[2] / "pwsops"
# What a set carries as its origin is no advice, though it reads like a command.
ORIGIN = "pwsops run <id>"
COMMAND = re.compile(r"`(pwsops [^`]*)`")


def texts(path: Path) -> Iterator[str]:
    """Yield each text of a module as it is shown: joined, with … for what is filled in. Docstrings are none."""
    tree = ast.parse(path.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def named() -> list[tuple[str, str]]:
    """Return each command that a text names, with the module that does."""
    return sorted(
        {
            (str(path.relative_to(PACKAGE)), command)
            for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html")]
            for text in (texts(path) if path.suffix == ".py" else [path.read_text()])
            for command in COMMAND.findall(text)
            if command != ORIGIN
        }
    )


def fault(said: str) -> str:
    """Return what is wrong with a command as it was said; empty where nothing is."""
    # Which click Typer rests on is its own affair: a group is what has commands.
    command: Any = typer.main.get_command(app)
    _, *words = said.split()
    for word in words:
        if hasattr(command, "commands") and not word.startswith("-"):
            if word not in command.commands:
                return f"it has no {word}"
            command = command.commands[word]
    if hasattr(command, "commands") and "--help" not in words:
        return "alone it does nothing"
    options = {name for one in command.params for name in [*one.opts, *one.secondary_opts]} | {"--help"}
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in options]
    return f"it has no {', '.join(unknown)}" if unknown else ""


@pytest.mark.parametrize(("module", "command"), named())
def test_a_command_that_is_named_exists(module: str, command: str) -> None:
    assert fault(command) == "", f"{module} names `{command}`"


def test_commands_that_do_not_exist_are_found() -> None:
    assert len({module for module, _ in named()}) > 10
    assert fault("pwsops verify") == "it has no verify"
    assert fault("pwsops profile") == "alone it does nothing"
    assert fault("pwsops run NAME --there") == "it has no --there"
