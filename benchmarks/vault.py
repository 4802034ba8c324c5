"""A vault-like database: mostly base64 ciphertext, little to compress, pages of 4096 bytes, WAL."""

from __future__ import annotations

import base64
import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

PAGE_SIZE = 4096
ROW_BYTES = 1230
"""Of text in a row: three rows fill a page."""
ROWS_PER_BLOCK = 204
LEDGER_ACCOUNTS = 64


def create(path: Path, size_mb: int, *, seed: int = 1, journal_mode: str = "WAL") -> None:
    """Write a vault of about `size_mb` MiB to a new file, with a ledger whose sum is zero at every commit."""
    generator = random.Random(seed)
    with closing(sqlite3.connect(path, isolation_level=None)) as vault:
        vault.execute(f"PRAGMA page_size={PAGE_SIZE}")
        vault.execute(f"PRAGMA journal_mode={journal_mode}")
        vault.execute("PRAGMA synchronous=OFF")
        vault.executescript(
            "CREATE TABLE ciphers (id INTEGER PRIMARY KEY, uuid TEXT, user TEXT, updated_at TEXT, data TEXT);"
            "CREATE TABLE ledger (account INTEGER PRIMARY KEY, balance INTEGER NOT NULL);"
            "CREATE TABLE moves (id INTEGER PRIMARY KEY, source INTEGER, target INTEGER, amount INTEGER);"
        )
        vault.execute("BEGIN")
        vault.executemany("INSERT INTO ledger VALUES (?, 0)", [(account,) for account in range(LEDGER_ACCOUNTS)])
        for block in range(size_mb * 4):
            vault.executemany(
                "INSERT INTO ciphers (uuid, user, updated_at, data) VALUES (?, ?, ?, ?)", _rows(generator, block)
            )
        vault.execute("COMMIT")
        vault.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _rows(generator: random.Random, block: int) -> list[tuple[str, str, str, str]]:
    """Return the rows of a quarter MiB: ciphertext between the marks a vault puts around it."""
    step = ROW_BYTES * 3 // 4
    raw = generator.randbytes(step * ROWS_PER_BLOCK)
    rows = []
    for at in range(0, len(raw), step):
        iv, text = base64.b64encode(raw[at : at + 16]), base64.b64encode(raw[at : at + step])
        data = f'{{"Name":"2.{iv.decode()}|{text.decode()}"}}'
        rows.append(
            (f"{raw[at : at + 16].hex()}", f"user-{block % 97}", f"2026-01-{block % 28 + 1:02}T00:00:00Z", data)
        )
    return rows


def scatter(path: Path, share: float, *, seed: int = 2) -> int:
    """Change about `share` of the database's pages, scattered, and give how many rows that were."""
    generator = random.Random(seed)
    with closing(sqlite3.connect(path, isolation_level=None)) as vault:
        last = vault.execute("SELECT max(id) FROM ciphers").fetchone()[0]
        pages = vault.execute("PRAGMA page_count").fetchone()[0]
        rows = generator.sample(range(1, last + 1), min(last, int(pages * share)))
        vault.execute("BEGIN")
        for row in rows:
            text = base64.b64encode(os.urandom(300)).decode()
            vault.execute("UPDATE ciphers SET data = ? || substr(data, 401) WHERE id = ?", (text, row))
        vault.execute("COMMIT")
        vault.execute("PRAGMA wal_checkpoint(PASSIVE)")
    return len(rows)
