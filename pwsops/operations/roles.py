"""What `access.toml` says of people, and what is amiss with it. It is written by hand, at the machine.

The audit log has each role that was given, changed or taken, and whether second factors are required: whoever reads the
file anew compares it with what was last noted, and writes the difference down before it counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from pwsops.catalogue import Connection, audit, instances
from pwsops.errors import PwsopsError, Refused
from pwsops.operations.access import Context
from pwsops.operations.core import Core
from pwsops.operations.people_records import RoleView
from pwsops.operations.records import Check
from pwsops.operations.rights import needs
from pwsops.rules.rights import USER, Right, with_way
from pwsops.signin.roles import AccessFile
from pwsops.signin.roles import Roles as RolesFile

NAME = "Roles"
GIVEN, CHANGED, TAKEN = "role given", "role changed", "role taken"
REQUIRED, NOT_REQUIRED = "second factor required", "second factor not required"
"""Actions in the audit log."""
_BY_PASSWORD = "everybody with a password"
_NONE = "none"
_WAS = " — was "
"""Between the new role and the former one. `Grant.told` is ASCII: it cannot occur there."""


class Roles:
    """List and check the roles that people have."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.HOST, "list roles")
    def list(self) -> Sequence[RoleView]:
        """Return everybody who has a role, in the order of the file. Raises `Refused` where it cannot be used."""
        listed = RolesFile(self._context.core.home).everybody().items()
        return [RoleView(subject=name, role=grant.role, instances=grant.instances) for name, grant in listed]

    @needs(Right.HOST, "check roles")
    def check(self) -> Sequence[Check]:
        """Return what the doctor says of the file."""
        return list(findings(self._context.core))


def noted(core: Core) -> RolesFile:
    """Return the roles of a home, of which none counts before the audit log has it."""
    return RolesFile(core.home, before=partial(note, core))


def note(core: Core, file: AccessFile) -> None:
    """Write down how the file differs from what was last noted. Raises `Refused` where that cannot be done."""
    now = {
        subject if ":" in subject else with_way(USER, subject): grant.description
        for subject, grant in file.grants.items()
    }
    required = file.second_factor_required
    try:
        with core.catalogue.read() as connection:
            if _last_noted(connection) == now and _last_required(connection) == required:
                return
        with core.catalogue.write() as connection:
            then = _last_noted(connection)
            for subject in sorted(then.keys() | now.keys()):
                _note(core, connection, subject, then.get(subject, _NONE), now.get(subject, _NONE))
            if _last_required(connection) != required:
                _append(core, connection, REQUIRED if required else NOT_REQUIRED, _BY_PASSWORD, "")
    except PwsopsError as error:
        raise Refused(
            "What access.toml says does not count before it is written into the audit log, and that failed: "
            f"{error.message}",
            hint=error.hint,
        ) from None


def _note(core: Core, connection: Connection, subject: str, then: str, now: str) -> None:
    if then == now:
        return
    action = GIVEN if then == _NONE else TAKEN if now == _NONE else CHANGED
    _append(core, connection, action, subject, f"{now}{_WAS}{then}")


def _append(core: Core, connection: Connection, action: str, subject: str, detail: str) -> None:
    # Who wrote it into the file is not known; the service notices.
    entry = {"actor": audit.SERVICE, "action": action, "subject": subject, "detail": detail}
    audit.append(connection, at=core.clock.now(), **entry)


def _last_noted(connection: Connection) -> dict[str, str]:
    """Return by subject what roles were when they were last noted, in the words of `Grant.told`."""
    found = dict[str, str]()
    for row in audit.of_actions(connection, (GIVEN, CHANGED, TAKEN)):
        found[row["subject"]] = row["detail"].partition(_WAS)[0]
    return {subject: role for subject, role in found.items() if role != _NONE}


def _last_required(connection: Connection) -> bool:
    """Whether second factors were required when that was last noted; at first they are not."""
    noted = audit.of_actions(connection, (REQUIRED, NOT_REQUIRED))
    return bool(noted) and noted[-1]["action"] == REQUIRED


def findings(core: Core) -> Iterator[Check]:
    """Yield what is to be said of the file: that it cannot be used, that it names what is not there, or whom it lists.

    A home without one has nobody who may sign in but the user of the machine, which is well.
    """
    file = RolesFile(core.home)
    try:
        listed = file.everybody()
    except PwsopsError as error:
        yield Check(name=NAME, ok=False, finding=error.message, next_step=error.hint)
        return
    with core.catalogue.read() as connection:
        known = {row.name for row in instances.every(connection)}
    count = f"{len(listed)} {'person has' if len(listed) == 1 else 'people have'} a role"
    yield Check(name=NAME, ok=True, finding=f"{count} by {file.path}" if listed else "nobody has one but this user")
    for subject, grant in listed.items():
        gone = sorted((grant.instances or frozenset()) - known)
        if gone:
            yield Check(
                name=NAME,
                ok=False,
                finding=f"{subject} is given {', '.join(gone)}, and there is no such instance",
                next_step=f"Correct the name in {file.path}, or take it out.",
            )
