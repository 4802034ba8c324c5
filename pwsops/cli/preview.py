"""A restore that is only told: its steps, how long they take, what is missing, and what is lost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pwsops.cli import words
from pwsops.cli.output import say, table
from pwsops.rules.moments import write_moment
from pwsops.rules.restore_outlook import lost

if TYPE_CHECKING:
    from pwsops.operations.previews import PreviewStep, RestorePreview


def show(found: RestorePreview, zone: ZoneInfo) -> None:
    """Print it; moments are told in a zone."""
    when = partial(write_moment, zone=zone)
    made = "which is made" if found.creates else f"on {found.instance}"
    say(f"{found.source} as of {when(found.at)} ({zone.key}) goes into {found.database}, {made}.")
    rows = [(str(number), *_row(step)) for number, step in enumerate(found.steps, start=1)]
    table(
        ("Step", "What", "Size", "File", "Missing"), rows, right=("Step", "Size"), wraps=("File", "Missing"), empty=""
    )
    say(f"Time expected: {_expected(found)}")
    for sentence in lost(found.loss, when):
        say(sentence)
    if found.unrecorded:
        say(f"{found.unrecorded} It is restored with --accept-unrecorded alone.")
    say("Nothing was done.")


def _row(step: PreviewStep) -> tuple[str, str, str, str]:
    what = {
        "save": "save what it holds now",
        "check": f"check the {words.kind(step.kind)} from end to end",
        "restore": f"restore the {words.kind(step.kind)}",
    }[step.action]
    place = step.path if step.position == 1 else f"{step.path}, set {step.position}"
    return what, words.size(step.size_bytes), place, step.missing


def _expected(found: RestorePreview) -> str:
    if found.expected.seconds is None:
        return f"not known ({found.expected.because})."
    return f"about {words.duration(found.expected.seconds)} ({found.expected.because})."
