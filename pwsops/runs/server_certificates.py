"""What a run does for the certificates that its server keeps: look which there are, and save those that it needs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pwsops.catalogue import Catalogue, certificate_copies, instances, server_certificates, sets
from pwsops.catalogue.certificate_copies import CopyRow
from pwsops.catalogue.profiles import ProfileRow
from pwsops.engines.certificates import CertificateFiles, KeepsCertificates, ServerCertificate
from pwsops.engines.protocol import Engine
from pwsops.errors import PwsopsError
from pwsops.rules.certificates import file_stem
from pwsops.sealing import Bound
from pwsops.secrets import Vault

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class _Order:
    """That one profile's certificates are to be saved now."""

    profile: ProfileRow
    engine: KeepsCertificates
    sealed_password: str = field(repr=False)
    now: datetime
    tell: Tell

    @property
    def instance(self) -> str:
        return str(self.profile.fields["instance"])

    @property
    def directory(self) -> str:
        return str(self.profile.fields["directory"])


def refresh(
    catalogue: Catalogue, instance: str, engine: KeepsCertificates, *, now: datetime
) -> Sequence[ServerCertificate]:
    """Return the certificates of an instance, and remember them, with when they were seen."""
    found = engine.certificates()
    with catalogue.read() as connection:
        missing = server_certificates.of_instance(connection, instance) - {each.thumbprint for each in found}
    whole = not missing or engine.sees_every_certificate()
    with catalogue.write() as connection:
        server_certificates.remember(connection, instance, found, whole=whole, now=now)
    return found


class CertificateCopies:
    """The certificates of servers, as the runs of one home use them.

    Parameters
    ----------
    catalogue, vault
        Where copies are remembered, and what opens the passwords that they are under.
    """

    def __init__(self, catalogue: Catalogue, vault: Vault) -> None:
        self._catalogue = catalogue
        self._vault = vault

    def save(self, profile: ProfileRow, engine: Engine, *, now: datetime, tell: Tell) -> None:
        """Save the certificates that a profile's backups need beside them, where the profile asks for that.

        A backup does not fail because this did: `tell` is given the reason, and the certificate counts as not saved.
        """
        if not isinstance(engine, KeepsCertificates):
            return
        sealed = profile.sealed_certificate_password if profile.fields["save_certificates"] else None
        try:
            found = refresh(self._catalogue, profile.fields["instance"], engine, now=now)
            if sealed is not None:
                order = _Order(profile=profile, engine=engine, sealed_password=sealed, now=now, tell=tell)
                for certificate in self._needed(profile, found):
                    self._save(order, certificate)
        except PwsopsError as error:
            if sealed is not None:
                tell(f"The certificates were not saved with the backup: {error.message} {error.hint}")

    def _needed(self, profile: ProfileRow, found: Sequence[ServerCertificate]) -> Sequence[ServerCertificate]:
        """Return those that encrypt the profile's backups, or its databases as a whole."""
        databases, name = set(profile.fields["databases"]), profile.fields["encrypt_with"].lower()
        with self._catalogue.read() as connection:
            newest = [sets.of_database(connection, profile.fields["instance"], database)[:1] for database in databases]
        # What a login may not see on the server, the backups before this one say.
        known = {each.database_thumbprint for of_database in newest for each in of_database}
        return [
            each
            for each in found
            if each.name.lower() == name or databases & set(each.encrypts) or each.thumbprint in known
        ]

    def _save(self, order: _Order, certificate: ServerCertificate) -> None:
        with self._catalogue.read() as connection:
            instance = instances.find(connection, order.instance)
            copy = certificate_copies.find(connection, order.instance, certificate.thumbprint, order.directory)
        if instance is None:
            return  # the run fails for it already, and says so
        password = self._vault.open(order.sealed_password, instance.certificate_password_bound)
        if copy is not None and self._serves(copy, order.engine, password, instance.certificate_password_bound):
            return
        files = _files(order, certificate)
        try:
            _require_key(certificate, order.instance)
            order.engine.save_certificate(certificate.name, files, password)
        except PwsopsError as error:
            with self._catalogue.write() as connection:
                certificate_copies.forget(connection, order.instance, certificate.thumbprint, order.directory)
            order.tell(
                f"The certificate {certificate.name} was not saved with the backup: {error.message} {error.hint}"
            )
            return
        with self._catalogue.write() as connection:
            certificate_copies.put(connection, _copy(order, certificate, files))
        order.tell(f"The certificate {certificate.name} was saved as {files.certificate}, its key as {files.key}.")

    def _serves(self, copy: CopyRow, engine: KeepsCertificates, password: str, bound: Bound) -> bool:
        """Whether a copy is under this password and, as far as anybody can tell, still there."""
        there = all(engine.has_file(path) is not False for path in (copy.certificate_file, copy.key_file))
        readable = there and self._vault.opens(copy.sealed_password, bound)
        return readable and self._vault.open(copy.sealed_password, bound) == password


def _files(order: _Order, certificate: ServerCertificate) -> CertificateFiles:
    """Name files that cannot be there yet: the server writes over none."""
    token = f"{order.now.astimezone(UTC):%Y%m%dT%H%M%SZ}_{secrets.token_hex(4)}"
    stem = f"{file_stem(certificate.name, certificate.thumbprint)}_{token}"
    join = order.engine.join
    return CertificateFiles(certificate=join(order.directory, f"{stem}.cer"), key=join(order.directory, f"{stem}.pvk"))


def _copy(order: _Order, certificate: ServerCertificate, files: CertificateFiles) -> CopyRow:
    return CopyRow(
        instance=order.instance,
        thumbprint=certificate.thumbprint,
        directory=order.directory,
        certificate_file=files.certificate,
        key_file=files.key,
        sealed_password=order.sealed_password,
        saved_at=order.now,
    )


def _require_key(certificate: ServerCertificate, instance: str) -> None:
    if not certificate.has_private_key:
        raise PwsopsError(
            f"{instance} has it without its private key.", hint="Save it where its key is, and keep both files."
        )
