"""Opening media: for a backup to be written, or for sets to be read."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from tests.standin.server.certificates import quoted
from tests.standin.server.context import Context
from tests.standin.server.files import OsError
from tests.standin.server.media import Media, StoredSet
from tests.standin.server.messages import os_error, refuse
from tests.standin.server.statements import Backup

LONGEST_DEVICE = 259


def prepare(context: Context, statement: Backup, paths: Sequence[str]) -> list[Media]:
    """Return the families to write into, as they are or new; nothing is written yet."""
    for path in paths:
        if len(path) > LONGEST_DEVICE:
            raise refuse(3057, LONGEST_DEVICE)
        try:
            context.server.files.check_writable(path)
        except OsError as error:
            raise refuse(3201, path, os_error(error.code)) from None
    present = [context.server.files.get(path) for path in paths]
    if statement.format or not any(present):
        return new_families(context, statement, len(paths))
    families = [_present(context, path, len(paths)) for path in paths]
    for path, media in zip(paths, families, strict=True):
        _check_use(context, statement, path, media)
    return families


def new_families(context: Context, statement: Backup, count: int) -> list[Media]:
    """Make the families of a new media set."""
    guid = uuid4()
    return [
        Media(
            set_guid=guid,
            family_guid=uuid4(),
            families=count,
            number=number,
            name=context.optional(statement.media_name),
            description=context.optional(statement.media_description),
            encrypted=statement.encryption is not None,
            created_at=context.server.clock.now(),
        )
        for number in range(1, count + 1)
    ]


def _present(context: Context, path: str, families: int) -> Media:
    file = context.server.files.get(path)
    if file is None:
        raise refuse(3201, path, os_error(2))
    if not isinstance(file.content, Media):
        raise refuse(3242, path)
    if file.content.header_damaged:
        raise refuse(3241, path)
    _check_count(path, file.content, families)
    return file.content


def _check_count(path: str, media: Media, provided: int) -> None:
    if provided < media.families:
        raise refuse(3132, media.families, provided)
    if provided > media.families:
        raise refuse(3231, path, media.families, provided)


def _check_use(context: Context, statement: Backup, path: str, media: Media) -> None:
    wanted = context.optional(statement.media_name)
    if wanted is not None and wanted != media.name:
        raise refuse(4037, wanted, media.name or "", path)
    if statement.init:
        if not statement.skip:
            _check_expiry(context, path, media)
    elif statement.encryption is not None or media.encrypted:
        raise refuse(3095, "ENCRYPTION")


def _check_expiry(context: Context, path: str, media: Media) -> None:
    now = context.server.clock.now()
    for stored in media.sets:
        if stored is not None and stored.expires_at is not None and stored.expires_at > now:
            local = context.server.clock.local(stored.expires_at)
            raise refuse(4030, path, f"{local:%b %e %Y %I:%M:%S:%f}"[:-3] + f"{local:%p}")


def open_families(context: Context, paths: Sequence[str], *, all_of_them: bool = True) -> list[Media]:
    """Open media for reading; with `all_of_them` every family must be given."""
    families: list[Media] = []
    for path in paths:
        media = _read(context, path)
        if all_of_them:
            _check_count(path, media, len(paths))
        for number, other in enumerate(families):
            if other.family_guid == media.family_guid:
                raise refuse(3227, path, media.number, paths[number])
        families.append(media)
    return families


def _read(context: Context, path: str) -> Media:
    try:
        file = context.server.files.check_readable(path)
    except OsError as error:
        raise refuse(3201, path, os_error(error.code)) from None
    if file.content is None and file.size_bytes == 0:
        raise refuse(3254, path)
    if not isinstance(file.content, Media) or file.content.header_damaged:
        raise refuse(3241, path)
    return file.content


def find_set(path: str, media: Media, position: int) -> StoredSet:
    """Return a set by its position; 4038 where there is none, 3256 where it was never finished."""
    if not 1 <= position <= len(media.sets):
        raise refuse(4038, position, path)
    stored = media.sets[position - 1]
    if stored is None:
        raise refuse(3256, path)
    return stored


def check_certificates(context: Context, stored: StoredSet) -> None:
    """Raise 33111 or 33101 where a set needs a certificate that is not here with its private key."""
    for thumbprint in (stored.thumbprint, stored.tde_thumbprint):
        if thumbprint is None:
            continue
        certificate = context.server.certificate_of(thumbprint)
        if certificate is None:
            raise refuse(33111, quoted(thumbprint))
        if not certificate.usable:
            raise refuse(33101, certificate.name)
