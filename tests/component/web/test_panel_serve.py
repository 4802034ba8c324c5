"""`panel serve` with a page of ours: what it says, and what it listens on, before anybody asks for anything."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pwsops.web import access, panel_serve

ROOT = Path(__file__).parents[3]
OURS = str(ROOT / "dashboards" / "operations.py")


@pytest.fixture(autouse=True)
def _unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_was_logged", False)


@pytest.mark.parametrize("command", ["/usr/bin/panel", "panel", "/x/panel/__main__.py", "-m"])
@pytest.mark.parametrize(
    "options",
    [
        [OURS],
        [OURS, "--port", "5007"],
        [str(ROOT / "dashboards" / "*.py"), "--glob"],
        [OURS, "--args", "--address", "x"],
    ],
)
def test_without_an_address_it_listens_to_this_machine_alone(
    capsys: pytest.CaptureFixture[str], command: str, options: list[str]
) -> None:
    arguments = [command, "serve", *options]
    panel_serve.begin(arguments)
    assert arguments == [command, "serve", "--address", "localhost", *options]
    assert "Every user of this machine" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--address", "127.0.0.1"], ["--address=::1"], ["--unix-socket", "/x/socket"]])
def test_an_address_of_this_machine_s_own_is_left(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    arguments = ["panel", "serve", OURS, *options]
    panel_serve.begin(arguments)
    assert arguments == ["panel", "serve", OURS, *options]
    assert "Every user of this machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [["--address", "0.0.0.0"], ["--address=::"], ["--addr", "10.0.0.1"], ["--address", ""],
     ["--address", "localhost", "--address", "db.example"]],
)  # fmt: skip
def test_it_does_not_listen_to_others(options: list[str]) -> None:
    with pytest.raises(SystemExit, match="pwsops serve --address"):
        panel_serve.begin(["panel", "serve", *options, OURS])


@pytest.mark.parametrize("form", ["directory", "notebook"])
def test_another_file_that_shows_ours_is_one_of_ours(tmp_path: Path, form: str) -> None:
    app = tmp_path / ("app" if form == "directory" else "app.ipynb")
    if form == "directory":
        app.mkdir()
    (app / "main.py" if form == "directory" else app).write_text("from pwsops.web.app import build")
    with pytest.raises(SystemExit):
        panel_serve.begin(["panel", "serve", str(app), "--address", "0.0.0.0"])


def test_what_is_not_ours_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.py"
    other.write_text("import panel")
    for command in (["panel", "serve", str(other)], ["panel", "convert", OURS], ["pwsops", "serve", OURS], [], ["x"],
                    ["panel", "serve"], ["panel", "serve", "\0"]):  # fmt: skip
        arguments = [*command, "--address", "0.0.0.0"]
        panel_serve.begin(arguments)
        assert arguments == [*command, "--address", "0.0.0.0"]
    assert capsys.readouterr().err == ""


def test_the_toolkit_asks_us_before_it_listens(tmp_path: Path) -> None:
    """By what is registered in pyproject.toml, with or without an installation of this very version."""
    registered = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["panel.auth"]
    info = tmp_path / "pwsops_registered-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pwsops-registered\nVersion: 0\n")
    lines = [f"{name} = {module}" for name, module in registered.items()]
    (info / "entry_points.txt").write_text("\n".join(["[panel.auth]", *lines, ""]))
    begin = """if True:
        import sys
        sys.path[:0] = sys.argv[1:3]
        sys.argv[:3] = ["panel"]
        from panel.command import main
        main()
    """
    command = [sys.executable, "-c", begin, str(tmp_path), str(ROOT)]
    found = subprocess.run(
        [*command, "serve", OURS, "--address", "0.0.0.0", "--port", "0"],
        capture_output=True, text=True, timeout=120, cwd=ROOT, check=False,
    )  # fmt: skip
    assert found.returncode == 1, found.stderr
    assert "will not listen on 0.0.0.0" in found.stderr
    assert "running at" not in found.stderr
