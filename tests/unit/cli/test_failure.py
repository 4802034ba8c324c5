import io
import sys

import pytest
import structlog

from pwsops import logs
from pwsops.cli import failure, session
from pwsops.errors import Refused


@pytest.fixture
def ends(monkeypatch):
    """Run an action as the command line: gives exit code, stdout and stderr."""

    def run(action):
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True) for _ in range(2))
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        with pytest.raises(SystemExit) as ended:
            failure.run(action)
        return ended.value.code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()

    return run


@pytest.fixture
def log(tmp_path, monkeypatch):
    """Open a home's log, and forget it afterwards."""
    monkeypatch.setattr(session, "home", tmp_path)
    path = logs.configure(tmp_path)
    yield path
    structlog.get_config()["logger_factory"]._file.close()
    structlog.reset_defaults()


def raising(error):
    def action():
        raise error

    return action


def test_what_is_done_exits_0(ends):
    assert ends(lambda: None) == (0, "", "")


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (None, 0), (2, 2), ("text", 1)])
def test_an_exit_that_was_asked_for_is_kept(ends, code, expected):
    assert ends(raising(SystemExit(code)))[0] == expected


def test_a_refusal_exits_1_with_message_and_next_step(ends):
    assert ends(raising(Refused("It is off.", hint="Switch it on."))) == (
        1,
        "",
        "It is off.\nNext step: Switch it on.\n",
    )


def test_ctrl_c_exits_130_without_a_word(ends):
    assert ends(raising(KeyboardInterrupt())) == (130, "", "")


def test_a_reader_that_went_away_is_not_answered_by_a_traceback(ends):
    assert ends(raising(BrokenPipeError())) == (1, "", "")


def test_an_unforeseen_error_is_one_line_and_where_the_log_is(ends, log):
    code, printed, told = ends(raising(ZeroDivisionError("by zero")))
    problem, pointer = told.splitlines()
    assert (code, printed) == (1, "")
    assert "ZeroDivisionError: by zero" in problem
    assert str(log) in pointer
    assert "Traceback" in log.read_text()


def test_an_unforeseen_error_before_there_is_a_log_says_so(ends, monkeypatch):
    monkeypatch.setattr(session, "home", None)
    code, printed, told = ends(raising(ZeroDivisionError("by zero")))
    assert (code, printed) == (1, "")
    assert "before the log could be opened" in told


def test_a_name_the_terminal_cannot_show_is_spelled_out(ends):
    assert ends(lambda: sys.stdout.write("Tür\n"))[:2] == (0, "T\\xfcr\n")
