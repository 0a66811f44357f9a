"""A process whose system calls are counted and looked at, and not carried out again: what they cost, what they name.

Reads are seen too. What is read or written through mapped memory is in no system call.
"""

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, cast

from sessionproof._named import DESCRIPTORS, OPENS, PATHS, WRITES, paths
from sessionproof._recorder import RecordedProcess
from sessionproof._recording import TRACED, Recording, Refused
from sessionproof._strace import Syscall

_READS = frozenset({"read", "pread64", "readv", "preadv", "preadv2"})
_COPIES = frozenset({"sendfile", "copy_file_range", "splice"})
_SYNCS = frozenset({"fsync", "fdatasync", "syncfs", "sync_file_range"})
_FOLDERS = frozenset({"mkdir", "mkdirat", "rmdir"})
_STARTS = frozenset({"clone", "clone3", "fork", "vfork"})


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


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen since it was last taken, by absolute paths, each once, in order.

    `named` are those below the folder that calls have named, whether they succeeded or not, and whether one of them
    took it for a folder. `written` are those anywhere that were made, removed, renamed or written to, devices aside.
    """

    named: dict[Path, bool]
    written: list[Path]


class Counting(Recording):
    """Counts the system calls on what lies below a folder, whether they succeed or not."""

    def __init__(self, pipe: bytes, folder: bytes, umask: int) -> None:
        super().__init__(pipe, folder, umask)
        self.count, self.named = Count(), dict[Path, bool]()

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

    def taken(self) -> Seen:
        """What was seen since this was last asked for."""
        seen = Seen(self.named, [*map(_path, self.written)])
        self.named, self.written = dict[Path, bool](), dict[bytes, None]()
        return seen

    def _counted(self, call: Syscall, folder: bytes) -> None:
        named = [*paths(call, folder)]
        inside = [path for path in named if self._inside(path.removesuffix(b" (deleted)")) is not None]
        if call.name in PATHS:
            is_folder = call.name in _FOLDERS or "O_DIRECTORY" in "".join(call.arguments)
            for path in map(_path, inside):
                self.named[path] = is_folder or self.named.get(path, False)
        done = call.result is not None and call.result >= 0
        if done:
            self._wrote(call, folder)
        if not inside:
            return
        read, written = _moved(call) if done else (0, 0)
        opened = done and call.name in OPENS and "O_DIRECTORY" not in "".join(call.arguments)
        self.count += Count(1, int(call.name in _SYNCS and done), written, read, int(opened))


def _path(path: bytes) -> Path:
    return Path(os.fsdecode(path.removesuffix(b" (deleted)")))


def _moved(call: Syscall) -> tuple[int, int]:
    """The bytes that a call has read and written."""
    assert call.result is not None
    if call.name in _READS:
        return call.result, 0
    if call.name in WRITES:
        return 0, call.result
    return (call.result, call.result) if call.name in _COPIES else (0, 0)


class CountedProcess(RecordedProcess):
    """A running adapter under strace, of which only counts and names are kept."""

    _traced: ClassVar[tuple[str, ...]] = tuple(
        f"?{name}" for name in sorted({*TRACED, *PATHS, *DESCRIPTORS} - {"lseek"})
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
        return self._counting.taken()


class WriteCountedProcess(CountedProcess):
    """One of which only the bytes written are counted: the fewer calls are traced, the faster it goes."""

    _traced: ClassVar[tuple[str, ...]] = tuple(
        f"?{name}" for name in sorted({*WRITES, *_COPIES, *_STARTS, "io_uring_setup"})
    )
