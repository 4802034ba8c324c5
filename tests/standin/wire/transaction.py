"""The transaction of a connection, as far as the wire has to know of it ([MS-TDS] 2.2.6.9)."""

from __future__ import annotations

import re
from enum import IntEnum

from tests.standin.wire import tokens

BEGIN = "BEGIN TRANSACTION"
COMMIT = "COMMIT TRANSACTION"
ROLLBACK = "ROLLBACK TRANSACTION"
_IMPLICIT = re.compile(r"\bSET\s+IMPLICIT_TRANSACTIONS\s+(ON|OFF)\b", re.IGNORECASE)
_BEGINS_NOTHING = re.compile(r"\s*(SET|USE|COMMIT|ROLLBACK|IF\s+@@TRANCOUNT)\b", re.IGNORECASE)


class Request(IntEnum):
    """What a transaction manager request asks for."""

    BEGIN = 5
    COMMIT = 7
    ROLLBACK = 8


STATEMENTS = {Request.BEGIN: BEGIN, Request.COMMIT: COMMIT, Request.ROLLBACK: ROLLBACK}


class Transaction:
    """Whether one is open, and whether the next statement opens one by itself."""

    def __init__(self) -> None:
        self._count = 0
        self._implicit = False
        self.open = False

    def note(self, batch: str) -> None:
        """See whether a batch turns implicit transactions on or off."""
        for setting in _IMPLICIT.findall(batch):
            self._implicit = setting.upper() == "ON"

    def begins_with(self, batch: str) -> bool:
        """Whether this batch opens a transaction before it does anything."""
        return self._implicit and not self.open and not _BEGINS_NOTHING.match(batch)

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
