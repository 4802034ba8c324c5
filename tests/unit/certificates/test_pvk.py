"""Keys that OpenSSL writes as SQL Server does (PVK), read beside their certificates."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pwsops.certificates import pvk
from pwsops.errors import InvalidInput
from tests.pairs import key_pem, openssl, pair

PASSWORD = "S3cret, really"
ONE = pair("one")
CER = ONE.certificate_der()
LEGACY = ("-provider", "legacy", "-provider", "default")


def written(directory: Path, *strength: str, name: str = "one", bits: int = 2048) -> bytes:
    """Let OpenSSL write a key."""
    plain, file = directory / "key.pem", directory / "key.pvk"
    plain.write_bytes(key_pem(pair(name, bits=bits)))
    openssl("rsa", "-in", plain, "-outform", "PVK", *strength, "-passout", f"pass:{PASSWORD}", "-out", file, *LEGACY)
    return file.read_bytes()


@pytest.fixture(scope="module")
def strong(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return written(tmp_path_factory.mktemp("pvk"), "-pvk-strong")


@pytest.mark.parametrize("strength", ["-pvk-strong", "-pvk-weak", "-pvk-none"])
def test_a_key_of_each_strength_is_read_beside_its_certificate(tmp_path: Path, strength: str) -> None:
    key = written(tmp_path, strength)
    for both in (CER + b"\n" + key, key + b"\n" + CER, CER + key):
        assert pvk.holds_one(both)
        found = pvk.read(both, PASSWORD, source="x")
        assert (found.certificate, found.key_der()) == (ONE.certificate, ONE.key_der())


def test_a_certificate_may_be_text_and_a_key_of_any_size(tmp_path: Path) -> None:
    key = written(tmp_path, "-pvk-strong", bits=1032)
    other = pair("one", bits=1032)
    found = pvk.read(other.certificate.public_bytes(Encoding.PEM) + b"\n" + key, PASSWORD, source="x")
    assert found.key_der() == other.key_der()


def test_what_is_missing_or_wrong_is_told_apart(strong: bytes) -> None:
    wrong = {
        (CER + strong, "another"): "the password is wrong",
        (CER + strong, ""): "protected by a password, and none was given",
        (strong, PASSWORD): "half a pair: it holds a private key without its certificate",
        (pair("two").certificate_der() + strong, PASSWORD): "does not belong to the certificate",
        (CER + strong[:20], PASSWORD): "damaged or cut short",
        (CER + strong[:-1], PASSWORD): "damaged or cut short",
    }
    for (data, password), why in wrong.items():
        with pytest.raises(InvalidInput, match=why):
            pvk.read(data, password, source="x")


def test_numbers_that_make_no_key_are_damage(tmp_path: Path) -> None:
    plain = bytearray(written(tmp_path, "-pvk-none"))
    for at, byte in ((-1, 0xFF), (24 + 8, 0x00), (24 + 8 + 4, 0xFF)):
        changed = bytearray(plain)
        changed[at] ^= byte or 0xFF
        with pytest.raises(InvalidInput, match="damaged"):
            pvk.read(CER + bytes(changed), "", source="x")


def test_anything_else_holds_none() -> None:
    assert not pvk.holds_one(CER + key_pem(ONE))
