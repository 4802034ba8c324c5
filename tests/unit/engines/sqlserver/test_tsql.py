from __future__ import annotations

from datetime import datetime

import pytest

from pwsops.engines.certificates import CertificateFiles
from pwsops.engines.sqlserver import certificate_tsql, tsql
from pwsops.errors import InvalidInput
from tests.unit.engines.sqlserver.parser import parses

STOP = datetime(2026, 3, 1, 12, 30, 5)
FULL = tsql.backup("vault", [r"D:\Backup\vault.bak"], description="pwsops run 7")
FILES = CertificateFiles(certificate="/c.cer", key="/c.pvk")
ODD = "a]b'c\nd \U0001f5c4 "

# Each with a piece of it, and what makes the piece wrong: the parser has to see the difference.
STATEMENTS = {
    "full": (FULL, "TO DISK", "TO DISKS"),
    "differential": (
        tsql.backup("vault", ["/b/v.bak"], description="d", differential=True),
        "WITH DIFFERENTIAL",
        "WITH DIFFERENT",
    ),
    "copy-only": (
        tsql.backup("vault", ["/b/v.bak"], description="d", copy_only=True, fresh=True),
        "COPY_ONLY, FORMAT",
        "COPY_ONLY FORMAT",
    ),
    "uncompressed": (
        tsql.backup("vault", ["/b/v.bak"], description="d", compress=False),
        "NO_COMPRESSION",
        "UN_COMPRESSION",
    ),
    "labelled": (
        tsql.backup("vault", ["/b/v.bak"], description="d", label="pwsops run 7 of it's", of_damaged=True),
        "MEDIADESCRIPTION = N'pwsops",
        "MEDIADESCRIPTION N'pwsops",
    ),
    "encrypted": (
        tsql.backup("vault", ["/b/v.bak"], description="d", encrypt_with=ODD),
        "ALGORITHM = AES_256",
        "ALGORITHM AES_256",
    ),
    "striped": (
        tsql.backup("vault", ["/b/1.bak", "/b/2.bak"], description="d", max_transfer_size=4194304, buffer_count=50),
        "/1.bak', DISK",
        "/1.bak' DISK",
    ),
    "verify": (tsql.verify(["/b/v.bak"], position=3), "VERIFYONLY", "VERIFY"),
    "verify without checksums": (tsql.verify(["/b/v.bak"], position=1, checksum=False), "NO_CHECKSUM", "SANS_CHECKSUM"),
    "header": (tsql.header("/b/v.bak"), "HEADERONLY", "HEADER"),
    "label": (tsql.label("/b/v.bak"), "LABELONLY", "LABEL"),
    "file list": (tsql.file_list(["/b/v.bak"], position=2), "FILE = 2", "FILE 2"),
    "restore": (
        tsql.restore("vault", ["/b/v.bak"], position=1, recover=False, replace=True, moves={"v": "/d/v", "l": "/d/l"}),
        "MOVE N'v' TO",
        "MOVE N'v' AT",
    ),
    "restore to a moment": (
        tsql.restore("vault", ["/b/v.bak"], position=2, recover=True, checksum=False, stop_at=STOP),
        "STOPAT =",
        "STOPAT ==",
    ),
    "restore for administrators": (
        tsql.restore("vault", ["/b/v.bak"], position=2, recover=True, restricted=True),
        ", RESTRICTED_USER,",
        ", RESTRICTED_USER",
    ),
    "offline": (tsql.offline("vault"), "WITH ROLLBACK IMMEDIATE", "ROLLBACK IMMEDIATE"),
    "online": (tsql.online("vault"), "SET ONLINE", "SET ON LINE"),
    "user access": (tsql.user_access("vault", "MULTI_USER"), "MULTI_USER", "MANY_USER"),
    "drop": (tsql.drop_database(ODD), "DROP DATABASE", "DROP DATABASES"),
    "check": (tsql.check(ODD), "CHECKDB (", "CHECKDB (("),
    "kill": (tsql.kill(53), "KILL 53", "KILL 53 53"),
    "delete": (tsql.delete_file("/b/v.bak", modern=True), "N'/b", "N/b"),
    "delete before 2019": (tsql.delete_file("/b/v.bak", modern=False), "0, N'", "0 N'"),
    "export a certificate": (
        certificate_tsql.save("c", FILES, "it's"),
        "ENCRYPTION BY",
        "ENCRYPTED BY",
    ),
    "import a certificate": (
        certificate_tsql.take("c", FILES, "it's"),
        "DECRYPTION BY",
        "DECRYPTED BY",
    ),
    "master key": (certificate_tsql.create_master_key("it's"), "BY PASSWORD", "WITH PASSWORD"),
    "make a certificate": (certificate_tsql.create(ODD, now=STOP), "EXPIRY_DATE =", "EXPIRES ="),
    "let open a certificate": (certificate_tsql.let_open(ODD), "WITH PRIVATE KEY", "WITH KEY"),
    "let open the master key": (certificate_tsql.let_open_master_key(), "ADD ENCRYPTION", "ADD"),
    "let save": (certificate_tsql.let_save(ODD, "a]b", has_user=False), "CERTIFICATE::[", "CERTIFICATE:["),
    "let take": (certificate_tsql.let_take("a]b", has_user=True), "GRANT CREATE", "GRANT TO CREATE"),
}


