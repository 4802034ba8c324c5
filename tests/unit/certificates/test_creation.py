"""A certificate of one's own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from pwsops.certificates import creation
from pwsops.errors import InvalidInput
from pwsops.rules.certificates import why_not_encrypt
from tests.clocks import NOON
from tests.pairs import certificate_pem, openssl


def test_a_created_certificate_encrypts_for_as_long_as_was_asked() -> None:
    made = creation.create("Backups of the vault", years=2, now=NOON)
    facts = made.facts()
    assert (facts.subject, facts.issuer, facts.key) == (
        "CN=Backups of the vault",
        "CN=Backups of the vault",
        "RSA 3072",
    )
    assert facts.signature_hash == "SHA256"
    assert why_not_encrypt(facts, NOON) == []
    assert abs(facts.not_after - NOON - timedelta(days=730)) <= timedelta(days=1)
    usage = made.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_encipherment
    assert b"Backups of the vault" in openssl("x509", "-noout", "-subject", given=certificate_pem(made))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": " "}, "1 to 64 characters"),
        ({"name": "x" * 65}, "1 to 64 characters"),
        ({"years": 0}, "1 to 50 years"),
        ({"years": 51}, "1 to 50 years"),
        ({"bits": 2048}, "3072 to 8192 bits"),
    ],
)
def test_what_cannot_be_made_is_refused(values: dict[str, object], words: str) -> None:
    asked: dict[str, object] = {"name": "x", "years": 5, "bits": 3072} | values
    with pytest.raises(InvalidInput, match=words):
        creation.create(now=NOON, **asked)  # type: ignore[arg-type]
