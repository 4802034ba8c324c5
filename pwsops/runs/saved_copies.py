"""Where a certificate that a restore lacks was saved, as far as this home knows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from pwsops.catalogue import Connection, certificate_copies, server_certificates
from pwsops.errors import CertificateNeeded, PwsopsError

Read = Callable[[], AbstractContextManager[Connection]]
"""Gives the catalogue, or what of it belongs to those who are told."""


def say_where(read: Read, error: PwsopsError) -> None:
    """Add to an error that tells of a missing certificate where its files are, and which server has it.

    What it says already is not added again: those who see less may have been told before.
    """
    if not isinstance(error, CertificateNeeded) or not error.thumbprint:
        return
    with read() as connection:
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
    error.hint = " ".join([error.hint, *(each for each in known if each not in error.hint)])
