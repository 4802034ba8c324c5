"""Reading changed files in a process with limits, as a worker does: `python -m tests.fuzz.campaign KIND COUNT SEED`.

KIND is `media`, `recover` or `pfx`. Prints as JSON how many were read and refused, what else was raised (with the
number of the change), the longest time and the most memory.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, PrivateFormat, pkcs12

from benchmarks import vault
from pwsops.certificates import creation, reader
from pwsops.certificates.pair import Pair
from pwsops.engines.sqlite import backup, media, recover, sets, verify
from pwsops.engines.sqlite.recipient import recipient_of
from pwsops.errors import PwsopsError
from tests.fuzz import mutations
from tests.integration.sqlite.support import SILENT, order, query

MOST_BYTES = 300 << 20
MOST_S = 5.0
PASSWORD = "of the file"

Read = Callable[[bytes], bool]
"""Reads one file; whether it was whole. Raises what is not ours."""


def samples(root: Path, pair: Pair) -> list[bytes]:
    """Return whole media: a full, an incremental, an encrypted full."""
    path = root / "a.sqlite3"
    vault.create(path, 1)
    full = backup.take(order(path, root, "full.bak"), SILENT)
    query(path, "UPDATE ciphers SET user = user || 'x'")
    incremental = backup.take(order(path, root, "incremental.bak", base=full), SILENT)
    recipient = asdict(recipient_of(pair.certificate_der()))
    sealed = backup.take(order(path, root, "sealed.bak", recipient=recipient), SILENT)
    return [Path(str(taken["path"])).read_bytes() for taken in (full, incremental, sealed)]


def reading_media(root: Path, pair: Pair) -> Read:
    """Return what reads media as the workers do."""
    changed, keys = root / "changed.bak", {pair.facts().thumbprint: pair.key_der()}

    def read(content: bytes) -> bool:
        changed.write_bytes(content)
        try:
            with media.Media(str(changed)) as found:
                sets.to_record(sets.describe(found))
            verify.check(str(changed), None, SILENT, keys)
        except PwsopsError:
            return False
        return True

    return read


def recovering(root: Path, pair: Pair) -> Read:
    """Return what reads media as the script that lies beside them does."""
    changed, new = root / "changed.bak", root / "new.sqlite3"
    full = root / "full.bak"

    def read(content: bytes) -> bool:
        changed.write_bytes(content)
        new.unlink(missing_ok=True)
        is_incremental = b'"kind":"differential"' in content[:4096]
        try:
            with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
                recover.main([*([str(full)] if is_incremental else []), str(changed), str(new)])
        except SystemExit as ended:
            if not str(ended.code).startswith("error: "):
                raise AssertionError(ended.code) from ended
            return False
        return True

    return read


def reading_certificates(root: Path, pair: Pair) -> Read:
    """Return what reads certificate files as their process does, and as the script does."""

    def read(content: bytes) -> bool:
        request = {"content": reader.b64encode(content).decode(), "password": PASSWORD, "source": "The file"}
        with contextlib.suppress(recover.Damaged):
            recover.check_rounds(content, "The file")
        return "pairs" in reader.answer(request)

    return read


def certificates(pair: Pair) -> list[bytes]:
    """Return whole `.pfx` files."""
    few = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2048).build(PASSWORD.encode())
    kinds = (few, BestAvailableEncryption(PASSWORD.encode()))
    return [
        pkcs12.serialize_key_and_certificates(b"a", pair.private_key, pair.certificate, None, kind) for kind in kinds
    ]


def run(kind: str, count: int, seed: int) -> dict[str, object]:
    """Change and read so many files; return what came of it."""
    pair = creation.create("fuzz", years=1, now=datetime.now(UTC))
    assert isinstance(pair.private_key, rsa.RSAPrivateKey)
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        whole = certificates(pair) if kind == "pfx" else samples(root, pair)[: 2 if kind == "recover" else 3]
        read = {"media": reading_media, "recover": recovering, "pfx": reading_certificates}[kind](root, pair)
        change = mutations.certificate if kind == "pfx" else mutations.media
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
        ends: Counter[str] = Counter()
        amiss: list[str] = []
        longest = 0.0
        for number in range(count):
            random = Random(f"{seed}/{number}")
            content = change(random.choice(whole), random)
            began = time.monotonic()
            try:
                ends["read" if read(content) else "refused"] += 1
            except Exception as error:  # noqa: BLE001 - which ones there are is what is asked
                amiss.append(f"{number}: {type(error).__name__}: {error}"[:200])
            longest = max(longest, time.monotonic() - began)
    return {**ends, "amiss": amiss, "longest_s": round(longest, 2), "most_mib": most_kib() >> 10}


def most_kib() -> int:
    """Return the most memory this program had. `ru_maxrss` would count that of the process that started it, too."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


if __name__ == "__main__":
    faulthandler.enable()
    sys.stdout.write(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))) + "\n")
