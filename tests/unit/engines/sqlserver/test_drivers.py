from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from pwsops.engines.sqlserver import drivers
from pwsops.errors import EngineError

EIGHTEEN, SEVENTEEN = drivers.MICROSOFT
PACKAGED = "/site-packages/libmsodbcsql-18.6.so"


@pytest.mark.parametrize(
    ("registered", "packaged", "target"),
    [
        ([drivers.FREETDS, SEVENTEEN, EIGHTEEN], PACKAGED, EIGHTEEN),
        ([drivers.FREETDS, SEVENTEEN], PACKAGED, SEVENTEEN),
        ([drivers.FREETDS], PACKAGED, PACKAGED),
        ([drivers.FREETDS], None, drivers.FREETDS),
    ],
)
def test_the_best_driver_there_is_is_taken(registered: list[str], packaged: str | None, target: str) -> None:
    assert drivers.choose(None, registered=registered, packaged=packaged).target == target


def test_a_driver_asked_for_is_taken_before_a_better_one(tmp_path: Path) -> None:
    file = tmp_path / "libtdsodbc.so"
    file.touch()
    for wanted in (drivers.FREETDS, str(file)):
        found = drivers.choose(wanted, registered=[EIGHTEEN, drivers.FREETDS], packaged=PACKAGED)
        assert found.target == wanted
        assert found.is_freetds


def test_what_is_not_there_is_refused_and_what_is_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="there is none at all"):
        drivers.choose("Other", registered=[], packaged=PACKAGED)
    with pytest.raises(EngineError, match=f"there is {EIGHTEEN}"):
        drivers.choose("Other", registered=[EIGHTEEN], packaged=None)
    with pytest.raises(EngineError, match="is not there"):
        drivers.choose(str(tmp_path / "libother.so"), registered=[EIGHTEEN], packaged=None)
    with pytest.raises(EngineError) as nothing:
        drivers.choose(None, registered=[], packaged=None)
    assert "unixodbc" in nothing.value.hint


def test_only_microsofts_eighteen_knows_strict_encryption() -> None:
    def knows(name: str) -> bool:
        return drivers.Driver(name=name, target=name).knows_strict

    assert knows(EIGHTEEN)
    assert not knows(SEVENTEEN)
    assert not knows(drivers.FREETDS)


def test_a_missing_odbc_manager_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pyodbc":
            raise ImportError("libodbc.so.2: cannot open shared object file")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(EngineError, match=r"libodbc.so.2") as missing:
        drivers.pyodbc.__wrapped__()
    assert "unixodbc" in missing.value.hint


@pytest.mark.parametrize(
    ("release", "family"),
    [
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, "debian_ubuntu"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "rhel"),
        ({"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "suse"),
        ({"ID": "arch"}, "debian_ubuntu"),
        (OSError(), "debian_ubuntu"),
    ],
)
def test_the_packages_driver_is_the_one_for_this_system(
    monkeypatch: pytest.MonkeyPatch, release: Any, family: str
) -> None:
    def answer() -> Any:
        if isinstance(release, OSError):
            raise release
        return release

    monkeypatch.setattr(drivers.platform, "freedesktop_os_release", answer)
    assert drivers._family() == family


def test_the_packages_driver_is_not_offered_elsewhere_than_on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers.platform, "system", lambda: "Darwin")
    assert drivers.packaged.__wrapped__() is None
