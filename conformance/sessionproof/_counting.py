"""A process whose system calls are counted and looked at, and not carried out again: what they cost, what they name.

Reads are seen too. What is read or written through mapped memory is in no system call.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar, cast

from sessionproof._recorder import RecordedProcess
from sessionproof._recording import TRACED, Recording, Refused
from sessionproof._strace import Syscall

_BY_PATH = """
open creat truncate mkdir rmdir unlink chmod chown lchown stat lstat access readlink statfs mknod utime utimes setxattr
lsetxattr removexattr
"""
_BY_FOLDER_AND_PATH = """
openat openat2 mkdirat unlinkat fchmodat fchmodat2 fchownat newfstatat statx faccessat faccessat2 readlinkat mknodat
utimensat futimesat
"""
_BY_DESCRIPTOR = """
read pread64 readv preadv preadv2 write pwrite64 writev pwritev pwritev2 fsync fdatasync syncfs sync_file_range
getdents getdents64 fstat ftruncate fallocate close flock fchmod fchown fstatfs fsetxattr
"""
_LOOKS = """
open openat openat2 stat lstat access readlink statfs newfstatat statx faccessat faccessat2 readlinkat read pread64
readv preadv preadv2 fsync fdatasync syncfs sync_file_range getdents getdents64 fstat close flock fstatfs chmod fchmod
fchmodat fchmodat2 chown lchown fchown fchownat utime utimes utimensat futimesat setxattr lsetxattr fsetxattr
removexattr
"""
_PATHS: dict[str, tuple[tuple[int | None, int], ...]] = {
    **dict.fromkeys(_BY_PATH.split(), ((None, 0),)),
    **dict.fromkeys(_BY_FOLDER_AND_PATH.split(), ((0, 1),)),
    **dict.fromkeys(("rename", "link"), ((None, 0), (None, 1))),
    **dict.fromkeys(("renameat", "renameat2", "linkat"), ((0, 1), (2, 3))),
    "symlink": ((None, 1),),
    "symlinkat": ((1, 2),),
}
"""Where a call has its paths: the argument with the folder that each is relative to, and the path's."""
_DESCRIPTORS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(_BY_DESCRIPTOR.split(), (0,)),
    "sendfile": (0, 1),
    "copy_file_range": (2, 0),
    "splice": (2, 0),
}
"""Where a call has the open files that it is about, the one that it changes first."""
_READS = frozenset({"read", "pread64", "readv", "preadv", "preadv2"})
_WRITES = frozenset({"write", "pwrite64", "writev", "pwritev", "pwritev2"})
_COPIES = frozenset({"sendfile", "copy_file_range", "splice"})
_SYNCS = frozenset({"fsync", "fdatasync", "syncfs", "sync_file_range"})
_OPENS = frozenset({"open", "openat", "openat2", "creat"})
_CHANGES = frozenset({*_PATHS, *_DESCRIPTORS}) - {*_LOOKS.split()}
"""Calls that write to what they name; of those that open, the flags tell. Of modes, owners and times SEC-4 speaks."""
_CHANGING_FLAGS = frozenset({"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"})
_FLAGS = re.compile(r"O_[A-Z]+")
_FOLDERS = frozenset({"mkdir", "mkdirat", "rmdir"})
_DEVICES = re.compile(rb"/(dev(?!/shm/)|proc|sys)/")
_STARTS = frozenset({"clone", "clone3", "fork", "vfork"})
_STANDARD = frozenset({1, 2})


@dataclass(frozen=True, slots=True)
class Count:
    """What calls on files of a store come to; bytes are those that the kernel has taken or given."""

    system_calls: int = 0
    fsyncs: int = 0
    bytes_written: int = 0
    bytes_read: int = 0
    files_opened: int = 0

    def __sub__(self, earlier: "Count") -> "Count":
        return Count(*(getattr(self, one.name) - getattr(earlier, one.name) for one in fields(Count)))

    def __add__(self, other: "Count") -> "Count":
        return Count(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Count)))


@dataclass(slots=True)
class Seen:
    """What was seen since it was last taken, by absolute paths, each once, in order.

    `named` are those below the folder that calls have named, whether they succeeded or not, and whether one of them
    took it for a folder. `written` are those anywhere that were made, removed, renamed or written to, devices aside.
    """

    named: dict[Path, bool] = field(default_factory=dict[Path, bool])
    written: dict[Path, None] = field(default_factory=dict[Path, None])


