"""The process that reads one certificate file of unknown origin. It has no rights left but to answer.

Reads one line of JSON from its standard input, and answers with one: pairs, or why there are none.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm

from pwsops import confinement
from pwsops.certificates import reading
from pwsops.errors import InvalidInput

MEMORY_BYTES = 256 << 20
_KNOWN = "Use a certificate with an RSA or an elliptic-curve key. If it has one, the file is damaged: export it again."


def answer(request: Mapping[str, Any]) -> Mapping[str, object]:
    """Return the pairs of a file, or the error that says why there are none."""
    source = request["source"]
    try:
        pairs = reading.read(b64decode(request["content"]), request["password"], source=source)
        for pair in pairs:
            pair.facts()  # what is told of it later must be readable too
    except InvalidInput as error:
        return {"error": [error.message, error.hint]}
    except UnsupportedAlgorithm:
        return {"error": [f"{source} uses a kind of key or signature that is not known.", _KNOWN]}
    except (ValueError, IndexError, KeyError, TypeError, ArithmeticError, MemoryError) as error:
        return {"error": [f"{source} is damaged ({type(error).__name__}).", "Export it again."]}
    texts = [[b64encode(part).decode() for part in (pair.certificate_der(), pair.key_der())] for pair in pairs]
    return {"pairs": [[*text, pair.name] for text, pair in zip(texts, pairs, strict=True)]}


def main() -> None:
    """Serve one request."""
    request = json.loads(sys.stdin.readline())
    confinement.confine([], [])
    confinement.limit_memory(MEMORY_BYTES)
    sys.stdout.write(json.dumps(answer(request)) + "\n")


if __name__ == "__main__":
    main()
