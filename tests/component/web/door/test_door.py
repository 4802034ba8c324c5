"""What passes the door of a real server, and what does not."""

from __future__ import annotations

import base64
import gzip
import json
import sys
from collections.abc import Callable
from typing import Any

import panel
import pytest
from bokeh.core.serialization import Deserializer
from bokeh.util.token import generate_jwt_token, generate_session_id, get_token_payload

from pwsops.web.door import Limits
from pwsops.web.door.channel import Channel
from pwsops.web.door.messages import Frames, Unexpected
from tests.clocks import wait_until
from tests.component.web.door.conftest import Served
from tests.raw import Answer, Socket, ask, token_of, websocket

Behind = Callable[..., Served]
TOOLKIT = [
    "/autoload.js?bokeh-autoload-element=1", "/metadata", "/liveness", "/session_info", "/rest/session_info",
    "/components/lib2to3.__main__/x/_css/y", "/components/venv.__main__/x/_css/y", "/static/extensions/other/x.js",
    "/static/extensions/panel/../../../x", "/static/js/../../x", "/login", "/logout", "/admin", "//", "/ws/", "/x",
    "/static/", "/static/css/x.css", "/%2e%2e/", "/index", "/static/js/%2e%2e/%2e%2e/application.py",
]  # fmt: skip


