"""How often a certificate file wants its password hashed: looked at before that is done.

PKCS #12 (RFC 7292), encrypted PKCS #8 keys (RFC 5958, with the schemes of RFC 8018 and RFC 7914) and their PEM declare
it themselves; 2^31 rounds take an hour. What is encrypted inside such a file cannot be seen before: `opening` limits
the time of that.
"""

from __future__ import annotations

from itertools import islice
from math import prod

from pwsops.certificates import archive
from pwsops.errors import InvalidInput

MOST = 5_000_000
"""All parts of a file together: some seconds' work. OpenSSL and Windows write 2,000, careful programs a million."""
_MOST_PARTS = 5_000
_MOST_DEEP = 24
_SALT, _ROUNDS, _CONSTRUCTED = 0x04, 0x02, 0x20


def check(data: bytes, *, source: str) -> None:
    """Raise `InvalidInput` where a file in DER declares more rounds than anybody waits for, or more parts than any has.

    What is no DER is let through: it is not read as such.
    """
    if _rounds(data, source) > MOST:
        raise InvalidInput(
            f"{source} was not opened: it wants its password hashed more than {MOST:,} times, which would keep this "
            "machine busy for long.",
            hint="Look where it comes from; export it again with the usual number of rounds.",
        )


def _rounds(data: bytes, source: str, depth: int = 0) -> int:
    try:
        found = list(islice(archive.elements(data), _MOST_PARTS))
    except (ValueError, IndexError):
        return 0
    if depth == _MOST_DEEP or len(found) == _MOST_PARTS:
        raise InvalidInput(
            f"{source} was not opened: it has more parts, or deeper ones, than any certificate file.",
            hint="Look where it comes from; export it again.",
        )
    inner = (each.content for each in found if each.tag & _CONSTRUCTED or each.tag == _SALT)
    total = sum(_rounds(content, source, depth + 1) for content in inner)
    # Salt and rounds stand side by side: in the parameters of a scheme, and behind the digest of the whole file.
    for at in range(len(found) - 1):
        if (found[at].tag, found[at + 1].tag) == (_SALT, _ROUNDS):
            numbers = [int.from_bytes(each.content, "big") for each in found[at + 1 :] if each.tag == _ROUNDS]
            # Three of them are those of scrypt; two are rounds and the length of the key.
            total += prod(numbers[:3]) if len(numbers) > 2 else numbers[0]
    return total
