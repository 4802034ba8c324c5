from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from tornado.websocket import WebSocketClosedError

from pwsops import logs
from pwsops.errors import Refused
from pwsops.logs import FILE_NAME, BoundedFile, Seldom


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    before = structlog.get_config()
    yield logs.configure(tmp_path)
    structlog.configure(**before)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_log_is_bounded_while_the_process_runs(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 10_000)
    for number in range(1000):
        structlog.get_logger().info("something else each time", number=number)
    kept = sorted(log.parent.iterdir())
    assert [path.name for path in kept] == [FILE_NAME, f"{FILE_NAME}.1"]
    assert all(path.stat().st_size < 10_500 for path in kept)
    assert lines(log)[-1]["number"] == 999


def test_a_process_notices_that_another_one_has_set_the_file_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 10)
    path = tmp_path / FILE_NAME
    one, two = BoundedFile(path), BoundedFile(path)
    one.write("first, and long enough\n")
    two.write("second\n")
    one.write("third\n")
    assert path.read_text() == "second\nthird\n"
    path.unlink()
    one.write("fourth\n")
    assert path.read_text() == "fourth\n"
    for file in (one, two):
        file.close()


def test_a_log_that_cannot_be_written_is_silent(tmp_path: Path) -> None:
    file = BoundedFile(tmp_path / FILE_NAME)
    file.close()
    assert file.write("lost\n") == 0
    file.flush()


def test_the_same_words_are_written_now_and_then_with_how_often_they_were_said(log: Path) -> None:
    now = [0.0]
    structlog.configure(processors=[Seldom(lambda: now[0]), structlog.processors.JSONRenderer()])
    for second in range(1000):
        now[0] = second / 5
        structlog.get_logger().error("it failed again", run_id=7)
    said = lines(log)
    assert [line.get("repeated", 0) for line in said] == [0, 299, 299, 299]


def test_other_words_are_not_held_back(log: Path) -> None:
    for number in (1, 2, 1):
        structlog.get_logger().error("it failed", run_id=number)
    assert [line["run_id"] for line in lines(log)] == [1, 2]


def test_only_so_many_words_are_remembered() -> None:
    seldom = Seldom(lambda: 0.0)
    for number in range(2000):
        seldom(None, "error", {"event": number})
    assert len(seldom._last) == 256


def test_a_name_that_is_no_text_is_spelled_out(log: Path) -> None:
    structlog.get_logger().error("it failed", database="caf\udce9.db")
    assert lines(log)[0]["database"] == "caf\udce9.db"


class Sent(Exception):
    """An error that quotes what it is about, as many do."""


def test_what_an_error_quotes_is_not_written_down_but_its_kind_and_place_are(log: Path) -> None:
    try:
        try:
            raise Sent("c4nary")
        except Sent:
            raise KeyError("c4nary") from None
    except KeyError as error:
        structlog.get_logger().error("a page met an error", exc_info=error)
        structlog.get_logger().exception("the same")
    try:
        try:
            raise Sent("c4nary")
        except Sent as inner:
            raise Refused("The door is shut.", hint="Open it.") from inner
    except Refused:
        structlog.get_logger().exception("another")
    text = log.read_text(encoding="utf-8")
    assert "c4nary" not in text.replace('"c4nary"', "").replace('\\"c4nary\\"', ""), "but for the lines of this test"
    assert "builtins.KeyError" in text
    assert "test_logs.py" in text
    assert "The door is shut." in text
    assert "Sent" in lines(log)[2]["exception"]


@pytest.mark.parametrize("name", ["bokeh.server.protocol_handler", "tornado.application", "panel.reactive", "param"])
def test_what_toolkits_quote_of_a_message_is_not_written_down(
    log: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    toolkit = logging.getLogger(name)
    value = "c4" + "nary"
    try:
        raise Sent(value)
    except Sent as error:
        toolkit.error("error handling message\n message: %r \n error: %r", {"value": value}, error, exc_info=True)
        toolkit.error(f"Callback failed with {value}", exc_info=True)
        toolkit.warning("%(what)s took %(s)d s", {"what": value, "s": 3})
    toolkit.warning("%s took %.2f s", value, 3.5)
    assert value not in caplog.text
    assert "error handling message" in caplog.text
    assert "took 3.50 s" in caplog.text
    assert "test_logs.py" in caplog.text


@pytest.mark.parametrize("toolkit", ["bokeh.server.views.ws", "panel.io.document", "asyncio"])
def test_a_page_that_was_closed_is_no_news(caplog: pytest.LogCaptureFixture, toolkit: str) -> None:
    logs.hush_toolkits()
    logger = logging.getLogger(toolkit)
    logger.warning("Failed sending message as connection was closed")
    gone = WebSocketClosedError()
    logger.error("Task exception was never retrieved", exc_info=(type(gone), gone, None))
    assert caplog.text == ""
    logger.warning("Something else")
    assert caplog.text


def test_what_others_log_stays_as_it_is(log: Path, caplog: pytest.LogCaptureFixture) -> None:
    logs.hush_toolkits()
    logging.getLogger("others").warning("%s", "told")
    assert "told" in caplog.text
