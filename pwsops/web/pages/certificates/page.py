"""The certificates: what backups need to be restored, when it expires, and whether it lies anywhere else."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import partial

from pwsops.errors import PwsopsError
from pwsops.operations.certificate_records import CertificateView
from pwsops.rules.certificates import Purpose
from pwsops.web.live.query import Policy, Query
from pwsops.web.live.session import Action, Session
from pwsops.web.nav import CERTIFICATES
from pwsops.web.pages.certificates.form import (
    APART,
    BRING,
    CREATE,
    EVERY_ONE,
    EXPORT,
    IMPORT,
    PURPOSES,
    CertificateForm,
)
from pwsops.web.pages.certificates.rows import parts, row
from pwsops.web.pages.page import Page
from pwsops.web.ui.formatting import counted
from pwsops.web.ui.markup import Markup

REQUIRED = "required"
"""The state that the address names where only what is needed is listed."""


_Listed = tuple[Sequence[CertificateView], Sequence[str]]
_Looked = Mapping[str, PwsopsError | None]


class Certificates(Page):
    """Lists the certificates, needed or all; imports, makes, exports and removes them."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._piece = Markup(self._act, self._typed)
        self._form: CertificateForm | None = None
        self._listing: Query[_Listed] = Query(session, "Listing the certificates")
        self._looking: Query[_Looked] = Query(session, "Asking the servers", policy=Policy.SERIAL)
        self._round = 0
        self._removing = ""
        self.refresh()

    def refresh(self) -> None:
        """Show the certificates; they are asked for anew when something has changed."""
        if self._session.nav.page != CERTIFICATES:
            return
        self._form = self._drafted()
        self._list()
        if self._keepers:
            self._looking.ask(self._round, self._session.ops.certificates.look)
            self._list()
        self._show()

    @property
    def _views(self) -> Sequence[CertificateView]:
        return () if self._listing.result is None else self._listing.result[0]

    @property
    def _keepers(self) -> Sequence[str]:
        return () if self._listing.result is None else self._listing.result[1]

    def _list(self) -> None:
        # Whether backups are still there is looked for in their directories, which may take its time.
        certificates = self._session.ops.certificates
        version = self._session.ops.changes.version()
        self._listing.ask(self._round, lambda: (certificates.list(), certificates.keepers()), version=version)

    def _unanswered(self) -> Mapping[str, PwsopsError]:
        """Return which servers did not answer; what the others have is remembered, and so listed."""
        looked = self._looking.result or {}
        return {name: error for name, error in looked.items() if error is not None}

    def _drafted(self) -> CertificateForm | None:
        """Return the form that the address asks for, with what was typed into it so far."""
        nav, form = self._session.nav, self._form
        if nav.view not in (IMPORT, CREATE, EXPORT, BRING):
            return None
        same = form is not None and (form.kind, form.about) == (nav.view, nav.q)
        return form if same else CertificateForm(nav.view, nav.q)

    def _show(self) -> None:
        nav, form, views = self._session.nav, self._form, self._views
        required = nav.status == REQUIRED
        shown = [view for view in views if view.needed_by or not required]
        self._piece.show(
            "certificates/certificates.html",
            rows=[row(view) for view in shown if not view.instance],
            parts=parts(shown, self._keepers, self._unanswered()),
            waiting=self._listing.result is None,
            required=required,
            any_held=any(view.held for view in views),
            form=form,
            named=form and self._names(form),
            errors=form.problems() if form and form.pressed else {},
            purposes=PURPOSES,
            removing=self._removing,
            busy=self._task.doing,
            note=self._note,
            problem=self._problem or self._listing.error or self._looking.error,
            zone=self._session.snapshot.zone,
            now=self._session.snapshot.at,
        )

    def _names(self, form: CertificateForm) -> str:
        held = [view for view in self._views if view.held]
        if form.about == EVERY_ONE:
            return counted(len(held), "certificate")
        if form.kind == BRING:
            return form.about
        return next((view.name for view in held if view.thumbprint == form.about), form.about)

    def _typed(self, field: str, key: str, value: str | bool) -> None:
        if self._form is not None and self._form.set(field, value):
            self._problem = None
            self.refresh()

    def _about(self) -> object:
        return self._form

    def _actions(self) -> Mapping[str, Action]:
        return {
            **{kind: partial(self._open, kind) for kind in (IMPORT, CREATE, EXPORT, BRING)},
            "look": self._look,
            "leave-form": lambda _: self._leave(),
            "do-form": self._do_form,
            "remove": self._ask_to_remove,
            "keep": lambda _: self._ask_to_remove(""),
            "remove-now": self._remove,
        }

    def _open(self, kind: str, about: str) -> None:
        self._clear()
        self._session.nav.go(page=CERTIFICATES, view=kind, q=about, status=self._session.nav.status)

    def _look(self, _key: str) -> None:
        self._round += 1
        self.refresh()

    def _ask_to_remove(self, thumbprint: str) -> None:
        self._removing, self._note = thumbprint, ""
        self._show()

    def _remove(self, thumbprint: str) -> None:
        self._removing = ""
        remove = partial(self._session.ops.certificates.remove, thumbprint)
        self._do("Removing the certificate", remove, lambda _, here: self._left("It is removed.", here))

    def _leave(self) -> None:
        self._form, self._problem = None, None
        self._session.nav.go(page=CERTIFICATES, status=self._session.nav.status)
        self._session.attention.focus_on("h1")

    def _left(self, note: str, here: bool) -> str:
        """Leave the form, where it is still the one that something was done with; return what to say of that."""
        if here:
            self._leave()
        return note

    def _do_form(self, _key: str) -> None:
        form = self._form
        if form is None:
            return
        # Fast typists press before the page has been told; so the button waits for nothing, and says it after.
        form.pressed = True
        if self._task.doing or form.problems():
            self._show()
            self._session.attention.focus_on('[aria-invalid="true"]')
            return
        begin = {IMPORT: self._import, CREATE: self._create, EXPORT: self._export, BRING: self._bring}[form.kind]
        begin(form)
        form.forget_passwords()
        self._show()

    def _import(self, form: CertificateForm) -> None:
        work = partial(
            self._session.ops.certificates.import_file,
            form.content,
            form.text["password"],
            name=form.text["name"].strip(),
            purpose=Purpose(form.text["purpose"]),
            source=form.source,
        )
        self._do("Importing", work, lambda views, here: self._left(_imported(views), here))

    def _create(self, form: CertificateForm) -> None:
        work = partial(
            self._session.ops.certificates.create,
            form.text["name"].strip(),
            years=form.years,
            purpose=Purpose(form.text["purpose"]),
        )
        self._do(
            "Making the certificate",
            work,
            lambda made, here: self._left(
                f"{made.name} is made. Export it and keep the copy on another machine.", here
            ),
        )

    def _bring(self, form: CertificateForm) -> None:
        work = partial(
            self._session.ops.certificates.import_to_server,
            form.about,
            certificate_file=form.text["certificate_file"].strip(),
            key_file=form.text["key_file"].strip(),
            password=form.text["password"],
            name=form.text["name"].strip(),
            master_key_password=form.text["master_password"] or None,
        )
        self._do(
            "Importing", work, lambda taken, here: self._left(f"{taken.name} is imported to {taken.instance}.", here)
        )

    def _export(self, form: CertificateForm) -> None:
        held = [view for view in self._views if view.held and form.about in (EVERY_ONE, view.thumbprint)]
        groups = [[view] for view in held] if form.text["as"] == APART else [held]
        password, export = form.text["password"], self._session.ops.certificates.export

        def work() -> list[tuple[str, bytes]]:
            return [
                (
                    group[0].file_name if len(group) == 1 else "certificates.pfx",
                    export([view.thumbprint for view in group], password),
                )
                for group in groups
            ]

        self._do("Exporting", work, self._offered)

    def _offered(self, files: Sequence[tuple[str, bytes]], here: bool) -> str:
        for name, content in files:
            self._session.download.offer(name, io.BytesIO(content))
        note = f"{counted(len(files), 'file')} handed to the browser. Keep the password apart from it."
        return self._left(note, here)


def _imported(views: Sequence[CertificateView]) -> str:
    names = " and ".join(view.name for view in views)
    doubts = [f"{view.name} {doubt}" for view in views for doubt in view.doubts]
    beware = f" Beware: {'; '.join(doubts)}. It opens old backups; none can be encrypted for it." if doubts else ""
    return f"{names} {'is' if len(views) == 1 else 'are'} imported.{beware}"
