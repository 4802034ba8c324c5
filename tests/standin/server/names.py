"""Things by name, in the way of the server: without regard to case and blanks at the end."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TypeVar

Thing = TypeVar("Thing")


def _key(name: str) -> str:
    return name.rstrip(" ").casefold()


class Names(MutableMapping[str, Thing]):
    """A mapping whose keys are names; each is given back as it was first spelled."""

    def __init__(self) -> None:
        self._things: dict[str, tuple[str, Thing]] = {}

    def __getitem__(self, name: str) -> Thing:
        return self._things[_key(name)][1]

    def __setitem__(self, name: str, thing: Thing) -> None:
        self._things[_key(name)] = (name, thing)

    def __delitem__(self, name: str) -> None:
        del self._things[_key(name)]

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in list(self._things.values())])

    def __len__(self) -> int:
        return len(self._things)
