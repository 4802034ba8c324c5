from __future__ import annotations

import queue
from collections.abc import Callable

from structlog.testing import capture_logs

from pwsops.web.live.watcher import Watcher

SOON = 10


class Source:
    def __init__(self) -> None:
        self.version = 0
        self.reads = 0
        self.asked: queue.Queue[int] = queue.Queue()
        self.error: Exception | None = None

    def ask(self) -> int:
        self.asked.put(self.version)
        if self.error is not None:
            raise self.error
        return self.version

    def read(self) -> int:
        self.reads += 1
        return self.version

    def watcher(self) -> Watcher[int]:
        return Watcher(version=self.ask, read=self.read, every_s=0.005)

    def questions(self, number: int) -> None:
        """Wait until it was asked so often again."""
        for _ in range(number + self.asked.qsize()):
            self.asked.get(timeout=SOON)


def ended(watcher: Watcher[int]) -> Callable[[], None]:
    thread = watcher._thread

    def wait() -> None:
        if thread is not None:
            thread.join(SOON)
            assert not thread.is_alive()

    return wait


def test_listeners_are_told_once_for_each_change() -> None:
    source, told = Source(), queue.Queue[int]()
    watcher = source.watcher()
    stop = watcher.subscribe(told.put)
    assert told.get(timeout=SOON) == 0
    source.questions(3)
    assert told.empty()
    source.version = 5
    assert told.get(timeout=SOON) == 5
    source.questions(3)
    assert told.empty()
    stop()


def test_one_reading_serves_all_and_a_newcomer_is_told_at_once() -> None:
    source, first, second = Source(), queue.Queue[int](), queue.Queue[int]()
    watcher = source.watcher()
    stops = [watcher.subscribe(first.put)]
    assert first.get(timeout=SOON) == 0
    stops.append(watcher.subscribe(second.put))
    assert second.get(timeout=SOON) == 0
    reads = source.reads
    source.version = 1
    assert second.get(timeout=SOON) == 1
    assert source.reads == reads + 1
    for stop in stops:
        stop()


def test_a_failing_listener_is_logged_and_harms_no_other() -> None:
    source, told = Source(), queue.Queue[int]()
    watcher = source.watcher()

    def fail(_: int) -> None:
        raise RuntimeError("a dead session")

    with capture_logs() as logs:
        stops = [watcher.subscribe(fail), watcher.subscribe(told.put)]
        assert told.get(timeout=SOON) == 0
        for stop in stops:
            stop()
    assert any(entry["event"] == "a page could not be told of a change" for entry in logs)


def test_the_last_to_leave_ends_the_thread_and_a_newcomer_begins_it_again() -> None:
    source, told = Source(), queue.Queue[int]()
    watcher = source.watcher()
    stop = watcher.subscribe(told.put)
    assert watcher.listening == 1
    wait = ended(watcher)
    stop()
    stop()
    wait()
    assert watcher.listening == 0
    stop = watcher.subscribe(told.put)
    while told.get(timeout=SOON) != 0:
        pass
    stop()


def test_a_failing_question_is_logged_once_and_asked_again() -> None:
    source, told = Source(), queue.Queue[int]()
    watcher = source.watcher()
    stop = watcher.subscribe(told.put)
    told.get(timeout=SOON)
    with capture_logs() as logs:
        source.error = OSError("no disk")
        source.questions(5)
        source.error = None
        assert told.get(timeout=SOON) == 0
    assert len([entry for entry in logs if entry["event"].startswith("the pages cannot be refreshed")]) == 1
    stop()
