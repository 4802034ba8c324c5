"""One connection: where to, who as, and how well it is protected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pwsops.engines.records import Instance
from pwsops.engines.sqlserver.drivers import Driver, pyodbc
from pwsops.engines.sqlserver.quoting import quoted
from pwsops.errors import InvalidInput

APPLICATION = "pwsops"
LOGIN_TIMEOUT_S = 15
ENCRYPT = ("strict", "yes", "no")

_PEOPLES_WORDS = {"UID": "login", "PWD": "password", "SERVER": "address"}
_ADDRESS = re.compile(r"(?:tcp:)?(?P<host>[^\\,;{}\s]+)(?:\\(?P<instance>[^\\,;{}\s]+))?(?:,\s*(?P<port>\d{1,5}))?")


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a server listens. With a port the name of the instance is not needed to find it."""

    host: str
    instance: str | None = None
    port: int | None = None


def parse_address(text: str) -> Address:
    r"""Read ``host[\instance][,port]``; raises `InvalidInput`."""
    match = _ADDRESS.fullmatch(text.strip())
    if match is None or (match["port"] and not 0 < int(match["port"]) < 65536):
        raise InvalidInput(
            f"{text!r} is not the address of a SQL Server.",
            hint=r"Write host, host,port or host\instance, for example db1.example.com,1433.",
        )
    return Address(host=match["host"], instance=match["instance"], port=int(match["port"]) if match["port"] else None)


def connection_string(instance: Instance, driver: Driver) -> str:
    """Build the string that the driver connects with. Secret: it holds the password.

    Raises
    ------
    InvalidInput
        For an address or an option that is none, and for a protection that the driver cannot give.
    """
    words = {"DRIVER": driver.target} | _server(parse_address(instance.address), driver)
    words |= {"DATABASE": "master", "APP": APPLICATION, "LANGUAGE": "us_english"}
    words |= _login(instance) | _protection(instance, driver)
    return "".join(f"{word}={_quoted(word, value, driver)};" for word, value in words.items())


def _quoted(word: str, value: str, driver: Driver) -> str:
    """Protect a value; raises `InvalidInput`, which does not show it, where that is not possible."""
    found = quoted(value, driver.reader)
    if found is None:
        what = _PEOPLES_WORDS.get(word, word)
        raise InvalidInput(
            f"The driver {driver.name} cannot be told this {what}: it could be taken for another keyword.",
            hint=f"Change the {what} on the server to one of ASCII without braces; Microsoft's ODBC Driver 18 takes "
            "braces, too.",
        )
    return found


def _server(address: Address, driver: Driver) -> dict[str, str]:
    named = f"\\{address.instance}" if address.instance and address.port is None else ""
    if driver.is_freetds:
        port = {"PORT": str(address.port or 1433)} if not named else {}
        return {"SERVER": address.host + named, "TDS_Version": "7.4", "ClientCharset": "UTF-8"} | port
    port_number = f",{address.port}" if address.port is not None else ""
    # Without a silent reconnect: what ran on the lost connection has to be looked for.
    # The listener of an availability group has an address in each subnet; all are tried at once.
    several = {} if named else {"MultiSubnetFailover": "Yes"}
    return {"SERVER": address.host + named + port_number, "ConnectRetryCount": "0"} | several


def _login(instance: Instance) -> dict[str, str]:
    if instance.login is None:
        return {"Trusted_Connection": "yes"}
    return {"UID": instance.login, "PWD": instance.password or ""}


def _protection(instance: Instance, driver: Driver) -> dict[str, str]:
    encrypt = str(instance.options.get("encrypt", "yes"))
    trust = bool(instance.options.get("trust_server_certificate", False))
    if encrypt not in ENCRYPT:
        raise InvalidInput(f"{encrypt!r} is no kind of encryption.", hint=f"Choose one of {', '.join(ENCRYPT)}.")
    if encrypt == "strict" and not driver.knows_strict:
        raise InvalidInput(
            f"The driver {driver.name} cannot do strict encryption.",
            hint="Install Microsoft's ODBC Driver 18, or choose encryption `yes`.",
        )
    if driver.is_freetds:
        return _freetds_protection(encrypt, trust)
    words = {"Encrypt": encrypt, "TrustServerCertificate": "yes" if trust else "no"}
    certificate = instance.options.get("server_certificate")
    return words | _server_certificate(certificate, encrypt) if certificate else words


def _server_certificate(file: str, encrypt: str) -> dict[str, str]:
    """Name the one certificate to accept; with other kinds of encryption the driver ignores that without a word."""
    if encrypt != "strict":
        raise InvalidInput(
            "The server's certificate can be given as a file with strict encryption only.",
            hint="Choose encryption `strict` (SQL Server 2022 and newer), or make this machine trust its issuer.",
        )
    return {"ServerCertificate": file}


def _freetds_protection(encrypt: str, trust: bool) -> dict[str, str]:
    if encrypt == "no":
        return {"Encryption": "off"}
    if not trust:
        raise InvalidInput(
            "FreeTDS checks no certificate: whoever answers at the address could read the password.",
            hint="Install Microsoft's ODBC Driver 18; or trust any certificate, where the network is your own.",
        )
    return {"Encryption": "require"}


def connect(instance: Instance, words: str) -> Any:
    """Open a connection in autocommit mode by its connection string; raises what pyodbc raises."""
    timeout_s = int(instance.options.get("login_timeout_s", LOGIN_TIMEOUT_S))
    return pyodbc().connect(words, autocommit=True, timeout=timeout_s)
