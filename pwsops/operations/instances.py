"""Instances: where databases live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pwsops.catalogue import Connection, access, instances, planning, profiles, refused_logins, server_certificates
from pwsops.catalogue.access import ChangedAccess
from pwsops.catalogue.instances import InstanceRow
from pwsops.catalogue.refused_logins import RefusedLogin
from pwsops.engines import registry
from pwsops.engines.options import checked
from pwsops.engines.records import Capabilities, Instance, Probe
from pwsops.engines.registry import open_engine
from pwsops.errors import Conflict, InvalidInput, Refused
from pwsops.operations.access import Context
from pwsops.operations.logins import check_login
from pwsops.operations.rights import at_own_address, needs, of_instance, on_everything
from pwsops.operations.roots import refuse_home
from pwsops.rules.rights import Right

SERVICE_USER = "service user"


class Instances:
    """Add, edit, list, probe and remove instances."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.LOOK, "list the instances")
    def list(self) -> list[Instance]:
        """Return all instances by name, without their passwords.

        Where they are, and as whom they are asked, is told to those who may restore or configure something alone.
        """
        with self._context.read() as connection:
            rows = instances.every(connection)
        return [self._visible(row) for row in rows]

    @needs(Right.LOOK, "list the engines")
    def engines(self) -> Sequence[str]:
        """Return the keys of the engines that an instance can have."""
        return sorted(registry.ENGINES)

    @needs(Right.LOOK, "see what an instance can do", of_instance("name"))
    def capabilities(self, name: str) -> Capabilities:
        """Return what an instance can do, without reaching it; raises `NotFound`."""
        return self._context.core.unchecked_engine(name).capabilities

    @needs(Right.LOOK, "see what an engine can do")
    def offers(self, engine: str) -> Capabilities:
        """Return what instances of an engine can do and be told; raises `InvalidInput` for an unknown one."""
        return open_engine(Instance(name="", engine=engine, address="")).capabilities

    @needs(Right.CONNECT, "add an instance", on_everything)
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

        Raises `InvalidInput` for an empty name, an unknown engine, and a login or an option that this engine does not
        know; `Conflict` for a taken name; and whatever `probe` raises: an instance that never answered is not
        remembered. `options` are those that `offers` names.
        """
        if not name.strip() or name != name.strip() or not name.isprintable():
            raise InvalidInput(
                f"An instance cannot be called {name!r}.", hint="Give a printable name without spaces at its ends."
            )
        core = self._context.core
        asked = Instance(
            name=name,
            engine=engine,
            address=address,
            options=dict(options or {}),
            login=login or None,
            password=password,
        )
        row = self._reached(asked)
        if password is not None:
            core.vault.prepare()
        with core.catalogue.write() as connection:
            if instances.find(connection, name) is not None:
                raise Conflict(
                    f"The instance {name!r} exists already.", hint="Choose another name, or edit or remove that one."
                )
            _refuse_second(connection, row)
            row = self._with_password(row, password)
            instances.add(connection, row, now=core.clock.now())
            self._context.note(connection, "add instance", name, f"{engine} at {row.address}")
        return _shown(row)

    @needs(Right.CONNECT, "edit an instance", of_instance("name"), at_own_address)
    def edit(
        self,
        name: str,
        *,
        address: str | None = None,
        login: str | None = None,
        password: str | None = None,
        options: Mapping[str, Any] | None = None,
        seen: Instance | None = None,
        owing: bool = False,
    ) -> Instance:
        """Change an instance, after reaching it once as it will be. Its profiles and its history stay.

        Parameters
        ----------
        address, login, password
            None keeps what there is. An empty login is the service user; another login needs its password, and so
            does another address, driver or protection: a stored password goes nowhere else than where it was given
            for.
        options
            Those to change; None or an empty text takes one away.
        seen
            The instance as it was when the editing began: where somebody else has saved it since, `Conflict` is
            raised and nothing of theirs is overwritten.
        owing
            Change its address also where a restore closed a database of it that is not yet open again; see `remove`.
        """
        core = self._context.core
        before = core.instance_row(name)
        if seen is not None and _shown(before) != seen:
            raise _changed_meanwhile(name)
        asked = _edited(before, address, login, options)
        if _reaches_further(before, asked):
            self._context.allow_everywhere("let an instance reach what is not its own", name)
        kept = before.sealed_password if password is None and asked.login == before.login else None
        if kept is not None:
            _refuse_elsewhere(before, _kept(asked))
            password = core.vault.open(kept, before.login_bound(asked.login))
        row = self._reached(replace(asked, password=password))
        if password is not None:
            core.vault.prepare()
        with core.catalogue.write() as connection:
            if instances.find(connection, name) != before:
                raise _changed_meanwhile(name)
            if row.place != before.place:
                _refuse_second(connection, row)
                if not owing and (owed := _owed(connection, name)):
                    raise _still_owed("given another address", name, owed)
            row = replace(row, sealed_password=kept) if kept else self._with_password(row, password)
            self._amend(connection, before, row)
        return _shown(row)

    def _amend(self, connection: Connection, before: InstanceRow, row: InstanceRow) -> None:
        instances.amend(connection, row)
        if row.place != before.place:
            # Its databases are others now, whatever they are called.
            instances.forget_looks(connection, row.name)
            planning.begin_anew(connection, row.name, now=self._context.core.clock.now())
        # It was reached a moment ago, as what it is from now on.
        refused_logins.forget(connection, row.name, row.login)
        self._context.note(connection, "edit instance", row.name, "; ".join(_changes(before, row)))

    @needs(Right.CONNECT, "remove an instance", of_instance("name"))
    def remove(self, name: str, *, owing: bool = False) -> None:
        """Forget an instance. Refused while a profile uses it; its history and its backups stay.

        `owing`: also where a restore closed a database of it that is not yet open again. That stays noted, and is
        given back once an instance with this address is added.
        """
        core = self._context.core
        core.instance(name)
        with core.catalogue.write() as connection:
            users = [row.name for row in profiles.living(connection) if row.fields["instance"] == name]
            if users:
                why = "a profile uses it" if len(users) == 1 else f"{len(users)} profiles use it"
                raise Refused(
                    f"The instance {name!r} cannot be removed: {why} ({', '.join(users[:5])}).",
                    hint="Delete those profiles first; their history and backups stay.",
                )
            owed = _owed(connection, name)
            if owed and not owing:
                raise _still_owed("removed", name, owed)
            instances.remove(connection, name)
            server_certificates.forget(connection, name)
            refused_logins.forget_all(connection, name)
            self._context.note(connection, "remove instance", name, _as_text(owed))

    @needs(Right.CONFIGURE, "probe an instance", of_instance("name"))
    def probe(self, name: str) -> Probe:
        """Reach an instance and say what it is. Where it refused the login before, this tries it anew."""
        core = self._context.core
        with core.asking(name):
            found = core.unchecked_engine(name).probe()
        with self._context.read() as connection:
            known = refused_logins.find(connection, name, core.instance_row(name).login)
        if known is not None:
            with core.catalogue.write() as connection:
                refused_logins.forget(connection, name, known.login)
                self._context.note(connection, "use refused login again", name, "the server took it when it was asked")
        return found

    @needs(Right.CONNECT, "let a refused login be used again", of_instance("name"))
    def try_again(self, name: str) -> None:
        """Let every login of an instance be used again that it refused, once what made it do so was mended there."""
        core = self._context.core
        core.instance_row(name)
        with core.catalogue.write() as connection:
            refused_logins.forget_all(connection, name)
            self._context.note(connection, "use refused logins again", name)

    @needs(Right.CONFIGURE, "list refused logins")
    def refused_logins(self) -> Sequence[RefusedLogin]:
        """Return the logins that servers refused and that are not tried before something about them is changed."""
        with self._context.read() as connection:
            return refused_logins.every(connection)

    def _reached(self, asked: Instance) -> InstanceRow:
        """Check what was asked for and reach it once; return it as its engine understands it.

        That a login is tried at an address stands in the audit log before it is: whoever answers learns it.
        """
        asked = replace(_understood(asked), off_limits=self._context.core.off_limits(asked.name))
        able = open_engine(replace(asked, options={}, login=None, password=None)).capabilities
        check_login(f"The instance {asked.name!r}", asked.login, asked.password, able=able)
        engine = open_engine(asked)
        refuse_home(self._context.core, engine.instance)
        if able.login:
            with self._context.core.catalogue.write() as connection:
                detail = f"{asked.engine} at {asked.address}, as {asked.login or SERVICE_USER}"
                self._context.note(connection, "try instance", asked.name, detail)
        engine.probe()
        return _kept(engine.instance)

    def _with_password(self, row: InstanceRow, password: str | None) -> InstanceRow:
        if password is None:
            return row
        sealed = self._context.core.vault.seal(password, row.login_bound(row.login))
        return replace(row, sealed_password=sealed)

    def _visible(self, row: InstanceRow) -> Instance:
        if self._context.principal.sees_addresses:
            return _shown(row)
        return Instance(name=row.name, engine=row.engine, address="")


def _understood(asked: Instance) -> Instance:
    """Return an instance with what its options mean; raises `InvalidInput`. Reaches nothing."""
    able = open_engine(replace(asked, options={}, login=None, password=None)).capabilities
    if not asked.address.strip():
        raise InvalidInput(f"The instance {asked.name!r} has no address.", hint="Say where its databases live.")
    return replace(asked, options=checked(asked.options, able.options, engine=asked.engine))


def _reaches_further(before: InstanceRow, asked: Instance) -> bool:
    """Whether an instance would follow links, or the like, as it did not before: they may lead anywhere."""
    known = open_engine(Instance(name="", engine=asked.engine, address="")).capabilities.options
    return any(
        each.reaches_out and asked.options.get(each.key) and asked.options[each.key] != before.options.get(each.key)
        for each in known
    )


def _refuse_elsewhere(before: InstanceRow, after: InstanceRow) -> None:
    """Refuse to use a stored password for another target than the one that it was given for."""
    if after.login_bound(before.login) != before.login_bound(before.login):
        raise InvalidInput(
            f"The password of {before.login} has to be given anew: the stored one is for {before.address}, with the "
            f"driver and protection of now, and this changes {', '.join(_changes(before, after))}.",
            hint="Enter it again. A stored password is sent to no other address, and not over another protection.",
        )


def _kept(instance: Instance) -> InstanceRow:
    return InstanceRow(
        name=instance.name,
        engine=instance.engine,
        address=instance.address,
        options=dict(instance.options),
        login=instance.login,
        sealed_password=None,
    )


def _refuse_second(connection: Connection, row: InstanceRow) -> None:
    """Refuse a second name for the same databases: what is done through one would not be known of the other."""
    for other in instances.every(connection):
        same_engine = other.name != row.name and other.engine == row.engine
        if same_engine and registry.are_one(row.engine, row.address, other.address):
            raise Conflict(
                f"The instance {row.name!r} cannot be at {row.address}: that directory is the instance {other.name!r} "
                "already.",
                hint=f"Use {other.name!r}, or edit its address first.",
            )


def _changed_meanwhile(name: str) -> Conflict:
    return Conflict(
        f"The instance {name!r} was saved or removed by somebody else in the meantime.",
        hint="Open it again to see what they changed; yours was not saved.",
    )


def _changes(before: InstanceRow, after: InstanceRow) -> Sequence[str]:
    """Return what differs, for the audit log; of a password only that it does."""
    changes = []
    if after.address != before.address:
        changes.append(f"address from {before.address} to {after.address}")
    if after.login != before.login:
        changes.append(f"login from {before.login or SERVICE_USER} to {after.login or SERVICE_USER}")
    if after.sealed_password not in (None, before.sealed_password):
        changes.append("password")
    for key in sorted(before.options.keys() | after.options.keys()):
        old, new = before.options.get(key), after.options.get(key)
        if old != new:
            changes.append(f"{key} from {_option_text(old)} to {_option_text(new)}")
    return changes


def _option_text(value: object) -> str:
    return "the default" if value is None else str(value)


def _edited(before: InstanceRow, address: str | None, login: str | None, options: Mapping[str, Any] | None) -> Instance:
    """Return an instance as an edit asks for it, without a password; None keeps what there is."""
    return _understood(
        Instance(
            name=before.name,
            engine=before.engine,
            address=before.address if address is None else address,
            options=before.options | dict(options or {}),
            login=before.login if login is None else login or None,
        )
    )


def _shown(row: InstanceRow) -> Instance:
    return Instance(name=row.name, engine=row.engine, address=row.address, options=row.options, login=row.login)


def _owed(connection: Connection, name: str) -> list[ChangedAccess]:
    return [change for (instance, _), change in access.owed_here(connection).items() if instance == name]


def _as_text(owed: Sequence[ChangedAccess]) -> str:
    return "; ".join(f"{change.database} is {change.changed_to} and was {change.former_mode}" for change in owed)


def _still_owed(what: str, name: str, owed: Sequence[ChangedAccess]) -> Refused:
    return Refused(
        f"The instance {name!r} cannot be {what}: a restore closed a database of it, which is not yet open again "
        f"({_as_text(owed)}).",
        hint="The backup service gives it back, once the server can be asked; or say that you know (--owing), and set "
        "it by hand on the server.",
    )
