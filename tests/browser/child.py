"""Serves a home, says where, and answers "listening" on its standard input with the number of open pages it knows.

python -m tests.browser.child HOME [PAGES_A_PERSON]
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from pwsops.operations import open_operations
from pwsops.web import server
from pwsops.web.door import Limits
from pwsops.web.live import process


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def serve(home: str, pages_a_person: int = Limits.pages_a_person) -> None:
    """Serve a home until somebody ends this process."""

    def answer() -> None:
        for _ in sys.stdin:
            _say("listening", process.store().watcher.listening)

    ops = open_operations(Path(home), actor="test")
    threading.Thread(target=answer, daemon=True).start()
    server.serve(
        ops,
        address="127.0.0.1",
        port=0,
        on_ready=lambda url: _say("ready", url.partition("signin?")[0]),
        limits=Limits(pages_a_person=pages_a_person),
    )
    ops.close()
    _say("ended")


if __name__ == "__main__":
    serve(sys.argv[1], *map(int, sys.argv[2:]))
