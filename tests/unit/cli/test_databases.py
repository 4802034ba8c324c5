"""The verdict on the command line, in words and as records."""

from __future__ import annotations

import json

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pwsops.catalogue import service_state
from pwsops.cli import words
from pwsops.cli.app import app
from pwsops.errors import EngineError
from pwsops.operations import databases as databases_module
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
