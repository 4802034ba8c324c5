"""A restore as a shell script: the call of `recover.py`, and what has to be done before and after it by hand."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from pwsops.engines.requests import RestoreRequest
from pwsops.engines.script_text import one_line, require_printable
from pwsops.engines.sqlite import files, names, recovery_kit
from pwsops.engines.sqlite.orders import new_file
from pwsops.errors import NotFound
from pwsops.rules.model import BackupSet

BEFORE = ".before-restore"
RESTORED = ".restored"


def write(request: RestoreRequest, *, address: str, follow_links: bool) -> str:
    """Return the script of a restore; see the protocol `Engine`.

    A database that is there is kept beside, with what SQLite has put there: `recover.py` writes new files only.
    """
    if request.to_file is not None:
        path, replaces = new_file(request.to_file), False
    else:
        path, replaces = _target(request, address, follow_links=follow_links)
    if (request.to_file is not None or request.must_be_new) and os.path.lexists(path):
        raise files.is_there(path)
    target = names.beside(path, RESTORED) if replaces else path
    lines = [
        "#!/bin/sh",
        *_remarks(request, path),
        "set -e",
        recover_call(request.sets, target),
        *(_exchange(path, target) if replaces else ()),
    ]
    script = "\n".join(lines) + "\n"
    require_printable(script, request.database)
    return script


def recover_call(sets: Sequence[BackupSet], target: str) -> str:
    """Return the command that makes `target` out of sets; the script is taken from beside the last of them."""
    keys = [
        f'--pfx "${{{variable}:?set it to the .pfx file of the certificate that the remark above names}}"'
        for variable in _certificates(sets)
    ]
    kit = os.path.join(os.path.dirname(sets[-1].path), recovery_kit.NAME)
    quoted = [shlex.quote(one) for one in (*(each.path for each in sets), target)]
    return " ".join(["python3", shlex.quote(kit), *keys, *quoted])


def _certificates(sets: Sequence[BackupSet]) -> dict[str, str]:
    """Return the variable for the file of each certificate that sets need, with its thumbprint."""
    needed = dict.fromkeys(each for one in sets for each in one.thumbprints)
    return {f"PFX{number}" if number > 1 else "PFX": one for number, one in enumerate(needed, start=1)}


def _target(request: RestoreRequest, address: str, *, follow_links: bool) -> tuple[str, bool]:
    try:
        return names.locate(address, request.database, follow_links=follow_links)[1], True
    except NotFound:
        if not request.create_if_missing:
            raise
    as_recorded = request.database == request.sets[-1].database
    return names.new_database(address, request.database, as_recorded=as_recorded), False


def _remarks(request: RestoreRequest, path: str) -> list[str]:
    last = request.sets[-1]
    remarks = [
        f"Brings back {one_line(last.database)} as of {last.finished_at:%Y-%m-%d %H:%M:%S} UTC, without pwsops.",
        f"It goes into {one_line(path)}. Stop every program that uses that database first.",
        "It needs Python 3.9 or newer with the zstandard module (or Python 3.14).",
    ]
    for variable, thumbprint in _certificates(request.sets).items():
        remarks.append(
            "It is encrypted, which needs the module cryptography as well, and the .pfx file of the certificate "
            f"{one_line(thumbprint)}: run this as {variable}=FILE.pfx sh SCRIPT."
        )
    return [f"# {each}" for each in remarks]


def _exchange(path: str, target: str) -> list[str]:
    """Return what puts the new file in the place of the old one, which is kept; nothing is ever written over."""
    kept = names.beside(path, BEFORE)
    return [
        "# What the database holds now is kept beside it, with the log that belongs to it.",
        *(
            f"if [ -e {shlex.quote(path + end)} ]; then mv {shlex.quote(path + end)} {shlex.quote(kept + end)}; fi"
            for end in ("", *names.BESIDE)
        ),
        f"mv {shlex.quote(target)} {shlex.quote(path)}",
    ]
