"""Who acts, what they may do, and the note that it was done: the one place for the three."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass

from pwsops.catalogue import Connection, audit, instances
from pwsops.engines.protocol import Engine
from pwsops.engines.records import Credentials
from pwsops.errors import Denied, PwsopsError, SignInAnew
from pwsops.operations.core import Core
from pwsops.operations.events import DENIED
from pwsops.rules.rights import GRANTS, Principal, Right, Role, Way

HIDDEN, HIDDEN_HOME = "(its address)", "(the home)"
Who = Callable[[], Principal]
"""Who asks, as of now. Raises `Denied` once they may ask nothing any more: signed out, removed, another role."""


_asking: ContextVar[tuple[Context, Principal] | None] = ContextVar("_asking", default=None)


@dataclass(frozen=True, kw_only=True)
class Context:
    """Somebody (or the service) who asks.

    Parameters
    ----------
    core
        What the process shares.
    who
        Is asked at the beginning of each operation.
    """

    core: Core
    who: Who

    @property
    def principal(self) -> Principal:
        """Who asks; within an operation, who they were when it began."""
        asking = _asking.get()
        return asking[1] if asking is not None and asking[0] is self else self.who()

    @property
    def actor(self) -> str:
        """In whose name it is done."""
        return self.principal.subject

    @contextmanager
    def operation(self) -> Iterator[Principal]:
        """Ask who it is, once for all that is done inside: what was begun is noted in the name of who began it."""
        principal = self.principal
        token = _asking.set((self, principal))
        try:
            yield principal
        finally:
            _asking.reset(token)

    def read(self) -> AbstractContextManager[Connection]:
        """Return a connection to the catalogue that sees nothing but what belongs to the instances of who asks.

        All that is shown to them is read through this, and what decides about them too: what they may not see is not
        there. What must be right for everybody (no two profiles write one file) is read from `core.catalogue`.
        """
        return self.core.catalogue.read(self.principal.instances)

    def allow(self, right: Right, action: str, subject: str = "") -> None:
        """Raise unless who asks has a right, and has signed in lately where the right wants that.

        Parameters
        ----------
        right, action
            What is needed, for what; the action in words that follow "may not".
        subject
            What it would be done to, for the audit log.

        Raises
        ------
        Denied
            They have not the right. That is noted.
        SignInAnew
            They have it once they have given their password again.
        """
        principal = self.principal
        if not principal.has(right):
            self.note_denied(action, subject)
            raise _denied(principal, right, action)
        if principal.must_sign_in_anew(right, self.core.clock.now()):
            raise SignInAnew(
                f"{principal.name} may {action} only shortly after signing in.",
                hint="Sign in once more, and do it again.",
            )

    def redacted(self, text: str) -> str:
        """Return what an error or an instance said, without the paths in it that who asks is not told.

        These are the addresses of instances, and the home.
        """
        principal = self.principal
        if not text or (principal.sees_addresses and principal.sees_home):
            return text
        hidden = {} if principal.sees_home else {str(self.core.home): HIDDEN_HOME}
        if not principal.sees_addresses:
            with self.core.catalogue.read() as connection:
                rows = instances.every(connection)
            hidden |= {each: HIDDEN for row in rows for each in (row.address, row.place.partition(" ")[2])}
        for path in sorted(hidden, key=len, reverse=True):
            # What holds everything is no address that tells anything.
            text = text.replace(path, hidden[path]) if len(path) > 1 else text
        return text

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Let errors pass without the paths that who asks is not told."""
        try:
            yield
        except PwsopsError as error:
            if (redacted := self.redacted_error(error)) is error:
                raise
            raise redacted from None

    def redacted_error(self, error: PwsopsError) -> PwsopsError:
        """Return an error as who asks is told it; see `told`."""
        try:
            message, hint = self.redacted(error.message), self.redacted(error.hint)
        except PwsopsError:  # the catalogue, or who asks, is what it is about
            return error
        if (message, hint) == (error.message, error.hint):
            return error
        # Others may be told the same one, with all that it says.
        redacted = copy(error)
        redacted.message, redacted.hint, redacted.args = message, hint, (message,)
        return redacted

    def allow_everywhere(self, action: str, subject: str = "") -> None:
        """Raise `Denied` unless all instances are theirs: what is done concerns each of them."""
        principal = self.principal
        if principal.instances is not None:
            self.note_denied(action, subject)
            theirs = ", ".join(sorted(principal.instances)) or "none"
            raise Denied(
                f"{principal.name} may not {action}: that concerns all instances, and theirs are some ({theirs}).",
                hint="Ask somebody whose role is for all instances.",
            )

    def engine(self, name: str, credentials: Credentials | None = None) -> Engine:
        """Return the engine of an instance in this person's name; the use of another login is written down first."""
        if credentials is not None:
            login = credentials.login or "the service user"
            self.core.events.record_repeated(self.actor, "use other login", name, f"as {login}")
        return self.core.engine(name, credentials, actor=self.actor)

    def note(self, connection: Connection, action: str, subject: str, detail: str = "") -> None:
        """Write what is being done into the audit log, in the transaction that does it."""
        now = self.core.clock.now()
        audit.append(connection, at=now, actor=self.actor, action=action, subject=subject, detail=detail)

    def note_denied(self, action: str, subject: str) -> None:
        """Write down that somebody was kept from something; `action` follows "may not"."""
        # What cannot be written down is refused all the same; who repeats it does not fill the disk.
        with suppress(PwsopsError):
            self.core.events.record(self.actor, DENIED, subject, f"may not {action}")


def _denied(principal: Principal, right: Right, action: str) -> Denied:
    roles = [role.value for role in Role if right in GRANTS[role]]
    if not roles:
        return Denied(
            f"{principal.name} may not {action}: only a user of the machine that pwsops runs on may do that.",
            hint="Ask somebody who administers that machine to do it on its command line.",
        )
    if principal.enrols:
        return Denied(
            f"{principal.name} may not {action} yet: a second factor is required here, and none is set up.",
            hint="Set it up on the page Account.",
        )
    if right in GRANTS[principal.role] and principal.way is Way.TOKEN:
        return Denied(
            f"{principal.name} may not {action} by a token: that wants a person who has just signed in.",
            hint="Let somebody who may do it sign in to the pages.",
        )
    return Denied(
        f"{principal.name} may not {action}: that needs the role {' or '.join(roles)}, "
        f"theirs is {principal.role.value}.",
        hint="Ask an administrator to do it, or to give you that role.",
    )
