"""Servers are asked in the background: a dead one holds up nobody, and each is asked once at a time."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from pwsops.errors import EngineError, PwsopsError, Unanswered
from pwsops.operations.records import DatabaseView
from pwsops.web.live.database_poller import DatabasePoller
from tests.component.web.conftest import make_database

PATIENCE_S = 10


def no_more_threads(*_: object, **__: object) -> None:
    raise RuntimeError("can't start new thread")


Answer = list[DatabaseView] | PwsopsError
OnAnswer = Callable[[str, Answer], None]


class Servers:
    """Answers for the servers of a test, each when the test lets it."""

    def __init__(self) -> None:
        self.asked: queue.Queue[str] = queue.Queue()
        self.answers: dict[str, Answer] = {}
        self.held: dict[str, threading.Event] = {}
        self.hung: dict[str, threading.Event] = {}
        self.told: dict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(0))
        self.databases = SimpleNamespace(poll=self._poll)

    def _poll(self, names: list[str], on_answer: OnAnswer) -> None:
        for name in names:
            threading.Thread(target=self._answer, args=(name, on_answer), daemon=True).start()

    def _answer(self, name: str, on_answer: OnAnswer) -> None:
        self.asked.put(name)
        if name in self.held:
            assert self.held[name].wait(PATIENCE_S)
        if name in self.hung:
            on_answer(name, Unanswered("Too late.", hint="Wait.", transient=True))
            self.told[name].release()
            assert self.hung.pop(name).wait(PATIENCE_S)
        on_answer(name, self.answers.get(name, [make_database().view]))
        self.told[name].release()

    def hang(self, name: str) -> threading.Event:
        """Let a server be too late with its next answer, which comes when the event is set."""
        self.hung[name] = threading.Event()
        return self.hung[name]

    def wait_for_answer(self, name: str) -> None:
        assert self.told[name].acquire(timeout=PATIENCE_S)


@pytest.fixture
def servers() -> Servers:
    return Servers()


@pytest.fixture
def poller(servers: Servers) -> DatabasePoller:
    return DatabasePoller(servers)  # type: ignore[arg-type]


def test_nobody_waits_and_an_answer_is_there_with_the_next_look(servers: Servers, poller: DatabasePoller) -> None:
    servers.held["slow"] = threading.Event()
    assert poller.about(["quick", "slow"], 1, wait=False)["slow"] is None
    servers.wait_for_answer("quick")
    found = poller.about(["quick", "slow"], 1, wait=False)
    assert found == {"quick": [make_database().view], "slow": None}
    servers.held["slow"].set()
    servers.wait_for_answer("slow")
    assert poller.about(["quick", "slow"], 1, wait=False)["slow"] == [make_database().view]


def test_each_answer_is_a_new_version(servers: Servers, poller: DatabasePoller) -> None:
    before = poller.version
    poller.about(["a"], 1, wait=False)
    servers.wait_for_answer("a")
    assert poller.version > before


def test_what_did_not_change_is_not_asked_again(servers: Servers, poller: DatabasePoller) -> None:
    for _ in range(3):
        poller.about(["a"], 1, wait=False)
    servers.wait_for_answer("a")
    poller.about(["a"], 1, wait=False)
    assert servers.asked.get(timeout=PATIENCE_S) == "a"
    assert servers.asked.empty()
    poller.forget("a")
    poller.about(["a"], 1, wait=False)
    servers.wait_for_answer("a")
    assert servers.asked.qsize() == 1


def test_one_that_takes_long_is_asked_once_at_a_time_and_again_for_what_changed(
    servers: Servers, poller: DatabasePoller
) -> None:
    servers.held["slow"] = threading.Event()
    for state in range(5):
        poller.about(["slow"], state, wait=False)
    assert servers.asked.get(timeout=PATIENCE_S) == "slow"
    assert servers.asked.empty()
    servers.held["slow"].set()
    servers.wait_for_answer("slow")
    servers.wait_for_answer("slow")
    assert servers.asked.qsize() == 1


def test_one_that_does_not_answer_in_time_is_not_asked_again_before_it_has(
    servers: Servers, poller: DatabasePoller
) -> None:
    hung = servers.hang("a")
    for state in range(5):
        about = poller.about(["a"], state, wait=False)
        if state == 0:
            servers.wait_for_answer("a")
    assert isinstance(about["a"], Unanswered)
    assert servers.asked.qsize() == 1
    hung.set()
    servers.wait_for_answer("a")
    servers.wait_for_answer("a")
    assert servers.asked.qsize() == 2
    assert poller.about(["a"], 4, wait=False) == {"a": [make_database().view]}


def test_a_late_answer_is_shown_as_well(servers: Servers, poller: DatabasePoller) -> None:
    hung = servers.hang("a")
    poller.about(["a"], 1, wait=False)
    servers.wait_for_answer("a")
    version = poller.version
    hung.set()
    servers.wait_for_answer("a")
    assert poller.about(["a"], 1, wait=False) == {"a": [make_database().view]}
    assert poller.version > version
    assert servers.asked.qsize() == 1


def test_those_that_could_not_be_asked_are_asked_with_the_next_look(
    servers: Servers, poller: DatabasePoller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(threading.Thread, "start", no_more_threads)
        assert poller.about(["a"], 1, wait=True) == {"a": None}
        patched.undo()
        patched.setattr(servers.databases, "poll", no_more_threads)
        assert poller.about(["a"], 1, wait=True) == {"a": None}
    assert [entry["names"] for entry in logs] == [["a"], ["a"]]
    poller.about(["a"], 1, wait=False)
    servers.wait_for_answer("a")
    assert poller.about(["a"], 1, wait=False) == {"a": [make_database().view]}


def test_an_error_stands_until_the_next_answer(servers: Servers, poller: DatabasePoller) -> None:
    away = EngineError("Away.", hint="Wait.")
    servers.answers["a"] = away
    poller.about(["a"], 1, wait=False)
    servers.wait_for_answer("a")
    servers.held["a"] = threading.Event()
    assert poller.about(["a"], 2, wait=False) == {"a": away}
    del servers.answers["a"]
    servers.held["a"].set()
    servers.wait_for_answer("a")
    assert poller.about(["a"], 2, wait=False) == {"a": [make_database().view]}


def test_what_was_removed_is_forgotten_also_where_it_answers_later(servers: Servers, poller: DatabasePoller) -> None:
    servers.held["a"] = threading.Event()
    poller.about(["a"], 1, wait=False)
    assert poller.about([], 2, wait=False) == {}
    servers.held["a"].set()
    servers.wait_for_answer("a")
    assert poller.about([], 2, wait=False) == {}
    assert servers.asked.qsize() == 1
