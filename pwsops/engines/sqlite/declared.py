"""What the header and the trailer of a media file may declare. Anybody can write one whose checksum holds.

Types, sizes, counts and dates are looked at before anything is done with them. `ValueError` says what is not as it must
be.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MOST_FRAMES = 1 << 31
TEXT_LIMIT = 1 << 16
_HEADER_TEXTS = ("set_id", "database", "kind", "description", "app", "sqlite")
_BASE_TEXTS = ("set_id", "digest")
_ENVELOPE_TEXTS = ("thumbprint", "subject", "wrapped_key", "algorithm", "wrapping")


def check_header(content: Mapping[str, Any]) -> None:
    """Look at a header's content."""
    _texts(content, _HEADER_TEXTS)
    _instant(content, "started_at")
    _whole(content, "page_size", 1 << 16)
    _whole(content, "page_count", (1 << 32) - 2)
    if content["base"] is not None:
        base = _object(content, "base")
        _texts(base, _BASE_TEXTS)
        _whole(base, "page_count", (1 << 32) - 2)
    if "encryption" in content:
        _texts(_object(content, "encryption"), _ENVELOPE_TEXTS)


def check_trailer(content: Mapping[str, Any]) -> None:
    """Look at a trailer's content."""
    _texts(content, ("heads_digest",))
    _texts(content, [name for name in ("damaged", "seal") if name in content])
    _instant(content, "finished_at")
    _whole(content, "frames", MOST_FRAMES)
    _whole(content, "stored_pages", (1 << 32) - 2)
    _whole(content, "frames_bytes", 1 << 63)


def _object(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = content[name]
    if not isinstance(found, dict):
        raise ValueError(f"{name} is no object")
    return found


def _texts(content: Mapping[str, Any], names: tuple[str, ...] | list[str]) -> None:
    for name in names:
        if not isinstance(content[name], str) or len(content[name]) > TEXT_LIMIT:
            raise ValueError(f"{name} is no text that one of ours could have")


def _whole(content: Mapping[str, Any], name: str, most: int) -> None:
    # True and False are whole numbers to Python.
    if type(content[name]) is not int or not 0 <= content[name] <= most:
        raise ValueError(f"{name} is no possible number")


def _instant(content: Mapping[str, Any], name: str) -> None:
    try:
        at = datetime.fromisoformat(content[name])
        # What is told in another zone, or rounded, is an instant still.
        is_one = at.tzinfo is not None and datetime.min.year < at.astimezone(UTC).year < datetime.max.year
    except (TypeError, ValueError, OverflowError):
        is_one = False
    if not is_one:
        raise ValueError(f"{name} is no instant")
