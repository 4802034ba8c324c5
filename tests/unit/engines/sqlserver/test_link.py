from __future__ import annotations

from typing import Any

from pwsops.engines.sqlserver import link


class Connection:
    """One that notes how long it would have waited for an answer."""

    timeout = 0
    description = (("id",),)

    def __init__(self) -> None:
        self.waits_s: list[int] = []

    def cursor(self) -> Connection:
        return self

    def execute(self, *_: object) -> None:
        self.waits_s.append(self.timeout)

    def fetchall(self) -> list[Any]:
        return [(51,)]

    def nextset(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""


def test_whether_a_connection_is_alive_is_not_waited_for_without_end() -> None:
    connection = Connection()
    assert link._is_alive(connection)
    assert connection.waits_s == [link.ALIVE_TIMEOUT_S]
