"""`pwsops certificate`, and what encryption changes about the other commands."""

import json
import sqlite3
import stat
from contextlib import closing

import pytest

from pwsops.certificates import archive
from tests.integration.command_line import CommandLine, Driver
from tests.pairs import certificate_pem, key_pem, openssl, pair

PASSWORD = "pä55 word"
ONE = pair("one").facts().thumbprint


@pytest.fixture(scope="module")
def driver():
    one = Driver()
    yield one
    one.close()


@pytest.fixture
def line(tmp_path, driver):
    """A home with the samples, and two pairs beside it: `one.pfx`, and `two.crt` with `two.key`."""
    (tmp_path / "one.pfx").write_bytes(archive.pack([pair("one")], PASSWORD))
    (tmp_path / "two.crt").write_bytes(certificate_pem(pair("two")))
    (tmp_path / "two.key").write_bytes(key_pem(pair("two")))
    return CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)


def take_in(line):
    return line.done("certificate", "import", "one.pfx", "--password-stdin", given=f"{PASSWORD}\n")


def test_certificates_go_in_and_are_listed(line):
    assert line.rows("certificate", "list") == []
    assert f"Imported one: CN=one, thumbprint {ONE}." in take_in(line)
    told = line.done(*("certificate", "import", "two.crt", "--key", "two.key"), *("--name", "Key of the master"))
    assert "Imported Key of the master: CN=two" in told
    master, one = line.rows("certificate", "list")
    assert (one["name"], one["thumbprint"], one["held"], one["needed_by"]) == ("one", ONE, True, "")
    assert (one["key_type"], one["key_bits"], one["signature_hash"]) == ("RSA", 2048, "SHA256")
    assert master["name"] == "Key of the master"
    assert line.rows("certificate", "list", "--required") == []
    assert "CN=two" in line.done("certificate", "list")


def test_what_cannot_be_imported_says_why(line, tmp_path):
    command = ("certificate", "import")
    (tmp_path / "text.pfx").write_text("hello")
    assert "the password is wrong" in line.refused(*command, "one.pfx", "--password-stdin", given="wrong\n")
    assert "none was given" in line.refused(*command, "one.pfx")
    assert "no password on standard input" in line.refused(*command, "one.pfx", "--password-stdin", code=2)
    assert "half a pair" in line.refused(*command, "two.crt")
    assert "half a pair" in line.refused(*command, "two.key")
    assert "is not a certificate file" in line.refused(*command, "text.pfx")
    assert "nothing.pfx cannot be read" in line.refused(*command, "nothing.pfx")
    take_in(line)
    assert "has it already" in line.refused(*command, "one.pfx", "--password-stdin", given=f"{PASSWORD}\n")
    assert len(line.rows("certificate", "list")) == 1


def test_an_export_is_read_by_openssl_and_by_nobody_else(line, tmp_path):
    take_in(line)
    line.done("certificate", "create", "Vaults")
    line.done(*("certificate", "export", "--all", "--output", "all.pfx", "--password-stdin"), given=f"{PASSWORD}\n")
    text = openssl("pkcs12", "-in", tmp_path / "all.pfx", "-passin", f"pass:{PASSWORD}", "-nodes")
    assert text.count(b"BEGIN PRIVATE KEY") == 2
    assert certificate_pem(pair("one")) in text
    assert stat.S_IMODE((tmp_path / "all.pfx").stat().st_mode) == 0o600

    (tmp_path / "each").mkdir()
    command = ("certificate", "export", "one", "Vaults", "--directory", "each", "--password-stdin")
    line.done(*command, given=f"{PASSWORD}\n")
    files = sorted((tmp_path / "each").iterdir())
    assert [file.name.partition("_")[0] for file in files] == ["Vaults", "one"]
    for file in files:
        text = openssl("pkcs12", "-in", file, "-passin", f"pass:{PASSWORD}", "-nodes")
        assert text.count(b"BEGIN PRIVATE KEY") == 1

    assert "exists already" in line.run(*command, given=f"{PASSWORD}\n").stderr
    export = ("certificate", "export", "one", "--output", "x.pfx")
    assert "no password" in line.refused(*export)
    nowhere = ("certificate", "export", "one", "--output", "nowhere/x.pfx", "--password-stdin")
    assert "cannot be written" in line.refused(*nowhere, given=f"{PASSWORD}\n")
    for wrong in (("certificate", "export", "--output", "x.pfx"), ("certificate", "export", "one")):
        line.refused(*wrong, code=2)


def test_an_encrypted_backup_is_refused_without_its_certificate_and_restored_with_it(line, tmp_path):
    (tmp_path / "backups").mkdir()
    line.done("sample")
    line.done("certificate", "create", "Vaults")
    line.done(
        *("profile", "create", "p", "--instance", "samples", "--database", "family-vault.sqlite3"),
        *("--directory", "backups", "--every", "1h", "--inactive", "--encrypt-with", "Vaults"),
    )
    [made] = line.rows("certificate", "list", "--required")
    assert made["needed_by"] == "the profile p"
    assert "neither saved" in made["concerns"][0]
    assert line.rows("profile", "show", "p")[0]["encrypt_with"] == made["thumbprint"]
    line.done("run", "p", "--here")
    line.done("run", "p", "--here")
    full, incremental = sorted((tmp_path / "backups").glob("*.bak"), key=lambda path: "DIFF" in path.name)
    assert line.rows("media", full)[0]["thumbprint"] == made["thumbprint"]
    assert "CN=Vaults" in line.done("media", incremental)

    export = ("certificate", "export", "Vaults", "--output", "vaults.pfx", "--password-stdin")
    line.done(*export, given=f"{PASSWORD}\n")
    with closing(sqlite3.connect(line.home / "catalogue.sqlite3")) as catalogue, catalogue:
        catalogue.execute("DELETE FROM certificates")
    restore = ("restore", "--instance", "samples", "--database", "family-vault.sqlite3", "--file", incremental, "--yes")
    for way in ((), ("--no-safety-copy",)):
        told = line.refused(*restore, *way)
        assert made["thumbprint"] in told
        assert "pwsops certificate import" in told
    assert list((tmp_path / "backups").glob("*_SAFETY_*")) == []
    [missing] = line.rows("certificate", "list", "--required")
    assert (missing["held"], missing["subject"]) == (False, "CN=Vaults")
    line.done("certificate", "import", "vaults.pfx", "--password-stdin", given=f"{PASSWORD}\n")
    assert "Restored family-vault.sqlite3" in line.done(*restore)

    assert "needed by the profile p; 3 backups" in line.refused("certificate", "remove", "Vaults", "--yes")
    line.done("profile", "edit", "p", "--encrypt-with", "none")
    assert line.rows("profile", "show", "p")[0]["encrypt_with"] is None
    for path in (tmp_path / "backups").glob("*.bak"):
        path.unlink()  # the safety copy, too, which was encrypted for it
    assert "was not removed" in line.refused("certificate", "remove", "Vaults")
    line.done("certificate", "remove", "Vaults", "--yes")
    log = json.dumps(line.rows("audit", "list"))
    assert PASSWORD not in log
    assert PASSWORD not in "".join(file.read_text() for file in (line.home / "logs").glob("*"))
