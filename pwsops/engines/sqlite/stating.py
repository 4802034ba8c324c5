"""Statements of a home beside media, in a worker process: written as the recovery kit is, and read with suspicion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pwsops import foreign
from pwsops.engines.sqlite import recovery_kit, statement_file
from pwsops.engines.sqlite.media import Keys, locked
from pwsops.engines.sqlite.recipient import Recipient
from pwsops.errors import MediaError

VERSION = 1
WHAT = "a statement of this home on this profile"


def save(given: Mapping[str, Any]) -> str:
    """Keep a statement; return why not, where that was not possible."""
    home_id, profile_id = given["home_id"], given["profile_id"]
    recipient = None if given["recipient"] is None else Recipient(**given["recipient"])

    def version(start: bytes) -> int | None:
        try:
            head = statement_file.head_of(start)
        except ValueError:
            return None
        return VERSION if (head.home_id, head.profile_id) == (home_id, profile_id) else None

    content = given["content"].encode()
    try:
        whole = statement_file.pack(content, home_id=home_id, profile_id=profile_id, recipient=recipient)
    except ValueError as error:
        return f"What this home knows of the profile was not saved with its backups: {error}."
    name = statement_file.name(home_id, profile_id)
    return recovery_kit.put(given["directory"], name, whole, version, WHAT, given["token"], mode=0o600)


def read(path: str, keys: Keys) -> str:
    """Return the statement in a file; raises `MediaError`, or `CertificateNeeded`."""
    try:
        whole = foreign.read(path, statement_file.FILE_LIMIT + 1)
    except OSError as error:
        raise _unusable(path, f"it cannot be read ({error.strerror})") from error
    try:
        envelope = statement_file.head_of(whole).envelope
        if envelope is not None and envelope.thumbprint not in keys:
            raise locked(path, envelope)
        return statement_file.unpack(whole, None if envelope is None else keys[envelope.thumbprint]).decode()
    except ValueError as error:
        raise _unusable(path, error) from error


def _unusable(path: str, why: object) -> MediaError:
    return MediaError(
        f"What a home saved in {path} cannot be used: {why}.",
        hint="The backups beside it are read without it; say of which instance they are (--instance).",
        path=path,
    )
