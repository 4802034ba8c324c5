"""The ODBC drivers that the stand-in is tried with, and how each is told where it is."""

from __future__ import annotations

import importlib.util
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from pwsops.engines.sqlserver.drivers import VARIABLE
from tests.needs import require
from tests.standin.wire import StandIn

IDS = ("msodbc", "freetds")
FREETDS_FOLDERS = ("x86_64-linux-gnu/odbc", "aarch64-linux-gnu/odbc", "odbc")


@dataclass(frozen=True, kw_only=True)
class Driver:
    """A driver's shared object."""

    id: str
    path: Path

    @property
    def is_microsofts(self) -> bool:
        return self.id == "msodbc"

    def string(self, stand_in: StandIn, user: str = "sa", password: str = "secret", **options: str) -> str:
        """Write a connection string; `options` go in as they are. By default it trusts and does not encrypt."""
        return self.string_for(stand_in.address, user, password, **options)

    def string_for(self, address: str, user: str, password: str, **options: str) -> str:
        """Write a connection string for an address, `host,port`."""
        if self.is_microsofts:
            known = {"SERVER": address, "Encrypt": "no", "TrustServerCertificate": "yes"}
        else:
            host, port = address.split(",")
            known = {"SERVER": host, "PORT": port, "TDS_Version": "7.4"}
        words = {"DRIVER": f"{{{self.path}}}", **known, "UID": user, "PWD": password, **options}
        # FreeTDS wants a semicolon after the last brace as well, or takes the brace for a part of the value.
        return "".join(f"{key}={value};" for key, value in words.items())


def find(driver_id: str) -> Driver:
    """Find a driver on this machine; skips, or fails under CI, where it is missing."""
    if driver_id == "msodbc":
        path = require("Microsoft's ODBC driver", _microsofts(), "pip install mssql-python-odbc")
    else:
        path = require("FreeTDS", _freetds(), "apt install tdsodbc")
    return Driver(id=driver_id, path=path)


def _named() -> str:
    """Name both for the product, which takes no path: as an administrator of this machine would."""
    found = {"msodbc": _microsofts(), "freetds": _freetds()}
    return ";".join(f"{name}={path}" for name, path in found.items() if path is not None)


def _microsofts() -> Path | None:
    if importlib.util.find_spec("mssql_python_odbc") is None:
        return None
    import mssql_python_odbc

    folder = Path(mssql_python_odbc.get_libs_dir(), "linux", "debian_ubuntu", platform.machine(), "lib")
    return next(iter(sorted(folder.glob("libmsodbcsql-18*.so*"))), None)


def _freetds() -> Path | None:
    paths = (Path("/usr/lib", folder, "libtdsodbc.so") for folder in FREETDS_FOLDERS)
    return next((path for path in paths if path.exists()), None)


os.environ[VARIABLE] = _named()
