"""What a run asks of its engine for a database: on which base, under which name, and what may go for it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from pwsops.catalogue import Catalogue, holds, restores, sets, sightings
from pwsops.catalogue.profiles import ProfileRow
from pwsops.clock import Clock
from pwsops.engines.protocol import Engine
from pwsops.engines.requests import BackupRequest, Encryption
from pwsops.errors import InvalidInput, PwsopsError
from pwsops.rules.chain import choose_base
from pwsops.rules.model import BackupKind, BackupSet
from pwsops.rules.naming import media_file_name
from pwsops.rules.replacing import replaceable


class BackupRequests:
    """Reads from the catalogue what a backup builds on.

    Parameters
    ----------
    catalogue, clock
        Where earlier backups are remembered, and the time.
    """

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock

    def base(self, profile: ProfileRow, engine: Engine, database: str) -> tuple[BackupSet | None, str]:
        """Return the full that an incremental builds on; None where a full has to be taken, with the reason."""
        server_base = engine.differential_base(database) if engine.capabilities.shared_base else None
        instance = profile.fields["instance"]
        with self._catalogue.read() as connection:
            own = sets.of_database(connection, instance, database, profile_id=profile.id)
            all_sets = sets.of_database(connection, instance, database)
            lost = sightings.lost(connection, instance, database)
        known = {backup_set.set_id for backup_set in all_sets}
        foreign = engine.capabilities.external_history and server_base is not None and server_base not in known
        choice = choose_base(
            own=own,
            all_sets=all_sets,
            shared_base=engine.capabilities.shared_base,
            server_base=server_base,
            outside=list(engine.history(database=database)) if foreign else (),
            now=self._clock.now(),
            lost=lost,
        )
        return choice.base, choice.reason

    def request(
        self,
        profile: ProfileRow,
        database: str,
        *,
        description: str,
        base: BackupSet | None,
        encryption: Encryption | None,
    ) -> BackupRequest:
        """Return what is asked for: an incremental on `base`, or a full where that is None."""
        kind = BackupKind.FULL if base is None else BackupKind.DIFFERENTIAL
        dated = bool(profile.fields["timestamp"])
        name = media_file_name(database, kind, at=self._clock.now() if dated else None, suffix=secrets.token_hex(4))
        return BackupRequest(
            database=database,
            kind=kind,
            directory=profile.fields["directory"],
            file_name=name,
            description=description,
            overwrite=not dated,
            before=self._before(profile, database),
            base=base,
            encryption=encryption,
            check_structure=bool(profile.fields["check_structure"]),
        )

    def as_of_now(self, profile: ProfileRow, request: BackupRequest) -> BackupRequest:
        """Return the request with the older sets that it may replace, and those of which nothing can be restored."""
        if not request.overwrite:
            return request
        database = request.database
        return replace(request, replaceable=self._replaceable(profile, database), lost=self._lost(profile, database))

    def _before(self, profile: ProfileRow, database: str) -> BackupSet | None:
        with self._catalogue.read() as connection:
            return sets.newest(connection, profile.fields["instance"], database, profile_id=profile.id)

    def _lost(self, profile: ProfileRow, database: str) -> frozenset[str]:
        with self._catalogue.read() as connection:
            return sightings.lost(connection, profile.fields["instance"], database)

    def _replaceable(self, profile: ProfileRow, database: str) -> Sequence[BackupSet]:
        instance = profile.fields["instance"]
        with self._catalogue.read() as connection:
            held = holds.held_ids(connection, instance, database, self._clock.now())
            if held is None:
                return []
            every = sets.of_database(connection, instance, database)
            # What is held holds what it stands on.
            held |= {one.base_id for one in every if one.set_id in held and one.base_id is not None}
            found = replaceable(
                sets.of_database(connection, instance, database, profile_id=profile.id),
                resting=every,
                of_database=sets.orders_of_database(connection, instance, database),
                restored=restores.into(connection, instance, database),
                now=self._clock.now(),
            )
        return [one for one in found if one.set_id not in held]


def no_text(database: str) -> PwsopsError:
    """Return why a database is not backed up whose name cannot be written down."""
    return InvalidInput(
        f"{database} was not backed up: its name is no text (UTF-8), so it can be neither written down nor asked for.",
        hint="Rename its file, and choose it in the profile under the new name.",
    )
