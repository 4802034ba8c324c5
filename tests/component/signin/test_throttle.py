from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from pwsops.signin import throttle
from pwsops.signin.throttle import Attempt, Throttle
from tests.clocks import ManualClock
from tests.component.signin.conftest import attempt


@pytest.fixture
def slow(tmp_path: Path, clock: ManualClock) -> Throttle:
    return Throttle(tmp_path, clock=clock, exists=lambda name: name == "ada")


def guess(slow: Throttle, clock: ManualClock, one: Attempt, hours: float) -> int:
    """How often somebody can guess who tries again as soon as they may."""
    end, count = clock.monotonic() + hours * 3600, 0
    while clock.monotonic() < end:
        wait_s = slow.begin(one)
        count += wait_s == 0
        clock.advance(seconds=wait_s)
    return count


def test_waits_grow_from_the_fifth_failure_to_a_quarter_of_an_hour(slow: Throttle, clock: ManualClock) -> None:
    assert [slow.begin(attempt()) for _ in range(4)] == [0.0] * 4
    waits = []
    for _ in range(14):
        waits.append(slow.begin(attempt()))
        clock.advance(seconds=waits[-1])
        assert slow.begin(attempt()) == 0
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == throttle.LONGEST_WAIT_S


def test_one_peer_guesses_a_name_a_few_times_a_day(slow: Throttle, clock: ManualClock) -> None:
    assert guess(slow, clock, attempt(), 24) < 120


def test_one_peer_guesses_all_names_together_few_times(slow: Throttle, clock: ManualClock) -> None:
    made = sum(slow.begin(attempt(f"name{number}")) == 0 for number in range(1000))
    assert made == throttle._FREE["peer"]


def test_many_peers_guess_a_name_less_than_a_hundred_times_an_hour(slow: Throttle, clock: ManualClock) -> None:
    made, end = 0, clock.monotonic() + 3600
    number = 0
    while clock.monotonic() < end:
        number += 1
        made += slow.begin(attempt(peer=f"2001:db8:{number:x}::1")) == 0
        clock.advance(seconds=1)
    assert made < 100


def test_whoever_signed_in_from_a_browser_before_is_not_kept_out_by_strangers(slow: Throttle) -> None:
    """Neither from elsewhere, nor through the same proxy."""
    for number in range(200):
        slow.begin(attempt(peer=f"198.51.100.{number}"))
        slow.begin(attempt(peer="192.0.2.7"))
    assert slow.begin(attempt(peer="203.0.113.9")) > 0
    assert slow.begin(attempt(peer="192.0.2.7", device=slow.mark("ada"))) == 0


def test_a_mark_is_good_for_its_name_alone_and_is_slowed_down_itself(slow: Throttle, tmp_path: Path) -> None:
    for _ in range(4):
        assert slow.begin(attempt(device=slow.mark("ada"))) == 0
    assert slow.begin(attempt(device=slow.mark("ada"))) > 0
    for _ in range(4):
        slow.begin(attempt("eve"))
    for forged in (slow.mark("ada"), "", "\udcff", "x"):
        assert slow.begin(Attempt(name="eve", peer="192.0.2.7", device=forged.replace("\udcff", "ÿ"))) > 0
    assert Throttle(tmp_path, clock=ManualClock()).mark("ada") == slow.mark("ada")


def test_success_forgets_own_failures_and_not_those_at_other_names(slow: Throttle) -> None:
    for _ in range(3):
        slow.begin(attempt())
    slow.begin(attempt())
    slow.succeeded(attempt())
    assert slow.begin(attempt()) == 0
    # Somebody with an account of their own signs in between guesses at others.
    made = 0
    for number in range(200):
        made += slow.begin(attempt(f"name{number}")) == 0
        if slow.begin(attempt("mallory")) == 0:
            slow.succeeded(attempt("mallory"))
    assert made <= throttle._FREE["peer"]


