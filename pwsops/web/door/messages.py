"""What a page sends to the server: anything else was made up.

Seen of pages with both supported ends of the toolkit: one question for the document, then changes of a few properties
of the browser's and messages of our own components. The toolkit's decoder knows many more types, and some of them cost
a thousand times what they weigh (`bytes` is unpacked without a bound, `ndarray` reserves what it is told to). So what
is allowed is named here, and everything else is refused before the decoder sees it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

PULL, PATCH = "PULL-DOC-REQ", "PATCH-DOC"
_SMALL = 1_024
"""Bytes of a message's head and of what it says of itself."""
_CHANGED = 16 * 1024
"""Characters of a changed property: an address is the longest, and no request's header is longer."""
_DEPTH = 16
_AT_ONCE = 64
"""Changes in one message; pages send one, and a few where the toolkit puts them together."""
_VALUES = 20_000
"""Values in one message. Each costs some hundred bytes, however short it is written."""
_EVENTS = frozenset({"document_ready", "data_event", "tap"})
_SIZES = frozenset({"inner_width", "inner_height", "outer_width", "outer_height"})
"""What a figure tells of its place on the page."""
_LARGEST = 1 << 20
"""Pixels of a figure's side."""
_TAP = frozenset({"model", "sx", "sy", "x", "y", "modifiers"})
_TOOLBAR = re.compile(
    r"\s*\.bk-right\.bk-active, \.bk-above\.bk-active \{\s*"
    r"--highlight-color: #[0-9a-fA-F]{6} !important;\s*\}\s*"
)
"""What the toolkit adds to the look of a figure's toolbar, which ours do not show, with each change of the scheme."""
_SCHEMES = 256
"""So often a page may change its scheme."""
_ATTRIBUTES = frozenset(
    # What the toolkit's models of the browser, of its address and of the page's frame tell.
    {"dark_mode", "device_pixel_ratio", "language", "timezone", "timezone_offset", "webdriver", "webgl"}
    | {"href", "hostname", "pathname", "protocol", "port", "search", "hash", "reload"}
    | {"dark_theme", "sidebar_open"}
)


class Unexpected(Exception):
    """A message that no page of ours sends."""


class Frames:
    """Judges the frames of one page's messages, as they come: head, what it says of itself, content."""

    def __init__(self) -> None:
        self.kind = ""
        """Of the message whose frames are coming."""
        self._next: Callable[[str], None] = self._head

    def judge(self, frame: str | bytes) -> None:
        """Raise `Unexpected` for a frame that none of our pages sends; `ValueError` for one that cannot be read."""
        if not isinstance(frame, str):
            raise Unexpected("binary data")
        self._next(frame)

    def _head(self, frame: str) -> None:
        head = _parsed(frame, _SMALL)
        if not isinstance(head, dict) or not head.keys() <= {"msgid", "msgtype", "num_buffers"}:
            raise Unexpected("another head of a message")
        if not isinstance(head.get("msgid"), str) or head.get("num_buffers", 0) != 0:
            raise Unexpected("a message with binary data, or without a number")
        self.kind, self._next = str(head.get("msgtype")), self._about
        if self.kind not in (PULL, PATCH):
            raise Unexpected("another kind of message")

    def _about(self, frame: str) -> None:
        if _parsed(frame, _SMALL) != {}:
            raise Unexpected("a message that says something of itself")
        self._next = self._content

    def _content(self, frame: str) -> None:
        # Asked before it is read: what is read takes much more room than what is written.
        if sum(map(frame.count, "[{,")) > _VALUES:
            raise Unexpected("too many values")
        check(self.kind, json.loads(frame))
        self._next = self._head


