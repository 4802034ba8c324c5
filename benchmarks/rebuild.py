"""The catalogue made anew from a hundred thousand small backups and what their home said of them.

Fulls and incrementals of a few hundred databases in twenty directories: copies of two real ones under identities of
their own, whose checksums hold.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pwsops.engines.sqlite import layout
from pwsops.operations import Operations, open_operations
from pwsops.rules.model import BackupKind

FILES = int(os.environ.get("BENCH_FILES", "100000"))
DIRECTORIES = 20
EACH_FULL = 24
LIMIT_S = 300
_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)


def run() -> list[dict[str, Any]]:
    """Lay the files out, and rebuild twice: into an empty home, and again where all is known."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        _lay_out(root)
        ops = open_operations(root / "home")
        try:
            return [_measure(ops, root, FILES, 0), _measure(ops, root, 0, FILES)]
        finally:
            ops.close()


def _measure(ops: Operations, root: Path, new: int, known: int) -> dict[str, Any]:
    began = time.perf_counter()
    found = ops.rebuild([str(root / "media")], instance="vaults", address=str(root / "vaults"))
    took = time.perf_counter() - began
    assert (found.sets_new, found.sets_known, found.unread, found.conflicts) == (new, known, [], [])
    what = "where all is known" if known else "in an empty home"
    return {"name": f"rebuild from {FILES:,} files {what}", "ours": took, "limit": LIMIT_S}


def _lay_out(root: Path) -> None:
    full, change = _taken(root)
    base = ("", "")
    for number in range(FILES):
        directory = root / "media" / f"of-{number % DIRECTORIES}"
        directory.mkdir(parents=True, exist_ok=True)
        at = _BEGIN + timedelta(minutes=number)
        names = {"set_id": str(uuid.uuid4()), "database": f"vault-{number // EACH_FULL % 400}.db"}
        if number % EACH_FULL == 0:
            whole, digest = _copy(full, names, at)
            base = (names["set_id"], digest)
        else:
            whole, _ = _copy(change, names, at, base)
        (directory / f"{number}.bak").write_bytes(whole)


def _taken(root: Path) -> tuple[bytes, bytes]:
    """Return a full and an incremental of a small database."""
    (root / "vaults").mkdir()
    (root / "first").mkdir()
    ops = open_operations(root / "other-home")
    try:
        ops.instances.add("vaults", engine="sqlite", address=str(root / "vaults"))
        with closing(sqlite3.connect(root / "vaults" / "one.db")) as database, database:
            database.execute("CREATE TABLE t (x)")
        profile = ops.profiles.new()
        profile.param.update(name="p", instance="vaults", databases=["one.db"], directory=str(root / "first"))
        profile.param.update(timestamp=False, active=False)
        ops.profiles.create(profile)
        for kind in (BackupKind.FULL, BackupKind.DIFFERENTIAL):
            ops.runs.run_here("p", kind)
    finally:
        ops.close()
    return tuple((root / "first" / f"one.db_{kind}.bak").read_bytes() for kind in ("FULL", "DIFF"))  # type: ignore[return-value]


def _copy(
    whole: bytes, names: Mapping[str, str], at: datetime, base: tuple[str, str] | None = None
) -> tuple[bytes, str]:
    """Return a file like another, with names and times of its own, and its digest."""
    size = layout.block_bytes(whole[:12], layout.MAGICS)
    footer = layout.unpack_footer(whole[-layout.FOOTER_BYTES :])
    head = json.loads(whole[12 : size - layout.DIGEST_BYTES]) | names | {"started_at": at.isoformat()}
    if base is not None:
        head["base"] |= {"set_id": base[0], "digest": base[1]}
    header, frames = layout.pack_block(layout.MAGIC, head), whole[size : footer.trailer_offset]
    old = whole[footer.trailer_offset : -layout.FOOTER_BYTES]
    content = json.loads(old[12 : -layout.DIGEST_BYTES]) | {"finished_at": (at + timedelta(seconds=9)).isoformat()}
    trailer = layout.pack_block(layout.TRAILER_MAGIC, content)
    end = layout.pack_footer(len(header) + len(frames), header, trailer)
    return header + frames + trailer + end, layout.sha256(header, trailer).hex()
