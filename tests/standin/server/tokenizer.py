"""Takes a batch apart into tokens, by the rules of the Transact-SQL reference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from tests.standin.server.messages import ServerError, refuse, said

LONGEST_NAME = 128
OPERATORS = ("<=", ">=", "<>", "!=", "!<", "!>", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "::")

SPACE = re.compile(r"(?:\s|--[^\n]*)+")
WORD = re.compile(r"[^\W\d][\w@#$]*|#+[\w@#$]+")
VARIABLE = re.compile(r"@@?[\w@#$]+")
BINARY = re.compile(r"0[xX]((?:[0-9a-fA-F]|\\\r?\n)*)")
NUMBER = re.compile(r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
# A backslash at the end of a line continues a string constant on the next line: both are no part of its value.
CONTINUATION = re.compile(r"\\\r?\n")


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    NAME = "name"
    STRING = "string"
    NUMBER = "number"
    BINARY = "binary"
    VARIABLE = "variable"
    OPERATOR = "operator"
    END = "end"


@dataclass(frozen=True, kw_only=True)
class Token:
    """One token. `text` is its spelling in the batch, `value` what it means; `start` counts characters."""

    kind: Kind
    text: str
    value: str | int | float | Decimal | bytes
    start: int

    @property
    def word(self) -> str:
        """A bare word in capitals; empty for any other token."""
        return self.text.upper() if self.kind is Kind.WORD else ""

    def is_operator(self, *operators: str) -> bool:
        return self.kind is Kind.OPERATOR and self.text in operators


def tokenize(batch: str) -> Iterator[Token]:
    """Return the tokens of a batch, and an END after the last.

    Raises
    ------
    ServerError
        105, 113, 103 or 102, as the server refuses what it cannot read.
    """
    position = _skip(batch, 0)
    while position < len(batch):
        token, after = _token(batch, position)
        yield token
        position = _skip(batch, after)
    yield Token(kind=Kind.END, text="", value="", start=len(batch))


def _skip(batch: str, position: int) -> int:
    """Pass over blanks and comments; comments between /* and */ nest."""
    while position < len(batch):
        if space := SPACE.match(batch, position):
            position = space.end()
        elif batch.startswith("/*", position):
            position = _comment_end(batch, position)
        else:
            break
    return position


def _comment_end(batch: str, position: int) -> int:
    depth = 0
    for mark in re.finditer(r"/\*|\*/", batch[position:]):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return position + mark.end()
    raise refuse(113)


def _token(batch: str, start: int) -> tuple[Token, int]:
    head = batch[start]
    if head == "'" or batch[start : start + 2].lower() == "n'":
        return _string(batch, start)
    if head in '["':
        return _name(batch, start)
    for kind, pattern in ((Kind.VARIABLE, VARIABLE), (Kind.BINARY, BINARY), (Kind.NUMBER, NUMBER), (Kind.WORD, WORD)):
        if match := pattern.match(batch, start):
            text = match.group()
            return Token(kind=kind, text=text, value=_value(kind, text), start=start), match.end()
    text = next((one for one in OPERATORS if batch.startswith(one, start)), head)
    return Token(kind=Kind.OPERATOR, text=text, value=text, start=start), start + len(text)


def _value(kind: Kind, text: str) -> str | int | float | Decimal | bytes:
    if kind is Kind.BINARY:
        digits = CONTINUATION.sub("", text)[2:]
        return bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)
    if kind is Kind.NUMBER:
        if "e" in text.lower():
            return float(text)
        return Decimal(text) if "." in text else int(text)
    return text


def _string(batch: str, start: int) -> tuple[Token, int]:
    opening = batch.index("'", start)
    inner, after = _until(batch, opening + 1, "'")
    value = CONTINUATION.sub("", inner)
    return Token(kind=Kind.STRING, text=batch[start:after], value=value, start=start), after


def _name(batch: str, start: int) -> tuple[Token, int]:
    inner, after = _until(batch, start + 1, "]" if batch[start] == "[" else '"')
    if not inner:
        raise refuse(102, batch[start:after])
    if len(inner.encode("utf-16-le")) // 2 > LONGEST_NAME:
        raise refuse(103, inner[:LONGEST_NAME], state=4)
    return Token(kind=Kind.NAME, text=batch[start:after], value=inner, start=start), after


def _until(batch: str, start: int, closing: str) -> tuple[str, int]:
    """Read up to the closing mark, which stands for itself where it is doubled."""
    parts: list[str] = []
    position = start
    while (end := batch.find(closing, position)) >= 0:
        parts.append(batch[position:end])
        if batch[end + 1 : end + 2] != closing:
            return "".join(parts), end + 1
        parts.append(closing)
        position = end + 2
    rest = batch[start:]
    raise ServerError(said(105, rest), said(102, rest))
