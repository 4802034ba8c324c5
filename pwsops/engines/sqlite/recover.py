# pwsops recovery script, version 7
"""Restores a database from pwsops media without pwsops: Python 3.9 or newer, and zstandard (or Python 3.14).

    python recover.py [--pfx CERTIFICATE.pfx] FULL.bak [INCREMENTAL.bak] NEW.sqlite3

Checks every checksum first; writes a new file, never over an old one, and never beside what SQLite left of another one
of that name (-wal, -shm, -journal): that would be played into the new file. Nobody but its owner may read that. The
bytes are described in media-format.md. With the `blake3` module installed, the pages' own hashes are checked as well;
without it, the SHA-256 sums still cover every byte of the media.

A file that was read from a damaged database (NAME_DAMAGED_...) is no backup. It is written all the same, with a
warning, for what can be rescued.

Media and certificates may come from anybody: what they declare (types, sizes, counts, rounds) is looked at before any
work is done, only plain files are read, and a certificate is opened in a process of its own, for half a minute at most.
No module is taken from the directory that this file lies in.

Encrypted media need the cryptography module and the .pfx of their certificate, whose password is asked for, or read
from the first line of standard input where that is not a terminal. --pfx may be repeated.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]  # Whoever may write beside the media could put a module of any name there.

import contextlib
import getpass
import hashlib
import importlib
import json
import os
import signal
import stat
import struct
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO


def _zstd() -> Any:
    """Return whichever zstd module there is."""
    for name in ("compression.zstd", "zstandard"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    return sys.exit("error: the zstandard module is missing; install it with: python -m pip install zstandard")


def _blake3() -> Any:
    """Return the hash that the pages carry besides, or None."""
    with contextlib.suppress(ImportError):
        return importlib.import_module("blake3").blake3
    return None


ZSTD = _zstd()
BLAKE3 = _blake3()

USAGE = "usage: python recover.py [--pfx CERTIFICATE.pfx] FULL.bak [INCREMENTAL.bak] NEW.sqlite3"
ENCRYPTED = b"PWSOPS\x1a\x02"
MAGIC = {
    "header": (b"PWSOPS\x1a\x01", ENCRYPTED),
    "trailer": (b"PWSTRL\x1a\x01",),
    "end": (b"PWSEND\x1a\x01",),
}
SIDE_FILES = ("-wal", "-shm", "-journal")
TAG_BYTES = 16
FRAME_BYTES = 2 << 20
PAGE_SIZES = tuple(1 << power for power in range(9, 17))
MOST_PAGES = (1 << 32) - 2
PFX_BYTES = 4 << 20
PFX_SECONDS = 30
MEMORY_BYTES = 256 << 20
MOST_PARTS, MOST_DEEP = 5_000, 24
MOST_ROUNDS = 5_000_000
"""How often all passwords of a certificate file together may be hashed: some seconds' work."""
FRAME = struct.Struct("<4sIIIII32s")
FOOTER = struct.Struct("<8sQQ32s32s")


class Damaged(Exception):
    """The media cannot be restored from."""


def sha256(data: bytes) -> bytes:
    """Hash."""
    return hashlib.sha256(data).digest()


def need(condition: bool, path: str, why: str) -> None:
    """Stop unless the condition holds."""
    if not condition:
        raise Damaged(f"{path}: {why}. Choose another backup, or another copy of this file.")


def exactly(stream: BinaryIO, count: int, path: str) -> bytes:
    """Read so many bytes and no fewer."""
    data = stream.read(count)
    need(len(data) == count, path, "the file is cut short")
    return data


