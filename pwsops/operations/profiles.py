"""Backup profiles: from the wizard's last click to the breaker's refusal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from pwsops.catalogue import Connection, claims, instances, profiles, refused_logins, runs
from pwsops.catalogue.profiles import ProfileRow
from pwsops.engines.registry import is_embedded
from pwsops.errors import Conflict, InvalidInput, Refused
from pwsops.operations import clashes, profile_secrets
from pwsops.operations.access import Context
from pwsops.operations.clashes import in_the_way, refuse_clash
from pwsops.operations.diagnosis import diagnose
from pwsops.operations.lookup import find_certificate, find_instance, find_profile
from pwsops.operations.mapping import profile_view, run_views
from pwsops.operations.periods import local_zone
from pwsops.operations.profile_databases import check_databases
from pwsops.operations.profile_encryption import check_encryption
from pwsops.operations.profile_secrets import Password, kept_sealed
from pwsops.operations.records import Diagnosis, ProfileView
from pwsops.operations.rights import in_own_directory, needs, of_profile, with_keys_saved, with_own_login
from pwsops.operations.settings import defaults as defaults_of
from pwsops.profile import BackupProfile
from pwsops.rules import breaker
from pwsops.rules import recurrence as rules
from pwsops.rules.model import BackupKind, Occurrence, ProfileState
from pwsops.rules.planner import upcoming
from pwsops.rules.rights import Right
from pwsops.rules.validity import is_zone

Views = list[ProfileView]
PREVIEWED = 100_000
"""So many runs are previewed at most: more than two months of a profile that runs every minute."""


class Profiles:
    """Create, edit, switch, delete, preview and list profiles."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.LOOK, "list profiles")
    def list(self) -> list[ProfileView]:
        """Return all profiles by name, each with its last run and what runs now."""
        with self._context.read() as connection:
            return self._views(connection, profiles.living(connection))

    @needs(Right.LOOK, "see a profile", of_profile("name"))
    def view(self, name: str) -> ProfileView:
        """Return one row of the list; raises `NotFound`."""
        with self._context.read() as connection:
            return self._views(connection, [find_profile(connection, name)])[0]

    @needs(Right.CONFIGURE, "open a profile", of_profile("name"))
    def get(self, name: str) -> BackupProfile:
        """Return an editable copy; raises `NotFound`. A tripped profile's copy is active, since saving it arms it."""
        with self._context.read() as connection:
            row = find_profile(connection, name)
        profile = row.profile()
        profile.active = row.state is not ProfileState.INACTIVE
        return profile

    @needs(Right.CONFIGURE, "create a profile")
    def new(self) -> BackupProfile:
        """Return a profile that starts from the settings and from this minute."""
        with self._context.read() as connection:
            defaults = defaults_of(connection, self._context.principal)
        shared = ("instance", "directory", "every", "unit", "incremental", "renew_full", "timestamp", "time_limit_h")
        zone = defaults.timezone if is_zone(defaults.timezone) else _local_zone()
        start = self._context.core.clock.now().astimezone(ZoneInfo(zone)).replace(tzinfo=None, second=0, microsecond=0)
        return BackupProfile(timezone=zone, start=start, **{key: getattr(defaults, key) for key in shared})

    @needs(Right.CONFIGURE, "create a profile", of_profile(), in_own_directory, with_own_login, with_keys_saved)
    def create(
        self, profile: BackupProfile, *, password: str | None = None, certificate_password: str | None = None
    ) -> ProfileView:
        """Remember a new profile; from now on it runs, unless it is not active.

        `password` is that of the profile's login, where it has one of its own; `certificate_password` protects the
        certificates that it saves. Both are kept sealed.

        Raises `InvalidInput`, `NotFound` (its instance) or `Conflict` (its name, or another profile's files). The
        directory is not checked here:
        only the server can tell, and a doubtful answer must not stand in anybody's way.
        """
        profile.check()
        core = self._context.core
        login = self._login_password(profile, None, password)
        sealed = login.for_checks(core.vault)
        check_databases(core, profile, sealed, already=())
        certificate = check_encryption(self._context, profile, None, sealed_password=sealed)
        saved = profile_secrets.certificate_password(core, profile, None, certificate_password)
        self._check_directory(profile)
        seen_directories = clashes.look(core, profile)
        state = ProfileState.ACTIVE if profile.active else ProfileState.INACTIVE
        with core.catalogue.write() as connection:
            self._check_free(connection, profile.name)
            self._check_there(connection, profile, certificate)
            refuse_clash(connection, profile, seen_directories, sees=self._context.principal.sees)
            profile_id = profiles.add(connection, profile, state=state, now=core.clock.now())
            profiles.set_state(connection, profile_id, **kept_sealed(login, saved, core.vault))
            self._plan(connection, profile_id)
            saves = ["saves private keys under a password that was given"] if profile.save_certificates else []
            self._context.note(connection, "create profile", profile.name, "; ".join([profile.summary(), *saves]))
            return self._views(connection, [profiles.get(connection, profile_id)])[0]

    @needs(
        Right.CONFIGURE,
        "edit a profile",
        of_profile("name"),
        of_profile(),
        in_own_directory,
        with_own_login,
        with_keys_saved,
    )
    def save(
        self,
        name: str,
        profile: BackupProfile,
        *,
        note: str = "",
        seen: BackupProfile | None = None,
        password: str | None = None,
        certificate_password: str | None = None,
    ) -> ProfileView:
        """Replace a profile's fields; takes effect before its next occurrence.

        Saving a tripped profile arms it again, and wants something amended: a field, or `note`, which tells what was
        amended on the server. `seen` is the profile as it was when the editing began: where somebody else has saved
        it since, `Conflict` is raised and nothing of theirs is overwritten. `password` is a new one for the profile's
        login, `certificate_password` one for the certificates that it saves; None keeps the one it has.
        """
        profile.check()
        core = self._context.core
        with self._context.read() as connection:
            before = find_profile(connection, name)
        same_instance = profile.instance == before.fields["instance"]
        login = self._login_password(profile, before, password)
        sealed = login.for_checks(core.vault)
        check_databases(core, profile, sealed, already=before.fields["databases"] if same_instance else ())
        former = before.fields if same_instance else None
        certificate = check_encryption(self._context, profile, former, sealed_password=sealed)
        saved = profile_secrets.certificate_password(core, profile, before, certificate_password)
        self._check_directory(profile)
        seen_directories = clashes.look(core, profile)
        with core.catalogue.write() as connection:
            row = find_profile(connection, name)
            self._check_seen(row, seen)
            changes = [*_changes(row, profile), *(["password"] if password is not None and profile.login else [])]
            changes += ["password of saved certificates"] if profile.save_certificates and certificate_password else []
            self._check_amended(row, changes, note)
            self._check_there(connection, profile, certificate)
            refuse_clash(connection, profile, seen_directories, sees=self._context.principal.sees, own_id=row.id)
            if profile.name != name:
                self._check_free(connection, profile.name)
                runs.rename(connection, row.id, profile.name)
            self._amend(connection, row, profile)
            profiles.set_state(connection, row.id, **kept_sealed(login, saved, core.vault, row))
            detail = "; ".join(filter(None, [", ".join(changes), note and f"note: {note}"]))
            self._context.note(connection, "edit profile", profile.name, detail)
            return self._views(connection, [profiles.get(connection, row.id)])[0]

    @needs(Right.CONFIGURE, "create a profile", of_profile(), in_own_directory)
    def in_the_way(self, profile: BackupProfile) -> Sequence[str]:
        """Return a sentence for each file that lies under a name of its media and is not its own; asks the server."""
        core = self._context.core
        return list(in_the_way(core, core.engine(profile.instance), profile))

    @needs(Right.LOOK, "see why a profile fails", of_profile("name"))
    def diagnose(self, name: str) -> Diagnosis:
        """Return the last errors of a profile, and what changed since it last worked; raises `NotFound`."""
        return diagnose(self._context, name)

    @needs(Right.CONFIGURE, "delete a profile", of_profile("name"))
    def delete(self, name: str) -> None:
        """Forget a profile. Its history and its backups stay."""
        now = self._context.core.clock.now()
        with self._context.core.catalogue.write() as connection:
            row = find_profile(connection, name)
            profiles.set_state(connection, row.id, deleted_at=now, next_due_at=None, state=ProfileState.INACTIVE.value)
            self._context.note(connection, "delete profile", name, "history and backups stay")

    @needs(Right.CONFIGURE, "activate a profile", of_profile("name"))
    def activate(self, name: str) -> ProfileView:
        """Put a profile's schedule in force. Refused for a tripped one, which has to be amended."""
        with self._context.core.catalogue.write() as connection:
            row = find_profile(connection, name)
            if row.state is ProfileState.TRIPPED:
                raise Refused(
                    f"The profile {name!r} cannot simply be activated: it was switched off after "
                    f"{breaker.LIMIT} failed runs in a row.",
                    hint="Open it and amend what made it fail; if the cure was on the server, say so in its note "
                    f'(`pwsops profile edit "{name}" --note "what was amended"`). Saving it activates it.',
                )
            return self._switch(connection, row, ProfileState.ACTIVE, "activate profile")

    @needs(Right.STOP, "deactivate a profile", of_profile("name"))
    def deactivate(self, name: str) -> ProfileView:
        """Take a profile's schedule out of force; it can still be started by hand."""
        with self._context.core.catalogue.write() as connection:
            row = find_profile(connection, name)
            if row.state is ProfileState.TRIPPED:
                raise Refused(
                    f"The profile {name!r} is off already: {breaker.LIMIT} failed runs in a row switched it off.",
                    hint="Amend it to switch it on, or delete it.",
                )
            return self._switch(connection, row, ProfileState.INACTIVE, "deactivate profile")

    @needs(Right.LOOK, "see the runs to come", of_profile(), of_profile("edits"))
    def preview(
        self,
        profile: BackupProfile | str,
        *,
        edits: str | None = None,
        start: datetime | None = None,
        until: datetime | None = None,
        count: int | None = None,
    ) -> Sequence[Occurrence]:
        """Return the runs to come, as far as `until`, `count` and the profile's own end let them.

        Parameters
        ----------
        profile
            A profile being edited, or the name of a stored one.
        edits
            The stored profile that the one being edited is to replace: what it saves goes on from where that one
            stands. None: nothing has run yet.
        start
            First instant, included; None is right after now. Naive: wall time in the profile's zone.
        until
            No occurrence at or after this instant; aware.

        Raises `NotFound`, and `InvalidInput` for a profile that is not valid or for more than 100,000 runs.
        """
        stored = profile if isinstance(profile, str) else edits
        row = None if stored is None else self._row(stored)
        if isinstance(profile, str):
            assert row is not None
            row.require_usable()
            profile = row.profile()
        recurrence, renewal = profile.recurrence(), profile.renewal()
        rules.validate(recurrence, renewal)
        now = self._context.core.clock.now()
        # What is due this very instant is not to come any more: the service plans from the next one on.
        start = start or now + timedelta(microseconds=1)
        if start.tzinfo is None:
            start = start.replace(tzinfo=ZoneInfo(profile.timezone))
        found = upcoming(
            recurrence,
            incremental=profile.incremental,
            renewal=renewal,
            last_full_due=None if row is None else _last_full(row, profile),
            start=start,
            now=now,
        )
        bounded = takewhile(lambda occurrence: until is None or occurrence.due_at < until, islice(found, count))
        runs_to_come = list(islice(bounded, PREVIEWED + 1))
        if len(runs_to_come) > PREVIEWED:
            raise InvalidInput(
                f"The runs to come of {profile.name!r} cannot be shown at once: they are more than {PREVIEWED:,}.",
                hint="Ask for fewer of them, or for a shorter time; a later start shows what comes after.",
            )
        return runs_to_come

    def _row(self, name: str) -> ProfileRow:
        with self._context.read() as connection:
            return find_profile(connection, name)

    def _check_free(self, connection: Connection, name: str) -> None:
        if profiles.find(connection, name) is not None:
            raise Conflict(f"The profile {name!r} exists already.", hint="Choose another name, or edit that one.")

    def _check_there(self, connection: Connection, profile: BackupProfile, certificate: str | None) -> None:
        """Refuse what somebody removed while servers were asked about it."""
        find_instance(connection, profile.instance)
        if certificate is not None:
            find_certificate(connection, certificate)

    def _check_directory(self, profile: BackupProfile) -> None:
        """Refuse the home for a directory of backups: nothing is written there, so that each run would fail."""
        core = self._context.core
        if is_embedded(core.instance_row(profile.instance).engine):
            core.off_limits(profile.instance).refuse_home("The directory", profile.directory)

    def _login_password(self, profile: BackupProfile, before: ProfileRow | None, password: str | None) -> Password:
        """Return the password of a profile's login, checked; none where it has no login of its own."""
        core = self._context.core
        if password is not None:
            # What the server said of the one before says nothing of this one.
            with core.catalogue.write() as connection:
                refused_logins.forget(connection, profile.instance, profile.login)
        return profile_secrets.login_password(core, profile, before, password)

    def _check_seen(self, row: ProfileRow, seen: BackupProfile | None) -> None:
        if seen is None:
            return
        before = seen.fields()
        differing = [key for key, value in row.fields.items() if before[key] != value]
        if differing:
            raise Conflict(
                f"The profile {row.name!r} was saved by somebody else in the meantime ({', '.join(differing)}).",
                hint="Open it again to see what they changed; yours was not saved.",
            )

    def _check_amended(self, row: ProfileRow, changes: Sequence[str], note: str) -> None:
        if row.state is ProfileState.TRIPPED and not changes and not note.strip():
            raise Refused(
                f"The profile {row.name!r} was switched off after {breaker.LIMIT} failed runs in a row, and "
                "nothing about it was amended.",
                hint="Change what made it fail, or say in the note what was amended on the server.",
            )

    def _amend(self, connection: Connection, row: ProfileRow, profile: BackupProfile) -> None:
        profiles.amend(connection, row.id, profile, now=self._context.core.clock.now())
        values = {"state": (ProfileState.ACTIVE if profile.active else ProfileState.INACTIVE).value}
        if row.state is ProfileState.TRIPPED:
            profiles.set_state(connection, row.id, **values, failures_in_a_row=0, database_failures={}, tripped_at=None)
        else:
            profiles.set_state(connection, row.id, **values)
        if _begins_anew(row, profile):
            profiles.set_state(connection, row.id, last_full_due_at=None)
        self._plan(connection, row.id)

    def _switch(self, connection: Connection, row: ProfileRow, state: ProfileState, action: str) -> ProfileView:
        profiles.set_state(connection, row.id, state=state.value)
        self._plan(connection, row.id)
        self._context.note(connection, action, row.name)
        return self._views(connection, [profiles.get(connection, row.id)])[0]

    def _plan(self, connection: Connection, profile_id: int) -> None:
        row = profiles.get(connection, profile_id)
        due: tuple[int, datetime | None, BackupKind | None] = (profile_id, None, None)
        if row.state is ProfileState.ACTIVE:
            now = self._context.core.clock.now()
            due = claims.next_due(row, now, now=now)
        profiles.schedule(connection, [due])

    def _views(self, connection: Connection, rows: Sequence[ProfileRow]) -> Views:
        ended = runs.last_ended(connection)
        going = {run["profile_id"]: run for run in runs.open_runs(connection)}
        shown = [ended[row.id] for row in rows if row.id in ended]
        shown += [going[row.id] for row in rows if row.id in going]
        views = {view.id: view for view in run_views(connection, shown)}
        lacking = _lacking(connection)
        return [
            profile_view(
                row,
                last=views[ended[row.id]["id"]] if row.id in ended else None,
                running=views[going[row.id]["id"]] if row.id in going else None,
                without=lacking.get(row.fields["instance"], f"There is no instance {row.fields['instance']!r}."),
            )
            for row in rows
        ]


