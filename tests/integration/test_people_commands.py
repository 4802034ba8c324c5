"""`pwsops user`, `token` and `signin-link`, and what another user of the machine gets of a dashboard on loopback."""

import http.client
import os
import pwd
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from pwsops.clock import SystemClock
from pwsops.signin.second_factor import SecondFactor
from pwsops.signin.start_token import Links
from pwsops.signin.users import Users
from tests.clocks import NOON
from tests.integration.command_line import PATIENCE_S, CommandLine, Driver, environment

PASSWORD = "walrus teapot oblong"


@pytest.fixture(scope="module")
def driver():
    one = Driver()
    yield one
    one.close()


@pytest.fixture
def line(tmp_path, driver):
    return CommandLine(tmp_path / "home", cwd=tmp_path, driver=driver)


def test_users_come_and_go_and_no_password_is_an_argument(line):
    assert line.rows("user", "list") == []
    assert "access.toml" in line.done("user", "add", "ada", "--password-stdin", given=f"{PASSWORD}\n")
    (ada,) = line.rows("user", "list")
    assert ada["name"] == "ada"
    assert "ada" in line.done("user", "list")
    assert "already" in line.refused("user", "add", "ada", "--password-stdin", given=f"{PASSWORD}\n")
    assert "too short" in line.refused("user", "password", "ada", "--password-stdin", given="short\n")
    line.done("user", "password", "ada", "--password-stdin", given="quartz lantern misty\n")
    assert line.rows("user", "list")[0]["changed_at"] >= ada["changed_at"]
    assert "--password-stdin" in line.refused("user", "password", "ada", code=2)
    assert "--yes" in line.refused("user", "remove", "ada")
    line.done("user", "remove", "ada", "--yes")
    assert line.rows("user", "list") == []
    actions = [entry["action"] for entry in line.rows("audit", "list")]
    assert actions == ["remove user", "set password", "add user"]


def test_a_second_factor_is_shown_and_taken_away_at_the_machine(line, tmp_path):
    line.done("user", "add", "ada", "--password-stdin", given=f"{PASSWORD}\n")
    assert "no second factor" in line.done("user", "second-factor", "ada")
    assert "no second factor" in line.refused("user", "second-factor", "ada", "--remove", "--yes")
    assert "no user" in line.refused("user", "second-factor", "eve")
    assert line.rows("user", "list")[0]["second_factor_at"] is None
    factor = SecondFactor(secret="2.x", stamp="s", added_at=NOON)
    Users(tmp_path / "home", clock=SystemClock()).change("ada", lambda user: replace(user, second_factor=factor))
    assert "second factor since 2026-03-02" in line.done("user", "second-factor", "ada")
    assert "2026-03-02" in line.done("user", "list")
    assert "--yes" in line.refused("user", "second-factor", "ada", "--remove")
    line.done("user", "second-factor", "ada", "--remove", "--yes")
    assert line.rows("user", "list")[0]["second_factor_at"] is None


def test_tokens_come_and_go_and_are_shown_once(line):
    options = ("--role", "operator", "--instance", "a", "--instance", "b", "--days", "7")
    text = line.done("token", "create", "monitor", *options).strip()
    assert text.startswith("pwsops_")
    (token,) = line.rows("token", "list")
    assert (token["name"], token["role"], token["instances"], token["ended"]) == (
        "monitor",
        "operator",
        ["a", "b"],
        False,
    )
    assert "a, b" in line.done("token", "list")
    assert "There is no instance a: the token" in line.run("token", "create", "other", "--instance", "a").stderr
    line.done("token", "revoke", "other")
    assert text not in line.done("token", "list") + str(line.rows("audit", "list"))
    line.refused("token", "create", "monitor", "--days", "367", code=2)
    line.done("token", "revoke", "monitor")
    assert "no token" in line.refused("token", "revoke", "monitor")
    assert line.rows("token", "list") == []


