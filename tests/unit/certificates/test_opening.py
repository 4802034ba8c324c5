"""Certificate files of unknown origin: what they declare is looked at, what they hide is outlived."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from pwsops.certificates import archive, creation, opening, reader, reading, rounds
from pwsops.certificates.pair import Pair, pair_from_der
from pwsops.errors import InvalidInput, PwsopsError


@pytest.fixture(scope="module")
def pair() -> Pair:
    return creation.create("a", years=1, now=datetime(2026, 3, 1, tzinfo=UTC))


def pfx(pair: Pair, times: int = 2048) -> bytes:
    kind = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(times).build(b"p")
    return pkcs12.serialize_key_and_certificates(b"a", pair.private_key, pair.certificate, None, kind)


def test_a_file_is_read_in_a_process_of_its_own(pair: Pair) -> None:
    for content in (pfx(pair), archive.pack([pair], "p")):
        [found] = opening.open_file(content, "p", source="a.pfx")
        assert (found.certificate_der(), found.key_der(), found.name) == (pair.certificate_der(), pair.key_der(), "a")
    with pytest.raises(InvalidInput, match=r"a\.pfx cannot be opened: the password is wrong") as refused:
        opening.open_file(pfx(pair), "q", source="a.pfx")
    assert refused.value.hint


def test_two_thousand_million_rounds_are_refused_at_once(pair: Pair) -> None:
    content = pfx(pair)
    marks = [at for at in range(len(content)) if content.startswith(b"\x02\x02\x08\x00", at)]
    assert marks
    for at in marks:
        hostile = content[:at] + b"\x02\x02\x7f\xff" + content[at + 4 :]
        rounds.check(hostile, source="a.pfx")
    # The last number of the file is that of its checksum; it is the outermost, so that two bytes more fit in.
    with pytest.raises(InvalidInput, match="hashed more than 5,000,000 times"):
        rounds.check(_checksum_rounds(content, b"\x02\x04\x7f\xff\xff\xff"), source="a.pfx")
    with pytest.raises(InvalidInput, match="hashed more than 5,000,000 times"):
        opening.open_file(_checksum_rounds(content, b"\x02\x04\x7f\xff\xff\xff"), "p", source="a.pfx")


def _checksum_rounds(content: bytes, number: bytes) -> bytes:
    [whole] = archive.elements(content)
    version, data, mac = archive.elements(whole.content)
    digest, salt, _ = archive.elements(mac.content)
    return archive._wrap(0x30, version.whole, data.whole, archive._wrap(0x30, digest.whole, salt.whole, number))


@pytest.mark.parametrize(
    "parameters",
    [
        b"\x04\x01s\x02\x04\x7f\xff\xff\xff",
        b"\x04\x01s\x02\x02\x7f\xff\x02\x02\x7f\xff\x02\x01\x08",
        b"\x04\x01s\x02\x04\x7f\xff\xff\xff\x02\x01\x20",
    ],
)
def test_an_encrypted_key_in_pem_is_looked_at_too(parameters: bytes) -> None:
    from base64 import encodebytes

    der = archive._wrap(0x30, archive._wrap(0x30, archive._wrap(0x30, parameters)), archive._wrap(0x04, b"key"))
    text = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + encodebytes(der) + b"-----END ENCRYPTED PRIVATE KEY-----\n"
    with pytest.raises(InvalidInput, match="hashed more than"):
        reading.read(text, "p", source="key.pem")


def test_files_of_more_or_deeper_parts_than_any_are_refused() -> None:
    deep = b"\x05\x00"
    for _ in range(30):
        deep = archive._wrap(0x30, deep)
    for content in (deep, archive._wrap(0x30, b"\x05\x00" * 6000)):
        with pytest.raises(InvalidInput, match="more parts, or deeper ones"):
            rounds.check(content, source="a.pfx")
    rounds.check(b"no DER", source="a.pfx")
    with pytest.raises(InvalidInput, match="larger than any"):
        reading.read(bytes(reading.SIZE_LIMIT + 1), "", source="a.pfx")


def test_what_takes_too_long_is_ended(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match=r"took longer than 0 s"):
        opening.open_file(pfx(pair), "p", source="a.pfx", limit_s=0.0)
    monkeypatch.setattr(opening, "command", lambda module: ["/bin/false"])
    with pytest.raises(InvalidInput, match="ended with status 1"):
        opening.open_file(b"", "p", source="a.pfx")

    def refuse(*given: object, **more: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(PwsopsError, match="no process could be started"):
        opening.open_file(b"", "p", source="a.pfx")


def test_whatever_a_library_raises_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object, **more: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reading, "read", broken)
    found = reader.answer({"content": "", "password": "", "source": "a.pfx"})
    assert found == {"error": ["a.pfx is damaged (MemoryError).", "Export it again."]}


def test_plain_keys_in_pem_are_read(pair: Pair) -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

    key = pair.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"p"))
    traditional = pair.private_key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"p")
    )
    for text in (key, traditional):
        content = pair.certificate.public_bytes(Encoding.PEM) + text
        [found] = opening.open_file(content, "p", source="a.pem")
        assert found.key_der() == pair.key_der()


def test_a_keys_numbers_are_proven_in_the_limited_process_and_not_again_outside(pair: Pair) -> None:
    """For a key of 8,192 bits that takes ten seconds, which the limit allows and the service has not."""
    assert isinstance(pair.private_key, rsa.RSAPrivateKey)
    numbers = pair.private_key.private_numbers()
    wrong = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, numbers.d + 2, numbers.dmp1, numbers.dmq1, numbers.iqmp, numbers.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    forged = Pair(certificate=pair.certificate, private_key=wrong)
    assert pair_from_der(forged.certificate_der(), forged.key_der(), name="a").key_der() == forged.key_der()
    pem = forged.certificate.public_bytes(Encoding.PEM) + wrong.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    for content, password in ((pem, ""), (pfx(forged), "p")):
        with pytest.raises(InvalidInput, match=r"damaged|cannot be opened"):
            opening.open_file(content, password, source="a")


@pytest.mark.parametrize("oid", ["2a864886f70d010101", "2a864886f70d01010b"])
def test_a_certificate_with_a_key_or_signature_that_nobody_knows_is_refused_in_our_words(pair: Pair, oid: str) -> None:
    known = bytes.fromhex(oid)
    public = pair.certificate_der().replace(known, known[:-1] + b"\x7f")
    text = x509.load_der_x509_certificate(public).public_bytes(Encoding.PEM)
    text += pair.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(InvalidInput, match=r"a\.pem uses a kind of key or signature that is not known") as refused:
        opening.open_file(text, "", source="a.pem")
    assert refused.value.hint
