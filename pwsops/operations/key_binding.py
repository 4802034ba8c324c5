"""What versions before sealed is bound to its use, once, when a home is opened."""

from __future__ import annotations

from contextlib import suppress

import structlog

from pwsops.catalogue import Catalogue, Connection, home_key, sealed
from pwsops.errors import PwsopsError
from pwsops.sealing import WrongKey
from pwsops.secrets import Vault

_log = structlog.get_logger(__name__)


def bind_old(catalogue: Catalogue, vault: Vault) -> None:
    """Bind all that is sealed, and keep a check value, where there is none yet and the key at hand opens something.

    What the key does not open stays as it is, and is named wherever it is looked for.
    """
    with catalogue.read() as connection:
        record = home_key.read(connection)
    if record.check is not None or not record.in_use:
        return
    try:
        found = vault.keys_at_hand
    except PwsopsError:
        return  # gone or not valid: `Vault.fault` says so
    if found:
        with catalogue.write() as connection:
            _bind(connection, vault)


def _bind(connection: Connection, vault: Vault) -> None:
    if home_key.read(connection).check is not None:
        return  # another process has done it
    number = 0
    for secret in sealed.everything(connection):
        with suppress(WrongKey):
            sealed.put(connection, secret, vault.bind(secret.text, secret.bound))
            number += 1
    if number:
        home_key.put_check(connection, vault.new_check())
        _log.info("sealed texts bound to their use", number=number)


def reseal_all(connection: Connection, vault: Vault) -> list[str]:
    """Seal everything with the vault's first key, and return what was sealed; the caller has proven that all opens.

    What belonged to deleted profiles is forgotten where it does not open: nobody may ask for it.
    """
    done = []
    for secret in sealed.everything(connection):
        try:
            sealed.put(connection, secret, vault.reseal(secret.text))
            done.append(secret.what)
        except WrongKey:
            if secret.current:
                raise
            sealed.put(connection, secret, None)
    home_key.put_check(connection, vault.new_check())
    return done
