"""Commands within the words to people: written `in backticks`, shown as code wherever there is markup."""

from __future__ import annotations

import re

_COMMAND = re.compile(r"(?<![^\s(])`([^`\s](?:[^`\n]*[^`\s])?)`(?=[\s.,;:!?)]|$)")
_TAG = re.compile(r"(<[^>]*>)")
_VERBATIM = ("code", "option", "samp", "textarea", "title")
"""What stands in these is shown as it is."""


def in_text(escaped: str) -> str:
    """Return a text, escaped already, with its commands as code. A lone backtick, or one within a word, stays."""
    return _COMMAND.sub(r"<code>\1</code>", escaped)


def in_page(page: str) -> str:
    """Return markup of which every value is escaped, with the commands in its texts as code; attributes stay."""
    if "`" not in page:
        return page
    parts = _TAG.split(page)
    verbatim = ""
    for index, part in enumerate(parts):
        if index % 2:
            name = part[1:].partition(" ")[0].rstrip(">").lower()
            if verbatim:
                verbatim = "" if name == f"/{verbatim}" else verbatim
            elif name in _VERBATIM:
                verbatim = name
        elif not verbatim:
            parts[index] = in_text(part)
    return "".join(parts)
