from __future__ import annotations

import pytest

from pwsops.engines.sqlserver import paths
from pwsops.engines.sqlserver.paths import POSIX, WINDOWS


@pytest.mark.parametrize(
    ("flavour", "path", "absolute"),
    [
        (WINDOWS, r"D:\Backup", True),
        (WINDOWS, "D:/Backup", True),
        (WINDOWS, r"\\server\share\sql", True),
        (WINDOWS, r"\Backup", False),
        (WINDOWS, "D:Backup", False),
        (WINDOWS, "Backup", False),
        (POSIX, "/var/opt/backup", True),
        (POSIX, "backup", False),
        (POSIX, r"D:\Backup", False),
    ],
)
def test_a_path_is_absolute_where_it_means_one_place(flavour: str, path: str, absolute: bool) -> None:
    assert paths.is_absolute(path, flavour) is absolute


def test_a_path_is_built_and_taken_apart_in_the_servers_flavour() -> None:
    assert paths.join(WINDOWS, r"\\server\share", "v.bak") == r"\\server\share\v.bak"
    assert paths.split(WINDOWS, r"D:\Backup\v.bak") == (r"D:\Backup", "v.bak")
    assert paths.join(POSIX, "/b", "v.bak") == "/b/v.bak"
    assert paths.split(POSIX, r"/b/D:\v.bak") == ("/b", r"D:\v.bak")


def test_windows_tells_no_case_apart_and_linux_does() -> None:
    assert paths.same(WINDOWS, r"D:\Backup\V.BAK", "d:/backup/v.bak")
    assert not paths.same(POSIX, "/b/V.bak", "/b/v.bak")


@pytest.mark.parametrize(
    "spelled",
    [
        r"d:\backup\v.bak",
        "D:/Backup/V.bak",
        r"D:\Backup\\v.bak",
        r"D:\Other\..\Backup\.\v.bak",
        r"D:\Backup.\v.bak. .",
        r"\\?\D:\Backup\v.bak",
    ],
)
def test_windows_takes_many_spellings_for_one_file(spelled: str) -> None:
    assert paths.same(WINDOWS, r"D:\Backup\v.bak", spelled)


def test_a_share_and_a_path_of_linux_have_several_spellings_too() -> None:
    assert paths.same(WINDOWS, r"\\nas\share\v.bak", r"\\?\UNC\NAS\share\V.bak")
    assert paths.same(POSIX, "/b/v.bak", "//b/./x/../v.bak")
    assert not paths.same(WINDOWS, r"D:\Backup\v.bak", r"D:\Backup\v.bak.bak")
    assert not paths.same(WINDOWS, r"D:\a.b\v", r"D:\ab\v")


def test_the_alternate_file_has_a_name_of_its_own() -> None:
    assert paths.alternate(r"D:\B.x\vault_FULL.bak", 2) == r"D:\B.x\vault_FULL~2.bak"
    assert paths.alternate("/b.x/vault", 3) == "/b.x/vault~3"


def test_a_stripe_knows_its_siblings_and_another_file_has_none() -> None:
    striped = paths.stripes("/b/v.bak", 3)
    assert striped == ["/b/v~1of3.bak", "/b/v~2of3.bak", "/b/v~3of3.bak"]
    assert all(paths.siblings(path) == striped for path in striped)
    assert paths.stripes("/b/v.bak", 1) == paths.siblings("/b/v.bak") == ["/b/v.bak"]
    assert paths.siblings("/b/v~2.bak") == ["/b/v~2.bak"]
