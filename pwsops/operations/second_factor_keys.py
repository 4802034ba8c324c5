"""The secrets of second factors, which the file of people keeps sealed with the home's key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pwsops.clock import Clock
from pwsops.sealing import Bound
from pwsops.secrets import Vault
from pwsops.signin import second_factor
from pwsops.signin.users import User, Users


@dataclass(frozen=True, kw_only=True)
class SealedFactor:
    """One of them: `what` it is, as people call it; the sealed `text`; and what it is `bound` to."""

    what: str
    text: str = field(repr=False)
    bound: Bound


def every(home: Path, clock: Clock) -> Sequence[SealedFactor]:
    """Return all of them. Raises `Refused` where the file of people cannot be used."""
    return [
        SealedFactor(
            what=f"the second factor of {user.name}",
            text=user.second_factor.secret,
            bound=second_factor.bound(user.name),
        )
        for user in Users(home, clock=clock).list()
        if user.second_factor is not None
    ]


def reseal(users: Users, vault: Vault) -> int:
    """Seal all of them with the vault's first key, and return how many. The caller has proven that all open.

    Done while both keys are at hand: where the rest of the rotation is cut off, these open all the same.
    """
    done = 0

    def resealed(user: User) -> User:
        nonlocal done
        if user.second_factor is None:
            return user
        done += 1
        return replace(user, second_factor=replace(user.second_factor, secret=vault.reseal(user.second_factor.secret)))

    users.change_all(resealed)
    return done
