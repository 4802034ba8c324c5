"""`RECOVER.md` beside the media: what their newest state is, and how to bring it back with pwsops gone.

It is written anew after each backup from what lies there by then, in the worker process. What others put into the
directory is not trusted: only plain files are read, of each only what its checksums cover, and a name that a terminal
could take for something else is not written into a command.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pwsops.engines.sqlite import damage, recovery_kit
from pwsops.engines.sqlite.media import Media
from pwsops.errors import MediaError
from pwsops.rules.run_mark import SAFETY

NAME = "RECOVER.md"
VERSION = 1
FIRST_LINE = re.compile(rb"<!-- pwsops recovery notes, version (\d+) -->\r?\n")
WHAT = "our recovery notes"
LIMIT_S = 2.0
"""So long the media are looked at: a backup waits for it."""
DATABASES = 50
"""So many are told of, those with the newest files."""
FILES = 20
"""So many files of one name are opened in search of a whole chain."""
_HEAD = """\
<!-- pwsops recovery notes, version {version} -->
# How to bring these databases back without pwsops

pwsops writes this file anew after each backup; what is changed here is lost.

1. Open a terminal in this directory, or in a copy of it. You need Python 3.9 or newer with the module `zstandard`
   (`python3 -m pip install zstandard`; Python 3.14 needs none).
2. Run the command of the database that you want. It checks every byte of the files against its checksum, and writes a
   new file here; it never writes over one.
3. Stop the program that uses the database. Move its old file away, together with those of the same name that end in
   `-wal`, `-shm` and `-journal`; then put the new file in its place, under the old name.

