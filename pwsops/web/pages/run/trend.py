"""What the last runs of a profile took and wrote, as two small charts, and the same in words.

Only runs of one kind are compared: beside a full, no incremental would be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from pwsops.operations.records import RunMeasure
from pwsops.rules.highlight import highlight
from pwsops.rules.model import BackupKind, RunStatus
from pwsops.web.ui import formatting

HEIGHT = 60
"""Of a chart, in the units of its view; a bar is ten of them wide."""
WIDTH = 10
_LEAST = 1.5


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One run: where its bar stands, how high it is, and what it is drawn as."""

    run_id: int
    x: int
    y: float
    height: float
    look: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One measure of the runs: its name, its bars, and what they show in words."""

    name: str
    bars: Sequence[Bar]
    words: str

    @property
    def width(self) -> int:
        """Of the chart, in the units of its view."""
        return WIDTH * len(self.bars)


def charts(measures: Sequence[RunMeasure], run_id: int) -> list[Chart]:
    """Return a chart of durations and one of sizes; none where there is nothing to compare with."""
    found = (
        _chart("Duration", "took", measures, run_id, lambda measure: measure.duration_s, formatting.duration),
        _chart("Written", "wrote", measures, run_id, lambda measure: measure.size_bytes, formatting.size),
    )
    return [chart for chart in found if chart is not None]


def _chart(
    name: str,
    verb: str,
    measures: Sequence[RunMeasure],
    run_id: int,
    value: Callable[[RunMeasure], float | None],
    as_text: Callable[[float | None], str],
) -> Chart | None:
    known = [number for number in map(value, measures) if number is not None]
    if len(known) < 2:
        return None
    most = max(known) or 1
    bars = [_bar(at, measure, value(measure), most, run_id, as_text) for at, measure in enumerate(measures)]
    return Chart(name=name, bars=bars, words=_words(verb, measures, run_id, value, as_text))


def _bar(
    at: int, measure: RunMeasure, number: float | None, most: float, run_id: int, as_text: Callable[[float | None], str]
) -> Bar:
    height = 0.0 if number is None else round(max(_LEAST, HEIGHT * number / most), 2)
    look = f"tone-{highlight(measure)}" if highlight(measure) else measure.kind.value
    return Bar(
        run_id=measure.run_id,
        x=WIDTH * at,
        y=round(HEIGHT - height, 2),
        height=height,
        look=f"{look} here" if measure.run_id == run_id else look,
        text=f"Run {measure.run_id}, {formatting.kind(measure.kind)}, {measure.status.value}: {as_text(number)}",
    )


def _words(
    verb: str,
    measures: Sequence[RunMeasure],
    run_id: int,
    value: Callable[[RunMeasure], float | None],
    as_text: Callable[[float | None], str],
) -> str:
    """Return how a run compares with those before it that were of its kind and succeeded."""
    here = next((measure for measure in measures if measure.run_id == run_id), None)
    kinds = [here.kind] if here is not None else list(BackupKind)
    numbers = [
        number
        for measure in measures
        if measure.run_id != run_id and measure.kind in kinds and measure.status is RunStatus.SUCCEEDED
        for number in [value(measure)]
        if number is not None
    ]
    now = None if here is None else value(here)
    own = f"This run {verb} {as_text(now)}." if now is not None else ""
    if not numbers:
        return own
    name = f"{formatting.kind(kinds[0])} run" if len(kinds) == 1 else "run"
    counted = name if len(numbers) == 1 else formatting.counted(len(numbers), name)
    usual = f"{counted} before it {verb} {as_text(median(numbers))}"
    least, most = as_text(min(numbers)), as_text(max(numbers))
    if least != most:
        usual += f" at the median, {least} to {most}"
    elif len(numbers) > 1:
        usual += " each"
    return f"{own} The {usual}.".strip()