def sealed(answer: Answer) -> bool:
    """Whether an answer has the headers that every one has."""
    headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    policy = headers["Content-Security-Policy"]
    assert all(part in policy for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"))
    assert "unsafe-eval" not in policy
    assert "Server" not in headers
    return True


@pytest.mark.parametrize("path", TOOLKIT)
@pytest.mark.parametrize("visit", ["", "ada"])
def test_what_no_page_needs_does_not_exist(shared: Served, path: str, visit: str) -> None:
    shared.enter("ada")
    before = set(sys.modules)
    answer = shared.ask(path, visit)
    assert answer.status == 404
    assert sealed(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    assert not {"lib2to3.__main__", "venv.__main__"} & (set(sys.modules) - before)
    assert shared.ask("/signin").status == 200


def test_a_stranger_is_sent_to_the_sign_in_and_back(shared: Served) -> None:
    before = shared.sessions()
    answer = shared.ask("/?page=runs&q=a%26b")
    assert answer.status == 303
    assert answer.headers["Location"] == "/signin?next=%2F%3Fpage%3Druns%26q%3Da%2526b"
    assert sealed(answer)
    for path in ("/static/js/bokeh.min.js", "/favicon.ico"):
        assert shared.ask(path).status == 401
    assert shared.ask("/", method="HEAD").status == 401
    with websocket(shared.port, "token") as refused:
        assert refused == 401
    assert shared.sessions() <= before


def test_every_kind_of_answer_has_the_headers(shared: Served) -> None:
    page = shared.ask("/", shared.enter("ada").id)
    assert page.status == 200
    assert page.headers["Cache-Control"] == "no-store"
    asset = shared.ask("/static/js/bokeh.min.js", "ada")
    assert asset.status == 200
    assert asset.headers["Cache-Control"] == "no-cache"
    # What is named after its content is not asked for again.
    assert shared.ask("/static/js/bokeh.min.js?1f3a", "ada").headers["Cache-Control"] == "private, max-age=86400"
    answers = [
        page,
        asset,
        shared.ask("/static/js/bokeh.min.js", "ada", If_None_Match=asset.headers["Etag"]),
        shared.ask("/static/js/none.js", "ada"),
        shared.ask("/static/extensions/panel/none.js", "ada"),
        shared.ask("/favicon.ico", "ada"),
        shared.ask("/signin"),
        shared.ask("/signin", method="PUT"),
        shared.ask("/", "ada", method="POST", body=b"x"),
        shared.ask("/", "ada", method="HEAD"),
        shared.ask("/", "ada", host="evil.example"),
        shared.ask("/ws", "ada", Origin=f"http://127.0.0.1:{shared.port}"),
        shared.ask("/signin?x=%ff%00", Cookie=";=;;visit"),
    ]
    assert [answer.status for answer in answers] == [200, 200, 304, 404, 404, 200, 200, 405, 405, 204, 403, 403, 200]
    assert all(sealed(answer) for answer in answers)
    assert all("Strict-Transport-Security" not in answer.headers for answer in answers)


def test_scripts_run_by_a_nonce_that_is_new_each_time(shared: Served) -> None:
    shared.enter("ada")
    nonces = set()
    for _ in range(2):
        page = shared.ask("/", "ada")
        policy = page.headers["Content-Security-Policy"]
        scripts = policy.split("script-src ")[1].split(";")[0].split()
        nonce = next(part for part in scripts if part.startswith("'nonce-")).removeprefix("'nonce-").removesuffix("'")
        assert set(scripts) == {"'self'", "blob:", f"'nonce-{nonce}'"}
        assert page.text.count("<script") == page.text.count(f'<script nonce="{nonce}"') > 2
        nonces.add(nonce)
    assert len(nonces) == 2


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1, evil.example", "", "[::2]", None]
)
def test_only_known_names_are_answered(shared: Served, host: str | None) -> None:
    shared.enter("ada")
    if host is None:
        # Without any, HTTP/1.1 is not even understood.
        assert ask(shared.port, "/", host=None, Cookie="visit=ada").status == 400
        return
    for path in ("/", "/signin", "/static/js/bokeh.min.js"):
        assert ask(shared.port, path, host=host or " ", Cookie="visit=ada").status in (400, 403)
    with shared.socket("ada", "token", host=host or " ") as refused:
        assert refused in (400, 403)


def test_a_name_can_be_added(behind: Behind) -> None:
    served = behind(hosts=["Db.Example"])
    served.enter("ada")
    assert served.ask("/", "ada", host="db.example:5006").status == 200
    assert served.ask("/", "ada", host="evil.example:5006").status == 403


FOREIGN = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "script"}
NEIGHBOUR = {**FOREIGN, "Sec_Fetch_Site": "same-site"}
LINK = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}, 200),
        ({"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"}, 200),
        (LINK, 200),
        ({**LINK, "Sec_Fetch_Dest": "iframe"}, 403),
        ({**LINK, "Sec_Fetch_Site": "same-origin", "Sec_Fetch_Dest": "iframe"}, 403),
        ({**LINK, "Sec_Fetch_Dest": "object"}, 403),
        (FOREIGN, 403),
        (NEIGHBOUR, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[evil"}, 403),
    ],
)
def test_a_page_is_given_to_itself_and_to_links(shared: Served, headers: dict[str, str], status: int) -> None:
    shared.enter("origin")
    wait_until(lambda: shared.ask("/", "origin", method="HEAD").status == 204, "the door")
    assert shared.ask("/signin", **headers).status == status
    asset = shared.ask("/static/js/bokeh-gl.min.js", "origin", **headers)
    assert asset.status == (403 if headers == LINK else status)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "own"}, 200),
        ({"Sec_Fetch_Site": "same-origin"}, 200),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "own", "Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "none"}, 403),
        (LINK, 403),
    ],
)
def test_a_form_is_taken_from_its_own_page_alone(shared: Served, headers: dict[str, str], status: int) -> None:
    told = {name: f"http://127.0.0.1:{shared.port}" if text == "own" else text for name, text in headers.items()}
    assert shared.ask("/signin", method="POST", body=b"name=ada", **told).status == status


@pytest.mark.parametrize(
    "options",
    [
        {"origin": None},
        {"origin": None, "Sec_Fetch_Site": "same-origin"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"host": "evil.example"},
    ],
)
def test_a_websocket_comes_from_our_page_alone(shared: Served, options: dict[str, Any]) -> None:
    with shared.socket("websocket", **options) as refused:
        assert refused == 403


def test_a_page_knows_whose_it_is_and_its_token_tells_nothing(shared: Served) -> None:
    page = shared.page("secret-of-ada")
    assert "secret-of-ada" not in page
    assert set(get_token_payload(token_of(page))) == {"session_expiry"}
    assert shared.ops.principal.name == "secret-of-ada"


