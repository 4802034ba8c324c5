from __future__ import annotations

from dataclasses import replace

import pytest

from pwsops.engines.records import DirectoryStatus
from pwsops.engines.requests import Encryption
from pwsops.errors import EngineError
from tests.integration.sqlserver.bench import Bench, open_bench
from tests.standin import drivers
from tests.standin.server.messages import said

OLD, NEW = "13.0.5026.0", "16.0.4100.1"


def test_a_directory_is_there_or_missing_with_the_reason(bench: Bench) -> None:
    taken = bench.full()
    check = bench.engine.check_directory
    assert check(bench.directory).status is DirectoryStatus.OK
    assert (check(bench.directory).free_bytes or 0) > 0
    assert "whether its service account may write there shows when it does" in check(bench.directory).reason
    for path, reason in (
        (bench.path("not-there"), "does not exist there"),
        (bench.path("not\\there"), "neither does the directory"),
        (taken.path, "it is a file"),
    ):
        found = check(path)
        assert found.status is DirectoryStatus.MISSING
        assert reason in found.reason
    assert check("Backup").status is DirectoryStatus.UNKNOWN


def test_free_space_is_told_for_drives_only(bench: Bench) -> None:
    bench.server.files.add_volume("\\\\nas\\backup")
    found = bench.engine.check_directory("\\\\nas\\backup")
    assert (found.status, found.free_bytes) == (DirectoryStatus.OK, None)


def test_a_login_that_may_not_look_gets_no_wrong_answer(driver: drivers.Driver) -> None:
    with open_bench(driver, version=OLD) as bench:
        found = bench.engine_with().check_directory(bench.directory)
        assert found.status is DirectoryStatus.UNKNOWN
        assert found.reason


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("flavour", ["windows", "posix"])
def test_a_directory_is_listed_whatever_the_version_and_the_system(
    driver: drivers.Driver, version: str, flavour: str
) -> None:
    with open_bench(driver, version=version, flavour=flavour) as bench:
        taken = bench.full("a.bak")
        bench.server.files.make_directory(bench.path("sub"))
        listed = bench.engine.browse(bench.directory)
        assert [(entry.name, entry.is_directory) for entry in listed] == [("sub", True), ("a.bak", False)]
        assert listed[1].path == taken.path
        calls = [each for each in bench.server.log if "enumerate_filesystem" in each or "xp_dirtree" in each]
        assert len(calls) == 1, "without a look below"
        assert ("WHERE e.level = 0" in calls[0]) is (version == NEW)
        assert bench.engine.split(taken.path) == (bench.directory, "a.bak")
        if version == NEW:
            assert (listed[1].size_bytes or 0) >= taken.size_bytes
            assert listed[1].modified_at is not None
        assert bench.engine.check_directory(bench.directory).status is DirectoryStatus.OK


def test_an_empty_path_is_the_servers_own_directory_for_backups(bench: Bench) -> None:
    own = bench.server.folder("Backup")
    bench.server.files.put(f"{own}\\x.bak", 5)
    assert [entry.path for entry in bench.engine.browse("")] == [f"{own}\\x.bak"]


def test_a_directory_that_cannot_be_listed_is_an_error_or_empty(bench: Bench) -> None:
    bench.fail("SELECT", said(3634, "CreateFile", "5(Access is denied.)", "x"), containing="enumerate_filesystem")
    bench.fail("EXEC", said(229, "EXECUTE", "xp_dirtree", "mssqlsystemresource", "sys"), containing="xp_dirtree")
    with pytest.raises(EngineError, match="Listing the directory"):
        bench.engine.browse(bench.directory)


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_deleted_file_is_seen_to_be_gone(driver: drivers.Driver, version: str) -> None:
    with open_bench(driver, version=version) as bench:
        taken = bench.full()
        assert bench.engine.delete_media([taken])[0].deleted
        assert taken.path not in bench.server.files


def test_what_may_not_or_cannot_be_deleted_stays_with_the_reason(driver: drivers.Driver) -> None:
    with open_bench(driver, version=OLD) as bench:
        bench.server.make_certificate("keeper")
        encrypted = bench.full("e.bak", encryption=Encryption(name="keeper"))
        text = bench.path("notes.txt")
        for path in (text, bench.path("*.bak")):
            bench.server.files.put(path, 5)
        stayed = {
            encrypted.path: "leaves what it cannot read",
            text: "does not end in .bak",
            bench.path("*.bak"): "cannot be read",
            bench.path("none.bak"): "does not see it",
        }
        for deletion in bench.engine.delete_media([replace(encrypted, path=path) for path in stayed]):
            assert not deletion.deleted
            assert stayed[deletion.path] in deletion.reason
        assert encrypted.path in bench.server.files


def test_a_login_without_the_right_leaves_the_file_and_says_so(bench: Bench) -> None:
    taken = bench.full()
    (deletion,) = bench.engine_with("VIEW SERVER STATE").delete_media([taken])
    assert not deletion.deleted
    assert "may not" in deletion.reason
    assert taken.path in bench.server.files


@pytest.mark.parametrize("stands", ["in its place", "behind it"])
def test_a_file_that_holds_another_backup_is_not_deleted(bench: Bench, stands: str) -> None:
    taken = bench.full("a.bak")
    bench.server.add_database("other", rows=[(1, "x")])
    if stands == "in its place":
        other = bench.take(database="other", file_name="o.bak", description="somebody else").backup_set
        file = bench.server.files.get(other.path)
        assert file is not None
        bench.server.files.put(taken.path, file.size_bytes, file.content)
    else:
        media = bench.server.files.media(taken.path)
        other = bench.take(database="other", file_name="o.bak", description="somebody else").backup_set
        media.sets.append(bench.server.files.media(other.path).sets[0])
    (deletion,) = bench.engine.delete_media([taken])
    assert not deletion.deleted
    assert "holds another backup than the one that was recorded: one of other" in deletion.reason
    assert bench.server.files.get(taken.path) is not None


def test_the_sets_of_one_file_go_together(bench: Bench) -> None:
    taken = bench.full("a.bak")
    assert [one.deleted for one in bench.engine.delete_media([taken, taken])] == [True, True]
    assert bench.server.files.get(taken.path) is None