def open_plain(path: str) -> BinaryIO:
    """Open a plain file; a pipe would wait, and a device may do something."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    need(stat.S_ISREG(os.stat(path).st_mode), path, "it is not a plain file")
    stream = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        need(False, path, "it is not a plain file")
    return stream


def whole(content: Mapping[str, Any], name: str, path: str, *, most: int, least: int = 0) -> None:
    """Stop unless a field is a whole number within its bounds."""
    need(type(content.get(name)) is int and least <= content[name] <= most, path, f"{name} is no possible number")


def texts(content: Mapping[str, Any], names: Sequence[str], path: str) -> None:
    """Stop unless these fields are texts."""
    for name in names:
        need(isinstance(content.get(name), str) and len(content[name]) <= 1 << 16, path, f"{name} is no text")


def check_header(header: Mapping[str, Any], path: str, *, sealed: bool) -> None:
    """Look at what a header declares, before anything is done with it."""
    texts(header, ("set_id", "database", "kind", "started_at"), path)
    need(header.get("page_size") in PAGE_SIZES, path, "page_size is no possible number")
    whole(header, "page_count", path, least=1, most=MOST_PAGES)
    base = header.get("base")
    need((header["kind"], base is None) in (("full", True), ("differential", False)), path, "its kind is not known")
    if base is not None:
        need(isinstance(base, dict), path, "base is no object")
        texts(base, ("set_id", "digest"), path)
        whole(base, "page_count", path, most=MOST_PAGES)
    if sealed:
        need(isinstance(header.get("encryption"), dict), path, "encryption is no object")
        texts(header["encryption"], ("algorithm", "wrapping", "thumbprint", "subject", "wrapped_key"), path)


def check_trailer(trailer: Mapping[str, Any], path: str, *, sealed: bool) -> None:
    """Look at what a trailer declares."""
    texts(trailer, ("heads_digest", "seal") if sealed else ("heads_digest",), path)
    whole(trailer, "frames", path, most=1 << 31)
    whole(trailer, "stored_pages", path, most=MOST_PAGES)


def declared_size(payload: bytes) -> int | None:
    """Return the size that a zstd frame declares for its content (RFC 8878, 3.1.1.1); None: it declares none."""
    if len(payload) < 14 or payload[:4] != b"\x28\xb5\x2f\xfd":
        return None  # shorter than any; the library says what is wrong with it
    descriptor = payload[4]
    single = descriptor >> 5 & 1
    at = 5 + (not single) + (0, 1, 2, 4)[descriptor & 3]
    count = (single, 2, 4, 8)[descriptor >> 6]
    size = int.from_bytes(payload[at : at + count], "little")
    return None if not count else size + 256 if count == 2 else size


def read_block(stream: BinaryIO, name: str, path: str) -> tuple[dict[str, Any], bytes]:
    """Read the header or the trailer; give its content and its bytes."""
    start = exactly(stream, 12, path)
    need(start[:8] in MAGIC[name], path, f"this is not a {name} of a pwsops backup")
    length = struct.unpack("<I", start[8:])[0]
    need(length <= 1 << 20, path, f"the {name} is damaged")
    text, digest = exactly(stream, length, path), exactly(stream, 32, path)
    need(sha256(start + text) == digest, path, f"the {name} fails its checksum")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    need(isinstance(content, dict), path, f"the {name} is not written as one")
    return content, start + text + digest


class Cipher:
    """Opens the chunks of one encrypted file."""

    def __init__(self, key: bytes, header: bytes, path: str) -> None:
        aead = importlib.import_module("cryptography.hazmat.primitives.ciphers.aead")
        self.aead = aead.AESGCM(key)
        self.context = sha256(header)
        self.path = path

    def open(self, number: int, data: bytes, more: bytes = b"", *, last: bool = False) -> bytes:
        """Open one chunk, of which `more` is known already."""
        need(number < 1 << 32, self.path, "it declares more parts than any can have")
        nonce = struct.pack(">7xIB", number, last)
        try:
            return bytes(self.aead.decrypt(nonce, data, self.context + more))
        except importlib.import_module("cryptography.exceptions").InvalidTag:
            raise Damaged(f"{self.path}: chunk {number} is not what was encrypted. Choose another copy.") from None


def read_pfx(path: str) -> tuple[str, Any]:
    """Return the thumbprint of a certificate and its private key; asks for the password."""
    try:
        pkcs12 = importlib.import_module("cryptography.hazmat.primitives.serialization.pkcs12")
        hashes = importlib.import_module("cryptography.hazmat.primitives.hashes")
    except ImportError:
        sys.exit("error: the cryptography module is missing; install it with: python -m pip install cryptography")
    with open_plain(path) as stream:
        content = stream.read(PFX_BYTES + 1)
    need(len(content) <= PFX_BYTES, path, "it is larger than any certificate file")
    check_rounds(content, path)
    question = f"Password of {path}: "
    password = getpass.getpass(question) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    in_time(lambda: pkcs12.load_key_and_certificates(content, password.encode()), path)
    try:
        key, certificate, _ = pkcs12.load_key_and_certificates(content, password.encode())
    except ValueError:
        raise Damaged(f"{path}: the password is wrong, or the file is damaged.") from None
    need(key is not None and certificate is not None, path, "it holds no certificate with its private key")
    return certificate.fingerprint(hashes.SHA1()).hex().upper(), key


def in_time(work: Any, path: str) -> None:
    """Try some work in a process of its own first: what takes too long there would freeze this one."""
    if not hasattr(os, "fork"):
        return
    child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PFX_SECONDS)
        with contextlib.suppress(BaseException):
            limit_memory()
            work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    need(status == 0, path, f"it could not be opened within {PFX_SECONDS} s and {MEMORY_BYTES >> 20} MiB")


def limit_memory() -> None:
    """Let this process have so much memory, where the system can do that."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))


