"""The certificate store: what opens encrypted backups, and other keys that must not be lost."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping, Sequence

from pwsops.catalogue import Connection, RunRow, certificates
from pwsops.catalogue.certificates import CertificateRow, key_bound
from pwsops.certificates import archive, creation
from pwsops.certificates.opening import open_file
from pwsops.certificates.pair import Pair, common_name, pair_from_der
from pwsops.engines.certificates import CertificateFiles
from pwsops.errors import Conflict, InvalidInput, PwsopsError, Refused
from pwsops.operations import server_certificates as servers
from pwsops.operations.access import Context
from pwsops.operations.certificate_needs import Gone, actual_needs, gone_files, recorded_needs, run_in_need
from pwsops.operations.certificate_records import CertificateView
from pwsops.operations.certificate_views import certificate_views
from pwsops.operations.lookup import find_certificate
from pwsops.operations.rights import in_kept, needs, of_instance, on_everything
from pwsops.rules.certificates import Purpose
from pwsops.rules.rights import Right

Views = list[CertificateView]

NAME_LIMIT = 128


class Certificates:
    """List, import, make, export and remove certificates with their private keys."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.CONFIGURE, "list certificates", of_instance())
    def list(self, *, required: bool = False, instance: str | None = None) -> Views:
        """Return the certificates of the store by name, those of servers, then those that are needed and nowhere.

        Servers are not asked which they have: that is as it was when `look`, or a run, last did.

        Parameters
        ----------
        required
            Only those that a profile, a database or a backup needs.
        instance
            Only those that this one keeps, or should.
        """
        views = self._views(gone_files(self._context))
        shown = [view for view in views if view.needed_by or not required]
        return shown if instance is None else [view for view in shown if view.instance == instance]

    @needs(Right.CONFIGURE, "list certificates", of_instance())
    def look(
        self, instance: str | None = None, *, limit_s: float = servers.LOOK_LIMIT_S
    ) -> Mapping[str, PwsopsError | None]:
        """Ask the servers that keep certificates themselves which they have, and remember it for `list`.

        Parameters
        ----------
        instance
            Only this one; None asks all.
        limit_s
            How long to wait, for all together.

        Returns
        -------
        Mapping
            By instance: the error of one that did not answer, None for one that did.
        """
        return servers.look(self._context, instance, limit_s=limit_s)

    @needs(Right.CONFIGURE, "list certificates")
    def keepers(self) -> Sequence[str]:
        """Return the instances whose servers keep certificates themselves, by name."""
        return servers.keepers(self._context)

    @needs(Right.CONFIGURE, "import a certificate", of_instance(), in_kept("certificate_file", "key_file"))
    def import_to_server(
        self,
        instance: str,
        *,
        certificate_file: str,
        key_file: str,
        password: str,
        name: str = "",
        master_key_password: str | None = None,
    ) -> CertificateView:
        """Make a certificate on a server from two of its files, as a run saved them there or on another server.

        Parameters
        ----------
        certificate_file, key_file
            Paths on the server.
        password
            What the key is protected by.
        name
            What to call it; empty takes the one in the name of the file.
        master_key_password
            Make a master key first, with this password. None makes none: without one the server refuses.

        Raises `InvalidInput` for a wrong password, `Conflict` where the server has it, or the name, already.
        """
        files = CertificateFiles(certificate=certificate_file, key=key_file)
        taken = servers.take(
            self._context, instance, files, password, name=name, master_key_password=master_key_password
        )
        found = self.list(instance=instance)
        return next(view for view in found if view.thumbprint == taken.thumbprint and view.name)

    @needs(Right.LOOK, "see which certificates need attention")
    def attention(self) -> Views:
        """Return those needed ones that somebody should see to: not here, about to expire, or saved nowhere else.

        Quick: it takes the catalogue's word for which backups are still there.
        """
        return [view for view in self._views() if view.needed_by and view.concerns]

    @needs(Right.CONFIGURE, "list certificates")
    def for_encryption(self) -> Views:
        """Return those that a profile can be made to encrypt with. Quick, as `attention` is."""
        return [view for view in self._views() if view.may_encrypt]

    @needs(Right.CONFIGURE, "see a certificate")
    def get(self, name: str) -> CertificateView:
        """Return one certificate of the store by its name or thumbprint; raises `NotFound`."""
        with self._context.read() as connection:
            thumbprint = find_certificate(connection, name).thumbprint
        return next(view for view in self.list() if view.thumbprint == thumbprint)

    @needs(Right.CONFIGURE, "import a certificate", on_everything)
    def import_file(
        self,
        content: bytes,
        password: str = "",
        *,
        name: str = "",
        purpose: Purpose = Purpose.DATABASE,
        source: str = "The file",
    ) -> Views:
        """Take in the pairs of a file of any kind, told apart by its content; give those that are new to the store.

        It is a `.pfx` file, or PEM text: certificate and key, of one file or of two put together. What a SQL Server
        saved goes in as well: the certificate (`.cer`) and its key (`.pvk`) put together.

        One that the store has, but whose private key the home's key does not open, counts as new.

        An expired or weak certificate is taken in too: old backups may need its key. Its view says so (`doubts`), and
        no profile can be made to encrypt with it.

        Parameters
        ----------
        name
            What to call it; empty takes its friendly name, or else the name in its subject.
        source
            What errors call the file.

        Raises `InvalidInput` for a wrong password, half a pair and what is no certificate, `Conflict` where all of it
        is in the store already, or the name is taken.
        """
        return self._import(open_file(content, password, source=source), name, purpose, source)

    @needs(Right.CONFIGURE, "create a certificate", on_everything)
    def create(
        self, name: str, *, years: int = 5, bits: int = creation.MIN_BITS, purpose: Purpose = Purpose.DATABASE
    ) -> CertificateView:
        """Make a self-signed certificate; raises `InvalidInput`, or `Conflict` where the name is taken."""
        pair = creation.create(name, years=years, bits=bits, now=self._context.core.clock.now())
        return self._add([pair], name, purpose, "create certificate")[0]

    @needs(Right.EXPORT_KEY, "export a certificate", on_everything)
    def export(self, names: Sequence[str], password: str) -> bytes:
        """Return one `.pfx` file with all these certificates and their keys, protected by a password."""
        if not names:
            raise InvalidInput("No certificate was named to be exported.", hint="Name at least one.")
        if not password:
            raise InvalidInput(
                "The export has no password, and private keys must not lie about unprotected.", hint="Give a password."
            )
        core = self._context.core
        with self._context.read() as connection:
            rows = {row.thumbprint: row for row in (find_certificate(connection, name) for name in names)}
        content = archive.pack([self._pair(row) for row in rows.values()], password)
        with core.catalogue.write() as connection:
            for row in rows.values():
                certificates.mark_exported(connection, row.thumbprint, now=core.clock.now())
                self._context.note(connection, "export certificate", row.name, f"thumbprint {row.thumbprint}")
        return content

    @needs(Right.CONFIGURE, "remove a certificate", on_everything)
    def remove(self, name: str) -> None:
        """Forget a certificate and its key. Refused while a profile, a run or a backup that is still there needs it."""
        core = self._context.core
        gone = gone_files(self._context)
        with core.catalogue.write() as connection:
            row = find_certificate(connection, name)
            need = actual_needs(connection, gone).anywhere(row.thumbprint)
            if need.text():
                raise Refused(
                    f"The certificate {row.name!r} cannot be removed: it is needed by {need.text()}.",
                    hint="Without its key those backups could never be read again. Export it if you want it elsewhere "
                    "as well.",
                )
            _refuse_during(run_in_need(connection, row.thumbprint), row)
            certificates.remove(connection, row.thumbprint)
            self._context.note(connection, "remove certificate", row.name, f"thumbprint {row.thumbprint}")

    def _import(self, pairs: Sequence[Pair], name: str, purpose: Purpose, source: str) -> Views:
        if name and len(pairs) > 1:
            raise InvalidInput(
                f"{source} holds {len(pairs)} certificates, which cannot all be called {name!r}.",
                hint="Leave out the name; each keeps its own.",
            )
        return self._add(pairs, name, purpose, "import certificate")

    def _add(self, pairs: Sequence[Pair], name: str, purpose: Purpose, action: str) -> Views:
        core = self._context.core
        by_thumbprint = {pair.facts().thumbprint: pair for pair in pairs}
        core.vault.prepare()
        with core.catalogue.write() as connection:
            known = {row.thumbprint: row for row in certificates.every(connection) if row.thumbprint in by_thumbprint}
            new = [pair for thumbprint, pair in by_thumbprint.items() if thumbprint not in known]
            closed = [row for row in known.values() if not core.vault.opens(row.sealed_key, row.key_bound)]
            if not new and not closed:
                raise _already(known.values())
            for row in closed:
                certificates.seal_anew(connection, row.thumbprint, self._sealed(by_thumbprint[row.thumbprint]))
                self._context.note(connection, action, row.name, f"thumbprint {row.thumbprint}, its key sealed anew")
            for pair in new:
                row = self._row(connection, pair, name, purpose)
                certificates.add(connection, row)
                self._context.note(connection, action, row.name, f"thumbprint {row.thumbprint}, for {purpose.value}")
        added = {pair.facts().thumbprint for pair in new} | {row.thumbprint for row in closed}
        return [view for view in self.list() if view.thumbprint in added]

    def _row(self, connection: Connection, pair: Pair, name: str, purpose: Purpose) -> CertificateRow:
        core, facts = self._context.core, pair.facts()
        return CertificateRow(
            name=_free_name(connection, pair, name),
            thumbprint=facts.thumbprint,
            purpose=purpose,
            certificate=pair.certificate_der(),
            sealed_key=self._sealed(pair),
            not_after=facts.not_after,
            added_at=core.clock.now(),
        )

    def _sealed(self, pair: Pair) -> str:
        return self._context.core.vault.seal(b64encode(pair.key_der()).decode(), key_bound(pair.facts().thumbprint))

    def _pair(self, row: CertificateRow) -> Pair:
        key = b64decode(self._context.core.vault.open(row.sealed_key, row.key_bound))
        return pair_from_der(row.certificate, key, name=row.name)

    def _views(self, gone: Gone | None = None) -> Views:
        """Return all; where nobody looked which files are gone, the catalogue's word is taken."""
        core = self._context.core
        with self._context.read() as connection:
            needed = recorded_needs(connection) if gone is None else actual_needs(connection, gone)
            return certificate_views(connection, needed, now=core.clock.now(), opens=core.vault.opens, gone=gone or ())


