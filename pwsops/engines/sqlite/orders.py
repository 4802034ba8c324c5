"""What a worker is told to back up, in plain values: it is another process."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pwsops.engines.records import Instance
from pwsops.engines.requests import BackupRequest, Encryption, RestoreRequest
from pwsops.engines.sqlite import keys, names
from pwsops.engines.sqlite.identity import recorded
from pwsops.engines.sqlite.process import new_token
from pwsops.engines.sqlite.recipient import Recipient, recipient_of
from pwsops.errors import InvalidInput
from pwsops.rules.model import BackupKind, BackupSet


def backup_order(
    instance: Instance, request: BackupRequest, *, address: str, started_at: datetime, adopt: Sequence[str]
) -> dict[str, object]:
    """Return the order for one backup.

    Parameters
    ----------
    address
        The directory of the databases, as an absolute path.
    started_at
        Now; aware.
    adopt
        The ids of sets of which it is not known whether they were finished.

    Raises
    ------
    InvalidInput
        The base of an incremental is missing, or it cannot be encrypted for the certificate.
    """
    order: dict[str, object] = {
        "address": address,
        "follow_links": bool(instance.options.get("follow_links")),
        "database": request.database,
        "directory": os.path.abspath(request.directory),
        "file_name": request.file_name,
        "description": request.description,
        "set_id": str(uuid.uuid4()),
        "started_at": started_at.astimezone(UTC).isoformat(),
        "token": new_token(),
        "overwrite": request.overwrite,
        "replaceable": [_former(backup_set) for backup_set in request.replaceable],
        "adopt": list(adopt),
        "check_structure": request.check_structure,
        "copy_only": request.copy_only,
        "mount": _mount(request),
    }
    if request.kind is BackupKind.DIFFERENTIAL:
        order |= _base(request)
    recipient = None if request.encryption is None else _recipient(request, request.encryption)
    if recipient is not None:
        order["recipient"] = asdict(recipient)
    order["keys"] = keys.of_backup(instance, request, None if recipient is None else recipient.thumbprint)
    return order


def restore_order(
    instance: Instance, request: RestoreRequest, *, address: str, now: datetime
) -> tuple[str, dict[str, Any]]:
    """Return which operation of the worker does a restore, and its order.

    Parameters
    ----------
    address
        The directory of the databases, as an absolute path.
    now
        The time; aware.

    Raises
    ------
    InvalidInput
        The file that it is to go to has no absolute path, or a name that SQLite or we use for something else.
    """
    order: dict[str, Any] = {
        "database": request.database,
        "sets": [recorded(backup_set) for backup_set in request.sets],
        "keys": keys.of_sets(instance, request.sets),
        "token": new_token(),
    }
    if request.to_file is not None:
        path = new_file(request.to_file)
        rest = {"directory": os.path.dirname(path), "leave_free_bytes": request.leave_free_bytes}
        return "restore_file", {**order, "path": path, **rest}
    return "restore", {
        **order,
        "address": address,
        "follow_links": bool(instance.options.get("follow_links")),
        "of": request.sets[-1].database if request.sets else None,
        "create_if_missing": request.create_if_missing,
        "must_be_new": request.must_be_new,
        "may_replace_damaged": request.may_replace_damaged,
        "keeps_beside": request.keeps_beside,
        "stamp": now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"),
    }


def new_file(path: str) -> str:
    """Return the path of a plain file that a restore is to make; raises `InvalidInput` where it can be none."""
    *directories, name = path.split(os.sep)
    # Behind a link, the text and the system go up from two places: whoever checked the one would not know the other.
    is_straight = os.path.isabs(path) and os.pardir not in directories and name not in ("", os.curdir, os.pardir)
    # What a name makes of a file (a key, a unit, a script) is not for a backup to say, whose content may be anybody's.
    is_usual = name.lower().endswith(names.EXTENSIONS) and not name.startswith(".")
    # Some file systems tell no case apart: what ends in -WAL would be the log of a database there.
    if not is_straight or not is_usual or not names.may_be(name.lower()):
        raise InvalidInput(
            f"Nothing can be restored into the file {path}: it is no absolute path of a file without `..`, or its name "
            "begins with a dot, or ends as no database's does.",
            hint=f"Give a file that does not exist yet, whose name ends in one of {', '.join(names.EXTENSIONS)}.",
        )
    return os.path.normpath(path)


def _former(backup_set: BackupSet) -> tuple[object, ...]:
    origin = backup_set.details.get("origin")
    return recorded(backup_set), origin, backup_set.is_checked is not False, backup_set.base_id


def _recipient(request: BackupRequest, encryption: Encryption) -> Recipient:
    if encryption.certificate is None:
        raise InvalidInput(
            f"The backup of {request.database} cannot be encrypted: {encryption.name} names no certificate of the "
            "store.",
            hint="Choose one of `pwsops certificate list` in the profile.",
        )
    try:
        return recipient_of(encryption.certificate)
    except ValueError as error:
        raise InvalidInput(
            f"The backup of {request.database} cannot be encrypted for the certificate {encryption.name}: {error}.",
            hint="Choose a certificate with an RSA key in the profile.",
        ) from error


def _mount(request: BackupRequest) -> str | None:
    """Return where the file system of the directory was mounted when the backup before was written there."""
    before = request.before
    if before is None or os.path.dirname(before.path) != os.path.abspath(request.directory):
        return None
    mount: str | None = before.details.get("mount")
    return mount


def _base(request: BackupRequest) -> dict[str, object]:
    base = request.base
    if base is None:
        raise InvalidInput(
            f"An incremental of {request.database} needs the full that it refers to.", hint="Take a full backup."
        )
    return {"base_path": base.path, "base_id": base.set_id, "base_digest": base.details.get("digest")}
