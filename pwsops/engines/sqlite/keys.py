"""The private keys that a worker needs, as far as they are at hand, in base64 for its standard input."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterable, Mapping

from pwsops.engines.records import Instance
from pwsops.engines.requests import BackupRequest
from pwsops.errors import BaseUnusable, PwsopsError
from pwsops.rules.model import BackupSet

Keys = Mapping[str, str]
"""By the thumbprints of their certificates."""


def of_sets(instance: Instance, sets: Iterable[BackupSet]) -> Keys:
    """Return the keys that open these sets."""
    return _found(instance, {backup_set.thumbprint for backup_set in sets if backup_set.thumbprint is not None})


def of_backup(instance: Instance, request: BackupRequest, recipient: str | None) -> Keys:
    """Return the keys that a backup needs: of its base, and of what it is compared with before that is replaced.

    `recipient` is the thumbprint of the certificate that it is encrypted for; None: of none.

    Raises
    ------
    BaseUnusable
        Where the keys cannot be read: a full needs the certificate alone, and is better than no backup.
    """
    found = dict(_to_compare(instance, request, recipient))
    if request.base is None:
        return found
    try:
        return found | dict(of_sets(instance, [request.base]))
    except PwsopsError as error:
        raise BaseUnusable(error.message, hint=error.hint) from error


def _to_compare(instance: Instance, request: BackupRequest, recipient: str | None) -> Keys:
    thumbprints = {backup_set.thumbprint for backup_set in request.replaceable if backup_set.thumbprint is not None}
    if thumbprints and recipient is not None:
        thumbprints.add(recipient)
    try:
        return _found(instance, thumbprints)
    except PwsopsError:
        return {}  # then what cannot be compared stays


def _found(instance: Instance, thumbprints: Collection[str]) -> Keys:
    found = {thumbprint: instance.private_keys(thumbprint) for thumbprint in thumbprints}
    return {thumbprint: b64encode(key).decode() for thumbprint, key in found.items() if key is not None}
