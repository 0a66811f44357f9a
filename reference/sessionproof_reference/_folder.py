"""A folder of files that several threads and processes change at once: locked, atomic, durable.

Functions that take `folder` take an open descriptor of it, so no path is resolved twice, and no link is followed.
The lock is on the folder itself. It dies with its holder, and there is no lock file to plant, to leak or to clean up.
It holds on one machine: over a network file system, `flock` on a folder fails or is no lock.
"""

import errno
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from sessionproof_reference._errors import Conflict, Corrupt

LOCK_WAIT_S = 5.0

_TEMPORARY = re.compile(r"\.sessionproof-[0-9a-f]{16}\.tmp")
_ASIDE = ".damaged"


def make(path: Path) -> None:
    """Make the folder, durably, where it is not there, and clear what writers left that died.

    The parent has to be readable: without its fsync a power loss may take the new folder.
    """
    with suppress(FileExistsError):
        path.mkdir(0o700)
    # Also where the folder was there: whoever made it may have died before this.
    with opened(path.parent) as parent:
        os.fsync(parent)
    # Temporary files live under the lock: where it is taken, one may be its holder's, and the next to open clears them.
    with suppress(Conflict), locked(path, wait_s=0) as folder:
        clear(folder)


def clear(folder: int) -> None:
    """Remove what writers left that died. Under the lock only."""
    for name in names(folder):
        if _TEMPORARY.fullmatch(name):
            with suppress(OSError):
                _discard(folder, name)


@contextmanager
def opened(path: Path) -> Generator[int]:
    """The folder, for reading. A folder that vanished is an error, not an empty one."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield folder
    finally:
        os.close(folder)


@contextmanager
def locked(path: Path, *, shared: bool = False, wait_s: float = LOCK_WAIT_S) -> Generator[int]:
    """The folder, while nobody else changes it (`shared`: while nobody changes it).

    Raises:
        Conflict: The lock could not be had within `wait_s` seconds.
    """
    with opened(path) as folder, held(folder, path, shared=shared, wait_s=wait_s):
        yield folder


@contextmanager
def held(file: int, name: str | Path, *, shared: bool = False, wait_s: float = LOCK_WAIT_S) -> Generator[None]:
    """The lock on an open file or folder of that name.

    Raises:
        Conflict: The lock could not be had within `wait_s` seconds.
    """
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Conflict(f"{name} was locked by another for {wait_s:g} s; try again") from None
            time.sleep(0.002)
    try:
        yield
    finally:
        # Closing is not enough: a child that was forked meanwhile holds the lock by its copy of the descriptor.
        fcntl.flock(file, fcntl.LOCK_UN)


def names(folder: int) -> list[str]:
    """Every name in the folder. Under a lock only: else a rename beside it can hide a name that was there all along."""
    return os.listdir(folder)


def has(folder: int, name: str) -> bool:
    """Whether anything has that name."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def is_named(folder: int, name: str, file: int) -> bool:
    """Whether the open file or folder still has that name."""
    try:
        return os.path.samestat(os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(file))
    except FileNotFoundError:
        return False


def read(folder: int, name: str, last: int | None = None) -> bytes | None:
    """The file's bytes, or the `last` so many of them; None where nothing has that name.

    Raises:
        Corrupt: It is a link, a folder, a pipe or a socket. None of them is followed or waited for.
    """
    try:
        with entry(folder, name) as file:
            size = os.fstat(file).st_size
            if last is not None:
                os.lseek(file, max(0, size - last), os.SEEK_SET)
            return rest(file, size)
    except FileNotFoundError:
        return None


def rest(file: int, size: int) -> bytes:
    """The file's bytes from where it stands; `size` is what there might be of them."""
    return b"".join(iter(lambda: os.read(file, size + 1), b""))


