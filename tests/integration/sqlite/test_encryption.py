"""Encrypted media: what they hide, what opens them, and that nothing about them can be changed unnoticed."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from pwsops.engines.requests import BackupResult, Encryption, RestoreRequest
from pwsops.engines.sqlite import backup, layout, restore, snapshot, verify
from pwsops.engines.sqlite.media import Media
from pwsops.engines.sqlite.recipient import recipient_of
from pwsops.engines.sqlite.restore import RestoreOrder
from pwsops.errors import BaseUnusable, CertificateNeeded, EngineError, InvalidInput, MediaError
from pwsops.rules.model import BackupSet
from tests.integration.sqlite.support import HOLD, SILENT, Place, elsewhere, is_whole, order, query
from tests.integration.sqlite.test_damage import append, flip, insert, swap_blocks, truncate, zero_a_block
from tests.pairs import pair

ROUNDS = 60
SECRET = os.urandom(300_000)
"""Cannot be compressed, and is long enough to lie in plain media as it is."""
FOR_BACKUPS = Encryption(name="backups", certificate=pair().certificate_der())
THUMBPRINT = pair().facts().thumbprint
KEYS = {THUMBPRINT: b64encode(pair().key_der()).decode()}


def encrypted(place: Place, name: str, *, base: BackupSet | None = None) -> BackupResult:
    return place.take(name, base=base, encryption=FOR_BACKUPS)


def put_secret(place: Place) -> Path:
    path = place.vault(size_mb=3)
    query(path, f"CREATE TABLE secrets AS SELECT x'{SECRET.hex()}' AS secret")
    return path


@pytest.fixture
def chain(place: Place) -> list[BackupSet]:
    """An encrypted full and an encrypted incremental on it, with the key in the store."""
    place.keys[THUMBPRINT] = pair().key_der()
    path = put_secret(place)
    full = encrypted(place, "full.bak").backup_set
    query(path, "UPDATE ciphers SET user = 'later' WHERE id % 7 = 0")
    return [full, encrypted(place, "incremental.bak", base=full).backup_set]


def test_an_encrypted_chain_comes_back_and_names_its_certificate(place: Place, chain: list[BackupSet]) -> None:
    expected = query(place.path(), "SELECT * FROM ciphers")
    for one in chain:
        assert (one.thumbprint, one.details["certificate"]) == (THUMBPRINT, "CN=backups")
        assert place.engine.verify(one).checked_bytes == one.size_bytes
    query(place.path(), "DELETE FROM ciphers")
    place.engine.restore(RestoreRequest(database="db.sqlite3", sets=chain))
    assert query(place.path(), "SELECT * FROM ciphers") == expected
    is_whole(place.path())


def test_nothing_of_the_database_can_be_read_in_the_media(place: Place) -> None:
    put_secret(place)
    plain, hidden = place.take("plain.bak").backup_set, encrypted(place, "hidden.bak").backup_set
    with Media(plain.path) as media:
        hashes = {head.hashes[:32] for _, head in media.frames()}
    content = Path(hidden.path).read_bytes()
    pieces = [SECRET[at : at + 100] for at in range(0, len(SECRET), 1000)]
    readable = Path(plain.path).read_bytes()
    assert [one for one in pieces if one in readable]
    assert not [one for one in pieces if one in content]
    assert not [one for one in hashes if one in content]


def test_two_backups_of_the_same_database_share_no_key(place: Place) -> None:
    place.vault()
    contents = [Path(encrypted(place, name).backup_set.path).read_bytes() for name in ("a.bak", "b.bak")]
    envelopes = [layout.unpack_header(one[: layout.block_bytes(one, layout.MAGICS)]).encryption for one in contents]
    assert envelopes[0] != envelopes[1]
    assert contents[0][-5000:-4000] not in contents[1]


def test_without_the_key_a_file_is_listed_and_names_what_it_needs(place: Place, chain: list[BackupSet]) -> None:
    place.keys.clear()
    before = place.path().read_bytes()
    for one in chain:
        assert place.engine.read_media(one.path) == [one]
        with pytest.raises(CertificateNeeded) as caught:
            place.engine.verify(one)
        for word in (one.path, "CN=backups", THUMBPRINT):
            assert word in caught.value.message
        assert "pwsops certificate import" in caught.value.hint
    with pytest.raises(CertificateNeeded, match=r"full\.bak"):
        place.engine.restore(RestoreRequest(database="db.sqlite3", sets=chain))
    assert place.path().read_bytes() == before


def test_a_full_needs_the_certificate_alone_and_an_incremental_says_that_it_needs_the_key(
    place: Place, chain: list[BackupSet]
) -> None:
    place.keys.clear()
    with pytest.raises(BaseUnusable, match="private key is not in the certificate store"):
        encrypted(place, "two.bak", base=chain[0])
    assert encrypted(place, "two.bak").backup_set.thumbprint == THUMBPRINT
    assert place.left_in_media() == ["full.bak", "incremental.bak", "two.bak"]


def test_a_key_that_cannot_be_had_leads_to_a_full(place: Place, chain: list[BackupSet]) -> None:
    def locked(thumbprint: str) -> bytes:
        raise EngineError("The home's key is gone.", hint="Restore it.")

    place.engine.instance = replace(place.engine.instance, private_keys=locked)
    with pytest.raises(BaseUnusable, match="The home's key is gone"):
        encrypted(place, "two.bak", base=chain[0])


@pytest.mark.parametrize(("first", "second"), [(None, FOR_BACKUPS), (FOR_BACKUPS, None)])
def test_a_chain_may_be_encrypted_in_part(place: Place, first: Encryption | None, second: Encryption | None) -> None:
    place.keys[THUMBPRINT] = pair().key_der()
    path = place.vault()
    full = place.take("full.bak", encryption=first).backup_set
    query(path, "UPDATE ciphers SET user = 'later' WHERE id % 7 = 0")
    incremental = place.take("incremental.bak", base=full, encryption=second).backup_set
    expected = query(path, "SELECT * FROM ciphers")
    query(path, "DELETE FROM ciphers")
    place.engine.restore(RestoreRequest(database="db.sqlite3", sets=[full, incremental]))
    assert query(path, "SELECT * FROM ciphers") == expected


@pytest.mark.parametrize("key", [pair("other").key_der(), pair("elliptic", bits=0).key_der(), b"nonsense"])
def test_another_key_in_its_place_opens_nothing(place: Place, chain: list[BackupSet], key: bytes) -> None:
    place.keys[THUMBPRINT] = key
    with pytest.raises(MediaError, match=r"full\.bak"):
        place.engine.verify(chain[0])


@pytest.mark.parametrize(
    "encryption",
    [
        Encryption(name="elliptic", certificate=pair("elliptic", bits=0).certificate_der()),
        Encryption(name="broken", certificate=b"nonsense"),
    ],
)
def test_a_certificate_that_cannot_encrypt_is_named(place: Place, encryption: Encryption) -> None:
    place.vault()
    with pytest.raises(InvalidInput, match=f"cannot be encrypted for the certificate {encryption.name}"):
        place.take("one.bak", encryption=encryption)
    assert place.left_in_media() == []


def test_a_certificate_of_some_server_is_refused(place: Place) -> None:
    place.vault()
    with pytest.raises(InvalidInput, match="MyServerCert names no certificate of the store"):
        place.take("one.bak", encryption=Encryption(name="MyServerCert"))


def test_a_worker_is_given_keys_through_its_input_alone(
    place: Place, chain: list[BackupSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    popen = subprocess.Popen

    def spy(words: Sequence[str], **more: Any) -> Any:
        started.append(json.dumps([list(words), dict(more.get("env") or {})]))
        return popen(words, **more)

    monkeypatch.setattr("pwsops.engines.sqlite.process.subprocess.Popen", spy)
    place.engine.verify(chain[0])
    [told] = started
    assert KEYS[THUMBPRINT][:40] not in told
    assert KEYS[THUMBPRINT] not in repr(RestoreOrder(database="x", path="x", sets=[], token="", keys=KEYS))
    assert KEYS[THUMBPRINT] not in repr(order(place.path(), place.media, "x.bak", keys=KEYS))


def test_a_copy_that_a_backup_needs_has_no_name_that_could_stay_behind(place: Place) -> None:
    path = put_secret(place)
    hold = "BEGIN; SELECT * FROM ciphers"
    with elsewhere(HOLD, path, hold):
        query(path, "UPDATE ciphers SET user = 'later'")
        copy = place.media / "copy"
        told: list[str] = []
        with snapshot.hold(str(path), str(copy), told.append) as view:
            assert "a copy was made" in told[0]
            assert os.pread(view.fd, 6, 0) == b"SQLite"
            assert list(place.media.iterdir()) == []
        assert encrypted(place, "one.bak").backup_set.thumbprint == THUMBPRINT


@pytest.mark.parametrize("harm", [flip, truncate, swap_blocks, append, zero_a_block, insert])
@pytest.mark.parametrize("index", [0, 1])
def test_any_damage_is_refused_naming_the_file_and_leaving_the_target(
    place: Place, chain: list[BackupSet], harm: Callable[[bytearray, random.Random], None], index: int
) -> None:
    target, path = place.path(), Path(chain[index].path)
    whole, before = path.read_bytes(), target.read_bytes()
    generator = random.Random(f"{harm.__name__} {index}")
    for _ in range(ROUNDS):
        data = bytearray(whole)
        harm(data, generator)
        path.write_bytes(data)
        refused(path, chain, target)
    assert target.read_bytes() == before
    assert place.left_in_vaults() == ["db.sqlite3"]


def refused(path: Path, chain: Sequence[BackupSet], target: Path) -> None:
    keys = {THUMBPRINT: pair().key_der()}
    sets = [(one.path, one.set_id) for one in chain]
    with pytest.raises((MediaError, CertificateNeeded), match=path.name):
        verify.check(str(path), None, SILENT, keys)
    with pytest.raises((MediaError, CertificateNeeded), match=path.name):
        restore.restore(
            RestoreOrder(database=target.name, path=str(target), sets=sets, token=os.urandom(16).hex(), keys=KEYS),
            SILENT,
        )


class Forger:
    """Changes a media file and mends every checksum: whoever knows the format can, and has no key all the same."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        with Media(str(path), {THUMBPRINT: pair().key_der()}) as media:
            self.header, self.trailer = media.header, media.trailer
            spans = [(at, head.head_bytes, head.stored_bytes) for at, head in media.frames()]
        self.frames = [(data[at : at + head], data[at + head : at + head + size]) for at, head, size in spans]

    def write(self, path: Path) -> None:
        header, frames = layout.pack_header(self.header), b""
        heads = b""
        for sequence, (head, payload) in enumerate(self.frames):
            fixed = list(layout.FRAME.unpack_from(head))
            fixed[1], fixed[-1] = sequence, layout.sha256(payload)
            body = layout.FRAME.pack(*fixed) + head[layout.FRAME.size : -32]
            heads += layout.sha256(body)
            frames += body + layout.sha256(body) + payload
        trailer = layout.pack_trailer(
            replace(
                self.trailer,
                frames=len(self.frames),
                frames_bytes=len(frames),
                stored_pages=sum(struct.unpack_from("<I", head, 12)[0] for head, _ in self.frames),
                heads_digest=layout.sha256(heads).hex(),
            )
        )
        path.write_bytes(header + frames + trailer + layout.pack_footer(len(header + frames), header, trailer))


