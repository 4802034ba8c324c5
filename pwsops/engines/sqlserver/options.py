"""What a SQL Server instance may be told: how its driver is found, and how the connection is protected."""

from __future__ import annotations

from collections.abc import Sequence

from pwsops.engines.options import Option, OptionKind

OPTIONS: Sequence[Option] = (
    Option(
        key="driver", meaning="ODBC driver: its registered name, or its file on this machine; else the best one found."
    ),
    Option(
        key="encrypt",
        meaning="Encryption of the connection: yes, strict (TDS 8.0, SQL Server 2022 and newer) or no; else yes.",
        choices=("yes", "strict", "no"),
    ),
    Option(
        key="trust_server_certificate",
        meaning="Take any certificate that the server shows, unchecked; else it is checked.",
        kind=OptionKind.TRUTH,
    ),
    Option(
        key="server_certificate", meaning="File on this machine with the one certificate that the server must show."
    ),
    Option(
        key="login_timeout_s",
        meaning="Seconds until a server that does not answer is given up; else 15.",
        kind=OptionKind.NUMBER,
        bounds=(1, 300),
    ),
)
