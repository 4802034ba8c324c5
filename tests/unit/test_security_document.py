"""The table of roles in docs/security.md is the one in force."""

from __future__ import annotations

from pathlib import Path

from pwsops.rules.rights import ANEW, GRANTS, Right, Role

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"


def test_the_table_of_rights_and_roles_is_the_one_in_force() -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    head = "| right | what for | " + " | ".join(role.value for role in Role) + " |"
    start = lines.index(head) + 2
    told = {row[0]: row[2:] for row in map(cells, lines[start : start + len(Right)])}
    assert told == {right.value: [word(right, role) for role in Role] for right in Right}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def word(right: Right, role: Role) -> str:
    if right not in GRANTS[role]:
        return "–"
    return "anew" if right in ANEW else "yes"
