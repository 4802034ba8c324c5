"""The home's key: whether it is the right one, another in its place, and a beginning anew where it is lost."""

from __future__ import annotations

from collections.abc import Sequence

from pwsops.catalogue import Connection, audit, home_key, sealed
from pwsops.catalogue.sealed import Sealed
from pwsops.errors import PwsopsError, Refused
from pwsops.operations import second_factor_keys
from pwsops.operations.access import Context
from pwsops.operations.audit_verification import key_fault
from pwsops.operations.key_binding import bind_old, reseal_all
from pwsops.operations.rights import needs
from pwsops.operations.second_factor_keys import SealedFactor
from pwsops.rules.rights import Right
from pwsops.secrets import Vault
from pwsops.signin.users import Users

_NAMED = 10
"""So many are named of what a key does not open."""


class HomeKey:
    """Check and replace the key that everything sealed is sealed with."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Right.LOOK, "see whether the key is the right one")
    def fault(self) -> PwsopsError | None:
        """Return what is wrong with the key, with the next step; None where it is right, or was never needed.

        Where the audit log's own key, which is sealed with it, was taken away, that is what is returned.
        """
        found = key_fault(self._context.core)
        return found and self._context.redacted_error(found)

    @needs(Right.LOOK, "see whether the key is the right one")
    def require(self) -> None:
        """Raise what is wrong with the key, if anything is."""
        self._context.core.vault.require()

    @needs(Right.HOST, "check the key")
    def check(self) -> int:
        """Prove that the key opens everything, and return how many texts that is.

        A rotation that was cut off is brought to its end where only its last step is missing.

        Raises `Refused` where the key is lost, another one, or does not open something, which it names.
        """
        core = self._context.core
        core.vault.require()
        with core.catalogue.read() as connection:
            found = self._require_all(connection, core.vault)
        if core.vault.keys_at_hand > 1 and not core.vault.from_variable:
            self._drop_old()
        return found

    @needs(Right.HOST, "replace the key")
    def rotate(self) -> int:
        """Seal everything with a new key, and return how many texts that were. Old copies of the home need the old key.

        At any moment the keys at hand open everything: the new key joins the old one in the file, then all is sealed
        anew in one transaction, and only when the new one is proven to open all of it alone, the old one goes. Where
        that is cut off, doing it again goes on. Keys from `PWSOPS_KEY` are replaced by giving both, the new one first.

        Raises `Refused` where anything does not open, which it names, and where only `PWSOPS_KEY` can be changed.
        """
        core, vault = self._context.core, self._context.core.vault
        vault.refuse_variable()
        vault.prepare()
        users = Users(core.home, clock=core.clock)
        # The file of people first, as everybody does: an entry is written while it is held.
        with users.held(), core.catalogue.write() as connection:
            self._require_all(connection, vault)
            if not vault.from_variable:
                vault.add_key()
            done = len(reseal_all(connection, vault)) + second_factor_keys.reseal(users, vault)
            self._context.note(connection, "rotate key", "key", f"{done} sealed anew")
        if not vault.from_variable:
            self._drop_old()
        return done

    @needs(Right.HOST, "begin with a new key")
    def begin_anew(self) -> None:
        """Take the key at hand for the right one from now on, or make one; what the lost one sealed stays unopened.

        Raises `Refused` where the key is not lost.
        """
        core, vault = self._context.core, self._context.core.vault
        if (fault := vault.fault()) is None:
            raise Refused(
                "There is no need for a new key: the one at hand is the right one.",
                hint="`pwsops key rotate` puts another in its place, and keeps what is stored.",
            )
        vault.make_anew()
        with core.catalogue.write() as connection:
            home_key.put_check(connection, vault.new_check())
            audit.require_key(connection, now=core.clock.now(), actor=self._context.actor)
            closed = [secret.what for secret in self._sealed(connection) if not vault.fits(secret.text)]
            self._context.note(connection, "begin with a new key", "key", f"{fault.message} Lost: {_named(closed)}.")

    @needs(Right.HOST, "bind what a version before sealed")
    def bind_old(self) -> None:
        """Bind what a version before sealed, where its key came back after the home was opened."""
        bind_old(self._context.core.catalogue, self._context.core.vault)

    def _drop_old(self) -> None:
        """Drop the keys behind the first. The write lock keeps everybody from sealing meanwhile."""
        core = self._context.core
        with core.catalogue.write() as connection:
            self._require_all(connection, core.vault.first_alone())
            core.vault.drop_keys()
            self._context.note(connection, "drop old key", "key", "the new one opens everything alone")

    def _sealed(self, connection: Connection) -> Sequence[Sealed | SealedFactor]:
        """Return all that is sealed, in the catalogue and in the file of people."""
        core = self._context.core
        return [*sealed.every(connection), *second_factor_keys.every(core.home, core.clock)]

    def _require_all(self, connection: Connection, vault: Vault) -> int:
        record = home_key.read(connection)
        found = self._sealed(connection)
        closed = [secret.what for secret in found if not vault.fits(secret.text)]
        if record.check is not None and not vault.fits(record.check):
            closed.append("the check value")
        if closed:
            raise Refused(
                f"The key does not open everything that is stored: {_named(closed)}.",
                hint="Give the key that does as well (`PWSOPS_KEY=KEY,OLDER`), or enter those passwords, import those "
                "certificates and set up those second factors anew; then try again.",
            )
        return len(found)


def _named(closed: list[str]) -> str:
    rest = len(closed) - _NAMED
    return ", ".join(closed[:_NAMED]) + (f" and {rest} more" if rest > 0 else "") if closed else "nothing"
