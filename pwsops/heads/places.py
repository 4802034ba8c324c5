"""Where the heads of the audit log go: `audit.toml` of the home's owner."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE_NAME = "audit.toml"
DEFAULT = "audit-heads.log"
_KEYS = {"heads", "journal", "since"}
_SINCE = (
    f"`since` in {FILE_NAME} counts no more: every head is compared, and `pwsops audit acknowledge` writes down what "
    "is explained"
)


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where heads go.

    Parameters
    ----------
    file
        The file that only grows.
    journal
        Whether they go to the system's journal as well, where it has one.
    problem
        Why the configuration, or part of it, is not in force; empty: it is, or there is none.
    """

    file: Path
    journal: bool = True
    problem: str = ""


def read_places(home: Path) -> Places:
    """Return where heads go. What cannot be read of the configuration has its default, and that is said."""
    path = home / FILE_NAME
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
        return _checked(home, settings)
    except FileNotFoundError:
        return Places(file=home / DEFAULT)
    except (OSError, ValueError) as error:
        return Places(file=home / DEFAULT, problem=f"{path} cannot be used: {error}")


def _checked(home: Path, settings: dict[str, object]) -> Places:
    heads, journal, since = settings.get("heads", DEFAULT), settings.get("journal", True), settings.get("since")
    if unknown := settings.keys() - _KEYS:
        raise ValueError(f"it says what is not known: {', '.join(sorted(unknown))}")
    if not isinstance(heads, str) or not heads or not isinstance(journal, bool):
        raise ValueError("`heads` is a path, and `journal` is true or false")
    return Places(file=home / heads, journal=journal, problem="" if since is None else _SINCE)
