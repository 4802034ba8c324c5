"""`pwsops notebook`: copies, and what is missing."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from pwsops.cli import notebook as command
from pwsops.errors import NotFound, PwsopsError


def context(home: Path | None = None) -> typer.Context:
    root = SimpleNamespace(obj=home)
    return SimpleNamespace(find_root=lambda: root)  # type: ignore[return-value]


def test_copies_are_made_once_and_what_was_changed_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.notebook(context(), tmp_path / "mine", only_copy=True)
    assert "5 notebooks, 5 of them new" in capsys.readouterr().out
    changed = next((tmp_path / "mine").glob("1-*.ipynb"))
    changed.write_text("mine")
    command.notebook(context(), tmp_path / "mine", only_copy=True)
    assert "5 notebooks, 0 of them new" in capsys.readouterr().out
    assert changed.read_text() == "mine"


def test_without_jupyterlab_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    with pytest.raises(PwsopsError, match="JupyterLab is not installed") as refused:
        command.notebook(context(), tmp_path / "mine")
    assert "pwsops[notebooks]" in refused.value.hint


def test_jupyterlab_is_opened_there_on_the_home_that_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], str]] = []

    def run(words: list[str], *, env: dict[str, str], check: bool) -> SimpleNamespace:
        started.append((words[1:], env["PWSOPS_HOME"]))
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(command, "find_spec", lambda name: object())
    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(typer.Exit) as ended:
        command.notebook(context(tmp_path / "home"), tmp_path / "mine")
    assert ended.value.exit_code == 0
    assert started == [(["-m", "jupyterlab", str(tmp_path / "mine")], str(tmp_path / "home"))]


def test_notebooks_that_did_not_come_along_or_have_no_place_are_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PwsopsError, match="cannot be put into"):
        command.notebook(context(), tmp_path / "file" / "mine")
    monkeypatch.setattr(command, "_ROOT", tmp_path)
    monkeypatch.setattr(command.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(NotFound, match="did not come"):
        command.notebook(context(), tmp_path / "mine")
    installed = tmp_path / "share" / "pwsops" / "notebooks"
    installed.mkdir(parents=True)
    assert command._shipped() == installed
