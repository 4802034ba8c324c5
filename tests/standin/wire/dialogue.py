"""What a connection's requests mean to the session behind it. Runs in the session's own thread."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.standin.events import Columns, Cut, Done, Event, Row, Said, Session, Value
from tests.standin.wire import rpc, system, tokens
from tests.standin.wire.outbox import Outbox
from tests.standin.wire.packets import Kind, Message
from tests.standin.wire.parameters import Parameter
from tests.standin.wire.reply import Reply
from tests.standin.wire.settings import Settings
from tests.standin.wire.transaction import ROLLBACK, STATEMENTS, Request, Transaction, read_requests

BROKEN = 50000
FATAL = 20


class CutOff(Exception):
    """The connection is to be cut here."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A prepared statement: its text and the names of its parameters."""

    statement: str
    names: Sequence[str]


class Dialogue:
    """Answers one request after the other.

    Parameters
    ----------
    session
        Does the statements.
    settings
        How replies look.
    report
        Is told of what breaks in the session, which is a mistake in a test or in the stand-in.
    """

    def __init__(self, session: Session, settings: Settings, report: Callable[[Exception], None]) -> None:
        self._session = session
        self._settings = settings
        self._report = report
        self._transaction = Transaction()
        self._prepared: dict[int, Prepared] = {}
        self._handles = itertools.count(1)

    def answer(self, request: Message, outbox: Outbox, cancelled: threading.Event) -> None:
        """Do what is asked for and put the whole reply out."""
        try:
            if request.resets:
                outbox.put(self._reset(cancelled))
            self._answer(request, outbox, cancelled)
        except CutOff:
            outbox.cut()
        except Exception as error:  # noqa: BLE001  # whatever it is, the test has to hear of it and the client must not hang
            self._report(error)
            said = Said(number=BROKEN, severity=FATAL, text=f"The stand-in broke: {error!r}")
            outbox.put(tokens.said(said, self._settings.server_name) + tokens.done(tokens.Status.ERROR), last=True)

    def _answer(self, request: Message, outbox: Outbox, cancelled: threading.Event) -> None:
        match request.kind:
            case Kind.BATCH:
                text = rpc.skip_headers(request.body).rest().decode("utf-16-le", "surrogatepass")
                reply = self._reply(in_procedure=False)
                self._run(text, {}, _Sink(reply, outbox, cancelled))
                outbox.put(reply.end(), last=True)
            case Kind.RPC:
                calls = list(rpc.read_calls(request.body))
                for call in calls:
                    self._call(call, _Sink(self._reply(in_procedure=True), outbox, cancelled), last=call is calls[-1])
            case Kind.TRANSACTION:
                requests = read_requests(rpc.skip_headers(request.body))
                self._change_transaction(requests, _Sink(self._reply(), outbox, cancelled))
            case _:
                raise NotImplementedError(f"a request of kind {request.kind}")

    def _call(self, call: rpc.Call, sink: _Sink, *, last: bool) -> None:
        outputs = []
        parameters = call.parameters
        match call.procedure.lower():
            case "sp_executesql":
                self._execute(_prepared(parameters[0], parameters[1:2]), parameters[2:], sink)
            case "sp_prepexec":
                prepared = _prepared(parameters[2], parameters[1:2])
                handle = self._keep(prepared, replaces=parameters[0])
                self._execute(prepared, parameters[3:], sink)
                outputs = [tokens.handle(parameters[0].name, 0, handle)]
            case "sp_prepexecrpc":
                prepared = _prepared_call(str(parameters[1].value), parameters[2:])
                handle = self._keep(prepared, replaces=parameters[0])
                self._execute(prepared, parameters[2:], sink)
                outputs = [tokens.handle(parameters[0].name, 0, handle)]
            case "sp_prepare":
                handle = self._keep(_prepared(parameters[2], parameters[1:2]), replaces=parameters[0])
                outputs = [tokens.handle(parameters[0].name, 0, handle)]
            case "sp_execute":
                self._execute_kept(parameters[0], parameters[1:], sink)
            case "sp_unprepare":
                self._prepared.pop(_handle(parameters[0]), None)
            case _:
                self._procedure(call, sink)
        sink.finish(sink.reply.end_procedure(*outputs, more=not last), last=last)

    def _execute_kept(self, handle: Parameter, values: Sequence[Parameter], sink: _Sink) -> None:
        prepared = self._prepared.get(_handle(handle))
        if prepared is None:
            sink.take(
                Said(number=8179, severity=16, text=f"Could not find prepared statement with handle {handle.value!r}.")
            )
        else:
            self._execute(prepared, values, sink)

    def _procedure(self, call: rpc.Call, sink: _Sink) -> None:
        events = system.answer(call.procedure, call.parameters)
        if events is not None:
            sink.take_all(events)
            return
        self._execute(_prepared_call(call.procedure, call.parameters), call.parameters, sink)

    def _execute(self, prepared: Prepared, values: Sequence[Parameter], sink: _Sink) -> None:
        named = {
            value.name or name: value.value
            for name, value in itertools.zip_longest(prepared.names, values[: len(prepared.names)])
            if value is not None
        }
        self._run(prepared.statement, named, sink)

    def _run(self, text: str, parameters: Mapping[str, Value], sink: _Sink) -> None:
        sink.take_all(system.answer_batch(text) or self._session.run(text, parameters, sink.cancelled))

    def _change_transaction(self, requests: Sequence[Request], sink: _Sink) -> None:
        for request in requests:
            self._silently(STATEMENTS[request], sink)
            if not sink.reply.failed:
                sink.put(self._transaction.changed(request))
        sink.finish(sink.reply.end(), last=True)

    def _silently(self, statement: str, sink: _Sink) -> None:
        """Do a statement that the client has not written: it hears of errors, not of results."""
        for event in self._session.run(statement, {}, sink.cancelled):
            if not isinstance(event, (Columns, Row, Done)):
                sink.take(event)

    def _reset(self, cancelled: threading.Event) -> bytes:
        undone = b""
        if self._transaction.open:
            list(self._session.run(ROLLBACK, {}, cancelled))
            undone = self._transaction.changed(Request.ROLLBACK)
        self._prepared.clear()
        return undone + tokens.was_reset()

    def _keep(self, prepared: Prepared, *, replaces: Parameter) -> int:
        if replaces.value is not None:
            self._prepared.pop(_handle(replaces), None)
        handle = next(self._handles)
        self._prepared[handle] = prepared
        return handle

    def _reply(self, *, in_procedure: bool = False) -> Reply:
        return Reply(self._settings, in_procedure=in_procedure, in_transaction=self._transaction.open)


