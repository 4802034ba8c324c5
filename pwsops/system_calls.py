"""System calls that a process gives up for good: a filter in the kernel (seccomp), which needs no privilege.

The numbers are those of the kernel's tables (asm/unistd.h) for x86_64 and aarch64; the program's words those of
linux/filter.h and linux/seccomp.h. Landlock knows files, and of the network TCP alone; here whatever makes a socket, a
program or another process is refused, whatever it would have been for.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_REFUSED: Mapping[str, tuple[int | None, int | None]] = {
    # Sockets of every kind. What is open already cannot be sent to, either.
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    # Programs and processes; `clone` is looked at closer below.
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    # Other processes.
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    # Ways around this filter and around the rights to files.
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # What the superuser may do to the machine.
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "sethostname": (170, 161), "settimeofday": (164, 170), "clock_settime": (227, 112), "iopl": (172, None),
    "ioperm": (173, None),
    # Links, pipes, devices; modes, owners, times and attributes by name, which Landlock does not know. Those of a file
    # that is open can be changed.
    "mknod": (133, None), "mknodat": (259, 33), "symlink": (88, None), "symlinkat": (266, 36), "chmod": (90, None),
    "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None), "lchown": (94, None), "fchownat": (260, 54),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "setxattrat": (463, 463), "removexattrat": (466, 466),
}  # fmt: skip
"""By name: the numbers on x86_64 and on aarch64; None where there is no such call."""


class _Machine(NamedTuple):
    """What differs from one kind of machine to another; `architecture` is the kernel's AUDIT_ARCH_*."""

    architecture: int
    refused: frozenset[int]
    seccomp: int
    clone: int
    kill: int
    tgkill: int


def _machine(column: int, architecture: int, seccomp: int, clone: int, kill: int, tgkill: int) -> _Machine:
    refused = frozenset(number for row in _REFUSED.values() if (number := row[column]) is not None)
    return _Machine(architecture, refused, seccomp, clone, kill, tgkill)


_MACHINES = {
    "x86_64": _machine(0, 0xC000003E, seccomp=317, clone=56, kill=62, tgkill=234),
    "aarch64": _machine(1, 0xC00000B7, seccomp=277, clone=220, kill=129, tgkill=131),
}
_CLONE3 = 435
_SET_FILTER, _IS_KNOWN = 1, 2
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Where these stand in what the filter sees of a call; of the argument the lower half (both machines begin with it)."""
_OTHER_ABI = 0x40000000
"""From here on x86_64 counts the same calls once more (x32); nowhere else are there any."""
_THREAD = 0x00010000

Word = tuple[int, int, int, int]
"""Of the program: what to do, how many words to skip where that holds and where it does not, and with what."""


def known() -> bool:
    """Whether this system can refuse calls, and their numbers are known here."""
    machine = _here()
    if machine is None:
        return False
    action = ctypes.c_uint32(_ERROR)
    return _seccomp(machine, _IS_KNOWN, ctypes.byref(action)) == 0


def give_up() -> bool:
    """Refuse, for the rest of this process, sockets, programs, other processes, and changes to files by name.

    To be called before other threads are begun, and after `no_new_privs` was set. A refused call fails with EPERM.

    Returns
    -------
    bool
        Whether the system does that; False as `known` is.

    Raises
    ------
    OSError
        Where it could and refuses.
    """
    machine = _here()
    if machine is None or not known():
        return False
    words = list(_program(machine, os.getpid()))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *word) for word in words))
    program = struct.pack("@HP", len(words), ctypes.addressof(code))
    if _seccomp(machine, _SET_FILTER, program) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"The filter for system calls is refused: {os.strerror(number)}")
    return True


def _here() -> _Machine | None:
    if not sys.platform.startswith("linux") or struct.calcsize("P") != 8:
        return None
    return _MACHINES.get(os.uname().machine)


def _program(machine: _Machine, pid: int) -> Iterable[Word]:
    refuse = (_RETURN, 0, 0, _ERROR | errno.EPERM)
    allow = (_RETURN, 0, 0, _ALLOW)
    yield from ((_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, machine.architecture), refuse)
    yield from ((_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _OTHER_ABI), refuse)
    for number in sorted(machine.refused):
        yield from ((_EQUAL, 0, 1, number), refuse)
    # Its flags lie in memory, which a filter does not see; where it is unknown, the C library uses `clone`.
    yield from ((_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _ERROR | errno.ENOSYS))
    # Threads may be begun, and this process may end itself.
    thread, itself = (_HAS_BITS, 1, 0, _THREAD), (_EQUAL, 1, 0, pid)
    for number, test in ((machine.clone, thread), (machine.kill, itself), (machine.tgkill, itself)):
        yield from ((_EQUAL, 0, 4, number), (_LOAD, 0, 0, _FIRST_ARGUMENT), test, refuse, allow)
    yield allow


def _seccomp(machine: _Machine, operation: int, argument: object) -> int:
    call = ctypes.CDLL(None, use_errno=True).syscall
    return int(call(ctypes.c_long(machine.seccomp), ctypes.c_uint(operation), ctypes.c_uint(0), argument))
