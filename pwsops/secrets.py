"""Passwords at rest: encrypted with a key that lives outside the catalogue."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from pwsops.errors import PwsopsError, Refused

KEY_VARIABLE = "PWSOPS_KEY"
KEY_FILE = "secret.key"


class Vault:
    """Encrypts and decrypts small texts with the home's key.

    The key is `PWSOPS_KEY` (one or several Fernet keys, separated by commas, the newest first, which is how a key is
    replaced) or a file of mode 0600 in the home, made on first use.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._fernet: MultiFernet | None = None

    def seal(self, text: str) -> str:
        """Encrypt; the result is plain ASCII."""
        return self._keys().encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypt; raises `Refused` when the key at hand is not the one it was sealed with."""
        try:
            return self._keys().decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise Refused(
                "A stored password or key cannot be decrypted: the home's key is not the one it was saved with.",
                hint=f"Restore {self._home / KEY_FILE} (or {KEY_VARIABLE}) from your records, "
                "or enter the password (import the certificate) anew.",
            ) from None

    def _keys(self) -> MultiFernet:
        if self._fernet is None:
            text = os.environ.get(KEY_VARIABLE) or self._key_file()
            try:
                self._fernet = MultiFernet([Fernet(key.strip()) for key in text.split(",")])
            except ValueError:
                raise PwsopsError(
                    f"The key for stored passwords is not valid ({KEY_VARIABLE} or {self._home / KEY_FILE}).",
                    hint="A key is 32 bytes in URL-safe base64; restore the one that was in use before.",
                ) from None
        return self._fernet

    def _key_file(self) -> str:
        path = self._home / KEY_FILE
        try:
            if not path.exists():
                self._make_key_file(path)
            return path.read_text().strip()
        except OSError as error:
            raise PwsopsError(
                f"The key for stored passwords {path} cannot be read or made: {error.strerror}.",
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
