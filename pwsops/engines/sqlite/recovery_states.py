"""What media in a directory bring back, as their two ends tell: each full with what was taken on it, and the rest.

What others put there is not trusted: only plain files are read, of each only what its checksums cover. A name proves
nothing: two databases may have one, and files may be called anything. So each file is opened, and what was not, named.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from pwsops.clock import Clock
from pwsops.engines.sqlite import damage
from pwsops.engines.sqlite.media import Media
from pwsops.errors import MediaError
from pwsops.rules.run_mark import is_safety_copy

LIMIT_S = 2.0
"""So long the media are looked at: a backup waits for it. Both ends of some ten thousand are read in this time."""
AHEAD = timedelta(minutes=10)
"""So far the clocks of two machines may differ."""
_KIND = re.compile(r"(.*)_(FULL|DIFF|SAFETY|DAMAGED)[_.~].*", re.DOTALL)


class Nature(IntEnum):
    """How good a state is, the best first: a backup, one that says to be of the future, what a restore replaced."""

    BACKUP = 0
    FUTURE = 1
    SAFETY = 2


@dataclass(frozen=True, kw_only=True)
class State:
    """A state of a database that lies there, with the files that bring it back, in order; `at` is in UTC."""

    database: str
    at: datetime
    nature: Nature
    files: Sequence[str]
    certificates: Sequence[tuple[str, str]]
    """The subject and the thumbprint of each that is needed."""

    @property
    def order(self) -> tuple[int, float]:
        """By this the states of one name are sorted: the best first, of equal ones the newest."""
        return self.nature, -self.at.timestamp()


@dataclass(kw_only=True)
class Found:
    """What was found in a directory.

    Parameters
    ----------
    states
        The newest state on each full, by the database's name, then the best first.
    unusable
        The files that bring nothing back, each with the reason.
    unopened
        The files that there was no time for.
    """

    states: list[State] = field(default_factory=list)
    unusable: list[tuple[str, str]] = field(default_factory=list)
    unopened: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _File:
    """One media file, as its two ends tell of it."""

    name: str
    database: str
    at: datetime
    nature: Nature
    identity: tuple[str, str, int]
    base: tuple[str, str, int] | None
    """Its full's identity."""
    certificate: tuple[str, str] | None


def look(directory: str, clock: Clock) -> Found:
    """Look at all media of a directory, those written last first. Raises `OSError` where it cannot be listed."""
    found = Found()
    deadline = clock.monotonic() + LIMIT_S
    files: list[_File] = []
    for name in _in_turn(_times(directory, found)):
        if clock.monotonic() > deadline:
            found.unopened.append(name)
            continue
        try:
            with Media(os.path.join(directory, name)) as media:
                damage.refuse(media)
                files.append(_file(name, media, clock.now()))
        except (MediaError, ValueError) as error:
            found.unusable.append((name, str(error)))
    found.states = sorted(_states(files, found), key=lambda one: (one.database, one.order))
    return found


def _times(directory: str, found: Found) -> dict[str, float]:
    """Return when each of the media was written last, by its name."""
    times: dict[str, float] = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            if not entry.name.endswith(".bak") or entry.name.startswith("."):
                continue
            try:
                if entry.is_file(follow_symlinks=False):
                    times[entry.name] = entry.stat(follow_symlinks=False).st_mtime
                else:
                    found.unusable.append((entry.name, "It is no plain file."))
            except FileNotFoundError:
                continue
    return times


def _in_turn(times: dict[str, float]) -> list[str]:
    """Return all names: of each database, as the names tell, the newest of each kind; then the second, and so on."""
    groups: dict[tuple[str, str], int] = {}
    ranked: list[tuple[int, float, str]] = []
    for name in sorted(times, key=lambda name: (times[name], name), reverse=True):
        matched = _KIND.fullmatch(name)
        group = (name, "") if matched is None else (matched[1], matched[2])
        groups[group] = groups.get(group, 0) + 1
        ranked.append((groups[group], -times[name], name))
    return [name for _, _, name in sorted(ranked)]


def _file(name: str, media: Media, now: datetime) -> _File:
    header, base, encryption = media.header, media.header.base, media.header.encryption
    at = datetime.fromisoformat(media.trailer.finished_at).astimezone(UTC)
    nature = Nature.SAFETY if is_safety_copy(header.description) else Nature.BACKUP
    return _File(
        name=name,
        database=header.database,
        at=at,
        nature=Nature.FUTURE if nature is Nature.BACKUP and at > now + AHEAD else nature,
        identity=(header.set_id, media.digest, header.page_count),
        base=None if base is None else (base.set_id, base.digest, base.page_count),
        certificate=None if encryption is None else (encryption.subject, encryption.thumbprint),
    )


def _states(files: Iterable[_File], found: Found) -> Iterator[State]:
    """Yield the newest state on each full, and besides one that only a file of the future brings.

    Of several copies of a full each counts: what is between its two ends was not read, and may be damaged in one.
    """
    fulls = [one for one in files if one.base is None]
    known = {one.identity for one in fulls}
    taken_on: dict[tuple[str, str, int], list[_File]] = {}
    for one in files:
        if one.base in known:
            taken_on.setdefault(one.base, []).append(one)
        elif one.base is not None:
            found.unusable.append((one.name, f"It is an incremental of {one.database} whose full does not lie here."))
    for full in fulls:
        chains = [[full], *([full, one] for one in taken_on.get(full.identity, ()))]
        for nature in sorted({max(one.nature for one in chain) for chain in chains}):
            of_nature = [chain for chain in chains if max(one.nature for one in chain) is nature]
            yield _state(max(of_nature, key=lambda chain: chain[-1].at), nature)


def _state(chain: Sequence[_File], nature: Nature) -> State:
    last = chain[-1]
    needed = dict.fromkeys(one.certificate for one in chain if one.certificate is not None)
    return State(
        database=last.database,
        at=last.at,
        nature=nature,
        files=tuple(one.name for one in chain),
        certificates=tuple(needed),
    )
