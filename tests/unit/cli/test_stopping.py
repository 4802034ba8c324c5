"""A signal stops the service whatever the main thread is doing in that moment."""

import signal
import threading

import pytest

from pwsops.cli.service import stopped_by_signals

PATIENCE_S = 60


class Watched(threading.Event):
    """An event whose own lock a test can hold, as `wait` does for a part of its time."""

    @property
    def lock(self):
        return self._cond


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_of_a_wait_is_neither_lost_nor_stuck(number):
    stop = Watched()
    with stopped_by_signals(stop):
        with stop.lock:
            signal.raise_signal(number)
        assert stop.wait(PATIENCE_S)


def test_without_a_signal_nothing_stops_and_the_handlers_are_as_they_were():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    stop = threading.Event()
    with stopped_by_signals(stop) as passing_on:
        pass
    passing_on.join(PATIENCE_S)
    assert not passing_on.is_alive()
    assert not stop.is_set()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
