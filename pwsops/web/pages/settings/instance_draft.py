"""An instance while it is being typed: the text of every field, and what is wrong with it. Knows no page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pwsops.engines.options import Option, OptionKind
from pwsops.engines.records import Capabilities, Instance

OPTION = "option-"
"""What the name of an option's field begins with."""


class InstanceDraft:
    """What somebody has typed so far.

    Attributes
    ----------
    text
        Every field by its name, as typed: text, or a truth for a check box.
    original
        The instance that is edited, as it was when the draft was begun; None for a new one.
    pressed
        Whether saving was tried: before that, an empty field is no mistake.
    """

    def __init__(self, offers: Callable[[str], Capabilities], engine: str, original: Instance | None = None) -> None:
        self.original = original
        self.pressed = False
        self._offers = offers
        self.text: dict[str, str | bool] = {
            "name": original.name if original else "",
            "engine": original.engine if original else engine,
            "address": original.address if original else "",
            "login": (original.login if original else None) or "",
            "password": "",
        }
        self._fill_options()

    @property
    def able(self) -> Capabilities:
        """What an instance of the chosen engine can do and be told."""
        return self._offers(str(self.text["engine"]))

    @property
    def asked(self) -> Sequence[Option]:
        """The options that have a field."""
        return [option for option in self.able.options if option.asked]

    @property
    def keeps_password(self) -> bool:
        """Whether the login has a password already, which stays unless another is typed.

        It was given for one server, reached and protected in one way: where that changes it is asked for anew.
        """
        before = self.original
        if before is None or not before.login or before.login != self._text_of("login"):
            return False
        changed = self._changed_options() if self._has_numbers() else {}
        guarded = any(option.key in changed for option in self.asked if option.guards)
        return not guarded and self._text_of("address").casefold() == before.address.strip().casefold()

    def set(self, field: str, value: str | bool) -> bool:
        """Take what was typed or ticked, and say whether this form has such a field."""
        if field not in self.text or not isinstance(value, type(self.text[field])):
            return False
        if self.original is not None and field in ("name", "engine"):
            return False
        self.text[field] = value
        self._fill_options()
        return True

    def forget_password(self) -> None:
        """Let go of the password: whatever was to be done with it was begun."""
        self.text["password"] = ""

    def problems(self) -> dict[str, str]:
        """Return what is wrong, by field."""
        found = {}
        if not self._text_of("name"):
            found["name"] = "Give it a name."
        if not self._text_of("address"):
            found["address"] = "Say where it is."
        if self.able.login:
            if self._text_of("login") and not self.text["password"] and not self.keeps_password:
                found["password"] = "Give the password of this login."
            if self.text["password"] and not self._text_of("login"):
                found["login"] = "Say whose password it is, or leave both empty."
        for option in self.asked:
            if option.kind is OptionKind.NUMBER and _number(option, self._text_of(OPTION + option.key)) is None:
                low, high = option.bounds or (float("-inf"), float("inf"))
                found[OPTION + option.key] = f"Give a number from {low:g} to {high:g}."
        return found

    def warning(self, option: Option) -> str:
        """Return what to beware of with an option as it stands; empty where nothing is."""
        return option.warnings.get(self.text[OPTION + option.key], "")

    def values(self) -> dict[str, Any]:
        """Return what is to be saved, as `Instances.add` and `Instances.edit` take it; problems must be none."""
        values: dict[str, Any] = {"address": self._text_of("address"), "options": self._changed_options()}
        if self.able.login:
            values |= {"login": self._text_of("login"), "password": self.text["password"] or None}
        return values

    def _has_numbers(self) -> bool:
        """Whether every number that was typed is one; else the form is not saved anyway."""
        texts = {each.key: self._text_of(OPTION + each.key) for each in self.asked if each.kind is OptionKind.NUMBER}
        return all(_number(option, texts[option.key]) is not None for option in self.asked if option.key in texts)

    def _text_of(self, field: str) -> str:
        return str(self.text[field]).strip()

    def _fill_options(self) -> None:
        """Add a field for every option of the chosen engine; what was typed for it stays."""
        for option in self.asked:
            self.text.setdefault(OPTION + option.key, _as_text(option, self._stored(option)))

    def _stored(self, option: Option) -> Any:
        kept: Mapping[str, Any] = self.original.options if self.original else {}
        return kept.get(option.key, option.default)

    def _changed_options(self) -> dict[str, Any]:
        """Return the options that differ from what holds now; what is as it was is not told anew."""
        changed = {}
        for option in self.asked:
            typed = self.text[OPTION + option.key]
            value = typed if isinstance(typed, bool) else _read(option, typed.strip())
            if value != self._stored(option):
                changed[option.key] = value
        return changed


def _as_text(option: Option, value: Any) -> str | bool:
    if option.kind is OptionKind.TRUTH:
        return bool(value)
    return f"{value:g}" if option.kind is OptionKind.NUMBER else str(value)


def _read(option: Option, typed: str) -> Any:
    return _number(option, typed) if option.kind is OptionKind.NUMBER else typed


def _number(option: Option, typed: str) -> float | None:
    try:
        number = float(typed)
    except ValueError:
        return None
    low, high = option.bounds or (float("-inf"), float("inf"))
    return number if low <= number <= high else None
