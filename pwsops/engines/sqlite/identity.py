"""Which set a file is: what is inside, compared with what was recorded. A name proves nothing."""

from __future__ import annotations

from typing import NamedTuple

from pwsops.engines.sqlite.media import Media
from pwsops.rules.model import BackupSet


class Recorded(NamedTuple):
    """What was remembered of a set. A tuple, because it travels between processes. None is not compared.

    Parameters
    ----------
    path
        Where it was written.
    set_id
        Its own identity.
    digest
        Of its contents, as in `Media.digest`.
    thumbprint
        Of the certificate that it is encrypted for; a plain file never stands in for it.
    mount
        Where the file system was mounted that it was written to.
    """

    path: str
    set_id: str | None = None
    digest: str | None = None
    thumbprint: str | None = None
    mount: str | None = None


def recorded(backup_set: BackupSet) -> Recorded:
    """Return what identifies a set of the catalogue."""
    return Recorded(
        path=backup_set.path,
        set_id=backup_set.set_id,
        digest=backup_set.details.get("digest"),
        thumbprint=backup_set.thumbprint,
        mount=backup_set.details.get("mount"),
    )


def difference(media: Media, recorded: Recorded) -> str:
    """Return in which way a file is not the set that was recorded; empty text where it is that very set."""
    header = media.header
    if recorded.set_id not in (None, header.set_id):
        return f"it holds another backup ({described(media)}) than the one that was recorded under this name"
    thumbprint = None if header.encryption is None else header.encryption.thumbprint
    if recorded.thumbprint not in (None, thumbprint):
        return "it is not encrypted for the certificate that was recorded"
    if recorded.digest not in (None, media.digest):
        return "its contents are not the ones that were recorded when it was written"
    return ""


def described(media: Media) -> str:
    """Return what a file says that it is, for a message."""
    header = media.header
    return f"a {header.kind} of {header.database}, begun at {header.started_at[:19]}Z, {header.description!r}"
