"""Reading changed files in a process with limits, as a worker does: `python -m tests.fuzz.campaign KIND COUNT SEED`.

KIND is one of `KINDS`. Prints as JSON how many were read and refused, what else was raised (with the number of the
change), the longest time and the most memory.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import re
import resource
import struct
import sys
import tempfile
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, pkcs12

from benchmarks import vault
from pwsops.certificates import creation, pvk, reader
from pwsops.certificates.pair import Pair
from pwsops.engines.sqlite import backup, layout, media, recover, sets, verify
from pwsops.engines.sqlite.recipient import recipient_of
from pwsops.errors import PwsopsError
from tests.fuzz import forgeries, mutations
from tests.integration.sqlite.support import SILENT, order, query

MOST_BYTES = 300 << 20
MOST_S = 5.0
PASSWORD = "of the file"

Read = Callable[[bytes], bool]
"""Reads one file; whether it was whole. Raises what is not ours."""


Change = Callable[[Random], bytes]
"""Returns a changed file."""


def samples(root: Path, pair: Pair) -> list[bytes]:
    """Return whole media: a full, an incremental, and both once more, encrypted."""
    path = root / "a.sqlite3"
    vault.create(path, 1)
    full = backup.take(order(path, root, "full.bak"), SILENT)
    query(path, "UPDATE ciphers SET user = user || 'x'")
    incremental = backup.take(order(path, root, "incremental.bak", base=full), SILENT)
    recipient = asdict(recipient_of(pair.certificate_der()))
    sealed = backup.take(order(path, root, "sealed.bak", recipient=recipient), SILENT)
    query(path, "UPDATE ciphers SET user = user || 'y'")
    keys = {pair.facts().thumbprint: b64encode(pair.key_der()).decode()}
    second = order(path, root, "sealed-incremental.bak", base=sealed, recipient=recipient, keys=keys)
    sealed_incremental = backup.take(second, SILENT)
    return [Path(str(taken["path"])).read_bytes() for taken in (full, incremental, sealed, sealed_incremental)]


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
    # The file of the certificate is not what is tried here, and opening it takes longer than the media do.
    recover.read_pfx = lambda path: (pair.facts().thumbprint, pair.private_key)

    def read(content: bytes) -> bool:
        changed.write_bytes(content)
        new.unlink(missing_ok=True)
        is_incremental = re.search(rb'"kind": ?"differential"', content[:8192]) is not None
        is_sealed = content.startswith(layout.ENCRYPTED_MAGIC)
        full = root / ("sealed.bak" if is_sealed else "full.bak")
        words = [*(["--pfx", "own.pfx"] if is_sealed else []), *([str(full)] if is_incremental else [])]
        try:
            with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())):
                recover.main([*words, str(changed), str(new)])
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
    """Return whole files of a certificate and its key: `.pfx`, text (PEM), and what SQL Server writes (PVK)."""
    few = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2048).build(PASSWORD.encode())
    kinds = (few, BestAvailableEncryption(PASSWORD.encode()))
    key, certificate = pair.private_key, pair.certificate
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
    return [
        *(pkcs12.serialize_key_and_certificates(b"a", key, certificate, None, kind) for kind in kinds),
        certificate.public_bytes(Encoding.PEM) + text,
        pair.certificate_der() + b"\n" + unprotected_pvk(pair),
    ]


def unprotected_pvk(pair: Pair) -> bytes:
    """Return a private key as SQL Server writes one: what is changed in it then means something at once."""
    assert isinstance(pair.private_key, rsa.RSAPrivateKey)
    known = pair.private_key.private_numbers()
    whole = pair.private_key.key_size // 8
    halves = (known.p, known.q, known.dmp1, known.dmq1, known.iqmp)
    numbers = [(known.public_numbers.n, whole), *((number, whole // 2) for number in halves), (known.d, whole)]
    blob = bytes(8) + struct.pack("<4sII", b"RSA2", 8 * whole, known.public_numbers.e)
    blob += b"".join(number.to_bytes(size, "little") for number, size in numbers)
    return pvk.MAGIC + struct.pack("<5I", 0, 1, 0, 0, len(blob)) + blob


def plainly(whole: Sequence[bytes], change: Callable[[bytes, Random], bytes]) -> Change:
    """Return what changes one of several files."""
    return lambda random: change(random.choice(whole), random)


def encrypted(whole: Sequence[bytes], pair: Pair) -> Change:
    """Return what changes encrypted media, from outside as often as below the encryption."""
    forgers = [forgeries.Forger(one, pair) for one in whole]
    outside = plainly(whole, mutations.media)
    return lambda random: random.choice((outside, random.choice(forgers).change))(random)


KINDS: Mapping[str, Callable[[Path, Pair], tuple[Change, Read]]] = {
    "media": lambda root, pair: (plainly(samples(root, pair)[:2], mutations.media), reading_media(root, pair)),
    "encrypted": lambda root, pair: (encrypted(samples(root, pair)[2:], pair), reading_media(root, pair)),
    "recover": lambda root, pair: (plainly(samples(root, pair)[:2], mutations.media), recovering(root, pair)),
    "recover-encrypted": lambda root, pair: (encrypted(samples(root, pair)[2:], pair), recovering(root, pair)),
    "certificates": lambda root, pair: (
        plainly(certificates(pair), mutations.certificate),
        reading_certificates(root, pair),
    ),
}
"""What is changed, and what reads it."""


def run(kind: str, count: int, seed: int) -> dict[str, object]:
    """Change and read so many files; return what came of it."""
    pair = creation.create("fuzz", years=1, now=datetime.now(UTC))
    assert isinstance(pair.private_key, rsa.RSAPrivateKey)
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        change, read = KINDS[kind](root, pair)
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
        ends: Counter[str] = Counter()
        amiss: list[str] = []
        longest = 0.0
        for number in range(count):
            random = Random(f"{seed}/{number}")
            content = change(random)
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
