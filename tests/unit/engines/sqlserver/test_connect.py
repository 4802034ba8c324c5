from __future__ import annotations

import pytest

from pwsops.engines.records import Instance
from pwsops.engines.sqlserver.connect import Address, connection_string, parse_address
from pwsops.engines.sqlserver.drivers import FREETDS, MICROSOFT, Driver
from pwsops.errors import InvalidInput

EIGHTEEN, SEVENTEEN, TDS = (Driver(name=name, target=name) for name in (*MICROSOFT, FREETDS))


def instance(
    address: str = "db1,1444", *, login: str | None = "pws", password: str = "p}w;{d", **options: object
) -> Instance:
    told = password if login else None
    return Instance(name="prod", engine="sqlserver", address=address, login=login, password=told, options=options)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("db1", Address(host="db1")),
        (" db1.example.com,1444 ", Address(host="db1.example.com", port=1444)),
        (r"db1\SALES", Address(host="db1", instance="SALES")),
        (r"tcp:db1\SALES, 1444", Address(host="db1", instance="SALES", port=1444)),
        ("::1,1433", Address(host="::1", port=1433)),
    ],
)
def test_an_address_is_a_host_with_an_instance_or_a_port(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "a b", "db1;UID=sa", "db1,0", "db1,65536", "db1,port", "db1\\", "{db1}"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="address") as refused:
        parse_address(text)
    assert refused.value.hint


def test_microsofts_driver_encrypts_and_checks_the_certificate_by_default() -> None:
    words = connection_string(instance(), EIGHTEEN)
    assert "Encrypt={yes};TrustServerCertificate={no};" in words
    assert "DRIVER={ODBC Driver 18 for SQL Server};SERVER={db1,1444};" in words
    assert "APP={pwsops};" in words


def test_all_addresses_of_a_listener_are_tried_at_once() -> None:
    assert "MultiSubnetFailover={Yes};" in connection_string(instance(), EIGHTEEN)
    assert "MultiSubnetFailover" not in connection_string(instance(r"db1\SALES"), EIGHTEEN)
    assert "MultiSubnetFailover" not in connection_string(instance(password="x", trust_server_certificate=True), TDS)


def test_a_value_cannot_become_another_option() -> None:
    assert "UID={pws};PWD={p}}w;{d};" in connection_string(instance(), EIGHTEEN)


def test_a_named_instance_is_found_by_name_unless_its_port_is_known() -> None:
    assert r"SERVER={db1\SALES};" in connection_string(instance(r"db1\SALES"), EIGHTEEN)
    assert "SERVER={db1,1444};" in connection_string(instance(r"db1\SALES,1444"), EIGHTEEN)
    tds = connection_string(instance(r"db1\SALES", password="x", trust_server_certificate=True), TDS)
    assert r"SERVER={db1\SALES};" in tds
    assert "PORT" not in tds


def test_the_service_user_logs_in_without_a_password() -> None:
    words = connection_string(instance(login=None), EIGHTEEN)
    assert "Trusted_Connection={yes};" in words
    assert "UID" not in words
    assert "PWD" not in words


def test_freetds_is_told_in_its_own_words_and_halves_no_brace() -> None:
    words = connection_string(instance(password="p}w{d", trust_server_certificate=True), TDS)
    assert "SERVER={db1};TDS_Version={7.4};ClientCharset={UTF-8};PORT={1444};" in words
    assert "PWD=p}w{d;" in words
    assert "Encryption={require};" in words
    assert "Encryption={off};" in connection_string(instance(password="x", encrypt="no"), TDS)


def test_freetds_checks_no_certificate_so_that_has_to_be_chosen() -> None:
    with pytest.raises(InvalidInput, match="FreeTDS checks no certificate"):
        connection_string(instance(), TDS)


@pytest.mark.parametrize("password", ["x} ;DRIVER=/tmp/x.so;", "x};y", "\u017d;DRIVER=/tmp/x.so;", "{x}", "a\0b"])
def test_what_could_become_a_keyword_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput, match="this password") as refused:
        connection_string(instance(password=password, trust_server_certificate=True), TDS)
    assert password not in str(refused.value) + refused.value.hint


def test_strict_encryption_wants_a_driver_that_knows_it() -> None:
    assert "Encrypt={strict};" in connection_string(instance(encrypt="strict"), EIGHTEEN)
    for driver in (SEVENTEEN, TDS):
        with pytest.raises(InvalidInput, match="cannot do strict"):
            connection_string(instance(encrypt="strict"), driver)


def test_a_certificates_file_is_refused_where_the_driver_would_ignore_it() -> None:
    strict = connection_string(instance(encrypt="strict", server_certificate="/c.pem"), EIGHTEEN)
    assert "ServerCertificate={/c.pem};" in strict
    with pytest.raises(InvalidInput, match="strict"):
        connection_string(instance(server_certificate="/c.pem"), EIGHTEEN)


def test_an_unknown_kind_of_encryption_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'maybe'"):
        connection_string(instance(encrypt="maybe"), EIGHTEEN)
