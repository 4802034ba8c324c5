"""Two profiles that would meet in one file are found when one is saved; what lies there already is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pwsops.errors import Conflict, EngineError
from pwsops.operations import clashes
from pwsops.profile import BackupProfile
from tests.homes import Home


def fixed(home: Home, name: str, **values: object) -> BackupProfile:
    return home.profile(name=name, **{"timestamp": False, "databases": ["one"], **values})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"directory": "/media/"},
        {"directory": "/media/x/.."},
        {"incremental": True},
        {"databases": ["two", "one"]},
    ],
)
def test_two_profiles_that_would_write_one_file_are_refused_naming_the_other(
    home: Home, values: dict[str, object]
) -> None:
    home.ops.profiles.create(fixed(home, "first"))
    with pytest.raises(Conflict, match=r"'second' would write one_FULL.bak .*'first' writes the same file") as refused:
        home.ops.profiles.create(fixed(home, "second", **values))
    assert "let the date be added" in refused.value.hint
    assert [view.name for view in home.ops.profiles.list()] == ["first"]


@pytest.mark.parametrize(
    "values", [{"timestamp": True}, {"directory": "/other"}, {"databases": ["two"]}, {"directory": "/MEDIA"}]
)
def test_profiles_that_cannot_meet_are_not_refused(home: Home, values: dict[str, object]) -> None:
    home.ops.profiles.create(fixed(home, "first"))
    home.ops.profiles.create(fixed(home, "second", **values))


def test_names_that_differ_in_case_only_are_one_file_on_some_file_systems(home: Home) -> None:
    home.server.sizes["ONE"] = 1
    home.ops.profiles.create(fixed(home, "first"))
    with pytest.raises(Conflict, match=r"one_FULL.bak, which some file systems take for the same file"):
        home.ops.profiles.create(fixed(home, "second", databases=["ONE"]))


def test_an_edit_is_refused_for_another_profile_and_not_for_itself(home: Home) -> None:
    home.ops.profiles.create(fixed(home, "first"))
    home.ops.profiles.create(fixed(home, "second", directory="/other"))
    profile = home.ops.profiles.get("second")
    profile.time_limit_h = 3
    home.ops.profiles.save("second", profile)
    profile.directory = "/media"
    with pytest.raises(Conflict, match="'first'"):
        home.ops.profiles.save("second", profile)
    home.ops.profiles.delete("first")
    home.ops.profiles.save("second", profile)


def test_what_lies_there_already_and_is_not_ours_is_told(home: Home) -> None:
    profile = fixed(home, "first")
    home.ops.profiles.create(profile)
    assert home.ops.profiles.in_the_way(profile) == []
    home.run("first")
    assert home.ops.profiles.in_the_way(profile) == []
    path = "/media/one_FULL.bak"
    home.server.media[path] = [replace(home.server.media[path][0], set_id="x", description="pwsops run 9 (elsewhere)")]
    (said,) = home.ops.profiles.in_the_way(profile)
    assert "that this home did not take (pwsops run 9 (elsewhere)). It stays" in said
    home.server.damaged.add(path)
    (said,) = home.ops.profiles.in_the_way(profile)
    assert "is no backup that can be read" in said
    assert home.ops.profiles.in_the_way(fixed(home, "dated", timestamp=True)) == []
    home.server.unlistable.add("/media")
    with pytest.raises(EngineError):
        home.ops.profiles.in_the_way(profile)


def test_a_directory_is_the_same_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "bk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "bk")
    assert clashes._identity(str(tmp_path / "bk")) == clashes._identity(str(tmp_path / "link")) is not None
    assert clashes._identity(str(tmp_path / "none")) is None


def test_two_instances_of_this_machine_meet_in_one_directory_by_whatever_name(home: Home, tmp_path: Path) -> None:
    (tmp_path / "bk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "bk")
    for name in ("vw1", "vw2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "db.sqlite3").touch()
        home.ops.instances.add(name, engine="sqlite", address=str(tmp_path / name))
    shared = {"databases": ["db.sqlite3"]}
    home.ops.profiles.create(fixed(home, "first", instance="vw1", directory=str(tmp_path / "bk"), **shared))
    with pytest.raises(Conflict, match=r"'first' writes the same file there .for db.sqlite3 on vw1"):
        home.ops.profiles.create(fixed(home, "second", instance="vw2", directory=str(tmp_path / "link"), **shared))


@pytest.mark.parametrize("other", ["ONE", "o\N{COMBINING DIAERESIS}ne"])
def test_one_profile_writes_no_two_databases_into_what_may_be_one_file(home: Home, other: str) -> None:
    first = "one" if other == "ONE" else "\N{LATIN SMALL LETTER O WITH DIAERESIS}ne"
    home.server.sizes |= {first: 1, other: 1}
    with pytest.raises(Conflict, match=r"which some file systems take for the same file") as refused:
        home.add(databases=[first, other], timestamp=False)
    assert "_FULL.bak and " in refused.value.message
    home.add(databases=[first, other], timestamp=True)
    profile = home.ops.profiles.get("p")
    profile.timestamp = False
    with pytest.raises(Conflict):
        home.ops.profiles.save("p", profile)
