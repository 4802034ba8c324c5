"""A media file's set as plain values between processes, and as the record that everybody else knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pwsops.engines.sqlite.media import Media
from pwsops.rules.model import BackupKind, BackupSet


def describe(media: Media) -> dict[str, object]:
    """Return what a file says of itself."""
    header, trailer = media.header, media.trailer
    details: dict[str, object] = {
        "digest": media.digest,
        "page_size": header.page_size,
        "page_count": header.page_count,
        "stored_pages": trailer.stored_pages,
        "app": header.app,
        "sqlite": header.sqlite,
    }
    if header.base is not None:
        details["base_digest"] = header.base.digest
    encryption = header.encryption
    if encryption is not None:
        details["certificate"] = encryption.subject
    return {
        "set_id": header.set_id,
        "database": header.database,
        "kind": header.kind,
        "path": media.path,
        "started_at": header.started_at,
        "finished_at": trailer.finished_at,
        "size_bytes": media.size_bytes,
        "database_size_bytes": header.page_size * header.page_count,
        "base_id": None if header.base is None else header.base.set_id,
        "description": header.description,
        "thumbprint": None if encryption is None else encryption.thumbprint,
        "details": details,
    }


def to_record(values: Mapping[str, Any]) -> BackupSet:
    """Build the record from those plain values."""
    return BackupSet(
        **{
            **values,
            "kind": BackupKind(values["kind"]),
            "started_at": datetime.fromisoformat(values["started_at"]),
            "finished_at": datetime.fromisoformat(values["finished_at"]),
        }
    )
