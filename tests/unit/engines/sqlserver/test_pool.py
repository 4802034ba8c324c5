from __future__ import annotations

import pytest

from pwsops.engines.sqlserver.pool import IDLE_LIMIT, IDLE_LIMIT_S, Pool
from tests.clocks import ManualClock


class Connection:
    closed = False

    def close(self) -> None:
        self.closed = True


def test_a_connection_is_used_again() -> None:
    pool = Pool()
    with pool.borrow("a", Connection) as first:
        pass
    with pool.borrow("a", Connection) as again, pool.borrow("a", Connection) as other:
        assert again is first
        assert other is not first
    with pool.borrow("b", Connection) as elsewhere:
        assert elsewhere not in (first, other)


def test_after_an_error_a_connection_is_closed_and_not_used_again() -> None:
    pool = Pool()
    with pytest.raises(ValueError, match="broken"), pool.borrow("a", Connection) as first:
        raise ValueError("broken")
    assert first.closed
    with pool.borrow("a", Connection) as second:
        assert second is not first


def test_a_connection_that_does_not_answer_is_replaced_with_all_that_waited_with_it() -> None:
    pool = Pool()
    with pool.borrow("a", Connection) as first, pool.borrow("a", Connection) as second:
        pass
    with pool.borrow("a", Connection, is_alive=lambda _: False) as third:
        assert third not in (first, second)
    assert first.closed
    assert second.closed


def test_a_connection_that_waited_too_long_is_closed() -> None:
    clock = ManualClock()
    pool = Pool(clock)
    with pool.borrow("a", Connection) as first:
        pass
    clock.advance(seconds=IDLE_LIMIT_S + 1)
    with pool.borrow("a", Connection) as second:
        assert second is not first
    assert first.closed


def test_what_waited_too_long_is_closed_whoever_comes_next() -> None:
    clock = ManualClock()
    pool = Pool(clock)
    with pool.borrow("a", Connection) as first:
        pass
    clock.advance(seconds=IDLE_LIMIT_S / 2)
    with pool.borrow("b", Connection) as other:
        pass
    clock.advance(seconds=IDLE_LIMIT_S / 2 + 1)
    with pool.borrow("c", Connection):
        assert first.closed
        assert not other.closed
        assert pool.keys == {"b", "c"}


def test_of_a_key_that_is_forgotten_nothing_stays_that_is_in_use_at_that_time_either() -> None:
    pool = Pool()
    with pool.borrow("a", Connection) as waits:
        pass
    with pool.borrow("a", Connection, fresh=True) as used:
        pool.forget("a")
        assert waits.closed
        assert not used.closed
        assert pool.keys == set()
        with pool.borrow("a", Connection) as later:
            pass
    assert used.closed
    assert not later.closed
    assert pool.keys == {"a"}


def test_a_key_without_connections_is_forgotten() -> None:
    def refuse() -> Connection:
        raise ValueError("refused")

    pool = Pool()
    with pytest.raises(ValueError, match="refused"), pool.borrow("a", refuse):
        pass
    with pool.borrow("b", Connection) as closed_by_its_user:
        closed_by_its_user.close()
    assert pool.keys == set()


def test_no_more_wait_than_are_of_use() -> None:
    pool = Pool()
    borrowed = [pool.borrow("a", Connection) for _ in range(IDLE_LIMIT + 1)]
    connections = [each.__enter__() for each in borrowed]
    for each in borrowed:
        each.__exit__(None, None, None)
    assert [each.closed for each in connections] == [False] * IDLE_LIMIT + [True]


def test_a_fresh_connection_is_never_an_idle_one() -> None:
    pool = Pool()
    with pool.borrow("a", Connection) as first:
        pass
    with pool.borrow("a", Connection, fresh=True) as second:
        assert second is not first
