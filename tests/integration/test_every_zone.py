"""The recurrence in each of the IANA zones, near one of its shifts, compared with the slow oracle of the unit tests."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile

from pwsops.rules.model import Recurrence, Unit
from pwsops.rules.recurrence import occurrences
from tests.unit.rules import oracle
from tests.unit.rules.strategies import ZONES, shift_days


def test_every_zone_near_one_of_its_shifts_agrees_with_the_oracle() -> None:
    chance = random.Random(3)
    shapes = (
        {"unit": Unit.HOUR, "every": 1},
        {"unit": Unit.DAY, "every": 1},
        {"unit": Unit.MINUTE, "every": 30},
    )
    for number, zone in enumerate(ZONES):
        years = chance.sample(range(1885, 2037), 8)
        day = next((near[0] for year in years if (near := shift_days(zone, year))), date(years[0], 3, 1))
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        start = (moment - timedelta(days=5)).replace(hour=chance.randrange(5), minute=30, tzinfo=None)
        recurrence = Recurrence(start=start, timezone=zone, **shapes[number % 3])
        first, last = moment - timedelta(days=1), moment + timedelta(days=2)
        near = takewhile(lambda each, last=last: each.due_at <= last, occurrences(recurrence, start=first))
        found = {each.due_at: each.shifted for each in near}
        assert found == oracle.runs(recurrence, first, last), recurrence
