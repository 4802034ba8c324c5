"""Whatever call of the system fails: no last backup is lost, and nothing false is told.

A bounded choice runs always; `pytest tests/faults --faults=all` tries every call with every error, once and lasting.
"""

from __future__ import annotations

import errno
import itertools
from collections import Counter
from collections.abc import Iterator

import pytest

from pwsops.engines.sqlite import process
from tests.faults.scenes import SCENES, Scene, play
from tests.faults.shim import CALLS, ERRORS, KILLED, Fault, build, counted
from tests.faults.zygote import Zygote

UNSUPPORTED = {
    "flock": errno.ENOSYS,
    "link": errno.EPERM,
    "fchmod": errno.EPERM,
    "fsyncdir": errno.EINVAL,
}
"""What whole file systems do not have, and a backup does without."""


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    made = Zygote(build(tmp_path_factory.mktemp("shim")))
    yield made
    made.close()


class Stage:
    """A scene whose worker processes have the shim."""

    def __init__(self, scene: Scene, zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
        self.scene, self._zygote, self._monkeypatch = scene, zygote, monkeypatch
        self.log = scene.scratch / "calls"

    def calls(self) -> Counter[str]:
        """Return how often each call is made where none fails."""
        if not self.scene.calls:
            assert self.play(None)
            self.scene.calls = counted(self.log)
        return self.scene.calls

    def play(self, fault: Fault | None) -> bool:
        """Do it once, with that fault; return whether it was told to have succeeded."""
        self.scene.reset()
        self.log.unlink(missing_ok=True)
        variables = {"FAULT_UNDER": str(self.scene.media.parent), "FAULT_LOG": str(self.log)}
        variables |= fault.environment() if fault else {}
        self._monkeypatch.setattr(process, "subprocess", self._zygote.in_place_of(variables))
        try:
            return play(self.scene)
        except Exception as error:
            raise AssertionError(f"{type(self.scene).__name__}, {fault}: {type(error).__name__}: {error}") from error


@pytest.fixture(params=SCENES, ids=lambda kind: kind.__name__, scope="module")
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    made: Scene = request.param(tmp_path_factory.mktemp("stage") / "root", tmp_path_factory.mktemp("scratch"))
    return made


@pytest.fixture
def stage(scene: Scene, zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(scene, zygote, monkeypatch)


def test_every_call_is_seen_and_without_a_fault_all_succeeds(stage: Stage) -> None:
    assert {"open", "write", "fsync", "unlink"} <= stage.calls().keys()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try each call with one error, or with all of them where `--faults=all` asks for that."""
    if "error" not in metafunc.fixturenames:
        return
    chosen = [(call, ERRORS[index % len(ERRORS)]) for index, call in enumerate(CALLS)]
    if _everything(metafunc.config):
        chosen = list(itertools.product(CALLS, (*ERRORS, KILLED)))
    metafunc.parametrize(
        ("call", "error"), chosen, ids=[f"{call}-{errno.errorcode.get(error, 'killed')}" for call, error in chosen]
    )


def _everything(config: pytest.Config) -> bool:
    return bool(config.getoption("--faults") == "all")


def test_no_failing_call_loses_a_backup_or_tells_what_is_false(
    stage: Stage, call: str, error: int, pytestconfig: pytest.Config
) -> None:
    calls = stage.calls()[call]
    if _everything(pytestconfig):
        tried = [(nth, lasting) for nth in range(1, calls + 1) for lasting in (False, True)]
    else:
        tried = [(calls if CALLS.index(call) % 2 else 1, False)] if calls else []
    for nth, lasting in tried:
        stage.play(Fault(call=call, nth=nth, error=error, lasting=lasting))


@pytest.mark.parametrize("call", CALLS)
def test_a_process_that_is_killed_at_a_call_loses_no_backup(stage: Stage, call: str) -> None:
    if calls := stage.calls()[call]:
        stage.play(Fault(call=call, nth=(calls + 1) // 2, error=KILLED))


@pytest.mark.parametrize("call", UNSUPPORTED)
def test_what_a_file_system_does_not_have_is_done_without(stage: Stage, call: str) -> None:
    assert stage.play(Fault(call=call, nth=1, error=UNSUPPORTED[call], lasting=True))
