"""Certificates with their keys, made once a process: making a key takes longer than most tests."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pwsops.certificates.pair import Pair, PrivateKey
from tests.clocks import NOON
from tests.needs import require

BEGUN = NOON - timedelta(days=400)
FAR = NOON + timedelta(days=20 * 365)
"""Not soon by the real clock either."""


@cache
def key(name: str, bits: int = 2048) -> PrivateKey:
    """An RSA key of that name and size, or an elliptic one for 0 bits."""
    return rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())


@cache
def pair(
    name: str = "backups",
    *,
    bits: int = 2048,
    until: datetime = FAR,
    since: datetime = BEGUN,
    friendly: str = "",
) -> Pair:
    """A self-signed pair."""
    return self_signed(name, key(name, bits), since=since, until=until, friendly=friendly)


def self_signed(
    name: str,
    private: PrivateKey,
    *,
    subject: x509.Name | None = None,
    until: datetime = FAR,
    since: datetime = BEGUN,
    friendly: str = "",
) -> Pair:
    """A pair of any kind of key."""
    subject = subject or x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    hashed = not isinstance(private, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(7)
        .not_valid_before(since)
        .not_valid_after(until)
        .sign(private, hashes.SHA256() if hashed else None)
    )
    return Pair(certificate=certificate, private_key=private, name=friendly)


def certificate_pem(one: Pair) -> bytes:
    return one.certificate.public_bytes(Encoding.PEM)


def key_pem(one: Pair) -> bytes:
    return one.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def openssl(*words: object, given: bytes = b"") -> bytes:
    """Run OpenSSL's command line and give what it prints; it must succeed."""
    program = require("OpenSSL's command line", shutil.which("openssl"), "apt-get install openssl")
    done = subprocess.run([program, *map(str, words)], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def weakly_signed(directory: Path) -> bytes:
    """A PEM pair whose signature OpenSSL made with SHA-1: our own library refuses to."""
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-sha1", "-nodes", "-days", "400", "-subj", "/CN=weak"),
        *("-keyout", directory / "weak.key", "-out", directory / "weak.crt"),
    )
    return (directory / "weak.crt").read_bytes() + (directory / "weak.key").read_bytes()
