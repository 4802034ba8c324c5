"""Copies of what a database holds, taken before a restore replaces it: of no run, nobody's base, kept until deleted."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC

from pwsops.catalogue import Catalogue, Connection, profiles, sets
from pwsops.catalogue.profiles import ProfileRow
from pwsops.catalogue.rows import Unreadable
from pwsops.clock import Clock
from pwsops.engines.certificates import KeepsCertificates
from pwsops.engines.protocol import Engine
from pwsops.engines.records import DatabaseInfo, DatabaseState, DirectoryStatus
from pwsops.engines.requests import BackupRequest, Encryption
from pwsops.errors import Cancelled, DatabaseUnreadable, PwsopsError, Refused
from pwsops.rules.model import BackupKind, BackupSet, Message
from pwsops.rules.naming import safety_file_name
from pwsops.rules.run_mark import safety_description
from pwsops.runs.certificates import RunCertificates
from pwsops.runs.liveness import Liveness
from pwsops.runs.restorer import Job
from pwsops.runs.work import Work

WITHOUT = "To restore without saving it first: `pwsops restore --no-safety-copy`."
_THUMBPRINT = "`thumbprint`"
KEPT = (
    "What {database} held at {began:%Y-%m-%d %H:%M:%S} UTC is kept as {path}; what was written after that, until the "
    "restore replaced it, is in no copy."
)
NO_PLACE = (DirectoryStatus.MISSING, DirectoryStatus.UNUSABLE)


@dataclass(frozen=True, kw_only=True)
class CopyPlan:
    """Where a copy goes, and for whom it is encrypted; or why none is taken.

    `reason`: why nothing has to be saved; empty: a copy goes to `directory`. `remarks`: what is to be said of it.
    `keeps_beside`, `must_be_new`: what the restore is bound to where none is taken, as in `RestoreRequest`. What was
    looked at may be another by the time it is replaced.
    """

    directory: str = ""
    encryption: Encryption | None = None
    reason: str = ""
    remarks: Sequence[str] = ()
    keeps_beside: bool = False
    must_be_new: bool = False

    def bind(self, job: Job) -> None:
        """Let a restore that is done without a copy write into nothing that is there."""
        asked = job.request
        beside, new = asked.keeps_beside or self.keeps_beside, asked.must_be_new or self.must_be_new
        job.request = replace(asked, keeps_beside=beside, must_be_new=new)


MayKeep = Callable[[str], None]
"""Raises `PwsopsError` where whoever restores may keep nothing in a directory."""


@dataclass(frozen=True, kw_only=True)
class _History:
    """What tells whether a database's backups are encrypted: those known, and what of the records cannot be read."""

    known: Sequence[BackupSet]
    unread: Sequence[Unreadable]
    broken: Sequence[ProfileRow]

    def example(self, source: BackupSet) -> BackupSet:
        """Return the newest backup, or `source` where none is known; with a thumbprint that may be that of a newer."""
        newest = max(self.known, key=lambda one: one.finished_at, default=source)
        readable = (row.values["thumbprint"] for row in self._may_be_newer())
        thumbprint = newest.thumbprint or next(filter(None, readable), None)
        return replace(newest, thumbprint=thumbprint)

    def unknown(self) -> str:
        """Return what cannot be read that would tell of a certificate; empty: nothing."""
        for row in self._may_be_newer():
            if _THUMBPRINT in row.reason:
                return f"Of the backup with the number {row.id} in the catalogue {row.reason}."
        return next((row.broken for row in self.broken if "encrypt_with" in row.unread), "")

    def _may_be_newer(self) -> Sequence[Unreadable]:
        newest = max((one.finished_at for one in self.known), default=None)
        taken = ((row, row.values["finished_at"]) for row in self.unread)
        return [row for row, at in taken if newest is None or at is None or at > newest]


