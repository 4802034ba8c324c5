import io
import json

import pytest
from rich.text import Text

from pwsops.cli import output


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self):
        return True


@pytest.mark.parametrize("rows", [[], [{"a": 1}], [{"a": 1}, {"a": "ü\ud800\n"}]])
def test_json_is_one_array_whatever_it_holds(rows, capsys):
    output.emit(iter(rows))
    printed = capsys.readouterr().out
    assert json.loads(printed) == rows
    assert printed.endswith("]\n")


def test_json_comes_a_record_a_line(capsys):
    output.emit([{"a": 1}, {"a": 2}])
    assert capsys.readouterr().out == '[\n{"a": 1},\n{"a": 2}\n]\n'


def test_a_pipe_gets_every_cell_whole(capsys):
    path = "/backups/" + "x" * 500
    output.table(("Path", "Note"), [(path, "a [bold]b[/bold] :smile:")], empty="")
    printed = capsys.readouterr().out
    assert path in printed
    assert "a [bold]b[/bold] :smile:" in printed
    assert "\x1b" not in printed


def test_a_table_without_rows_says_so_in_a_sentence(capsys):
    output.table(("A",), [], empty="There is nothing.")
    assert capsys.readouterr().out == "There is nothing.\n"


def test_a_narrow_terminal_wraps_long_text_and_leaves_short_words_whole(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "dumb")
    output.table(("State", "Why"), [("succeeded", "a long story " * 10)], wraps=("Why",), empty="")
    assert "succeeded" in terminal.getvalue()
    assert terminal.getvalue().count("story") == 10


def test_numbers_are_aligned_right(capsys):
    output.table(("Run", "Name"), [("1", "a"), ("100", "b")], right=("Run",), empty="")
    assert "  1   a" in capsys.readouterr().out


def test_cells_cannot_steer_the_terminal(capsys):
    output.table(("A",), [("\x1b]0;title\x07",)], empty="")
    assert "\x1b" not in capsys.readouterr().out


def test_a_terminal_gets_colour_unless_it_asks_for_none(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    for variable in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    coloured = Terminal()
    output.console(coloured).print(Text("failed", "red"))
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    output.console(plain).print(Text("failed", "red"))
    assert "\x1b[31m" in coloured.getvalue()
    assert plain.getvalue() == "failed\n"


def test_an_error_goes_to_stderr_with_its_next_step(capsys):
    output.complain("It failed.", "Try again.")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "It failed.\nNext step: Try again.\n"


def test_an_error_without_a_next_step_has_no_empty_one(capsys):
    output.complain("It failed.", "")
    assert capsys.readouterr().err == "It failed.\n"


def test_notes_are_not_part_of_the_result(capsys):
    output.note("working")
    output.say("done")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("done\n", "working\n")