def test_an_id_or_a_token_that_somebody_brings_is_not_taken(shared: Served) -> None:
    theirs = token_of(shared.page("eve"))
    for query in ("bokeh-session-id=chosen", f"bokeh-token={theirs}"):
        brought = shared.ask(f"/?{query}", "eve", Bokeh_Session_Id="chosen")
        assert brought.status == 200
        assert token_of(brought.text) != theirs
    assert "chosen" not in shared.sessions()


def test_no_part_of_a_message_waits_for_the_browser_to_acknowledge_another(
    shared: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(Channel, "set_nodelay", lambda _, value: asked.append(value))
    with shared.opened("ada"):
        assert asked == [True]


def test_a_page_and_its_websocket_work(shared: Served) -> None:
    with shared.opened("ada") as page:
        page.message("PULL-DOC-REQ", {})
        assert page.kinds("PULL-DOC-REPLY") == ["PULL-DOC-REPLY"]
        assert shared.gate.visits["ada"].touched >= 3


def test_a_token_is_good_for_the_visit_that_it_was_given_to_and_no_other(shared: Served) -> None:
    token = token_of(shared.page("ada"))
    shared.enter("eve")
    before = shared.sessions()
    with shared.socket("eve", token) as refused:
        assert refused == 403
    assert shared.sessions() <= before
    with shared.socket("ada", token) as opened:
        assert isinstance(opened, Socket)


def test_a_forged_token_makes_nothing(shared: Served) -> None:
    shared.enter("eve")
    good, key = token_of(shared.page("ada")), shared.server._tornado.secret_key
    unsigned = generate_jwt_token(generate_session_id(signed=False), signed=False)
    # Even one that is signed with our key: it was not handed out.
    signed = generate_jwt_token(generate_session_id(key, signed=True), key, signed=True)
    guest = generate_jwt_token("x", b"other", signed=True, extra_payload={"cookies": {"is_guest": "true"}})
    forged = [unsigned, signed, guest, good[:-1], good + "A", good.partition(".")[0], good + ", bokeh", "", ".", "a.b",
              "é", "\udcff", "A" * 9_000, "{}", "../x"]  # fmt: skip
    before = shared.sessions()
    for token in forged:
        with shared.socket("eve", token) as refused:
            assert refused in (400, 403), token
        with shared.socket("ada", token) as refused:
            assert refused in (400, 403), token
    with websocket(shared.port, None, Cookie="visit=ada") as refused:
        assert refused == 403
    assert shared.sessions() <= before
    assert shared.ask("/signin").status == 200


def test_when_a_visit_ends_its_pages_are_closed_at_once(shared: Served) -> None:
    visit = shared.enter("brief")
    token = token_of(shared.page("brief"))
    with shared.opened("brief") as first, shared.opened("brief") as second, shared.opened("ada") as other:
        visit.end()
        assert (first.closed(), second.closed()) == (4401, 4401)
        other.message("PULL-DOC-REQ", {})
        assert "PULL-DOC-REPLY" in other.kinds("PULL-DOC-REPLY")
    with shared.socket("brief", token) as refused:
        assert refused == 401
    # Not for whoever is called the same later, either.
    visit.ended = False
    with shared.socket("brief", token) as refused:
        assert refused == 403


def test_a_message_of_a_visit_that_has_ended_does_nothing(shared: Served) -> None:
    visit = shared.enter("late")
    with shared.opened("late") as page:
        visit.ended = True
        page.message("PULL-DOC-REQ", {})
        assert page.closed() == 4401


OBJECT = {"type": "object", "name": "Div", "id": "2"}
ROOT = {"kind": "RootAdded", "model": OBJECT}


def change(new: object, attr: str = "search") -> dict[str, Any]:
    return {"events": [{"kind": "ModelChanged", "model": {"id": "1"}, "attr": attr, "new": new}]}


def sent(data: object, name: str = "data_event") -> dict[str, Any]:
    values = {"type": "map", "entries": [["model", {"id": "1"}], ["data", data]]}
    event = {"type": "event", "name": name, "values": values}
    return {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event}]}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("PUSH-DOC", {"doc": {"roots": []}}),
        ("SERVER-INFO-REQ", {}),
        ("ERROR", {"text": "x"}),
        ("PULL-DOC-REQ", {"type": "bytes", "data": ""}),
        ("PATCH-DOC", {"events": [ROOT]}),
        ("PATCH-DOC", {"events": [{"kind": "TitleChanged", "title": "x"}]}),
        ("PATCH-DOC", change([OBJECT])),
        ("PATCH-DOC", change("x", "html")),
        ("PATCH-DOC", change("x" * 20_000)),
        ("PATCH-DOC", {"events": {}}),
        ("PATCH-DOC", {}),
        ("PATCH-DOC", []),
        ("PATCH-DOC", {"events": [None]}),
        ("PATCH-DOC", {"events": change("x")["events"] * 65}),
        ("PATCH-DOC", {**change("x"), "type": "map"}),
        ("PATCH-DOC", sent("x", "button_click")),
        ("EVIL", {}),
    ],
)
def test_a_message_that_no_page_sends_ends_the_page(shared: Served, kind: str, content: Any) -> None:
    with shared.opened("eve") as page:
        page.message(kind, content)
        assert page.closed() == 1008
    assert shared.ask("/signin").status == 200


