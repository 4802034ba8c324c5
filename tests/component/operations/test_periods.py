"""The zone of this machine, where nobody names another."""

from __future__ import annotations

import pytest

from pwsops.operations import periods


@pytest.mark.parametrize(
    ("named", "taken"),
    [("Europe/Berlin", "Europe/Berlin"), ("Etc/UTC", "Etc/UTC"), ("local", "UTC"), ("", "UTC"), (None, "UTC")],
)
def test_a_machine_whose_zone_is_not_known_has_utc(
    monkeypatch: pytest.MonkeyPatch, named: str | None, taken: str
) -> None:
    monkeypatch.setattr(periods, "get_localzone_name", lambda: named)
    assert periods.local_zone() == taken
