"""Certificates in files: what goes in comes out, by ours and by OpenSSL's hand, and what cannot be used says why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from pwsops.certificates import archive, reading
from pwsops.certificates.pair import Pair, PrivateKey, common_name, pair_from_der
from pwsops.errors import InvalidInput
from tests.pairs import certificate_pem, key_pem, openssl, pair, self_signed

PASSWORD = "pässwörd 1"
SHA256_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def ids(pairs: list[Pair]) -> list[str]:
    return [one.facts().thumbprint for one in pairs]


def written(directory: Path, one: Pair) -> tuple[Path, Path]:
    certificate, private = directory / "a.crt", directory / "a.key"
    certificate.write_bytes(certificate_pem(one))
    private.write_bytes(key_pem(one))
    return certificate, private


@pytest.mark.parametrize("names", [("one",), ("one", "two"), ("one", "two", "drei ü")])
def test_what_we_pack_openssl_and_we_read_again(tmp_path: Path, names: tuple[str, ...]) -> None:
    pairs = [pair(name, friendly=name) for name in names]
    file = tmp_path / "all.pfx"
    file.write_bytes(archive.pack(pairs, PASSWORD))

    found = reading.read_pfx(file.read_bytes(), PASSWORD, source="all.pfx")
    assert ids(found) == ids(pairs)
    assert [one.key_der() for one in found] == [one.key_der() for one in pairs]
    assert [one.name for one in found] == list(names)

    text = openssl("pkcs12", "-in", file, "-passin", f"pass:{PASSWORD}", "-nodes")
    certificates = {block + b"\n" for block in SHA256_PEM.findall(text)}
    assert certificates == {certificate_pem(one) for one in pairs}
    assert text.count(b"BEGIN PRIVATE KEY") == len(pairs)


@pytest.mark.parametrize("more", [(), ("-legacy",), ("-nomac",), ("-keypbe", "NONE", "-certpbe", "NONE")])
def test_what_openssl_packs_we_read(tmp_path: Path, more: tuple[str, ...]) -> None:
    certificate, private = written(tmp_path, pair())
    made = openssl(
        *("pkcs12", "-export", "-in", certificate, "-inkey", private, "-name", "Backups"),
        *("-passout", "pass:secret", *more),
    )
    [found] = reading.read_pfx(made, "secret", source="x.pfx")
    assert (found.certificate, found.key_der(), found.name) == (pair().certificate, pair().key_der(), "Backups")


def test_a_file_whose_password_is_empty_needs_none(tmp_path: Path) -> None:
    certificate, private = written(tmp_path, pair())
    made = openssl("pkcs12", "-export", "-in", certificate, "-inkey", private, "-passout", "pass:")
    assert ids(reading.read_pfx(made, "", source="x.pfx")) == ids([pair()])


@pytest.mark.parametrize("cipher", [(), ("-aes-256-cbc",), ("-traditional", "-aes128")])
def test_pem_of_openssl_is_read_encrypted_or_not(tmp_path: Path, cipher: tuple[str, ...]) -> None:
    certificate, private = written(tmp_path, pair())
    protection = ("-passout", "pass:secret") if cipher else ()
    made = openssl("pkey", "-in", private, *cipher, *protection)
    password = "secret" if cipher else ""
    assert ids(reading.read_pem(certificate.read_bytes() + made, password, source="x.pem")) == ids([pair()])


def test_a_password_that_is_not_needed_does_not_hurt() -> None:
    content = certificate_pem(pair()) + key_pem(pair())
    assert ids(reading.read_pem(content, "whatever", source="x.pem")) == ids([pair()])


def test_several_pairs_and_an_issuer_in_one_pem_are_told_apart() -> None:
    content = key_pem(pair("one")) + certificate_pem(pair("issuer")) + certificate_pem(pair("two"))
    content += certificate_pem(pair("one")) + key_pem(pair("two"))
    assert ids(reading.read_pem(content, "", source="x.pem")) == ids([pair("one"), pair("two")])


def test_a_chain_in_a_pfx_is_no_pair_of_its_own() -> None:
    content = pkcs12.serialize_key_and_certificates(
        None,
        pair("one").private_key,
        pair("one").certificate,
        [pair("issuer").certificate],
        BestAvailableEncryption(b"x"),
    )
    assert ids(reading.read_pfx(content, "x", source="x.pfx")) == ids([pair("one")])


def test_an_elliptic_key_is_kept_as_well() -> None:
    one = pair("elliptic", bits=0)
    [found] = reading.read_pfx(archive.pack([one], "x"), "x", source="x.pfx")
    assert (found.facts().key, found.key_der()) == ("EC 256", one.key_der())


def refused(content: bytes, password: str, *, pem: bool = False) -> InvalidInput:
    read = reading.read_pem if pem else reading.read_pfx
    with pytest.raises(InvalidInput, match=r"mine\.file") as caught:
        read(content, password, source="mine.file")
    assert "secret" not in f"{caught.value} {caught.value.hint}"
    return caught.value


def test_each_thing_that_is_wrong_with_a_pfx_has_its_own_answer(tmp_path: Path) -> None:
    certificate, private = written(tmp_path, pair())
    whole = archive.pack([pair()], "secret")
    out = ("-passout", "pass:secret")
    no_key = openssl("pkcs12", "-export", "-nokeys", "-in", certificate, *out)
    no_certificate = openssl("pkcs12", "-export", "-nocerts", "-inkey", private, *out)
    assert "the password is wrong" in refused(whole, "secrets").message
    assert "protected by a password, and none was given" in refused(whole, "").message
    assert "certificate without its private key" in refused(no_key, "secret").message
    assert "private key without its certificate" in refused(no_certificate, "secret").message
    assert "certificate without its private key" in refused(pair().certificate_der(), "").message
    for nonsense in (b"", b"0", b"hello", b"\x30\x80", whole[1:], certificate_pem(pair())):
        assert "is not a certificate file" in refused(nonsense, "secret").message
    assert "the password is wrong, or the file is damaged" in refused(whole[:-9], "secret").message


def test_each_thing_that_is_wrong_with_pem_has_its_own_answer(tmp_path: Path) -> None:
    certificate, private = certificate_pem(pair()), key_pem(pair())
    protected = pair().private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    assert "certificate without its private key" in refused(certificate, "", pem=True).message
    assert "private key without its certificate" in refused(private, "", pem=True).message
    assert "does not belong to the certificate" in refused(certificate + key_pem(pair("other")), "", pem=True).message
    assert "the password is wrong" in refused(certificate + protected, "secrets", pem=True).message
    assert "none was given" in refused(certificate + protected, "", pem=True).message
    assert "is not a certificate file" in refused(b"-----BEGIN NOTHING-----", "", pem=True).message
    broken = certificate.replace(b"MII", b"AAA", 1)
    assert "certificate that is damaged" in refused(broken + private, "", pem=True).message
    broken_key = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    assert "the key is damaged" in refused(certificate + broken_key, "", pem=True).message


def test_a_pfx_whose_key_is_another_certificates_is_refused(tmp_path: Path) -> None:
    certificate, _ = written(tmp_path, pair("one"))
    private = tmp_path / "two.key"
    private.write_bytes(key_pem(pair("two")))
    out = ("-passout", "pass:secret")
    halves = [
        openssl("pkcs12", "-export", "-nocerts", "-inkey", private, *out),
        openssl("pkcs12", "-export", "-nokeys", "-in", certificate, *out),
    ]
    assert "does not belong to the certificate" in refused(archive._join(halves, "secret"), "secret").message


def test_a_file_that_is_not_der_throughout_is_not_taken_apart() -> None:
    assert archive.split(b"\x30\x80\x02\x01\x03\x00\x00") == []
    assert archive.split(b"\x30\x03\x02\x01") == []


def test_a_derived_key_is_the_one_openssl_derives() -> None:
    # The checksum of a joined file is what OpenSSL and cryptography check: a wrong one opens for neither.
    content = archive.pack([pair("one"), pair("two")], PASSWORD)
    assert pkcs12.load_pkcs12(content, PASSWORD.encode()).cert is not None
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    with pytest.raises(ValueError, match="Invalid password"):
        pkcs12.load_pkcs12(bytes(changed), PASSWORD.encode())


def test_a_pair_does_not_show_its_key() -> None:
    assert "private_key" not in repr(pair())
    assert pair().certificate.fingerprint(hashes.SHA1()).hex().upper() == pair().facts().thumbprint


@pytest.mark.parametrize(
    ("private", "kind"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "ED25519 256"),
        (ed448.Ed448PrivateKey.generate(), "ED448 448"),
        (dsa.generate_private_key(2048), "DSA 2048"),
    ],
)
def test_keys_of_other_kinds_are_kept_as_well(private: PrivateKey, kind: str) -> None:
    one = self_signed("other", private)
    [found] = reading.read_pfx(archive.pack([one], "x"), "x", source="x.pfx")
    assert (found.facts().key, found.key_der()) == (kind, one.key_der())
    again = pair_from_der(one.certificate_der(), one.key_der(), name="a")
    assert (again.certificate, again.key_der(), again.name) == (one.certificate, one.key_der(), "a")


def test_a_key_that_belongs_to_no_certificate_is_named() -> None:
    stranger = x25519.X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert "of a kind that is not known" in refused(certificate_pem(pair()) + stranger, "", pem=True).message


def test_a_certificate_goes_by_its_common_name_or_by_all_of_its_subject() -> None:
    assert common_name(pair("one").certificate) == "one"
    unnamed = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Example")])
    one = self_signed("", ec.generate_private_key(ec.SECP256R1()), subject=unnamed)
    assert common_name(one.certificate) == "O=Example"
