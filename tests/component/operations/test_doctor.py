"""The doctor: says what it found, of a home that cannot be opened as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pwsops.catalogue import Catalogue, store
from pwsops.engines.records import DirectoryCheck, DirectoryStatus
from pwsops.errors import EngineError, PwsopsError
from pwsops.heads import journal
from pwsops.operations import confinement_check, doctor, examine_home, open_operations
from pwsops.operations.records import Check, CheckState
from pwsops.rules.audit import HeadSource
from pwsops.runs.liveness import Liveness
from tests.homes import Home


def newer(home: Path) -> None:
    catalogue = Catalogue(home)
    with catalogue.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    catalogue.close()


def emptied(home: Path) -> None:
    Catalogue(home).close()
    Liveness(home).close()
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


def test_a_home_whose_directories_cannot_be_made_is_examined_and_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Catalogue(tmp_path).close()
    (tmp_path / "processes").write_text("")
    closed: list[Path] = []
    close = Catalogue.close
    monkeypatch.setattr(Catalogue, "close", lambda catalogue: closed.append(catalogue.path) or close(catalogue))
    found = {check.name: check for check in examine_home(tmp_path)}
    assert "cannot be opened" in found["Catalogue"].finding
    # What is left open is told by Python 3.13 when it is collected: in whichever test is under way by then.
    assert closed == [tmp_path / store.FILE_NAME]


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

    monkeypatch.setattr(doctor, "audit_checks", unreadable)
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
    whole = confinement_check._check(7, filters=True)
    assert "(Landlock 7) and sockets, programs and other processes (seccomp)" in whole.finding
    assert whole.next_step == ""
    without = confinement_check._check(0, filters=True)
    assert "no Landlock: they may read and write" in without.finding
    assert "lsm" in without.next_step
    assert "UDP and Unix sockets they may use" in confinement_check._check(7, filters=False).finding
    assert "the network they may use" in confinement_check._check(3, filters=False).finding
    neither = confinement_check._check(0, filters=False)
    assert "use the network and run programs" in neither.finding
    assert "CONFIG_SECCOMP_FILTER" in neither.next_step


def audit_findings(home: Home) -> dict[str, Check]:
    return {one.name: one for one in home.ops.doctor() if "udit log" in one.name}


def test_the_doctor_says_where_the_heads_of_the_audit_log_go(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "where", lambda: "")
    found = audit_findings(home)
    assert found["Audit log"].finding == "whole: 1 entry, each as it was written"
    heads = found["Heads of the audit log"]
    assert heads.state is CheckState.UNKNOWN
    assert "The heads stay in the home" in heads.finding
    assert "neither journald nor syslog: whoever owns the user that pwsops runs as can rewrite" in heads.finding
    assert "chattr +a" in heads.next_step
    monkeypatch.setattr(journal, "where", lambda: "journald")
    heads = audit_findings(home)["Heads of the audit log"]
    assert (heads.ok, heads.finding.endswith("audit-heads.log and journald")) == (True, True)
    (home.path / "audit.toml").write_text("journal = false")
    heads = audit_findings(home)["Heads of the audit log"]
    assert (heads.state, "audit.toml keeps them from" in heads.finding) == (CheckState.UNKNOWN, True)


@pytest.mark.parametrize(
    ("grows", "said"), [(True, "go to "), (False, "which can be rewritten"), (None, "which is not known to only grow")]
)
def test_a_file_outside_holds_where_this_user_can_only_append(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grows: bool | None, said: str
) -> None:
    monkeypatch.setattr(journal, "where", lambda: "")
    monkeypatch.setattr("pwsops.heads.file.HeadFile.only_grows", lambda _file: grows)
    (home.path / "audit.toml").write_text(f"heads = '{tmp_path / 'outside.log'}'")
    heads = audit_findings(home)["Heads of the audit log"]
    assert (heads.ok, said in heads.finding) == (grows is True, True)


def test_the_doctor_tells_heads_that_cannot_be_written(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "where", lambda: "")
    (home.path / "audit.toml").write_text("heads = '/no/such/directory/heads.log'")
    home.ops.audit.record("export history", "a.csv")
    found = audit_findings(home)
    assert "/no/such/directory/heads.log cannot be written" in found["Heads of the audit log"].finding
    assert found["Heads of the audit log"].next_step
    assert "cannot be written" in home.ops.audit.problem()
    assert list(home.ops.audit.places()) == ["/no/such/directory/heads.log"]
    log = found["Audit log"]
    assert (log.state, "places of heads can be written" in log.next_step) == (CheckState.UNKNOWN, True)


def test_the_doctor_tells_a_changed_log_and_one_that_cannot_be_checked(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = (home.path / "secret.key").read_bytes()
    (home.path / "secret.key").unlink()
    again = open_operations(home.path, clock=home.clock)
    log = next(one for one in again.doctor() if one.name == "Audit log")
    again.close()
    assert (log.state, "new-key" in log.next_step) == (CheckState.UNKNOWN, True)
    (home.path / "secret.key").write_bytes(kept)
    with home.core.catalogue.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_is_append_only_delete")
        connection.exec_driver_sql("DELETE FROM audit")
    log = audit_findings(home)["Audit log"]
    assert (log.state, log.ok, "audit verify" in log.next_step) == (CheckState.AMISS, False, True)


def test_the_doctor_names_what_could_not_be_asked(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    source = HeadSource(name="the journal", not_asked="no right.")
    monkeypatch.setattr(journal, "read", lambda _home: journal.JournalHeads(source=source))
    log = audit_findings(home)["Audit log"]
    assert (log.state, "may read the journal" in log.next_step) == (CheckState.UNKNOWN, True)


def test_a_look_that_fails_in_a_way_nobody_foresaw_is_a_finding_and_ends_no_other(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(core: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(doctor.settings, "load", broken)
    checks = {check.name: check for check in home.ops.doctor()}
    assert checks["Settings"].finding == "not foreseen: ZeroDivisionError: oops"
    assert not checks["Settings"].ok
    assert "Backup service" in checks
