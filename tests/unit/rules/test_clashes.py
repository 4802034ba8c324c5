"""Which profiles would meet in one file."""

from __future__ import annotations

import pytest

from pwsops.rules.clashes import fixed_names, folded, place, shared


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("", "/bk"), ("", "/bk/"), True),
        (("", "/bk"), ("", "/bk/x/.."), True),
        (("", "/bk"), ("", "/BK"), False),
        (("srv", "/bk"), ("SRV", "/bk"), True),
        (("srv", "/bk"), ("", "/bk"), False),
        (("localhost", "/bk"), ("", "/bk"), True),
        (("srv", "D:\\Backup"), ("srv", "d:/backup/"), True),
        (("srv", "D:\\Backup"), ("other", "D:\\Backup"), False),
        (("srv", "\\\\nas\\bk"), ("other", "//NAS/bk"), True),
    ],
)
def test_one_directory_is_told_by_its_text_and_its_machine(
    one: tuple[str, str], other: tuple[str, str], same: bool
) -> None:
    assert (place(*one) == place(*other)) is same


def test_names_meet_also_where_they_differ_in_case_or_composition_only() -> None:
    ours = fixed_names(["Vault.db", "a.db"], incremental=True)
    assert shared(ours, fixed_names(["vault.DB"], incremental=False)) == ["vault.db_full.bak"]
    assert shared(ours, fixed_names(["b.db"], incremental=True)) == []
    assert len(shared(ours, fixed_names(["a.db"], incremental=True))) == 2
    assert folded("é") == folded("e\u0301")
