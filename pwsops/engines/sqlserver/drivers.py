"""Which ODBC driver serves: Microsoft's where there is one, FreeTDS otherwise."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pwsops.engines.sqlserver.quoting import Reader
from pwsops.errors import EngineError

MICROSOFT = ("ODBC Driver 18 for SQL Server", "ODBC Driver 17 for SQL Server")
FREETDS = "FreeTDS"
HOW_TO_INSTALL = (
    "Install Microsoft's ODBC Driver 18 on this machine, or `pip install 'pwsops[sqlserver]'` with the system's "
    "unixODBC (Debian: unixodbc, libltdl7), or FreeTDS (Debian: tdsodbc)."
)
VARIABLE = "PWSOPS_ODBC_DRIVERS"
"""Where this machine names libraries that are not registered. No page and no instance can set it."""
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
        What stands behind ``DRIVER=``: a registered name, or the path of a library that this machine's configuration
        names. A person who could choose a path could have any library loaded.
    """

    name: str
    target: str

    @property
    def is_freetds(self) -> bool:
        """Whether it is FreeTDS, which takes other words and checks no certificate unless its own file says so."""
        return "tds" in os.path.basename(self.target).lower()

    @property
    def reader(self) -> Reader:
        """By whose rules it reads a connection string."""
        if self.is_freetds:
            return Reader.FREETDS
        microsofts = self.target in MICROSOFT or os.path.basename(self.target).startswith("libmsodbcsql")
        return Reader.MICROSOFT if microsofts else Reader.UNKNOWN

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


def find(requested: str | None = None) -> Driver:
    """Return the driver that was asked for, or the best one there is; raises `EngineError` where there is none."""
    return choose(requested, registered=pyodbc().drivers(), packaged=packaged(), on_host=named_on_host())


def named_on_host() -> Mapping[str, str]:
    """Return the libraries that `PWSOPS_ODBC_DRIVERS` names: ``NAME=PATH``, separated by semicolons.

    Raises
    ------
    EngineError
        Where an entry is none, or its library is not there.
    """
    found = {}
    for entry in filter(None, map(str.strip, os.environ.get(VARIABLE, "").split(";"))):
        name, _, path = (part.strip() for part in entry.partition("="))
        if not name or not os.path.isabs(path) or not os.path.isfile(path):
            raise EngineError(
                f"The variable {VARIABLE} names no ODBC driver with {entry!r}.",
                hint="Write NAME=PATH, with the whole path of a library that is there; a semicolon between two.",
            )
        found[name] = path
    return found


def choose(
    requested: str | None, *, registered: Sequence[str], packaged: str | None, on_host: Mapping[str, str] | None = None
) -> Driver:
    """Choose among what there is.

    Parameters
    ----------
    requested
        A name that is registered, or named on this machine; None takes the first of Microsoft's 18 and 17, the one
        from the Python package, and FreeTDS. A path is none: it would be loaded.
    registered
        What the ODBC manager knows.
    packaged
        The library in the Python package, if that is installed.
    on_host
        Libraries by the names that the configuration of this machine gives them.
    """
    if requested:
        return _by_name(requested, registered, on_host or {})
    for name in MICROSOFT:
        if name in registered:
            return Driver(name=name, target=name)
    if packaged is not None:
        return Driver(name=f"{MICROSOFT[0]} (from the Python package)", target=packaged)
    if FREETDS in registered:
        return Driver(name=FREETDS, target=FREETDS)
    raise EngineError("There is no ODBC driver for SQL Server on this machine.", hint=HOW_TO_INSTALL)


def _by_name(requested: str, registered: Sequence[str], on_host: Mapping[str, str]) -> Driver:
    if requested in on_host:
        return Driver(name=requested, target=on_host[requested])
    if os.path.isabs(requested):
        raise EngineError(
            f"The ODBC driver {requested} is not used: a driver is chosen by its name, and not by a file.",
            hint=f"Have an administrator of this machine register it (odbcinst), or name it in {VARIABLE} of the "
            "service (NAME=PATH); then choose that name.",
        )
    if requested in registered:
        return Driver(name=requested, target=requested)
    known = ", ".join([*registered, *on_host]) or "none at all"
    raise EngineError(
        f"The ODBC driver {requested} is not registered on this machine; there is {known}.",
        hint="Choose one of these, or leave the driver out to take the best one there is.",
    )


@cache
def packaged() -> str | None:
    """Return the path of the driver inside the Python package; None where it is missing or not for this system."""
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