def swap_frames(forger: Forger) -> None:
    forger.frames[0], forger.frames[1] = forger.frames[1], forger.frames[0]


def swap_payloads(forger: Forger) -> None:
    (head, payload), (other, another) = forger.frames[:2]
    forger.frames[:2] = [(head, another), (other, payload)]


def drop_the_last_frame(forger: Forger) -> None:
    del forger.frames[-1]


def repeat_a_frame(forger: Forger) -> None:
    forger.frames.insert(1, forger.frames[0])


def change_a_payload(forger: Forger) -> None:
    head, payload = forger.frames[0]
    forger.frames[0] = (head, bytes([payload[0] ^ 1]) + payload[1:])


def change_hidden_hashes(forger: Forger) -> None:
    head, payload = forger.frames[0]
    at = layout.FRAME.size + 5
    forger.frames[0] = (head[:at] + bytes([head[at] ^ 1]) + head[at + 1 :], payload)


def rename_the_database(forger: Forger) -> None:
    forger.header = replace(forger.header, database="other.sqlite3")


def change_the_time(forger: Forger) -> None:
    forger.trailer = replace(forger.trailer, finished_at="2030-01-01T00:00:00+00:00")


def change_the_wrapped_key(forger: Forger) -> None:
    envelope = forger.header.encryption
    assert envelope is not None
    forger.header = replace(forger.header, encryption=replace(envelope, wrapped_key="00" * 256))


