"""A process that keeps moving money between the accounts of a vault until its standard input ends.

Every commit leaves the ledger's sum at zero. At the end it prints the number of commits and the longest one.
"""

from __future__ import annotations

import json
import random
import select
import sqlite3
import sys
import time
from typing import Any

import apsw

path, every_s, checkpoint, library = sys.argv[1], float(sys.argv[2]), sys.argv[3], sys.argv[4]
# A busy vault is asked again ten times a second: of two writers that never pause, one could starve the other.
BUSY_S, PAUSE_S = 600, 0.001
vault: Any = apsw.Connection(path) if library == "apsw" else sqlite3.connect(path, BUSY_S, isolation_level=None)
if library == "apsw":
    vault.set_busy_timeout(BUSY_S * 1_000)
if checkpoint == "never":
    vault.execute("PRAGMA wal_autocheckpoint=0")
generator = random.Random(5)
commits, longest_s, next_at = 0, 0.0, time.monotonic()
while not select.select([sys.stdin], [], [], max(0.0, next_at - time.monotonic()))[0]:
    next_at = max(next_at + every_s, time.monotonic())
    source, target, amount = generator.randrange(64), generator.randrange(64), generator.randrange(100)
    began = time.monotonic()
    vault.execute("BEGIN IMMEDIATE")
    vault.execute("UPDATE ledger SET balance = balance - ? WHERE account = ?", (amount, source))
    vault.execute("UPDATE ledger SET balance = balance + ? WHERE account = ?", (amount, target))
    vault.execute("INSERT INTO moves (source, target, amount) VALUES (?, ?, ?)", (source, target, amount))
    vault.execute("COMMIT")
    longest_s = max(longest_s, time.monotonic() - began)
    commits += 1
    next_at = max(next_at, time.monotonic() + PAUSE_S)
    if checkpoint not in ("none", "never") and commits % 20 == 0:
        vault.execute(f"PRAGMA wal_checkpoint({checkpoint})")
    if commits == 1:
        sys.stdout.write("writing\n")
        sys.stdout.flush()
sys.stdout.write(json.dumps({"commits": commits, "longest_s": longest_s}))
