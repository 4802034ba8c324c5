"""An application that never stops writing: run with a database's path, it commits numbered transfers until SIGTERM.

Every transfer is two rows that cancel out, and every row can be told from its number alone. So any copy can be judged:
it holds the rows 1 to 2n for some n, each as `row` gives it, and their amounts sum to zero.
"""

import base64
import hashlib
import signal
import sqlite3
import sys
import time
from contextlib import closing

PAUSE_S = 0.004
FIRST = 3_000


def row(number):
    """Return a row's amount and its body, which looks like ciphertext."""
    transfer, is_credit = divmod(number - 1, 2)
    amount = (transfer * 7919) % 1000 + 1
    body = b"".join(hashlib.sha256(b"%d %d" % (number, part)).digest() for part in range(8))
    return amount if is_credit else -amount, base64.b64encode(body).decode()


def write(path, asked_to_stop):
    """Commit one transfer after the other, a few hundred a second, until something is in `asked_to_stop`."""
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE IF NOT EXISTS ledger (number INTEGER PRIMARY KEY, amount INTEGER, body TEXT)")
        (last,) = database.execute("SELECT coalesce(max(number), 0) FROM ledger").fetchone()
        if not last:
            last = 2 * FIRST
            with database:
                database.execute("BEGIN")
                database.executemany("INSERT INTO ledger VALUES (?, ?, ?)", _rows(1, last))
        sys.stdout.write("writing\n")
        sys.stdout.flush()
        while not asked_to_stop:
            time.sleep(PAUSE_S)
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT INTO ledger VALUES (?, ?, ?)", _rows(last + 1, last + 2))
            database.execute("COMMIT")
            last += 2


def _rows(first, last):
    return ((number, *row(number)) for number in range(first, last + 1))


if __name__ == "__main__":
    # A list, and no event: a handler must not wait for a lock that the loop may hold.
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    write(sys.argv[1], asked)
