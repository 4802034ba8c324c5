"""The doctor: says what it found, of a home that cannot be opened as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pwsops.catalogue import Catalogue, store
from pwsops.engines.base import DirectoryCheck, DirectoryStatus
from pwsops.errors import EngineError, PwsopsError
from pwsops.operations import doctor, examine_home
from pwsops.operations.records import Check, CheckState
from pwsops.presence import Presence
from tests.homes import Home


def newer(home: Path) -> None:
    catalogue = Catalogue(home)
    with catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    catalogue.close()


def emptied(home: Path) -> None:
    Catalogue(home).close()
    Presence(home).close()
    (home / store.FILE_NAME).write_bytes(b"")


WAYS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no database": (lambda home: (home / store.FILE_NAME).write_bytes(b"nonsense" * 200), "is damaged"),
    "emptied": (emptied, "it is empty"),
    "a directory": (lambda home: (home / store.FILE_NAME).mkdir(), "it is a directory"),
    "newer": (newer, "newer version"),
}


@pytest.mark.parametrize(("spoil", "finding"), WAYS.values(), ids=WAYS)
def test_a_home_that_cannot_be_opened_is_examined_as_far_as_it_goes(
    tmp_path: Path, spoil: Callable[[Path], object], finding: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    spoil(home)
    found = {check.name: check for check in examine_home(home)}
    assert found["Python"].ok
    assert found["Home"].name == "Home"
    assert found["Catalogue"].state is CheckState.AMISS
    assert finding in found["Catalogue"].finding
    assert found["Catalogue"].next_step


def test_a_home_whose_directories_cannot_be_made_is_examined_too(tmp_path: Path) -> None:
    Catalogue(tmp_path).close()
    (tmp_path / "processes").write_text("")
    found = {check.name: check for check in examine_home(tmp_path)}
    assert "cannot be opened" in found["Catalogue"].finding


def test_a_home_that_can_be_opened_is_examined_whole(tmp_path: Path) -> None:
    assert {"Catalogue", "Audit log", "Backup service"} <= {check.name for check in examine_home(tmp_path)}


def directory_check(home: Home, found: DirectoryCheck) -> Check:
    home.add()
    home.server.directories["/media"] = found
    return next(check for check in home.ops.doctor() if check.name == "Directory /media")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (DirectoryStatus.OK, CheckState.OK),
        (DirectoryStatus.MISSING, CheckState.AMISS),
        (DirectoryStatus.UNKNOWN, CheckState.UNKNOWN),
    ],
)
def test_a_directory_is_only_fine_where_that_was_found(home: Home, status: DirectoryStatus, state: CheckState) -> None:
    check = directory_check(home, DirectoryCheck(status=status, reason="no file could be created there"))
    assert check.state is state
    assert check.ok is (state is CheckState.OK)
    assert check.finding == "no file could be created there"
    assert bool(check.next_step) is not check.ok


def test_a_look_that_fails_is_a_finding_and_the_others_are_taken(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_core: object) -> object:
        raise PwsopsError("The catalogue cannot be used: disk I/O error.", hint="Check its disk.")

    monkeypatch.setattr(doctor.audit, "first_broken", unreadable)
    found = {check.name: check for check in home.ops.doctor()}
    assert (found["Audit"].ok, found["Audit"].next_step) == (False, "Check its disk.")
    assert "Backup service" in found


def test_pages_of_the_catalogue_that_are_damaged_are_found(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.soundness, "file_damage", lambda _connection: "row 3 missing from index")
    found = next(check for check in home.ops.doctor() if check.name == "Catalogue")
    assert not found.ok
    assert "row 3 missing" in found.finding
    assert "Move" in found.next_step


def test_an_instance_that_does_not_answer_is_amiss(home: Home) -> None:
    home.server.unreachable = EngineError("srv is away.", hint="Start it.", transient=True)
    found = next(check for check in home.ops.doctor() if check.name == "Instance srv")
    assert found.state is CheckState.AMISS


def test_it_is_said_whether_the_system_can_confine_what_reads_foreign_files() -> None:
    assert doctor._confinement(7).finding.endswith("(Landlock 7)")
    without = doctor._confinement(0)
    assert "no Landlock" in without.finding
    assert "lsm" in without.next_step
