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


def test_a_driver_asked_for_is_taken_before_a_better_one() -> None:
    named = {"Ours": "/opt/libtdsodbc.so"}
    for wanted, target in ((drivers.FREETDS, drivers.FREETDS), ("Ours", "/opt/libtdsodbc.so")):
        found = drivers.choose(wanted, registered=[EIGHTEEN, drivers.FREETDS], packaged=PACKAGED, on_host=named)
        assert (found.name, found.target) == (wanted, target)
        assert found.is_freetds


def test_what_is_not_there_is_refused_and_what_is_there_is_said() -> None:
    with pytest.raises(EngineError, match="there is none at all"):
        drivers.choose("Other", registered=[], packaged=PACKAGED)
    with pytest.raises(EngineError, match=f"there is {EIGHTEEN}, Ours"):
        drivers.choose("Other", registered=[EIGHTEEN], packaged=None, on_host={"Ours": "/opt/x.so"})
    with pytest.raises(EngineError) as nothing:
        drivers.choose(None, registered=[], packaged=None)
    assert "unixodbc" in nothing.value.hint


@pytest.mark.parametrize("path", ["/opt/libtdsodbc.so", PACKAGED, "/tmp/evil.so", "../evil.so", "evil.so"])
def test_a_path_is_no_driver_whoever_else_may_use_it(path: str) -> None:
    with pytest.raises(EngineError) as refused:
        drivers.choose(path, registered=[EIGHTEEN], packaged=PACKAGED, on_host={"Ours": "/opt/libtdsodbc.so"})
    assert refused.value.hint


def test_this_machine_may_name_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "lib one.so"
    library.touch()
    monkeypatch.setenv(drivers.VARIABLE, f" One = {library} ;; Two={library}")
    assert drivers.named_on_host() == {"One": str(library), "Two": str(library)}
    for wrong in ("One", "One=", f"={library}", "One=lib.so", f"One={tmp_path / 'gone.so'}"):
        monkeypatch.setenv(drivers.VARIABLE, wrong)
        with pytest.raises(EngineError, match="names no ODBC driver"):
            drivers.named_on_host()
    monkeypatch.delenv(drivers.VARIABLE)
    assert drivers.named_on_host() == {}


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
