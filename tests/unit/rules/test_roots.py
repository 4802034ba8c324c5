"""Which paths lie in a directory: by name alone, however a server may read it."""

from __future__ import annotations

import ntpath
import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwsops.rules.roots import depth, is_plain, is_share, is_within

WITHIN = [
    ("/backups", "/backups"),
    ("/backups/", "/backups"),
    ("/backups/a.bak", "/backups/"),
    ("/backups//./deep/a.bak", "/backups"),
    (r"D:\Backups\a.bak", "d:/backups"),
    ("d:/backups/deep/a.bak", "D:\\Backups\\"),
    (r"\\nas\sql\a.bak", r"\\NAS\SQL"),
    ("//backups/a.bak", "/backups"),
]
OUTSIDE = [
    ("/backups-too/a.bak", "/backups"),
    ("/backups/../etc/shadow", "/backups"),
    ("/backups/..", "/backups"),
    ("backups/a.bak", "/backups"),
    ("", "/backups"),
    (r"D:\Backups\..\Windows\a", r"D:\Backups"),
    (r"D:\Backups\.. \a", r"D:\Backups"),
    (r"D:\Backups\...\a", r"D:\Backups"),
    (r"D:Backups\a", r"D:\Backups"),
    (r"\\evil\sql\a.bak", r"\\nas\sql"),
    (r"\\?\D:\Backups\a.bak", r"D:\Backups"),
    (r"\Backups\a.bak", r"D:\Backups"),
    # SQL Server on Linux takes either slash.
    ("/var/opt/mssql/backup/..\\..\\..\\etc\\passwd", "/var/opt/mssql/backup"),
    ("/backups/a\\..\\..\\etc", "/backups"),
    # What holds everything is no place for backups.
    ("/etc/shadow", "/"),
    (r"C:\Windows\a", "C:\\"),
    (r"\\nas\other\a.bak", r"\\nas"),
    ("/etc/shadow", ""),
]


@pytest.mark.parametrize(("path", "root"), WITHIN)
def test_what_lies_in_a_directory_is_told_from_its_name(path: str, root: str) -> None:
    assert is_within(path, ["/nowhere", root])


@pytest.mark.parametrize(("path", "root"), OUTSIDE)
def test_what_goes_up_or_lies_beside_or_anywhere_is_outside(path: str, root: str) -> None:
    assert not is_within(path, ["/nowhere", root])


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", "...", " ", "..  ", "A", "c:"]), max_size=6)


@given(names=NAMES)
def test_no_path_that_counts_as_within_means_another_place(names: list[str]) -> None:
    path = "/".join(["/a/b", *names])
    if is_within(path, ["/a/b"]):
        assert posixpath.normpath(path).startswith("/a/b")
    path = "\\".join(["C:\\a\\b", *names])
    if is_within(path, ["C:\\a\\b"]):
        assert ntpath.normpath(path).lower().startswith("c:\\a\\b")


def test_of_two_directories_the_narrower_one_counts() -> None:
    assert depth("/backups/theirs/a.bak", ["/backups", "/backups/theirs", "/elsewhere"]) == 3
    assert depth("/backups\\theirs/a.bak", ["/backups/theirs"]) == 3
    assert depth("/etc/passwd", ["/backups", "/"]) == 0
    assert depth("backups/a.bak", ["/backups"]) == 0


def test_a_path_that_goes_up_and_a_share_are_told() -> None:
    assert is_plain("/backups/a.bak")
    assert not is_plain("/backups/..\\a.bak")
    assert is_share(r"\\nas\sql")
    assert is_share("//nas/sql")
    assert not is_share(r"D:\sql")
