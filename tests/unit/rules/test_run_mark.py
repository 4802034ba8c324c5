"""Which run took a backup stands in its description."""

from __future__ import annotations

from pwsops.rules.run_mark import is_ours, run_description, run_of


def test_what_a_run_writes_is_read_back() -> None:
    described = run_description(17, "ab" * 16)
    assert (is_ours(described), run_of(described)) == (True, 17)


def test_what_another_tool_wrote_is_nobodys_run() -> None:
    for described in ("", "nightly", "pwsops run", "a pwsops run 17 (x)", "pwsops run x (y)"):
        assert run_of(described) is None
    assert not is_ours(None)
    assert not is_ours("a pwsops run 17 (x)")
