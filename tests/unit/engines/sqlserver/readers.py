"""How a connection string is read: by unixODBC's driver manager, by FreeTDS, and by Microsoft's driver.

The first two are written after their C sources, step by step; the third after [MS-ODBCSTR].
"""

from __future__ import annotations

Pairs = list[tuple[str, str]]
_SPACE = " \t\n\v\f\r"


def unixodbc(text: str) -> Pairs:
    """`__get_attr` in DriverManager/SQLConnect.c of 2.3.11, on the bytes that `unicode_to_ansi_alloc` leaves of it."""
    units = text.encode("utf-16-le", "surrogatepass")
    string = bytes(units[::2]).decode("latin-1").partition("\0")[0]
    found, at = [], 0
    while True:
        while string[at : at + 1] and string[at] in _SPACE + ";":
            at += 1
        equals = string.find("=", at)
        if equals < 0:
            return found
        keyword, at = string[at:equals], equals + 1
        if string[at : at + 1] == "{":
            at += 1
            value = ""
            while at < len(string) and (string[at] != "}" or string[at + 1 : at + 2] == "}"):
                value += string[at]
                at += 2 if string[at] == "}" else 1
            at += 1
        else:
            end = string.find(";", at)
            end = len(string) if end < 0 else end
            value, at = string[at:end], end
        found.append((keyword.upper(), value))


def freetds(text: str) -> Pairs:
    """`odbc_parse_connect_string` in src/odbc/connectparams.c of 1.3."""
    found, at = [], 0
    while at < len(text):
        while text[at : at + 1] == ";":
            at += 1
        equals = text.find("=", at)
        if equals < 0:
            return found
        keyword, at = text[at:equals].strip(" "), equals + 1
        if text[at : at + 1] == "{":
            at += 1
            end = text.find("};", at)
        else:
            end = text.find(";", at)
        end = len(text) if end < 0 else end
        found.append((keyword.upper(), text[at:end]))
        at = end + (2 if text[end : end + 1] == "}" else 1)
    return found


def microsoft(text: str) -> Pairs:
    """[MS-ODBCSTR] 2.1: a value in braces ends at a brace that is not doubled, any other at a semicolon."""
    found, at = [], 0
    while at < len(text):
        equals = text.index("=", at)
        keyword, at = text[at:equals], equals + 1
        if text[at] == "{":
            at += 1
            value = ""
            while text[at] != "}" or text[at + 1 : at + 2] == "}":
                value += text[at]
                at += 2 if text[at] == "}" else 1
            at += 1
            assert text[at] == ";", "something stands behind a value"
        else:
            end = text.index(";", at)
            value, at = text[at:end], end
            assert not set(value) & set("[]{}(),;?*=!@"), "a value with these has to be in braces"
        found.append((keyword.upper(), value))
        at += 1
    return found
