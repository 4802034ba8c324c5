"""Hashes of some pages of a database, kept with an encrypted backup, so that the next one is compared with them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from blake3 import blake3

from pwsops.engines.sqlite.snapshot import Snapshot
from pwsops.rules.incarnation import HEADER_BYTES

PAGES = 64
_HEX = 16


def chosen(page_count: int) -> Sequence[int]:
    """Return the numbers of the first page and of others from all over a database of so many pages."""
    others = min(PAGES - 1, page_count - 1)
    return [1, *(2 + at * (page_count - 1) // others for at in range(others))]


def hashes(view: Snapshot, numbers: Iterable[int]) -> Mapping[int, str]:
    """Return the hashes of these pages, by number, without those that hold nothing or are behind the end."""
    size = view.page_size
    found = {}
    for number in numbers:
        page = os.pread(view.fd, size, (number - 1) * size) if number <= view.page_count else b""
        content = page[HEADER_BYTES:] if number == 1 else page
        if content.strip(b"\0"):
            found[number] = blake3(content).hexdigest()[:_HEX]
    return found
