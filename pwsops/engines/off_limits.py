"""What no instance reaches, by whatever name: the home, and where another instance keeps its databases.

Who could restore into the home would put another catalogue, and another audit log, in the place of ours. What is done
to a database under the name of another instance is not known of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pwsops import foreign
from pwsops.errors import Refused

DRILLS = "drills"
"""Where in a home the scratches of drills are."""
OF_THE_HOME = ("logs", "processes", "signin", DRILLS)
"""The directories of a home that are its own; others (the samples) are only kept there."""
HINT = "Choose another directory. To restore a backup that lies there, copy it to another directory first."


@dataclass(frozen=True, kw_only=True)
class OffLimits:
    """What one instance does not reach. Plain values, because they travel between processes.

    Parameters
    ----------
    home
        The home's real path; empty: there is none.
    files
        Which files lie in the home, as (device, inode): they may have other names elsewhere.
    others
        The real directory of each other instance of this machine. What they are called is not told: the reasons below
        are read by those who may not know of them.
    """

    home: str = ""
    files: Sequence[Sequence[int]] = ()
    others: Sequence[str] = ()
    scratch: str = ""

    def is_home(self, real: str) -> bool:
        """Whether the file at a real path would be one of the home: in it, or in one of its own directories."""
        if not self.home or os.path.commonpath([self.home, real]) != self.home:
            return False
        if self.scratch and os.path.dirname(real) == self.scratch:
            return False
        first, _, rest = os.path.relpath(real, self.home).partition(os.sep)
        return first in OF_THE_HOME or not rest

    def is_in_home(self, directory: str) -> bool:
        """Whether what is put into a real directory would be a file of the home."""
        return self.is_home(os.path.join(directory, "any"))

    def refuse_home(self, what: str, path: str) -> None:
        """Raise `Refused` where a directory is the home's own, by whatever name."""
        if self.is_in_home(foreign.real(path)):
            raise Refused(
                f"{what} {path} is not used: it is the home {self.home} of pwsops itself, or leads into it.", hint=HINT
            )

    def why_not(self, real: str, *, linked: bool) -> str:
        """Return why the file at a real path is no database of the instance; empty: it is.

        `linked`: it was reached by a symbolic link in the instance's directory.
        """
        if self.is_home(real) or self._is_file_of_home(real):
            return f"it is a file of the home {self.home} of pwsops itself"
        directory = os.path.dirname(real)
        if linked and any(os.path.commonpath([other, directory]) == other for other in self.others):
            return "it leads to where another instance keeps its databases, and there they are its own"
        return ""

    def refuse_database(self, path: str, real: str, *, linked: bool) -> None:
        """Raise `Refused` where the file that a database really is, is none of the instance's."""
        if why := self.why_not(real, linked=linked):
            raise Refused(f"The database {path} is not used: {why}.", hint=HINT)

    def _is_file_of_home(self, real: str) -> bool:
        with suppress(OSError):
            facts = os.stat(real)
            return facts.st_nlink > 1 and [facts.st_dev, facts.st_ino] in map(list, self.files)
        return False


NOTHING = OffLimits()


def of_home(home: Path, others: Sequence[str]) -> OffLimits:
    """Return what is off limits beside this home."""
    files: list[tuple[int, int]] = []
    with suppress(OSError), os.scandir(home) as entries:
        files = [(facts.st_dev, facts.st_ino) for facts in map(_facts, entries) if facts is not None]
    return OffLimits(home=os.path.realpath(home), files=files, others=others)


def of_values(values: Mapping[str, Any] | None) -> OffLimits:
    """Return what a request names."""
    return NOTHING if values is None else OffLimits(**values)


def _facts(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return os.stat(entry.path)
    except OSError:
        return None
