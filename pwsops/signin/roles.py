"""What people may do: `access.toml` of the home, written by its owner with an editor, read again when it changes.

::

    [[person]]
    subject = "ada"              # the name of a user (also "user:ada"), or PROVIDER:CLAIM
    role = "operator"            # viewer, operator, restorer, auditor or administrator
    instances = ["vaults"]       # left out: all

Who is not listed gets no page. ``require_second_factor = true``, before the first ``[[person]]``, is for all who come
in by a password.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pwsops.rules.rights import USER, Role, with_way
from pwsops.signin.private_file import Watched
from pwsops.signin.sessions import Grant

FILE_NAME = "access.toml"
_KEYS = ("subject", "role", "instances")
_REQUIRED = "require_second_factor"


@dataclass(frozen=True, kw_only=True)
class AccessFile:
    """What the file says.

    Parameters
    ----------
    grants
        By subject, in the order of the file, what somebody may do.
    second_factor_required
        Whether all who come in by a password need a second factor.
    """

    grants: Mapping[str, Grant]
    second_factor_required: bool


class Roles:
    """The roles of one home, as of now.

    Parameters
    ----------
    home
        Whose `access.toml` it is. It counts only as a plain file of the home's owner that nobody else may write to.
    before
        Called with what the file says anew, before that counts; raises `Refused` where it must not.
    """

    def __init__(self, home: Path, *, before: Callable[[AccessFile], None] = lambda file: None) -> None:
        self.path = home / FILE_NAME
        self._file = Watched(self.path, _read, before=before)

    def of(self, subject: str) -> Grant | None:
        """Return what somebody may do; None: they are not listed.

        Raises `Refused`, with the reason, where the file cannot be used: what it said before counts no more.
        """
        return self._file.get().grants.get(subject)

    def everybody(self) -> Mapping[str, Grant]:
        """Return what everybody who is listed may do, in the order of the file. Raises `Refused` as `of` does."""
        return self._file.get().grants

    def second_factor_required(self) -> bool:
        """Whether all who come in by a password need a second factor. Raises `Refused` as `of` does."""
        return self._file.get().second_factor_required


def _read(content: bytes | None) -> AccessFile:
    settings = tomllib.loads((content or b"").decode())
    required = settings.pop(_REQUIRED, False)
    if not isinstance(required, bool):
        raise ValueError(f"{_REQUIRED} is true or false")
    unknown = settings.keys() - {"person"}
    people = settings.get("person", [])
    if unknown or not isinstance(people, list):
        others = ", ".join(sorted(unknown)) or "another person"
        raise ValueError(f"it may hold {_REQUIRED} and [[person]] tables alone, not {others}")
    found, taken = dict[str, Grant](), set[str]()
    for number, person in enumerate(people, start=1):
        subject, grant = _person(person, f"person {number}")
        if with_way(USER, subject) in taken:
            raise ValueError(f"{subject!r} is listed twice")
        taken.add(with_way(USER, subject))
        found[subject] = grant
    return AccessFile(grants=found, second_factor_required=required)


def _person(person: Any, which: str) -> tuple[str, Grant]:
    if not isinstance(person, dict) or not person.keys() <= set(_KEYS):
        raise ValueError(f"{which} may have {', '.join(_KEYS)} and nothing else")
    subject, role, instances = (person.get(key) for key in _KEYS)
    if not isinstance(subject, str) or not subject.strip():
        raise ValueError(f"{which} has no subject")
    if role not in list(Role):
        raise ValueError(f"{subject!r} has the role {role!r}; there are {', '.join(Role)}")
    if instances is not None and not (isinstance(instances, list) and all(isinstance(each, str) for each in instances)):
        raise ValueError(f"the instances of {subject!r} are no list of names")
    return subject, Grant(role=Role(role), instances=None if instances is None else frozenset(instances))
