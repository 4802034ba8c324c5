"""From what the catalogue knows of certificates to the records that are handed out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime

from pwsops.catalogue import Connection, certificate_copies, certificates, server_certificates, sets
from pwsops.catalogue.certificate_copies import CopyRow
from pwsops.catalogue.certificates import CertificateRow
from pwsops.catalogue.server_certificates import Seen
from pwsops.certificates.pair import facts_of_der
from pwsops.operations.certificate_needs import Gone, Need, Needs
from pwsops.operations.certificate_records import CertificateView, ServerCertificateView
from pwsops.rules import certificates as rules
from pwsops.rules.certificates import Purpose
from pwsops.sealing import Bound

CLOSED = "has a private key that the home's key does not open: what is encrypted for it cannot be restored"


def certificate_views(
    connection: Connection, needed: Needs, *, now: datetime, opens: Callable[[str, Bound], bool], gone: Gone = ()
) -> list[CertificateView]:
    """Return those of the store, those that servers have, and those that are needed and nowhere.

    `opens` says whether the home's key opens a sealed private key; `gone` has the copies whose files are not there any
    more.
    """
    rows = certificates.every(connection)
    held = {row.thumbprint for row in rows}
    return [
        *(
            _in_store(row, needed.anywhere(row.thumbprint), now, opens=opens(row.sealed_key, row.key_bound))
            for row in rows
        ),
        *_on_servers(connection, needed, held, now=now, gone=gone),
        *_missing(connection, needed, held),
    ]


def _in_store(row: CertificateRow, need: Need, now: datetime, *, opens: bool) -> CertificateView:
    facts = facts_of_der(row.certificate)
    closed = [] if opens else [CLOSED]
    return CertificateView(
        name=row.name,
        thumbprint=row.thumbprint,
        subject=facts.subject,
        purpose=row.purpose,
        facts=facts,
        doubts=[*closed, *rules.doubts(facts, now)],
        expired=rules.is_expired(facts, now),
        near_expiry=rules.is_near_expiry(facts, now),
        may_encrypt=opens and not rules.why_not_encrypt(facts, now),
        needed_by=need.text(),
        added_at=row.added_at,
        saved_at=row.saved_at,
        exported_at=row.exported_at,
    )


def _on_servers(
    connection: Connection, needed: Needs, held: Collection[str], *, now: datetime, gone: Gone
) -> Iterator[ServerCertificateView]:
    """Return what was seen on servers; `held` are the thumbprints in our store."""
    copies = [copy for copy in certificate_copies.every(connection) if copy not in gone]
    for seen in server_certificates.every(connection):
        thumbprint = seen.certificate.thumbprint
        # A copy serves wherever it lies: the same certificate may be on several servers.
        own = [copy for copy in copies if copy.thumbprint == thumbprint]
        yield _on_server(seen, own, needed, now=now, in_store=thumbprint in held)


def _on_server(
    seen: Seen, copies: list[CopyRow], needed: Needs, *, now: datetime, in_store: bool
) -> ServerCertificateView:
    certificate = seen.certificate
    need = needed.of(seen.instance, certificate.thumbprint)
    return ServerCertificateView(
        name=certificate.name,
        thumbprint=certificate.thumbprint,
        subject=certificate.subject,
        needed_by=need.text(),
        instance=seen.instance,
        purpose=Purpose.DATABASE,
        doubts=(f"expired on {certificate.not_after:%Y-%m-%d}",) if now > certificate.not_after else (),
        expired=now > certificate.not_after,
        near_expiry=now > certificate.not_after - rules.NEAR_EXPIRY,
        saved_at=copies[0].saved_at if copies else None,
        begins_at=certificate.not_before,
        expires_at=certificate.not_after,
        has_private_key=certificate.has_private_key,
        encrypts_backups=bool(need.profiles),
        in_store=in_store,
        files=tuple(path for copy in copies for path in (copy.certificate_file, copy.key_file)),
        seen_at=seen.seen_at,
    )


def _missing(connection: Connection, needed: Needs, held: Collection[str]) -> list[CertificateView]:
    """Return those that are needed and nowhere: on a server that keeps its own, on that server; else in the store."""
    seen = server_certificates.every(connection)
    there = {(each.instance, each.certificate.thumbprint) for each in seen}
    keepers = {each.instance for each in seen}
    found: dict[tuple[str, str], Need] = {}
    for instance, thumbprint in needed:
        if thumbprint not in held and (instance, thumbprint) not in there:
            place = instance if instance in keepers else ""
            found.setdefault((place, thumbprint), Need()).add(needed.of(instance, thumbprint))
    return [
        CertificateView(
            name="",
            thumbprint=thumbprint,
            subject=sets.certificate_subject(connection, thumbprint),
            needed_by=need.text(),
            instance=instance,
        )
        for (instance, thumbprint), need in sorted(found.items(), key=lambda item: item[0])
    ]
