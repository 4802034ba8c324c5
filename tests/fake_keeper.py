"""A `FakeEngine` whose server keeps certificates itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pwsops.engines.certificates import CertificateFiles, ServerCertificate
from pwsops.engines.records import Instance
from pwsops.errors import EngineError, PwsopsError
from tests.clocks import NOON
from tests.fake_engine import FakeEngine, FakeServer

UNTIL = NOON + timedelta(days=400)


def kept(name: str, *, until: datetime = UNTIL, key: bool = True, encrypts: tuple[str, ...] = ()) -> ServerCertificate:
    """Make a certificate; its thumbprint is spelled from its name."""
    return ServerCertificate(
        name=name,
        thumbprint=name.encode().hex().upper().ljust(40, "0")[:40],
        subject=f"About {name}",
        not_before=NOON - timedelta(days=1),
        not_after=until,
        has_private_key=key,
        encrypts=encrypts,
    )


@dataclass
class Keeper(FakeServer):
    """The server behind every `KeepingEngine` of a test."""

    certificates: bool = True
    kept: list[ServerCertificate] = field(default_factory=list)
    saved: dict[str, str] = field(default_factory=dict)
    """The password of each file of a key."""
    saving_error: PwsopsError | None = None
    looking_error: PwsopsError | None = None
    sees_files: bool = True
    sees_all: bool = True
    taken: list[tuple[str, CertificateFiles, str, str | None]] = field(default_factory=list)

    def open(self, instance: Instance) -> KeepingEngine:
        super().open(instance)
        return KeepingEngine(self, instance)


class KeepingEngine(FakeEngine):
    """One instance on a `Keeper`."""

    def __init__(self, server: Keeper, instance: Instance) -> None:
        super().__init__(server, instance)
        self._keeper = server

    def certificates(self) -> list[ServerCertificate]:
        if self._keeper.looking_error is not None:
            raise self._keeper.looking_error
        return self._keeper.kept

    def sees_every_certificate(self) -> bool:
        return self._keeper.sees_all

    def require_encryption(self, name: str) -> ServerCertificate:
        found = self._find(lambda one: one.name.lower() == name.lower())
        if found is None or not found.has_private_key:
            raise self._keeper.looking_error or EngineError(f"{name} cannot encrypt.", hint="Make it.")
        return found

    def has_file(self, path: str) -> bool | None:
        return path in self._keeper.saved if self._keeper.sees_files else None

    def save_certificate(self, name: str, files: CertificateFiles, password: str) -> None:
        if self._keeper.saving_error is not None:
            raise self._keeper.saving_error
        self._keeper.saved |= {files.certificate: "", files.key: password}

    def take_certificate(
        self, name: str, files: CertificateFiles, password: str, *, master_key_password: str | None = None
    ) -> ServerCertificate:
        self._keeper.taken.append((name, files, password, master_key_password))
        found = kept(name)
        self._keeper.kept.append(found)
        return found

    def _find(self, fits: Callable[[ServerCertificate], bool]) -> ServerCertificate | None:
        return next((one for one in self._keeper.kept if fits(one)), None)
