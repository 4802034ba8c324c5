"""What `access.toml` says of people, and when it is not believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pwsops.errors import Refused
from pwsops.rules.rights import Role
from pwsops.signin.roles import FILE_NAME, Roles
from pwsops.signin.sessions import Grant

ADA = '[[person]]\nsubject = "ada"\nrole = "operator"\ninstances = ["vaults"]\n'
BOB = '[[person]]\nsubject = "bob"\nrole = "auditor"\n'


def write(home: Path, text: str, mode: int = 0o600) -> None:
    file = home / FILE_NAME
    file.write_text(text)
    file.chmod(mode)


def test_who_is_listed_has_a_role_for_all_instances_or_some_and_nobody_else_has_one(tmp_path: Path) -> None:
    write(tmp_path, ADA + BOB + '[[person]]\nsubject = "eve"\nrole = "viewer"\ninstances = []\n')
    roles = Roles(tmp_path)
    assert roles.of("ada") == Grant(role=Role.OPERATOR, instances=frozenset({"vaults"}))
    assert roles.of("bob") == Grant(role=Role.AUDITOR, instances=None)
    assert roles.of("eve") == Grant(role=Role.VIEWER, instances=frozenset())
    assert roles.of("Ada") is None
    assert list(roles.everybody()) == ["ada", "bob", "eve"]


def test_a_second_factor_is_required_where_the_file_says_so(tmp_path: Path) -> None:
    roles = Roles(tmp_path)
    for text, required in ((ADA, False), ("require_second_factor = true\n" + ADA, True), ("", False)):
        write(tmp_path, text)
        assert roles.second_factor_required() is required


def test_without_the_file_nobody_has_a_role(tmp_path: Path) -> None:
    assert Roles(tmp_path).of("ada") is None


def test_what_changes_counts_at_once_and_what_was_counts_no_more_once_it_cannot_be_read(tmp_path: Path) -> None:
    roles = Roles(tmp_path)
    write(tmp_path, ADA)
    assert roles.of("ada") is not None
    write(tmp_path, ADA.replace("operator", "viewer"))
    found = roles.of("ada")
    assert found is not None
    assert found.role is Role.VIEWER
    write(tmp_path, ADA + "[[person]\n")
    for _ in range(2):
        with pytest.raises(Refused, match="line 5"):
            roles.of("ada")
    write(tmp_path, BOB)
    assert roles.of("ada") is None
    assert roles.of("bob") is not None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (ADA + ADA, "'ada' is listed twice"),
        (ADA + ADA.replace('"ada"', '"user:ada"'), "'user:ada' is listed twice"),
        ('[[person]]\nrole = "viewer"\n', "person 1 has no subject"),
        ('[[person]]\nsubject = " "\nrole = "viewer"\n', "person 1 has no subject"),
        ('[[person]]\nsubject = "ada"\n', "role None"),
        ('[[person]]\nsubject = "ada"\nrole = "admin"\n', "role 'admin'; there are viewer, operator"),
        ('[[person]]\nsubject = "ada"\nrole = ["viewer"]\n', "has the role"),
        ('[[person]]\nsubject = "ada"\nrole = "viewer"\ninstances = "vaults"\n', "no list of names"),
        ('[[person]]\nsubject = "ada"\nrole = "viewer"\ninstances = [1]\n', "no list of names"),
        ('[[person]]\nsubject = "ada"\nrole = "viewer"\ninstance = "vaults"\n', "nothing else"),
        ('[person]\nsubject = "ada"\nrole = "viewer"\n', "tables alone"),
        ("person = [1]\n", "nothing else"),
        ('people = "all"\n', "not people"),
        ('require_second_factor = "yes"\n', "true or false"),
        (ADA + "require_second_factor = true\n", "nothing else"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "damaged"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    write(tmp_path, text)
    with pytest.raises(Refused, match=reason):
        Roles(tmp_path).of("ada")


def test_a_file_that_others_may_write_or_that_is_none_is_not_believed(tmp_path: Path) -> None:
    write(tmp_path, ADA, 0o666)
    with pytest.raises(Refused, match="others may write"):
        Roles(tmp_path).of("ada")
    file = tmp_path / FILE_NAME
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text(ADA)
    with pytest.raises(Refused, match="cannot be opened"):
        Roles(tmp_path).of("ada")