def bomb(size: int) -> str:
    """Zeros, as the toolkit's `bytes` has them."""
    return base64.b64encode(gzip.compress(bytes(size))).decode()


BYTES = {"type": "bytes", "data": bomb(1 << 20)}
COSTLY: list[dict[str, Any]] = [
    BYTES,
    {"type": "bytes", "data": {"id": "1"}},
    {"type": "ndarray", "array": ["x"], "dtype": "U100000000", "order": "little", "shape": [1]},
    {
        "type": "ndarray",
        "array": {"type": "bytes", "data": bomb(1 << 20)},
        "dtype": "uint8",
        "shape": [1],
        "order": "big",
    },
    {"type": "typed_array", "array": {"type": "bytes", "data": bomb(1 << 20)}, "dtype": "uint8", "order": "little"},
    {"type": "slice", "start": 0, "stop": 1, "step": 1},
    {"type": "set", "entries": [1]},
    {"type": "array", "entries": [1]},
    {"type": "map", "entries": [[1, 1]]},
    {"type": "map", "entries": [["a", 1, 1]]},
    {"type": "number", "value": "nan"},
    {"type": "symbol", "name": "x"},
    {"type": "value", "value": 1},
    {"type": "field", "field": "x"},
    {"type": "expr", "expr": 1},
    {"type": "event", "name": "document_ready", "values": {}},
    OBJECT,
    {"type": "ref", "id": "1"},
    {"type": ["map"]},
    {"id": "1", "type": "bytes"},
    {"a": 1},
]


@pytest.mark.parametrize("value", COSTLY, ids=lambda value: str(value.get("type")))
@pytest.mark.parametrize("where", [change, sent, lambda value: sent([{"type": "map", "entries": [["a", value]]}])])
def test_of_the_toolkit_s_types_only_those_that_pages_send_are_let_through(
    value: object, where: Callable[[object], object]
) -> None:
    frames = Frames()
    frames.judge('{"msgid": "1", "msgtype": "PATCH-DOC"}')
    frames.judge("{}")
    with pytest.raises(Unexpected):
        frames.judge(json.dumps(where(value)))


@pytest.mark.parametrize("where", [change, sent])
def test_a_costly_message_never_reaches_the_toolkit_s_decoder(
    shared: Served, monkeypatch: pytest.MonkeyPatch, where: Callable[[object], object]
) -> None:
    decoded: list[object] = []
    monkeypatch.setattr(Deserializer, "deserialize", lambda self, content: decoded.append(content))
    with shared.opened("eve") as page:
        page.message("PATCH-DOC", where(BYTES))
        assert page.closed() == 1008
    assert decoded == []


