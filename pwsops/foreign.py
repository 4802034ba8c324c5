"""Files in directories that others may write: the one place that opens, makes, names and removes them.

Who may write in a directory can put a link, a pipe or a device under any name, at any moment. So a name is looked up in
a directory that is open already, a link is never followed, what is no plain file is never opened, a new file is made
under a name that nobody has, and both names of a rename are of one directory. The directory itself is its
administrator's: links on the way to it are followed. All errors are `OSError`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LOOKED_UP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
"""Where only names are looked up, the right to list them is not needed."""
_SAFE = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_NOREPLACE, _EXCHANGE = 1, 2
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}
_held: dict[str, int] = {}


class NotPlain(OSError):
    """What has the name is no plain file; `strerror` says what it is."""


def kind(mode: int) -> str:
    """Return what a file that is no plain one is called, with its article."""
    return _KINDS.get(stat.S_IFMT(mode), "no plain file")


def is_plain(mode: int) -> bool:
    """Whether a file of this mode is a plain one."""
    return stat.S_ISREG(mode)


def hold(directory: str) -> int:
    """Open a directory once for the rest of this process, whatever becomes of its own name, and return its descriptor.

    For processes that serve one request: all names in it are looked up there.
    """
    if directory not in _held:
        _held[directory] = os.open(directory, _LOOKED_UP)
    return _held[directory]


def real(directory: str) -> str:
    """Return the real path of a directory: of the one that is held under this name, whatever has the name by now."""
    if (held := _held.get(directory)) is not None:
        with suppress(OSError):  # only Linux tells, and where /proc is
            return os.readlink(f"/proc/self/fd/{held}")
    return os.path.realpath(directory)


@contextmanager
def _at(path: str) -> Iterator[tuple[int, str]]:
    """Yield a descriptor of the directory, and the name in it."""
    directory, name = os.path.split(path)
    if (held := _held.get(directory)) is not None:
        yield held, name
        return
    fd = os.open(directory or os.curdir, _LOOKED_UP)
    try:
        yield fd, name
    finally:
        os.close(fd)


@contextmanager
def _both_at(one: str, other: str) -> Iterator[tuple[int, str, str]]:
    directory, name = os.path.split(other)
    if os.path.dirname(one) != directory:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), other)
    with _at(one) as (fd, first):
        yield fd, first, name


def facts(path: str) -> os.stat_result:
    """Return what the system tells of a name, a link's own facts where it is one."""
    with _at(path) as (fd, name):
        return os.stat(name, dir_fd=fd, follow_symlinks=False)


def exists(path: str) -> bool:
    """Whether anything has that name, a broken link included; False too where the directory cannot be searched."""
    try:
        facts(path)
    except OSError:
        return False
    return True


def open_plain(path: str) -> int:
    """Open a plain file for reading; what is none is not even opened: a pipe waits, and a device may do something.

    Raises
    ------
    NotPlain
        For anything else, links included.
    """
    return _opened(path, os.O_RDONLY)


def open_to_change(path: str) -> int:
    """Open a plain file that is there for reading and writing; raises as `open_plain`."""
    return _opened(path, os.O_RDWR)


def _opened(path: str, access: int) -> int:
    with _at(path) as (fd, name):
        _require_plain(os.stat(name, dir_fd=fd, follow_symlinks=False), path)
        return _checked(os.open(name, access | _SAFE, dir_fd=fd), path)


def _require_plain(found: os.stat_result, path: str) -> None:
    if not is_plain(found.st_mode):
        raise NotPlain(errno.EINVAL, f"it is {kind(found.st_mode)}, not a plain file", path)


def _checked(opened: int, path: str) -> int:
    try:
        _require_plain(os.fstat(opened), path)  # it may have been exchanged since the look
    except OSError:
        os.close(opened)
        raise
    return opened


def read(path: str, limit: int) -> bytes:
    """Return the first `limit` bytes of a plain file; raises as `open_plain`."""
    with os.fdopen(open_plain(path), "rb") as stream:
        return stream.read(limit)


def create(path: str, mode: int = 0o640) -> int:
    """Make a file that was not there, open for reading and writing; `FileExistsError` where anything has the name."""
    with _at(path) as (fd, name):
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFE, mode, dir_fd=fd)


def open_lock(path: str, mode: int = 0o660) -> int:
    """Open a file whose lock means something to all of us, and make it where it is missing."""
    with _at(path) as (fd, name):
        return _checked(os.open(name, os.O_RDWR | os.O_CREAT | _SAFE, mode, dir_fd=fd), path)


def unlink(path: str) -> None:
    """Remove a name."""
    with _at(path) as (fd, name):
        os.unlink(name, dir_fd=fd)


def make_directory(path: str, mode: int = 0o700) -> None:
    """Make a directory that was not there; `FileExistsError` where anything has the name."""
    with _at(path) as (fd, name):
        os.mkdir(name, mode, dir_fd=fd)


def remove_directory(path: str) -> None:
    """Remove a directory with the files in it; a link in its place is not followed, and directories in it stay."""
    with _at(path) as (above, name):
        fd = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
        try:
            for each in os.listdir(fd):
                with suppress(FileNotFoundError):  # who wrote it may tidy up as well
                    os.unlink(each, dir_fd=fd)
        finally:
            os.close(fd)
        os.rmdir(name, dir_fd=above)


def replace(old: str, new: str) -> None:
    """Rename within one directory; what has the new name goes."""
    with _both_at(old, new) as (fd, first, second):
        os.replace(first, second, src_dir_fd=fd, dst_dir_fd=fd)


def rename(old: str, new: str) -> None:
    """Rename within one directory to a name of our own, which nobody else has."""
    with _both_at(old, new) as (fd, first, second):
        os.rename(first, second, src_dir_fd=fd, dst_dir_fd=fd)


def link(old: str, new: str) -> None:
    """Add a name in the same directory; `FileExistsError` where anything has it. A link is not followed."""
    with _both_at(old, new) as (fd, first, second):
        os.link(first, second, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)


def rename_new(old: str, new: str) -> None:
    """Rename to a name that nobody has; `FileExistsError` where somebody has it, `OSError` where that cannot be."""
    _renameat2(old, new, _NOREPLACE)


def exchange(one: str, other: str) -> None:
    """Let two files swap their names in one step; `OSError` where the system or file system cannot."""
    _renameat2(one, other, _EXCHANGE)


def _renameat2(old: str, new: str, flags: int) -> None:
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:  # not Linux, or a C library of before 2018
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), old)
    with _both_at(old, new) as (fd, first, second):
        if call(fd, os.fsencode(first), fd, os.fsencode(second), flags) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), new)


def sync_directory(directory: str) -> None:
    """Make names in a directory durable."""
    fd = os.open(directory or os.curdir, _DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def is_at(fd: int, path: str) -> bool:
    """Whether the open file has that name now."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(fd), facts(path))
    return False
