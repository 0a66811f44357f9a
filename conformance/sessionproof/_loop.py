"""Real file systems on loop devices: work in one, let it crash, and see what its device holds.

Needs root, and a kernel that mounts them. The file systems are made and mounted by default options.
"""

import atexit
import contextlib
import ctypes
import fcntl
import functools
import os
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Literal, Self, TypeAlias, get_args

from sessionproof._disk import TOP, Chmod, Disk, Inode, Link, Make, Operation, Rename, Resize, Sync, Unlink, Write
from sessionproof._tree import memory_folder

FileSystem: TypeAlias = Literal["ext4", "xfs", "btrfs"]
FILE_SYSTEMS: tuple[FileSystem, ...] = get_args(FileSystem)
How: TypeAlias = Literal["snapshot", "snapshot-after-unrelated-fsync", "shutdown-nologflush", "shutdown-logflush"]
"""How a file system crashes: its device as it stands, copied while it is mounted; the same after a new file was synced,
which commits the journal; or the shutdown ioctl, which drops what is in memory, or writes the journal out first."""

CRASHES: Mapping[FileSystem, tuple[How, ...]] = {
    "ext4": get_args(How),
    "xfs": get_args(How),
    # Linux 6.18 has no shutdown ioctl for it.
    "btrfs": ("snapshot", "snapshot-after-unrelated-fsync"),
}

_PACKAGES = {"ext4": "e2fsprogs", "xfs": "xfsprogs", "btrfs": "btrfs-progs"}
_SIZE = 512 << 20
"""Below this mkfs.ext4 makes blocks of 1 KiB, and below 300 MiB mkfs.xfs makes nothing. The file is sparse."""
_SHUTDOWN = 0x8004587D
_FLAGS: Mapping[How, int] = {"shutdown-logflush": 1, "shutdown-nologflush": 2}
_UNRELATED = "unrelated to the program"
_LEFT_OUT = (_UNRELATED, "lost+found")
_SBIN = ":/usr/sbin:/sbin"
_RENAME_EXCHANGE = 2


class NoRealDisk(Exception):  # noqa: N818 - reads as what is lacking
    """This machine cannot make or mount the file system. The message says why."""


class UnknownFileSystem(ValueError):  # noqa: N818 - reads as what is wrong
    """No file system that the kit makes has this name."""


def file_systems(words: str) -> tuple[FileSystem, ...]:
    """The file systems that a list with commas names.

    Raises:
        UnknownFileSystem: It names another.
    """
    named = [word.strip() for word in words.split(",") if word.strip()]
    for word in named:
        if word not in FILE_SYSTEMS:
            raise UnknownFileSystem(
                f"{word!r} is no file system that the kit makes; there are {', '.join(FILE_SYSTEMS)}"
            )
    return tuple(kind for kind in FILE_SYSTEMS if kind in named)


@functools.cache
def lacking(kind: FileSystem) -> str | None:
    """What this machine lacks to mount such a file system, as a sentence with the mend; None where it can be done.

    It is tried, once in a process: in a container only that tells.
    """
    if sys.platform != "linux":
        return f"{kind} on a loop device needs Linux"
    if os.geteuid() != 0:
        return f"{kind} on a loop device needs root (try `sudo`)"
    for command, package in ((f"mkfs.{kind}", _PACKAGES[kind]), ("mount", "mount"), ("umount", "mount")):
        if _found(command) is None:
            return f"{kind} on a loop device needs {command} (Debian, Ubuntu: `apt install {package}`)"
    try:
        with RealDisk(kind):
            return None
    except NoRealDisk as refused:
        return (
            f"{kind} cannot be mounted on a loop device: {refused} "
            f"(in a container: run it with `--privileged`; else try `modprobe --all loop {kind}`)"
        )


