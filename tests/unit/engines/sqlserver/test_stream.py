from __future__ import annotations

from typing import Any

import pyodbc
import pytest

from pwsops.engines.sqlserver import stream
from pwsops.messages import Message
from tests.clocks import NOON, ManualClock

MICROSOFT = "[Microsoft][ODBC Driver 18 for SQL Server]"
CLOCK = ManualClock()


class Cursor:
    """Answers like pyodbc's: a list of messages for `execute` and for each `nextset`, or what these raise."""

    def __init__(self, *answers: list[tuple[str, str]] | Exception) -> None:
        self._answers = list(answers)
        self.messages: list[tuple[str, str]] = []

    def execute(self, statement: str) -> None:
        del statement
        self._next()

    def nextset(self) -> bool:
        if not self._answers:
            self.messages = []
            return False
        self._next()
        return True

    def _next(self) -> None:
        answer = self._answers.pop(0)
        self.messages = []
        if isinstance(answer, Exception):
            raise answer
        self.messages = answer


def run(*answers: list[tuple[str, str]] | Exception) -> tuple[list[Message], list[int]]:
    heard: list[Message] = []
    percents: list[int] = []
    stream.run(Cursor(*answers), "BACKUP", clock=CLOCK, hear=heard.append, hear_percent=percents.append)
    return heard, percents


def info(number: int, text: str) -> tuple[str, str]:
    return f"[01000] ({number})", f"{MICROSOFT}[SQL Server]{text}"


DONE = info(3014, "BACKUP DATABASE successfully processed 10 pages.")


def test_every_message_is_heard_in_order_whether_it_comes_alone_or_with_others() -> None:
    for answers in ([[info(3211, "50 percent processed."), info(4035, "Processed."), DONE]],
                    [[info(3211, "50 percent processed.")], [info(4035, "Processed.")], [DONE]]):  # fmt: skip
        heard, percents = run(*answers)
        assert [message.number for message in heard] == [4035, 3014]
        assert percents == [50]
        assert heard[1].text == "BACKUP DATABASE successfully processed 10 pages."
        assert heard[1].at == NOON
        assert not any(message.is_error for message in heard)


def test_what_was_said_before_an_error_is_kept() -> None:
    text = f"[42000] {MICROSOFT}[SQL Server]Write on 'x' failed: 112(full) (odd). (3202) (SQLMoreResults)"
    heard, _ = run([info(4035, "Processed.")], pyodbc.ProgrammingError("42000", text))
    assert [(message.number, message.is_error) for message in heard] == [(4035, False), (3202, True)]
    assert heard[1].text == "Write on 'x' failed: 112(full) (odd)."


def test_a_lost_connection_that_raises_nothing_is_an_error_all_the_same() -> None:
    heard, _ = run([("[08S01] (10054)", f"{MICROSOFT}TCP Provider: Error code 0x2746"), info(3211, "20 percent")])
    assert [(message.number, message.is_error) for message in heard] == [(None, True)]
    assert heard[0].text == "[08S01] TCP Provider: Error code 0x2746"


def test_freetds_tells_of_a_lost_connection_in_an_ordinary_message() -> None:
    heard, _ = run([("[01000] (20017)", "[FreeTDS][SQL Server]Unexpected EOF from the server")])
    assert [(message.number, message.is_error) for message in heard] == [(20017, True)]


def test_a_cancel_is_the_drivers_own_word() -> None:
    heard, _ = run(pyodbc.Error("HY008", f"[HY008] {MICROSOFT}Operation canceled (0) (SQLExecDirectW)"))
    assert [(message.text, message.number) for message in heard] == [("[HY008] Operation canceled", None)]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (pyodbc.Error("HY000", "odd"), "[HY000] odd"),
        (pyodbc.Error("odd"), "[HY000] odd"),
        (pyodbc.Error(), "[HY000] Error"),
    ],
)
def test_an_error_of_an_unknown_form_is_kept_as_it_is(error: pyodbc.Error, text: str) -> None:
    message = stream.raised(error, CLOCK)
    assert (message.text, message.number, message.is_error) == (text, None, True)


def test_a_message_of_the_server_may_begin_with_a_bracket() -> None:
    message = stream.message_of("[01000] (0)", f"{MICROSOFT}[SQL Server][vault] is odd", CLOCK)
    assert message.text == "[01000] [vault] is odd"
    assert stream.message_of("[01000] (5701)", f"{MICROSOFT}[SQL Server][vault] is odd", CLOCK).text == "[vault] is odd"


def test_a_percentage_that_cannot_be_read_is_none_at_all() -> None:
    heard, percents = run([("[01000] (3211)", "[FreeTDS][SQL Server]viele Prozent")])
    assert (heard, percents) == ([], [0])
    nothing: list[Any] = []
    stream.run(Cursor([info(3211, "5 percent")]), "BACKUP", clock=CLOCK, hear=nothing.append)
    assert nothing == []
