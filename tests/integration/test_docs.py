"""Commands in the documents do what they say: each document's are run in order, in an empty home."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import unmeasured

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]
COMMANDS = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINKS = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def commands(document: Path) -> str:
    return "".join(COMMANDS.findall(document.read_text()))


@pytest.mark.parametrize("document", [one for one in DOCUMENTS if commands(one)], ids=lambda one: one.name)
def test_the_commands_of_a_document_work_in_an_empty_home(document: Path, tmp_path: Path) -> None:
    directory = tmp_path / "bin"
    directory.mkdir()
    program = directory / "pwsops"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pwsops "$@"\n')
    program.chmod(0o755)
    environment = {
        **unmeasured.environment(),
        "HOME": str(tmp_path),
        "PATH": f"{directory}:{os.environ['PATH']}",
        "PWSOPS_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        ["sh", "-e", "-c", commands(document)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_commands_to_run() -> None:
    assert len([one for one in DOCUMENTS if commands(one)]) >= 3


@pytest.mark.parametrize(
    "document",
    [*DOCUMENTS, *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"))],
    ids=lambda one: one.name,
)
def test_links_and_pictures_lead_somewhere(document: Path) -> None:
    gone = [link for link in LINKS.findall(document.read_text()) if not (document.parent / link).exists()]
    assert gone == []
