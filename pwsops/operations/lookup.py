"""Find a profile by its name, or say which ones come near."""

from __future__ import annotations

from difflib import get_close_matches

from pwsops.catalogue import Connection, profiles
from pwsops.catalogue.profiles import ProfileRow
from pwsops.errors import NotFound


def find_profile(connection: Connection, name: str) -> ProfileRow:
    """Give the living profile of that name; raises `NotFound`."""
    row = profiles.find(connection, name)
    if row is not None:
        return row
    near = get_close_matches(name, [other.name for other in profiles.living(connection)], n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`pwsops profile list` shows those there are."
    raise NotFound(f"There is no profile {name!r}.", hint=hint)
