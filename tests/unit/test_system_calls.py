"""The filter of system calls, run by a small machine of our own: for both kinds of machine, wherever the tests run."""

from __future__ import annotations

import errno
import os
import struct
import sys
from types import SimpleNamespace

import pytest

from pwsops import system_calls

ALLOWED = 0x7FFF0000
OURS = 4711
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
READ, OPENAT, FUTEX = {"x86_64": 0, "aarch64": 63}, {"x86_64": 257, "aarch64": 56}, {"x86_64": 202, "aarch64": 98}


def answer(machine: str, number: int, argument: int = 0, architecture: int | None = None) -> int:
    """Return what the filter says of a call."""
    words = list(system_calls._program(system_calls._MACHINES[machine], OURS))
    seen = struct.pack("<IIQQ", number, MACHINES[machine] if architecture is None else architecture, 0, argument)
    at = register = 0
    while True:
        code, then, otherwise, value = words[at]
        if code == 0x06:
            return value
        if code == 0x20:
            (register,) = struct.unpack_from("<I", seen, value)
            at += 1
            continue
        holds = {0x15: register == value, 0x35: register >= value, 0x45: bool(register & value)}[code]
        at += 1 + (then if holds else otherwise)


def refused(number: int = errno.EPERM) -> int:
    return 0x00050000 | number


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_named_is_refused_and_the_rest_allowed(machine: str) -> None:
    column = list(MACHINES).index(machine)
    numbers = {name: row[column] for name, row in system_calls._REFUSED.items() if row[column] is not None}
    assert len(set(numbers.values())) == len(numbers), "no number stands there twice"
    for number in numbers.values():
        assert number is not None
        assert answer(machine, number) == refused()
    for known in (READ, OPENAT, FUTEX):
        assert answer(machine, known[machine]) == ALLOWED


@pytest.mark.parametrize(("machine", "clone", "signals"), [("x86_64", 56, (62, 234)), ("aarch64", 220, (129, 131))])
def test_threads_may_be_begun_but_no_processes_and_no_others_be_told(
    machine: str, clone: int, signals: tuple[int, int]
) -> None:
    assert answer(machine, clone, 0x003D0F00) == ALLOWED
    assert answer(machine, clone, 0x01200011) == refused()
    assert answer(machine, 435) == refused(errno.ENOSYS)
    for signal in signals:
        assert answer(machine, signal, OURS) == ALLOWED
        assert answer(machine, signal, 1) == refused()


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_by_other_tables_are_refused(machine: str) -> None:
    assert answer(machine, READ[machine], architecture=0x40000003) == refused()
    assert answer(machine, READ[machine] | 0x40000000) == refused()


def test_another_machine_or_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "uname", lambda: SimpleNamespace(machine="riscv64"))
        assert not system_calls.known()
        assert not system_calls.give_up()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not system_calls.known()


def test_a_system_that_could_and_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `no_new_privs` it refuses everybody but the superuser; here by an answer of its own."""
    monkeypatch.setattr(system_calls, "_here", lambda: system_calls._MACHINES["x86_64"])
    monkeypatch.setattr(system_calls, "_seccomp", lambda machine, operation, argument: int(operation == 1))
    with pytest.raises(OSError, match="is refused"):
        system_calls.give_up()
