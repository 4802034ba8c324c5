"""Tokens of machines: `tokens.json` in the home. Only a digest of each is kept."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock

from pwsops.clock import Clock
from pwsops.errors import Conflict, InvalidInput, NotFound
from pwsops.rules.rights import Role
from pwsops.signin import private_file
from pwsops.signin.private_file import Before, nothing

FILE = "tokens.json"
PREFIX = "pwsops_"
"""So that those who search for secrets in texts find one that got lost."""
LONGEST = timedelta(days=366)
_NAME = re.compile(r"[^\W_][\w.-]{0,63}")
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True, kw_only=True)
class Token:
    """What a machine's token is for.

    Parameters
    ----------
    name
        Under which what it does is recorded.
    digest
        SHA-256 of the token, in hexadecimal; the token has 256 random bits, so nothing slower is needed.
    role, instances
        What it may do, on which instances; None: all.
    created_at, ends_at
        Aware.
    """

    name: str
    digest: str
    role: Role
    instances: frozenset[str] | None
    created_at: datetime
    ends_at: datetime


class Tokens:
    """Reads and writes the file; each call sees what it says now, or raises `Refused` where that cannot be known.

    Parameters
    ----------
    home, clock
        Where the file is; the time.
    """

    def __init__(self, home: Path, *, clock: Clock) -> None:
        self._file = private_file.Watched(home / FILE, _parse)
        self._lock = FileLock(home / f".{FILE}.lock", mode=private_file.MODE)
        self._clock = clock

    def list(self) -> list[Token]:
        """Return all, by name, also those that have ended."""
        return sorted(self._file.get().values(), key=lambda token: token.name)

    def create(
        self,
        name: str,
        *,
        role: Role,
        instances: Iterable[str] | None,
        lasts: timedelta,
        before: Before = nothing,
    ) -> str:
        """Make a token and return it; it cannot be shown again. Raises `InvalidInput` and `Conflict`.

        `before`: as of `Users.add`.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"A token cannot be called {name!r}.",
                hint="Take up to 64 letters, digits and . _ -, beginning with a letter or digit.",
            )
        if not timedelta(0) < lasts <= LONGEST:
            raise InvalidInput(
                f"The token {name!r} cannot last {lasts.days} days.", hint=f"Take 1 to {LONGEST.days} days."
            )
        text = PREFIX + secrets.token_urlsafe(32)
        now = self._clock.now()
        made = Token(
            name=name,
            digest=_digest(text),
            role=role,
            instances=None if instances is None else frozenset(instances),
            created_at=now,
            ends_at=now + lasts,
        )
        with self._lock:
            tokens = {token.name: token for token in self._file.get().values()}
            if name in tokens:
                raise Conflict(f"There is a token {name!r} already.", hint="Revoke it first, or take another name.")
            before()
            self._store({**tokens, name: made})
        return text

    def revoke(self, name: str, *, before: Before = nothing) -> None:
        """Take a token back, at once. Raises `NotFound`."""
        with self._lock:
            tokens = {token.name: token for token in self._file.get().values()}
            if tokens.pop(name, None) is None:
                raise NotFound(f"There is no token {name!r}.", hint="`pwsops token list` names those there are.")
            before()
            self._store(tokens)

    def find(self, text: str) -> Token | None:
        """Return what a token is for; None where it is unknown, revoked or has ended."""
        return self.valid(_digest(text)) if _TOKEN.fullmatch(text) else None

    def valid(self, digest: str) -> Token | None:
        """Return the token of a digest as long as it is good."""
        token = self._file.get().get(digest)
        return token if token is not None and self._clock.now() < token.ends_at else None

    def _store(self, tokens: Mapping[str, Token]) -> None:
        entries = [_entry(token) for token in tokens.values()]
        private_file.write(self._file.path, json.dumps({"tokens": entries}, indent=1).encode())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _entry(token: Token) -> dict[str, Any]:
    instances = None if token.instances is None else sorted(token.instances)
    instants = {"created_at": token.created_at.isoformat(), "ends_at": token.ends_at.isoformat()}
    return {"name": token.name, "digest": token.digest, "role": token.role.value, "instances": instances, **instants}


def _parse(content: bytes | None) -> dict[str, Token]:
    if content is None:
        return {}
    try:
        return {token.digest: token for token in map(_token, json.loads(content)["tokens"])}
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


def _token(entry: Mapping[str, Any]) -> Token:
    instances = entry["instances"]
    if instances is not None and not (isinstance(instances, list) and all(isinstance(each, str) for each in instances)):
        raise ValueError("instances are no list of names")
    ends_at = datetime.fromisoformat(entry["ends_at"])
    if ends_at.tzinfo is None:
        raise ValueError("an instant has no time zone")
    return Token(
        name=str(entry["name"]),
        digest=str(entry["digest"]),
        role=Role(entry["role"]),
        instances=None if instances is None else frozenset(instances),
        created_at=datetime.fromisoformat(entry["created_at"]),
        ends_at=ends_at,
    )
