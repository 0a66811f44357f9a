"""What a system call names, by its arguments: paths, and open files; and whether it writes to them."""

import os
import re
from collections.abc import Iterable, Iterator

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
PATHS: dict[str, tuple[tuple[int | None, int], ...]] = {
    **dict.fromkeys(_BY_PATH.split(), ((None, 0),)),
    **dict.fromkeys(_BY_FOLDER_AND_PATH.split(), ((0, 1),)),
    **dict.fromkeys(("rename", "link"), ((None, 0), (None, 1))),
    **dict.fromkeys(("renameat", "renameat2", "linkat"), ((0, 1), (2, 3))),
    "symlink": ((None, 1),),
    "symlinkat": ((1, 2),),
}
"""Where a call has its paths: the argument with the folder that each is relative to, and the path's."""
DESCRIPTORS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(_BY_DESCRIPTOR.split(), (0,)),
    "sendfile": (0, 1),
    "copy_file_range": (2, 0),
    "splice": (2, 0),
}
"""Where a call has the open files that it is about, the one that it changes first."""
WRITES = frozenset({"write", "pwrite64", "writev", "pwritev", "pwritev2"})
OPENS = frozenset({"open", "openat", "openat2", "creat"})
_CHANGES = frozenset({*PATHS, *DESCRIPTORS}) - {*_LOOKS.split()}
"""Calls that write to what they name; of those that open, the flags tell. Of modes, owners and times SEC-4 speaks."""
_CHANGING_FLAGS = frozenset({"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"})
_FLAGS = re.compile(r"O_[A-Z]+")
_STANDARD = frozenset({1, 2})


def paths(call: Syscall, folder: bytes) -> Iterator[bytes]:
    """The paths that a call names, and those of the open files that it is about, absolute."""
    yield from _spelled(call, folder)
    yield from _opened(call, DESCRIPTORS.get(call.name, ()))


def written(call: Syscall, folder: bytes) -> Iterator[bytes]:
    """Those of `paths` that the call, which succeeded, may have written to; standard output and error are the kit's."""
    if _changes(call):
        yield from _spelled(call, folder)
        yield from _opened(call, DESCRIPTORS.get(call.name, ())[:1])


def _spelled(call: Syscall, folder: bytes) -> Iterator[bytes]:
    for at, index in PATHS.get(call.name, ()):
        if index >= len(call.arguments) or not call.arguments[index].startswith('"'):
            continue
        base = folder if at is None else (call.descriptor_path(at) or folder)
        path = call.text(index)
        yield os.path.normpath(path if path.startswith(b"/") else base + b"/" + path)


def _opened(call: Syscall, descriptors: Iterable[int]) -> Iterator[bytes]:
    for index in descriptors:
        path = call.descriptor_path(index)
        if path is not None and path.startswith(b"/"):
            yield path


def _changes(call: Syscall) -> bool:
    if call.name in OPENS - {"creat"}:
        return not _CHANGING_FLAGS.isdisjoint(_FLAGS.findall(" ".join(call.arguments[1:])))
    return call.name in _CHANGES and not (call.name in WRITES and call.number(0) in _STANDARD)
