"""Certificates for the TLS of a stand-in: an authority, and what it signs."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = dt.timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A server's certificate and its private key, as PEM files."""

    chain: Path
    key: Path


class Authority:
    """Signs certificates of servers; whoever trusts `path` trusts them.

    Parameters
    ----------
    folder
        Where its files go.
    name
        What it calls itself; two with different names do not trust each other's servers.
    """

    def __init__(self, folder: Path, name: str = "Stand-in CA") -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._count = 0
        certificate = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))
        self.path = folder / "ca.pem"
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, *names: str) -> Certificate:
        """Make a server's certificate; the names are DNS names or addresses, by default those of this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        wanted = names or ("localhost", "127.0.0.1")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted[0])])
        certificate = self._signed(
            subject,
            key,
            x509.BasicConstraints(ca=False, path_length=None),
            x509.SubjectAlternativeName([form for name in wanted for form in _forms(name)]),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        )
        self._count += 1
        made = Certificate(
            chain=self._folder / f"server-{self._count}.pem", key=self._folder / f"server-{self._count}.key"
        )
        made.chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return made

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - LIFE)
            .not_valid_after(now + LIFE)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, hashes.SHA256())


def _forms(name: str) -> list[x509.GeneralName]:
    try:
        # Microsoft's driver looks for an address among the DNS names.
        return [x509.IPAddress(ipaddress.ip_address(name)), x509.DNSName(name)]
    except ValueError:
        return [x509.DNSName(name)]