class RealDisk:
    """A new file system, mounted at `top` while the context lasts or until it crashes.

    Two of one kind must not be mounted at a time by one process: they are copies of one image, and share its UUID.

    Args:
        kind: The file system.
        folder: Where to keep the device's file; in memory if there is room, where it is not given.

    Raises:
        NoRealDisk: It cannot be made or mounted.
    """

    def __init__(self, kind: FileSystem, folder: Path | None = None) -> None:
        self._kind: FileSystem = kind
        self._folder = Path(tempfile.mkdtemp(prefix="sessionproof-", dir=folder or memory_folder()))
        self._device = self._folder / "device"
        self.top = self._folder / "top"
        self._mounted = False

    def __enter__(self) -> Self:
        try:
            self.top.mkdir()
            _copy(_made(self._kind), self._device)
            self._mount(self._device)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._mounted:
            # Lazily: a descriptor that somebody left open must not keep the mount.
            self._unmount("--lazy")
        shutil.rmtree(self._folder)

    def settle(self) -> None:
        """Bring everything so far to the device."""
        with _opened(self.top, os.O_RDONLY) as descriptor:
            _c("syncfs", descriptor)

    def tree(self) -> Disk:
        """What lies below the top now, but for what is not of those who work in it."""
        return disk_of(self.top).without(lambda name: name.partition("/")[0] in _LEFT_OUT)

    def crash(self, how: How, kept: Iterable[int] = ()) -> Disk:
        """Crash, and mount again; what is there then. The file system is not mounted any more afterwards.

        Args:
            how: The crash.
            kept: Descriptors of files below the top that were open in it; they are closed after it.

        Raises:
            OSError: The file system has no such crash.
            NoRealDisk: It cannot be mounted any more.
        """
        left = self._device
        if how in _FLAGS:
            with _opened(self.top, os.O_RDONLY) as descriptor:
                fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _FLAGS[how]))
        else:
            if how == "snapshot-after-unrelated-fsync":
                with _opened(self.top / _UNRELATED, os.O_CREAT | os.O_WRONLY) as descriptor:
                    os.write(descriptor, b"x")
                    os.fsync(descriptor)
            # The copy takes milliseconds, and the device is written every few seconds at the most: it is of one moment.
            left = self._folder / "left"
            _copy(self._device, left)
        for descriptor in kept:
            os.close(descriptor)
        self._unmount()
        self._mount(left)
        found = self.tree()
        self._unmount()
        return found

    def _mount(self, device: Path) -> None:
        _command("mount", "-t", self._kind, "-o", "loop", str(device), str(self.top))
        self._mounted = True

    def _unmount(self, *options: str) -> None:
        # The loop device that mount(8) has set up goes with it.
        _command("umount", *options, str(self.top))
        self._mounted = False


@functools.cache
def _made(kind: FileSystem) -> Path:
    """An image of an empty file system, one for this process."""
    folder = Path(tempfile.mkdtemp(prefix="sessionproof-", dir=memory_folder()))
    atexit.register(shutil.rmtree, folder)
    made, sparse = folder / "made", folder / kind
    made.touch()
    os.truncate(made, _SIZE)
    _command(f"mkfs.{kind}", "-q", str(made))
    _copy(made, sparse)
    made.unlink()
    return sparse


def _copy(source: Path, target: Path) -> None:
    _command("cp", "--sparse=always", str(source), str(target))


def _found(command: str) -> str | None:
    return shutil.which(command, path=os.environ.get("PATH", "") + _SBIN)


