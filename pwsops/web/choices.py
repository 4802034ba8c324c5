"""What a notebook can be asked: its choices as fields, and sections that are made anew when one of them changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import panel as pn
import param

from pwsops.web.cells import Cell
from pwsops.web.live.snapshot import Problem, problem_of
from pwsops.web.panel_compat import CellColumn, served_document
from pwsops.web.ui.figures import paint
from pwsops.web.ui.markup import Markup
from pwsops.web.ui.surroundings import PALETTES, Surroundings
from pwsops.web.ui.theme import DARK, LIGHT

if TYPE_CHECKING:
    from pwsops.operations import Operations

T = TypeVar("T")
_PERIODS = {
    "": "from – to",
    "1": "the last day",
    "7": "the last 7 days",
    "30": "the last 30 days",
    "month": "last month",
}
_LABELS = {
    "since": "From",
    "until": "To, not included",
    "profile": "Profile",
    "instance": "Instance",
    "database": "Database",
}
_LISTED = ("profile", "instance", "database", "change")
"""What is chosen from what there is: `change` is a profile."""
_INSTANTS = ("since", "until", "as_of")
_TIMES = ("change_at",)
_DAY = "2026-03-01"


def instant(text: str, *, otherwise: datetime | None = None) -> datetime | None:
    """Read a parameter: an ISO date or time, in UTC where it has no offset; empty gives `otherwise`."""
    if not text:
        return otherwise
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Field:
    """One choice as its template shows it; `options` are values and words, none where it is typed."""

    name: str
    label: str
    text: str
    options: list[tuple[str, str]]
    error: str


class Choices(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Fields for a notebook's parameters; each is an attribute, with the parameter's value to begin with.

    What is listed counts at once; what is typed counts on Enter, or with the button.

    Parameters
    ----------
    ops
        Whose profiles and instances can be chosen.
    labels
        What the parameters are called that are neither a period, a profile nor an instance.
    parameters
        Their values; those that are numbers stay numbers.
    """

    number = param.Integer(default=0, doc="Grows with each change.")
    problems = param.Dict(default={}, doc="By field, why what was typed is not taken; the value before it stays.")

    def __init__(self, ops: Operations, labels: Mapping[str, str] | None = None, **parameters: Any) -> None:
        super().__init__()
        self._ops = ops
        self._labels = {**_LABELS, **(labels or {})}
        self._values = dict(parameters)
        self._typed = {name: _text(value) for name, value in parameters.items()}
        self._piece = Markup(self._act, self._field)
        self._view = _in_colours(self._piece, Surroundings(lambda _: None, served=served_document() is not None))
        self._show()

    def __panel__(self) -> Any:
        return self._view

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("_values", {})
        if name not in values:
            raise AttributeError(name)
        return values[name]

    def once(self, work: Callable[[], T]) -> Callable[[], T]:
        """Have something worked out once for all sections, and anew when a choice has changed."""
        kept: dict[int, T] = {}

        def answer() -> T:
            if self.number not in kept:
                kept.clear()
                kept[self.number] = work()
            return kept[self.number]

        return answer

    def show(self, make: Callable[[], Any]) -> Section:
        """Return a section of what a function makes, made anew when a choice has changed."""
        return Section(self, make)

    def _field(self, field: str, _key: str, value: str | bool) -> None:
        if field == "period":
            self._typed.update(zip(("since", "until"), _period(str(value), datetime.now(UTC)), strict=True))
        elif field not in self._values:
            return
        else:
            self._typed[field] = str(value)
        if field == "period" or field in _LISTED:
            self._apply()

    def _act(self, action: str, _key: str) -> None:
        if action == "apply":
            self._apply()

    def _apply(self) -> None:
        problems: dict[str, str] = {}
        for name, text in self._typed.items():
            try:
                self._values[name] = _read(name, text.strip(), self._values[name])
            except ValueError:
                problems[name] = _expected_form(name, self._values[name])
        self.problems = problems
        self.number += 1
        self._show()

    def _show(self) -> None:
        periods = list(_PERIODS.items()) if {"since", "until"} <= self._values.keys() else []
        fields = [
            Field(
                name=name,
                label=self._labels.get(name, name),
                text=text,
                options=self._options(name, text),
                error=self.problems.get(name, ""),
            )
            for name, text in self._typed.items()
        ]
        self._piece.show("cells/choices.html", fields=fields, periods=periods)

    def _options(self, name: str, chosen: str) -> list[tuple[str, str]]:
        if name not in _LISTED:
            return []
        profiles = self._ops.profiles.list()
        if name == "instance":
            known = [instance.name for instance in self._ops.instances.list()]
        elif name == "database":
            known = sorted({database for profile in profiles for database in profile.databases})
        else:
            known = sorted({*(profile.name for profile in profiles), *self._ops.history.profiles()})
        names = known if not chosen or chosen in known else [chosen, *known]
        return [("", "all"), *((each, each) for each in names)]


class Section(pn.viewable.Viewer):  # type: ignore[misc]  # panel ships no complete types
    """Shows what a function makes, in our colours. What fails is a message there, never a traceback."""

    def __init__(self, choices: Choices, make: Callable[[], Any]) -> None:
        super().__init__()
        self._make = make
        self._body = pn.Column(sizing_mode="stretch_width", margin=0)
        self._around = Surroundings(lambda _: None, served=served_document() is not None)
        self._view = _in_colours(self._body, self._around)
        self._made: Any = None
        self.refresh()
        choices.param.watch(self.refresh, "number")
        self._around.param.watch(self.refresh, "dark")

    def __panel__(self) -> Any:
        return self._view

    def refresh(self, *_: object) -> None:
        """Make it anew."""
        before = self._made
        try:
            self._made = self._make()
        except Exception as error:  # noqa: BLE001 - a page shows a message, never a traceback
            self._made = _problem_piece(problem_of(error, "Working this out"))
        parts = [] if self._made is None else [pn.panel(self._made, sizing_mode="stretch_width")]
        for part in parts if not isinstance(self._made, Cell) else ():  # a cell paints its own
            for pane in part.select(pn.pane.Bokeh):
                paint(pane.object, DARK if self._around.dark else LIGHT)
        self._body.objects = parts
        if isinstance(before, Cell):
            before.close()


def _in_colours(part: Any, around: Surroundings) -> Any:
    around.styles = {"position": "absolute"}
    return CellColumn(around, part, sizing_mode="stretch_width", margin=0, stylesheets=[PALETTES])


def _problem_piece(found: Problem) -> Markup:
    piece = Markup()
    piece.show("problem.html", message=found.message, hint=found.hint, command="")
    return piece


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _read(name: str, text: str, before: Any) -> Any:
    """Return what was typed as the kind of value that stood there before; raises `ValueError` where it is none."""
    if name in _INSTANTS:
        instant(text)
        return text
    if name in _TIMES:
        return f"{time.fromisoformat(text):%H:%M}"
    return type(before)(text)


def _expected_form(name: str, before: object) -> str:
    if name in _INSTANTS:
        return f"Write a day as {_DAY}, or a time as {_DAY}T08:00."
    if name in _TIMES:
        return "Write a time of day as 02:00."
    return "Write a whole number." if isinstance(before, int) else "Write a number."


def _period(name: str, now: datetime) -> tuple[str, str]:
    """Return the first and the last day of a period, the latter not included; empty: no bound."""
    if name == "month":
        end = now.date().replace(day=1)
        return f"{(end - timedelta(days=1)).replace(day=1)}", f"{end}"
    if name in _PERIODS and name:
        return f"{now.date() - timedelta(days=int(name))}", ""
    return "", ""
