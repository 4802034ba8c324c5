"""People who sign in by a password: `users.json` in the home."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from pwsops.clock import Clock
from pwsops.errors import Conflict, InvalidInput, NotFound
from pwsops.signin import passwords, private_file
from pwsops.signin.private_file import Before, nothing
from pwsops.signin.second_factor import SecondFactor

FILE = "users.json"
_NAME = re.compile(r"[^\W_][\w.@+-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class User:
    """Somebody with a password.

    Parameters
    ----------
    name
        As it is typed at the sign-in, and stands in `access.toml`.
    password
        What is kept of the password.
    stamp
        Another one with each new password; sessions of an older one have ended.
    changed_at
        When the password was set; aware.
    second_factor
        What else they prove themselves by; None: nothing.
    """

    name: str
    password: str
    stamp: str
    changed_at: datetime
    second_factor: SecondFactor | None = None

    @property
    def proof(self) -> str:
        """Another one with each new password and second factor, and without one."""
        return self.stamp if self.second_factor is None else f"{self.stamp} {self.second_factor.stamp}"


class Users:
    """Reads and writes the file; each call sees what it says now.

    Parameters
    ----------
    home, clock
        Where the file is; the time.
    """

    def __init__(self, home: Path, *, clock: Clock) -> None:
        self._file = private_file.Watched(home / FILE, _parse)
        self._lock = FileLock(home / f".{FILE}.lock", mode=private_file.MODE)
        self._clock = clock

    def held(self) -> AbstractContextManager[object]:
        """Let nobody else change the file as long as the block lasts."""
        return self._lock

    def list(self) -> list[User]:
        """Return everybody, by name. Raises `Refused` where the file cannot be used, as all methods here do."""
        return sorted(self._file.get().values(), key=lambda user: user.name)

    def stamp(self, name: str) -> str | None:
        """Return the stamp of a user's present password; None: there is no such user."""
        user = self.find(name)
        return None if user is None else user.stamp

    def find(self, name: str) -> User | None:
        """Return a user; None: there is none of that name."""
        return self._file.get().get(name)

    def add(self, name: str, password: str, *, before: Before = nothing) -> None:
        """Add somebody. Raises `InvalidInput` for a name or password that will not do, `Conflict` for a taken name.

        `before`, here and below: called when nothing but the file is left to be written; what it raises leaves all as
        it is.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"Nobody can be called {name!r} here.",
                hint="Take up to 64 letters, digits and . _ @ + -, beginning with a letter or digit.",
            )
        passwords.check(name, password)
        with self._lock:
            users = self._file.get()
            if name.casefold() in {known.casefold() for known in users}:
                raise Conflict(
                    f"There is a user {name!r} already.", hint="`pwsops user password` gives them a new password."
                )
            made = self._made(name, password)
            before()
            self._store({**users, name: made})

    def set_password(self, name: str, password: str, *, before: Before = nothing) -> None:
        """Set somebody's password, which ends their sessions. Raises `NotFound` and `InvalidInput`.

        A second factor stays: who forgot a password has not lost the other.
        """
        passwords.check(name, password)
        made = self._made(name, password)
        self.change(name, lambda user: replace(made, second_factor=user.second_factor), before=before)

    def change(self, name: str, work: Callable[[User], User], *, before: Before = nothing) -> None:
        """Put what `work` makes of a user in their place; nobody else changes anything meanwhile. Raises `NotFound`."""
        with self._lock:
            users = self._file.get()
            if name not in users:
                raise _nobody(name)
            changed = {**users, name: work(users[name])}
            before()
            self._store(changed)

    def change_all(self, work: Callable[[User], User]) -> None:
        """Put what `work` makes of each user in their place."""
        with self._lock:
            changed = {name: work(user) for name, user in self._file.get().items()}
            if changed != self._file.get():
                self._store(changed)

    def remove(self, name: str, *, before: Before = nothing) -> None:
        """Remove somebody, which ends their sessions. Raises `NotFound`."""
        with self._lock:
            users = dict(self._file.get())
            if users.pop(name, None) is None:
                raise _nobody(name)
            before()
            self._store(users)

    def verified(self, name: str, password: str) -> User | None:
        """Return the user whose password this is. A name that does not exist takes as long as a wrong password."""
        user = self._file.get().get(name)
        kept = passwords.nobodys() if user is None else user.password
        if not passwords.fits(kept, password) or user is None:
            return None
        if passwords.is_outdated(kept):
            self._renew(user, password)
        return user

    def _renew(self, user: User, password: str) -> None:
        with self._lock:
            users = self._file.get()
            if users.get(user.name) == user:
                self._store({**users, user.name: replace(user, password=passwords.hashed(password))})

    def _made(self, name: str, password: str) -> User:
        kept = passwords.hashed(password)
        return User(name=name, password=kept, stamp=secrets.token_hex(16), changed_at=self._clock.now())

    def _store(self, users: Mapping[str, User]) -> None:
        entries = [_entry(user) for user in users.values()]
        private_file.write(self._file.path, json.dumps({"users": entries}, indent=1).encode())


def _entry(user: User) -> dict[str, Any]:
    factor = None if user.second_factor is None else user.second_factor.entry()
    return {**asdict(user), "changed_at": user.changed_at.isoformat(), "second_factor": factor}


def _parse(content: bytes | None) -> dict[str, User]:
    if content is None:
        return {}
    try:
        entries = json.loads(content)["users"]
        users = [_user(entry) for entry in entries]
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    if not all(isinstance(text, str) for user in users for text in (user.name, user.password, user.stamp)):
        raise ValueError("a name, password or stamp is no text")
    return {user.name: user for user in users}


def _user(entry: Mapping[str, Any]) -> User:
    factor = entry.get("second_factor")  # files of versions before have none
    return User(
        **{
            **entry,
            "changed_at": datetime.fromisoformat(entry["changed_at"]),
            "second_factor": None if factor is None else SecondFactor.parsed(factor),
        }
    )


def _nobody(name: str) -> NotFound:
    return NotFound(f"There is no user {name!r}.", hint="`pwsops user list` names those there are.")
