"""The transaction of a connection, as far as the wire has to know of it ([MS-TDS] 2.2.6.9)."""

from __future__ import annotations

from enum import IntEnum

from tests.standin.wire import tokens
from tests.standin.wire.parameters import Reader

BEGIN = "BEGIN TRANSACTION"
COMMIT = "COMMIT TRANSACTION"
ROLLBACK = "ROLLBACK TRANSACTION"
BEGIN_ANOTHER = 0x01


class Request(IntEnum):
    """What a transaction manager request asks for."""

    BEGIN = 5
    COMMIT = 7
    ROLLBACK = 8


STATEMENTS = {Request.BEGIN: BEGIN, Request.COMMIT: COMMIT, Request.ROLLBACK: ROLLBACK}


def read_requests(reader: Reader) -> list[Request]:
    """Read what is asked for: one thing, or an end and the beginning of the next transaction at once."""
    first = Request(reader.number("<H"))
    if first is Request.BEGIN:
        return [first]
    reader.text(reader.byte())
    return [first, Request.BEGIN] if reader.byte() & BEGIN_ANOTHER else [first]


class Transaction:
    """Whether one is open, and what it is called on the wire."""

    def __init__(self) -> None:
        self._count = 0
        self.open = False

    def changed(self, request: Request) -> bytes:
        """Note that a request was done; gives the token that tells the client."""
        if request is Request.BEGIN:
            self._count += 1
            self.open = True
            return tokens.transaction_began(self._descriptor)
        self.open = False
        return tokens.transaction_ended(self._descriptor, committed=request is Request.COMMIT)

    @property
    def _descriptor(self) -> bytes:
        return self._count.to_bytes(8, "little")
