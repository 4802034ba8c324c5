"""From events to tokens: what a statement's reply looks like."""

from __future__ import annotations

from collections.abc import Sequence

from tests.standin.events import Column, Columns, Cut, DatabaseChanged, Done, Event, Row, Said
from tests.standin.wire import tokens
from tests.standin.wire.settings import Settings, Shape
from tests.standin.wire.tokens import LOWEST_ERROR, Status


class Reply:
    """Writes the tokens of one batch, or of one call of a procedure.

    The DONE of a batch's statement says whether more follows; so it is held back until that is known. In a procedure
    something always follows, at least the procedure's own end.

    Parameters
    ----------
    settings
        For the shape of messages and the server's name.
    in_procedure
        Whether the statements run in a procedure (`sp_executesql` and its kin).
    in_transaction
        Whether a transaction is open.
    """

    def __init__(self, settings: Settings, *, in_procedure: bool, in_transaction: bool) -> None:
        self._settings = settings
        self._token = tokens.DONEINPROC if in_procedure else tokens.DONE
        self._base = Status.IN_TRANSACTION if in_transaction else Status.FINAL
        self._in_procedure = in_procedure
        self._columns: Sequence[Column] = ()
        self._held: tuple[Status, int | None, int] | None = None
        self._selected = False
        self.failed = False
        """Whether an error was said."""

    def take(self, event: Event) -> bytes:
        """Write what follows from an event; may be nothing for now."""
        before = self._released(Status.MORE)
        match event:
            case Row():
                return before + tokens.row(self._columns, event.values)
            case Said():
                return before + self._message(event)
            case Columns():
                self._columns, self._selected = event.columns, True
                return before + tokens.columns(event.columns)
            case Done():
                return before + self._done(event)
            case DatabaseChanged():
                return before + tokens.database(event.name, event.before)
            case Cut():
                return before

    def end(self) -> bytes:
        """Write the end of a batch."""
        status = Status.ERROR if self.failed else Status.FINAL
        return self._released(Status.FINAL) or tokens.done(self._base | status)

    def end_procedure(self, *outputs: bytes, more: bool = False) -> bytes:
        """Write the end of a procedure: its status, its output parameters, its DONEPROC."""
        status = self._base | (Status.MORE if more else Status.FINAL) | (Status.ERROR if self.failed else Status.FINAL)
        last = tokens.done(status, token=tokens.DONEPROC)
        return b"".join((tokens.return_status(1 if self.failed else 0), *outputs, last))

    def _message(self, message: Said) -> bytes:
        written = tokens.said(message, self._settings.server_name)
        if message.severity >= LOWEST_ERROR:
            self.failed = True
        elif self._settings.shape is Shape.DONE_MORE:
            written += tokens.done(self._base | Status.MORE, token=self._token)
        return written

    def _done(self, event: Done) -> bytes:
        status = self._base | (Status.ERROR if event.failed else Status.FINAL)
        self._held = (status, event.rows, tokens.SELECT if self._selected else 0)
        self._selected = False
        return self._released(Status.MORE) if self._in_procedure else b""

    def _released(self, more: Status) -> bytes:
        if self._held is None:
            return b""
        (status, rows, command), self._held = self._held, None
        return tokens.done(status | more, rows=rows, token=self._token, command=command)
