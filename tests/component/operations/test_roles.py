"""What is told of `access.toml`: who has which role, and what is amiss with the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pwsops.errors import PwsopsError, Refused
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


def noted(home: Home) -> list[tuple[str, ...]]:
    return [
        (one.action, one.subject, one.detail)
        for one in reversed(home.ops.audit.list())
        if one.action.startswith("role ")
    ]


ALL, SOME = "operator, all instances", 'operator, ["gone", "srv"]'


def test_roles_that_are_given_changed_and_taken_leave_an_entry_before_they_count(home: Home) -> None:
    write(home, LISTED + '[[person]]\nsubject = "corp:eve"\nrole = "administrator"\n')
    authentication = home.ops.people.authentication()
    first = [
        ("role given", "corp:eve", "administrator, all instances — was none"),
        ("role given", "user:ada", f"{SOME} — was none"),
    ]
    assert noted(home) == first, "at the start"
    write(home, LISTED.replace('instances = ["srv", "gone"]\n', ""))
    assert noted(home) == first
    assert authentication._roles.of("corp:eve") is None
    second = [("role taken", "corp:eve", "none — was administrator, all instances"),
              ("role changed", "user:ada", f"{ALL} — was {SOME}")]  # fmt: skip
    assert noted(home) == first + second, "as soon as it is read anew"
    assert home.ops.audit.list(limit=1)[0].actor == "backup service"


def test_what_changed_while_nothing_ran_is_compared_with_what_was_last_noted(home: Home) -> None:
    write(home, LISTED)
    for _ in range(2):
        home.ops.people.authentication()
        assert len(noted(home)) == 1
    write(home, "").unlink()
    home.ops.people.authentication()
    assert noted(home)[1:] == [("role taken", "user:ada", f"none — was {SOME}")]


def switches(home: Home) -> list[tuple[str, str]]:
    entries = reversed(home.ops.audit.list())
    return [(one.actor, one.action) for one in entries if one.action.startswith("second factor ")]


def test_whether_second_factors_are_required_leaves_an_entry_before_it_counts(home: Home) -> None:
    required = "require_second_factor = true\n" + LISTED
    write(home, LISTED)
    roles = home.ops.people.authentication()._roles
    assert not roles.second_factor_required()
    assert switches(home) == [], "it never was"
    write(home, required)
    assert roles.second_factor_required()
    assert switches(home) == [("backup service", "second factor required")]
    home.ops.people.authentication()
    write(home, required + "# another line\n")
    assert roles.second_factor_required()
    assert len(switches(home)) == 1, "it is the same still"
    write(home, "").unlink()
    home.ops.people.authentication()
    assert switches(home)[1:] == [("backup service", "second factor not required")]


def test_a_switch_of_second_factors_that_cannot_be_noted_does_not_count(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object, **__: object) -> None:
        raise PwsopsError("The catalogue is held.", hint="Try again.")

    write(home, "require_second_factor = true\n" + LISTED)
    roles = home.ops.people.authentication()._roles
    write(home, LISTED)
    monkeypatch.setattr("pwsops.catalogue.audit.append", locked)
    with pytest.raises(Refused, match="held"):
        roles.second_factor_required()


def test_a_role_that_cannot_be_noted_does_not_count(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object, **__: object) -> None:
        raise PwsopsError("The catalogue is held.", hint="Try again.")

    write(home, LISTED)
    with monkeypatch.context() as held:
        held.setattr("pwsops.catalogue.audit.append", locked)
        roles = home.ops.people.authentication()._roles
        with pytest.raises(Refused, match=r"does not count before it is written .* held"):
            roles.of("ada")
    assert roles.of("ada") is not None
    assert len(noted(home)) == 1
