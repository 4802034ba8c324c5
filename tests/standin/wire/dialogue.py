"""What a connection's requests mean to the session behind it. Runs in the session's own thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from tests.standin.events import Said, Session, Value
from tests.standin.wire import rpc, system, tokens
from tests.standin.wire.outbox import Outbox
from tests.standin.wire.packets import Kind, Malformed, Message
from tests.standin.wire.parameters import Parameter
from tests.standin.wire.prepared import Prepared, PreparedStatements, call_of, declared
from tests.standin.wire.reply import Reply
from tests.standin.wire.settings import Settings
from tests.standin.wire.sink import CutOff, Sink
from tests.standin.wire.transaction import ROLLBACK, STATEMENTS, Request, Transaction, read_requests

BROKEN = 50000
FATAL = 20
NO_SUCH_HANDLE = 8179


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
        self._prepared = PreparedStatements()

    def answer(self, request: Message, outbox: Outbox, cancelled: threading.Event) -> None:
        """Do what is asked for and put the whole reply out."""
        try:
            if request.resets:
                outbox.put(self._reset(cancelled))
            self._answer(request, outbox, cancelled)
        except CutOff:
            outbox.cut()
        except Exception as error:  # noqa: BLE001  # whatever it is, the test hears of it and the client does not hang
            self._report(error)
            said = Said(number=BROKEN, severity=FATAL, text=f"The stand-in broke: {error!r}")
            outbox.put(tokens.said(said, self._settings.server_name) + tokens.done(tokens.Status.ERROR), last=True)

    def _answer(self, request: Message, outbox: Outbox, cancelled: threading.Event) -> None:
        sink = Sink(self._reply(in_procedure=False), outbox, cancelled)
        match request.kind:
            case Kind.BATCH:
                self._do_batch(request.body, sink)
            case Kind.TRANSACTION:
                self._change_transaction(request.body, sink)
            case Kind.RPC:
                calls = list(rpc.read_calls(request.body))
                for call in calls:
                    sink = Sink(self._reply(in_procedure=True), outbox, cancelled)
                    self._call(call, sink, last=call is calls[-1])
            case _:
                raise Malformed(f"a request of kind {request.kind}")

    def _do_batch(self, body: bytes, sink: Sink) -> None:
        text = rpc.skip_headers(body).rest().decode("utf-16-le", "surrogatepass")
        self._run(text, {}, sink)
        sink.put(sink.reply.end(), last=True)

    def _change_transaction(self, body: bytes, sink: Sink) -> None:
        for request in read_requests(rpc.skip_headers(body)):
            sink.take_messages(self._session.run(STATEMENTS[request], {}, sink.cancelled))
            if not sink.reply.failed:
                sink.put(self._transaction.changed(request))
        sink.put(sink.reply.end(), last=True)

    def _call(self, call: rpc.Call, sink: Sink, *, last: bool) -> None:
        outputs = []
        given = call.parameters
        match call.procedure.lower():
            case "sp_executesql":
                self._execute(declared(given[0], given[1:2]), given[2:], sink)
            case "sp_prepexec":
                prepared = declared(given[2], given[1:2])
                outputs = [self._keep(prepared, given[0])]
                self._execute(prepared, given[3:], sink)
            case "sp_prepexecrpc":
                prepared = call_of(str(given[1].value), given[2:])
                outputs = [self._keep(prepared, given[0])]
                self._execute(prepared, given[2:], sink)
            case "sp_prepare":
                outputs = [self._keep(declared(given[2], given[1:2]), given[0])]
            case "sp_execute":
                self._execute_kept(given[0], given[1:], sink)
            case "sp_unprepare":
                self._prepared.forget(given[0])
            case _:
                self._procedure(call, sink)
        sink.put(sink.reply.end_procedure(*outputs, more=not last), last=last)

    def _keep(self, prepared: Prepared, handle: Parameter) -> bytes:
        """Keep a statement; gives the token that tells the client its handle."""
        return tokens.handle(handle.name, 0, self._prepared.keep(prepared, instead_of=handle))

    def _execute_kept(self, handle: Parameter, values: Sequence[Parameter], sink: Sink) -> None:
        prepared = self._prepared.get(handle)
        if prepared is None:
            text = f"Could not find prepared statement with handle {handle.value!r}."
            sink.take(Said(number=NO_SUCH_HANDLE, severity=16, text=text))
        else:
            self._execute(prepared, values, sink)

    def _procedure(self, call: rpc.Call, sink: Sink) -> None:
        events = system.answer(call.procedure, call.parameters)
        if events is None:
            self._execute(call_of(call.procedure, call.parameters), call.parameters, sink)
        else:
            sink.take_all(events)

    def _execute(self, prepared: Prepared, values: Sequence[Parameter], sink: Sink) -> None:
        self._run(prepared.statement, prepared.named(values), sink)

    def _run(self, text: str, parameters: Mapping[str, Value], sink: Sink) -> None:
        sink.take_all(system.answer_batch(text) or self._session.run(text, parameters, sink.cancelled))

    def _reset(self, cancelled: threading.Event) -> bytes:
        undone = b""
        if self._transaction.open:
            list(self._session.run(ROLLBACK, {}, cancelled))
            undone = self._transaction.changed(Request.ROLLBACK)
        self._prepared.clear()
        return undone + tokens.was_reset()

    def _reply(self, *, in_procedure: bool) -> Reply:
        return Reply(self._settings, in_procedure=in_procedure, in_transaction=self._transaction.open)
