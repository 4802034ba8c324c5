"""Passwords that no test uses for anything else, and the search for them in whatever a home leaves behind."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tests.clocks import joined

PASSWORD = "k4narienvogel-Zw1tschert"
PASSPHRASE = "k4narienvogel-Schl\u00fcssel"
SIGN_IN, WRONG = "k4narienvogel-Einla55", "k4narienvogel-Irr7um"
CLIENT_SECRET = "k4narienvogel-Gehe1mnis"
OTHER_LOGIN, OWN_LOGIN = "k4narienvogel-Fr3mder", "k4narienvogel-E1gener"
ALL = (PASSWORD, PASSPHRASE, SIGN_IN, WRONG, CLIENT_SECRET, OTHER_LOGIN, OWN_LOGIN)


def traces(data: bytes, *more: str) -> list[str]:
    """Return the canaries, and what is secret besides, that some bytes hold: plainly, or in a way easily undone."""
    return [one for one in (*ALL, *more) if any(form in data for form in _forms(one))]


def _forms(word: str) -> Iterator[bytes]:
    plain = word.encode()
    yield from (plain, word.encode("utf-16-le"), plain.hex().encode(), plain[::-1])
    yield from (quote(word).encode(), word.encode("unicode_escape"))
    for offset in range(3):
        # The middle of the base64 of a longer text in which it stands at this place.
        encoded = base64.b64encode(b"\0" * offset + plain)
        yield encoded[4:-4]


def traces_in(directory: Path, *more: str) -> Mapping[str, list[str]]:
    """Return the files that hold a canary, or what is secret besides, under whichever name."""
    found = {str(path): traces(path.read_bytes(), *more) for path in directory.rglob("*") if path.is_file()}
    return {path: those for path, those in found.items() if those}


class Processes:
    """What the list of processes shows of those that belong to a test: command lines, and their environments."""

    def __init__(self) -> None:
        self.seen: dict[int, set[bytes]] = {}
        self.environments: dict[int, bytes] = {}
        self._stop = threading.Event()

    @contextmanager
    def watched(self) -> Iterator[Processes]:
        """Look at all processes again and again."""
        thread = threading.Thread(target=self._look, name="process list")
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            joined(thread)

    def workers(self) -> list[int]:
        return [pid for pid, lines in self.seen.items() if any(b"sqlite.worker" in line for line in lines)]

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            for name in os.listdir("/proc"):
                if name.isdecimal():
                    self._take(int(name))

    def _take(self, pid: int) -> None:
        try:
            self.seen.setdefault(pid, set()).add(Path(f"/proc/{pid}/cmdline").read_bytes())
            self.environments[pid] = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return  # it has ended, or is somebody else's
