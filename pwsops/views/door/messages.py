"""What a page sends to the server: anything else was made up."""

from __future__ import annotations

from typing import Any

_EVENTS = frozenset({"ModelChanged", "MessageSent"})
_DEPTH = 32


class Unexpected(Exception):
    """A message that no page of ours sends."""


def check(kind: str, content: Any) -> None:
    """Raise `Unexpected` for a message that none of our pages sends.

    The toolkit would take a whole new document (`PUSH-DOC`), new roots, and new objects of any class that it knows.

    Parameters
    ----------
    kind
        The protocol's message type.
    content
        Its content, decoded from JSON and nothing else.
    """
    if kind == "PULL-DOC-REQ":
        return
    if kind != "PATCH-DOC":
        raise Unexpected("another kind of message")
    events = content.get("events") if isinstance(content, dict) else None
    if not isinstance(events, list):
        raise Unexpected("a change without events")
    for event in events:
        if not isinstance(event, dict) or event.get("kind") not in _EVENTS:
            raise Unexpected("another kind of event")
        _check_values(event, 0)


def _check_values(value: Any, depth: int) -> None:
    if depth > _DEPTH:
        raise Unexpected("a value nested too deeply")
    if isinstance(value, dict):
        if value.get("type") == "object":
            raise Unexpected("a new object")
        for inner in value.values():
            _check_values(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_values(inner, depth + 1)