@contextmanager
def entry(folder: int, name: str, flags: int = os.O_RDONLY, *, is_folder: bool = False) -> Generator[int]:
    """What has that name in the folder, open.

    Raises:
        Corrupt: It is no regular file (`is_folder`: no folder). No link is followed, and no pipe waited for.
    """
    refusal = f"{name} is no {'folder' if is_folder else 'regular file'}; move it away"
    kind = os.O_DIRECTORY if is_folder else 0
    try:
        file = os.open(name, flags | kind | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        # What Linux answers for a link and for a socket; for a folder to be written; for a file that should be one.
        if error.errno in {errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.ENOTDIR}:
            raise Corrupt(refusal) from error
        raise
    try:
        if not is_folder and not stat.S_ISREG(os.fstat(file).st_mode):
            raise Corrupt(refusal)
        yield file
    finally:
        os.close(file)


def write(folder: int, name: str, data: bytes) -> None:
    """Give the name a new file with these bytes, at once and durably. Under the lock only.

    After an `OSError` the old file or the new one has the name. A retry writes a file of its own: what the page cache
    says of a file whose fsync failed is worth nothing.
    """
    with _temporary(folder, data) as temporary:
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def remove(folder: int, name: str) -> bool:
    """Take the name away, durably, and what was kept aside for it; False where nothing had it. Under the lock only."""
    with suppress(FileNotFoundError):
        os.unlink(name + _ASIDE, dir_fd=folder)
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        # Whoever removed it may have died before this.
        os.fsync(folder)
        return False
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    take_away(folder, name)
    return True


def take_away(folder: int, name: str) -> None:
    """Take the name away, durably, from a file or from a folder of files. Under the lock only."""
    temporary = _new_name()
    os.rename(name, temporary, src_dir_fd=folder, dst_dir_fd=folder)
    try:
        os.fsync(folder)
    except OSError:
        # A retry that found nothing to remove would have nothing to make durable either.
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        raise
    _discard(folder, temporary)


def keep_aside(folder: int, name: str) -> None:
    """Copy damaged bytes that will be written over. Under the lock only."""
    # What is no regular file has no bytes to keep.
    with suppress(Corrupt):
        data = read(folder, name)
        if data is not None:
            set_aside(folder, name, data)


def set_aside(folder: int, name: str, data: bytes) -> None:
    """Keep damaged bytes of the file durably; the latest only, so that nothing piles up."""
    with suppress(FileNotFoundError):
        os.unlink(name + _ASIDE, dir_fd=folder)
    create(folder, name + _ASIDE, data)


def prove_writable(folder: int) -> None:
    """Write a file and remove it. Under the lock only.

    Raises:
        OSError: One of the two cannot be done.
    """
    with _temporary(folder, b"check\n") as temporary:
        os.unlink(temporary, dir_fd=folder)
    os.fsync(folder)


def create(folder: int, name: str, data: bytes = b"", *, durably: bool = True) -> None:
    """Give the name to a new, synced file; not `durably`: the name comes with the next fsync of the folder.

    Raises:
        FileExistsError: Something has that name.
    """
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    try:
        try:
            write_all(file, data)
            os.fsync(file)
        finally:
            os.close(file)
        if durably:
            os.fsync(folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise


def write_all(file: int, data: bytes) -> None:
    """Write all of it, however much the system takes at once."""
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


@contextmanager
def new_folder(folder: int, name: str) -> Generator[int]:
    """A new folder, which gets the name at the end of the block, at once and durably. Under the lock only."""
    temporary = _new_name()
    os.mkdir(temporary, 0o700, dir_fd=folder)
    try:
        with entry(folder, temporary, is_folder=True) as inner:
            yield inner
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            _discard(folder, temporary)
        raise
    os.fsync(folder)


def _discard(folder: int, name: str) -> None:
    """Remove a file, or a folder of files."""
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        with entry(folder, name, is_folder=True) as inner:
            for inner_name in names(inner):
                os.unlink(inner_name, dir_fd=inner)
        os.rmdir(name, dir_fd=folder)


def _new_name() -> str:
    return f".sessionproof-{secrets.token_hex(8)}.tmp"


@contextmanager
def _temporary(folder: int, data: bytes) -> Generator[str]:
    """The name of a new, synced file with these bytes; removed where anything fails before the end of the block."""
    name = _new_name()
    create(folder, name, data, durably=False)
    try:
        yield name
    except BaseException:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise
