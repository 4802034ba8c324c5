"""Which engine serves an instance. An engine is imported when it is wanted: a missing driver hurts only there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pwsops.engines.found import FindsMedia
from pwsops.engines.off_limits import NOTHING, OffLimits
from pwsops.engines.options import Option
from pwsops.engines.protocol import Engine
from pwsops.engines.records import Capabilities, Instance, PrivateKeys, no_keys
from pwsops.errors import InvalidInput


def _sqlite(instance: Instance) -> Engine:
    from pwsops.engines.sqlite.engine import SqliteEngine

    return SqliteEngine(instance)


def _sqlserver(instance: Instance) -> Engine:
    from pwsops.engines.sqlserver.engine import SqlServerEngine

    return SqlServerEngine(instance)


ENGINES: Mapping[str, Callable[[Instance], Engine]] = {"sqlite": _sqlite, "sqlserver": _sqlserver}


def open_engine(instance: Instance) -> Engine:
    """Return the engine of `instance`; nothing is connected yet.

    Raises
    ------
    InvalidInput
        Where there is no engine of that key.
    """
    try:
        make = ENGINES[instance.engine]
    except KeyError:
        raise InvalidInput(
            f"The instance {instance.name} wants the engine {instance.engine!r}, which does not exist.",
            hint=f"Use one of: {', '.join(sorted(ENGINES))}.",
        ) from None
    return make(instance)


def place(engine: str, address: str) -> str:
    """Return what tells where an instance is, however its address is spelled: of another place other sets are known."""
    if is_embedded(engine):
        return f"{engine} {os.path.realpath(os.path.abspath(os.path.expanduser(address)))}"
    return f"{engine} {address.strip().casefold()}"


def share_files(place: str, other: str, path: str) -> bool:
    """Whether instances at two places mean the same by a path: on one machine, or of a share, which all see as one."""
    (kind, address), (other_kind, other_address) = (text.partition(" ")[::2] for text in (place, other))
    if kind != other_kind:
        return False
    is_share = path.startswith(("\\\\", "//"))
    return kind == "sqlite" or is_share or _host(address) == _host(other_address)


def _host(address: str) -> str:
    return re.split(r"[\\,]", address)[0]


def protection(engine: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what tells how a connection is made and protected: with another one a stored password is not used."""
    known = options_of(engine)
    return tuple(f"{option.key}={options.get(option.key, option.default)}" for option in known if option.guards)


def options_of(engine: str) -> Sequence[Option]:
    """Return what the instances of an engine may be told."""
    return _offers(engine).options if engine in ENGINES else ()


def is_embedded(engine: str) -> bool:
    """Whether the instances of an engine are directories of this machine, which its own processes open."""
    return engine == "sqlite"


def takes_logins(engine: str) -> bool:
    """Whether instances of an engine have logins."""
    return engine in ENGINES and _offers(engine).login


def _offers(engine: str) -> Capabilities:
    return open_engine(Instance(name="", engine=engine, address="")).capabilities


def are_one(engine: str, address: str, other: str) -> bool:
    """Whether two instances of an engine would be one: the same files under two names.

    A server is told by what it is when something is restored there, and may be used by several logins.
    """
    if not is_embedded(engine):
        return False
    try:
        return os.path.samefile(os.path.expanduser(address), os.path.expanduser(other))
    except OSError:
        return place(engine, address) == place(engine, other)


def embedded_engine(private_keys: PrivateKeys = no_keys, off_limits: OffLimits = NOTHING) -> Engine:
    """Return the embedded engine without an instance: enough to read and verify its media anywhere."""
    return _sqlite(
        Instance(name="", engine="sqlite", address=os.getcwd(), private_keys=private_keys, off_limits=off_limits)
    )


def media_finder(off_limits: OffLimits = NOTHING) -> FindsMedia:
    """Return who finds media of the embedded engine of which nothing is recorded."""
    from pwsops.engines.sqlite.finder import MediaFinder

    return MediaFinder(off_limits)
