"""Text of the scripts that restore without us: it is printed on terminals, and has names in it that others gave."""

from __future__ import annotations

from datetime import UTC, datetime

from pwsops.errors import InvalidInput


def exact_utc(at: datetime) -> str:
    """Return an instant in UTC, with fractions of a second where it has any."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")


def one_line(text: str) -> str:
    """Return text for a remark, which ends with its line."""
    return " ".join(text.split())


def require_printable(script: str, database: str) -> None:
    """Raise `InvalidInput` for a script with a character that steers a terminal, where a name has one."""
    if not all(char.isprintable() or char == "\n" for char in script):
        raise InvalidInput(
            f"The restore of {database} cannot be written as a script: a name in it has a character that cannot be "
            "printed.",
            hint="Restore it with `pwsops restore`, or rename what has that name first.",
        )
