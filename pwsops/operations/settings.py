"""The defaults that new profiles start from."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

import param

from pwsops.catalogue import settings
from pwsops.errors import InvalidInput
from pwsops.operations.access import Context, Role
from pwsops.profile import BackupSettings, parse_renewal, setting_keys

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


class Settings:
    """Show and change the defaults. Changing them changes no existing profile."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def get(self) -> BackupSettings:
        """Give the settings in force; a copy."""
        with self._context.core.catalogue.read() as connection:
            return BackupSettings(**settings.load(connection))

    def set(self, key: str, value: str) -> BackupSettings:
        """Set one of them from text; raises `InvalidInput` for an unknown key or a value that does not fit."""
        self._context.allow(Role.ADMIN, "change the settings")
        if key not in setting_keys():
            raise InvalidInput(f"There is no setting {key!r}.", hint=f"There are: {', '.join(setting_keys())}.")
        changed = self.get()
        try:
            setattr(changed, key, _parsed(changed.param[key], value))
        except ValueError:
            raise InvalidInput(
                f"The setting {key} cannot be {value!r}.", hint=f"{changed.param[key].doc} {_range(changed.param[key])}"
            ) from None
        _check(changed)
        with self._context.core.catalogue.write() as connection:
            settings.save(connection, key, getattr(changed, key))
            self._context.note(connection, "change setting", key, f"now {value}")
        return changed


def _parsed(parameter: Any, value: str) -> Any:
    if isinstance(parameter, param.Boolean):
        if value.lower() not in _TRUE | _FALSE:
            raise ValueError(value)
        return value.lower() in _TRUE
    if isinstance(parameter, param.Integer):
        return int(value)
    if isinstance(parameter, param.Number):
        return float(value)
    return value


def _range(parameter: Any) -> str:
    if isinstance(parameter, param.Boolean):
        return "Give true or false."
    if isinstance(parameter, param.Selector):
        return f"Give one of {', '.join(parameter.objects)}."
    if isinstance(parameter, param.Number):
        low, high = parameter.bounds or (None, None)
        return f"Give a number of at least {low}." if high is None else f"Give a number from {low} to {high}."
    return ""


def _check(changed: BackupSettings) -> None:
    parse_renewal(changed.renew_full)
    if changed.timezone and changed.timezone not in available_timezones():
        raise InvalidInput(
            f"There is no time zone {changed.timezone!r}.", hint="Give an IANA name such as Europe/Berlin."
        )
