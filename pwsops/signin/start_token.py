"""One-time links: whoever may read the home's terminal, or write in the home, comes in as its user.

`pwsops serve` makes one at its start and prints it; `pwsops signin-link` makes another. The home keeps a digest of each
until it is used or has ended, and where the server listens.
"""

from __future__ import annotations

import fcntl
import hashlib
import html
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from pwsops.clock import Clock
from pwsops.errors import Refused
from pwsops.file_locks import is_held
from pwsops.signin import private_file

DIRECTORY = "signin"
"""In the home; mode 0700."""
LASTS = timedelta(minutes=15)
PARAMETER = "token"
_LINK, _SERVER = ".link", ".server"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class Links:
    """The one-time links of a home; any process of its user makes them, the server takes them.

    Parameters
    ----------
    home, clock
        Where their digests are; the time.
    """

    def __init__(self, home: Path, *, clock: Clock) -> None:
        self._directory = home / DIRECTORY
        self._clock = clock

    def make(self) -> str:
        """Return a new token, which is good once, for a quarter of an hour. Those that have ended are swept."""
        self._sweep()
        token = secrets.token_urlsafe(32)
        ends_at = self._clock.now() + LASTS
        private_file.write(self._path(token), ends_at.isoformat().encode())
        return token

    def take(self, token: str) -> bool:
        """Whether a token is good; it is not any more then."""
        if not _TOKEN.fullmatch(token):
            return False
        path = self._path(token)
        fresh = self._is_fresh(path)
        try:
            # Of two who ask at once, one removes it.
            path.unlink()
        except OSError:
            return False
        return fresh

    def address(self, url: str) -> str:
        """Return the address that signs in, of a server at `url`."""
        return f"{url.rstrip('/')}/signin?{urlencode({PARAMETER: self.make()})}"

    @contextmanager
    def serving(self, url: str) -> Iterator[None]:
        """Let `running` know where this process listens, as long as the block lasts."""
        self._make_directory()
        self._sweep()
        path = self._directory / f"{secrets.token_hex(8)}{_SERVER}"
        part = path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, private_file.MODE)
        try:
            # The kernel lets go of it when the process dies. It has its name only once it is held.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, json.dumps({"url": url}).encode())
            part.rename(path)
            yield
        finally:
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)

    def running(self) -> str:
        """Return the address of a server that runs on this home. Raises `Refused` where there is none."""
        for path in sorted(self._directory.glob(f"*{_SERVER}")):
            if is_held(path):
                with suppress(ValueError, KeyError):
                    return str(json.loads(private_file.read(path) or b"")["url"])
        raise Refused("No dashboard runs on this home.", hint="Start one: `pwsops serve`.")

    @contextmanager
    def page(self, url: str) -> Iterator[Path]:
        """Return a file for a browser of this machine to open, which leads to the address that signs in.

        The process list is everybody's to read, so a browser is never started with the token in its arguments.
        """
        self._make_directory()
        path = self._directory / f"open-{secrets.token_hex(8)}.html"
        there = html.escape(self.address(url), quote=True)
        head = '<meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>Backup operations</title>'
        text = f'<!DOCTYPE html>{head}<meta http-equiv="refresh" content="0;url={there}"><a href="{there}">Open</a>'
        private_file.write(path, text.encode())
        try:
            yield path
        finally:
            with suppress(OSError):
                path.unlink()

    def _path(self, token: str) -> Path:
        self._make_directory()
        return self._directory / (hashlib.sha256(token.encode()).hexdigest() + _LINK)

    def _make_directory(self) -> None:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        if self._directory.stat().st_mode & 0o077:
            self._directory.chmod(0o700)

    def _sweep(self) -> None:
        for path in self._directory.glob(f"*{_LINK}"):
            with suppress(OSError):
                if not self._is_fresh(path):
                    path.unlink()
        for path in self._directory.glob(f"*{_SERVER}"):
            with suppress(OSError):
                if not is_held(path):
                    path.unlink()

    def _is_fresh(self, path: Path) -> bool:
        try:
            ends_at = datetime.fromisoformat((private_file.read(path) or b"").decode())
            return self._clock.now() < ends_at
        except (ValueError, TypeError):
            return False
