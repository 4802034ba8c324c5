"""A restore as a shell script: it runs `recover.py`, and exchanges the files; what was there is kept.

The script is run later, perhaps twice, beside files that others may write. So it runs no `recover.py` but the one of
this installation, by its SHA-256, chooses free names when it is run, and writes over nothing.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from pwsops.engines.off_limits import OffLimits
from pwsops.engines.requests import RestoreRequest
from pwsops.engines.script_text import exact_utc, one_line, require_printable
from pwsops.engines.sqlite import files, names, reach, recovery_kit
from pwsops.engines.sqlite.identity import recorded
from pwsops.engines.sqlite.orders import new_file
from pwsops.errors import NotFound
from pwsops.rules.model import BackupSet

_ROOM = len(f"{names.BEFORE}-9999")
_FUNCTIONS = """\
is_there() { [ -e "$1" ] || [ -L "$1" ]; }
stop() {
    printf 'Stopped: %s\\n' "$1" >&2
    exit 1
}
run_recover() {
    [ -f "$recover" ] || stop "$recover is no plain file. Set RECOVER to a recover.py with the SHA-256 $digest."
    python3 -c '
import sys
if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]  # a module may lie in the directory that this is run in
import hashlib
path, digest = sys.argv[1:3]
try:
    with open(path, "rb") as stream:
        source = stream.read(1 << 20)
except OSError as error:
    sys.exit(f"{path}: {error.strerror}. Set RECOVER to a recover.py with the SHA-256 {digest}.")
if hashlib.sha256(source).hexdigest() != digest:
    sys.exit(f"{path} is not the recover.py that this script was written for, and was not run. Print the script "
             f"anew, or set RECOVER to a recover.py with the SHA-256 {digest}.")
names = {"__name__": "recover"}
exec(compile(source, path, "exec"), names)
names["limit_memory"]()
names["main"](sys.argv[3:])
' "$recover" "$digest" "$@"
}"""
_EXCHANGE = """\
# Names that nothing has, nor what SQLite puts beside them.
find_free() {
    free=$1
    last=
    number=1
    while is_there "$free" || is_there "$free-wal" || is_there "$free-shm" || is_there "$free-journal"; do
        if is_there "$free"; then last=$free; fi
        number=$((number + 1))
        free=$1-$number
    done
}
move() {
    if is_there "$2"; then stop "$2 exists already; $1 was left as it is. $state"; fi
    mv -n "$1" "$2" || stop "$1 could not be moved to $2. $state"
    if is_there "$1" || ! is_there "$2"; then stop "$1 could not be moved to $2. $state"; fi
}
quoted() {
    printf '%s' "$1" | sed -e "s/'/'\\\\\\\\''/g" -e "1s/^/'/" -e "\\$s/\\$/'/"
}
# An earlier run may have been broken off between its moves. Then the name of the database is free, so that no program
# takes it for one without its log, and neither is it made anew here before all that belongs to it lies together again.
refuse_what_was_parted() {
    if is_there "$database"; then return; fi
    beside=
    for end in -wal -shm -journal; do
        if is_there "$database$end"; then beside="$beside $database$end"; fi
    done
    if [ -z "$beside$last" ]; then return; fi
    state='Nothing was changed.'
    if [ -z "$last" ]; then
        stop "$database is missing, but what SQLite left of it may hold its last changes; move it away:$beside. $state"
    fi
    printf 'Put back what an earlier run moved away by these commands, and run this again:\\n' >&2
    for end in -wal -shm -journal ''; do
        if is_there "$last$end"; then
            printf 'mv -n %s %s\\n' "$(quoted "$last$end")" "$(quoted "$database$end")" >&2
        fi
    done
    state="$state If $last is of no such run, move it to another directory."
    stop "$database is missing, and $last is there: an earlier run may have been broken off. $state"
}
find_free "$stem$restored_ending"
restored=$free
find_free "$stem$kept_ending"
kept=$free
refuse_what_was_parted"""
_KEEP = """\
state="The restored database is $restored; nothing else was changed."
if is_there "$database"; then
    python3 -I -c '
