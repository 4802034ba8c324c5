"""The disks of the server: directories and files that exist in memory only."""

from __future__ import annotations

import ntpath
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from types import ModuleType

from tests.standin.server.clock import ServerClock
from tests.standin.server.media import Media

GB = 1 << 30


class OsError(Exception):
    """The operating system refuses, with the code that Windows has for it."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass
class Volume:
    """A drive, a mount point or a share."""

    root: str
    total_bytes: int = 500 * GB
    free_bytes: int = 200 * GB


@dataclass
class File:
    """A file. `content` is media, an exported certificate, or nothing that matters."""

    path: str
    size_bytes: int
    modified_at: datetime
    content: object = None


@dataclass
class Files:
    """What the service account of the server sees of its disks."""

    flavour: str
    clock: ServerClock
    volumes: list[Volume] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    """Directories and files that the service account may not touch (5)."""
    locked: set[str] = field(default_factory=set)
    """Files that another process holds open (32)."""
    opened: set[str] = field(default_factory=set)
    """Media that a backup is being written to: nobody else may open them (32)."""
    _files: dict[str, File] = field(default_factory=dict)
    _directories: dict[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> ModuleType:
        return ntpath if self.flavour == "windows" else posixpath

    def key(self, path: str) -> str:
        """Return what two names of one file have in common: Windows does not look at case."""
        normal: str = self.paths.normpath(path)
        return normal.casefold() if self.flavour == "windows" else normal

    def parent(self, path: str) -> str:
        """Return the directory that a path is in."""
        head: str = self.paths.dirname(self.paths.normpath(path))
        return head

    def add_volume(self, root: str, *, total_bytes: int = 500 * GB, free_bytes: int = 200 * GB) -> Volume:
        r"""Let there be a drive (`D:\`), a mount point or a share (`\\nas\backup`)."""
        volume = Volume(root=root, total_bytes=total_bytes, free_bytes=free_bytes)
        self.volumes.append(volume)
        self.make_directory(root)
        return volume

    def volume_of(self, path: str) -> Volume | None:
        """Return the volume whose root is the longest that a path begins with."""
        key = self.key(path)
        fitting = [one for one in self.volumes if key.startswith(self.key(one.root))]
        return max(fitting, key=lambda one: len(one.root), default=None)

    def make_directory(self, path: str) -> str:
        """Make a directory and all above it."""
        key = self.key(path)
        while key not in self._directories:
            self._directories[key] = self.paths.normpath(path)
            path = self.parent(path)
            key = self.key(path)
        return path

    def is_directory(self, path: str) -> bool:
        return self.key(path) in self._directories

    def get(self, path: str) -> File | None:
        """Return a file, whoever may read it."""
        return self._files.get(self.key(path))

    def __contains__(self, path: str) -> bool:
        return self.key(path) in self._files

    def put(self, path: str, size_bytes: int = 0, content: object = None) -> File:
        """Write a file, unseen by the rights and the space of the service account."""
        file = File(
            path=self.paths.normpath(path), size_bytes=size_bytes, modified_at=self.clock.now(), content=content
        )
        self._files[self.key(path)] = file
        return file

    def remove(self, path: str) -> None:
        """Take a file away, or a directory with all that is in it."""
        inside = self.key(path) + self.paths.sep
        for table in (self._files, self._directories):
            for key in [key for key in table if key == self.key(path) or key.startswith(inside)]:
                table.pop(key)

    def check_readable(self, path: str) -> File:
        """Open a file as the service account; raises `OsError`."""
        self._check_directory(path)
        file = self.get(path)
        if file is None:
            raise OsError(5 if self.is_directory(path) else 2)
        self._check_free_to_use(path)
        return file

    def check_writable(self, path: str) -> None:
        """Raise `OsError` where the service account could not write a file of this name."""
        self._check_directory(path)
        if self.is_directory(path):
            raise OsError(5)
        self._check_free_to_use(path)

    def write(self, path: str, size_bytes: int, content: object) -> File:
        """Write a file as the service account: the rights and the space count; raises `OsError`."""
        self.check_writable(path)
        old = self.get(path)
        volume = self.volume_of(path)
        more = size_bytes - (old.size_bytes if old else 0)
        if volume is not None:
            if more > volume.free_bytes:
                raise OsError(112)
            volume.free_bytes -= more
        return self.put(path, size_bytes, content)

    def delete(self, path: str) -> None:
        """Delete a file as the service account; raises `OsError`."""
        file = self.check_readable(path)
        volume = self.volume_of(path)
        if volume is not None:
            volume.free_bytes += file.size_bytes
        self.remove(path)

    def _check_directory(self, path: str) -> None:
        if path.startswith("\\\\") and self.flavour == "windows":
            self._check_share(path)
        if not self.is_directory(self.parent(path)):
            raise OsError(3)
        if self.is_denied(self.parent(path)):
            raise OsError(5)

    def _check_share(self, path: str) -> None:
        share, _ = ntpath.splitdrive(path)
        host = share.split("\\")[2]
        known = [volume.root for volume in self.volumes if volume.root.startswith("\\\\")]
        if not any(root.split("\\")[2].casefold() == host.casefold() for root in known):
            raise OsError(53)
        if not any(self.key(root) == self.key(share) for root in known):
            raise OsError(67)

    def _check_free_to_use(self, path: str) -> None:
        if self.is_denied(path):
            raise OsError(5)
        if any(self.key(one) == self.key(path) for one in self.locked | self.opened):
            raise OsError(32)

    def is_denied(self, path: str) -> bool:
        return any(self.key(one) == self.key(path) for one in self.denied)

    def listing(self, directory: str) -> Iterator[tuple[str, bool, File | None]]:
        """Return what is in a directory: name, whether it is a directory, and the file."""
        key = self.key(directory)
        for path in sorted(self._directories.values()):
            if self.key(path) != key and self.key(self.parent(path)) == key:
                yield self.paths.basename(path), True, None
        for file in sorted(self._files.values(), key=lambda one: one.path):
            if self.key(self.parent(file.path)) == key:
                yield self.paths.basename(file.path), False, file

    def media(self, path: str) -> Media:
        """Return the media in a file, for a test to look at or to spoil."""
        file = self._files[self.key(path)]
        assert isinstance(file.content, Media)
        return file.content

    def damage(self, path: str, position: int | None = None) -> None:
        """Change a byte in the middle of a media file: in one set, or in all."""
        media = self.media(path)
        media.damaged.update(range(1, len(media.sets) + 1) if position is None else {position})

    def damage_header(self, path: str) -> None:
        """Change a byte of the media header: nothing can be read any more."""
        self.media(path).header_damaged = True

    def truncate(self, path: str) -> None:
        """Cut a media file in the middle of its last set."""
        media = self.media(path)
        media.truncated = True
        file = self._files[self.key(path)]
        file.size_bytes //= 2