@pytest.mark.parametrize(("statement", "piece", "wrong"), STATEMENTS.values(), ids=STATEMENTS.keys())
def test_a_statement_parses_and_its_broken_twin_does_not(statement: str, piece: str, wrong: str) -> None:
    assert piece in statement
    assert parses(statement)
    assert not parses(statement.replace(piece, wrong))


def test_a_full_says_everything_that_matters() -> None:
    assert FULL == (
        r"BACKUP DATABASE [vault] TO DISK = N'D:\Backup\vault.bak' WITH NOINIT, CHECKSUM, COMPRESSION, "
        "NAME = N'pwsops run 7', DESCRIPTION = N'pwsops run 7', STATS = 1"
    )


def test_a_restore_names_the_set_where_its_files_go_and_what_follows() -> None:
    statement = tsql.restore("vault", ["/b/v.bak"], position=3, recover=False, replace=True, moves={"a": "/d/a.mdf"})
    assert statement == (
        "RESTORE DATABASE [vault] FROM DISK = N'/b/v.bak' WITH FILE = 3, MOVE N'a' TO N'/d/a.mdf', REPLACE, "
        "NORECOVERY, CHECKSUM, STATS = 1"
    )


def test_an_identifier_and_a_literal_double_what_would_end_them() -> None:
    assert tsql.identifier("a]b'") == "[a]]b']"
    assert tsql.literal("a]b'") == "N'a]b'''"


def test_a_name_may_have_128_units_where_a_pair_of_surrogates_counts_twice() -> None:
    assert tsql.identifier("\U0001f5c4" * 64)
    for name in ("", "x" * 129, "\U0001f5c4" * 65):
        with pytest.raises(InvalidInput):
            tsql.identifier(name)


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "folder\\\nname", "folder\\\r\nname"])
def test_what_a_literal_would_lose_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        tsql.literal(text)


def test_a_long_description_is_cut_between_characters() -> None:
    statement = tsql.backup("vault", ["/b"], description="\U0001f5c4" * 200)
    assert f"NAME = N'{chr(0x1F5C4) * 64}'" in statement
    assert f"DESCRIPTION = N'{chr(0x1F5C4) * 127}'" in statement


def test_clauses_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(InvalidInput, match="differential and copy-only"):
        tsql.backup("vault", ["/b"], description="", differential=True, copy_only=True)


@pytest.mark.parametrize("size", [0, -65536, 1000, 8 * 1024 * 1024])
def test_a_transfer_size_that_the_server_refuses_is_refused(size: int) -> None:
    with pytest.raises(InvalidInput, match="transfer size"):
        tsql.backup("vault", ["/b"], description="", max_transfer_size=size)


def test_no_buffers_no_stripes_and_too_many_stripes_are_refused() -> None:
    with pytest.raises(InvalidInput, match="0 buffers"):
        tsql.backup("vault", ["/b"], description="", buffer_count=0)
    for stripes in (0, 65):
        with pytest.raises(InvalidInput, match="files"):
            tsql.backup("vault", ["/b"] * stripes, description="")


@pytest.mark.parametrize("path", ["/b/*.bak", "/b/v?.bak"])
def test_a_wildcard_is_never_deleted(path: str) -> None:
    with pytest.raises(InvalidInput, match="wildcards"):
        tsql.delete_file(path, modern=True)