@pytest.mark.parametrize("kind", ["PATCH-DOC", "PULL-DOC-REQ"])
@pytest.mark.parametrize("head", [{"num_buffers": 1}, {"num_buffers": -1}, {"reqid": "1"}, {"msgid": 1}])
def test_a_message_with_binary_data_is_none_of_ours(kind: str, head: dict[str, Any]) -> None:
    with pytest.raises(Unexpected):
        Frames().judge(json.dumps({"msgid": "1", "msgtype": kind, **head}))


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([b"\x00" * 10], 1008),
        (["no json", "{}", "{}"], 1011),
        (["[" * 200_000, "{}", "{}"], 1008),
        (["[]"], 1008),
        (['{"msgid": "1", "msgtype": "PULL-DOC-REQ"}', "[" * 100_000], 1008),
        (['{"msgid": "1", "msgtype": "PULL-DOC-REQ"}', '{"x": 1}'], 1008),
        (['{"msgid": "1", "msgtype": "PATCH-DOC"}', "{}", "[" * 10_000], 1011),
        (['{"msgid": "1", "msgtype": "PATCH-DOC"}', "{}", '{"events": [' + "{}," * 20_000 + "{}]}"], 1008),
        (['{"msgid": "1", "msgtype": "PATCH-DOC"}', "{}", b"{}"], 1008),
        (['{"msgid": "1", "msgtype": ["PATCH-DOC"]}', "{}", "{}"], 1008),
    ],
)
def test_frames_that_make_no_message_end_the_page(shared: Served, frames: list[str | bytes], code: int) -> None:
    with shared.opened("eve") as page:
        try:
            for frame in frames:
                page.send(frame)
        except OSError:
            pass
        assert page.closed() == code
    assert shared.ask("/signin").status == 200


def test_after_a_message_that_no_page_sends_nothing_more_is_done(shared: Served) -> None:
    visit = shared.enter("eve")
    with shared.opened("eve") as page:
        before = visit.touched
        page.message("EVIL", {})
        page.message("PULL-DOC-REQ", {})
        assert page.closed() == 1008
        assert visit.touched == before + 1


def test_an_unknown_model_is_an_error_for_the_page_and_says_nothing_of_the_insides(shared: Served) -> None:
    with shared.opened("eve") as page:
        event = {"kind": "ModelChanged", "model": {"id": "none"}, "attr": "search", "new": "secret"}
        page.message("PATCH-DOC", {"events": [event]})
        assert page.kinds("ERROR") == ["ERROR"]
        page.receive()
        assert "secret" not in str(page.receive())
    # Nor does the page stay the current one of the whole process.
    assert panel.state.curdoc is None


def test_a_message_too_large_ends_the_page(behind: Behind) -> None:
    served = behind(limits=Limits(message_bytes=10_000))
    with served.opened("eve") as page:
        page.send("x" * 10_001)
        assert page.closed() == 1009
    with served.opened("eve") as page:
        page.send('{"msgid": "1", "msgtype": "PATCH-DOC"}')
        page.send("{}")
        page.send(json.dumps(sent("A" * 9_800)))
        assert page.closed() == 1008


def test_a_chosen_certificate_file_of_the_largest_size_is_taken(shared: Served) -> None:
    with shared.opened("ada") as page:
        page.message("PATCH-DOC", sent({"type": "map", "entries": [["value", "A" * 2_900_000]]}))
        page.message("PULL-DOC-REQ", {}, "2")
        assert "PULL-DOC-REPLY" in page.kinds("PULL-DOC-REPLY")