def _lacking(connection: Connection) -> dict[str, str]:
    """Return for each instance why nothing can be run on it; empty: something can."""
    return {row.name: row.broken for row in instances.every(connection)}


def _local_zone() -> str:
    """Return this machine's zone for a new profile; a machine on Etc/UTC is on UTC."""
    name = local_zone()
    return "UTC" if name.startswith("Etc/") else name


def _last_full(row: ProfileRow, profile: BackupProfile) -> datetime | None:
    """Return when the full was due that a profile's incrementals would build on, once it is saved as it is now."""
    return None if _begins_anew(row, profile) else row.last_full_due_at


def _begins_anew(row: ProfileRow, profile: BackupProfile) -> bool:
    """Whether an edit begins a new chain: none is continued across places or certificates."""
    return any(row.fields[key] != getattr(profile, key) for key in ("instance", "directory", "encrypt_with"))


def _changes(row: ProfileRow, profile: BackupProfile) -> Sequence[str]:
    after = profile.fields()
    changes = [
        f"{key} from {_field_text(value)} to {_field_text(after[key])}"
        for key, value in row.fields.items()
        if after[key] != value
    ]
    if row.state is not ProfileState.TRIPPED and profile.active != (row.state is ProfileState.ACTIVE):
        changes.append("active" if profile.active else "inactive")
    return changes


def _field_text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