def test_failures_are_forgotten_after_an_hour_and_memory_is_bounded(
    slow: Throttle, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        slow.begin(attempt())
    clock.advance(seconds=throttle.FORGOTTEN_AFTER_S + 1)
    assert [slow.begin(attempt()) for _ in range(4)] == [0.0] * 4
    monkeypatch.setattr(throttle, "_REMEMBERED", 10)
    for number in range(50):
        slow.begin(attempt(f"name{number}", f"198.51.100.{number}"))
    assert len(slow._counters) <= 10


@pytest.mark.parametrize("device", [False, True])
def test_nobody_pushes_the_counter_of_a_user_out(slow: Throttle, monkeypatch: pytest.MonkeyPatch, device: bool) -> None:
    """As whoever has 2^80 addresses, or passes through a proxy of this machine and claims any, could try to."""
    monkeypatch.setattr(throttle, "_REMEMBERED", 100)
    made = 0
    for number in range(100):
        mark = slow.mark("ada") if device else ""
        made += slow.begin(attempt(peer=f"2001:{number:x}::1", device=mark)) == 0
        for other in range(40):
            slow.begin(attempt(f"name{number * 40 + other}", f"2002:{number:x}:{other:x}::1"))
    assert made == throttle._FREE["device" if device else "name"]
    assert len(slow._counters) <= 101


def test_a_name_that_is_guessed_at_outlasts_those_that_are_made_up(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "_REMEMBERED", 1_000)
    slow, made = Throttle(tmp_path, clock=clock), 0
    for number in range(80):
        made += slow.begin(attempt(peer=f"2001:{number:x}::1")) == 0
        for other in range(40):
            slow.begin(attempt(f"name{number * 40 + other}", f"2002:{number:x}:{other:x}::1"))
    assert made == throttle._FREE["name"]


def test_users_that_have_not_failed_for_long_are_forgotten(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "_REMEMBERED", 30)
    slow = Throttle(tmp_path, clock=clock, exists=lambda name: True)
    for number in range(7):
        slow.begin(attempt(f"user{number}", f"198.51.{number}.1"))
    clock.advance(seconds=throttle.FORGOTTEN_AFTER_S + 1)
    slow.begin(attempt("user10", "203.0.113.1"))
    assert sorted(key[0] for key in slow._counters) == ["name", "pair", "peer", "site"]


def test_a_site_counts_as_one_and_its_users_that_are_known_do_not_wait(slow: Throttle) -> None:
    for network, peers in (("IPv6", [f"2001:db8:7:{n:x}::1" for n in range(500)]),
                           ("IPv4", [f"203.0.113.{n}" for n in range(200)])):  # fmt: skip
        made = sum(slow.begin(attempt(f"{network}{number}", peer)) == 0 for number, peer in enumerate(peers))
        assert made == throttle._FREE["site"], network
    assert slow.begin(attempt(peer="2001:db8:7::ffff", device=slow.mark("ada"))) == 0
    assert slow.begin(attempt(peer="2001:db8:8::1")) == 0


def test_a_name_may_be_as_long_as_it_likes(slow: Throttle) -> None:
    tracemalloc.start()
    try:
        for number in range(200):
            slow.begin(attempt(f"{number:06}" + "x" * 60_000, f"2001:db8:{number:x}::1"))
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()
    assert slow.begin(attempt("\udcff", device="x")) == 0


def test_a_household_of_ipv6_counts_as_one(slow: Throttle) -> None:
    for number in range(1, 20):
        slow.begin(attempt(peer=f"2001:db8::{number}"))
    assert slow.begin(attempt(peer="2001:db8::ffff")) > 0
    for number in range(4):
        slow.begin(attempt(peer=f"fe80::{number}%eth0"))
        slow.begin(attempt(peer="no address"))
    assert slow.begin(attempt(peer="fe80::99%eth1")) > 0
    assert slow.begin(attempt(peer="::ffff:192.0.2.1")) == 0
