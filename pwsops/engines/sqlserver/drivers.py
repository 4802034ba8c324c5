"""Which ODBC driver serves: Microsoft's where there is one, FreeTDS otherwise."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pwsops.errors import EngineError

MICROSOFT = ("ODBC Driver 18 for SQL Server", "ODBC Driver 17 for SQL Server")
FREETDS = "FreeTDS"
HOW_TO_INSTALL = (
    "Install Microsoft's ODBC Driver 18 on this machine, or `pip install 'pwsops[sqlserver]'` with the system's "
    "unixODBC (Debian: unixodbc, libltdl7), or FreeTDS (Debian: tdsodbc)."
)
_PACKAGE = "mssql_python_odbc"
_FAMILIES = (("debian", "debian_ubuntu"), ("ubuntu", "debian_ubuntu"), ("suse", "suse"), ("rhel", "rhel"))


@dataclass(frozen=True, kw_only=True)
class Driver:
    """An ODBC driver.

    Parameters
    ----------
    name
        For people.
    target
        What stands behind ``DRIVER=``: a registered name, or a library's path, which needs no registration.
    """

    name: str
    target: str

    @property
    def is_freetds(self) -> bool:
        """Whether it is FreeTDS, which takes other words and checks no certificate unless its own file says so."""
        return "tds" in os.path.basename(self.target).lower()

    @property
    def knows_strict(self) -> bool:
        """Whether it can encrypt from the first byte on (TDS 8.0)."""
        return not self.is_freetds and "17" not in self.name


@cache
def pyodbc() -> Any:
    """Import pyodbc, for the first use of a SQL Server instance.

    Raises
    ------
    EngineError
        Where it, or the system's ODBC manager that it is linked with, is missing.
    """
    try:
        import pyodbc as module
    except ImportError as error:
        raise EngineError(
            f"SQL Server cannot be reached from this machine: pyodbc does not load ({error}).",
            hint="Install the system's ODBC manager (Debian: unixodbc), then start pwsops again.",
        ) from error
    # The manager's own pool would hand out connections that the server dropped long ago.
    module.pooling = False
    return module


def find(wanted: str | None = None) -> Driver:
    """Give the driver that was asked for, or the best one there is; raises `EngineError` where there is none."""
    return choose(wanted, registered=pyodbc().drivers(), packaged=packaged())


def choose(wanted: str | None, *, registered: Sequence[str], packaged: str | None) -> Driver:
    """Choose among what there is.

    Parameters
    ----------
    wanted
        A registered name or the path of a library; None takes the first of Microsoft's 18 and 17, the one from the
        Python package, and FreeTDS.
    registered
        What the ODBC manager knows.
    packaged
        The library in the Python package, if that is installed.
    """
    if wanted:
        return _wanted(wanted, registered)
    for name in MICROSOFT:
        if name in registered:
            return Driver(name=name, target=name)
    if packaged is not None:
        return Driver(name=f"{MICROSOFT[0]} (from the Python package)", target=packaged)
    if FREETDS in registered:
        return Driver(name=FREETDS, target=FREETDS)
    raise EngineError("There is no ODBC driver for SQL Server on this machine.", hint=HOW_TO_INSTALL)


def _wanted(wanted: str, registered: Sequence[str]) -> Driver:
    if os.path.isabs(wanted):
        if os.path.isfile(wanted):
            return Driver(name=os.path.basename(wanted), target=wanted)
        raise EngineError(f"The ODBC driver {wanted} is not there.", hint="Give the path of the driver's library.")
    if wanted in registered:
        return Driver(name=wanted, target=wanted)
    known = ", ".join(registered) or "none at all"
    raise EngineError(
        f"The ODBC driver {wanted} is not registered on this machine; there is {known}.",
        hint="Choose one of these, or leave the driver out to take the best one there is.",
    )


@cache
def packaged() -> str | None:
    """Give the path of the driver inside the Python package; None where it is not installed or not for this system."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None or platform.system() != "Linux":
        return None
    machine = "arm64" if platform.machine() in ("aarch64", "arm64") else platform.machine()
    libraries = Path(spec.origin).parent / "libs" / "linux"
    found = sorted((libraries / _family() / machine / "lib").glob("libmsodbcsql-18*.so*"))
    return str(found[-1]) if found else None


def _family() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "debian_ubuntu"
    kin = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}"
    return next((folder for name, folder in _FAMILIES if name in kin), "debian_ubuntu")