class Counting(Recording):
    """Counts the system calls on what lies below a folder, whether they succeed or not."""

    def __init__(self, pipe: bytes, folder: bytes, umask: int) -> None:
        super().__init__(pipe, folder, umask)
        self.count, self.seen = Count(), Seen()

    def take(self, call: Syscall) -> None:
        """Count one system call."""
        process = self._of(call.thread)
        if call.name in _STARTS:
            self._forked(call, process)
        elif call.name == "io_uring_setup":
            self.opaque = Refused("the adapter uses io_uring, whose operations no trace shows")
            raise self.opaque
        elif call.name in {"write", "writev"} and call.result is not None and call.descriptor_path(0) == self._pipe:
            self.said += max(0, call.result)
        elif call.name in {"chdir", "fchdir"}:
            if call.result == 0:
                self._take_chdir(call, process)
        else:
            self._counted(call, process.folder)

    def _counted(self, call: Syscall, folder: bytes) -> None:
        paths = [*_paths(call, folder)]
        inside = [path for path in paths if self._inside(path.removesuffix(b" (deleted)")) is not None]
        if call.name in _PATHS:
            is_folder = call.name in _FOLDERS or "O_DIRECTORY" in "".join(call.arguments)
            for path in map(_path, inside):
                self.seen.named[path] = is_folder or self.seen.named.get(path, False)
        done = call.result is not None and call.result >= 0
        if done and _changes(call):
            self.seen.written.update((_path(path), None) for path in paths if not _DEVICES.match(path))
        if not inside:
            return
        read, written = _moved(call) if done else (0, 0)
        opened = done and call.name in _OPENS and "O_DIRECTORY" not in "".join(call.arguments)
        self.count += Count(1, int(call.name in _SYNCS and done), written, read, int(opened))


def _paths(call: Syscall, folder: bytes) -> Iterator[bytes]:
    """The paths that a call names, and those of the open files that it is about, absolute."""
    for at, index in _PATHS.get(call.name, ()):
        if index >= len(call.arguments) or not call.arguments[index].startswith('"'):
            continue
        base = folder if at is None else (call.descriptor_path(at) or folder)
        path = call.text(index)
        yield os.path.normpath(path if path.startswith(b"/") else base + b"/" + path)
    for index in _DESCRIPTORS.get(call.name, ()):
        opened = call.descriptor_path(index)
        if opened is not None and opened.startswith(b"/"):
            yield opened


def _changes(call: Syscall) -> bool:
    """Whether the call, which succeeded, may have written to what it names; standard output and error are the kit's."""
    if call.name in _OPENS - {"creat"}:
        return not _CHANGING_FLAGS.isdisjoint(_FLAGS.findall(" ".join(call.arguments[1:])))
    return call.name in _CHANGES and not (call.name in _WRITES and call.number(0) in _STANDARD)


def _path(path: bytes) -> Path:
    return Path(os.fsdecode(path.removesuffix(b" (deleted)")))


def _moved(call: Syscall) -> tuple[int, int]:
    """The bytes that a call has read and written."""
    assert call.result is not None
    if call.name in _READS:
        return call.result, 0
    if call.name in _WRITES:
        return 0, call.result
    return (call.result, call.result) if call.name in _COPIES else (0, 0)


class CountedProcess(RecordedProcess):
    """A running adapter under strace, of which only counts and names are kept."""

    _traced: ClassVar[tuple[str, ...]] = tuple(
        f"?{name}" for name in sorted({*TRACED, *_PATHS, *_DESCRIPTORS} - {"lseek"})
    )
    # Paths are whole, and of what is written only the length counts.
    _longest: ClassVar[int] = 4_096

    @staticmethod
    def _taker(pipe: bytes, folder: bytes, umask: int) -> Recording:
        return Counting(pipe, folder, umask)

    @property
    def _counting(self) -> Counting:
        return cast("Counting", self._recording)

    @property
    def count(self) -> int:
        """How many system calls there were on files of the folder."""
        return self._counting.count.system_calls

    def counted(self) -> Count:
        """What the calls so far come to, once the process is quiet.

        Raises:
            Refused: The process does what no trace shows.
        """
        self.settle()
        if self._failed is not None:
            raise self._failed
        return self._counting.count

    def seen(self) -> Seen:
        """What was seen since this was last asked for."""
        self.counted()
        seen, self._counting.seen = self._counting.seen, Seen()
        return seen


class WriteCountedProcess(CountedProcess):
    """One of which only the bytes written are counted: the fewer calls are traced, the faster it goes."""

    _traced: ClassVar[tuple[str, ...]] = tuple(
        f"?{name}" for name in sorted({*_WRITES, *_COPIES, *_STARTS, "io_uring_setup"})
    )