def check_rounds(content: bytes, path: str) -> None:
    """Refuse a certificate file that declares more rounds of hashing than anybody waits for."""
    few = rounds(content, path) <= MOST_ROUNDS
    need(few, path, f"it declares more than {MOST_ROUNDS} rounds of hashing its password")


def rounds(data: bytes, path: str, depth: int = 0) -> int:
    """Return how many rounds all parts of a DER structure declare that are not encrypted themselves."""
    found = elements(data)
    need(depth < MOST_DEEP and len(found) < MOST_PARTS, path, "it has more parts than any certificate file")
    total = sum(rounds(content, path, depth + 1) for tag, content in found if tag & 0x20 or tag == 0x04)
    tags = [tag for tag, _ in found]
    # Salt and rounds stand side by side: in the parameters of a scheme, and behind the digest of the whole file.
    for at in range(len(found) - 1):
        if tags[at : at + 2] == [0x04, 0x02]:
            numbers = [int.from_bytes(content, "big") for tag, content in found[at + 1 :] if tag == 0x02]
            # Three of them are those of scrypt; two are rounds and the length of the key.
            total += numbers[0] * (numbers[1] * numbers[2] if len(numbers) > 2 else 1)
    return total


def elements(data: bytes) -> list[tuple[int, bytes]]:
    """Take DER apart, one level deep; an empty list for what is none."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at + 2 <= len(data) and len(found) < MOST_PARTS:
        start, length = at + 2, data[at + 1]
        if length > 0x80:
            start, length = start + length - 0x80, int.from_bytes(data[start : start + length - 0x80], "big")
        if data[at + 1] == 0x80 or start + length > len(data):
            return []
        found.append((data[at], data[start : start + length]))
        at = start + length
    return found if at == len(data) or len(found) == MOST_PARTS else []


def unwrap(header: Mapping[str, Any], keys: Mapping[str, Any], path: str) -> bytes:
    """Return the key of an encrypted file."""
    seal = header["encryption"]
    need((seal["algorithm"], seal["wrapping"]) == ("AES-256-GCM", "RSA-OAEP-SHA256"), path, "unknown encryption")
    if seal["thumbprint"] not in keys:
        raise Damaged(
            f"{path}: it is encrypted for the certificate {seal['subject']} (thumbprint {seal['thumbprint']}); give "
            "its .pfx with --pfx."
        )
    hashes = importlib.import_module("cryptography.hazmat.primitives.hashes")
    padding = importlib.import_module("cryptography.hazmat.primitives.asymmetric.padding")
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    try:
        return bytes(keys[seal["thumbprint"]].decrypt(bytes.fromhex(seal["wrapped_key"]), oaep))
    except ValueError:
        raise Damaged(f"{path}: the key in its header cannot be unwrapped. Choose another copy.") from None


class Media:
    """One media file: its header, its trailer, and its pages."""

    def __init__(self, path: str, stream: BinaryIO, keys: Mapping[str, Any]) -> None:
        self.path = path
        self.stream = stream
        self.header, header_block = read_block(self.stream, "header", path)
        sealed = header_block.startswith(ENCRYPTED)
        check_header(self.header, path, sealed=sealed)
        self.frames_at = self.stream.tell()
        size = self.stream.seek(0, os.SEEK_END)
        need(size >= self.frames_at + FOOTER.size, path, "the file is cut short")
        self.stream.seek(size - FOOTER.size)
        footer = self.stream.read(FOOTER.size)
        magic, self.frames_end, says, self.digest, check = FOOTER.unpack(footer)
        need(magic in MAGIC["end"] and sha256(footer[:-32]) == check, path, "the end of the file is damaged")
        need(says == size, path, "the file is longer or shorter than it says")
        need(self.frames_at <= self.frames_end <= size - FOOTER.size, path, "the trailer is out of place")
        self.stream.seek(self.frames_end)
        self.trailer, trailer_block = read_block(self.stream, "trailer", path)
        need(self.stream.tell() == size - FOOTER.size, path, "the trailer is out of place")
        need(sha256(header_block + trailer_block) == self.digest, path, "header and trailer do not belong together")
        check_trailer(self.trailer, path, sealed=sealed)
        self.cipher: Cipher | None = None
        if sealed:
            self.cipher = Cipher(unwrap(self.header, keys, path), header_block, path)
            self.check_seal()

    def check_seal(self) -> None:
        """Check the chunk that closes an encrypted file: it covers header and trailer."""
        assert self.cipher is not None
        rest = {key: value for key, value in self.trailer.items() if key != "seal"}
        text = json.dumps(rest, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode("ascii")
        self.cipher.open(2 * rest["frames"], bytes.fromhex(self.trailer["seal"]), text, last=True)

    def pages(self) -> Iterator[tuple[Sequence[int], bytes]]:
        """Yield (page numbers, raw pages) of each frame, checked."""
        self.stream.seek(self.frames_at)
        heads, stored, behind, last = hashlib.sha256(), 0, 0, 0
        base_pages = (self.header["base"] or {"page_count": 0})["page_count"]
        for sequence in range(self.trailer["frames"]):
            numbers, raw, digest = self.frame(sequence)
            heads.update(digest)
            stored += len(numbers)
            for page in numbers:
                need(last < page <= self.header["page_count"], self.path, f"frame {sequence} repeats pages")
                behind, last = behind + (page > base_pages), page
            yield numbers, raw
        need(self.stream.tell() == self.frames_end, self.path, "frames are missing or left over")
        need(
            heads.hexdigest() == self.trailer["heads_digest"], self.path, "frames are not the ones it was finished with"
        )
        complete = behind == max(0, self.header["page_count"] - base_pages)
        need(stored == self.trailer["stored_pages"] and complete, self.path, "pages are missing")

    def frame(self, sequence: int) -> tuple[Sequence[int], bytes, bytes]:
        """Read the next frame: page numbers, raw pages, and the checksum of its head."""
        what = f"frame {sequence}"
        fixed = exactly(self.stream, FRAME.size, self.path)
        magic, number, first, count, size, blocks, payload_digest = FRAME.unpack(fixed)
        need(
            magic == b"PFRM"
            and 0 < count <= max(1, FRAME_BYTES // self.header["page_size"])
            and 0 < size <= 2 * FRAME_BYTES
            and blocks <= 32 * count,
            self.path,
            f"{what} is damaged",
        )
        size_of_rest = (blocks or 4 * count) + 32 * count + (TAG_BYTES if self.cipher else 0)
        rest = exactly(self.stream, size_of_rest, self.path)
        digest = exactly(self.stream, 32, self.path)
        need(sha256(fixed + rest) == digest and number == sequence, self.path, f"the head of {what} is damaged")
        payload = exactly(self.stream, size, self.path)
        need(sha256(payload) == payload_digest, self.path, f"{what} fails its checksum")
        if self.cipher is not None:
            rest = self.cipher.open(2 * sequence, rest, fixed)
            payload = self.cipher.open(2 * sequence + 1, payload)
        page_size = self.header["page_size"]
        raw = self.decompress(payload, count * page_size, what)
        need(len(raw) == count * page_size, self.path, f"{what} has the wrong size")
        numbers: Sequence[int] = (
            range(first, first + count) if blocks else struct.unpack(f"<{count}I", rest[: 4 * count])
        )
        self.check_pages(raw, rest[-32 * count :], page_size, what)
        return numbers, raw, digest

    def decompress(self, payload: bytes, size: int, what: str) -> bytes:
        """Decompress one payload to at most `size` bytes; the library makes room for what a frame declares."""
        need(declared_size(payload) in (None, size), self.path, f"{what} has the wrong size")
        try:
            if ZSTD.__name__ == "zstandard":
                return bytes(ZSTD.ZstdDecompressor().decompress(payload, max_output_size=size))
            return bytes(ZSTD.ZstdDecompressor().decompress(payload, size))
        except ZSTD.ZstdError as error:
            raise Damaged(f"{self.path}: {what} does not decompress ({error}).") from error

    def check_pages(self, raw: bytes, hashes: bytes, size: int, what: str) -> None:
        """Compare the pages with their own hashes, where that is possible."""
        if BLAKE3 is not None:
            now = b"".join(BLAKE3(raw[at : at + size]).digest() for at in range(0, len(raw), size))
            need(now == hashes, self.path, f"{what} holds other pages than it lists")


def check_chain(chain: Sequence[Media]) -> None:
    """Refuse files that do not belong together."""
    need(chain[0].header["kind"] == "full", chain[0].path, "the first file must be a full backup")
    for media in chain[1:]:
        base = media.header["base"] or {}
        head = chain[0].header["set_id"], chain[0].digest.hex(), chain[0].header["page_count"]
        same = (base.get("set_id"), base.get("digest"), base.get("page_count")) == head
        need(same, media.path, f"it is not an incremental of {chain[0].path}")


def warn_of_damage(chain: Sequence[Media]) -> None:
    """Warn of each file that was read from a damaged database what it is good for."""
    for media in chain:
        if media.trailer.get("damaged") is not None:
            print(
                f"warning: {media.path} was read from a database that was damaged already; it is no backup. What is "
                "written is for rescue: look into it with PRAGMA integrity_check and the sqlite3 shell's .recover, and "
                "restore a good backup.",
                file=sys.stderr,
            )


def write(chain: Sequence[Media], out: BinaryIO) -> int:
    """Write all pages in order; give the size."""
    page_size, page_count = chain[-1].header["page_size"], chain[-1].header["page_count"]
    for media in chain:
        for numbers, raw in media.pages():
            for index, number in enumerate(numbers):
                if number <= page_count:
                    out.seek((number - 1) * page_size)
                    out.write(raw[index * page_size : (index + 1) * page_size])
    out.truncate(page_count * page_size)
    out.flush()
    os.fsync(out.fileno())
    return int(page_size * page_count)


def recover(paths: Sequence[str], target: str, certificates: Sequence[str] = ()) -> None:
    """Restore into a new file."""
    keys = dict(read_pfx(path) for path in certificates)
    check_target(target)
    with contextlib.ExitStack() as stack:
        chain = [Media(path, stack.enter_context(open_plain(path)), keys) for path in paths]
        check_chain(chain)
        warn_of_damage(chain)
        size = write_new(chain, target)
    print(f"{target}: {size} bytes of {chain[-1].header['database']}, as of {chain[-1].header['started_at']}")


def check_target(target: str) -> None:
    """Refuse a name that is taken, and one beside which SQLite left something of another database."""
    if os.path.lexists(target):
        raise Damaged(f"{target}: this file exists already. Name a new one.")
    left = [target + suffix for suffix in SIDE_FILES if os.path.lexists(target + suffix)]
    if left:
        raise Damaged(
            f"{target}: beside it lies what SQLite left of another database: {', '.join(left)}. SQLite would play it "
            "into the new file. It may hold the last changes of the old database: move it to another directory, or "
            "name a new file elsewhere."
        )


def write_new(chain: Sequence[Media], target: str) -> int:
    """Write beside the target, then give the file its name, which nobody has taken meanwhile."""
    temp = os.path.join(os.path.dirname(target), f".{uuid.uuid4().hex}.part")
    try:
        with open(temp, "xb", opener=_for_its_owner_alone) as out:
            size = write(chain, out)
        check_target(target)
        try:
            os.link(temp, target)
        except FileExistsError:
            raise Damaged(f"{target}: somebody created this file meanwhile. Name a new one.") from None
        except OSError:  # no hard links on this file system
            os.rename(temp, target)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temp)
    sync_directory(os.path.dirname(target) or ".")
    return size


def _for_its_owner_alone(path: str, flags: int) -> int:
    """Open a new file as `open` does, but without rights for others: their own database may be none for all to read."""
    return os.open(path, flags, 0o600)


def sync_directory(directory: str) -> None:
    """Make the new name durable, where the file system can."""
    with contextlib.suppress(OSError):
        fd = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def main(arguments: Sequence[str]) -> None:
    """Run from a command line."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # names may be no text
    certificates = []
    while len(arguments) > 1 and arguments[0] == "--pfx":
        certificates.append(arguments[1])
        arguments = arguments[2:]
    if len(arguments) not in (2, 3):
        sys.exit(USAGE)
    try:
        recover(arguments[:-1], arguments[-1], certificates)
    except Damaged as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {error.filename or arguments[-1]}: {error.strerror}")
    except MemoryError:
        sys.exit("error: the media need more memory than any of ours")
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"error: the media are of a kind this script does not know: {error!r}")


if __name__ == "__main__":
    limit_memory()
    main(sys.argv[1:])
