"""The databases of an instance with the verdict on each; and the server's directories."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from pwsops.catalogue import access, instances, service_state
from pwsops.catalogue.access import ChangedAccess
from pwsops.catalogue.protection import Covered, covered
from pwsops.engines.protocol import Engine
from pwsops.engines.records import Credentials, DatabaseContents, DatabaseState, DirectoryCheck, DirectoryEntry
from pwsops.errors import PwsopsError, Unanswered
from pwsops.operations.access import Context
from pwsops.operations.looking import look, unreached
from pwsops.operations.records import DatabaseView
from pwsops.operations.rights import as_login, in_roots, needs, of_instance, of_instances
from pwsops.operations.roots import first_root, unless_others
from pwsops.rules.exposure import exposure_s
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.protection import Verdict
from pwsops.rules.restore_points import protecting
from pwsops.rules.rights import Right
from pwsops.rules.verdict import judge
from pwsops.runs.parallel import ask_all
from pwsops.runs.scheduler import is_running

POLL_LIMIT_S = 20.0

T = TypeVar("T")


class Databases:
    """List databases, and browse the server."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.LOOK, "list databases", of_instance())
    def list(self, instance: str) -> Sequence[DatabaseView]:
        """Ask an instance for its databases and the files of their backups; return them by name, with the verdicts.

        Those of profiles that are gone from it are given too, as GONE. What was found is kept: `known` and `verdicts`
        tell it without asking. Raises whatever kept the instance from answering.
        """
        look(self._context.core, instance)
        return self.known(instance)

    @needs(Right.LOOK, "list databases", of_instance())
    def known(self, instance: str) -> Sequence[DatabaseView]:
        """Return the databases of an instance as they were when it last answered, with the verdicts as of now."""
        now = self._context.core.clock.now()
        return [self._view(covered, now) for covered in self._covered(instance)]

    @needs(Right.LOOK, "list databases")
    def everything(self) -> Mapping[str, Sequence[DatabaseView]]:
        """Return the databases of all instances, by instance, as `known` does."""
        found: dict[str, deque[DatabaseView]] = {}
        now = self._context.core.clock.now()
        for each in self._covered(None):
            found.setdefault(each.facts.instance, deque()).append(self._view(each, now))
        return found

    @needs(Right.LOOK, "see whether databases are protected", of_instance())
    def verdicts(self, instance: str | None = None) -> Sequence[Verdict]:
        """Return the verdict on each database that a profile names or an instance told of, the worst first.

        It is worked out from what is known; nobody is asked. What nobody has looked at lately is "not checked".
        """
        now = self._context.core.clock.now()
        found = [judge(covered.facts, now) for covered in self._covered(instance)]
        return sorted(found, key=lambda verdict: verdict.protection.rank)

    @needs(Right.LOOK, "list databases", of_instances)
    def poll(
        self,
        names: Sequence[str] | None = None,
        *,
        limit_s: float = POLL_LIMIT_S,
        on_answer: Callable[[str, Sequence[DatabaseView] | PwsopsError], None] | None = None,
    ) -> Mapping[str, Sequence[DatabaseView] | PwsopsError]:
        """Ask many instances for their databases at once.

        Parameters
        ----------
        names
            Which; None asks all.
        limit_s
            How long to wait, for all together.
        on_answer
            Is given each answer as it comes, so that those that answer need not wait for those that do not. Who is
            too late is told as `Unanswered`, and its answer afterwards, if one comes after all.

        Returns
        -------
        Mapping
            By instance: its databases as `list` gives them, or the error of one that did not answer.
        """
        core = self._context.core
        if names is None:
            with self._context.read() as connection:
                names = [row.name for row in instances.every(connection)]
        asks: dict[str, Callable[[], Sequence[DatabaseView]]] = {name: partial(self.list, name) for name in names}

        def answered(name: str, answer: Sequence[DatabaseView] | PwsopsError) -> None:
            if isinstance(answer, Unanswered):
                unreached(core, name, answer)
            if on_answer is not None:
                on_answer(name, answer)

        return ask_all(asks, limit_s=limit_s, clock=core.clock, on_answer=answered)

    @needs(Right.LOOK, "see which databases are closed", of_instance())
    def owed_access(self, instance: str | None = None) -> Sequence[ChangedAccess]:
        """Return the databases that a restore closed to those who use them and that are not open again as before.

        The backup service opens them, and tries until it works; until then nobody, or hardly anybody, is let in.
        """
        with self._context.read() as connection:
            return [change for change in access.open_changes(connection) if instance in (None, change.instance)]

    @needs(Right.CONTENTS, "see what is in a database", of_instance())
    def contents(self, instance: str, database: str) -> DatabaseContents:
        """Return which tables a database has now and how many rows; takes seconds at most."""
        return self._ask(instance, None, lambda engine: engine.contents(database))

    @needs(Right.MEDIA, "browse a server", of_instance(), as_login)
    def backup_directory(self, instance: str, *, credentials: Credentials | None = None) -> str:
        """Return where on the database server to begin to look for a directory."""
        if not self._context.principal.has(Right.CONFIGURE) and (root := first_root(self._context, instance)):
            return root
        return self._ask(instance, credentials, lambda engine: engine.backup_directory())

    @needs(Right.MEDIA, "browse a server", of_instance(), as_login)
    def parent(self, instance: str, path: str, *, credentials: Credentials | None = None) -> str:
        """Return the directory that a path on the database server lies in; the path itself where it is the topmost."""
        return self._ask(instance, credentials, lambda engine: engine.split(path)[0])

    @needs(Right.MEDIA, "browse a server", of_instance(), as_login, in_roots)
    def browse(self, instance: str, path: str, *, credentials: Credentials | None = None) -> Sequence[DirectoryEntry]:
        """List a directory on the database server, as the instance's own login unless another is given."""
        is_shown = unless_others(self._context, instance)
        found = self._ask(instance, credentials, lambda engine: engine.browse(path))
        return [entry for entry in found if is_shown(entry.path)]

    @needs(Right.MEDIA, "browse a server", of_instance(), in_roots)
    def check_directory(self, instance: str, path: str) -> DirectoryCheck:
        """Whether backups can be written there, as far as the server can tell."""
        return self._ask(instance, None, lambda engine: engine.check_directory(path))

    def _covered(self, instance: str | None) -> Sequence[Covered]:
        core = self._context.core
        with self._context.read() as connection:
            running = is_running(core.home) and service_state.load(connection).requested
            found = covered(
                connection,
                now=core.clock.now(),
                service_running=running,
                opens=core.vault.opens,
                instance=instance,
            )
        principal = self._context.principal
        sees_all = principal.sees_addresses and principal.sees_home
        return found if sees_all else [self._without_addresses(each) for each in found]

    def _without_addresses(self, covered: Covered) -> Covered:
        """Return the same without what errors told of where its instance is."""
        redacted = self._context.redacted
        profiles = [replace(each, last_error=redacted(each.last_error)) for each in covered.facts.profiles]
        facts = replace(covered.facts, unreached_why=redacted(covered.facts.unreached_why), profiles=profiles)
        seen = covered.seen and replace(
            covered.seen, reason=redacted(covered.seen.reason), warnings=[*map(redacted, covered.seen.warnings)]
        )
        return replace(covered, facts=facts, seen=seen)

    def _ask(self, instance: str, credentials: Credentials | None, question: Callable[[Engine], T]) -> T:
        """Ask an instance something; a login of its own that it refuses is not used again."""
        engine = self._context.engine(instance, credentials)
        with nullcontext() if credentials else self._context.core.asking(instance):
            return question(engine)

    def _view(self, covered: Covered, now: datetime) -> DatabaseView:
        verdict = judge(covered.facts, now)
        restorable = [covered.sets[set_id] for set_id in verdict.restorable]
        seen, logs_until = covered.seen, _logs_until(covered, verdict)
        lost_s = exposure_s(restorable, now, logs_until=logs_until)
        return DatabaseView(
            name=covered.facts.database,
            size_bytes=seen.size_bytes if seen else 0,
            state=DatabaseState(seen.state) if seen else DatabaseState.UNKNOWN,
            reason=seen.reason if seen else "its instance has not told of it yet",
            last_full_at=_newest(restorable, BackupKind.FULL),
            last_incremental_at=_newest(restorable, BackupKind.DIFFERENTIAL),
            exposure_s=lost_s,
            logs_until=None if lost_s == exposure_s(restorable, now) else logs_until,
            profiles=[profile.name for profile in covered.facts.profiles],
            warnings=tuple(seen.warnings) if seen else (),
            foreign_base=bool(seen and seen.foreign_base),
            verdict=verdict,
        )


def _logs_until(covered: Covered, verdict: Verdict) -> datetime | None:
    """Return up to when log backups reach; the full that they follow has to be one that can be restored."""
    fulls = [each for each in protecting(covered.facts.sets) if each.kind is BackupKind.FULL]
    newest = max(fulls, key=lambda each: each.finished_at, default=None)
    if covered.seen is None or newest is None or newest.set_id not in verdict.restorable:
        return None
    return covered.seen.logs_until


def _newest(sets: Sequence[BackupSet], kind: BackupKind) -> datetime | None:
    return max((backup_set.finished_at for backup_set in sets if backup_set.kind is kind), default=None)
