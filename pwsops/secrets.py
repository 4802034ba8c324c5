"""Passwords and private keys at rest: encrypted with a key that lives outside the catalogue."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pwsops import key_file, sealing
from pwsops.errors import InvalidInput, PwsopsError, Refused
from pwsops.key_file import KEY_FILE
from pwsops.sealing import Bound, Key, WrongKey, WrongUse

KEY_VARIABLE = "PWSOPS_KEY"
CHECK: Bound = ("key check",)
"""What the check value is sealed for."""


@dataclass(frozen=True, kw_only=True)
class KeyRecord:
    """What is remembered of a home's key, without the key.

    Parameters
    ----------
    home_id
        What tells this home from every other; sealed texts are bound to it.
    check
        The home's id, sealed: the key that opens it is the right one. None: no key was ever proven.
    in_use
        Whether anything is kept sealed.
    """

    home_id: str
    check: str | None
    in_use: bool


class KeyRecords(Protocol):
    """Where that is remembered."""

    def read(self) -> KeyRecord:
        """Return it as it is now."""

    def keep_check(self, check: str) -> None:
        """Remember a check value where there is none."""


@dataclass(frozen=True, kw_only=True)
class _Keys:
    """What opens (any) and seals (the first), read while the variable and the key file were as `state` says."""

    state: object
    keys: Sequence[Key]
    opened: dict[tuple[str, Bound], bool] = field(default_factory=dict)
    """What was tried: whether these keys open it for that use."""


class Vault:
    """Encrypts and decrypts small texts with the home's key, each for one use.

    The key is `PWSOPS_KEY` (one or several, separated by commas, the newest first) or a file of mode 0600 in the home,
    made when something is first sealed. A key that came, went or changed is noticed on the next use.

    Seal in the write transaction that keeps the sealed text, after `prepare`: a rotation then either comes before it,
    or seals it anew.

    Parameters
    ----------
    records
        What is remembered of the key. A key that is gone or another one is found out by it, and never replaced
        without being told to.
    """

    def __init__(self, home: Path, records: KeyRecords) -> None:
        self._home = home
        self._records = records
        self._known: _Keys | None = None
        self._home_id: str | None = None

    def seal(self, text: str, bound: Bound) -> str:
        """Encrypt for one use; the result is plain ASCII. Raises `Refused` where there is no key; see `prepare`."""
        return self._keys().keys[0].seal(text, self._digest(bound))

    def open(self, sealed: str, bound: Bound) -> str:
        """Decrypt for a use.

        Raises
        ------
        Refused
            Where the key at hand is not the one it was sealed with, or gone.
        InvalidInput
            Where it was sealed for another use: another address, driver, protection or login.
        """
        keys = self._keys().keys
        try:
            if not sealing.is_bound(sealed):
                return self._open_unbound(sealed, keys)
            return sealing.opened(sealed, self._digest(bound), keys)
        except WrongKey:
            raise Refused(
                "A stored password or key cannot be decrypted: the home's key is not the one it was saved with.",
                hint=self._other_key(),
            ) from None
        except WrongUse:
            raise InvalidInput(
                "A stored password or key was not used: it was given for another address, driver, protection or login.",
                hint="Enter the password anew for what is there now; a stored one goes nowhere else.",
            ) from None

    def opens(self, sealed: str, bound: Bound) -> bool:
        """Whether the key at hand decrypts this for a use. Each is tried once for each state of the key."""
        if not sealing.is_bound(sealed):
            return self._fits(sealed, bound)  # until a check value says that all was bound since
        try:
            tried = self._keys().opened
            if (sealed, bound) not in tried:
                tried[sealed, bound] = self._fits(sealed, bound)
        except PwsopsError:
            return False  # there is no key: `fault` says so
        return tried[sealed, bound]

    def fits(self, sealed: str) -> bool:
        """Whether the key at hand decrypts this, whatever it was sealed for."""
        try:
            self.reseal(sealed)
        except WrongKey:
            return False
        return True

    def fault(self) -> PwsopsError | None:
        """Return what is wrong with the home's key; None where it is the right one, or none was ever needed."""
        # Looked for first: another process may make the first key while this one asks.
        was_there = self._is_there()
        record = self._records.read()
        try:
            keys = self._keys().keys
        except PwsopsError as error:
            never_needed = not was_there and record.check is None and not record.in_use
            return None if never_needed else error
        if record.check is not None:
            return None if self._proves(record, keys) else self._wrong("is not the one")
        return self._wrong("opens nothing of what") if record.in_use else None

    def require(self) -> None:
        """Raise what is wrong with the home's key, if anything is."""
        if (fault := self.fault()) is not None:
            raise fault

    def prepare(self) -> None:
        """Make sure that something can be sealed: a key is made where none was ever in use; raises as `require`.

        Writes to the records, so not within a transaction.
        """
        self.require()
        if not self._is_there():
            # Asked again: another process may have made the key, and sealed with it, in between.
            self._make()
            self.require()
        if self._records.read().check is None:
            self._records.keep_check(self.new_check())

    def new_check(self) -> str:
        """Return a check value for the key at hand."""
        return self.seal(self._id(), CHECK)

    def reseal(self, sealed: str) -> str:
        """Seal a text with the first key, for the same use; raises `WrongKey`, also for one that is bound to none."""
        if not sealing.is_bound(sealed):
            raise WrongKey
        keys = self._keys().keys
        return sealing.resealed(sealed, keys, keys[0])

    def bind(self, sealed: str, bound: Bound) -> str:
        """Seal a text of a version before for one use; raises `WrongKey`."""
        if sealing.is_bound(sealed):
            return self.reseal(sealed)
        return self.seal(sealing.opened_unbound(sealed, self._keys().keys), bound)

    def add_key(self) -> None:
        """Put a new key before the present one, in the file; both open, the new one seals.

        Nothing is done where several are there: an earlier rotation was cut off.
        """
        self.refuse_variable()
        if len(self._keys().keys) == 1:
            self._write(f"{key_file.new_key()},{self._text()}")

    def drop_keys(self) -> None:
        """Leave only the first key in the file. The caller has proven that it opens everything."""
        self._write(self._text().split(",")[0].strip())

    def first_alone(self) -> Vault:
        """Return a vault that has only the first key: what it opens, opens without the others."""
        alone = Vault(self._home, self._records)
        found = self._keys()
        alone._known = _Keys(state=found.state, keys=found.keys[:1])
        return alone

    def make_anew(self) -> None:
        """Make a key where there is none, though something is kept that was sealed before."""
        if not self._is_there():
            self._make()
        self._keys()

    @property
    def keys_at_hand(self) -> int:
        """How many keys open; more than one only while they are being replaced."""
        return len(self._keys().keys)

    @property
    def from_variable(self) -> bool:
        """Whether the key comes from the environment, where no program can replace it."""
        return bool(os.environ.get(KEY_VARIABLE))

    def refuse_variable(self) -> None:
        """Raise `Refused` with what to do where the environment has the one key there is."""
        if self.from_variable and self.keys_at_hand == 1:
            raise Refused(
                f"The key cannot be replaced from here: it comes from {KEY_VARIABLE}.",
                hint=f"Put a new key and a comma before the present one, wherever {KEY_VARIABLE} is kept (a new one: "
                "openssl rand -base64 32 | tr '+/' '-_'); restart what runs; run `pwsops key rotate` with both; then "
                "take the old one away and restart again.",
            )

    def _open_unbound(self, sealed: str, keys: Sequence[Key]) -> str:
        """Decrypt what a version before sealed, as long as nothing says that all was bound since."""
        if self._records.read().check is not None:
            raise WrongUse
        return sealing.opened_unbound(sealed, keys)

    def _fits(self, sealed: str, bound: Bound) -> bool:
        try:
            self.open(sealed, bound)
        except PwsopsError:
            return False
        return True

    def _proves(self, record: KeyRecord, keys: Sequence[Key]) -> bool:
        try:
            found = sealing.opened(record.check or "", sealing.digest_of(record.home_id, CHECK), keys)
        except (WrongKey, WrongUse):
            return False
        return found == record.home_id

    def _digest(self, bound: Bound) -> bytes:
        return sealing.digest_of(self._id(), bound)

    def _id(self) -> str:
        if self._home_id is None:
            self._home_id = self._records.read().home_id
        return self._home_id

    @property
    def _path(self) -> Path:
        return self._home / KEY_FILE

    def _wrong(self, how: str) -> Refused:
        return Refused(
            f"The home's key ({self._source()}) {how} passwords and private keys are stored under.",
            hint=self._other_key(),
        )

    def _source(self) -> str:
        return KEY_VARIABLE if self.from_variable else str(self._path)

    def _other_key(self) -> str:
        return f"Restore {self._path} (or {KEY_VARIABLE}) from your records. {_FOR_GOOD}"

    def _is_there(self) -> bool:
        return self.from_variable or os.path.lexists(self._path)

    def _keys(self) -> _Keys:
        if self._known is None or self._known.state != self._state():
            if not self._is_there():
                raise Refused(
                    f"Nothing stored can be encrypted or decrypted: the home's key {self._path} is gone.",
                    hint=f"Put it back from your records, or give it in {KEY_VARIABLE}. {_FOR_GOOD}",
                )
            state = self._state()
            try:
                keys = [Key(each.strip()) for each in self._text().split(",")]
            except ValueError:
                raise PwsopsError(
                    f"The key for stored passwords is not valid ({KEY_VARIABLE} or {self._path}).",
                    hint="A key is 32 bytes in URL-safe base64; restore the one that was in use before.",
                ) from None
            self._known = _Keys(state=state, keys=keys)
        return self._known

    def _state(self) -> object:
        return os.environ.get(KEY_VARIABLE) or key_file.state(self._path)

    def _text(self) -> str:
        given = os.environ.get(KEY_VARIABLE)
        if given:
            return given
        try:
            return self._path.read_text().strip()
        except OSError as error:
            raise self._unusable(error) from None

    def _make(self) -> None:
        try:
            key_file.make(self._path, key_file.new_key())
        except OSError as error:
            raise self._unusable(error) from None

    def _write(self, text: str) -> None:
        try:
            key_file.replace(self._path, text)
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> PwsopsError:
        return PwsopsError(
            f"The key for stored passwords {self._path} cannot be read or written: {error.strerror}.",
            hint=f"Let this user read and write it, or give the key in {KEY_VARIABLE}.",
        )


_FOR_GOOD = (
    "Where it is lost for good: `pwsops key begin-anew`; then enter the passwords and import the certificates anew."
)
