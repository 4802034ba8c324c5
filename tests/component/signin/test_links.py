from __future__ import annotations

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from pwsops.errors import Refused
from pwsops.signin import start_token
from pwsops.signin.start_token import Links
from tests.clocks import ManualClock


@pytest.fixture
def links(tmp_path: Path, clock: ManualClock) -> Links:
    return Links(tmp_path, clock=clock)


def everything(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]


def test_a_link_is_good_once_also_for_two_at_the_same_time(links: Links) -> None:
    token = links.make()
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(links.take, [token] * 8)) == [False] * 7 + [True]


def test_a_link_is_good_for_a_quarter_of_an_hour(links: Links, clock: ManualClock, tmp_path: Path) -> None:
    old = links.make()
    clock.advance(start_token.LASTS)
    assert not links.take(old)
    links.make()
    clock.advance(start_token.LASTS)
    links.make()
    assert len(everything(tmp_path)) == 1


@pytest.mark.parametrize("token", ["", "x", "../" * 14 + "x", "A" * 43, "A" * 44, "ä" * 43])
def test_what_was_never_made_is_not_good(links: Links, token: str) -> None:
    links.make()
    assert not links.take(token)


def test_a_damaged_link_is_not_good(links: Links, tmp_path: Path) -> None:
    for content in (b"", b"nonsense", b"2999-01-01T00:00:00", b"\xff"):
        token = links.make()
        everything(tmp_path)[0].write_bytes(content)
        assert not links.take(token)


def test_the_home_keeps_a_digest_for_its_owner_alone(links: Links, tmp_path: Path) -> None:
    (tmp_path / start_token.DIRECTORY).mkdir(mode=0o755)
    token = links.make()
    (kept,) = everything(tmp_path)
    assert token not in kept.name + kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_a_running_server_is_found_and_a_dead_one_is_not(links: Links, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No dashboard runs"):
        links.running()
    with links.serving("http://127.0.0.1:5006/"):
        assert links.running() == "http://127.0.0.1:5006/"
        (kept,) = everything(tmp_path)
        left = kept.read_bytes()
    assert everything(tmp_path) == []
    kept.write_bytes(left)
    with pytest.raises(Refused):
        links.running()
    with links.serving("http://127.0.0.1:5007/"):
        assert not kept.exists()
        damaged = kept.with_name("0.server")
        damaged.write_text("nonsense")
        assert links.running() == "http://127.0.0.1:5007/"


def test_the_address_carries_a_token(links: Links) -> None:
    parts = urlsplit(links.address("http://127.0.0.1:5006/"))
    assert parts.path == "/signin"
    assert links.take(parse_qs(parts.query)["token"][0])


def test_a_browser_is_opened_by_a_private_file_that_goes_away(links: Links) -> None:
    with links.page("http://127.0.0.1:5006/") as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        found = re.search(r"/signin\?token=([\w-]{43})\"", path.read_text())
        assert found is not None
        assert links.take(found.group(1))
        assert "no-referrer" in path.read_text()
    assert not path.exists()
