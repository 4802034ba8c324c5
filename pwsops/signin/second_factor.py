"""A second factor: codes that an app makes of a secret and the time (TOTP, RFC 6238), and codes for its loss.

pyotp makes the codes. Kept of the secret is a sealed text, and of a recovery code, which has 125 random bits, its
SHA-256: OWASP ASVS 5.0, 6.5.2, wants nothing slower from 112 bits on.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from pwsops.clock import Clock
from pwsops.errors import InvalidInput
from pwsops.sealing import Bound

ISSUER = "pwsops"
"""What an app shows beside the name."""
STEP_S = 30
TOLERANCE = 1
"""Steps that the app's clock may be off, to either side."""
MOST_FAILURES = 50
"""Wrong codes one after the other; then only a recovery code helps. NIST SP 800-63B, 5.2.2, allows 100."""
RECOVERY_CODES = 8
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_GROUPS, _GROUP = 5, 5
_CODE = re.compile(r"[0-9]{6}")


class Sealer(Protocol):
    """Encrypts small texts with the home's key, each for one use; `pwsops.secrets.Vault` does."""

    def prepare(self) -> None:
        """Make sure that something can be sealed. Raises `Refused` where the key is lost or another one."""

    def seal(self, text: str, bound: Bound) -> str:
        """Encrypt for one use."""

    def open(self, sealed: str, bound: Bound) -> str:
        """Decrypt for a use. Raises `Refused` where the key at hand does not open it."""


class Outcome(StrEnum):
    """What a code was."""

    CODE = "code"
    RECOVERY = "recovery code"
    WRONG = "wrong code"
    USED = "code that was used before"
    BLOCKED = "code after too many wrong ones"


@dataclass(frozen=True, kw_only=True)
class SecondFactor:
    """What is kept of somebody's second factor.

    Parameters
    ----------
    secret
        Sealed.
    stamp
        Another one with each new secret; sessions of an older one have ended.
    added_at
        Aware.
    recovery
        SHA-256 of each recovery code that was not used yet, in hexadecimal.
    last_step
        Of the newest code that was used; neither it nor an older one counts again.
    failures
        Wrong codes since the last right one.
    """

    secret: str = field(repr=False)
    stamp: str
    added_at: datetime
    recovery: tuple[str, ...] = field(default=(), repr=False)
    last_step: int = 0
    failures: int = 0

    def entry(self) -> dict[str, Any]:
        """Return what stands in the file."""
        return {**asdict(self), "added_at": self.added_at.isoformat()}

    @classmethod
    def parsed(cls, entry: Mapping[str, Any]) -> SecondFactor:
        """Return what a file says. Raises `KeyError`, `TypeError` or `ValueError` for what is none."""
        kinds = {"secret": str, "stamp": str, "added_at": str, "recovery": list, "last_step": int, "failures": int}
        if entry.keys() != kinds.keys() or not all(isinstance(entry[key], kind) for key, kind in kinds.items()):
            raise ValueError("a second factor is none")
        added_at = datetime.fromisoformat(entry["added_at"])
        if added_at.tzinfo is None or not all(isinstance(code, str) for code in entry["recovery"]):
            raise ValueError("a second factor has no time zone, or a recovery code that is no text")
        return cls(**{**entry, "added_at": added_at, "recovery": tuple(entry["recovery"])})


class SecondFactors:
    """Makes and judges them.

    Parameters
    ----------
    sealer, clock
        Seals secrets; the time, which is the server's alone.
    """

    def __init__(self, sealer: Sealer, *, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock

    def prepare(self) -> None:
        """Make sure that a secret can be sealed. Raises `Refused`."""
        self._sealer.prepare()

    def made(self, name: str, secret: str, code: str) -> tuple[SecondFactor, list[str]]:
        """Return a new second factor and its recovery codes, in clear.

        Raises `InvalidInput` where the app's code does not fit the secret.
        """
        step = self._step_of(secret, _bare(code))
        if step is None:
            raise InvalidInput(
                "The second factor was not added: the code does not fit the secret.",
                hint="Look whether the clock of the device is right, and give the code that the app shows now.",
            )
        codes = new_recovery_codes()
        factor = SecondFactor(
            secret=self._sealer.seal(secret, bound(name)),
            stamp=secrets.token_hex(16),
            added_at=self._clock.now(),
            recovery=tuple(map(digest, codes)),
            last_step=step,
        )
        return factor, codes

    def judged(self, name: str, factor: SecondFactor, code: str) -> tuple[Outcome, SecondFactor]:
        """Return what a code is, and what is kept of the second factor from now on.

        Raises `Refused` where the home's key does not open the secret; recovery codes are judged without it.
        """
        bare = _bare(code)
        if not _CODE.fullmatch(bare):
            return _by_recovery(factor, bare)
        if factor.failures >= MOST_FAILURES:
            return Outcome.BLOCKED, factor
        step = self._step_of(self._sealer.open(factor.secret, bound(name)), bare)
        if step is None:
            return Outcome.WRONG, replace(factor, failures=factor.failures + 1)
        if step <= factor.last_step:
            return Outcome.USED, factor
        return Outcome.CODE, replace(factor, last_step=step, failures=0)

    def _step_of(self, secret: str, code: str) -> int | None:
        """Return the newest step whose code this is, of those that count now."""
        import pyotp

        totp = pyotp.TOTP(secret, interval=STEP_S)
        now = int(self._clock.now().timestamp()) // STEP_S
        fitting = [
            step
            for step in range(now + TOLERANCE, now - TOLERANCE - 1, -1)
            if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode())
        ]
        return fitting[0] if fitting else None


def bound(name: str) -> Bound:
    """Return what the secret of somebody is sealed for."""
    return ("second factor", name)


def new_secret() -> str:
    """Return 160 random bits, in base32."""
    import pyotp

    return pyotp.random_base32()


def address(name: str, secret: str) -> str:
    """Return the `otpauth:` address that an app reads from a picture."""
    import pyotp

    return str(pyotp.TOTP(secret, interval=STEP_S, name=name, issuer=ISSUER).provisioning_uri())


def new_recovery_codes() -> list[str]:
    """Return new recovery codes, in clear: 25 letters and digits, in groups."""
    return ["-".join("".join(map(secrets.choice, [_LETTERS] * _GROUP)) for _ in range(_GROUPS))
            for _ in range(RECOVERY_CODES)]  # fmt: skip


def digest(code: str) -> str:
    """Return what is kept of a recovery code."""
    return hashlib.sha256(_bare(code).encode("utf-8", "surrogatepass")).hexdigest()


def _by_recovery(factor: SecondFactor, bare: str) -> tuple[Outcome, SecondFactor]:
    typed = digest(bare)
    kept = tuple(code for code in factor.recovery if not hmac.compare_digest(code, typed))
    if len(kept) == len(factor.recovery):
        return Outcome.WRONG, replace(factor, failures=factor.failures + 1)
    return Outcome.RECOVERY, replace(factor, recovery=kept, failures=0)


def _bare(code: str) -> str:
    """Return a code as it is compared: people group it as it is shown to them."""
    return "".join(part for part in re.split(r"[\s-]+", code[:100]) if part).upper()
