"""Media and certificate files changed at random, with checksums that hold again where that leads further in."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

from pwsops.engines.sqlite import layout

HOSTILE: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2**31, 2**32 - 1, 2**63, 2**64, 10**400, 1e308, -0.5),
    *("", "x", "9999-12-31T23:59:59.999999+23:59", "2026-01-01", "\ud800", "../" * 99, "0" * 70_000, "f" * 64),
    *([], {}, [[]], {"page_count": 2**40}, {"set_id": 1, "digest": None, "page_count": "1"}),
)
Frame = tuple[bytes, bytes]
"""Head and payload."""
NUMBERS = (0, 1, 2, 255, 256, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


class Parts(NamedTuple):
    """A media file, taken apart."""

    header: bytes
    frames: bytes
    trailer: bytes


def take_apart(media: bytes) -> Parts:
    """Return the parts of a whole file."""
    size = layout.block_bytes(media[:16], layout.MAGICS)
    footer = layout.unpack_footer(media[-layout.FOOTER_BYTES :])
    return Parts(media[:size], media[size : footer.trailer_offset], media[footer.trailer_offset : -layout.FOOTER_BYTES])


def put_together(parts: Parts) -> bytes:
    """Return a file whose end fits its parts."""
    offset = len(parts.header) + len(parts.frames)
    return b"".join(parts) + layout.pack_footer(offset, parts.header, parts.trailer)


def scribble(data: bytes, random: Random) -> bytes:
    """Change some bytes: flip, set, cut, repeat, insert, or write a number."""
    found = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        at = random.randrange(len(found)) if found else 0
        end = min(len(found), at + random.choice((1, 4, 32, 1000)))
        match random.randrange(6):
            case 0 if found:
                found[at] ^= 1 << random.randrange(8)
            case 1:
                found[at:end] = bytes([random.choice((0, 0x7F, 0x80, 0xFF))]) * (end - at)
            case 2:
                del found[at:end]
            case 3:
                found[at:at] = found[at:end]
            case 4:
                found[at : at + 4] = struct.pack(random.choice(("<I", ">I")), random.choice(NUMBERS))
            case _:
                found[at:at] = random.randbytes(random.choice((1, 3, 100)))
    return bytes(found)


def block(whole: bytes, random: Random) -> bytes:
    """Change what a header or trailer says, and have its checksum hold."""
    content = content_of(whole)
    where = content
    while nested := [each for each in where.values() if isinstance(each, dict)]:
        if random.random() < 0.5:
            break
        where = random.choice(nested)
    name = random.choice(sorted(where))
    match random.randrange(8):
        case 0:
            del where[name]
        case 1:
            where["more"] = random.choice(HOSTILE)
        case _:
            where[name] = random.choice(HOSTILE)
    deep = b'{"set_id":' + b"[" * 100_000
    text = deep if random.random() < 0.02 else json.dumps(content).encode()
    body = whole[:8] + struct.pack("<I", len(text)) + text
    return body + layout.sha256(body)


def frames(whole: Sequence[Frame], random: Random) -> list[Frame]:
    """Change the head or the payload of one frame, or which frames there are, and have their checksums hold."""
    found = list(whole)
    at = random.randrange(len(found))
    head, payload = found[at]
    match random.randrange(6):
        case 0:
            fields = list(layout.FRAME.unpack_from(head))
            fields[random.randrange(1, 6)] = random.choice(NUMBERS)
            head = layout.FRAME.pack(*fields) + head[layout.FRAME.size :]
        case 1:
            head = head[: layout.FRAME.size] + scribble(head[layout.FRAME.size : -32], random) + bytes(32)
        case 2:
            payload = scribble(payload, random)
        case 3:
            payload = bomb(random)
        case 4:
            found.append(found[at])
        case _:
            del found[at]
            return found
    fields = list(layout.FRAME.unpack_from(head.ljust(layout.FRAME.size, b"\0")))
    if random.random() < 0.8:
        fields[4] = len(payload)
    fields[6] = layout.sha256(payload)
    body = layout.FRAME.pack(*fields) + head[layout.FRAME.size : -32]
    found[at] = (body + layout.sha256(body), payload)
    return found


def bomb(random: Random) -> bytes:
    """Return a frame of zstd that says, or is, far more than it takes."""
    size = random.choice((3 << 30, 1 << 40, 1 << 20))
    head = b"\x28\xb5\x2f\xfd" + bytes([0xE0]) + struct.pack("<Q", size)
    # Blocks that repeat one byte 128 KiB times.
    repeated = ((128 << 10) << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    return head + repeated * random.choice((1, 64, 24_000)) + (1).to_bytes(3, "little")


def split_frames(parts: Parts) -> list[Frame]:
    """Return head and payload of each frame of a whole file."""
    found, at, whole = [], 0, parts.frames
    sealed = parts.header.startswith(layout.ENCRYPTED_MAGIC)
    while at < len(whole):
        size = layout.frame_head_bytes(whole[at : at + layout.FRAME.size], sealed=sealed)
        stored = layout.FRAME.unpack_from(whole, at)[4]
        found.append((whole[at : at + size], whole[at + size : at + size + stored]))
        at += size + stored
    return found


def media(whole: bytes, random: Random) -> bytes:
    """Change a media file somewhere, as somebody can who has no key."""
    parts = take_apart(whole)
    changes: list[Callable[[], bytes]] = [
        lambda: scribble(whole, random),
        lambda: put_together(parts._replace(header=block(parts.header, random))),
        lambda: put_together(parts._replace(trailer=block(parts.trailer, random))),
        lambda: put_together(parts._replace(frames=scribble(parts.frames, random))),
        lambda: whole[: -layout.FOOTER_BYTES] + scribble(whole[-layout.FOOTER_BYTES :], random),
    ]
    changes += [lambda: refitted(parts, frames(split_frames(parts), random))] * 4
    return random.choice(changes)()


def content_of(block: bytes) -> dict[str, Any]:
    """Return what a header or trailer says."""
    found: dict[str, Any] = json.loads(block[len(layout.MAGIC) + 4 : -layout.DIGEST_BYTES])
    return found


def fitting(trailer: bytes, found: Sequence[Frame]) -> dict[str, Any]:
    """Return what a trailer says of other frames."""
    return {
        **content_of(trailer),
        "frames": len(found),
        "frames_bytes": sum(len(head) + len(payload) for head, payload in found),
        "stored_pages": sum(layout.FRAME.unpack_from(head)[3] for head, _ in found),
        "heads_digest": layout.sha256(*(head[-32:] for head, _ in found)).hex(),
    }


def refitted(parts: Parts, found: Sequence[Frame]) -> bytes:
    """Return a file whose trailer fits other frames."""
    trailer = layout.pack_block(layout.TRAILER_MAGIC, fitting(parts.trailer, found))
    return put_together(Parts(parts.header, b"".join(map(b"".join, found)), trailer))


def certificate(whole: bytes, random: Random) -> bytes:
    """Change a certificate file somewhere; now and then the numbers of its rounds."""
    # As DER writes it: a number of two bytes.
    rounds = b"\x02\x02" + (2048).to_bytes(2, "big")
    places = [at for at in range(len(whole)) if whole.startswith(rounds, at)]
    if places and random.random() < 0.2:
        at = random.choice(places)
        return whole[:at] + b"\x02\x02\x7f\xff" + whole[at + 4 :]
    return scribble(whole, random)
