"""No test can hang: it ends at its limit, whatever it waits for. These run pytest as `make test` does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(directory: Path, text: str) -> str:
    """Run tests under the settings of this project, with limits of a few seconds, and give all that is said."""
    (directory / "test_hung.py").write_text(text)
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(directory), "-p", "no:cacheprovider"]
    limits = ["-o", "timeout=1", "-o", "faulthandler_timeout=3", "-o", "addopts=", "-p", "tests.limits"]
    # Those that take longest to load; they have no part in it.
    limits += [word for name in ("nbmake", "hypothesispytest", "anyio") for word in ("-p", f"no:{name}")]
    workers = ["--numprocesses", "1", "--dist", "loadfile", "--max-worker-restart", "0"]
    command = [sys.executable, "-m", "pytest", *settings, *limits, *workers, "-v", str(directory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_what_waits_for_ever_fails_where_it_waits_and_the_rest_goes_on(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        "import threading\ndef test_waits():\n    threading.Event().wait()\ndef test_next():\n    pass\n",
    )
    assert "Failed: Timeout (>1.0s)" in said
    assert "threading.Event().wait()" in said
    assert "1 failed, 1 passed" in said


def test_what_no_signal_reaches_is_ended_with_its_stacks(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        "import ctypes\n"
        "def test_deaf():\n"
        "    lock, mutex = ctypes.PyDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(64)\n"
        "    lock(mutex)\n"
        "    lock(mutex)\n",
    )
    assert "crashed while running 'test_hung.py::test_deaf'" in said
    assert "line 5 in test_deaf" in said


def test_fixtures_that_hang_after_a_failure_are_ended_with_their_stacks(tmp_path: Path) -> None:
    said = run(
        tmp_path,
        "import threading\n"
        "def test_fails(request):\n"
        "    request.addfinalizer(lambda: [threading.Event().wait() for _ in range(2)])\n"
        "    raise AssertionError\n",
    )
    assert "crashed while running 'test_hung.py::test_fails'" in said
    assert "in teardown_exact" in said
