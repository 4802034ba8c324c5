"""What a process that reads foreign files may still do: Landlock for files, a filter of calls, a limit for memory.

Landlock (Linux 5.13 and newer, where it is switched on) lets a process give up rights for the rest of its life, without
any privilege. The calls have no wrapper in the C library; their numbers are the same on every machine since 2021. The
numbers of the rights are those of linux/landlock.h, each with the ABI that brought it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import stat
import struct
import sys
from collections.abc import Iterable

from pwsops import system_calls

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVS = 38

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_FILE, _MAKE_REG = 1 << 5, 1 << 8
_TRUNCATE = 1 << 14
_OF_FILES = _WRITE_FILE | _READ_FILE | _TRUNCATE | 1 << 15
_READING = _READ_FILE | _READ_DIR
_WRITING = _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_FILE | _MAKE_REG | _TRUNCATE
"""Neither directories nor links, pipes, sockets or devices can be made. Nothing can be run anywhere: no rule has it."""
_KNOWN_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights over files each ABI knows; newer ones as many as the last."""
_NETWORK, _SCOPES = 0b11, 0b11
"""To listen and to connect by TCP; to reach processes outside by abstract sockets and signals."""
NETWORK_ABI, _SCOPES_ABI = 4, 6
"""Which versions brought them."""

_INTERPRETER = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/openssl.cnf", "/proc/self")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")

also_writable: list[str] = []
"""Where else a process may write. For measurements: what they note lies elsewhere."""


def abi() -> int:
    """Return which version of Landlock this system has; 0: none, or it is switched off."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, _call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION)))


def confine(read: Iterable[str | int], write: Iterable[str | int]) -> bool:
    """Give up, for the rest of this process, everything but these directories and what the interpreter needs.

    To be called before other threads are begun. Sockets of every kind, links, pipes, programs, other processes, and
    changes of modes, owners and times by name are given up everywhere (`system_calls`).

    Parameters
    ----------
    read, write
        Directories, by path or as open descriptors, below which files may be read, or made, written and removed. A
        path that leads nowhere is left out.

    Returns
    -------
    bool
        Whether the system did all of that; False where it has no Landlock or cannot filter calls. What it has is used.

    Raises
    ------
    OSError
        Where the system has it and refuses: then nothing foreign should be touched.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    held = _hold_to(read, write)
    return system_calls.give_up() and held


def _hold_to(read: Iterable[str | int], write: Iterable[str | int]) -> bool:
    version = abi()
    if not version:
        return False
    handled = (1 << _KNOWN_BITS.get(version, max(_KNOWN_BITS.values()))) - 1
    attributes = struct.pack(
        "=QQQ", handled, _NETWORK if version >= NETWORK_ABI else 0, _SCOPES if version >= _SCOPES_ABI else 0
    )
    attributes = attributes[: 8 if version < NETWORK_ABI else 16 if version < _SCOPES_ABI else 24]
    ruleset = _checked(_call(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)))
    try:
        for path in {*read, *_needed()}:
            _allow(ruleset, path, _READING & handled)
        for path in {*write, *_written()}:
            _allow(ruleset, path, _WRITING & handled)
        _checked(_call(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0)))
    finally:
        os.close(ruleset)
    return True


def limit_memory(size_bytes: int) -> None:
    """Let this process have so much memory of its own; what asks for more gets a `MemoryError`.

    Files that are mapped do not count, which databases are.
    """
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most == resource.RLIM_INFINITY or size_bytes < most:
        resource.setrlimit(resource.RLIMIT_DATA, (size_bytes, size_bytes))


def _needed() -> Iterable[str]:
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return {*_INTERPRETER, package, sys.prefix, sys.exec_prefix, sys.base_prefix, *filter(None, sys.path)}


def _written() -> Iterable[str]:
    measured = [os.getcwd()] if "coverage" in sys.modules else []
    return {*_DEVICES, *also_writable, *measured}


def _allow(ruleset: int, place: str | int, rights: int) -> None:
    try:
        fd = os.dup(place) if isinstance(place, int) else os.open(place, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
    except OSError:
        return  # it is missing, or may not be searched: nothing can be done there anyhow
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, fd)
        _checked(_call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint32(0)))
    finally:
        os.close(fd)


def _call(number: int, *arguments: object) -> int:
    return int(ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments))


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock refuses: {os.strerror(code)}")
    return result
