"""How a stand-in behaves on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tests.standin.wire.certificates import Certificate


class Encryption(StrEnum):
    """What the server has to say about TLS in the pre-login."""

    NONE = "none"
    """It has no TLS."""
    LOGIN_ONLY = "login_only"
    """It encrypts the login, and everything where the client asks for it: SQL Server's own default."""
    FULL = "full"
    """It forces TLS on everybody."""
    STRICT = "strict"
    """It speaks TDS 8.0 only: TLS before the first word."""


class Shape(StrEnum):
    """How informational messages are sent while a statement runs."""

    PLAIN = "plain"
    """One INFO after the other."""
    DONE_MORE = "done_more"
    """A DONE after each INFO, which says that more is to come."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a stand-in behaves on the wire.

    Parameters
    ----------
    certificate
        What it shows in TLS.
    encryption, shape
        See there.
    server_name
        What it calls itself in messages.
    silent
        It takes connections and never says a word.
    delay_s
        How long it thinks before the first answer on a connection.
    reset_on_cut
        Whether a cut connection ends with RST instead of FIN.
    packet_size
        The largest packet it agrees to.
    """

    certificate: Certificate
    encryption: Encryption = Encryption.LOGIN_ONLY
    shape: Shape = Shape.PLAIN
    server_name: str = "STANDIN"
    silent: bool = False
    delay_s: float = 0.0
    reset_on_cut: bool = False
    packet_size: int = 32767
