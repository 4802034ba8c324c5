"""The defaults that new profiles start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import param

from pwsops.catalogue import Connection, settings
from pwsops.errors import InvalidInput, PwsopsError
from pwsops.operations.access import Context
from pwsops.operations.lookup import find_instance
from pwsops.operations.rights import needs, on_everything
from pwsops.profile import BackupSettings, parse_renewal, setting_keys
from pwsops.rules.rights import Principal, Right
from pwsops.rules.validity import ZONE_HINT, is_zone

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


class Settings:
    """Show and change the defaults. Changing them changes no existing profile."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.CONFIGURE, "see the settings")
    def get(self) -> BackupSettings:
        """Return the settings in force; a copy."""
        with self._context.read() as connection:
            return defaults(connection, self._context.principal)

    @needs(Right.CONFIGURE, "change the settings", on_everything)
    def set(self, key: str, value: str) -> BackupSettings:
        """Set one of them from text; raises `InvalidInput` for an unknown key or a value that does not fit."""
        return self.change({key: value})

    @needs(Right.CONFIGURE, "change the settings", on_everything)
    def change(self, values: Mapping[str, str]) -> BackupSettings:
        """Set several of them from text, all or none.

        Parameters
        ----------
        values
            What each key shall be.

        Returns
        -------
        BackupSettings
            All the settings then in force.

        Raises
        ------
        InvalidInput, NotFound
            The first of `problems`; nothing is changed then.
        """
        problems = self.problems(values)
        if problems:
            raise next(iter(problems.values()))
        with self._context.core.catalogue.write() as connection:
            changed = BackupSettings.of(settings.load(connection))
            for key, value in values.items():
                setattr(changed, key, _parsed(changed.param[key], value))
                settings.save(connection, key, getattr(changed, key))
                self._context.note(connection, "change setting", key, f"now {value}")
        return changed

    @needs(Right.CONFIGURE, "check settings")
    def problems(self, values: Mapping[str, str]) -> dict[str, PwsopsError]:
        """Return what is wrong with values, by key; empty where `change` would take them all."""
        found: dict[str, PwsopsError] = {}
        for key, value in values.items():
            try:
                self._check(key, value)
            except PwsopsError as error:
                found[key] = error
        return found

    def _check(self, key: str, value: str) -> None:
        if key not in setting_keys():
            raise InvalidInput(f"There is no setting {key!r}.", hint=f"There are: {', '.join(setting_keys())}.")
        parameter = BackupSettings.param[key]
        try:
            setattr(BackupSettings(), key, _parsed(parameter, value))
        except ValueError:
            raise InvalidInput(f"The setting {key} cannot be {value!r}.", hint=_range(parameter)) from None
        if key == "renew_full":
            parse_renewal(value)
        elif key in ("timezone", "display_timezone") and value and not is_zone(value):
            raise InvalidInput(f"There is no time zone {value!r}.", hint=ZONE_HINT)
        elif key == "instance" and value:
            with self._context.read() as connection:
                find_instance(connection, value)
            self._context.core.instance(value)


def defaults(connection: Connection, principal: Principal) -> BackupSettings:
    """Return the settings in force; without the instance, and its directory, where it is not one of theirs."""
    found = BackupSettings.of(settings.load(connection))
    if not principal.sees(found.instance):
        found.instance, found.directory = "", ""
    return found


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
    number = "a whole number" if isinstance(parameter, param.Integer) else "a number"
    low, high = parameter.bounds
    return f"Give {number} of at least {low}." if high is None else f"Give {number} from {low} to {high}."
