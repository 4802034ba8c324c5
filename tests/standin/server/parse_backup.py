"""Reads BACKUP and RESTORE."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.standin.server.messages import refuse
from tests.standin.server.parse_certificate import read_backup_certificate
from tests.standin.server.security_statements import BackupCertificate
from tests.standin.server.statements import Backup, Encryption, Inspect, Restore, Statement
from tests.standin.server.token_stream import Text, Tokens

INSPECTIONS = ("VERIFYONLY", "HEADERONLY", "FILELISTONLY", "LABELONLY")
NUMBERS = ("MAXTRANSFERSIZE", "BUFFERCOUNT", "BLOCKSIZE")
MOST_DEVICES = 64

Options = dict[str, Any]


def read_backup(tokens: Tokens) -> Backup | BackupCertificate:
    """Read what stands behind BACKUP."""
    if tokens.accept("CERTIFICATE"):
        return read_backup_certificate(tokens)
    log = tokens.choose("DATABASE", "LOG", "TRANSACTION", "TRAN") != "DATABASE"
    database = tokens.database()
    tokens.expect("TO")
    devices = _devices(tokens)
    options = _options(tokens, _backup_option)
    numbers = {name: options.pop(name) for name in NUMBERS if name in options}
    backup = Backup(database=database, log=log, devices=devices, numbers=numbers, **options)
    _check(backup)
    return backup


def _check(backup: Backup) -> None:
    if backup.differential and backup.copy_only:
        raise refuse(3031, "DIFFERENTIAL", "COPY_ONLY")
    if backup.log and backup.differential:
        raise refuse(3031, "DIFFERENTIAL", "LOG")


def read_restore(tokens: Tokens) -> Statement:
    """Read what stands behind RESTORE."""
    what = tokens.choose("DATABASE", "LOG", "TRANSACTION", *INSPECTIONS)
    if what in INSPECTIONS:
        tokens.expect("FROM")
        devices = _devices(tokens)
        options = _options(tokens, _restore_option)
        kept = {name: options[name] for name in ("file", "checksum", "stats") if name in options}
        return Inspect(what=what, devices=devices, **kept)
    database = tokens.database()
    devices = _devices(tokens) if tokens.accept("FROM") else ()
    return Restore(database=database, log=what != "DATABASE", devices=devices, **_options(tokens, _restore_option))


def _devices(tokens: Tokens) -> tuple[Text, ...]:
    devices = [_device(tokens)]
    while tokens.accept_operator(","):
        devices.append(_device(tokens))
    if len(devices) > MOST_DEVICES:
        raise refuse(3205, MOST_DEVICES)
    return tuple(devices)


def _device(tokens: Tokens) -> Text:
    tokens.choose("DISK")
    tokens.expect_operator("=")
    return tokens.text()


def _options(tokens: Tokens, read: Callable[[Tokens, Options], None]) -> Options:
    options: Options = {}
    if tokens.accept("WITH"):
        read(tokens, options)
        while tokens.accept_operator(","):
            read(tokens, options)
    return options


def _backup_option(tokens: Tokens, options: Options) -> None:
    word = tokens.peek().word
    if not _flag(tokens, options):
        _valued(tokens, options, word)


FLAGS: dict[str, tuple[str, object]] = {
    "DIFFERENTIAL": ("differential", True),
    "COPY_ONLY": ("copy_only", True),
    "CHECKSUM": ("checksum", True),
    "NO_CHECKSUM": ("checksum", False),
    "NO_COMPRESSION": ("compression", False),
    "INIT": ("init", True),
    "NOINIT": ("init", False),
    "FORMAT": ("format", True),
    "NOFORMAT": ("format", False),
    "SKIP": ("skip", True),
    "NOSKIP": ("skip", False),
    "NORECOVERY": ("no_recovery", True),
    "NO_TRUNCATE": ("no_truncate", True),
    "CONTINUE_AFTER_ERROR": ("continue_after_error", True),
}
TEXTS = {
    "NAME": "name",
    "DESCRIPTION": "description",
    "MEDIANAME": "media_name",
    "MEDIADESCRIPTION": "media_description",
}
IGNORED = ("STOP_ON_ERROR", "REWIND", "NOREWIND", "UNLOAD", "NOUNLOAD")


def _flag(tokens: Tokens, options: Options) -> bool:
    word = tokens.peek().word
    if word in FLAGS:
        name, value = FLAGS[word]
        options[name] = value
    elif word not in IGNORED:
        return False
    tokens.next()
    return True


def _valued(tokens: Tokens, options: Options, word: str) -> None:
    tokens.choose("COMPRESSION", "ENCRYPTION", "STATS", *TEXTS, "RETAINDAYS", *NUMBERS)
    if word == "COMPRESSION":
        options["compression"] = True
        if tokens.accept_operator("("):
            tokens.expect("ALGORITHM")
            tokens.expect_operator("=")
            tokens.choose("MS_XPRESS", "QAT_DEFLATE", "ZSTD")
            tokens.expect_operator(")")
    elif word == "ENCRYPTION":
        options["encryption"] = _encryption(tokens)
    elif word == "STATS":
        options["stats"] = _stats(tokens)
    else:
        tokens.expect_operator("=")
        if word in TEXTS:
            options[TEXTS[word]] = tokens.text()
        else:
            options["retain_days" if word == "RETAINDAYS" else word] = tokens.integer()


def _stats(tokens: Tokens) -> int:
    return tokens.integer() if tokens.accept_operator("=") else 10


def _encryption(tokens: Tokens) -> Encryption:
    tokens.expect_operator("(")
    tokens.expect("ALGORITHM")
    tokens.expect_operator("=")
    algorithm = tokens.choose("AES_128", "AES_192", "AES_256", "TRIPLE_DES_3KEY")
    tokens.expect_operator(",")
    tokens.expect("SERVER", "CERTIFICATE")
    tokens.expect_operator("=")
    certificate = tokens.name()
    tokens.expect_operator(")")
    return Encryption(algorithm=algorithm, certificate=certificate)


RESTORE_FLAGS: dict[str, tuple[str, object]] = {
    "RESTRICTED_USER": ("restricted", True),
    "REPLACE": ("replace", True),
    "CHECKSUM": ("checksum", True),
    "NO_CHECKSUM": ("checksum", False),
    "CONTINUE_AFTER_ERROR": ("continue_after_error", True),
    "NORECOVERY": ("recovery", "NORECOVERY"),
    "RECOVERY": ("recovery", "RECOVERY"),
}


def _restore_option(tokens: Tokens, options: Options) -> None:
    word = tokens.peek().word
    if word in RESTORE_FLAGS:
        name, value = RESTORE_FLAGS[word]
        options[name] = value
        tokens.next()
    elif word in (*IGNORED, "RESTART", "LOADHISTORY"):
        tokens.next()
    elif tokens.accept("MOVE"):
        logical = tokens.text()
        tokens.expect("TO")
        options["moves"] = (*options.get("moves", ()), (logical, tokens.text()))
    elif tokens.accept("STATS"):
        options["stats"] = _stats(tokens)
    else:
        word = tokens.choose("FILE", "STOPAT", *NUMBERS)
        tokens.expect_operator("=")
        if word == "FILE":
            options["file"] = tokens.integer()
        elif word == "STOPAT":
            options["stop_at"] = tokens.text()
        else:
            tokens.integer()
