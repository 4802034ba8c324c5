"""A piece of a page written as a template: real tables, lists and buttons, escaped, and changed in place.

Everything that comes from a server or a catalogue reaches a page through these templates, which escape it; nothing is
marked safe but our own icons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakSet

import panel as pn
import param
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup as Safe

from pwsops import commands
from pwsops.signin.sessions import Session as SignedIn
from pwsops.web import door
from pwsops.web.panel_compat import JSPiece
from pwsops.web.ui import formatting

WEB = Path(__file__).parents[1]
CSS = (WEB / "static" / "pwsops.css").read_text(encoding="utf-8")


def script(*names: str) -> str:
    """Return parts of what runs in the browser as one module: a piece of a page can import nothing of ours."""
    return "\n".join((WEB / "static" / name).read_text(encoding="utf-8") for name in names)


_ICONS = {
    "check": "M20 6 9 17l-5-5",
    "cross": "M18 6 6 18M6 6l12 12",
    "warning": "M12 3 2 20h20L12 3zM12 10v4M12 17v.5",
    "info": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 7.5V8",
    "clock": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.5 2",
    "running": "M21 12a9 9 0 1 1-6.2-8.6",
    "stop": "M6 6h12v12H6z",
    "pause": "M8 5v14M16 5v14",
    "play": "M7 4l13 8-13 8z",
    "left": "M15 5l-7 7 7 7",
    "right": "M9 5l7 7-7 7",
    "down": "M12 5v14M6 13l6 6 6-6",
    "save": "M12 4v11M7 10l5 5 5-5M4 20h16",
    "plus": "M12 5v14M5 12h14",
    "folder": "M3 6.5h6l2 2.5h10v10H3z",
    "file": "M6 3h8l4 4v14H6zM14 3v4h4",
    "power": "M12 3v9M6.3 7.5a8 8 0 1 0 11.4 0",
    "profiles": "M3 3h8v10H3zM15 3h6v6h-6zM15 13h6v8h-6zM3 17h8v4H3z",
    "history": "M3 12a9 9 0 1 0 3-6.7L3 8M3 3.5V8h4.5M12 7v5l3.5 2",
    "databases": "M4 6c0-4 16-4 16 0s-16 4-16 0zM4 6v12c0 4 16 4 16 0V6M4 12c0 4 16 4 16 0",
    "key": "M15 3a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM10.8 13.2L3 21M6 18l3 3",
    "lock": "M5 11h14v10H5zM8 11V8a4 4 0 0 1 8 0v3",
    "audit": "M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6",
    "settings": "M3 7h9M18 7h3M15 4a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM3 17h3M12 17h9M9 14a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
}


OnAction = Callable[[str, str], None]
OnField = Callable[[str, str, str | bool], None]


@cache
def icon(name: str) -> Safe:
    """Return one of our icons; always beside a word, so readers pass it over."""
    return Safe(
        '<svg class="icon icon-{}" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="{}"/></svg>'
    ).format(name, _ICONS[name])


_templates = Environment(
    loader=FileSystemLoader([WEB / "ui" / "templates", WEB / "pages", WEB / "signin" / "templates"]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals.update(icon=icon, words=formatting)


def render(template: str, **values: Any) -> str:
    """Fill a template of ours; every value is escaped, and the commands in what is said are shown as code."""
    return commands.in_page(_templates.get_template(template).render(**values))


_EARLY = 1_000
"""How many messages may have overtaken the one that is waited for."""
_EARLY_BYTES = 8 * 1024 * 1024
"""What they may hold, of all pages of one person. A chosen file, the largest of all messages, has less than 3 MiB."""
_NAME_LENGTH = 1_024
"""Characters of what was done, and of which one it was done with."""
_TEXT_LENGTH = 64 * 1024
"""Characters of what is typed into one field. Only chosen files are longer."""
_FILES = "files"


class _Order:
    """Puts the messages of one of the browser's models, numbered from 1 on, into the order they were sent in."""

    def __init__(self) -> None:
        self.seen = 0
        self.held = 0
        """About how many bytes the messages have that wait for another."""
        self._early: dict[int, dict[str, Any]] = {}

    def admit(self, message: Any) -> Iterator[dict[str, Any]]:
        """Take a message, and give those whose turn it is now."""
        number = message.get("number") if isinstance(message, dict) else None
        if not isinstance(number, int) or not self.seen < number <= self.seen + _EARLY:
            return
        # The toolkit hands some messages over at once and others later; what was typed first must come first.
        size = _size(message)
        if number in self._early or (number > self.seen + 1 and not _has_room(self, size)):
            return
        self._early[number] = message
        self.held += size
        while (due := self._early.pop(self.seen + 1, None)) is not None:
            self.seen += 1
            self.held -= _size(due)
            yield due


