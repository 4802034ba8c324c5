"""What media declare is looked at before any work is done; one file's trouble is its own."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlite import engine, layout, recover
from pwsops.engines.sqlite.cipher import Cipher
from pwsops.errors import MediaError
from tests.fuzz import mutations
from tests.integration.sqlite.support import Place, query


def forge(path: str, change: Callable[[dict[str, Any]], object], part: str = "header") -> None:
    """Change what a file's header or trailer says; its checksums hold."""
    parts = mutations.take_apart(Path(path).read_bytes())
    block = getattr(parts, part)
    content = json.loads(block[12 : -layout.DIGEST_BYTES])
    change(content)
    forged = layout.pack_block(block[:8], content)
    Path(path).write_bytes(mutations.put_together(parts._replace(**{part: forged})))


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("header", "started_at", "2026-02-30T00:00:00+00:00"),
        ("header", "started_at", "2026-02-03T00:00:00"),
        ("header", "started_at", 5),
        ("header", "set_id", ["a"]),
        ("header", "page_count", True),
        ("header", "page_count", 2**40),
        ("header", "page_size", 1000),
        ("header", "base", []),
        ("header", "database", "x" * 70_000),
        ("header", "started_at", "9999-12-31T23:59:59-23:59"),
        ("trailer", "finished_at", "yesterday"),
        ("trailer", "finished_at", "9999-12-31T23:59:59-23:59"),
        ("trailer", "finished_at", "0001-01-01T00:00:00+23:59"),
        ("trailer", "finished_at", "9999-12-31T23:59:59.999999+00:00"),
        ("trailer", "frames", 2**40),
        ("trailer", "stored_pages", -1),
        ("trailer", "heads_digest", None),
    ],
)
def test_what_a_file_declares_is_refused_where_none_of_ours_could(
    place: Place, part: str, name: str, value: object
) -> None:
    place.vault()
    taken = place.take().backup_set
    forge(taken.path, lambda content: content.update({name: value}), part)
    with pytest.raises(MediaError):
        place.engine.read_media(taken.path)
    if name not in ("started_at", "finished_at", "app"):  # the script computes with no date
        with pytest.raises(SystemExit, match="error: "):
            recover.main([taken.path, str(place.vaults / "new.db")])


def test_one_file_with_a_bad_date_hides_no_other(place: Place) -> None:
    path = place.vault()
    good, bad = (place.take(name).backup_set for name in ("good.bak", "bad.bak"))
    forge(bad.path, lambda content: content.update(started_at="0000-00-00"))
    assert {entry.name for entry in place.engine.browse(str(place.media))} >= {"good.bak", "bad.bak"}
    found = place.engine.find_backup(database=path.name, directory=str(place.media), description="pwsops run 1")
    assert found is not None
    assert found.set_id == good.set_id


def test_a_date_that_no_calendar_has_is_none() -> None:
    assert [engine._date(seconds) for seconds in (1e30, -1e30, float("inf"))] == [None] * 3


def test_a_loop_of_links_is_listed_without_facts(place: Place) -> None:
    (place.media / "loop").symlink_to("loop")
    [listed] = place.engine.browse(str(place.media))
    assert (listed.is_directory, listed.size_bytes) == (False, None)


def test_a_frame_gets_no_more_room_than_its_pages_take(place: Place) -> None:
    path = place.vault()
    taken = place.take().backup_set
    parts = mutations.take_apart(Path(taken.path).read_bytes())
    [(head, _), *rest] = mutations.split_frames(parts)
    bomb = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 3 << 30) + b"\2\0\x10\0" * 24_576 + b"\1\0\0"
    assert len(bomb) < 100_000
    fields = list(layout.FRAME.unpack_from(head))
    fields[4], fields[6] = len(bomb), layout.sha256(bomb)
    body = layout.FRAME.pack(*fields) + head[layout.FRAME.size : -32]
    forged = mutations.refitted(parts, [(body + layout.sha256(body), bomb), *rest])
    Path(taken.path).write_bytes(forged)
    [read] = place.engine.read_media(taken.path)
    with pytest.raises(MediaError, match="frame 0 holds other pages than it lists"):
        place.engine.verify(read)
    before = path.read_bytes()
    with pytest.raises(MediaError):
        place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[read]))
    assert path.read_bytes() == before
    with pytest.raises(SystemExit, match="frame 0 has the wrong size"):
        recover.main([taken.path, str(place.vaults / "new.db")])