An older state is brought back in the same way: a file of a full (`_FULL`) alone, or one of an incremental (`_DIFF`)
after the full that it was taken on.
"""
_KIND = re.compile(r"_(FULL|DIFF|SAFETY|DAMAGED)[_.~].*", re.DOTALL)
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|&])")


@dataclass(frozen=True, kw_only=True)
class _State:
    """The newest state of a database that lies there, with the files that bring it back, in order."""

    database: str
    at: datetime
    files: Sequence[str]
    certificates: Sequence[tuple[str, str]]
    """The subject and the thumbprint of each that is needed."""


@dataclass(frozen=True, kw_only=True)
class _Found:
    """One media file, as its two ends tell of it."""

    name: str
    database: str
    set_id: str
    at: datetime
    base: tuple[str, str] | None
    digest: str
    certificate: tuple[str, str] | None


def place(directory: str, token: str) -> str:
    """Write the notes for what lies in a directory; return why not, where that was not possible. Never raises.

    A file of that name that is not ours stays, and so does one of a newer version. `token` marks the temporary file.
    """
    try:
        states, more = newest_states(directory)
        return recovery_kit.put(directory, NAME, text(states, more).encode(), version, WHAT, token)
    except Exception as error:  # noqa: BLE001 - the backup is done and told, and is not to fail for its notes
        return f"{NAME} could not be written in {directory}: {type(error).__name__}: {error}."


def version(notes: bytes) -> int | None:
    """Return which version of our notes this is; None: they are not ours."""
    found = FIRST_LINE.match(notes)
    return None if found is None else int(found[1])


def newest_states(directory: str) -> tuple[list[_State], bool]:
    """Return the newest whole state of each database that lies there, by name; and whether there may be more.

    Only so many files are opened as there is time for; those written last come first. Raises `OSError`.
    """
    deadline = time.monotonic() + LIMIT_S
    groups = _groups(directory)
    states: dict[str, _State] = {}
    looked = 0
    for names in groups:
        if len(states) >= DATABASES or time.monotonic() > deadline:
            break
        looked += 1
        state = _newest(directory, names)
        if state is not None and (state.database not in states or states[state.database].at < state.at):
            states[state.database] = state
    return sorted(states.values(), key=lambda one: one.database), looked < len(groups)


def _groups(directory: str) -> list[list[str]]:
    """Return the names of media that begin alike, each group with what was written last first."""
    times: dict[str, float] = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(".bak") and not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                times[entry.name] = entry.stat(follow_symlinks=False).st_mtime
    groups: dict[str, list[str]] = {}
    for name in sorted(times, key=lambda name: (times[name], name), reverse=True):
        groups.setdefault(_KIND.sub("", name), []).append(name)
    return list(groups.values())


def _newest(directory: str, names: Sequence[str]) -> _State | None:
    """Return the newest state of those files that is whole."""
    found = list(_read(directory, names[:FILES]))
    for one in sorted(found, key=lambda one: one.at, reverse=True):
        if one.base is None:
            return _state([one])
        full = next((each for each in found if each.base is None and (each.set_id, each.digest) == one.base), None)
        if full is None:
            older = _read(directory, names[FILES:], wanted="FULL")
            full = next((each for each in older if (each.set_id, each.digest) == one.base), None)
        if full is not None:
            return _state([full, one])
    return None


def _read(directory: str, names: Iterable[str], wanted: str = "") -> Iterator[_Found]:
    opened = 0
    for name in names:
        if wanted and f"_{wanted}" not in name:
            continue
        opened += 1
        if opened > FILES:
            return
        try:
            with Media(os.path.join(directory, name)) as media:
                damage.refuse(media)
                # What somebody replaced by a restore is not the state that they want back.
                if not media.header.description.startswith(SAFETY):
                    yield _found(name, media)
        except (MediaError, ValueError):
            continue


def _found(name: str, media: Media) -> _Found:
    header, encryption = media.header, media.header.encryption
    at = datetime.fromisoformat(media.trailer.finished_at)
    if at.tzinfo is None:
        raise ValueError("its time has no offset")
    return _Found(
        name=name,
        database=header.database,
        set_id=header.set_id,
        at=at.astimezone(UTC),
        base=None if header.base is None else (header.base.set_id, header.base.digest),
        digest=media.digest,
        certificate=None if encryption is None else (encryption.subject, encryption.thumbprint),
    )


def _state(chain: Sequence[_Found]) -> _State:
    last = chain[-1]
    needed = dict.fromkeys(one.certificate for one in chain if one.certificate is not None)
    return _State(
        database=last.database, at=last.at, files=tuple(one.name for one in chain), certificates=tuple(needed)
    )


def text(states: Sequence[_State], more: bool) -> str:
    """Return the notes."""
    parts = [_HEAD.format(version=VERSION)]
    parts += [_section(one) for one in states]
    if not states:
        parts.append("No backup that is whole was found here.\n")
    if more:
        parts.append("More databases lie here than are told of.\n")
    return "\n".join(parts)


def _section(state: _State) -> str:
    target = f"restored-{state.database}"
    lines = [f"## {_plain(state.database)}\n", f"The newest state is of {state.at:%Y-%m-%d %H:%M:%S} UTC.\n"]
    for subject, thumbprint in state.certificates:
        lines.append(
            f"It is encrypted for the certificate {_plain(subject)} (thumbprint {_plain(thumbprint)}). You need the "
            ".pfx file of that certificate with its private key, its password, and the module `cryptography`. pwsops "
            "may have saved it here; otherwise it is where you exported it to. Put it in the place of "
            "CERTIFICATE.pfx.\n"
        )
    names = [*state.files, target]
    if not all(name.isprintable() and "/" not in name for name in names):
        lines.append("A name of its files has characters that cannot be written here: type the command by hand.\n")
        return "\n".join(lines)
    keys = [part for _ in state.certificates for part in ("--pfx", "CERTIFICATE.pfx")]
    command = ["python3", recovery_kit.NAME, *keys, *(shlex.quote(f"./{name}") for name in names)]
    lines.append(f"    {' '.join(command)}\n")
    return "\n".join(lines)


def _plain(words: str) -> str:
    """Return text of others as nothing but text."""
    shown = "".join(char if char.isprintable() else " " for char in " ".join(words.split()))
    return _MARKS.sub(r"\\\1", shown)
