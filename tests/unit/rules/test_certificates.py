"""What a certificate may be used for, and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pwsops.rules.certificates import (
    NEAR_EXPIRY,
    Certificate,
    doubts,
    file_name,
    is_expired,
    is_near_expiry,
    why_not_encrypt,
)
from tests.clocks import NOON

GOOD = Certificate(
    thumbprint="AB" * 20,
    subject="CN=a",
    issuer="CN=a",
    serial="1",
    not_before=NOON - timedelta(days=1),
    not_after=NOON + timedelta(days=365),
    key_type="RSA",
    key_bits=3072,
    signature_hash="SHA256",
)


def test_a_good_certificate_raises_no_doubt() -> None:
    assert doubts(GOOD, NOON) == []
    assert why_not_encrypt(GOOD, NOON) == []
    assert not is_near_expiry(GOOD, NOON)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"not_after": NOON - timedelta(seconds=1)}, "expired on 2026-03-02"),
        ({"not_before": NOON + timedelta(seconds=1)}, "is not valid before 2026-03-02"),
        ({"key_bits": 1024}, "weak key (RSA 1024; at least 2048"),
        ({"key_type": "EC", "key_bits": 192}, "weak key (EC 192"),
        ({"signature_hash": "SHA1"}, "signed with SHA1"),
        ({"signature_hash": "MD5"}, "signed with MD5"),
    ],
)
def test_each_doubt_is_named_and_keeps_it_from_encrypting(values: dict[str, object], words: str) -> None:
    doubtful = replace(GOOD, **values)  # type: ignore[arg-type]
    assert any(words in doubt for doubt in doubts(doubtful, NOON))
    assert why_not_encrypt(doubtful, NOON)


@pytest.mark.parametrize(("key_type", "bits"), [("EC", 256), ("ED25519", 256)])
def test_a_key_that_is_not_rsa_is_sound_but_encrypts_no_backup(key_type: str, bits: int) -> None:
    other = replace(GOOD, key_type=key_type, key_bits=bits, signature_hash="")
    assert doubts(other, NOON) == []
    assert key_type in why_not_encrypt(other, NOON)[0]


def test_near_expiry_begins_a_month_before_the_end_and_lasts() -> None:
    assert not is_near_expiry(GOOD, GOOD.not_after - NEAR_EXPIRY)
    assert is_near_expiry(GOOD, GOOD.not_after - NEAR_EXPIRY + timedelta(seconds=1))
    assert is_near_expiry(GOOD, GOOD.not_after + timedelta(days=1))
    assert not is_expired(GOOD, GOOD.not_after)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Backups 2026", "Backups-2026_T.pfx"),
        ("../../x", "x_T.pfx"),
        ("ü/\n", "certificate_T.pfx"),
        ("", "certificate_T.pfx"),
    ],
)
def test_a_file_is_named_after_its_certificate_in_plain_letters(name: str, expected: str) -> None:
    assert file_name(name, "T") == expected
