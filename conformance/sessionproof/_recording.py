"""From system calls to file operations: what the processes of an adapter do below one folder, in order."""

import os
import re
from collections import Counter
from dataclasses import dataclass

from sessionproof import _named
from sessionproof._disk import Chmod, Disk, Link, Make, Operation, Rename, Resize, Sync, Unlink, Write
from sessionproof._strace import NotATrace, Syscall, unquoted

_NAMES = """
open openat openat2 creat truncate ftruncate fallocate rename renameat renameat2 link linkat unlink unlinkat mkdir
mkdirat rmdir symlink symlinkat chmod fchmod fchmodat write pwrite64 writev pwritev pwritev2 copy_file_range sendfile
splice fsync fdatasync syncfs sync msync lseek dup dup2 dup3 fcntl chdir fchdir umask clone clone3 fork vfork
io_uring_setup
"""
TRACED = tuple(_NAMES.split())
"""The system calls that are recorded: all that change files, and those that tell where."""

_IOV = re.compile(r'iov_base=("(?:\\x[0-9a-f]{2})*")')
_DESCRIPTOR = re.compile(rb"/(?:proc/self|dev)/fd/([0-9]+)")
"""The path of an open file, by which one without a name gets one (open(2), O_TMPFILE)."""
_DEVICES = re.compile(rb"/(dev(?!/shm/)|proc|sys)/")
_FLAGS = re.compile(r"flags=([A-Z_|0-9a-fx]+)")


_SYNCS = frozenset({"fsync", "fdatasync"})


class Refused(Exception):  # noqa: N818 - a verdict on a trace
    """The recording does not hold what happened. The message says why."""


@dataclass(slots=True)
class _File:
    """An open file description: several descriptors may share it, and its offset."""

    inode: int
    offset: int = 0
    appends: bool = False
    synced: str = ""


@dataclass(slots=True)
class _Process:
    """What threads of one process share."""

    files: dict[int, _File]
    folder: bytes
    umask: int


