"""Whether a path lies in one of some directories, by its name alone, as its server would read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeGuard


def is_within(path: str, roots: Iterable[str]) -> bool:
    """Return whether a path is one of these directories, or lies in one.

    A path that goes up anywhere lies nowhere: what it means is for its server to say. Windows takes either slash,
    either case, and leaves out dots and spaces at the end of a name, so that a name of nothing else may go up as well.
    The top of a file system, or of all shares of a server, is no such directory: everything lies there.
    """
    parts = _parts(path)
    return parts is not None and any(parts[: len(root)] == root for root in map(_parts, roots) if _is_narrow(root))


def _is_narrow(root: Sequence[str] | None) -> TypeGuard[Sequence[str]]:
    return root is not None and len(root) > (2 if root[0] == "\\\\" else 1)


def _parts(path: str) -> Sequence[str] | None:
    """Return the names on the way to a path, the topmost with its slashes; None where it goes up, or begins nowhere."""
    if path.startswith("/"):
        names = [name for name in path.split("/") if name not in ("", ".")]
        return None if ".." in names else ["/", *names]
    plain = path.replace("/", "\\").lower()
    if not plain.startswith("\\\\") and plain[1:3] != ":\\":
        return None
    names = [name for name in plain.split("\\") if name]
    if any(not name.rstrip(" .") for name in names):
        return None
    return (["\\\\"] if plain.startswith("\\\\") else []) + [name.rstrip(" .") for name in names]
