from __future__ import annotations

import pytest

from pwsops.errors import MediaError
from pwsops.rules.restore_plan import plan_restore
from tests.unit.rules.sets import differential, full


def test_a_full_stands_alone() -> None:
    target = full("a")
    assert plan_restore(target, [full("b"), differential("c", "a")]).sets == (target,)


def test_a_differential_follows_the_very_full_it_names() -> None:
    base, target = full("a"), differential("c", "a", hours=3)
    candidates = [full("newer", hours=2), base, differential("a", None, hours=1), target]
    assert plan_restore(target, candidates).sets == (base, target)


@pytest.mark.parametrize("directory", ["/backups", "D:\\backups"])
def test_of_several_copies_of_the_full_the_one_beside_wins(directory: str) -> None:
    separator = directory[2] if directory[1] == ":" else "/"
    beside = full("a", path=f"{directory}{separator}a.bak")
    elsewhere = full("a", path=f"{directory}{separator}old{separator}a.bak", hours=1)
    target = differential("c", "a", path=f"{directory}{separator}c.bak", hours=3)
    assert plan_restore(target, [elsewhere, beside, elsewhere]).sets == (beside, target)


def test_of_copies_elsewhere_the_newest_wins() -> None:
    copies = [full("a", path=f"/{number}/a.bak", hours=number) for number in (1, 3, 2)]
    assert plan_restore(differential("c", "a"), copies).sets[0] is copies[1]


def test_a_missing_full_is_named_with_what_to_look_for() -> None:
    with pytest.raises(MediaError) as refused:
        plan_restore(differential("c", "a-lost-one"), [full("b")])
    assert "a-lost-one" in refused.value.message
    assert "/backups/c.bak" in refused.value.message
    assert "2026-05-06 12:00:00 UTC" in refused.value.hint
    assert "db" in refused.value.hint


def test_a_differential_that_names_no_full_cannot_be_planned() -> None:
    with pytest.raises(MediaError, match="does not name"):
        plan_restore(differential("c", None), [full("b")])