class SafetyCopies:
    """Plans and takes the copies of one home.

    Parameters
    ----------
    catalogue, clock
        Where copies are remembered, and the time.
    certificates
        The certificates that profiles encrypt for.
    liveness
        In whose name a copy is taken.
    """

    def __init__(
        self, catalogue: Catalogue, *, clock: Clock, certificates: RunCertificates, liveness: Liveness
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._certificates = certificates
        self._liveness = liveness

    def plan(self, engine: Engine, instance: str, database: str, source: BackupSet, *, may_keep: MayKeep) -> CopyPlan:
        """Return where what a database holds now would be saved before `source` is restored into it.

        Where its profile keeps its backups; without a profile beside the backup that is restored. It is encrypted for
        the certificate of the profile, or else for that of the newest backup which is known of it; where the record of
        one cannot be read, for that which can still be read of it. `may_keep` is asked about a directory that no
        profile names.

        Raises
        ------
        Refused
            It cannot be saved so: there is no such directory, or not for who restores, or the certificate is not at
            hand, or nobody knows whether there is one. In the clear it is not saved instead.
        """
        info = next((one for one in engine.databases() if one.name == database), None)
        if (without := _without(engine, database, info)) is not None:
            return without
        with self._catalogue.read() as connection:
            profile = _profile(connection, instance, database)
            history = _history(connection, instance, database)
        directory = engine.split(source.path)[0] if profile is None else str(profile.fields["directory"])
        if profile is None:
            try:
                may_keep(directory)
            except PwsopsError as error:
                raise _not_saved(database, error.message, error.hint) from error
        found = engine.check_directory(directory)
        if found.status in NO_PLACE:
            raise _not_saved(database, f"the directory {directory} cannot be used: {found.reason}", "Correct that.")
        remarks: list[str] = []
        try:
            encryption = self._encryption(profile, history, source, engine, remarks.append)
            if encryption is not None and isinstance(engine, KeepsCertificates):
                engine.require_encryption(encryption.name)
        except PwsopsError as error:
            raise _not_saved(database, error.message, error.hint) from error
        return CopyPlan(directory=directory, encryption=encryption, remarks=remarks)

    def _encryption(
        self,
        profile: ProfileRow | None,
        history: _History,
        source: BackupSet,
        engine: Engine,
        tell: Callable[[str], None],
    ) -> Encryption | None:
        now = self._clock.now()
        for row in filter(None, (profile, *history.broken)):
            chosen = self._certificates.encryption(row, engine, now=now, tell=tell)
            if chosen is not None:
                return chosen
        example = history.example(source)
        if example.thumbprint is not None:
            return self._certificates.like(example, engine, now=now, tell=tell)
        if unknown := history.unknown():
            raise Refused(
                f"Whether its backups are encrypted is not known: {unknown}",
                hint="Correct that record; `pwsops doctor` names those that cannot be read.",
            )
        return None

    def take(self, job: Job, work: Work, *, may_keep: MayKeep) -> None:
        """Save what the database of a restore holds now, and say where; raises `Refused` where that fails.

        Then nothing was restored. What is no database that could be read is left for the engine to keep beside, as it
        is, where it can.
        """
        database = job.request.database
        try:
            plan = self.plan(job.engine, job.instance, database, job.request.sets[-1], may_keep=may_keep)
            if plan.reason:
                plan.bind(job)
                work.say(f"No copy was taken first: {plan.reason}.")
                return
            taken = self._taken(job, plan, work)
        except DatabaseUnreadable as error:
            if not job.engine.capabilities.keeps_unreadable:
                raise _not_saved(database, error.message, error.hint, error.messages) from error
            work.say(f"No copy could be taken first, so that the file is kept as it is: {error.message}")
            job.request = replace(job.request, keeps_beside=True)
            return
        except (Cancelled, Refused):
            raise
        except PwsopsError as error:
            raise _not_saved(database, error.message, error.hint, error.messages) from error
        # All that was written before its beginning is in it; of what was written until its end nobody knows.
        began = (taken.started_at or taken.finished_at).astimezone(UTC)
        work.say(KEPT.format(database=database, began=began, path=taken.path))

    def keep_beside(self, job: Job, work: Work) -> None:
        """Let a restore without a copy keep beside what is said to hold nothing, or to be kept so."""
        del work  # there is nothing to be said before the restore does
        database = job.request.database
        with suppress(PwsopsError):  # where nobody can list it, nobody was told that it is kept
            info = next((one for one in job.engine.databases() if one.name == database), None)
            if (without := _without(job.engine, database, info)) is not None:
                without.bind(job)

    def _taken(self, job: Job, plan: CopyPlan, work: Work) -> BackupSet:
        for remark in plan.remarks:
            work.say(remark)
        request = self._request(job, plan)
        result = work.do(lambda: job.engine.backup(request, work.report(), job.cancel))
        work.messages.extend(result.messages)
        taken, now = replace(result.kept, copy_only=True), self._clock.now()
        with self._catalogue.write() as connection:
            sets.add(connection, taken, instance=job.instance, profile_id=None, run_id=None, now=now, proven=True)
            job.target.note(connection, "safety copy", taken.path, now=now)
        return taken

    def _request(self, job: Job, plan: CopyPlan) -> BackupRequest:
        database, now = job.request.database, self._clock.now()
        return BackupRequest(
            database=database,
            kind=BackupKind.FULL,
            directory=plan.directory,
            file_name=safety_file_name(database, at=now, suffix=secrets.token_hex(4)),
            description=safety_description(job.id, self._liveness.token),
            encryption=plan.encryption,
            copy_only=True,
            # What is damaged is saved as it is: this copy is all that will be left of it.
            check_structure=False,
        )


def _not_saved(database: str, why: str, hint: str, messages: Sequence[Message] = ()) -> Refused:
    return Refused(
        f"{database} was not restored, because what it holds could not be saved first. {why}",
        hint=f"{hint} {WITHOUT}",
        messages=messages,
    )


def _without(engine: Engine, database: str, info: DatabaseInfo | None) -> CopyPlan | None:
    """Return why a database has nothing to be saved, and what that binds the restore to; None: it has."""
    if info is None:
        return CopyPlan(reason=f"{database} does not exist yet", must_be_new=True)
    if info.state is DatabaseState.EMPTY:
        return CopyPlan(reason=f"{database} is empty", keeps_beside=True)
    if info.state is DatabaseState.UNREADABLE and engine.capabilities.keeps_unreadable:
        return CopyPlan(reason=f"{database} cannot be opened, and is kept beside under another name", keeps_beside=True)
    return None


def _history(connection: Connection, instance: str, database: str) -> _History:
    return _History(
        known=[one for one in sets.of_database(connection, instance, database) if not one.is_safety_copy],
        unread=sets.unread_of_database(connection, instance, database),
        broken=profiles.may_be_of_database(connection, instance, database),
    )


def _profile(connection: Connection, instance: str, database: str) -> ProfileRow | None:
    """Return the profile that keeps a database's backups: an active one before one that is switched off."""
    named = profiles.of_database(connection, instance, database)
    return next((row for row in named if not row.broken), None)
