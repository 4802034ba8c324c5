"""How sizes are said: the same unit and the same figures on every face. Pure."""

from __future__ import annotations

import humanize


def told(size_bytes: float) -> str:
    """Return a size in decimal units, to one figure behind the point."""
    return str(humanize.naturalsize(size_bytes, format="%.1f")).replace("Byte", "byte")
