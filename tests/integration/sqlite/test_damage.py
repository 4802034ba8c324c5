"""Damage to media: every single change is refused, with the file named, and the target is not touched."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pwsops.engines.requests import RestoreRequest
from pwsops.engines.sqlite import backup, restore, verify
from pwsops.engines.sqlite.restore import RestoreOrder
from pwsops.errors import MediaError
from tests.integration.sqlite.support import SILENT, Place, order, query

BLOCK = 4096
ROUNDS = 100


def flip(data: bytearray, generator: random.Random) -> None:
    data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)


def truncate(data: bytearray, generator: random.Random) -> None:
    del data[generator.randrange(len(data)) :]


def swap_blocks(data: bytearray, generator: random.Random) -> None:
    one, two = generator.sample(range(len(data) // BLOCK), 2)
    first, second = data[one * BLOCK : (one + 1) * BLOCK], data[two * BLOCK : (two + 1) * BLOCK]
    data[one * BLOCK : (one + 1) * BLOCK], data[two * BLOCK : (two + 1) * BLOCK] = second, first


def append(data: bytearray, generator: random.Random) -> None:
    data += generator.randbytes(generator.randrange(1, 5000))


def zero_a_block(data: bytearray, generator: random.Random) -> None:
    start = generator.randrange(len(data))
    end = min(len(data), start + BLOCK)
    old = bytes(data[start:end])
    data[start:end] = bytes(end - start) if any(old) else b"\1" * (end - start)


def insert(data: bytearray, generator: random.Random) -> None:
    at = generator.randrange(len(data))
    data[at:at] = generator.randbytes(generator.randrange(1, 100))


@pytest.fixture
def chain(place: Place) -> list[dict[str, Any]]:
    path = place.vault(size_mb=3)
    full: Any = backup.take(order(path, place.media, "full.bak"), SILENT)
    query(path, "UPDATE ciphers SET user = 'x' WHERE id % 7 = 0")
    differential: Any = backup.take(order(path, place.media, "differential.bak", base=full), SILENT)
    return [full, differential]


@pytest.mark.parametrize("harm", [flip, truncate, swap_blocks, append, zero_a_block, insert])
@pytest.mark.parametrize("index", [0, 1])
def test_any_damage_is_refused_naming_the_file_and_leaving_the_target(
    place: Place, chain: list[dict[str, Any]], harm: Callable[[bytearray, random.Random], None], index: int
) -> None:
    target, path = place.path(), Path(chain[index]["path"])
    whole, before = path.read_bytes(), target.read_bytes()
    generator = random.Random(f"{harm.__name__} {index}")
    sets = [(one["path"], one["set_id"]) for one in chain]
    for _ in range(ROUNDS):
        data = bytearray(whole)
        harm(data, generator)
        assert bytes(data) != whole
        path.write_bytes(data)
        with pytest.raises(MediaError, match=path.name):
            verify.check(str(path), None, SILENT)
        with pytest.raises(MediaError, match=path.name):
            restore.restore(
                RestoreOrder(database=target.name, path=str(target), sets=sets, token=os.urandom(16).hex()), SILENT
            )
    assert target.read_bytes() == before
    assert place.left_in_vaults() == ["db.sqlite3"]


def test_every_byte_of_a_small_file_counts(place: Place) -> None:
    path = place.path()
    query(path, "CREATE TABLE one (x)")
    taken: Any = backup.take(order(path, place.media, "one.bak"), SILENT)
    media = Path(taken["path"])
    whole = media.read_bytes()
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= 0x40
        media.write_bytes(data)
        with pytest.raises(MediaError, match=r"one\.bak"):
            verify.check(str(media), None, SILENT)
    media.write_bytes(whole)
    verify.check(str(media), None, SILENT)


def test_a_few_damages_through_the_worker(place: Place, chain: list[dict[str, Any]]) -> None:
    whole = Path(chain[0]["path"]).read_bytes()
    taken = place.engine.read_media(chain[0]["path"])[0]
    before = place.path().read_bytes()
    generator = random.Random(3)
    for _ in range(4):
        data = bytearray(whole)
        flip(data, generator)
        Path(taken.path).write_bytes(data)
        with pytest.raises(MediaError, match=r"full\.bak"):
            place.engine.verify(taken)
        with pytest.raises(MediaError, match=r"full\.bak"):
            place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[taken]))
    assert place.path().read_bytes() == before
