"""What an instance of SQLite files may be told: how long it waits and lets wait, whether it follows links, and more."""

from __future__ import annotations

from collections.abc import Sequence

from pwsops.engines.options import Option, OptionKind
from pwsops.engines.sqlite.limits import DEFAULTS

_LONGEST_S = 3600.0
_MEANINGS = {
    "busy_s": ("Wait for a lock", "So many seconds somebody else's lock is waited for."),
    "slice_s": (
        "Hold writers out",
        "So many seconds at a time a backup may keep the writers of a rollback-journal database waiting.",
    ),
    "current_s": (
        "Look for a current file",
        "So many seconds a moment is looked for in which the log is wholly in its file, before a copy is made instead.",
    ),
}

_WAITS = tuple(
    Option(
        key=key,
        title=title,
        meaning=meaning,
        kind=OptionKind.NUMBER,
        default=DEFAULTS[key],
        bounds=(0.0, _LONGEST_S),
        asked=False,
    )
    for key, (title, meaning) in _MEANINGS.items()
)
OPTIONS: Sequence[Option] = (
    *_WAITS,
    Option(
        key="follow_links",
        title="Follow links",
        meaning="Back up and restore through databases that are symbolic links.",
        kind=OptionKind.TRUTH,
        default=False,
        warnings={True: "People who may write in its directory can lead backups and restores to files elsewhere."},
        asked=False,
        reaches_out=True,
    ),
    Option(
        key="scratch_directory",
        title="Directory for drills",
        meaning="Where drills restore to; where it is not given, in the home of pwsops.",
        asked=False,
        reaches_out=True,
    ),
)
