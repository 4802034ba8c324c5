"""A process that is started from here is given no secret of this one."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

import pwsops
from pwsops.engines.sqlite import launch
from pwsops.spawning import environment

SECRETS = ("PWSOPS_KEY", "PANEL_COOKIE_SECRET", "PANEL_OAUTH_SECRET", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "X_PWD")
PACKAGE = Path(pwsops.__file__).parent


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "c4nary")
    monkeypatch.setenv("LC_TIME", "C")


def test_what_is_not_named_stays_here() -> None:
    found = environment(EXTRA="1")
    assert found.keys() & set(SECRETS) == set()
    assert (found["LC_TIME"], found["EXTRA"]) == ("C", "1")
    assert environment(("PWSOPS_*",))["PWSOPS_KEY"] == "c4nary"


def test_a_worker_sees_none_of_them() -> None:
    program = "import os, pwsops; print(*os.environ.items())"
    command = [*launch.command("pwsops")[:2], "-c", program]
    told = subprocess.run(command, env=launch.environment(), capture_output=True, text=True, check=True).stdout
    assert "c4nary" not in told


def test_every_process_is_started_with_an_environment_of_ours() -> None:
    """Who starts one more way of doing it is asked here."""
    starts = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                name = f"{getattr(node.func.value, 'id', '')}.{node.func.attr}"
                if name.startswith(("subprocess.", "multiprocessing.", "os.fork", "os.exec", "os.spawn", "os.posix_s")):
                    starts[str(path.relative_to(PACKAGE))] = {word.arg for word in node.keywords} >= {"env"}
                assert name not in ("os.system", "os.popen"), path
    # The recovery script stands alone, and tries what may take too long in a child of its own: it runs no program.
    assert starts == {
        "certificates/opening.py": True,
        "cli/notebook.py": True,
        "engines/sqlite/process.py": True,
        "engines/sqlite/recover.py": False,
        "heads/journal.py": True,
    }
