"""What a run needs of the certificate store: whom to encrypt for, the keys of what is encrypted, copies to be saved."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from datetime import datetime

from pwsops.catalogue import Catalogue, certificates, instances, server_certificates
from pwsops.catalogue.certificates import CertificateRow
from pwsops.catalogue.profiles import ProfileRow
from pwsops.certificates import archive
from pwsops.certificates.opening import open_file
from pwsops.certificates.pair import pair_from_der
from pwsops.engines.protocol import Engine, SavesCertificates
from pwsops.engines.records import CertificateCopy
from pwsops.engines.requests import Encryption
from pwsops.errors import NotFound, PwsopsError, Refused
from pwsops.rules.certificates import file_name
from pwsops.rules.model import BackupSet
from pwsops.runs.server_certificates import CertificateCopies
from pwsops.secrets import Vault


class RunCertificates:
    """The certificates of one home, as its runs use them.

    Parameters
    ----------
    catalogue, vault
        Where certificates are remembered, and what opens their keys.
    """

    def __init__(self, catalogue: Catalogue, vault: Vault) -> None:
        self._catalogue = catalogue
        self._vault = vault
        self._of_servers = CertificateCopies(catalogue, vault)

    def private_key(self, thumbprint: str) -> bytes | None:
        """Return a certificate's private key (PKCS #8, DER); None where the store does not have it."""
        with self._catalogue.read() as connection:
            row = certificates.find(connection, thumbprint)
        return None if row is None else b64decode(self._vault.open(row.sealed_key, row.key_bound))

    def encryption(
        self, profile: ProfileRow, engine: Engine, *, now: datetime, tell: Callable[[str], None]
    ) -> Encryption | None:
        """Return whom a profile's backups are encrypted for; None: they are not.

        A certificate that has expired still encrypts, because a backup that is late is worse: `tell` is given a word
        of warning. One whose private key is lost with the home's key does not: nobody could restore such a backup.

        Raises
        ------
        NotFound
            Where the store has no such certificate any more.
        Refused
            Where the home's key is lost or another one, or does not open the certificate's private key.
        """
        name = profile.fields["encrypt_with"]
        if not name or engine.capabilities.certificates:
            # A server that keeps its own certificates knows it by that name.
            return Encryption(name=name) if name else None
        with self._catalogue.read() as connection:
            row = certificates.find(connection, name)
        if row is None:
            raise NotFound(
                f"The profile {profile.name!r} encrypts for the certificate {name}, which is not in the store.",
                hint="Import it again (`pwsops certificate import FILE.pfx`), or choose another in the profile.",
            )
        return self._for(row, now=now, tell=tell)

    def like(self, backup_set: BackupSet, engine: Engine, *, now: datetime, tell: Callable[[str], None]) -> Encryption:
        """Return whom an encrypted set was encrypted for, so that another one is, too; see `encryption`.

        Raises
        ------
        NotFound
            Where neither the store nor the server has the certificate with its private key.
        Refused
            As `encryption` does.
        """
        with self._catalogue.read() as connection:
            row = certificates.find(connection, backup_set.thumbprint or "")
            on_server = [
                seen.certificate.name
                for seen in server_certificates.every(connection)
                if seen.instance == engine.instance.name
                and seen.certificate.thumbprint == backup_set.thumbprint
                and seen.certificate.has_private_key
            ]
        if engine.capabilities.certificates and on_server:
            return Encryption(name=on_server[0])
        if engine.capabilities.certificates or row is None:
            raise NotFound(
                f"The backups of {backup_set.database} are encrypted for the certificate {backup_set.thumbprint}, "
                "whose private key is not at hand.",
                hint=f"Import it: `pwsops certificate import-server {engine.instance.name}`."
                if engine.capabilities.certificates
                else "Import it: `pwsops certificate import FILE.pfx`.",
            )
        return self._for(row, now=now, tell=tell)

    def _for(self, row: CertificateRow, *, now: datetime, tell: Callable[[str], None]) -> Encryption:
        if now > row.not_after:
            tell(
                f"The certificate {row.name} expired on {row.not_after:%Y-%m-%d}; the backup is encrypted for it all "
                "the same. Choose a new one in the profile."
            )
        self._vault.require()
        if not self._vault.opens(row.sealed_key, row.key_bound):
            raise Refused(
                f"Nothing was backed up: the home's key does not open the private key of the certificate {row.name}, "
                "so the backup could not be restored here.",
                hint="Import the certificate again (`pwsops certificate import FILE.pfx`), or choose another in the "
                "profile; `pwsops doctor` names all that the key does not open.",
            )
        return Encryption(name=row.name, certificate=row.certificate)

    def save(self, profile: ProfileRow, engine: Engine, *, now: datetime, tell: Callable[[str], None]) -> None:
        """Put the certificates that a profile's backups need beside them, where the profile asks for that.

        A backup does not fail because this did: `tell` is given the reason, and the certificate counts as not saved.
        """
        self._of_servers.save(profile, engine, now=now, tell=tell)
        sealed = profile.sealed_certificate_password
        if not profile.fields["save_certificates"] or sealed is None or not isinstance(engine, SavesCertificates):
            return
        with self._catalogue.read() as connection:
            row = certificates.find(connection, profile.fields["encrypt_with"])
            instance = instances.find(connection, profile.fields["instance"])
        if row is None or instance is None:
            return  # the run fails for it already, and says so
        saved_at: datetime | None = now
        try:
            password = self._vault.open(sealed, instance.certificate_password_bound)
            for remark in engine.save_certificates(profile.fields["directory"], [self._copy(row, password)]):
                tell(remark)
        except PwsopsError as error:
            saved_at = None
            tell(f"The certificate {row.name} was not saved with the backup: {error.message} {error.hint}")
        with self._catalogue.write() as connection:
            certificates.mark_saved(connection, row.thumbprint, at=saved_at)

    def _copy(self, row: CertificateRow, password: str) -> CertificateCopy:
        def serves(present: bytes) -> bool:
            try:
                found = open_file(present, password, source=row.name)
            except PwsopsError:
                return False  # damaged, or under another password than the profile's
            return [pair.certificate_der() for pair in found] == [row.certificate]

        def content() -> bytes:
            key = b64decode(self._vault.open(row.sealed_key, row.key_bound))
            return archive.pack([pair_from_der(row.certificate, key, name=row.name)], password)

        return CertificateCopy(file_name=file_name(row.name, row.thumbprint), content=content, serves=serves)
