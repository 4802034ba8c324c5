"""The heads in the system's journal: written to journald, or to syslog, and read back where `journalctl` can.

The formats are those of systemd's native journal protocol and of RFC 3164.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pwsops import spawning
from pwsops.heads.file import line_of, name_of, parse
from pwsops.heads.places import read_places
from pwsops.rules.audit import Head, HeadSource

IDENTIFIER = "pwsops-audit"
JOURNALD = Path("/run/systemd/journal/socket")
SYSLOG = Path("/dev/log")
JOURNALCTL = "journalctl"
NAME = "the system's journal"
MOST_READ = 20_000
"""So many heads are read back, the newest."""
READ_LIMIT_S = 20.0
_NOTICE = 5
_AUTHPRIV = 10


@dataclass(frozen=True, kw_only=True)
class JournalHeads:
    """What the journal told: its heads, and how long each file of heads was."""

    source: HeadSource
    file_bytes: Mapping[str, int] = field(default_factory=dict)


def where() -> str:
    """Return what takes heads on this machine, as people call it; empty: nothing does."""
    if JOURNALD.exists():
        return "journald"
    return "syslog" if SYSLOG.exists() else ""


def write(home: Path, head: Head, *, file_bytes: int) -> str:
    """Write a head to the journal, and how long the file of heads is; returns why that was not possible, if so."""
    kind = where()
    line = line_of(home, head, bytes=file_bytes, file=str(read_places(home).file))
    if kind == "journald":
        text = f"MESSAGE={line}\nSYSLOG_IDENTIFIER={IDENTIFIER}\nPRIORITY={_NOTICE}\nSYSLOG_FACILITY={_AUTHPRIV}\n"
        return _send(JOURNALD, text, kind)
    return _send(SYSLOG, f"<{_AUTHPRIV * 8 + _NOTICE}>{IDENTIFIER}: {line}", kind) if kind else ""


def _send(path: Path, text: str, kind: str) -> str:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto(text.encode(), str(path))
    except OSError as error:
        return f"{kind} did not take it: {error.strerror or error}"
    return ""


def read(home: Path) -> JournalHeads | None:
    """Return the heads of a home that the journal has; None where there is no journal that can be read back."""
    program = shutil.which(JOURNALCTL) if JOURNALD.exists() else None
    if program is None:
        return None
    # Anybody may write under our name; who it was is journald's own word.
    writers = [f"_UID={uid}" for uid in sorted({0, home.stat().st_uid})]
    command = [program, "--output=json", f"--identifier={IDENTIFIER}", "--no-pager", "--quiet", f"-n{MOST_READ}"]
    try:
        done = subprocess.run(
            [*command, *writers], capture_output=True, timeout=READ_LIMIT_S, check=False, env=spawning.environment()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return JournalHeads(source=HeadSource(name=NAME, not_asked=f"{error}."))
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()[:200] or f"journalctl ended with {done.returncode}"
        return JournalHeads(source=HeadSource(name=NAME, not_asked=f"{reason.rstrip('.')}."))
    return _parsed(home, done.stdout)


def _parsed(home: Path, output: bytes) -> JournalHeads:
    heads, sizes = list[Head](), dict[str, int]()
    for line in output.splitlines():
        try:
            message = json.loads(line)["MESSAGE"]
            of, head, size = parse(message)
            file = str(json.loads(message)["file"])
        except (ValueError, TypeError, KeyError):
            continue  # what else was written under that name
        if of == name_of(home):
            heads.append(head)
            sizes[file] = max(size, sizes.get(file, 0))
    return JournalHeads(source=HeadSource(name=NAME, heads=heads), file_bytes=sizes)