def break_the_seal(forger: Forger) -> None:
    forger.trailer = replace(forger.trailer, seal="not hexadecimal")


@pytest.mark.parametrize(
    "change",
    [
        swap_frames,
        swap_payloads,
        drop_the_last_frame,
        repeat_a_frame,
        change_a_payload,
        change_hidden_hashes,
        rename_the_database,
        change_the_time,
        change_the_wrapped_key,
        break_the_seal,
    ],
)
def test_a_forger_who_mends_every_checksum_is_refused(
    place: Place, chain: list[BackupSet], change: Callable[[Forger], None]
) -> None:
    path, before = Path(chain[0].path), place.path().read_bytes()
    forger = Forger(path)
    assert len(forger.frames) >= 2
    whole = path.read_bytes()
    forger.write(path)
    assert path.read_bytes() == whole  # with nothing changed, he writes the very same file
    change(forger)
    forger.write(path)
    refused(path, chain[:1], place.path())
    assert place.path().read_bytes() == before


def test_a_frame_of_another_file_is_refused(place: Place, chain: list[BackupSet]) -> None:
    other = Path(encrypted(place, "other.bak").backup_set.path)
    mine, theirs = Forger(Path(chain[0].path)), Forger(other)
    mine.frames[0] = theirs.frames[0]
    mine.write(Path(chain[0].path))
    refused(Path(chain[0].path), chain[:1], place.path())


