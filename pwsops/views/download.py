"""A file for the browser, over the page's own connection.

Whoever has the page has signed in already, and may have its files: an address of its own for each file would have to
ask again, and would need to be served by whatever serves the pages. The browser asks for piece after piece, so that
the server holds one at a time, however large the file.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from panel.custom import JSComponent

from pwsops.views.markup import HERE

PIECE_BYTES = 512 * 1024


class Download(JSComponent):  # type: ignore[misc]  # panel ships no complete types
    """Nothing to see: takes a file and lets the browser save it."""

    _esm = (HERE / "static" / "download.js").read_text(encoding="utf-8")

    def __init__(self, **params: Any) -> None:
        super().__init__(**{"width": 0, "height": 0, "margin": 0, **params})
        self._file: BinaryIO | None = None
        self._name = ""
        self._number = 0

    def offer(self, name: str, file: BinaryIO) -> None:
        """Let the browser save an open file under a name; it is closed when all of it was sent."""
        self._close()
        self._file, self._name, self._number = file, name, self._number + 1
        self._send()

    def _handle_msg(self, data: Any) -> None:
        # What asks for more of a file that another took the place of is late.
        if isinstance(data, dict) and data.get("more") == self._number:
            self._send()

    def _send(self) -> None:
        if self._file is None:
            return
        piece = self._file.read(PIECE_BYTES)
        last = len(piece) < PIECE_BYTES
        if last:
            self._close()
        self._send_msg({"number": self._number, "name": self._name, "piece": piece, "last": last})

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
