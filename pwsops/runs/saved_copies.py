"""Where a certificate that a restore lacks was saved, as far as this home knows."""

from __future__ import annotations

import re

from pwsops.catalogue import Catalogue, certificate_copies, server_certificates
from pwsops.errors import CertificateNeeded, PwsopsError

_THUMBPRINT = re.compile(r"\b[0-9A-F]{40}\b")


def say_where(catalogue: Catalogue, error: PwsopsError) -> None:
    """Add to an error that tells of a missing certificate where its files are, and which server has it."""
    thumbprint = _THUMBPRINT.search(error.message)
    if not isinstance(error, CertificateNeeded) or thumbprint is None:
        return
    with catalogue.read() as connection:
        copies = certificate_copies.every(connection, thumbprint[0])
        there = [seen for seen in server_certificates.every(connection) if seen.certificate.thumbprint == thumbprint[0]]
    told = [f"{seen.instance} has it as {seen.certificate.name}." for seen in there]
    told += [
        f"A run saved it on {copy.instance} as {copy.certificate_file} and {copy.key_file}, under the password of the "
        "profile."
        for copy in copies[:1]
    ]
    error.hint = " ".join([error.hint, *told])
