"""What this home knows of a profile, kept beside the profile's backups, for the day on which the home is lost."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, replace

import structlog

from pwsops.catalogue import Catalogue, profiles, statements
from pwsops.catalogue.profiles import ProfileRow
from pwsops.clock import Clock
from pwsops.engines.protocol import Engine, SavesStatements
from pwsops.engines.requests import StatementRequest
from pwsops.errors import PwsopsError
from pwsops.rules.statements import Statement, statement_of
from pwsops.runs.certificates import RunCertificates

BYTES_PER_S = 1024
"""A statement is written again only after so much time as it takes at this pace: a run each minute writes no
megabytes each time. What it then lacks are the last backups, which their own files tell."""
MOST_BYTES = 4 * 1024 * 1024
"""Of a statement: runs that are too many for that are left out, the oldest first."""
_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class _Saved:
    at_s: float
    size_bytes: int
    directory: str


def _fitting(stated: Statement) -> tuple[Statement, bytes]:
    """Return a statement with so many of its last runs that it is not too large, and how it is written."""
    while True:
        content = json.dumps(stated.values(), separators=(",", ":")).encode()
        if len(content) <= MOST_BYTES or not stated.runs:
            return stated, content
        fit = len(stated.runs) * MOST_BYTES // len(content)
        stated = replace(stated, runs=stated.runs[: min(fit, len(stated.runs) - 1)], is_cut=True)


class Statements:
    """Keeps them for the profiles of one home; a process remembers when it did."""

    def __init__(self, catalogue: Catalogue, certificates: RunCertificates, clock: Clock) -> None:
        self._catalogue = catalogue
        self._certificates = certificates
        self._clock = clock
        self._saved: dict[int, _Saved] = {}

    def save(self, profile_id: int, engine: Engine | None) -> str:
        """Keep one; return why that was not possible, in a sentence. Never raises: the backups are taken.

        Nothing is done on an engine whose server writes its backups, and so soon after the last time (`BYTES_PER_S`).
        """
        try:
            why = self._save(profile_id, engine)
        except PwsopsError as error:
            why = f"{error.message} {error.hint}"
        except ValueError as error:
            why = f"It could not be written down so that it can be read again: {error}."
        except Exception:  # noqa: BLE001 - whatever it was, the run succeeded
            _log.exception("a statement could not be saved", profile_id=profile_id)
            why = "An unforeseen error, which is in the log of the service."
        return f"What this home knows of the profile was not saved with its backups: {why}" if why else ""

    def _save(self, profile_id: int, engine: Engine | None) -> str:
        if engine is None or not isinstance(engine, SavesStatements):
            return ""
        now = self._clock.now()
        with self._catalogue.read() as connection:
            profile = profiles.get(connection, profile_id)
            if profile.deleted_at is not None or profile.broken or self._is_soon(profile):
                return ""
            stated = statements.of_profile(connection, profile, machine=platform.node() or "unknown", now=now)
        if stated is None:
            return ""
        stated, content = _fitting(stated)
        # Also where it fails: that is not tried again at once.
        self._saved[profile_id] = _Saved(
            at_s=self._clock.monotonic(), size_bytes=len(content), directory=profile.fields["directory"]
        )
        return engine.save_statement(self._request(profile, engine, stated, content))

    def _is_soon(self, profile: ProfileRow) -> bool:
        saved = self._saved.get(profile.id)
        if saved is None or saved.directory != profile.fields["directory"]:
            return False
        return self._clock.monotonic() - saved.at_s < saved.size_bytes / BYTES_PER_S

    def _request(self, profile: ProfileRow, engine: Engine, stated: Statement, content: bytes) -> StatementRequest:
        statement_of(json.loads(content))  # what could not be read back is not written
        return StatementRequest(
            directory=profile.fields["directory"],
            home_id=stated.home_id,
            profile_id=profile.id,
            content=content,
            encryption=self._certificates.encryption(profile, engine, now=stated.saved_at, tell=lambda text: None),
        )