def _command(name: str, *arguments: str) -> None:
    done = subprocess.run(  # noqa: S603 - the kit's own commands
        [_found(name) or name, *arguments], capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise NoRealDisk(f"`{name} {' '.join(arguments)}` says: {' '.join(done.stderr.split())}")


def disk_of(top: Path) -> Disk:
    """What lies below a folder: names, kinds, bytes and modes. Two names of one file are one inode.

    Raises:
        OSError: It cannot be read.
    """
    disk = Disk()
    known = dict[int, int]()

    def fill(folder: int, path: Path) -> None:
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            status = entry.stat(follow_symlinks=False)
            name, place, mode = os.fsencode(entry.name), Path(entry.path), stat.S_IMODE(status.st_mode)
            number = known.setdefault(status.st_ino, len(disk.inodes))
            disk.inodes[folder].names[name] = number
            if number in disk.inodes:
                continue
            if entry.is_symlink():
                disk.inodes[number] = Inode("link", mode, os.fsencode(place.readlink()))
            elif entry.is_dir():
                disk.inodes[number] = Inode("folder", mode)
                fill(number, place)
            else:
                disk.inodes[number] = Inode("file", mode, place.read_bytes())

    fill(TOP, top)
    return disk


def carry_out(operations: Iterable[Operation], top: Path, disk: Disk | None = None) -> None:
    """Do the operations with real files below a folder, where `disk` lies already; nothing where it is not given.

    The descriptor by which a file is written stays open as long as nothing but that file is used, and no longer. A
    recording does not tell where files were closed; so it is with most programs, and ext4 and btrfs write a file out
    that was emptied before when it is closed.

    Raises:
        OSError: One of them failed.
    """
    with contextlib.ExitStack() as end:
        files = _Files(top)
        end.callback(files.close)
        # The modes of the operations are those after the umask.
        end.callback(os.umask, os.umask(0))
        if disk is not None:
            files.know(disk)
        for operation in operations:
            files.carry_out(operation)


class _Files:
    """Real files by inode number: each is held by a descriptor that only stands for it, whatever its name is."""

    def __init__(self, top: Path) -> None:
        self._held = {TOP: os.open(top, os.O_PATH)}
        self._open: tuple[int, int] | None = None

    def close(self) -> None:
        """Let go of all."""
        self._leave()
        for descriptor in self._held.values():
            os.close(descriptor)

    def know(self, disk: Disk, folder: int = TOP) -> None:
        """Hold what is there already."""
        for name, number in disk.inodes[folder].names.items():
            self._hold(number, folder, name)
            if disk.inodes[number].kind == "folder":
                self.know(disk, number)

    def carry_out(self, operation: Operation) -> None:
        """Do one operation."""
        match operation:
            case Make():
                self._make(operation)
            case Write():
                self._write(operation)
            case Resize(inode=inode, size=size):
                os.ftruncate(self._writing(inode), size)
            case Link(folder=folder, name=name, inode=inode):
                self._leave()
                os.link(self._path(inode), name, dst_dir_fd=self._held[folder], follow_symlinks=True)
            case Unlink(folder=folder, name=name):
                self._unlink(self._held[folder], name)
            case Rename(exchange=exchange):
                self._leave()
                old, new = self._held[operation.folder], self._held[operation.new_folder]
                flags = _RENAME_EXCHANGE if exchange else 0
                _c("renameat2", old, operation.name, new, operation.new_name, flags)
            case Chmod(inode=inode, mode=mode):
                Path(self._path(inode)).chmod(mode)
            case Sync():
                self._sync(operation)

    def _make(self, operation: Make) -> None:
        self._leave()
        folder, name, mode = self._held[operation.folder], operation.name, operation.mode
        if operation.kind == "folder":
            os.mkdir(name, mode, dir_fd=folder)
        elif operation.kind == "link":
            os.symlink(operation.target, name, dir_fd=folder)
        else:
            way = os.O_CREAT | os.O_EXCL if name else os.O_TMPFILE
            descriptor = os.open(name or b".", way | os.O_RDWR, mode, dir_fd=folder)
            self._open = operation.inode, descriptor
            if not name:
                self._held[operation.inode] = os.open(f"/proc/self/fd/{descriptor}", os.O_PATH)
                return
        self._hold(operation.inode, operation.folder, name)

    def _write(self, operation: Write) -> None:
        descriptor, data, offset = self._writing(operation.inode), operation.data, operation.offset
        while data:
            written = os.pwrite(descriptor, data, offset)
            data, offset = data[written:], offset + written

    def _unlink(self, folder: int, name: bytes) -> None:
        self._leave()
        try:
            os.unlink(name, dir_fd=folder)
        except IsADirectoryError:
            os.rmdir(name, dir_fd=folder)

    def _sync(self, operation: Sync) -> None:
        if operation.failed:
            # Of what a failed sync leaves a healthy device can show nothing.
            return
        if operation.inode is None:
            with _opened(self._path(TOP), os.O_RDONLY) as descriptor:
                _c("syncfs", descriptor)
            return
        sync = os.fdatasync if operation.data else os.fsync
        if self._open is not None and self._open[0] == operation.inode:
            sync(self._open[1])
            return
        self._leave()
        with _opened(self._path(operation.inode), os.O_RDONLY) as descriptor:
            sync(descriptor)

    def _hold(self, number: int, folder: int, name: bytes) -> None:
        if number not in self._held:
            self._held[number] = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=self._held[folder])

    def _path(self, inode: int) -> str:
        return f"/proc/self/fd/{self._held[inode]}"

    def _writing(self, inode: int) -> int:
        if self._open is None or self._open[0] != inode:
            self._leave()
            self._open = inode, os.open(self._path(inode), os.O_RDWR)
        return self._open[1]

    def _leave(self) -> None:
        if self._open is not None:
            os.close(self._open[1])
            self._open = None


@contextlib.contextmanager
def _opened(path: Path | str, flags: int) -> Generator[int]:
    descriptor = os.open(path, flags, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _c(name: str, *arguments: int | bytes) -> None:
    """Call a function of the C library that Python has no name for."""
    if getattr(_library(), name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
