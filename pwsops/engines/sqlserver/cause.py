"""One cause of a server's error, and its next step; those that several of its numbers share."""

from __future__ import annotations

from dataclasses import dataclass

from pwsops.errors import (
    EngineError,
    MediaError,
    PwsopsError,
)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One cause and its next step."""

    text: str
    step: str
    kind: type[PwsopsError] = EngineError
    transient: bool = False


def damaged(text: str) -> Cause:
    """Return the cause of a backup that cannot be read: another one helps."""
    return Cause(
        text=text,
        step="Use another backup; if this one was copied here, copy it again. Verify the others of this directory.",
        kind=MediaError,
    )


def busy(text: str, step: str) -> Cause:
    """Return a cause that may pass by itself."""
    return Cause(text=text, step=step, transient=True)


UNREADABLE_DATABASE = Cause(
    text="the server cannot read a file of {database}: {system}",
    step="Keep the older backups. Check the disk, and have DBCC CHECKDB say what is damaged.",
)
IN_A_GROUP = Cause(
    text="{database} is in an availability group, where it cannot be restored over",
    step="Take it out of the group (ALTER AVAILABILITY GROUP … REMOVE DATABASE), restore it, then add it again.",
)