class _Sink:
    """Where the events of one statement go."""

    def __init__(self, reply: Reply, outbox: Outbox, cancelled: threading.Event) -> None:
        self.reply = reply
        self.cancelled = cancelled
        self._outbox = outbox

    def take_all(self, events: Iterable[Event]) -> None:
        """Pass on what comes; after a cancel only the errors that say so, and the end."""
        for event in events:
            self.take(event)
            if self.cancelled.is_set() and not isinstance(event, Said):
                break

    def take(self, event: Event) -> None:
        self.put(self.reply.take(event))
        if isinstance(event, Cut):
            raise CutOff

    def put(self, data: bytes) -> None:
        self._outbox.put(data)

    def finish(self, data: bytes, *, last: bool) -> None:
        self._outbox.put(data, last=last)


def _prepared(statement: Parameter, declaration: Sequence[Parameter]) -> Prepared:
    declared = str(declaration[0].value or "") if declaration else ""
    return Prepared(statement=str(statement.value), names=rpc.declared_names(declared))


def _prepared_call(procedure: str, parameters: Sequence[Parameter]) -> Prepared:
    """Write the call of a procedure as a statement."""
    names = [parameter.name or f"@P{number}" for number, parameter in enumerate(parameters, start=1)]
    given = [f"{name} = {name}" if parameter.name else name for name, parameter in zip(names, parameters, strict=True)]
    return Prepared(statement=f"EXEC {procedure} {', '.join(given)}".rstrip(), names=names)


def _handle(parameter: Parameter) -> int:
    if not isinstance(parameter.value, int):
        raise TypeError(f"{parameter.value!r} is no handle of a prepared statement")
    return parameter.value
