"""Instances: where databases live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pwsops.catalogue import instances, profiles
from pwsops.catalogue.instances import InstanceRow
from pwsops.engines import registry
from pwsops.engines.base import Capabilities, Instance, Probe
from pwsops.engines.registry import open_engine
from pwsops.errors import Conflict, InvalidInput, Refused
from pwsops.operations.access import Context, Role


class Instances:
    """Add, list, probe and remove instances."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self) -> list[Instance]:
        """Give all instances by name, without their passwords."""
        with self._context.core.catalogue.read() as connection:
            return [_shown(row) for row in instances.every(connection)]

    def engines(self) -> Sequence[str]:
        """Give the keys of the engines that an instance can have."""
        return sorted(registry.ENGINES)

    def capabilities(self, name: str) -> Capabilities:
        """Say what an instance can do, without reaching it; raises `NotFound`."""
        return self._context.core.engine(name).capabilities

    def add(
        self,
        name: str,
        *,
        engine: str,
        address: str,
        login: str | None = None,
        password: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Instance:
        """Remember an instance, after reaching it once.

        Raises `InvalidInput` for an empty name or an unknown engine, `Conflict` for a taken name, and whatever
        `probe` raises: an instance that never answered is not remembered.
        """
        self._context.allow(Role.ADMIN, "add an instance")
        if not name.strip() or name != name.strip() or not name.isprintable():
            raise InvalidInput(
                f"An instance cannot be called {name!r}.", hint="Give a printable name without spaces at its ends."
            )
        core = self._context.core
        asked = Instance(
            name=name, engine=engine, address=address, options=dict(options or {}), login=login, password=password
        )
        opened = open_engine(asked)
        opened.probe()
        asked = opened.instance
        row = InstanceRow(
            name=name,
            engine=engine,
            address=asked.address,
            options=dict(asked.options),
            login=login,
            sealed_password=None if password is None else core.vault.seal(password),
        )
        with core.catalogue.write() as connection:
            if instances.find(connection, name) is not None:
                raise Conflict(
                    f"The instance {name!r} exists already.", hint="Choose another name, or remove that one first."
                )
            instances.add(connection, row, now=core.clock.now())
            self._context.note(connection, "add instance", name, f"{engine} at {asked.address}")
        return _shown(row)

    def remove(self, name: str) -> None:
        """Forget an instance. Refused while a profile uses it; its history and its backups stay."""
        self._context.allow(Role.ADMIN, "remove an instance")
        core = self._context.core
        core.instance(name)
        with core.catalogue.write() as connection:
            users = [row.name for row in profiles.living(connection) if row.fields["instance"] == name]
            if users:
                told = "a profile uses it" if len(users) == 1 else f"{len(users)} profiles use it"
                raise Refused(
                    f"The instance {name!r} cannot be removed: {told} ({', '.join(users[:5])}).",
                    hint="Delete those profiles first; their history and backups stay.",
                )
            instances.remove(connection, name)
            self._context.note(connection, "remove instance", name)

    def probe(self, name: str) -> Probe:
        """Reach an instance and say what it is."""
        return self._context.core.engine(name).probe()


def _shown(row: InstanceRow) -> Instance:
    return Instance(name=row.name, engine=row.engine, address=row.address, options=row.options, login=row.login)
