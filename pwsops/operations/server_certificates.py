"""The certificates that servers keep themselves: seen, and brought to a server that lacks one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from pwsops.catalogue import instances
from pwsops.engines.certificates import CertificateFiles, KeepsCertificates, ServerCertificate
from pwsops.engines.records import Instance
from pwsops.engines.registry import open_engine
from pwsops.errors import InvalidInput, PwsopsError
from pwsops.operations.access import Context
from pwsops.operations.core import Core
from pwsops.runs.parallel import ask_all
from pwsops.runs.server_certificates import refresh

LOOK_LIMIT_S = 20.0
_SAVED = re.compile(r"(?P<name>.+)_[0-9A-F]{40}(?:_\d{8}T\d{6}Z_[0-9a-f]{8})?$")
_ENDING = re.compile(r"\.\w{1,4}$")


def keepers(context: Context) -> Sequence[str]:
    """Return the instances whose servers keep certificates, without reaching any."""
    with context.read() as connection:
        rows = instances.every(connection)
    keep = {
        engine: open_engine(Instance(name="", engine=engine, address="")).capabilities.certificates
        for engine in {row.engine for row in rows}
    }
    return [row.name for row in rows if keep[row.engine]]


def look(context: Context, instance: str | None, *, limit_s: float) -> Mapping[str, PwsopsError | None]:
    """Ask the servers that keep certificates, all at once, and remember what they have."""
    core = context.core
    with context.read() as connection:
        names = [row.name for row in instances.every(connection)] if instance is None else [instance]
    asks: dict[str, Callable[[], None]] = {name: partial(_look, core, name) for name in names}
    return ask_all(asks, limit_s=limit_s, clock=core.clock)


def _look(core: Core, name: str) -> None:
    engine = core.engine(name)
    if isinstance(engine, KeepsCertificates):
        with core.asking(name):
            refresh(core.catalogue, name, engine, now=core.clock.now())


def take(
    context: Context,
    instance: str,
    files: CertificateFiles,
    password: str,
    *,
    name: str,
    master_key_password: str | None,
) -> ServerCertificate:
    """Make a certificate on a server from two of its files, and note that."""
    core = context.core
    engine = core.engine(instance)
    if not isinstance(engine, KeepsCertificates):
        raise InvalidInput(
            f"{instance} does not keep certificates itself: the store of this home has them.",
            hint="`pwsops certificate import` takes them in.",
        )
    name = name or name_in(engine.split(files.certificate)[1])
    taken = engine.take_certificate(name, files, password, master_key_password=master_key_password)
    refresh(core.catalogue, instance, engine, now=core.clock.now())
    with core.catalogue.write() as connection:
        detail = f"thumbprint {taken.thumbprint}, from {files.certificate}"
        if master_key_password is not None:
            detail += "; made a master key"
        context.note(connection, "import certificate to server", f"{instance}/{taken.name}", detail)
    return taken


def name_in(file: str) -> str:
    """Return the name of a certificate that the name of its file has, where a run gave it."""
    stem = _ENDING.sub("", file)
    saved = _SAVED.fullmatch(stem)
    return saved["name"] if saved else stem