def test_what_an_unknown_proxy_passes_on_is_refused(shared: Served) -> None:
    for name in ("X_Forwarded_For", "Forwarded", "X_Real_Ip", "X_Forwarded_Proto", "x_forwarded_port", "Via",
                 "X_Forwarded_Server", "X_Forwarded_Prefix", "X_Client_IP", "True_Client_IP", "CF_Connecting_IP",
                 "X_Cluster_Client_Ip", "Fastly_Client_IP", "X_Original_URL", "X_Original_Host", "X_Url_Scheme",
                 "X_Envoy_External_Address", "Front_End_Https", "X_ARR_LOG_ID", "CDN_Loop"):  # fmt: skip
        answer = shared.ask("/signin", **{name: "127.0.0.1"})
        assert answer.status == 403, name
        assert "--behind-proxy" in answer.text
    browsers = {"Accept_Language": "en", "Upgrade_Insecure_Requests": "1", "Priority": "u=0", "DNT": "1", "TE": "x"}
    assert shared.ask("/signin", **browsers).status == 200


def test_what_is_refused_is_told_to_the_gate_also_a_page_s_message(behind: Behind) -> None:
    served = behind()
    served.ask("/signin", host="evil.example")
    served.ask("/signin", Via="1.1 x")
    served.ask("/x")
    with served.opened("eve") as page:
        page.message("EVIL", {})
        assert page.closed() == 1008
    assert served.gate.refusals == [
        "another Host", "an unknown proxy", "no such page", "page message: another kind of message"
    ]  # fmt: skip


def test_while_it_cannot_be_known_who_is_signed_in_that_is_said_and_nothing_ends(behind: Behind) -> None:
    served = behind()
    token, visit = token_of(served.page("ada")), served.enter("ada")
    with served.opened("ada") as page:
        visit.unknown = served.gate.broken = True
        page.message("PULL-DOC-REQ", {})
        assert page.closed() == 4503
    for method, path in (("GET", "/"), ("HEAD", "/"), ("GET", "/static/js/bokeh.min.js")):
        answer = served.ask(path, "ada", method=method)
        assert answer.status == 503
        assert answer.headers["Pwsops-Cause"] == "not-known-who-is-signed-in"
        assert ("It cannot be known. Mend it." in answer.text) is (method == "GET")
    with served.socket("ada", token) as refused:
        assert refused == 503
    # Whoever is at the machine comes in by a link all the same.
    assert served.ask("/signin", "ada").status == 200
    visit.unknown = served.gate.broken = False
    with served.socket("ada", token) as opened:
        assert isinstance(opened, Socket)


def test_behind_a_known_proxy_its_word_counts(behind: Behind) -> None:
    served = behind(hosts=["db.example"], proxies=["127.0.0.1"])
    told = {"host": "db.example", "X_Forwarded_For": "127.0.0.1, 203.0.113.9", "X_Forwarded_Proto": "https"}
    answer = served.ask("/signin", Origin="https://db.example", **told)
    assert answer.text == "from 203.0.113.9 by https"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    served.enter("ada")
    page = served.ask("/", "ada", **told)
    assert "wss://db.example" in page.headers["Content-Security-Policy"]
    assert served.ask("/signin", Origin="http://db.example", **told).status == 403
    plain = served.ask("/signin", host="db.example", X_Forwarded_For="203.0.113.9", X_Forwarded_Proto="ws")
    assert plain.text == "from 203.0.113.9 by http"
    for odd in ("somebody", "203.0.113.9:80", "203.0.113.9, ", "<b>", "\x1b[0m"[1:]):
        unknown = served.ask("/signin", host="db.example", X_Forwarded_For=odd)
        assert unknown.text == "from 127.0.0.1 by http"
    assert "Strict-Transport-Security" not in plain.headers


def test_looking_whether_the_server_is_there_makes_no_page(shared: Served) -> None:
    shared.enter("ada")
    before = shared.sessions()
    assert shared.ask("/", "ada", method="HEAD").status == 204
    assert shared.sessions() <= before


def test_json_of_the_toolkit_reads_as_expected(shared: Served) -> None:
    # What the raw client takes for the first frame of a message.
    with shared.socket("ada") as opened:
        assert isinstance(opened, Socket)
        frame = opened.receive()
        assert isinstance(frame, str)
        assert json.loads(frame)["msgtype"] == "ACK"
