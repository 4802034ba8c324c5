"""Whether an error is the server's answer, or says that there was none."""

from __future__ import annotations

from pwsops.engines.sqlserver.errors import FREETDS_LOST
from pwsops.errors import LoginRefused, PwsopsError


def is_answer(error: PwsopsError) -> bool:
    """Whether the server itself said this. Otherwise nobody did: there is no connection, or it was never asked."""
    if isinstance(error, LoginRefused):
        return False
    return error.number is not None and error.number not in FREETDS_LOST