import os, stat, sys
try:
    # Others may write in this directory: a link, or another name of their choice, is not what was restored.
    fd = os.open(sys.argv[2], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    new = os.fstat(fd)
except OSError as error:
    sys.exit(f"{sys.argv[2]}: {error.strerror}")
if not stat.S_ISREG(new.st_mode) or new.st_nlink != 1:
    sys.exit(f"{sys.argv[2]} is no plain file with one name")
try:
    old = os.lstat(sys.argv[1])
    if not stat.S_ISREG(old.st_mode):
        raise OSError(0, "it is no plain file")
    os.fchown(fd, old.st_uid, old.st_gid)
    os.fchmod(fd, old.st_mode & 0o777)
except OSError as error:
    print(f"Set the owner and the rights of {sys.argv[1]} by hand: {error.strerror}.", file=sys.stderr)
' "$database" "$restored" || stop "$restored is not what was restored, and was left as it is. $state"
fi
# What the database holds now is kept beside it, with the log that belongs to it. The database goes first: without its
# log it would be opened as if nothing were missing.
for end in '' -wal -shm -journal; do
    if is_there "$database$end"; then move "$database$end" "$kept$end"; fi
    state="The restored database is $restored; what the database held is $kept, with what lies beside it."
done
move "$restored" "$database"
printf 'What was there before, if anything, is kept as %s.\\n' "$kept"
"""


def write(request: RestoreRequest, *, address: str, follow_links: bool, off_limits: OffLimits) -> str:
    """Return the script of a restore; see the protocol `Engine`. Raises as a restore does where that would refuse."""
    _refuse_home(request, address, follow_links=follow_links, off_limits=off_limits)
    path, replaces = _target(request, address, follow_links=follow_links, off_limits=off_limits)
    lines = [
        "#!/bin/sh",
        *(f"# {one_line(each)}" for each in _remarks(request, path)),
        "set -eu",
        "umask 077",
        f"database={shlex.quote(path)}",
        *_recover(request.sets),
        _FUNCTIONS,
    ]
    if replaces:
        stem = names.shortened(path, _ROOM)
        lines += [f"stem={shlex.quote(stem)}", f"kept_ending={names.BEFORE}", f"restored_ending={names.RESTORED}"]
        lines += [_EXCHANGE, _recover_call(request.sets, '"$restored"'), _KEEP]
    else:
        lines += [_recover_call(request.sets, '"$database"'), ""]
    script = "\n".join(lines)
    require_printable(script, request.database)
    return script


def _recover_call(sets: Sequence[BackupSet], target: str) -> str:
    """Return the command that makes what the quoted word `target` names out of sets."""
    keys = [
        f'--pfx "${{{variable}:?set it to the .pfx file of the certificate that the remark above names}}"'
        for variable in _certificates(sets)
    ]
    return " ".join(["run_recover", *keys, *(shlex.quote(each.path) for each in sets), target])


def _recover(sets: Sequence[BackupSet]) -> Iterator[str]:
    """Yield which `recover.py` is run: the one beside the last of the sets, if it is ours."""
    kit = os.path.join(os.path.dirname(sets[-1].path), recovery_kit.NAME)
    yield f"recover={shlex.quote(kit)}"
    yield 'if [ -n "${RECOVER:-}" ]; then recover=$RECOVER; fi'
    yield f"digest={recovery_kit.digest()}"


def _certificates(sets: Sequence[BackupSet]) -> Mapping[str, str]:
    """Return the variable for the file of each certificate that sets need, with its thumbprint."""
    needed = dict.fromkeys(each for one in sets for each in one.thumbprints)
    return {f"PFX{number}" if number > 1 else "PFX": one for number, one in enumerate(needed, start=1)}


def _refuse_home(request: RestoreRequest, address: str, *, follow_links: bool, off_limits: OffLimits) -> None:
    """Raise `Refused` where the worker of a restore would: nothing is read from the home, or written into it."""
    given: dict[str, object] = {
        "sets": [recorded(each) for each in request.sets],
        "off_limits": asdict(off_limits),
    }
    if request.to_file is not None:
        path = new_file(request.to_file)
        reach.refuse_home("restore_file", {**given, "path": path, "directory": os.path.dirname(path)})
    else:
        where = {"address": address, "database": request.database, "follow_links": follow_links}
        reach.refuse_home("restore", {**given, **where})


def _target(request: RestoreRequest, address: str, *, follow_links: bool, off_limits: OffLimits) -> tuple[str, bool]:
    """Return the file that is written, and whether it replaces one."""
    if request.to_file is not None:
        path = new_file(request.to_file)
        files.require_directory(path)
    else:
        try:
            path = names.locate(address, request.database, follow_links=follow_links, off_limits=off_limits)[1]
        except NotFound:
            if not request.create_if_missing:
                raise
            as_recorded = request.database == request.sets[-1].database
            path = names.new_database(address, request.database, as_recorded=as_recorded)
        else:
            if not request.must_be_new:
                return path, True
    if os.path.lexists(path):
        raise files.is_there(path)
    names.refuse_side_files(path)
    return path, False


def _remarks(request: RestoreRequest, path: str) -> Iterator[str]:
    last = request.sets[-1]
    yield f"Brings back {last.database} as of {exact_utc(last.finished_at)} UTC, without pwsops."
    yield f"It goes into {path}. Stop every program that uses that database first."
    yield "It needs Python 3.9 or newer with the zstandard module (or Python 3.14)."
    for variable, thumbprint in _certificates(request.sets).items():
        yield (
            "It is encrypted, which needs the module cryptography as well, and the .pfx file of the certificate "
            f"{thumbprint}: run this as {variable}=FILE.pfx sh SCRIPT."
        )