def test_an_incremental_that_leaves_pages_out_is_damaged(place: Place) -> None:
    path = place.vault()
    full = place.take("full.bak").backup_set
    query(path, "UPDATE ciphers SET user = user || 'x'")
    incremental = place.take("incremental.bak", base=full).backup_set
    forge(incremental.path, lambda content: content.update(page_count=content["page_count"] + 5))
    [read] = place.engine.read_media(incremental.path)
    with pytest.raises(MediaError, match="frames are missing"):
        place.engine.verify(read)
    with pytest.raises(SystemExit, match="pages are missing"):
        recover.main([full.path, incremental.path, str(place.vaults / "new.db")])


def test_a_block_that_is_nested_without_end_is_damaged(place: Place) -> None:
    place.vault()
    taken = place.take().backup_set
    parts = mutations.take_apart(Path(taken.path).read_bytes())
    text = b"[" * 200_000
    body = parts.header[:8] + struct.pack("<I", len(text)) + text
    forged = parts._replace(header=body + layout.sha256(body))
    Path(taken.path).write_bytes(mutations.put_together(forged))
    with pytest.raises(MediaError, match="nested deeper"):
        place.engine.read_media(taken.path)
    with pytest.raises(SystemExit, match="is not written as one"):
        recover.main([taken.path, str(place.vaults / "new.db")])


def test_the_script_reads_plain_files_alone(place: Place) -> None:
    os.mkfifo(place.media / "pipe.bak")
    with pytest.raises(SystemExit, match="it is not a plain file"):
        recover.main([str(place.media / "pipe.bak"), str(place.vaults / "new.db")])


def test_the_script_refuses_certificates_that_want_too_much(place: Place) -> None:
    hostile = b"\x30\x0b\x30\x09\x04\x01s\x02\x04\x7f\xff\xff\xff"
    for content, why in (
        (hostile, "more than 5000000 rounds"),
        (bytes(recover.PFX_BYTES + 1), "larger than any"),
        (b"\x30\x84\x00\x00\x2e\xe0" + b"\x05\x00" * 6000, "more parts"),
    ):
        (place.media / "a.pfx").write_bytes(content)
        with pytest.raises(SystemExit, match=why):
            recover.main(["--pfx", str(place.media / "a.pfx"), "one.bak", str(place.vaults / "new.db")])
    with pytest.raises(recover.Damaged, match="could not be opened within"):
        recover.in_time(lambda: os._exit(3), "a.pfx")


def test_sizes_that_frames_of_zstd_declare_are_read_as_the_standard_says() -> None:
    import zstandard

    random = Random(1)
    for size in (0, 1, 255, 256, 65_791, 65_792, 100_000, 5_000_000):
        frame = zstandard.ZstdCompressor().compress(random.randbytes(size % 7) + bytes(size - size % 7))
        assert recover.declared_size(frame) in (size, None)
        assert recover.declared_size(frame) is not None or len(frame) < 14
    untold = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1000))
    assert recover.declared_size(untold) is None


def test_a_number_that_no_chunk_has_is_no_number() -> None:
    # A head may declare any, and whoever has the certificate can have its checksum hold.
    ours, script = Cipher(bytes(32), b""), recover.Cipher(bytes(32), b"", "x.bak")
    for open_one in (ours.open_head, lambda number, fixed, rest: ours.check_end(number, rest, "00" * 16)):
        with pytest.raises(ValueError, match="more parts than any can have"):
            open_one(1 << 31, b"", bytes(16))
    with pytest.raises(recover.Damaged, match="more parts than any can have"):
        script.open(1 << 32, bytes(16))