def test_a_link_needs_a_dashboard(line):
    assert "pwsops serve" in line.refused("signin-link")


def test_serve_refuses_to_listen_to_others_while_nobody_could_sign_in(line):
    line.done("user", "add", "ada", "--password-stdin", given=f"{PASSWORD}\n")
    # Who has a password and no role could do nothing.
    assert "access.toml" in line.refused("serve", "--address", "0.0.0.0", "--port", "0")


@contextmanager
def serving(line):
    """The real command; gives the address that it prints."""
    variables = {name: value for name, value in environment().items() if name != "JOURNAL_STREAM"}
    with subprocess.Popen(
        line.arguments("serve", "--port", "0"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=variables
    ) as process:
        try:
            yield process.stdout.readline().decode().removeprefix("pwsops is at ").strip()
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()


def status(address, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(address).port, timeout=PATIENCE_S)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    kept = [one.partition(";")[0] for one in answer.headers.get_all("Set-Cookie") or ()]
    connection.close()
    return answer.status, "; ".join(one for one in kept if not one.endswith(("=", '=""')))


STRANGER = """
import encodings.idna, email.parser, http.client, os, stringprep, sys
port, home = int(sys.argv[1]), sys.argv[2]
os.setgroups([])
os.setgid(int(sys.argv[4]))
os.setuid(int(sys.argv[3]))
def ask(path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers=headers)
    return connection.getresponse().status
print(ask("/"), ask("/favicon.ico"), ask("/autoload.js"), ask("/components/venv.__main__/x/_css/y"),
      ask("/ws", Upgrade="websocket", Connection="Upgrade", Origin=f"http://127.0.0.1:{port}"))
for name in os.listdir("/proc"):
    for file in ("cmdline", "environ"):
        try:
            if b"signin?" + b"token=" in open(f"/proc/{name}/{file}", "rb").read():
                print("opened", name, file)
        except OSError:
            pass
try:
    print("opened", os.listdir(os.path.join(home, "signin")))
except OSError:
    pass
for name in ("users.json", "tokens.json", "access.toml", "devices.key"):
    try:
        open(os.path.join(home, name), "rb")
        print("opened", name)
    except OSError:
        pass
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user of the machine")
def test_another_user_of_the_machine_gets_no_page_and_reads_no_secret(line, tmp_path_factory):
    """The one who may do everything is the user that runs it; whoever else reaches loopback is a stranger."""
    nobody = pwd.getpwnam("nobody")
    line.done("user", "add", "ada", "--password-stdin", given=f"{PASSWORD}\n")
    line.done("token", "create", "monitor")
    # The way to the home is open: what stops them are the modes of what is in it.
    base = tmp_path_factory.getbasetemp()
    for directory in (base.parent, base, line.home.parent, line.home):
        directory.chmod(0o755)
    with serving(line) as address:
        made = subprocess.run(
            [sys.executable, "-I", "-c", STRANGER, str(urlsplit(address).port), str(line.home), str(nobody.pw_uid),
             str(nobody.pw_gid)],
            capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd="/",
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        told = made.stdout.split("\n")
        assert told[0].split()[0] == "303"
        assert {int(one) for one in told[0].split()[1:]} <= {400, 401, 403, 404}
        assert "opened" not in made.stdout
        # Its own user comes in by the printed link, once; `signin-link` makes another.
        first = urlsplit(address)
        code, cookie = status(address, f"{first.path}?{first.query}")
        assert (code, status(address, "/", Cookie=cookie)[0]) == (200, 200)
        assert status(address, f"{first.path}?{first.query}")[0] == 403
        second = urlsplit(line.done("signin-link").strip())
        assert second.netloc == first.netloc
        assert status(address, f"{second.path}?{second.query}")[0] == 200
    with pytest.raises(Exception, match="No dashboard runs"):
        Links(line.home, clock=SystemClock()).running()
