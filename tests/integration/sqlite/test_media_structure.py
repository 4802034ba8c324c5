"""Files whose checksums hold and whose content does not: written by a fault, or by somebody who means it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pwsops.engines.sqlite import layout, verify
from pwsops.engines.sqlite.layout import Base, Header, Trailer
from pwsops.engines.sqlite.pages import hashes
from pwsops.errors import MediaError
from tests.integration.sqlite.support import SILENT

PAGE = 512
FULL = Header(
    set_id="one",
    database="db.sqlite3",
    kind="full",
    description="",
    started_at="2026-03-01T00:00:00+00:00",
    page_size=PAGE,
    page_count=4,
    base=None,
    app="test",
    sqlite="3",
)
DIFFERENTIAL = replace(FULL, kind="differential", base=Base(set_id="base", digest="00", page_count=4))


def run(sequence: int, first: int, pages: int, raw: bytes | None = None, blocks: bytes | None = None) -> bytes:
    content = os.urandom(pages * PAGE)
    payload = zstandard.compress(content if raw is None else raw)
    under = hashes(memoryview(content), layout.BLOCK_BYTES) if blocks is None else blocks
    return layout.pack_run_head(sequence, first, under, hashes(memoryview(content), PAGE), payload) + payload


def listed(sequence: int, numbers: list[int]) -> bytes:
    content = os.urandom(len(numbers) * PAGE)
    payload = zstandard.compress(content)
    return layout.pack_listed_head(sequence, numbers, hashes(memoryview(content), PAGE), payload) + payload


def write(path: Path, header: Header, frames: list[bytes], wrong: dict[str, Any] | None = None) -> str:
    start, body = layout.pack_header(header), b"".join(frames)
    chain = hashlib.sha256()
    for frame in frames:
        at = layout.frame_head_bytes(frame[: layout.FRAME.size])
        chain.update(frame[at - layout.DIGEST_BYTES : at])
    stored = sum(layout.FRAME.unpack_from(frame)[3] for frame in frames)
    facts: dict[str, Any] = {
        "finished_at": "2026-03-01T00:00:01+00:00",
        "frames": len(frames),
        "stored_pages": stored,
        "frames_bytes": len(body),
        "heads_digest": chain.hexdigest(),
    }
    trailer = layout.pack_trailer(Trailer(**(facts | (wrong or {}))))
    footer = layout.pack_footer(len(start) + len(body), start, trailer)
    path.write_bytes(start + body + trailer + footer)
    return str(path)


def test_what_is_well_made_is_accepted(tmp_path: Path) -> None:
    verify.check(write(tmp_path / "a.bak", FULL, [run(0, 1, 3), run(1, 4, 1)]), None, SILENT)
    verify.check(write(tmp_path / "b.bak", DIFFERENTIAL, [listed(0, [2, 4])]), None, SILENT)
    verify.check(write(tmp_path / "c.bak", DIFFERENTIAL, []), None, SILENT)


@pytest.mark.parametrize(
    ("header", "frames", "wrong", "words"),
    [
        (FULL, [run(0, 1, 3), run(2, 4, 1)], {}, "out of order"),
        (FULL, [run(0, 1, 2), run(1, 4, 1)], {}, "repeats or leaves out"),
        (FULL, [run(0, 1, 2), run(1, 2, 3)], {}, "repeats or leaves out"),
        (FULL, [run(0, 1, 5)], {}, "behind the end"),
        (FULL, [run(0, 1, 3)], {}, "missing or left over"),
        (FULL, [listed(0, [1, 2, 3, 4])], {}, "does not fit its header"),
        (DIFFERENTIAL, [run(0, 1, 4)], {}, "does not fit its header"),
        (DIFFERENTIAL, [listed(0, [3, 2])], {}, "repeats or leaves out"),
        (DIFFERENTIAL, [listed(0, [3, 9])], {}, "behind the end"),
        (FULL, [run(0, 1, 4)], {"stored_pages": 5}, "missing or left over"),
        (FULL, [run(0, 1, 4)], {"heads_digest": "00"}, "not the ones it was finished with"),
        (FULL, [run(0, 1, 4)], {"frames_bytes": 7}, "do not fill it"),
        (FULL, [run(0, 1, 4)], {"frames": 2}, "does not begin as one"),
        (FULL, [run(0, 1, 4, raw=bytes(4 * PAGE))], {}, "other pages than it lists"),
        (FULL, [run(0, 1, 4, raw=bytes(3 * PAGE))], {}, "other pages than it lists"),
        (FULL, [run(0, 1, 4, raw=bytes(9 * PAGE))], {}, "does not decompress|other pages"),
        (FULL, [run(0, 1, 4, blocks=bytes(32))], {}, "other pages than it lists"),
        (replace(FULL, page_size=777), [], {}, "impossible page size"),
        (replace(FULL, page_count=0), [], {}, "impossible page size or count"),
        (replace(FULL, kind="differential"), [], {}, "contradicts itself"),
    ],
)
def test_what_contradicts_itself_is_refused(
    tmp_path: Path, header: Header, frames: list[bytes], wrong: dict[str, Any], words: str
) -> None:
    path = write(tmp_path / "odd.bak", header, frames, wrong)
    with pytest.raises(MediaError, match=rf"odd\.bak is damaged: .*({words})"):
        verify.check(path, None, SILENT)


@pytest.mark.parametrize(
    "read",
    [
        lambda: layout.unpack_header(layout.pack_block(layout.MAGIC, {"set_id": "x"})),
        lambda: layout.unpack_trailer(layout.pack_block(layout.TRAILER_MAGIC, {"frames": 1})),
        lambda: layout.unpack_header(layout.pack_header(FULL) + b"x"),
        lambda: layout.pack_header(replace(FULL, description="x" * layout.BLOCK_LIMIT)),
        lambda: layout.block_bytes(layout.MAGIC + b"\xff\xff\xff\xff", layout.MAGIC),
        lambda: layout.block_bytes(b"short", layout.MAGIC),
        lambda: layout.frame_head_bytes(layout.FRAME.pack(b"PFRM", 0, 1, 0, 1, 32, bytes(32))),
        lambda: layout.frame_head_bytes(layout.FRAME.pack(b"PFRM", 0, 1, 1, 1, 31, bytes(32))),
        lambda: layout.unpack_footer(bytes(layout.FOOTER_BYTES)),
    ],
)
def test_impossible_parts_are_refused(read: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        read()