def _refuse_during(run: RunRow | None, row: CertificateRow) -> None:
    if run is not None:
        raise Refused(
            f"The certificate {row.name!r} cannot be removed now: run {run['id']} of {run['profile']!r} goes on, and "
            "its backup may be encrypted for it.",
            hint="Wait for the end of that run, or cancel it; then try again.",
        )


def _already(known: Collection[CertificateRow]) -> Conflict:
    names = ", ".join(repr(row.name) for row in known)
    return Conflict(
        f"Nothing was imported: the store has it already, as {names}.", hint="There is nothing left to do for it."
    )


def _free_name(connection: Connection, pair: Pair, asked: str) -> str:
    """Return the name that was asked for; or else one of the certificate's own, made unique by its thumbprint."""
    taken = {row.name for row in certificates.every(connection)}
    name = (asked or pair.name or common_name(pair.certificate)).strip()[:NAME_LIMIT]
    if not asked:
        thumbprint = pair.facts().thumbprint
        name = "".join(char for char in name if char.isprintable()) or thumbprint
        return f"{name} {thumbprint[:8]}" if name in taken else name
    if not name or not name.isprintable():
        raise InvalidInput(f"A certificate cannot be called {asked!r}.", hint="Give a printable name.")
    if name in taken:
        raise Conflict(f"There is a certificate {name!r} already.", hint="Choose another name.")
    return name
