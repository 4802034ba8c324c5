"""Passwords at rest: encrypted with a key that lives outside the catalogue."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from pwsops.errors import PwsopsError, Refused

KEY_VARIABLE = "PWSOPS_KEY"
KEY_FILE = "secret.key"


@dataclass(frozen=True, kw_only=True)
class _Keys:
    """What opens and seals, read while the variable and the key file were as `state` says."""

    state: object
    fernet: MultiFernet
    opened: dict[str, bool] = field(default_factory=dict)
    """What was tried: whether these keys open it."""


class Vault:
    """Encrypts and decrypts small texts with the home's key.

    The key is `PWSOPS_KEY` (one or several Fernet keys, separated by commas, the newest first, which is how a key is
    replaced) or a file of mode 0600 in the home, made when something is first sealed. A key that came, went or changed
    is noticed on the next use.

    Parameters
    ----------
    in_use
        Whether anything is kept that was sealed before. A key file that is gone then is not replaced by a new one,
        which would open none of it.
    """

    def __init__(self, home: Path, in_use: Callable[[], bool] = lambda: False) -> None:
        self._home = home
        self._in_use = in_use
        self._known: _Keys | None = None

    def seal(self, text: str) -> str:
        """Encrypt; the result is plain ASCII. Raises `Refused` where the key is gone that was used before."""
        if not self._is_there() and self._in_use() and not self._is_there():
            raise Refused(
                f"Nothing can be encrypted: the home's key {self._path} is gone, and passwords or private keys are "
                "stored under it.",
                hint=self._way_back(),
            )
        return self._keys(make=True).fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypt; raises `Refused` when the key at hand is not the one it was sealed with, or gone."""
        if not self._is_there():
            raise Refused(
                f"A stored password or key cannot be decrypted: the home's key {self._path} is gone.",
                hint=self._way_back(),
            )
        try:
            return self._keys().fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise Refused(
                "A stored password or key cannot be decrypted: the home's key is not the one it was saved with.",
                hint=f"Restore {self._path} (or {KEY_VARIABLE}) from your records, "
                "or enter the password (import the certificate) anew.",
            ) from None

    def opens(self, sealed: str) -> bool:
        """Whether the key at hand decrypts this. Each is tried once for each state of the key."""
        try:
            tried = self._keys().opened
            if sealed not in tried:
                tried[sealed] = self._fits(sealed)
        except PwsopsError:
            return False  # there is no key: told wherever something is to be opened
        return tried[sealed]

    def _fits(self, sealed: str) -> bool:
        try:
            self.open(sealed)
        except Refused:
            return False
        return True

    @property
    def _path(self) -> Path:
        return self._home / KEY_FILE

    def _way_back(self) -> str:
        return (
            f"Put it back from your records, or give it in {KEY_VARIABLE}. Where it is lost for good, make a new one: "
            f"(umask 077; openssl rand -base64 32 | tr '+/' '-_' > {shlex.quote(str(self._path))}); then enter the "
            "passwords and import the certificates anew."
        )

    def _is_there(self) -> bool:
        return bool(os.environ.get(KEY_VARIABLE)) or os.path.lexists(self._path)

    def _keys(self, *, make: bool = False) -> _Keys:
        if self._known is None or self._known.state != self._state():
            state = None if make and not self._is_there() else self._state()
            try:
                text = os.environ.get(KEY_VARIABLE) or self._key_file(make=make)
                fernet = MultiFernet([Fernet(key.strip()) for key in text.split(",")])
            except ValueError:
                raise PwsopsError(
                    f"The key for stored passwords is not valid ({KEY_VARIABLE} or {self._path}).",
                    hint="A key is 32 bytes in URL-safe base64; restore the one that was in use before.",
                ) from None
            self._known = _Keys(state=state, fernet=fernet)
        return self._known

    def _state(self) -> object:
        given = os.environ.get(KEY_VARIABLE)
        if given:
            return given
        try:
            found = self._path.stat()
        except OSError as error:
            return error.errno
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _key_file(self, *, make: bool) -> str:
        try:
            if make and not self._path.exists():
                self._make_key_file(self._path)
            return self._path.read_text().strip()
        except OSError as error:
            raise PwsopsError(
                f"The key for stored passwords {self._path} cannot be read or made: {error.strerror}.",
                hint=f"Let this user read it, or give the key in {KEY_VARIABLE}.",
            ) from None

    def _make_key_file(self, path: Path) -> None:
        # Written whole under another name first: nobody ever reads half a key, and the first of two processes wins.
        unfinished = path.with_name(f".{KEY_FILE}.{os.getpid()}.{threading.get_ident()}")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(Fernet.generate_key().decode() + "\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(unfinished, path)
        finally:
            unfinished.unlink()
