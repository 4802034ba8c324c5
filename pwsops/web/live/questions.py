"""What is asked before something is broken off, on whichever page the button for it stands."""

from __future__ import annotations

from dataclasses import dataclass

from pwsops.rules.rights import Right

SERVICE_STOP, CANCEL = "service-stop", "cancel"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is to be done once somebody says so: the action and its key, and the words for it.

    `right`: what it needs; who has not got it is refused at once. `everywhere`: it concerns all instances.
    """

    action: str
    key: str
    title: str
    text: str
    yes: str
    no: str
    right: Right = Right.STOP
    everywhere: bool = False


def about(action: str, key: str) -> Question | None:
    """Return what to ask before an action; None: it is done at once."""
    if action == SERVICE_STOP:
        return Question(
            action=action,
            key=key,
            title="Stop the backup service?",
            text="Until it is started again nothing runs by schedule, and nothing can be started. "
            "Runs that have begun go on to their end.",
            yes="Stop the service",
            no="Keep it running",
            everywhere=True,
        )
    if action == CANCEL and key.isascii() and key.isdecimal():
        return Question(
            action=action,
            key=key,
            title=f"Cancel run {key}?",
            text="The databases that it has not finished get no backup from it. Earlier backups stay as they are.",
            yes="Cancel the run",
            no="Let it go on",
            right=Right.RUN,
        )
    return None
