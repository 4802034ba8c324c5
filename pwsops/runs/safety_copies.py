"""Copies of what a database holds, taken before a restore replaces it: of no run, nobody's base, kept until deleted."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from pwsops.catalogue import Catalogue, Connection, certificates, profiles, server_certificates, sets
from pwsops.catalogue.profiles import ProfileRow
from pwsops.clock import Clock
from pwsops.engines.certificates import KeepsCertificates
from pwsops.engines.protocol import Engine
from pwsops.engines.records import DatabaseInfo, DatabaseState
from pwsops.engines.requests import BackupRequest
from pwsops.errors import Cancelled, CertificateNeeded, PwsopsError, Refused
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.naming import safety_file_name
from pwsops.rules.run_mark import safety_description
from pwsops.runs.certificates import RunCertificates
from pwsops.runs.liveness import Liveness
from pwsops.runs.restorer import Job
from pwsops.runs.saved_copies import say_where
from pwsops.runs.work import Work

WITHOUT = "To restore without saving it first: `pwsops restore --no-safety-copy`."


@dataclass(frozen=True, kw_only=True)
class CopyPlan:
    """Where a copy goes, and as which profile's backups; or why none is taken.

    `reason`: why nothing has to be saved; empty: a copy goes to `directory`.
    """

    directory: str = ""
    profile: ProfileRow | None = None
    reason: str = ""


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

    def plan(self, engine: Engine, instance: str, database: str, source: BackupSet) -> CopyPlan:
        """Return where what a database holds now would be saved before `source` is restored into it.

        As its profile keeps its backups, encrypted for the same certificate; without a profile beside the backup that
        is restored.

        Raises
        ------
        Refused
            No profile names the database, and the backups that are known of it are encrypted: nobody says for whom.
        """
        info = next((one for one in engine.databases() if one.name == database), None)
        if reason := _nothing_to_save(engine, database, info):
            return CopyPlan(reason=reason)
        with self._catalogue.read() as connection:
            profile = _profile(connection, instance, database)
        if profile is not None:
            return CopyPlan(directory=str(profile.fields["directory"]), profile=profile)
        if source.thumbprints:
            raise Refused(
                f"What {database} holds cannot be saved first: its backups are encrypted, and no profile says for whom "
                "a copy is to be.",
                hint=self._with_needs(f"Add {database} to a profile that encrypts. {WITHOUT}", engine, source),
            )
        return CopyPlan(directory=engine.split(source.path)[0])

    def _with_needs(self, hint: str, engine: Engine, source: BackupSet) -> str:
        """Return a next step with what the restore itself will need: without it nobody gets any further."""
        instance = engine.instance.name
        with self._catalogue.read() as connection:
            if isinstance(engine, KeepsCertificates):
                seen = server_certificates.every(connection)
                there = {one.certificate.thumbprint for one in seen if one.instance == instance}
                command = f"`pwsops certificate import-server {instance}`"
            else:
                there = {row.thumbprint for row in certificates.every(connection)}
                command = "`pwsops certificate import FILE.pfx`"
        hints = [hint]
        for thumbprint in source.thumbprints:
            if thumbprint not in there:
                words = f"The restore also needs the private key of the certificate {thumbprint}, not known here:"
                needed = CertificateNeeded("", hint=f"{words} {command}.", thumbprint=thumbprint)
                say_where(self._catalogue, needed)
                hints.append(needed.hint)
        return " ".join(hints)

    def take(self, job: Job, work: Work) -> None:
        """Save what the database of a restore holds now, and say where; raises `Refused` where that fails.

        Then nothing was restored.
        """
        database = job.request.database
        try:
            plan = self.plan(job.engine, job.instance, database, job.request.sets[-1])
            if plan.reason:
                work.say(f"No copy was taken first: {plan.reason}.")
                return
            taken = self._taken(job, plan, work)
        except (Cancelled, Refused):
            raise
        except PwsopsError as error:
            raise Refused(
                f"{database} was not restored, because what it holds could not be saved first. {error.message}",
                hint=self._with_needs(f"{error.hint} {WITHOUT}", job.engine, job.request.sets[-1]),
                messages=error.messages,
            ) from error
        work.say(f"What {database} held before is kept as {taken.path}.")

    def _taken(self, job: Job, plan: CopyPlan, work: Work) -> BackupSet:
        request = self._request(job, plan, work)
        result = work.do(lambda: job.engine.backup(request, work.report(), job.cancel))
        work.messages.extend(result.messages)
        taken, now = replace(result.kept, copy_only=True), self._clock.now()
        with self._catalogue.write() as connection:
            sets.add(connection, taken, instance=job.instance, profile_id=None, run_id=None, now=now, proven=True)
            job.target.note(connection, "safety copy", taken.path, now=now)
        return taken

    def _request(self, job: Job, plan: CopyPlan, work: Work) -> BackupRequest:
        database, now = job.request.database, self._clock.now()
        encryption = None
        if plan.profile is not None:
            encryption = self._certificates.encryption(plan.profile, job.engine, now=now, tell=work.say)
        return BackupRequest(
            database=database,
            kind=BackupKind.FULL,
            directory=plan.directory,
            file_name=safety_file_name(database, at=now, suffix=secrets.token_hex(4)),
            description=safety_description(job.id, self._liveness.token),
            encryption=encryption,
            copy_only=True,
            # What is damaged is saved as it is: this copy is all that will be left of it.
            check_structure=False,
        )


def _nothing_to_save(engine: Engine, database: str, info: DatabaseInfo | None) -> str:
    if info is None:
        return f"{database} does not exist yet"
    if info.state is DatabaseState.EMPTY:
        return f"{database} is empty"
    if info.state is DatabaseState.UNREADABLE and engine.capabilities.keeps_unreadable:
        return f"{database} cannot be opened, and is kept beside under another name"
    return ""


def _profile(connection: Connection, instance: str, database: str) -> ProfileRow | None:
    """Return the profile that keeps a database's backups: an active one before one that is switched off."""
    named = profiles.of_database(connection, instance, database)
    return next((row for row in named if not row.broken), None)
