"""The verdict on the command line, in words and as records."""

from __future__ import annotations

import json

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pwsops.catalogue import service_state
from pwsops.cli import databases as databases_command
from pwsops.cli import words
from pwsops.cli.app import app
from pwsops.errors import EngineError
from pwsops.operations import databases as databases_module
from pwsops.operations import json_shapes
from pwsops.rules.protection import Cause, Finding, Protection, Verdict
from tests.homes import Home


def command(home: Home, *given: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["--home", str(home.path), "databases", "srv", *given])


@pytest.fixture
def backed_up(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(databases_module, "is_running", lambda home: True)
    with home.core.catalogue.write() as connection:
        service_state.want(connection, True)
    home.add()
    home.run()
    return home


def test_the_verdict_is_a_record(backed_up: Home) -> None:
    backed_up.ops.profiles.deactivate("p")
    one, *_, two = json.loads(command(backed_up, "--json").stdout)
    assert (one["name"], one["verdict"], one["covered"], one["causes"][0]) == (
        "one",
        "at risk",
        True,
        "profile inactive",
    )
    assert "The profile p is inactive." in one["why"]
    assert one["next_step"].startswith("Activate the profile")
    assert (two["verdict"], two["covered"]) == ("unprotected", False)


def test_the_verdict_is_a_column_and_its_reasons_another(backed_up: Home) -> None:
    backed_up.ops.profiles.deactivate("p")
    shown = command(backed_up).stdout
    assert "⚠ at risk" in shown
    assert "○ in no profile" in shown
    assert "inactive" in shown


def test_an_instance_that_is_away_is_an_error_and_its_databases_are_told_as_last_known(backed_up: Home) -> None:
    backed_up.ops.databases.list("srv")
    backed_up.server.databases_error = EngineError("No route.", hint="Look at the cable.")
    result = command(backed_up, "--json")
    assert result.exit_code != 0
    assert str(result.exception).startswith("No route.")
    one, *_ = json.loads(result.stdout)
    assert (one["name"], "instance not reached" in one["causes"]) == ("one", True)


def test_an_instance_that_never_answered_has_nothing_to_list(home: Home) -> None:
    home.server.databases_error = EngineError("No route.", hint="Look at the cable.")
    result = command(home)
    assert (result.exit_code, result.stdout) == (1, "")


@pytest.mark.parametrize("protection", Protection)
def test_green_is_for_what_is_protected_alone(protection: Protection) -> None:
    shown = words.verdict(Verdict(instance="srv", database="db", protection=protection, covered=True))
    assert shown.plain.endswith(protection.value)
    assert (str(shown.style) == "green") is (protection is Protection.PROTECTED)


def test_a_restore_that_owes_the_former_mode_is_red() -> None:
    owed = (Finding(cause=Cause.ACCESS_OWED),)
    shown = words.verdict(
        Verdict(instance="srv", database="db", protection=Protection.AT_RISK, covered=True, findings=owed)
    )
    assert str(shown.style) == "red"


def test_newer_backups_that_are_lost_are_told_beside_a_database_that_an_older_one_protects(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(databases_module, "is_running", lambda home: True)
    with home.core.catalogue.write() as connection:
        service_state.want(connection, True)
    home.add(timestamp=True, incremental=False, every=12)
    home.run()
    home.run()
    newest = max(home.server.media, key=lambda path: home.server.media[path][0].finished_at)
    del home.server.media[newest]
    views = home.ops.databases.list("srv")  # the command itself would go by the clock of this machine
    one = json_shapes.database(views[0])
    (note,) = one["notes"]
    assert (one["verdict"], one["why"]) == ("protected", "")
    assert note.startswith(f"A newer backup is gone: {newest}, since ")
    databases_command._list("srv", views, as_json=False)
    assert "A newer" in capsys.readouterr().out


def test_what_would_be_lost_is_not_known_where_the_record_of_a_backup_cannot_be_read(backed_up: Home) -> None:
    with backed_up.core.catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE backup_sets SET kind = 'half'")
    shown = command(backed_up).stdout
    assert "not known" in shown
    assert "backup_sets" in shown
    assert "never backed up" not in shown