def check(kind: str, content: Any) -> None:
    """Raise `Unexpected` for a message that none of our pages sends.

    Parameters
    ----------
    kind
        The protocol's message type.
    content
        Its content, decoded from JSON and nothing else.
    """
    if kind == PULL:
        if content != {}:
            raise Unexpected("a question with contents")
        return
    if kind != PATCH:
        raise Unexpected("another kind of message")
    events = content.get("events") if isinstance(content, dict) and content.keys() == {"events"} else None
    if not isinstance(events, list) or len(events) > _AT_ONCE:
        raise Unexpected("a change without events, or with too many")
    for event in events:
        _check_event(event)


def _check_event(event: Any) -> None:
    keys = event.keys() if isinstance(event, dict) else None
    if keys == {"kind", "model", "attr", "new"} and event["kind"] == "ModelChanged":
        _check_change(event)
    elif keys == {"kind", "msg_type", "msg_data"} and event["kind"] == "MessageSent":
        _check_sent(event)
    else:
        raise Unexpected("another kind of event")


def _check_change(event: dict[str, Any]) -> None:
    if not _is_reference(event["model"]):
        raise Unexpected("a change of what no page changes")
    new = event["new"]
    if (event["attr"] == "stylesheets" and _is_toolbar_look(new)) or (event["attr"] in _SIZES and _is_size(new)):
        return
    if event["attr"] not in _ATTRIBUTES:
        raise Unexpected("a change of what no page changes")
    if not _is_plain(new) or (isinstance(new, str) and len(new) > _CHANGED):
        raise Unexpected("a change to what no page changes it to")


def _check_sent(event: dict[str, Any]) -> None:
    sent = event["msg_data"]
    if event["msg_type"] != "bokeh_event" or not isinstance(sent, dict) or sent.keys() != {"type", "name", "values"}:
        raise Unexpected("another kind of message of a component")
    if sent["type"] != "event" or sent["name"] not in _EVENTS or not _is_map(sent["values"]):
        raise Unexpected("another event of a component")
    if sent["name"] == "tap":
        _check_tap(sent["values"])
    _check_value(sent["values"], 0)


def _check_tap(values: dict[str, Any]) -> None:
    """Raise for what is no tap on a figure: places, and which keys were held."""
    tap = dict(values.get("entries", ()))
    if tap.keys() != _TAP or not _is_reference(tap["model"]) or not _is_map(tap["modifiers"]):
        raise Unexpected("a tap that no figure sends")
    held = [value for _, value in tap["modifiers"].get("entries", ())]
    places = [tap[name] for name in ("sx", "sy", "x", "y")]
    if not all(isinstance(key, bool) for key in held) or not all(type(place) in (int, float) for place in places):
        raise Unexpected("a tap that no figure sends")


def _is_size(new: Any) -> bool:
    return type(new) is int and 0 <= new <= _LARGEST


def _is_toolbar_look(new: Any) -> bool:
    if not isinstance(new, list) or len(new) > _SCHEMES:
        return False
    return all(isinstance(name, str) and _TOOLBAR.fullmatch(name) for name in new)


def _check_value(value: Any, depth: int) -> None:
    if depth > _DEPTH:
        raise Unexpected("a value nested too deeply")
    if isinstance(value, list):
        for inner in value:
            _check_value(inner, depth + 1)
    elif _is_map(value):
        for _, inner in value.get("entries", ()):
            _check_value(inner, depth + 1)
    elif not _is_plain(value) and not _is_reference(value):
        raise Unexpected("a value of another type")


def _is_map(value: Any) -> bool:
    """Whether it is how the toolkit writes an object of the browser: names and values."""
    if not isinstance(value, dict) or value.get("type") != "map" or not value.keys() <= {"type", "entries"}:
        return False
    entries = value.get("entries", [])
    return isinstance(entries, list) and all(
        isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str) for entry in entries
    )


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"id"} and isinstance(value["id"], str)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, bool, int, float))


def _parsed(frame: str, largest: int) -> Any:
    if len(frame) > largest:
        raise Unexpected("a frame too large")
    return json.loads(frame)
