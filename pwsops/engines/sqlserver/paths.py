"""Paths on the database server: built in its flavour, never in ours."""

from __future__ import annotations

import ntpath
import posixpath
import re
from types import ModuleType

WINDOWS, POSIX = "windows", "posix"
MEDIA = ".bak"
_VERBATIM = re.compile(r"^\\\\[?.]\\(?P<share>unc\\)?")
_STRIPE = re.compile(r"~(?P<number>\d{1,2})of(?P<count>\d{1,2})$")


def module(flavour: str) -> ModuleType:
    """Return the path module of a flavour."""
    return ntpath if flavour == WINDOWS else posixpath


def is_absolute(path: str, flavour: str) -> bool:
    r"""Whether a path means one place. On Windows that takes a drive or a share: ``\folder`` hangs on a drive."""
    if flavour == POSIX:
        return path.startswith("/")
    drive, rest = ntpath.splitdrive(path)
    return bool(drive) and (rest[:1] in ("\\", "/") or drive.startswith(("\\\\", "//")))


def join(flavour: str, directory: str, name: str) -> str:
    """Build a path from a directory and a name."""
    return str(module(flavour).join(directory, name))


def split(flavour: str, path: str) -> tuple[str, str]:
    """Take a path apart into its directory and its last name."""
    directory, name = module(flavour).split(path)
    return str(directory), str(name)


def normal(flavour: str, path: str) -> str:
    r"""Return a path in the one spelling that all of its spellings have in common.

    Windows tells no case apart, takes either slash, leaves out the dots and blanks that a name ends in, and knows
    ``\\?\`` before a path that it takes as it is.
    """
    if flavour == POSIX:
        # Two slashes at the beginning are one to Linux, whatever POSIX leaves open.
        return posixpath.normpath(re.sub("^//+", "/", path))
    plain = _VERBATIM.sub(lambda found: "\\\\" if found["share"] else "", ntpath.normcase(path))
    plain = re.sub(r"(?<=[^\\. ])[. ]+(?=\\|$)", "", plain)
    return ntpath.normpath(plain)


def same(flavour: str, one: str, other: str) -> bool:
    """Whether two paths are spelled for one file."""
    return normal(flavour, one) == normal(flavour, other)


def is_media(name: str) -> bool:
    """Whether a file is called like a backup: ``.bak``, in either case of letters."""
    return name.lower().endswith(MEDIA)


def _marked(path: str, mark: str) -> str:
    stem, extension = posixpath.splitext(path) if is_media(path) else (path, "")
    return f"{stem}{mark}{extension}"


def alternate(path: str, number: int) -> str:
    """Return the name that is taken instead, from 2 on: the second of two that alternate, or where that is taken."""
    return _marked(path, f"~{number}")


def damaged(name: str) -> str:
    """Return the name under which what can be read of a damaged database is kept."""
    return _marked(name, "~damaged")


def stripes(path: str, count: int) -> list[str]:
    """Return the files of a backup that is written to several at once; the first stands for all of them."""
    if count == 1:
        return [path]
    return [_marked(path, f"~{number}of{count}") for number in range(1, count + 1)]


def siblings(path: str) -> list[str]:
    """Return all stripes that belong with one that we named; a path alone where it is no stripe of ours."""
    stem, extension = posixpath.splitext(path)
    match = _STRIPE.search(stem)
    if match is None:
        return [path]
    return stripes(stem[: match.start()] + extension, int(match["count"]))
