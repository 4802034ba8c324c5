"""Where a certificate that a restore lacks was saved, as far as this home knows."""

from __future__ import annotations

from pwsops.catalogue import Catalogue, certificate_copies, server_certificates
from pwsops.errors import CertificateNeeded, PwsopsError


def say_where(catalogue: Catalogue, error: PwsopsError) -> None:
    """Add to an error that tells of a missing certificate where its files are, and which server has it."""
    if not isinstance(error, CertificateNeeded) or not error.thumbprint:
        return
    with catalogue.read() as connection:
        copies = certificate_copies.every(connection, error.thumbprint)
        there = [
            seen for seen in server_certificates.every(connection) if seen.certificate.thumbprint == error.thumbprint
        ]
    known = [f"{seen.instance} has it as {seen.certificate.name}." for seen in there]
    known += [
        f"A run saved it on {copy.instance} as {copy.certificate_file} and {copy.key_file}, under the password of the "
        "profile."
        for copy in copies[:1]
    ]
    error.hint = " ".join([error.hint, *known])