def test_a_header_that_hides_its_encryption_is_refused(place: Place, chain: list[BackupSet]) -> None:
    path = Path(chain[0].path)
    forger = Forger(path)
    forger.header = replace(forger.header, encryption=None)
    forger.write(path)
    with pytest.raises(MediaError, match=r"full\.bak"):
        verify.check(str(path), None, SILENT)


def test_a_kind_of_encryption_that_is_not_known_is_named(place: Place, chain: list[BackupSet]) -> None:
    path = Path(chain[0].path)
    data = path.read_bytes()
    size = layout.block_bytes(data, layout.MAGICS)
    content = asdict(layout.unpack_header(data[:size]))
    content["encryption"] |= {"algorithm": "ROT13", "wrapping": "RSA-OAEP-SHA256"}
    path.write_bytes(layout.pack_block(layout.ENCRYPTED_MAGIC, content) + data[size:])
    with pytest.raises(MediaError, match="encrypted in a way that this version does not know"):
        place.engine.read_media(str(path))


def test_an_attempt_that_starts_over_has_a_key_of_its_own(place: Place) -> None:
    path = place.vault()
    given = order(path, place.media, "x.bak", recipient=asdict(recipient_of(pair().certificate_der())))
    assert backup._new_key(given)[0] != backup._new_key(given)[0]
