"""Whether a path lies in one of some directories, by its name alone, as its server would read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeGuard


def is_within(path: str, roots: Iterable[str]) -> bool:
    """Return whether a path is one of these directories, or lies in one.

    A path that goes up anywhere lies nowhere: what it means is for its server to say. SQL Server takes either slash on
    Linux, too. Windows takes either slash, either case, and leaves out dots and spaces at the end of a name, so that a
    name of nothing else may go up as well.
    The top of a file system, or of all shares of a server, is no such directory: everything lies there.
    """
    parts = _parts(path)
    return parts is not None and any(parts[: len(root)] == root for root in map(_parts, roots) if _is_narrow(root))


def depth(path: str, roots: Iterable[str]) -> int:
    """Return how many names the narrowest of these directories has in which a path lies; 0: it lies in none."""
    parts = _parts(path) or ()
    inside = (root for root in map(_parts, roots) if _is_narrow(root) and list(parts[: len(root)]) == list(root))
    return max(map(len, inside), default=0)


def is_plain(path: str) -> bool:
    """Whether a path begins at the top and never goes up, so that its names alone tell where it is."""
    return _parts(path) is not None


def is_share(path: str) -> bool:
    """Whether a path is one of another machine's share: whoever opens it shows its login there."""
    return path.replace("/", "\\").startswith("\\\\")


def _is_narrow(root: Sequence[str] | None) -> TypeGuard[Sequence[str]]:
    return root is not None and len(root) > (2 if root[0] == "\\\\" else 1)


def _parts(path: str) -> Sequence[str] | None:
    """Return the names on the way to a path, the topmost with its slashes; None where it goes up, or begins nowhere."""
    if path.startswith("/"):
        # SQL Server takes the other slash for one on Linux, too.
        names = [name for name in path.replace("\\", "/").split("/") if name not in ("", ".")]
        return None if ".." in names else ["/", *names]
    plain = path.replace("/", "\\").lower()
    if not plain.startswith("\\\\") and plain[1:3] != ":\\":
        return None
    names = [name for name in plain.split("\\") if name]
    if any(not name.rstrip(" .") for name in names):
        return None
    return (["\\\\"] if plain.startswith("\\\\") else []) + [name.rstrip(" .") for name in names]
