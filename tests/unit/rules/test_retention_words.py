from __future__ import annotations

import pytest

from pwsops.rules.retention import Policy
from pwsops.rules.retention_words import ALWAYS, EVERYTHING, FULLS, REST, describe
from pwsops.rules.span import parse_span

KEPT = [
    (Policy(within=parse_span("30d")), "Keeps every backup of the last 30 days."),
    (Policy(within=parse_span("1y")), "Keeps every backup of the last year."),
    (Policy(within=parse_span("1y6m2w1h")), "Keeps every backup of the last 1 year, 6 months, 14 days and 1 hour."),
    (Policy(last=1), "Keeps the last backup."),
    (Policy(last=7), "Keeps the last 7 backups."),
    (Policy(daily=14), "Keeps one of each of the last 14 days."),
    (Policy(daily=1), "Keeps one of the last day."),
    (
        Policy(within=parse_span("30d"), monthly=12),
        "Keeps every backup of the last 30 days and one of each of the last 12 months.",
    ),
    (
        Policy(within=parse_span("7d"), last=3, daily=14, weekly=8, monthly=12, yearly=1),
        (
            "Keeps every backup of the last 7 days, the last 3 backups, one of each of the last 14 days, 8 weeks and "
            "12 months, and one of the last year."
        ),
    ),
]


@pytest.mark.parametrize(("policy", "said"), KEPT, ids=lambda value: str(value))
def test_a_policy_says_what_it_keeps_and_that_the_rest_goes(policy: Policy, said: str) -> None:
    assert describe(policy, incremental=False) == f"{said} {ALWAYS} {REST}"


def test_fulls_are_spoken_of_where_incrementals_need_them() -> None:
    assert FULLS in describe(Policy(last=1), incremental=True)
    assert FULLS not in describe(Policy(last=1), incremental=False)


def test_no_rule_keeps_everything() -> None:
    assert describe(Policy(), incremental=True) == EVERYTHING
