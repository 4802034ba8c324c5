"""Login data on the command line, over an engine that knows logins."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from pwsops.cli import credentials
from pwsops.cli.app import app
from pwsops.engines.records import MissingRight
from pwsops.engines.sqlserver.options import OPTIONS
from pwsops.errors import EngineError, InvalidInput
from pwsops.messages import Message
from pwsops.rules.model import BackupKind, BackupSet
from tests.clocks import NOON
from tests.homes import Home

SECRET = "pa55 wörd "
ADD = ("instance", "add", "sql", "--engine", "fake", "--address", "db1")


@pytest.fixture(autouse=True)
def _knows_logins_and_options(home: Home) -> None:
    home.server.login = True
    home.server.options = OPTIONS


def command(home: Home, *words: str, stdin: str | None = None) -> Result:
    # A PwsopsError leaves the application as it is: `failure.run` prints it.
    return CliRunner().invoke(app, ["--home", str(home.path), *words], input=stdin)


def done(home: Home, *words: str, stdin: str | None = None) -> str:
    result = command(home, *words, stdin=stdin)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def rows(home: Home, *words: str) -> Any:
    return json.loads(done(home, *words, "--json"))


def test_an_instance_is_added_with_its_login_and_options(home: Home) -> None:
    told = done(
        home, *ADD, "--login", "ops", "--password-stdin", "--driver", "ODBC Driver 18 for SQL Server", "--encrypt",
        "strict", "--trust-server-certificate", "--login-timeout", "5", stdin=SECRET + "\n",
    )  # fmt: skip
    assert "Beware: Anybody between here and the server can pretend to be it" in told
    assert home.core.instance("sql").password == SECRET, "nothing but the line's end is taken away"
    (added, _) = rows(home, "instance", "list")
    assert (added["login"], added["address"]) == ("ops", "db1")
    assert added["options"] == {
        "driver": "ODBC Driver 18 for SQL Server",
        "encrypt": "strict",
        "trust_server_certificate": True,
        "login_timeout_s": 5.0,
    }
    assert "encrypt=strict, trust_server_certificate=true" in done(home, "instance", "list")


def test_how_backups_are_written_is_told_by_key_and_value(home: Home) -> None:
    done(home, *ADD, "--option", "stripes=4", "--option", "compress=false", "--option", "buffer_count=20")
    assert home.core.instance("sql").options == {"stripes": 4, "compress": False, "buffer_count": 20}
    done(home, "instance", "edit", "sql", "--option", "stripes=")
    assert home.core.instance("sql").options == {"compress": False, "buffer_count": 20}


@pytest.mark.parametrize("told", ["stripes", "=4", ""])
def test_an_option_that_is_no_key_and_value_is_a_usage_error(home: Home, told: str) -> None:
    result = command(home, *ADD, "--option", told)
    assert result.exit_code == 2
    assert "KEY=VALUE" in result.output


@pytest.mark.parametrize("told", ["stripes=65", "stripes=many", "compress=3", "colour=blue", "buffer_count=nan"])
def test_an_option_that_the_engine_cannot_take_is_refused(home: Home, told: str) -> None:
    result = command(home, *ADD, "--option", told)
    assert isinstance(result.exception, InvalidInput)
    assert result.exception.hint


def test_a_file_is_kept_by_its_whole_path_and_no_encryption_is_warned_of(home: Home, tmp_path: Any) -> None:
    told = done(home, *ADD, "--driver", "./libodbc.so", "--server-certificate", "cert.pem", "--encrypt", "no")
    assert "Beware: Anybody between here and the server can read what is said." in told
    options = home.core.instance("sql").options
    assert options["driver"].startswith("/")
    assert options["server_certificate"].startswith("/")


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\nanother line\n"])
def test_the_password_is_one_line(home: Home, ending: str) -> None:
    done(home, *ADD, "--login", "ops", "--password-stdin", stdin="a b" + ending)
    assert home.core.instance("sql").password == "a b"


def test_an_instance_is_edited(home: Home) -> None:
    done(home, *ADD, "--login", "ops", "--password-stdin", "--driver", "FreeTDS", stdin="old\n")
    told = done(home, "instance", "edit", "sql", "--login", "ops", "--password-stdin", stdin="new\n")
    assert told == "Saved the instance sql: fake at db1, as ops.\n"
    assert home.core.instance("sql").password == "new"
    told = done(home, "instance", "edit", "sql", "--address", "db2", "--login", "", "--driver", "")
    assert told == "Saved the instance sql: fake at db2, as service user.\n"
    kept = home.core.instance("sql")
    assert (kept.login, kept.password, dict(kept.options)) == (None, None, {})


def test_an_edit_that_says_nothing_is_a_usage_error(home: Home) -> None:
    result = command(home, "instance", "edit", "srv")
    assert result.exit_code == 2
    assert "nothing is to be changed" in result.output


PROFILE = ("profile", "create", "p", "--instance", "srv", "--database", "one", "--directory", "/media")


def test_a_profile_gets_changes_and_loses_a_login_of_its_own(home: Home) -> None:
    done(home, *PROFILE, "--login", "backup", "--password-stdin", stdin="old\n")
    assert rows(home, "profile", "show", "p")[0]["login"] == "backup"
    done(home, "profile", "edit", "p", "--login", "backup", "--password-stdin", stdin="new\n")
    home.server.opened_as.clear()
    home.run()
    assert home.server.opened_as == [("backup", "new")]
    done(home, "profile", "edit", "p", "--login", "")
    assert rows(home, "profile", "show", "p")[0]["login"] is None


def test_a_restore_and_a_look_into_a_file_take_a_login_of_their_own(home: Home) -> None:
    laid = BackupSet(set_id="a", database="one", kind=BackupKind.FULL, path="/media/a.bak", finished_at=NOON)
    home.record(home.server.put(laid))
    home.server.opened_as.clear()
    who = ("--login", "dba", "--password-stdin")
    done(home, "media", "/media/a.bak", "--instance", "srv", *who, stdin="x\n")
    words = ("restore", "--instance", "srv", "--database", "one", "--file", "/media/a.bak", "--yes")
    done(home, *words, *who, stdin="x\n")
    assert set(home.server.opened_as) == {("dba", "x")}


@pytest.mark.parametrize(
    "words",
    [
        ADD,
        ("instance", "edit", "srv"),
        PROFILE,
        ("profile", "edit", "p"),
        ("restore", "--instance", "srv", "--database", "one", "--file", "/a.bak"),
        ("media", "/a.bak", "--instance", "srv"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_half_of_the_login_data_is_a_usage_error_that_says_what_to_do(home: Home, words: tuple[str, ...]) -> None:
    alone = command(home, *words, "--password-stdin", stdin="x\n")
    assert (alone.exit_code, "--login" in alone.output) == (2, True)
    nobody_to_ask = command(home, *words, "--login", "ops", stdin="")
    assert (nobody_to_ask.exit_code, "add --password-stdin" in " ".join(nobody_to_ask.output.split())) == (2, True)
    empty = command(home, *words, "--login", "ops", "--password-stdin", stdin="\n")
    assert (empty.exit_code, "no password on standard input" in " ".join(empty.output.split())) == (2, True)
    assert home.ops.profiles.list() == []


def test_a_login_without_a_server_is_a_usage_error(home: Home) -> None:
    result = command(home, "media", "/a.bak", "--login", "ops", "--password-stdin", stdin="x\n")
    assert (result.exit_code, "--instance" in result.output) == (2, True)


def test_at_a_terminal_the_password_is_asked_for_without_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def prompt(question: str, **how: Any) -> str:
        asked.append((question, how["hide_input"]))
        return SECRET

    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(typer, "prompt", prompt)
    assert credentials.read_password("ops", from_stdin=False) == SECRET
    assert asked == [("Password of ops", True)]


def test_a_password_that_is_no_text_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8"))
    with pytest.raises(typer.BadParameter, match="not UTF-8"):
        credentials.read_password("ops", from_stdin=True)


def test_a_probe_says_which_rights_are_held_and_how_the_missing_ones_are_given(home: Home) -> None:
    home.server.facts = {"Edition": "Developer"}
    home.server.held_rights = ["BACKUP DATABASE"]
    home.server.missing_rights = [MissingRight(right="dbcreator", grant="ALTER SERVER ROLE x;", without="restore")]
    told = " ".join(done(home, "instance", "probe", "srv").split())
    assert "edition Developer" in told
    assert "right held BACKUP DATABASE" in told
    assert "right missing dbcreator (needed for restore)" in told
    assert "how to grant it ALTER SERVER ROLE x;" in told
    (found,) = rows(home, "instance", "probe", "srv")
    assert found["held_rights"] == ["BACKUP DATABASE"]
    assert found["missing_rights"] == [
        {"right": "dbcreator", "grant": "ALTER SERVER ROLE x;", "without": "restore", "required": True}
    ]


def test_a_failed_run_tells_all_that_the_server_said_below_the_cause(home: Home) -> None:
    home.add()
    said = [
        Message(text="Cannot open backup device.", at=NOON, number=3201, severity=16, state=1, is_error=True),
        Message(text="BACKUP DATABASE is terminating abnormally.", at=NOON, number=3013, severity=16, is_error=True),
    ]
    home.server.fail("one", EngineError("The server cannot write there.", hint="Grant it.", messages=said))
    told = command(home, "run", "p", "--here").output
    lines = told[told.index("one: The server") :].splitlines()
    assert lines == [
        "one: The server cannot write there.",
        "Next step: Grant it.",
        "Message: 3201, severity 16, state 1: Cannot open backup device.",
        "Message: 3013, severity 16: BACKUP DATABASE is terminating abnormally.",
    ]
