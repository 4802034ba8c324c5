"""How certificates are listed: each with the worst that can be said of it, and those of servers apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pwsops.errors import PwsopsError
from pwsops.operations.certificate_records import CertificateView, ServerCertificateView
from pwsops.operations.certificate_views import CLOSED
from pwsops.web.pages.certificates.form import PURPOSES
from pwsops.web.ui.formatting import Mark

_FINE = Mark(tone="ok", icon="check", word="in the store")
_KEPT = Mark(tone="ok", icon="check", word="on the server")
_MISSING = Mark(tone="orange", icon="warning", word="not here")
_CLOSED = Mark(tone="red", icon="cross", word="does not open")
_KEYLESS = Mark(tone="orange", icon="warning", word="no private key")
_EXPIRED = Mark(tone="orange", icon="warning", word="expired")
_SOON = Mark(tone="orange", icon="warning", word="expires soon")
_DOUBTFUL = Mark(tone="orange", icon="warning", word="weak")
_UNSAVED = Mark(tone="orange", icon="warning", word="saved nowhere else")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One certificate, as it is listed."""

    view: CertificateView
    mark: Mark
    about: str
    """What it is, below its name."""
    concerns: Sequence[str]
    files: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Part:
    """The certificates of one server."""

    instance: str
    rows: Sequence[Row]
    seen_at: datetime | None
    error: PwsopsError | None
    """Why it did not answer just now."""


def row(view: CertificateView) -> Row:
    """Return a certificate as it is listed."""
    return Row(
        view=view,
        mark=mark(view),
        about=_about(view),
        concerns=view.concerns if view.needed_by else view.doubts,
        files=view.files if isinstance(view, ServerCertificateView) else (),
    )


def parts(
    views: Sequence[CertificateView], keepers: Sequence[str], errors: Mapping[str, PwsopsError]
) -> Sequence[Part]:
    """Return those of each server that keeps its own, and of each that one should be on."""
    names = sorted({*keepers, *(view.instance for view in views if view.instance)})
    return [_part(name, [view for view in views if view.instance == name], errors.get(name)) for name in names]


def _part(instance: str, views: Sequence[CertificateView], error: PwsopsError | None) -> Part:
    seen = [view.seen_at for view in views if isinstance(view, ServerCertificateView)]
    return Part(instance=instance, rows=[row(view) for view in views], seen_at=max(seen, default=None), error=error)


def _about(view: CertificateView) -> str:
    if view.facts is None:
        return view.subject
    purpose = dict(PURPOSES)[view.purpose.value] if view.purpose else ""
    return f"{view.subject}, {view.facts.key}, for {purpose}"


def mark(view: CertificateView) -> Mark:
    """Return a certificate's state as it is shown: the worst that can be said of it."""
    if isinstance(view, ServerCertificateView):
        return _mark_on_server(view)
    if not view.held:
        return _MISSING
    if CLOSED in view.doubts:
        return _CLOSED
    if view.expired:
        return _EXPIRED
    if view.doubts:
        return _DOUBTFUL
    if view.near_expiry:
        return _SOON
    return _UNSAVED if view.needed_by and view.concerns else _FINE


def _mark_on_server(view: ServerCertificateView) -> Mark:
    if not view.has_private_key:
        return _KEYLESS
    if view.encrypts_backups and view.near_expiry:
        return _EXPIRED if view.doubts else _SOON
    return _UNSAVED if view.needed_by and not view.escrowed else _KEPT