_waiting: dict[str, WeakSet[_Order]] = {}
"""By person, the orders in which something waits, or did."""


def _has_room(order: _Order, size: int) -> bool:
    """Whether a message that came early may be kept; what a browser sends of itself always may."""
    visit = _visit()
    theirs = _waiting.setdefault(visit.whose if visit is not None else "", WeakSet())
    theirs.add(order)
    return sum(pane.held for pane in theirs) + size <= _EARLY_BYTES


def _size(message: dict[str, Any]) -> int:
    # Of what pages send, each value is a text or smaller; of what is made up, its text is about as long as it is large.
    return sum(len(value if isinstance(value, str) else repr(value)) for value in message.values())


def _visit() -> door.Visit | None:
    """Return the visit of the person at the page which is being served."""
    document = pn.state.curdoc
    return door.visit_of(document.session_context) if document is not None else None


def _active() -> None:
    """Note that the person at the page which is being served did something: that puts the idle limit off."""
    visit = _visit()
    if isinstance(visit, SignedIn):
        visit.active()


class Markup(JSPiece):
    """Shows a filled template, and says what is done with it.

    A click on something with ``data-action`` comes back to `on_action` as that action and its ``data-key``, a
    double click as ``data-double``, one of several radio buttons, clicked on or with Enter, as ``data-pick``; a
    change of a field with ``data-field`` comes to `on_field` as the field, its ``data-key`` and its value (text;
    for a check box whether it is checked). Enter in a field of a ``data-form`` presses its ``data-default``; Escape
    presses ``data-cancel``. What is being typed is never overwritten. Text with a ``data-announce`` (a name of its
    own in the piece) goes to the page's live region when it changes.
    """

    html = param.String(default="", doc="The filled template.")
    piece = param.String(default="", doc="Which template it is; with the address it tells one form from another.")
    seen = param.Integer(default=0, doc="How many of the browser's messages the template knows of.")

    _esm = script("drawn.js", "attention.js", "typed.js", "markup.js")

    def __init__(self, on_action: OnAction | None = None, on_field: OnField | None = None, **params: Any) -> None:
        # The look lives in one file; a shadow root sees no other, so each piece brings it.
        super().__init__(**{"stylesheets": [CSS], "sizing_mode": "stretch_width", "margin": 0, **params})
        self._on_action = on_action
        self._on_field = on_field
        self._order = _Order()

    def show(self, template: str, **values: Any) -> None:
        """Fill a template and show it; nothing is sent where nothing differs."""
        self.param.update(piece=template, html=render(template, **values), seen=self._order.seen)

    def renewed(self) -> None:
        """Count anew, as the new model does."""
        self._order = _Order()
        self.seen = 0

    def _handle_msg(self, data: Any) -> None:
        for message in self._order.admit(data):
            self.take(message)
        self.seen = self._order.seen

    def take(self, message: dict[str, Any]) -> None:
        """Do what one message of the browser says."""
        _active()
        field, action, key, value = (message.get(name) for name in ("field", "action", "key", "value"))
        if not _are_names(field, action, key):
            return
        if field is not None and self._on_field is not None:
            text = value if isinstance(value, bool) else str(value)
            if field == _FILES or isinstance(text, bool) or len(text) <= _TEXT_LENGTH:
                self._on_field(field, key or "", text)
        elif action is not None and self._on_action is not None:
            self._on_action(action, key or "")


def _are_names(*texts: Any) -> bool:
    """Whether these are what our templates name things by; pages keep some of them."""
    return all(text is None or (isinstance(text, str) and len(text) <= _NAME_LENGTH) for text in texts)
