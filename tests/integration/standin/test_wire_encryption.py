"""How much is encrypted, and which certificates are refused."""

from __future__ import annotations

from pathlib import Path

import pyodbc
import pytest

from tests.integration.standin.scripted import Scripted, connect
from tests.standin import drivers
from tests.standin.drivers import Driver
from tests.standin.wire import Authority, Certificate, Encryption, StandIn

# The driver's own names for "check the certificate".
CHECKED = {"Encrypt": "yes", "TrustServerCertificate": "no"}
STRICT = {"Encrypt": "strict", "TrustServerCertificate": "no"}


def encrypted(driver: Driver) -> dict[str, str]:
    """Return the words by which a driver is told to encrypt everything."""
    return {"Encrypt": "yes"} if driver.is_microsofts else {"Encryption": "require"}


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Certificate:
    return authority.issue()


@pytest.fixture
def microsofts() -> Driver:
    return drivers.find("msodbc")


def trust(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make OpenSSL, and the driver that uses it, trust an authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))


@pytest.mark.parametrize(
    ("encryption", "stays"),
    [(Encryption.NONE, False), (Encryption.LOGIN_ONLY, False), (Encryption.FULL, True)],
)
def test_the_server_decides_what_a_client_without_a_wish_encrypts(
    driver: Driver, encryption: Encryption, stays: bool
) -> None:
    server = Scripted()
    with StandIn(server, encryption=encryption) as stand_in:
        connect(driver, stand_in).execute("DO IT")
    assert server.logins[0].encrypted is stays
    assert server.statements == ["DO IT"]


def test_a_client_that_wants_encryption_has_it_to_the_end(driver: Driver) -> None:
    server = Scripted()
    with StandIn(server) as stand_in:
        connect(driver, stand_in, **encrypted(driver)).execute("DO IT")
    assert server.logins[0].encrypted


def test_a_client_that_wants_encryption_leaves_a_server_without_it(driver: Driver) -> None:
    server = Scripted()
    with StandIn(server, encryption=Encryption.NONE) as stand_in, pytest.raises(pyodbc.OperationalError, match="08001"):
        connect(driver, stand_in, **encrypted(driver))
    assert server.logins == []


def test_freetds_does_not_know_microsofts_word_for_it() -> None:
    server = Scripted()
    with StandIn(server) as stand_in:
        connect(drivers.find("freetds"), stand_in, Encrypt="yes").execute("DO IT")
    assert not server.logins[0].encrypted


def test_a_certificate_of_nobody_known_is_refused(microsofts: Driver, certificate: Certificate) -> None:
    with (
        StandIn(Scripted(), certificate=certificate) as stand_in,
        pytest.raises(pyodbc.OperationalError, match=r"08001.*unable to get local issuer certificate"),
    ):
        connect(microsofts, stand_in, **CHECKED)


def test_the_certificate_it_makes_for_itself_is_refused(microsofts: Driver) -> None:
    with StandIn(Scripted()) as stand_in, pytest.raises(pyodbc.OperationalError, match="certificate verify failed"):
        connect(microsofts, stand_in, **CHECKED)


def test_trusting_any_certificate_cures_it(microsofts: Driver, certificate: Certificate) -> None:
    with StandIn(Scripted(), certificate=certificate) as stand_in:
        connect(microsofts, stand_in, Encrypt="yes", TrustServerCertificate="yes").execute("DO IT")


def test_trusting_the_authority_cures_it(
    microsofts: Driver, authority: Authority, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(authority, monkeypatch)
    with StandIn(Scripted(), certificate=certificate) as stand_in:
        connect(microsofts, stand_in, **CHECKED).execute("DO IT")


def test_a_certificate_for_another_name_is_refused_until_that_name_is_expected(
    microsofts: Driver, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(authority, monkeypatch)
    with StandIn(Scripted(), certificate=authority.issue("sql.example.com")) as stand_in:
        with pytest.raises(pyodbc.OperationalError, match="subject name does not match host name"):
            connect(microsofts, stand_in, **CHECKED)
        connect(microsofts, stand_in, **CHECKED, HostnameInCertificate="sql.example.com").execute("DO IT")


def test_strict_encryption_comes_before_everything(
    microsofts: Driver, authority: Authority, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(authority, monkeypatch)
    server = Scripted()
    with StandIn(server, certificate=certificate, encryption=Encryption.STRICT) as stand_in:
        connect(microsofts, stand_in, **STRICT).execute("DO IT")
    assert server.logins[0].encrypted


def test_strict_encryption_takes_the_servers_own_certificate_and_no_other(
    microsofts: Driver, authority: Authority, certificate: Certificate
) -> None:
    other = authority.issue("sql.example.com")
    with StandIn(Scripted(), certificate=certificate, encryption=Encryption.STRICT) as stand_in:
        connect(microsofts, stand_in, **STRICT, ServerCertificate=str(certificate.chain)).execute("DO IT")
        with pytest.raises(pyodbc.OperationalError, match="doesn't match"):
            connect(microsofts, stand_in, **STRICT, ServerCertificate=str(other.chain))


def test_strict_encryption_never_trusts_blindly(microsofts: Driver, certificate: Certificate) -> None:
    with (
        StandIn(Scripted(), certificate=certificate, encryption=Encryption.STRICT) as stand_in,
        pytest.raises(pyodbc.OperationalError, match="certificate verify failed"),
    ):
        connect(microsofts, stand_in, Encrypt="strict", TrustServerCertificate="yes")


def test_a_strict_server_has_no_ear_for_others(driver: Driver) -> None:
    server = Scripted()
    with StandIn(server, encryption=Encryption.STRICT) as stand_in, pytest.raises(pyodbc.Error):
        connect(driver, stand_in)
    assert server.logins == []


def test_freetds_checks_the_certificate_only_where_its_own_file_says_so(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    freetds = drivers.find("freetds")
    conf = tmp_path / "freetds.conf"
    monkeypatch.setenv("FREETDSCONF", str(conf))
    with StandIn(Scripted(), encryption=Encryption.FULL) as stand_in:
        section = f"host = 127.0.0.1\nport = {stand_in.port}\ntds version = 7.4\nca file = {authority.path}\n"
        conf.write_text(f"[global]\nca file = {authority.path}\n[checked]\n{section}")
        connect(freetds, stand_in, Encryption="require").execute("DO IT")
        with pytest.raises(pyodbc.OperationalError, match="Unable to connect to data source"):
            pyodbc.connect(f"DRIVER={{{freetds.path}}};Servername=checked;UID=sa;PWD=secret;", timeout=10)
