"""Commits 200 times a second to a vault until its standard input ends; every commit leaves the ledger's sum at zero."""

from __future__ import annotations

import json
import random
import select
import sqlite3
import sys
import time

EVERY_S = 1 / 200

vault = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
generator = random.Random(5)
commits, longest_s, next_at = 0, 0.0, time.monotonic()
while not select.select([sys.stdin], [], [], max(0.0, next_at - time.monotonic()))[0]:
    next_at = max(next_at + EVERY_S, time.monotonic())
    source, target, amount = generator.randrange(64), generator.randrange(64), generator.randrange(100)
    began = time.monotonic()
    vault.execute("BEGIN IMMEDIATE")
    vault.execute("UPDATE ledger SET balance = balance - ? WHERE account = ?", (amount, source))
    vault.execute("UPDATE ledger SET balance = balance + ? WHERE account = ?", (amount, target))
    vault.execute("INSERT INTO moves (source, target, amount) VALUES (?, ?, ?)", (source, target, amount))
    vault.execute("COMMIT")
    longest_s = max(longest_s, time.monotonic() - began)
    commits += 1
    if commits == 1:
        print("writing", flush=True)
print(json.dumps({"commits": commits, "longest_s": longest_s}))
