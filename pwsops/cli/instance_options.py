"""The options that `instance add` and `instance edit` share, and what an instance keeps of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Any

import typer

Driver = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="sqlserver: the ODBC driver, by its registered name; default: the best one found.",
        show_default=False,
    ),
]
Encrypt = Annotated[
    str | None,
    typer.Option(
        metavar="strict|yes|no", help="sqlserver: encryption of the connection; default: yes.", show_default=False
    ),
]
TrustServerCertificate = Annotated[
    bool | None,
    typer.Option(
        "--trust-server-certificate/--no-trust-server-certificate",
        help="sqlserver: take any certificate unchecked. Whoever is between here and the server can then read all.",
        show_default=False,
    ),
]
ServerCertificate = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="sqlserver: the one certificate that the server must show.", show_default=False),
]
LoginTimeout = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="sqlserver: when a server that does not answer is given up; default: 15.",
        show_default=False,
    ),
]


Others = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="KEY=VALUE",
        help="Another option of the engine, such as stripes=4 or compress=false (sqlserver); may be repeated. "
        "Without a value: the default again.",
        show_default=False,
    ),
]


def told_options(
    *,
    driver: str | None,
    encrypt: str | None,
    trust_server_certificate: bool | None,
    server_certificate: str | None,
    login_timeout: float | None,
    others: Sequence[str] | None,
) -> dict[str, Any]:
    """Return the options of an instance that were told; an empty text takes one away."""
    options = {
        "driver": _from_here(driver),
        "encrypt": encrypt,
        "trust_server_certificate": trust_server_certificate,
        "server_certificate": _from_here(server_certificate, always=True),
        "login_timeout_s": login_timeout,
    }
    return {key: value for key, value in options.items() if value is not None} | dict(map(_other, others or ()))


def _other(option: str) -> tuple[str, str | float | bool]:
    """Read ``key=value``: a number, true or false, or a text."""
    key, sign, value = (part.strip() for part in option.partition("="))
    if not key or not sign:
        raise typer.BadParameter(f"{option!r} is not KEY=VALUE.", param_hint="--option")
    if value.lower() in ("true", "false"):
        return key, value.lower() == "true"
    try:
        number = float(value)
    except ValueError:
        return key, value
    return key, int(number) if number.is_integer() else number


def _from_here(path: str | None, *, always: bool = False) -> str | None:
    """Return a file of this machine by its whole path: whoever connects later may be somewhere else."""
    if not path or not (always or os.sep in path):
        return path
    return os.path.abspath(os.path.expanduser(path))
