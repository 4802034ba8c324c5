"""The file of what a home says: whatever is wrong with it is found before its content is used."""

from __future__ import annotations

import pytest

from pwsops.engines.sqlite import layout, statement_file, stating
from pwsops.engines.sqlite.recipient import recipient_of
from pwsops.errors import CertificateNeeded, MediaError
from tests.pairs import pair

OWN = {"home_id": "h", "profile_id": 1, "recipient": None}


def test_it_gives_back_what_was_put_in() -> None:
    assert statement_file.unpack(statement_file.pack(b"{}", **OWN)) == b"{}"


def test_an_encrypted_one_opens_with_its_key_alone() -> None:
    recipient = recipient_of(pair().certificate_der())
    whole = statement_file.pack(b"{}", home_id="h", profile_id=1, recipient=recipient)
    assert statement_file.unpack(whole, pair().key_der()) == b"{}"
    with pytest.raises(ValueError, match="not at hand"):
        statement_file.unpack(whole)
    changed = layout.pack_block(statement_file.MAGIC, {**_head(whole), "profile_id": 2})
    rest = whole[len(statement_file.head_of(whole).block) : -layout.DIGEST_BYTES]
    with pytest.raises(ValueError, match="authentication fails"):
        statement_file.unpack(changed + rest + layout.sha256(changed, rest), pair().key_der())


def _head(whole: bytes) -> dict[str, object]:
    return layout.unpack_block((statement_file.MAGIC,), statement_file.head_of(whole).block)


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ({"home_id": "h"}, "lacks something"),
        ({"home_id": 7, "profile_id": 1, "content_bytes": 1}, "not as ours are"),
        ({"home_id": "h", "profile_id": True, "content_bytes": 1}, "not as ours are"),
        ({"home_id": "h", "profile_id": 1, "content_bytes": 0}, "declares 0 bytes"),
        ({"home_id": "h", "profile_id": 1, "content_bytes": 1 << 25}, "none of ours has more"),
        ({"home_id": "h", "profile_id": 1, "content_bytes": 1, "encryption": {"subject": 1}}, "not as ours are"),
        ({"home_id": "h", "profile_id": 1, "content_bytes": 1, "encryption": {"subject": "x"}}, "lacks something"),
    ],
)
def test_a_head_that_is_none_of_ours_is_refused(head: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        statement_file.head_of(layout.pack_block(statement_file.MAGIC, head))


def test_what_is_no_compressed_content_or_cut_short_is_refused() -> None:
    whole = statement_file.pack(b"{}", **OWN)
    block = statement_file.head_of(whole).block
    with pytest.raises(ValueError, match="decompress"):
        statement_file.unpack(block + b"x" * 40 + layout.sha256(block, b"x" * 40))
    with pytest.raises(ValueError, match="cut short"):
        statement_file.head_of(block[:-1])
    with pytest.raises(ValueError, match="checksum"):
        statement_file.unpack(whole[:-1])


def test_a_statement_that_is_too_long_is_not_written_and_that_is_said(tmp_path: object) -> None:
    given = {**OWN, "directory": str(tmp_path), "content": "x" * (statement_file.CONTENT_LIMIT + 1), "token": "t"}
    assert "was not saved" in stating.save(given)


def test_a_file_that_cannot_be_read_or_opened_says_why(tmp_path: object) -> None:
    with pytest.raises(MediaError, match="cannot be read"):
        stating.read(f"{tmp_path}/none.pwsops", {})
    recipient = recipient_of(pair().certificate_der())
    path = f"{tmp_path}/one.pwsops"
    with open(path, "wb") as stream:
        stream.write(statement_file.pack(b"{}", home_id="h", profile_id=1, recipient=recipient))
    with pytest.raises(CertificateNeeded):
        stating.read(path, {})
    assert stating.read(path, {pair().facts().thumbprint: pair().key_der()}) == "{}"
