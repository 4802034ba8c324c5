"""What `access.toml` says of people, and what is amiss with it. It is written by hand, at the machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pwsops.catalogue import instances
from pwsops.errors import PwsopsError
from pwsops.operations.access import Context, Core
from pwsops.operations.records import Check, RoleView
from pwsops.operations.rights import needs
from pwsops.rules.rights import Right
from pwsops.signin.roles import Roles as RolesFile

NAME = "Roles"


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
