"""Where somebody's attention goes after a change: the focus, and what is announced to whoever does not see the page."""

from __future__ import annotations

import param


class Attention(param.Parameterized):
    """What the browser is told of it; each wish has a number, so that the same one counts twice."""

    focus = param.Dict(default={}, doc="`selectors` of what gets the focus and comes into sight, and a `number`.")
    announced = param.Dict(default={}, doc="`text` for the live region of the page, and a `number`.")

    def focus_on(self, *selectors: str) -> None:
        """Ask for the focus on what is visible and found by the first of these selectors that finds something."""
        self.focus = {"selectors": list(selectors), "number": self.focus.get("number", 0) + 1}

    def focus_on_action(self, action: str, key: str) -> None:
        """Ask for the focus on the button of an action on something; a row may have the same action."""
        self.focus_on(f':is(a, button)[data-action="{action}"][data-key="{_escaped(key)}"]')

    def announce(self, text: str) -> None:
        """Have something read out where the page is not looked at."""
        self.announced = {"text": text, "number": self.announced.get("number", 0) + 1}


def _escaped(text: str) -> str:
    """Return a text for a quoted string of a selector: as CSS escapes each character that could end it."""
    return "".join(char if char.isalnum() or char in " -_./" else f"\\{ord(char):x} " for char in text)
