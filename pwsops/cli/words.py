"""How values read on a terminal: states with icon, word and colour; times short and local; sizes and durations."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from rich.text import Text

from pwsops.engines.records import DatabaseState
from pwsops.messages import Message
from pwsops.rules import formatting
from pwsops.rules.formatting import NOTHING, counted, duration, kind, kind_of, size
from pwsops.rules.highlight import Tone, tone_of
from pwsops.rules.model import Health, ProfileState, RunStatus
from pwsops.rules.protection import Protection, Verdict

if TYPE_CHECKING:
    from pwsops.operations.certificate_records import CertificateView
    from pwsops.operations.records import CheckState

__all__ = [
    "NOTHING",
    "certificate",
    "check_state",
    "clean",
    "counted",
    "database_state",
    "duration",
    "kind",
    "kind_of",
    "message",
    "moment",
    "next_run",
    "profile_state",
    "run_status",
    "size",
    "verdict",
    "yes_or_no",
]

_TONES = {Tone.ERROR: "red", Tone.WARNING: "dark_orange"}
_RUN = {
    RunStatus.QUEUED: ("◌ queued", "blue"),
    RunStatus.RUNNING: ("▶ running", "blue"),
    RunStatus.SUCCEEDED: ("✔ succeeded", "green"),
    RunStatus.FAILED: ("✖ failed", _TONES[tone_of(RunStatus.FAILED)]),
    RunStatus.CANCELLED: ("■ cancelled", ""),
    RunStatus.MISSED: ("○ missed", _TONES[tone_of(RunStatus.MISSED)]),
    RunStatus.SKIPPED: ("○ skipped", _TONES[tone_of(RunStatus.SKIPPED)]),
}
_PROFILE = {
    ProfileState.ACTIVE: ("● active", "green"),
    ProfileState.INACTIVE: ("○ inactive", ""),
    ProfileState.TRIPPED: ("✖ switched off", "red"),
}
_DATABASE = {
    DatabaseState.ONLINE: ("● online", ""),
    DatabaseState.EMPTY: ("○ empty", ""),
    DatabaseState.UNREADABLE: ("✖ unreadable", "dark_orange"),
    DatabaseState.OFFLINE: ("✖ offline", "dark_orange"),
    DatabaseState.RESTORING: ("✖ restoring", "dark_orange"),
    DatabaseState.SECONDARY: ("○ secondary", ""),
    DatabaseState.SINGLE_USER: ("! single-user", "dark_orange"),
    DatabaseState.RESTRICTED: ("! restricted", "dark_orange"),
    DatabaseState.GONE: ("✖ gone", "dark_orange"),
    DatabaseState.UNKNOWN: ("○ unknown", ""),
}


_PROTECTION = {
    Protection.PROTECTED: ("✔", "green"),
    Protection.NOT_CHECKED: ("○", ""),
    Protection.AT_RISK: ("⚠", "dark_orange"),
    Protection.UNPROTECTED: ("✖", "red"),
}


def clean(text: object) -> str:
    """Return text that cannot steer a terminal: what is not printable is spelled out, line breaks stay."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in str(text))


def message(given: Message) -> str:
    """Return a server's own words, after the numbers that it gave with them."""
    numbers = {"": given.number, "severity ": given.severity, "state ": given.state}
    known = ", ".join(f"{name}{number}" for name, number in numbers.items() if number is not None)
    return f"{known}: {given.text}" if known else given.text


def run_status(status: RunStatus) -> Text:
    """Return a run's state."""
    return Text(*_RUN[status])


def profile_state(state: ProfileState, health: Health, broken: str = "") -> Text:
    """Return a profile's state; orange where its last run was bad, red where it was switched off or cannot run."""
    if broken:
        return Text("✖ cannot run", "red")
    word, colour = _PROFILE[state]
    return Text(word, "dark_orange" if health is Health.ORANGE else colour)


def database_state(state: DatabaseState) -> Text:
    """Return a database's state."""
    return Text(*_DATABASE[state])


def verdict(found: Verdict) -> Text:
    """Return a verdict: green for what is protected alone."""
    if not found.covered:
        return Text("○ in no profile")
    icon, colour = _PROTECTION[found.protection]
    return Text(f"{icon} {found.protection.value}", "red" if found.urgent else colour)


def check_state(state: CheckState, *, required: bool = True) -> Text:
    """Return a check's outcome."""
    from pwsops.operations.records import (
        CheckState,  # not above: with it comes what a call for help should not wait for
    )

    if state is CheckState.OK:
        return Text("✔ fine", "green")
    if state is CheckState.UNKNOWN:
        return Text("? unknown", "dark_orange")
    return Text("✖ amiss", "dark_orange") if required else Text("○ optional")


def certificate(view: CertificateView) -> Text:
    """Return what is to be said of a certificate: what somebody should see to, or that all is well."""
    concerns = view.concerns if view.needed_by else view.doubts
    if not concerns:
        return Text("✔ fine", "green")
    return Text(f"⚠ {'; '.join(concerns)}", "dark_orange")


def moment(instant: datetime | None, zone: tzinfo | None = None) -> str:
    """Return an instant short, in a zone; None is this machine's."""
    return formatting.moment(instant, zone)


def yes_or_no(known: bool | None) -> str:
    """Return an answer; `None` is that nobody knows."""
    return "not known" if known is None else "yes" if known else "no"


def next_run(due_at: datetime | None, now: datetime, *, running: bool) -> str:
    """Return when the next run is due; where that is past and the service is stopped, since when it has been."""
    if due_at is None or running or due_at > now:
        return moment(due_at)
    return f"due since {moment(due_at)}: the service is stopped"
