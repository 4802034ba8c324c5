"""Values of a connection string, so that no value can become a keyword, whoever reads the string.

Two read it, and each by rules of its own:

- unixODBC's driver manager (``__get_attr`` of its DriverManager/SQLConnect.c, 2.3.11) looks for ``DRIVER``. It keeps
  the low byte of each UTF-16 unit only, so that ``\u017d`` is a closing brace to it. A value in braces ends at a brace
  that is not doubled, any other at a semicolon; spaces and semicolons may follow.
- The driver. Microsoft's halves doubled braces as well ([MS-ODBCSTR] 2.1.2); FreeTDS (``odbc_parse_connect_string`` of
  its src/odbc/connectparams.c) ends a value in braces at ``};`` alone and halves nothing.
"""

from __future__ import annotations

from enum import Enum

_ODD_TO_MICROSOFT = frozenset("[]{}(),;?*=!@")
"""What an unbraced value must not have ([MS-ODBCSTR] 2.1.1)."""


class Reader(Enum):
    """By whose rules a driver reads values."""

    MICROSOFT = "microsoft"
    FREETDS = "freetds"
    UNKNOWN = "unknown"
    """Nobody knows: only what means the same by all rules is said."""


def quoted(value: str, reader: Reader) -> str | None:
    """Return a value as it stands in a connection string; None where both cannot be made to read the same."""
    if "\0" in value:
        return None
    seen = to_driver_manager(value)
    only_real_braces = seen.count("}") == value.count("}")
    if only_real_braces and (reader is Reader.MICROSOFT or "}" not in value):
        return "{" + value.replace("}", "}}") + "}"
    plain = bool(value) and value == value.strip() and ";" not in seen and not seen.startswith(("{", " "))
    if plain and (reader is Reader.FREETDS or not _ODD_TO_MICROSOFT & set(value)):
        return value
    return None


def to_driver_manager(text: str) -> str:
    """Return what unixODBC's driver manager reads of a text: the low byte of each UTF-16 unit."""
    return text.encode("utf-16-le", "surrogatepass")[::2].decode("latin-1")
