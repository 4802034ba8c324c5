"""What encryption costs: each thing with and without it, alternately, on one vault-like database."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import vault
from benchmarks.engine import CHANGED, NAME, ROUNDS, Row, alternate, row
from pwsops.certificates import creation
from pwsops.engines.records import Instance
from pwsops.engines.requests import BackupRequest, Encryption, RestoreRequest
from pwsops.engines.sqlite.engine import SqliteEngine
from pwsops.rules.model import BackupKind, BackupSet

SIZE_MB = int(os.environ.get("BENCH_MB", "768"))
LIMIT = 1.15


class Yard:
    """A database, and an engine with one certificate at hand."""

    def __init__(self, root: Path) -> None:
        self.vaults, self.media = root / "vaults", root / "media"
        for directory in (self.vaults, self.media):
            directory.mkdir()
        self.database = self.vaults / NAME
        vault.create(self.database, SIZE_MB)
        pair = creation.create("bench", years=1, now=datetime.now(UTC))
        keys = {pair.facts().thumbprint: pair.key_der()}
        instance = Instance(name="bench", engine="sqlite", address=str(self.vaults))
        self.engine = SqliteEngine(replace(instance, private_keys=keys.get))
        self.encryption = Encryption(name="bench", certificate=pair.certificate_der())

    def take(self, name: str, base: BackupSet | None = None) -> BackupSet:
        """Take a backup; it is encrypted where its name begins so."""
        request = BackupRequest(
            database=NAME,
            kind=BackupKind.FULL if base is None else BackupKind.DIFFERENTIAL,
            directory=str(self.media),
            file_name=f"{name}.bak",
            description="bench",
            base=base,
            encryption=self.encryption if name.startswith("encrypted") else None,
            overwrite=True,
        )
        return self.engine.backup(request).backup_set

    def restore(self, *chain: BackupSet) -> None:
        self.engine.restore(RestoreRequest(database=NAME, sets=chain))


def run() -> list[Row]:
    """Measure all pairs; the limit is for taking backups, the others are measured to be known."""
    with tempfile.TemporaryDirectory(prefix="pwsops-bench-") as directory:
        yard = Yard(Path(directory))
        reads = [yard.database]
        full = alternate(
            {"encrypted": lambda: yard.take("encrypted"), "plain": lambda: yard.take("plain")}, reads, ROUNDS
        )
        sealed, plain = (yard.engine.read_media(str(yard.media / name))[0] for name in ("encrypted.bak", "plain.bak"))
        vault.scatter(yard.database, CHANGED)
        incremental = alternate(
            {
                "encrypted": lambda: yard.take("encrypted-diff", sealed),
                "plain": lambda: yard.take("plain-diff", plain),
            },
            [*reads, Path(sealed.path), Path(plain.path)],
            ROUNDS,
        )
        media = [Path(sealed.path), Path(plain.path)]
        verify = alternate(
            {"encrypted": lambda: yard.engine.verify(sealed), "plain": lambda: yard.engine.verify(plain)}, media, ROUNDS
        )
        restore = alternate(
            {"encrypted": lambda: yard.restore(sealed), "plain": lambda: yard.restore(plain)}, media, ROUNDS
        )
    parts = {"full": full, "incremental": incremental, "verify": verify, "restore": restore}
    limits = {"full": LIMIT, "incremental": LIMIT}
    return [
        row(f"{name}, encrypted / not", times["encrypted"], times["plain"], "s", limits.get(name))
        for name, times in parts.items()
    ]
