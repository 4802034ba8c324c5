"""What an engine lets its instances be told besides an address and a login."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pwsops.errors import InvalidInput


class OptionKind(StrEnum):
    """What an option's value is."""

    TEXT = "text"
    TRUTH = "truth"
    NUMBER = "number"


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option of an instance. No secret is ever one.

    Parameters
    ----------
    key
        Its name, as it is kept.
    title, meaning
        What people call it, and what it does.
    kind
        What its value is.
    default
        What holds where it is not given; empty where the engine finds something.
    choices
        The values it can have, each in words; empty: any of its kind.
    bounds
        Least and greatest number, both included.
    warnings
        What to beware of, by the value that wants it.
    asked
        Whether a form asks for it; the others are for programs that know their key.
    reaches_out
        Whether it lets an instance reach what is not its own: that concerns whoever keeps something there.
    guards
        Whether it is part of how a password is protected on its way: where it changes, a stored one is asked for anew.
    """

    key: str
    title: str
    meaning: str
    kind: OptionKind = OptionKind.TEXT
    default: str | float | bool = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    bounds: tuple[float, float] | None = None
    warnings: Mapping[str | bool, str] = field(default_factory=dict)
    asked: bool = True
    reaches_out: bool = False
    guards: bool = False


def warnings(given: Mapping[str, Any], known: Sequence[Option]) -> list[str]:
    """Return what to beware of with these options."""
    pairs = [(option, given[option.key]) for option in known if option.key in given]
    return [option.warnings[value] for option, value in pairs if value in option.warnings]


def checked(given: Mapping[str, Any], known: Sequence[Option], *, engine: str) -> dict[str, Any]:
    """Return the options that an instance keeps: what is None or empty is not kept.

    Raises
    ------
    InvalidInput
        For a key that the engine does not know, and for a value that cannot be one of that key.
    """
    by_key = {option.key: option for option in known}
    kept = {key: value for key, value in given.items() if value is not None and value != ""}
    for key, value in kept.items():
        if key not in by_key:
            listed = f"It knows {', '.join(by_key)}." if by_key else "It knows none: leave the options away."
            raise InvalidInput(f"The engine {engine} knows no option {key!r}.", hint=listed)
        _check(by_key[key], value)
    return kept


def _check(option: Option, value: Any) -> None:
    if not _FITS[option.kind](option, value):
        raise InvalidInput(f"The option {option.key} cannot be {value!r}.", hint=f"Give {_form(option)}.")


def _fits_text(option: Option, value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and (not option.choices or value in option.choices)


def _fits_truth(option: Option, value: Any) -> bool:
    del option
    return isinstance(value, bool)


def _fits_number(option: Option, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return option.bounds is None or option.bounds[0] <= value <= option.bounds[1]


_FITS = {OptionKind.TEXT: _fits_text, OptionKind.TRUTH: _fits_truth, OptionKind.NUMBER: _fits_number}


def _form(option: Option) -> str:
    """Return which values an option can have."""
    if option.choices:
        return f"one of {', '.join(option.choices)}"
    if option.kind is OptionKind.TRUTH:
        return "true or false"
    if option.kind is OptionKind.NUMBER:
        return "a number" if option.bounds is None else f"a number from {option.bounds[0]:g} to {option.bounds[1]:g}"
    return "printable text"
