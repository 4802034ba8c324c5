"""What is told of `access.toml`: who has which role, and what is amiss with the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pwsops.errors import Refused
from pwsops.operations.records import Check
from pwsops.rules.rights import Role
from tests.homes import Home

LISTED = '[[person]]\nsubject = "ada"\nrole = "operator"\ninstances = ["srv", "gone"]\n'


def write(home: Home, text: str) -> Path:
    file = home.path / "access.toml"
    file.write_text(text)
    file.chmod(0o600)
    return file


def findings(home: Home) -> list[Check]:
    found = list(home.ops.roles.check())
    assert [check for check in home.ops.doctor() if check.name == "Roles"] == found
    return found


def test_a_home_without_the_file_has_nobody_but_its_user(home: Home) -> None:
    assert [(check.ok, check.finding) for check in findings(home)] == [(True, "nobody has one but this user")]
    assert home.ops.roles.list() == []


def test_whoever_is_listed_is_told_and_what_names_nothing_that_is_there(home: Home) -> None:
    file = write(home, LISTED)
    [listed] = home.ops.roles.list()
    assert (listed.subject, listed.role, listed.instances) == ("ada", Role.OPERATOR, {"srv", "gone"})
    well, amiss = findings(home)
    assert (well.ok, well.finding) == (True, f"1 person has a role by {file}")
    assert (amiss.ok, amiss.finding) == (False, "ada is given gone, and there is no such instance")
    assert str(file) in amiss.next_step


def test_a_file_that_cannot_be_used_is_a_finding(home: Home) -> None:
    write(home, LISTED + "[[person]\n")
    [amiss] = findings(home)
    assert not amiss.ok
    assert "line 5" in amiss.finding
    with pytest.raises(Refused):
        home.ops.roles.list()
