"""What a SQL Server instance may be told: how its driver is found, and how the connection is protected."""

from __future__ import annotations

from collections.abc import Sequence

from pwsops.engines.options import Option, OptionKind
from pwsops.engines.sqlserver.tsql import DEVICES_LIMIT, TRANSFER_LIMIT_BYTES, TRANSFER_UNIT_BYTES

OPTIONS: Sequence[Option] = (
    Option(
        key="encrypt",
        title="Encryption",
        meaning="Of the connection between here and the server.",
        default="yes",
        choices={"yes": "yes", "strict": "strict: SQL Server 2022 and newer", "no": "no"},
        warnings={"no": "Anybody between here and the server can read what is said."},
        guards=True,
    ),
    Option(
        key="trust_server_certificate",
        title="Trust any certificate of the server",
        meaning="Otherwise it is checked that the server is the one it says it is.",
        kind=OptionKind.TRUTH,
        default=False,
        warnings={
            True: "Anybody between here and the server can pretend to be it, and read and change all that is said, "
            "the password too."
        },
        guards=True,
    ),
    Option(
        key="server_certificate",
        title="Certificate of the server",
        meaning="A file on this machine with the one certificate that the server must show; empty: any trusted one.",
        guards=True,
    ),
    Option(
        key="driver",
        title="ODBC driver",
        meaning="Its registered name, as `odbcinst -q -d` lists it; empty: the best one found.",
        guards=True,
    ),
    Option(
        key="login_timeout_s",
        title="Login timeout in seconds",
        meaning="A server that does not answer is then given up.",
        kind=OptionKind.NUMBER,
        default=15,
        bounds=(1, 300),
    ),
    Option(
        key="compress",
        title="Compress backups",
        meaning="Where the server's edition can.",
        kind=OptionKind.TRUTH,
        default=True,
        asked=False,
    ),
    Option(
        key="stripes",
        title="Files of a backup",
        meaning="So many files are written at once; all of them are needed to restore.",
        kind=OptionKind.NUMBER,
        default=1,
        bounds=(1, DEVICES_LIMIT),
        asked=False,
    ),
    Option(
        key="max_transfer_size",
        title="Transfer size in bytes",
        meaning="MAXTRANSFERSIZE of a backup: a multiple of 65536; not given, the server chooses.",
        kind=OptionKind.NUMBER,
        bounds=(TRANSFER_UNIT_BYTES, TRANSFER_LIMIT_BYTES),
        asked=False,
    ),
    Option(
        key="buffer_count",
        title="Buffers",
        meaning="BUFFERCOUNT of a backup; not given, the server chooses.",
        kind=OptionKind.NUMBER,
        bounds=(1, 10_000),
        asked=False,
    ),
)
