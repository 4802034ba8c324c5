"""Reads statements about keys and certificates."""

from __future__ import annotations

from typing import Any

from tests.standin.server.security_statements import (
    BackupCertificate,
    CreateCertificate,
    CreateMasterKey,
    DropCertificate,
    KeyFile,
)
from tests.standin.server.token_stream import Tokens


def read_create_master_key(tokens: Tokens) -> CreateMasterKey:
    """Read what stands behind CREATE MASTER KEY."""
    if tokens.accept("ENCRYPTION", "BY", "PASSWORD"):
        tokens.expect_operator("=")
        tokens.text()
    return CreateMasterKey()


def read_create_certificate(tokens: Tokens) -> CreateCertificate:
    """Read what stands behind CREATE CERTIFICATE."""
    name = tokens.name()
    options: dict[str, Any] = {}
    if tokens.accept("FROM"):
        tokens.expect("FILE")
        tokens.expect_operator("=")
        options["file"] = tokens.text()
        options["key"] = _key_file(tokens)
        return CreateCertificate(certificate=name, **options)
    tokens.expect("WITH")
    words = {"SUBJECT": "subject", "START_DATE": "starts", "EXPIRY_DATE": "expires"}
    while True:
        word = tokens.choose(*words)
        tokens.expect_operator("=")
        options[words[word]] = tokens.text()
        if not tokens.accept_operator(","):
            return CreateCertificate(certificate=name, **options)


def read_backup_certificate(tokens: Tokens) -> BackupCertificate:
    """Read what stands behind BACKUP CERTIFICATE."""
    name = tokens.name()
    tokens.expect("TO", "FILE")
    tokens.expect_operator("=")
    file = tokens.text()
    return BackupCertificate(certificate=name, file=file, key=_key_file(tokens))


def read_drop_certificate(tokens: Tokens) -> DropCertificate:
    """Read what stands behind DROP CERTIFICATE."""
    return DropCertificate(certificate=tokens.name())


def _key_file(tokens: Tokens) -> KeyFile | None:
    if not tokens.accept("WITH", "PRIVATE", "KEY"):
        return None
    options: dict[str, Any] = {}
    tokens.expect_operator("(")
    while True:
        word = tokens.choose("FILE", "ENCRYPTION", "DECRYPTION")
        if word != "FILE":
            tokens.expect("BY", "PASSWORD")
        tokens.expect_operator("=")
        options["file" if word == "FILE" else f"{word.lower()}_password"] = tokens.text()
        if not tokens.accept_operator(","):
            tokens.expect_operator(")")
            return KeyFile(**options)
