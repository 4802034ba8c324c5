from __future__ import annotations

from dataclasses import dataclass

from tests.contract.tally import tally


@dataclass
class Report:
    nodeid: str


def test_each_engine_is_counted_by_outcome_and_other_tests_are_not() -> None:
    def of(test: str) -> Report:
        return Report(f"tests/contract/test_engine_contract.py::{test}")

    stats = {
        "passed": [of("test_a[sqlite]"), of("test_b[sqlite]"), of("test_a[slow-freetds]"), of("test_c")],
        "failed": [of("test_b[freetds]"), Report("tests/unit/test_x.py::test_y[msodbc]")],
        "skipped": [of("test_b[server]")],
    }
    assert list(tally(stats)) == [
        "contract suite on sqlite: 2 passed",
        "contract suite on freetds: 1 passed, 1 failed",
        "contract suite on server: 1 skipped",
    ]
    assert list(tally({})) == []
