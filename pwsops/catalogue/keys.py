"""Which private keys are at hand: in the store, where the home's key opens them, or on the server that reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from pwsops.catalogue import certificates, server_certificates
from pwsops.sealing import Bound

Opens = Callable[[str, Bound], bool]
"""Whether the home's key opens a sealed private key, which is sealed for that certificate."""


class OnServer(NamedTuple):
    """A key that only its server has, and when it was last seen there."""

    thumbprint: str
    seen_at: datetime


class Keys:
    """The keys of one home, as its catalogue knows them now."""

    def __init__(self, connection: Connection, opens: Opens) -> None:
        self._at_hand = {row.thumbprint: opens(row.sealed_key, row.key_bound) for row in certificates.every(connection)}
        self._on_servers = {
            (seen.instance, seen.certificate.thumbprint): seen.seen_at
            for seen in server_certificates.every(connection)
            if seen.certificate.has_private_key
        }

    def missing(self, instance: str, needed: Iterable[str]) -> str:
        """Return the first of these certificates whose key is nowhere, with what is known of it; empty: none is."""
        for thumbprint in needed:
            if not self._at_hand.get(thumbprint) and (instance, thumbprint) not in self._on_servers:
                closed = " (it is in the store, but the home's key does not open it)"
                return f"{thumbprint}{closed if thumbprint in self._at_hand else ''}"
        return ""

    def on_server(self, instance: str, needed: Iterable[str]) -> OnServer | None:
        """Return that of these certificates which only the server has, and of several the one seen least lately."""
        there = (
            OnServer(each, self._on_servers[instance, each])
            for each in needed
            if not self._at_hand.get(each) and (instance, each) in self._on_servers
        )
        return min(there, key=lambda seen: seen.seen_at, default=None)
