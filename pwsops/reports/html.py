"""Documents of one file: no script, nothing that is fetched, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pyarrow as pa
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pwsops import commands
from pwsops.reports import words
from pwsops.reports.evidence import Evidence
from pwsops.reports.figures import Figures
from pwsops.rules.highlight import INKS, highlight

_BUFFERED = 500
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals.update(words=words, highlight=highlight, inks=INKS)
_templates.filters["commands"] = lambda text: Markup(commands.in_text(str(escape(text))))


def write_runs(
    file: BinaryIO, batches: Iterable[pa.RecordBatch], *, title: str, about: Sequence[str], figures: Figures
) -> None:
    """Write the runs as a document, row after row as they come."""
    _write(file, "runs.html", title=title, about=about, figures=figures, rows=_rows(batches))


def write_restores(file: BinaryIO, batches: Iterable[pa.RecordBatch], *, title: str, about: Sequence[str]) -> None:
    """Write the restores as a document, row after row as they come."""
    _write(file, "restores.html", title=title, about=about, rows=_rows(batches))


def write_evidence(file: BinaryIO, evidence: Evidence, *, title: str, about: Sequence[str]) -> None:
    """Write the evidence as a document to print."""
    _write(file, "evidence.html", title=title, about=about, evidence=evidence)


def _write(file: BinaryIO, template: str, **values: Any) -> None:
    stream = _templates.get_template(template).stream(**values)
    stream.enable_buffering(_BUFFERED)
    stream.dump(file, encoding="utf-8", errors="replace")


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[Any]:
    for batch in batches:
        names = batch.schema.names
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield SimpleNamespace(**dict(zip(names, row, strict=True)))
