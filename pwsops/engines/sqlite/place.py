"""Which name a finished set gets. A file that has the name goes only where it is provably an older one of ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from pwsops import foreign
from pwsops.engines.sqlite import files, pages, publishing
from pwsops.engines.sqlite.identity import Recorded, described, difference
from pwsops.engines.sqlite.media import Keys, Media, Unreadable
from pwsops.engines.sqlite.publishing import Changed, Lock, Say
from pwsops.errors import CertificateNeeded, Conflict, MediaError, PwsopsError
from pwsops.rules.incarnation import HEADER_BYTES, Origin, Traces, other_incarnation, traces
from pwsops.rules.naming import ALTERNATIVES, alternatives


@dataclass(frozen=True, kw_only=True)
class Source:
    """The database that was backed up.

    Parameters
    ----------
    database
        What it is called.
    origin
        Which file it is, and what that shows of its past.
    is_checked
        Whether the structure of the very data that was saved was checked, and is whole.
    unlike
        Why the contents of this backup and of an older one are not of one database that went on; empty where they are.
        It is told whether both came from the same file, what was noted of the older one, and the full that the older
        one refers to, where it is an incremental whose full may go.
    """

    database: str
    origin: Origin
    is_checked: bool
    unlike: Callable[[Media, bool, Origin | None, Media | None], str]


class Former(NamedTuple):
    """An older set that may go, as it was recorded.

    `origin`: of what file it was taken; None where nobody noted it. `is_checked`: whether it is a full whose structure
    was checked, or may have been. `base_id`: the full that it needs.
    """

    recorded: Recorded
    origin: Origin | None
    is_checked: bool
    base_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class NameRequest:
    """Which name a set should get, and what may go for it.

    Parameters
    ----------
    directory, file_name
        Where, if nothing else has the name.
    key, token
        Of this backup's temporary files.
    overwrite
        Whether an older set may go at all; without it, a name that is taken is a `Conflict`.
    replaceable
        The sets that may, by their ids.
    keys
        What opens those of them that are encrypted, as far as it is at hand.
    """

    directory: str
    file_name: str
    key: str
    token: str
    overwrite: bool
    replaceable: Mapping[str, Former]
    keys: Keys = field(default_factory=dict, repr=False)

    def paths(self) -> Iterator[str]:
        """Yield where the set may go, in order."""
        names = alternatives(self.file_name) if self.overwrite else [self.file_name]
        return (os.path.join(self.directory, name) for name in names)


@dataclass(frozen=True, kw_only=True)
class Occupant:
    """What has a name now.

    `why_kept`: what it is, where it has to stay. `set_id`: which set it is, where it may go.
    """

    facts: os.stat_result
    set_id: str = ""
    why_kept: str = ""


def publish(temp: str, request: NameRequest, source: Source, say: Say) -> str:
    """Publish a finished, synced file under the first name that is free or may be taken; return its path.

    Raises
    ------
    Conflict
        Where the name is taken and may not be, or all the others are taken as well.
    OSError
        Where it could not be named; `temp` still has it.
    """
    kept: list[str] = []
    with publishing.locked(request.directory) as lock:
        for path in request.paths():
            why = _take(temp, path, request, source, lock, say)
            if not why:
                if kept:
                    say(f"{' '.join(kept)} This backup was written as {path}, and so will the next ones be.")
                return path
            kept.append(f"{path} stays as it is: {why}.")
    raise _no_name(request, kept)


def _no_name(request: NameRequest, kept: list[str]) -> Conflict:
    if not request.overwrite:
        return files.taken(os.path.join(request.directory, request.file_name))
    return Conflict(
        f"All {ALTERNATIVES} names for this backup are taken in {request.directory} by files that may not be replaced. "
        f"{' '.join(kept)}",
        hint="Delete or move those that are not needed, choose another directory in the profile, or let the date be "
        "added to the file names.",
    )


def _take(temp: str, path: str, request: NameRequest, source: Source, lock: Lock, say: Say) -> str:
    """Take a name; return what is in the way where that is not possible."""
    there = look(path, request, source)
    if there is None:
        try:
            publishing.new(temp, path, say)
        except FileExistsError:
            return "another program put a file there at this moment"
        return ""
    if there.why_kept:
        return there.why_kept
    aside = os.path.join(request.directory, files.former_name(request.key, request.token, there.set_id))
    try:
        publishing.replace(temp, path, there.facts, aside, lock, say)
    except (Changed, FileExistsError):
        return "another run put its backup there at this moment"
    return ""


def look(path: str, request: NameRequest, source: Source) -> Occupant | None:
    """Return what has a name now; None: nothing."""
    try:
        facts = foreign.facts(path)
    except FileNotFoundError:
        return None
    if not foreign.is_plain(facts.st_mode):
        return Occupant(facts=facts, why_kept=f"it is {foreign.kind(facts.st_mode)}")
    try:
        with Media(path, request.keys) as media:
            if not media.is_at(path):
                return Occupant(facts=facts, why_kept="it was replaced while it was looked at")
            why = _why_kept(media, request, source)
            return Occupant(facts=facts, set_id=media.header.set_id, why_kept=why)
    except PwsopsError as error:
        return Occupant(facts=facts, why_kept=f"it cannot be told what it is ({error.message.rstrip('.')})")
    except OSError as error:
        return Occupant(facts=facts, why_kept=f"it cannot be looked at ({error.strerror})")


def _why_kept(media: Media, request: NameRequest, source: Source) -> str:
    if not request.overwrite:
        return "names with a date are never taken again"
    former = request.replaceable.get(media.header.set_id)
    if former is None:
        return f"it holds {described(media)}, which this profile did not take of this database"
    if media.header.database != source.database:
        return f"it holds {described(media)}, of another database"
    if why := difference(media, former.recorded):
        return why
    if former.is_checked and not source.is_checked:
        return "when it was taken, the structure of the database was checked, and this time it was not"
    if why := _other_incarnation(media, former, source):
        return f"it is {why}"
    resting = (each for each in request.replaceable.values() if each.base_id == media.header.set_id)
    return next((why for each in resting if (why := _why_needed(media, each, request, source))), "")


def _why_needed(full: Media, former: Former, request: NameRequest, source: Source) -> str:
    """Return why an incremental needs its full still: it is the last backup of what the database held before."""
    path = former.recorded.path
    try:
        with Media(path, request.keys) as media:
            gone = difference(media, former.recorded)
            why = "" if gone else _other_incarnation(media, former, source, base=full)
    except Unreadable as error:
        if not os.path.lexists(path):
            return ""
        return f"whether it is needed for {path} cannot be told ({error.message.rstrip('.')})"
    except MediaError:
        return ""  # nothing can be restored from it any more
    return f"{path} needs it, which is {why}" if why else ""


def _other_incarnation(media: Media, former: Former, source: Source, base: Media | None = None) -> str:
    """Return what a backup is, where the database does not continue it; empty where it does."""
    shown = _first_page(media) if former.origin is None else former.origin.traces
    why = other_incarnation(
        former=former.origin,
        shown=shown,
        now=source.origin,
        unlike=lambda same_file: source.unlike(media, same_file, former.origin, base),
    )
    if not why:
        return ""
    began = datetime.fromisoformat(media.header.started_at)
    return (
        f"the last backup of what {media.header.database} held before ({why}; begun {began:%Y-%m-%d %H:%M:%S} UTC); "
        "delete it once it is not needed any more"
    )


def _first_page(media: Media) -> Traces | None:
    """Return what a backup shows of its database's past; None where its first page is sealed, or not in it."""
    with suppress(StopIteration, CertificateNeeded):
        offset, head = next(media.frames())
        if head.page_numbers()[0] == 1:
            return traces(pages.unpack(media, offset, head)[:HEADER_BYTES])
    return None
