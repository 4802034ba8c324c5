"""How many tests of the contract suite each engine passed, for the end of a run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

SUITE = "tests/contract/"
IDS = ("sqlite", "msodbc", "freetds", "server")
OUTCOMES = ("passed", "failed", "error", "skipped")
_PARAMETERS = re.compile(r"\[(.*)\]$")


class Report(Protocol):
    """A test's report, of this process or of a worker's."""

    nodeid: str


def tally(stats: Mapping[str, Iterable[Report]]) -> Iterator[str]:
    """Return a line for each engine that the suite ran on; `stats` are pytest's, by outcome."""
    counts = {outcome: Counter(_engines(stats.get(outcome, ()))) for outcome in OUTCOMES}
    for engine in IDS:
        said = [f"{counts[outcome][engine]} {outcome}" for outcome in OUTCOMES if counts[outcome][engine]]
        if said:
            yield f"contract suite on {engine}: {', '.join(said)}"


def _engines(reports: Iterable[Report]) -> Iterator[str]:
    for report in reports:
        match = _PARAMETERS.search(report.nodeid)
        if match and report.nodeid.startswith(SUITE):
            yield from (part for part in match[1].split("-") if part in IDS)
