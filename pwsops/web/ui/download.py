"""A file for the browser, over the page's own connection.

A person who has the page has signed in already, and may have its files: an address of its own for each file
would have to ask again, and would need to be served by whatever serves the pages. The browser asks for piece after
piece, so that the server holds one at a time of each file, however large it is.
"""

from __future__ import annotations

import itertools
from typing import Any, BinaryIO
from weakref import WeakSet

from panel.custom import JSComponent

from pwsops.errors import Refused
from pwsops.web.ui.markup import script

PIECE_BYTES = 512 * 1024
MOST = 8
"""Files that are on their way to one person, by all their pages: each keeps a descriptor and room on the disk."""
_sending: dict[str, WeakSet[Download]] = {}
"""By person, what sends files to them, or did."""


class Download(JSComponent):  # type: ignore[misc]  # panel ships no complete types
    """Nothing to see: takes files and lets the browser save them, each in its own time."""

    _esm = script("download.js")

    def __init__(self, **params: Any) -> None:
        super().__init__(**{"width": 0, "height": 0, "margin": 0, **params})
        self._files: dict[int, tuple[str, BinaryIO]] = {}
        """By number, what was offered and is not wholly sent."""
        self._numbers = itertools.count(1)

    @property
    def on_their_way(self) -> int:
        """How many files the browser has not got whole yet."""
        return len(self._files)

    def offer(self, name: str, file: BinaryIO, *, whose: str = "") -> None:
        """Let the browser save an open file under a name; it is closed when all of it was sent.

        Raises `Refused`, and closes it, where too many are on their way to that person (`whose`).
        """
        theirs = _sending.setdefault(whose, WeakSet())
        theirs.add(self)
        if sum(handed.on_their_way for handed in theirs) >= MOST:
            file.close()
            raise Refused(
                f"The file {name} was not handed to the browser: {MOST} are on their way to you already.",
                hint="Wait until your browser has saved them, or close the pages that do not fetch them.",
            )
        number = next(self._numbers)
        self._files[number] = name, file
        self._send(number)

    def withdraw(self) -> None:
        """Close what was not fetched: the browser is gone."""
        while self._files:
            self._files.popitem()[1][1].close()

    def _handle_msg(self, data: Any) -> None:
        number = data.get("more") if isinstance(data, dict) else None
        if isinstance(number, int) and number in self._files:
            self._send(number)

    def _send(self, number: int) -> None:
        name, file = self._files[number]
        piece = file.read(PIECE_BYTES)
        last = len(piece) < PIECE_BYTES
        if last:
            del self._files[number]
            file.close()
        self._send_msg({"number": number, "name": name, "piece": piece, "last": last})
