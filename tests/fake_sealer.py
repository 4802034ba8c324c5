"""The home's key, without a home."""

from __future__ import annotations

from cryptography.fernet import Fernet

from pwsops.errors import Refused
from pwsops.sealing import Bound, Key, digest_of, opened


class FakeSealer:
    """Seals with a key of its own; `lost` is whether it is gone."""

    def __init__(self) -> None:
        self._key = Key(Fernet.generate_key().decode())
        self.lost = False

    def prepare(self) -> None:
        if self.lost:
            raise Refused("The key is gone.", hint="Put it back.")

    def seal(self, text: str, bound: Bound) -> str:
        return self._key.seal(text, digest_of("home", bound))

    def open(self, sealed: str, bound: Bound) -> str:
        self.prepare()
        return opened(sealed, digest_of("home", bound), [self._key])
