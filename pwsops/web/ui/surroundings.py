"""Light or dark, as the page around a cell of a notebook is, and whether anybody looks at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param
from panel.custom import JSComponent

from pwsops.web.ui.markup import script
from pwsops.web.ui.theme import DARK, LIGHT, Palette, variables


def _declared(colours: Palette) -> str:
    return " ".join(f"{name}: {value};" for name, value in variables(colours).items())


PALETTES = f"""
:host {{ {_declared(LIGHT)} color-scheme: light; background: var(--pw-canvas); border-radius: 8px; gap: 12px;
  padding: 12px; }}
:host([data-dark]) {{ {_declared(DARK)} color-scheme: dark; }}
"""
"""Colours of our own for what stands in `Surroundings`' container, whatever the page around it has."""


_MOST_PLACES = 50
_NAME_LENGTH = 40


class Surroundings(JSComponent):  # type: ignore[misc]  # panel ships no complete types
    """Nothing to see: marks the container it stands in as dark where the page around is.

    Parameters
    ----------
    on_seen
        Called with whether anybody looks at it, when that changes: a cell may be shown in several places, and in none.
    """

    served = param.Boolean(default=False, doc="Whether a server has the page, and no notebook.")
    dark = param.Boolean(default=False, doc="Whether the page around is dark; the browser says so.")
    places = param.List(default=[], doc="Where it is shown, by names that the browser makes up.")

    _esm = script("drawn.js", "surroundings.js")

    def __init__(self, on_seen: Callable[[bool], None], **params: Any) -> None:
        super().__init__(**{"width": 0, "height": 0, "margin": 0, **params})
        self._on_seen = on_seen

    def _handle_msg(self, data: Any) -> None:
        seen, place = (data.get("seen"), data.get("place")) if isinstance(data, dict) else (None, None)
        if not isinstance(seen, bool) or not isinstance(place, str) or len(place) > _NAME_LENGTH:
            return
        before, others = list(self.places), [each for each in self.places if each != place]
        # The browser says it again until it reads it here; what it said of its colours may be lost as well.
        if isinstance(data.get("dark"), bool):
            self.dark = data["dark"]
        self.places = [*others, place][-_MOST_PLACES:] if seen else others
        if bool(before) != bool(self.places):
            self._on_seen(seen)
