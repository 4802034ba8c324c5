"""The modes of a home: what lies in it is its owner's alone, whoever made it, however it came there."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pwsops.errors import PwsopsError, Refused

DIRECTORY_MODE, FILE_MODE = 0o700, 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_MOST_STEPS = 1_000
"""On the way to a file: links may lead in circles, which the system says when it is opened."""
_DIRECTORIES = ("logs", "processes", "signin", "drills")
_FILES = (
    "catalogue.sqlite3*", "secret.key*", "devices.key*", "audit-heads.log", "scheduler.lock", "*.json", ".*.lock",
    "*.toml", "logs/*", "processes/*", "signin/*",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something of a home that others may use, or that another user owns."""

    path: Path
    why: str
    next_step: str


def make_home(home: Path) -> None:
    """Make a home for its owner alone, where there is none; raises `PwsopsError` where that is not possible."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=DIRECTORY_MODE)
    except OSError as error:
        raise PwsopsError(
            f"The home {home} cannot be made: {error.strerror}.",
            hint="Give a directory you may write to, with --home or PWSOPS_HOME.",
        ) from None


def make_file(path: Path) -> None:
    """Make an empty file for its owner alone where there is none: SQLite gives its other files the same mode."""
    with suppress(OSError):  # what cannot be made is told by who opens it
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))


def mend(home: Path) -> Sequence[str]:
    """Take away the rights that others have on a home and what is in it; return a sentence for each.

    A link is followed: what it leads to is held to the same.

    Raises
    ------
    Refused
        Where another user owns the home or one of its files, or could lead one of its links elsewhere: they could take
        back whatever is taken away here. And where the directory is shared and no home: it must not be closed to those
        who use it.
    """
    messages = []
    for path, mode in _parts(home):
        for fault in _faults(path):
            raise Refused(
                f"The home {home} is not used: {fault.path} {fault.why}.",
                hint=f"Find out why; then {fault.next_step}, or choose another home.",
            )
        found = _facts(path)
        if found is None or not found.st_mode & _OTHERS:
            continue
        if path == home:
            _refuse_shared(home, found.st_mode)
        try:
            path.chmod(mode)
        except OSError as error:
            raise Refused(
                f"The home {home} is not used: others may use {path}, and that cannot be changed: {error.strerror}.",
                hint=f"chmod {mode:o} {path}",
            ) from None
        messages.append(f"{path} could be used by others (mode {found.st_mode & 0o777:o}); now it is private.")
    return messages


def findings(home: Path) -> Iterator[Finding]:
    """Return what others may use of a home, or own; changes nothing."""
    for path, mode in _parts(home):
        faults = list(_faults(path))
        yield from faults
        found = _facts(path)
        if not faults and found is not None and found.st_mode & _OTHERS:
            why = f"can be used by others (mode {found.st_mode & 0o777:o})"
            yield Finding(path=path, why=why, next_step=f"chmod {mode:o} {path}")


def user_name(uid: int) -> str:
    """Return what a user of this machine is called."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _refuse_shared(home: Path, mode: int) -> None:
    is_home = any(True for pattern in _FILES for _ in home.glob(pattern))
    if mode & stat.S_ISVTX or not (is_home or next(home.iterdir(), None) is None):
        raise Refused(
            f"{home} is not made a home: others may use it, and there is something in it that is not of pwsops.",
            hint=f"Choose a directory of its own, or `chmod {DIRECTORY_MODE:o} {home}` where nobody else needs it.",
        )


def _faults(path: Path) -> Iterator[Finding]:
    """Return why a part of a home is not to be trusted whatever its mode is: another user owns it, or leads it away."""
    for facts in (_own_facts, _facts):
        found = facts(path)
        if found is not None and not _is_ours(found):
            yield Finding(
                path=path if facts is _own_facts else path.resolve(),
                why=f"belongs to {user_name(found.st_uid)}",
                next_step=f"`chown {user_name(os.geteuid())} {path}`",
            )
            return
    if path.is_symlink():
        yield from _faults_on_the_way(path)


def _faults_on_the_way(link: Path) -> Iterator[Finding]:
    """Return the directories in which others could put something else in the place of what a link leads to."""
    for directory in _way(link):
        found = _facts(directory)
        if found is None:
            continue
        if not _is_ours(found):
            why = f"belongs to {user_name(found.st_uid)}, who may decide where {link} leads"
            step = f"put what {link} leads to where this user and root alone may write"
            yield Finding(path=directory, why=why, next_step=step)
        elif _writable_by_others(found):
            why = f"may be written by others (mode {found.st_mode & 0o7777:o}), who may decide where {link} leads"
            yield Finding(path=directory, why=why, next_step=f"`chmod go-w {directory}`")


def _way(path: Path) -> Iterator[Path]:
    """Yield each directory in which a name is looked up until a path is where it leads; none of them twice."""
    at, ahead, seen = Path(path.anchor), list(reversed(path.parts[1:])), set[Path]()
    for _ in range(_MOST_STEPS):
        if not ahead:
            return
        if at not in seen:
            yield at
            seen.add(at)
        step = at / ahead.pop()
        if step.is_symlink():
            led = step.readlink()
            ahead += [part for part in reversed(led.parts) if part != led.anchor]
            at = Path(led.anchor) if led.is_absolute() else at
        else:
            at = at.parent if step.name == ".." else step


def _writable_by_others(found: os.stat_result) -> bool:
    """Whether others may exchange what is ours in a directory of that mode; where it is sticky, they may not."""
    if found.st_mode & stat.S_ISVTX:
        return False
    return bool(found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and not _is_own_group(found)))


def _is_own_group(found: os.stat_result) -> bool:
    """Whether a group is its user's alone, as many systems make one for each user: it is called the same."""
    try:
        return grp.getgrgid(found.st_gid).gr_name == user_name(found.st_uid)
    except KeyError:
        return False


def _is_ours(found: os.stat_result) -> bool:
    # The superuser can do everything anyway, and may own what a service was given.
    return found.st_uid in (os.geteuid(), 0)


def _own_facts(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _facts(path: Path) -> os.stat_result | None:
    """Return the facts of what a path leads to; None where that is nothing, or cannot be looked at."""
    try:
        return path.stat()
    except OSError:
        return None


def _parts(home: Path) -> Iterator[tuple[Path, int]]:
    yield home, DIRECTORY_MODE
    for name in _DIRECTORIES:
        yield home / name, DIRECTORY_MODE
    for pattern in _FILES:
        for path in sorted(home.glob(pattern)):
            yield path, FILE_MODE
