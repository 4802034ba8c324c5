"""`RECOVER.md` beside the media: what they bring back, and how to do that with pwsops gone.

It is written anew after each backup from what lies there by then, in the worker process. Whatever has a readable backup
there is in it, and what could not be read is named. A name that a terminal could take for something else is not written
into a command.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import groupby

from pwsops.clock import Clock, SystemClock
from pwsops.engines.script_text import exact_utc
from pwsops.engines.sqlite import names, recovery_kit
from pwsops.engines.sqlite.recovery_states import Found, Nature, State, look
from pwsops.rules.formatting import counted

NAME = "RECOVER.md"
VERSION = 2
FIRST_LINE = re.compile(rb"<!-- pwsops recovery notes, version (\d+) -->\r?\n")
WHAT = "our recovery notes"
OTHERS = 2000
"""So many states are told of beside the best one of each name."""
NAMED = 500
"""So many files of one kind are named that bring nothing back."""
_HEAD = """\
<!-- pwsops recovery notes, version {version} -->
# How to bring these databases back without pwsops

pwsops writes this file anew after each backup; what is changed here is lost.

1. Open a terminal in this directory, or in a copy of it. You need Python 3.9 or newer with the module `zstandard`
   (`python3 -m pip install zstandard`; Python 3.14 needs none).
2. If others may write here, they could have put another `recover.py` here, and other notes. What
   `sha256sum recover.py` prints has to be what it prints for the one in pwsops itself, which is
   `pwsops/engines/sqlite/recover.py`. Of the pwsops that wrote these notes that is
   `{digest}`.
3. Run the command of the database that you want. It checks every byte of the files against its checksum, and writes a
   new file here; it never writes over one.
4. Stop the program that uses the database. Move its old file away, together with those of the same name that end in
   `-wal`, `-shm` and `-journal`; then put the new file in its place, under the old name.

An older state is brought back in the same way: a file of a full (`_FULL`) alone, or one of an incremental (`_DIFF`)
after the full that it was taken on. Two databases may have one name: all that lies here under it stands below it.
"""
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|&])")
_NATURES = {
    Nature.BACKUP: "",
    Nature.FUTURE: " That was still to come when this was written: a clock was wrong, or somebody made that file.",
    Nature.SAFETY: " It is what a restore replaced, saved before it.",
}


def place(directory: str, token: str, clock: Clock | None = None) -> str:
    """Write the notes for what lies in a directory; return why not, where that was not possible. Never raises.

    A file of that name that is not ours stays, and so does one that says to be of a newer version; both are told.
    `token` marks the temporary file.
    """
    try:
        notes = text(look(directory, clock or SystemClock()))
        return recovery_kit.put(directory, NAME, notes.encode(), version, WHAT, token)
    except Exception as error:  # noqa: BLE001 - the backup is done and told, and is not to fail for its notes
        return f"{NAME} could not be written in {directory}: {type(error).__name__}: {error}."


def version(notes: bytes) -> int | None:
    """Return which version of our notes this is; None: they are not ours."""
    found = FIRST_LINE.match(notes)
    return None if found is None else int(found[1])


def text(found: Found) -> str:
    """Return the notes."""
    parts = [_HEAD.format(version=VERSION, digest=recovery_kit.digest())]
    by_name = {name: list(states) for name, states in groupby(found.states, lambda one: one.database)}
    shown = _shown(list(by_name.values()))
    for (name, states), most in zip(by_name.items(), shown, strict=True):
        parts += [f"## {_plain(name)}\n", *_best(states[0]), *_others(states[1:], most)]
    if not by_name:
        parts.append("No backup that is whole was found here.\n")
    parts += _listed(
        "There was no time to look at these files; each may be a backup", [f"- {_plain(one)}" for one in found.unopened]
    )
    parts += _listed(
        "These files bring nothing back", [f"- {_plain(name)}: {_plain(why)}" for name, why in found.unusable]
    )
    return "\n".join(parts)


def _shown(every: Sequence[Sequence[State]]) -> list[int]:
    """Return how many states of each name are told of beside the best one: as many of each as there are, or room is."""
    shown, left = [0] * len(every), OTHERS
    waiting = sorted(range(len(every)), key=lambda at: len(every[at]))
    for done, at in enumerate(waiting):
        shown[at] = min(len(every[at]) - 1, left // (len(waiting) - done))
        left -= shown[at]
    return shown


def _best(state: State) -> Iterator[str]:
    yield f"The newest state is of {exact_utc(state.at)} UTC.{_NATURES[state.nature]}\n"
    yield from _certificates(state)
    yield _command(state, 1)


def _others(states: Sequence[State], most: int) -> Iterator[str]:
    if not states:
        return
    yield "Older ones, or those of another database of that name:\n"
    for number, state in enumerate(states[:most], start=2):
        sealed = "".join(f" It needs the certificate {_plain(thumbprint)}." for _, thumbprint in state.certificates)
        yield f"Of {exact_utc(state.at)} UTC.{_NATURES[state.nature]}{sealed}\n"
        yield _command(state, number)
    if len(states) > most:
        yield f"Not told of here: {counted(len(states) - most, 'older state')} of that name.\n"


def _certificates(state: State) -> Iterator[str]:
    for subject, thumbprint in state.certificates:
        yield (
            f"It is encrypted for the certificate {_plain(subject)} (thumbprint {_plain(thumbprint)}). You need the "
            ".pfx file of that certificate with its private key, its password, and the module `cryptography`. pwsops "
            "may have saved it here; otherwise it is where you exported it to. Put it in the place of "
            "CERTIFICATE.pfx.\n"
        )


def _command(state: State, number: int) -> str:
    """Return what brings a state back; each of one name into a file of its own."""
    target = ("restored-" if number == 1 else f"restored-{number}-") + state.database
    if not all(name.isprintable() and "/" not in name for name in (*state.files, target)):
        files = ", ".join(map(_plain, state.files))
        return f"A name has characters that cannot be written here: type the command by hand, with {files}.\n"
    given = [*state.files, names.shortened(target, 0)]
    keys = [part for _ in state.certificates for part in ("--pfx", "CERTIFICATE.pfx")]
    return f"    {' '.join(['python3', recovery_kit.NAME, *keys, *(shlex.quote(f'./{name}') for name in given)])}\n"


def _listed(what: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        more = [f"- and {len(lines) - NAMED:,} more"] if len(lines) > NAMED else []
        yield "\n".join([f"## {what}\n", *lines[:NAMED], *more, ""])


def _plain(words: str) -> str:
    """Return text of others as nothing but text."""
    shown = "".join(char if char.isprintable() else " " for char in " ".join(words.split()))
    return _MARKS.sub(r"\\\1", shown)
