"""Prepared statements of a connection, by the handles that the client knows them by."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.standin.events import Value
from tests.standin.wire.parameters import Parameter

# The name at the start and after each comma outside of parentheses: `@P1 decimal(9,2), @P2 int`.
_DECLARED = re.compile(r"(?:^|,)\s*(@[\w@#$]+)")
_PARENTHESES = re.compile(r"\([^()]*\)")


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A statement and the names of its parameters, in their order."""

    statement: str
    names: Sequence[str]

    def named(self, values: Sequence[Parameter]) -> Mapping[str, Value]:
        """Return the values their names: their own, or those of their places."""
        return {value.name or name: value.value for name, value in zip(self.names, values, strict=False)}


class PreparedStatements:
    """What a connection has prepared and not let go of yet."""

    def __init__(self) -> None:
        self._kept: dict[int, Prepared] = {}
        self._handles = itertools.count(1)

    def keep(self, prepared: Prepared, *, instead_of: Parameter) -> int:
        """Keep a statement, and let the one go whose handle the client sent along; gives the new handle."""
        self.forget(instead_of)
        handle = next(self._handles)
        self._kept[handle] = prepared
        return handle

    def get(self, handle: Parameter) -> Prepared | None:
        return self._kept.get(handle.value) if isinstance(handle.value, int) else None

    def forget(self, handle: Parameter) -> None:
        if isinstance(handle.value, int):
            self._kept.pop(handle.value, None)

    def clear(self) -> None:
        self._kept.clear()


def declared(statement: Parameter, declaration: Sequence[Parameter]) -> Prepared:
    """Read a statement whose parameters are declared beside it; without a declaration it has none."""
    names = declared_names(str(declaration[0].value or "")) if declaration else []
    return Prepared(statement=str(statement.value), names=names)


def call_of(procedure: str, parameters: Sequence[Parameter]) -> Prepared:
    """Write the call of a procedure as a statement."""
    names = [parameter.name or f"@P{number}" for number, parameter in enumerate(parameters, start=1)]
    given = [f"{name} = {name}" if parameter.name else name for name, parameter in zip(names, parameters, strict=True)]
    return Prepared(statement=f"EXEC {procedure} {', '.join(given)}".rstrip(), names=names)


def declared_names(declaration: str) -> list[str]:
    """List the names in a declaration such as `@P1 nvarchar(10),@P2 numeric(9,2)`."""
    return _DECLARED.findall(_PARENTHESES.sub("", declaration))
