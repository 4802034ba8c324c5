"""What is typed to import, make or export certificates, and what is wrong with it. Knows no page."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from typing import NamedTuple

from pwsops.rules.certificates import Purpose

IMPORT, CREATE, EXPORT, BRING = "import", "create", "export", "bring"
"""The parts of the page that are forms; the address names them. The last brings a certificate to a server."""
EVERY_ONE = "all"
"""What an export is of, where it is not of one certificate."""
TOGETHER, APART = "one", "each"
"""How an export of several is written: one file, or a file each."""
PURPOSES = (
    (Purpose.DATABASE.value, "databases and their backups"),
    (Purpose.MASTER_KEY.value, "the master key"),
    (Purpose.DISCOVERY.value, "the discovery service"),
    (Purpose.PASSWORD_RESET.value, "the password reset"),
)
_PASSWORDS = ("password", "again", "master_password")


class Chosen(NamedTuple):
    """A file that somebody chose in the browser; without content where it was larger than any certificate."""

    name: str
    content: bytes


class CertificateForm:
    """One of the forms.

    Attributes
    ----------
    kind
        Which; `about` names what an export is of, or the server that a certificate is brought to.
    text
        Every field by its name, as typed.
    files
        What was chosen to be imported.
    pressed
        Whether it was tried already: before that, an empty field is no mistake.
    """

    def __init__(self, kind: str, about: str = "") -> None:
        self.kind = kind
        self.about = about
        self.text: dict[str, str] = {
            "name": "",
            "purpose": Purpose.DATABASE.value,
            "years": "5",
            "password": "",
            "again": "",
            "as": TOGETHER,
            "certificate_file": "",
            "key_file": "",
            "master_password": "",
        }
        self.files: tuple[Chosen, ...] = ()
        self.pressed = False

    def set(self, field: str, value: str | bool) -> bool:
        """Take what was typed or chosen, and say whether this form has such a field."""
        if field == "files" and isinstance(value, str):
            self.files = _chosen(value)
            return True
        if field not in self.text or not isinstance(value, str):
            return False
        self.text[field] = value
        return True

    def forget_passwords(self) -> None:
        """Let go of the passwords: whatever was to be done with them was begun."""
        self.text |= dict.fromkeys(_PASSWORDS, "")

    @property
    def years(self) -> int:
        """How long a new certificate is valid; 0 where that cannot be read."""
        typed = self.text["years"].strip()
        return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 4 else 0

    @property
    def content(self) -> bytes:
        """What was chosen, put together: a certificate and its key may lie in two files of text."""
        return b"\n".join(file.content for file in self.files)

    @property
    def source(self) -> str:
        """What was chosen, by name."""
        return " and ".join(file.name for file in self.files)

    def problems(self) -> Mapping[str, str]:
        """Return what is wrong, by field."""
        look = {
            IMPORT: self._import_problems,
            CREATE: self._create_problems,
            EXPORT: self._export_problems,
            BRING: self._bring_problems,
        }
        return look[self.kind]()

    def _import_problems(self) -> dict[str, str]:
        if not self.files:
            return {"files": "Choose a .pfx file, or a certificate and its key as PEM."}
        if not all(file.content for file in self.files):
            return {"files": "This is empty, or larger than a certificate can be. Choose another file."}
        return {}

    def _create_problems(self) -> dict[str, str]:
        found = {}
        if not self.text["name"].strip():
            found["name"] = "Give it a name."
        if not 1 <= self.years <= 50:
            found["years"] = "Give a whole number of years, from 1 to 50."
        return found

    def _export_problems(self) -> dict[str, str]:
        if not self.text["password"]:
            return {"password": "Private keys must not lie about unprotected: give a password."}
        if self.text["password"] != self.text["again"]:
            return {"again": "The two passwords differ."}
        return {}

    def _bring_problems(self) -> dict[str, str]:
        files = {"certificate_file": "the certificate (.cer)", "key_file": "its private key (.pvk)"}
        found = {
            field: f"Give the path of {what} on the server."
            for field, what in files.items()
            if not self.text[field].strip()
        }
        return found if self.text["password"] else found | {"password": "Give the password that the key is under."}


def _chosen(text: str) -> tuple[Chosen, ...]:
    """Read what the browser tells of chosen files; nothing where it makes no sense."""
    try:
        return tuple(Chosen(str(part["name"]), b64decode(part["content"], validate=True)) for part in json.loads(text))
    except (ValueError, TypeError, KeyError):
        return ()