class Recording:
    """Turns system calls into operations below a folder.

    `operations` are those so far; `written` are the paths anywhere that were made, removed, renamed or written to, each
    once, in order, devices aside; `said` counts the bytes that were written to the pipe of standard output, and `calls`
    the system calls, by thread and name, whether they succeeded or not. `opaque` is why nothing can be told of the
    processes any more.

    Raises:
        Refused: From `take`: something was done in the folder that a trace cannot tell.
    """

    def __init__(self, pipe: bytes, folder: bytes, umask: int) -> None:
        self._pipe, self._folder, self._umask = pipe, folder, umask
        self._processes: dict[int, _Process] = {}
        self._nameless: dict[bytes, int] = {}
        self.said = 0
        self.opaque: Refused | None = None
        self._begun: int | None = None
        self.calls = Counter[tuple[int, str]]()
        self.begin(b"/nowhere")

    def begin(self, top: bytes, disk: Disk | None = None) -> None:
        """Watch another folder, from now on; `disk` is what lies in it, nothing where it is not given."""
        self._top, self.disk, self.operations = top, disk or Disk(), list[Operation]()
        self.written = dict[bytes, None]()
        self._unfinished = dict[int, int]()
        self._next = max(self.disk.inodes) + 1

    def unfinished(self, thread: int) -> None:
        """A call of the thread has begun, and others' come before its end."""
        self._unfinished[thread] = len(self.operations)

    @property
    def elsewhere(self) -> list[bytes]:
        """Those of `written` that lie outside the folder."""
        return [path for path in self.written if self._inside(path) is None]

    @property
    def threads(self) -> frozenset[int]:
        """The numbers of all threads and processes that were seen."""
        return frozenset(self._processes)

    # -- system calls --------------------------------------------------------------------------------------------------

    def take(self, call: Syscall) -> None:
        """Add what one system call has done."""
        process = self._of(call.thread)
        # What others have written since a call began, it may have seen or not.
        self._begun = self._unfinished.pop(call.thread, None)
        self.calls[call.thread, call.name] += 1
        if call.name in {"clone", "clone3", "fork", "vfork"}:
            self._forked(call, process)
        elif call.result is None or (call.result < 0 and call.name not in _SYNCS):
            return
        elif call.name in {"write", "writev"} and call.descriptor_path(0) == self._pipe:
            self.said += call.result
        else:
            # What is opened and not written to is as it was.
            if call.name not in _named.OPENS:
                self._wrote(call, process.folder)
            try:
                getattr(self, f"_take_{_FAMILY.get(call.name, call.name)}")(call, process)
            except KeyError as error:
                raise Refused(f"`{call.name}` is about a file that the recording does not know: {error}") from error
            except (NotATrace, IndexError, ValueError) as error:
                raise Refused(f"`{call.name}` is not understood: {error}") from error

    def _wrote(self, call: Syscall, folder: bytes) -> None:
        """Note what a call that succeeded has written to."""
        paths = (path for path in _named.written(call, folder) if not _DEVICES.match(path))
        self.written.update((path.removesuffix(b" (deleted)"), None) for path in paths)

    def _of(self, thread: int) -> _Process:
        return self._processes.setdefault(thread, _Process({}, self._folder, self._umask))

    def _forked(self, call: Syscall, parent: _Process) -> None:
        if call.result is None or call.result <= 0:
            return
        found = _FLAGS.search(",".join(call.arguments))
        flags = found[1].split("|") if found else []
        shared = parent if "CLONE_FILES" in flags else _Process(dict(parent.files), parent.folder, parent.umask)
        child = self._processes.get(call.result)
        if child is not None and child is not shared:
            # The child was faster than the end of the call that made it.
            shared.files.update(child.files)
        self._processes[call.result] = shared

    def _path(self, call: Syscall, process: _Process, at: int | None, index: int) -> bytes | None:
        """The path in an argument, from the watched folder on; None where it lies elsewhere."""
        return self._inside(self._absolute(call, process, at, index))

    @staticmethod
    def _absolute(call: Syscall, process: _Process, at: int | None, index: int) -> bytes:
        path = call.text(index)
        if not path.startswith(b"/"):
            base = process.folder if at is None else (call.descriptor_path(at) or process.folder)
            if at is not None and call.arguments[at].startswith("AT_FDCWD"):
                process.folder = base
            path = base + b"/" + path
        return os.path.normpath(path)

    def _inside(self, path: bytes | None) -> bytes | None:
        if path is None or not (path + b"/").startswith(self._top + b"/"):
            return None
        return path[len(self._top) :].lstrip(b"/")

    def _do(self, operation: Operation) -> None:
        self.operations.append(operation)
        self.disk.apply(operation)

    def _inode_at(self, path: bytes) -> int:
        _, _, inode = self.disk.find(path)
        if inode is None:
            raise KeyError(path)
        return inode

    def _file(self, call: Syscall, process: _Process, index: int = 0) -> _File | None:
        """The open file of a descriptor, where it is one below the folder."""
        path = call.descriptor_path(index)
        number = call.number(index)
        if path is None or self._inside(path.removesuffix(b" (deleted)")) is None:
            process.files.pop(number, None)
            return None
        known = process.files.get(number)
        if known is None:
            inside = self._inside(path)
            if inside is None or path.endswith(b" (deleted)"):
                raise KeyError(path)
            known = process.files[number] = _File(self._inode_at(inside))
        return known

    def _new(self) -> int:
        self._next += 1
        return self._next - 1

    # -- opening -------------------------------------------------------------------------------------------------------

    def _take_open(self, call: Syscall, process: _Process) -> None:
        self._opened(call, process, self._path(call, process, None, 0), call.flags(1), _mode(call, 2))

    def _take_creat(self, call: Syscall, process: _Process) -> None:
        flags = frozenset({"O_CREAT", "O_WRONLY", "O_TRUNC"})
        self._opened(call, process, self._path(call, process, None, 0), flags, _mode(call, 1))

    def _take_openat(self, call: Syscall, process: _Process) -> None:
        self._opened(call, process, self._path(call, process, 0, 1), call.flags(2), _mode(call, 3))

    def _take_openat2(self, call: Syscall, process: _Process) -> None:
        how = call.arguments[2]
        flags, mode = re.search(r"flags=([A-Z_|]+)", how), re.search(r"mode=([0-7]+)", how)
        asked = frozenset(flags[1].split("|")) if flags else frozenset[str]()
        self._opened(call, process, self._path(call, process, 0, 1), asked, int(mode[1], 8) if mode else 0)

    def _opened(self, call: Syscall, process: _Process, path: bytes | None, flags: frozenset[str], mode: int) -> None:
        assert call.result is not None
        process.files.pop(call.result, None)
        # Where links lead is told by the path of what was opened.
        real = self._inside((call.path or b"").removesuffix(b" (deleted)"))
        if real is None:
            return
        folder, name, inode = self.disk.find(real)
        if "O_TMPFILE" in flags:
            inode = self._new()
            self._do(Make(inode, folder, b"", "file", mode & ~process.umask))
        elif inode is None:
            if "O_CREAT" not in flags or path is None:
                raise KeyError(real)
            inode = self._new()
            self._do(Make(inode, folder, name, "file", mode & ~process.umask))
        elif "O_TRUNC" in flags and self.disk.inodes[inode].content:
            self._do(Resize(inode, 0))
        synced = "all" if "O_SYNC" in flags else "data" if "O_DSYNC" in flags else ""
        process.files[call.result] = _File(inode, appends="O_APPEND" in flags, synced=synced)

    def _take_dup(self, call: Syscall, process: _Process) -> None:
        assert call.result is not None
        if call.name == "fcntl" and not call.arguments[1].startswith("F_DUPFD"):
            return
        file = self._file(call, process)
        if file is None:
            process.files.pop(call.result, None)
        else:
            process.files[call.result] = file

    def _take_chdir(self, call: Syscall, process: _Process) -> None:
        path = call.descriptor_path(0) if call.name == "fchdir" else call.text(0)
        path = path or b"."
        process.folder = os.path.normpath(path if path.startswith(b"/") else process.folder + b"/" + path)

    def _take_umask(self, call: Syscall, process: _Process) -> None:
        process.umask = int(call.arguments[0], 8)

    # -- content -------------------------------------------------------------------------------------------------------

    def _take_write(self, call: Syscall, process: _Process) -> None:
        file = self._file(call, process)
        if file is None:
            return
        assert call.result is not None
        buffers = [call.arguments[1]] if call.name in {"write", "pwrite64"} else _IOV.findall(call.arguments[1])
        data = b"".join(map(unquoted, buffers))[: call.result]
        if len(data) < call.result:
            raise NotATrace("a buffer is cut short")
        positioned = call.name in {"pwrite64", "pwritev", "pwritev2"}
        offset = call.number(3) if positioned else file.offset
        flags = call.flags(4) if call.name == "pwritev2" else frozenset[str]()
        if file.appends or "RWF_APPEND" in flags:
            offset = len(self.disk.inodes[file.inode].content)
        if data:
            self._do(Write(file.inode, offset, data))
        if not positioned or (call.name == "pwritev2" and call.number(3) == -1):
            file.offset = offset + len(data)
        if file.synced or flags & {"RWF_SYNC", "RWF_DSYNC"}:
            self._do(Sync(file.inode, data=file.synced != "all" and "RWF_SYNC" not in flags))

    def _take_lseek(self, call: Syscall, process: _Process) -> None:
        file = self._file(call, process)
        if file is not None:
            assert call.result is not None
            file.offset = call.result

    def _take_truncate(self, call: Syscall, process: _Process) -> None:
        path = self._path(call, process, None, 0)
        if path is not None:
            self._resize(self._inode_at(path), call.number(1))

    def _take_ftruncate(self, call: Syscall, process: _Process) -> None:
        file = self._file(call, process)
        if file is not None:
            self._resize(file.inode, call.number(1))

    def _take_fallocate(self, call: Syscall, process: _Process) -> None:
        file = self._file(call, process)
        if file is None:
            return
        if call.arguments[1] == "FALLOC_FL_KEEP_SIZE":
            return
        if call.arguments[1] != "0":
            raise Refused(f"space is changed by fallocate with {call.arguments[1]}")
        end = call.number(2) + call.number(3)
        self._resize(file.inode, max(end, len(self.disk.inodes[file.inode].content)))

    def _resize(self, inode: int, size: int) -> None:
        if len(self.disk.inodes[inode].content) != size:
            self._do(Resize(inode, size))

    def _take_copied(self, call: Syscall, process: _Process) -> None:
        """Bytes that go from file to file inside the kernel are in no trace."""
        names = {"sendfile": (0, 1), "copy_file_range": (2, 0), "splice": (2, 0)}
        target, source = names[call.name]
        file = self._file(call, process, target)
        if file is None or not call.result:
            return
        origin = self._file(call, process, source)
        found = re.match(r"\[([0-9]+)\]", call.arguments[2 if call.name == "sendfile" else 1])
        if origin is None or call.name == "splice":
            raise Refused(f"bytes go into a file by `{call.name}`, which a trace does not show")
        start = int(found[1]) if found else origin.offset
        data = self.disk.inodes[origin.inode].content[start : start + call.result]
        if not found:
            origin.offset += len(data)
        self._do(Write(file.inode, file.offset, data))
        file.offset += len(data)

    def _take_io_uring_setup(self, _: Syscall, __: _Process) -> None:
        self.opaque = Refused("the adapter uses io_uring, whose operations no trace shows")
        raise self.opaque

    # -- names ---------------------------------------------------------------------------------------------------------

    def _take_mkdir(self, call: Syscall, process: _Process) -> None:
        at = 0 if call.name == "mkdirat" else None
        path = self._path(call, process, at, 0 if at is None else 1)
        if path is not None:
            folder, name, _ = self.disk.find(path)
            mode = _mode(call, 1 if at is None else 2) & ~process.umask
            self._do(Make(self._new(), folder, name, "folder", mode))

    def _take_symlink(self, call: Syscall, process: _Process) -> None:
        at = 1 if call.name == "symlinkat" else None
        path = self._path(call, process, at, 1 if at is None else 2)
        if path is not None:
            folder, name, _ = self.disk.find(path)
            self._do(Make(self._new(), folder, name, "link", 0o777, call.text(0)))

    def _take_unlink(self, call: Syscall, process: _Process) -> None:
        at = 0 if call.name == "unlinkat" else None
        path = self._path(call, process, at, 0 if at is None else 1)
        if path is not None:
            folder, name, _ = self.disk.find(path)
            self._do(Unlink(folder, name))

    def _take_link(self, call: Syscall, process: _Process) -> None:
        at = call.name == "linkat"
        target = self._path(call, process, 2 if at else None, 3 if at else 1)
        if target is None:
            return
        opened = _DESCRIPTOR.fullmatch(call.text(1)) if at else None
        if opened or (at and "AT_EMPTY_PATH" in call.flags(4)):
            file = process.files.get(int(opened[1])) if opened else self._file(call, process)
            inode = None if file is None else file.inode
        else:
            source = self._path(call, process, 0 if at else None, 1 if at else 0)
            inode = None if source is None else self._inode_at(source)
        if inode is None:
            raise Refused("a file from outside is given a name in the store")
        folder, name, _ = self.disk.find(target)
        self._do(Link(folder, name, inode))

    def _take_rename(self, call: Syscall, process: _Process) -> None:
        at = call.name != "rename"
        source = self._path(call, process, 0 if at else None, 1 if at else 0)
        target = self._path(call, process, 2 if at else None, 3 if at else 1)
        if source is None and target is None:
            return
        if source is None or target is None:
            raise Refused("a file is moved into the store, or out of it")
        folder, name, _ = self.disk.find(source)
        new_folder, new_name, _ = self.disk.find(target)
        # Two names of one file: rename(2) "does nothing".
        if self._inode_at(source) != self.disk.inodes[new_folder].names.get(new_name):
            self._do(Rename(folder, name, new_folder, new_name, "RENAME_EXCHANGE" in call.flags(4)))

    def _take_chmod(self, call: Syscall, process: _Process) -> None:
        if call.name == "fchmod":
            file = self._file(call, process)
            inode = None if file is None else file.inode
        else:
            at = 0 if call.name == "fchmodat" else None
            path = self._path(call, process, at, 0 if at is None else 1)
            inode = None if path is None else self._inode_at(path)
        if inode is not None:
            self._do(Chmod(inode, _mode(call, 2 if call.name == "fchmodat" else 1)))

    # -- the disk ------------------------------------------------------------------------------------------------------

    def _take_fsync(self, call: Syscall, process: _Process) -> None:
        file = self._file(call, process)
        if file is not None:
            failed = call.result != 0
            self._do(Sync(file.inode, data=call.name == "fdatasync", failed=failed, begun=self._begun))

    def _take_sync(self, call: Syscall, _: _Process) -> None:
        # Another file system than that of the folder may be meant by a descriptor from elsewhere.
        if call.name == "sync" or self._inside(call.descriptor_path(0)) is not None:
            self._do(Sync(None, begun=self._begun))

    def _take_msync(self, call: Syscall, _: _Process) -> None:
        if "MS_SYNC" in call.flags(2):
            raise Refused("the adapter writes through shared memory (`msync`), which no trace shows")


_FAMILY = {
    **dict.fromkeys(("dup2", "dup3", "fcntl"), "dup"),
    **dict.fromkeys(("pwrite64", "writev", "pwritev", "pwritev2"), "write"),
    **dict.fromkeys(("sendfile", "copy_file_range", "splice"), "copied"),
    **dict.fromkeys(("renameat", "renameat2"), "rename"),
    **dict.fromkeys(("unlinkat", "rmdir"), "unlink"),
    **dict.fromkeys(("fchmod", "fchmodat"), "chmod"),
    **dict.fromkeys(("fdatasync",), "fsync"),
    "syncfs": "sync",
    "mkdirat": "mkdir",
    "symlinkat": "symlink",
    "linkat": "link",
    "fchdir": "chdir",
}


def _mode(call: Syscall, index: int) -> int:
    return int(call.arguments[index], 8) if index < len(call.arguments) else 0
