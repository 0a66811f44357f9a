"""What a seccomp listener gives: notices of calls that wait for the kit, their arguments read out of the caller.

A call that was stopped is told from another of the same thread by its notice. What is read of a caller holds only if
the notice is still valid afterwards: the thread may have been killed, and its number given to another.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import select
import struct
from dataclasses import dataclass

from sessionproof._syscalls import PIDFD_GETFD

# linux/seccomp.h
_RECEIVE, _SEND, _VALID, _SET_FLAGS = 0xC0502100, 0xC0182101, 0x40082102, 0x40082104
_NOTICE = struct.Struct("=QIIiIQ6Q")
_GOES_ON, _SYNC_WAKE_UP = 1, 1
_PAGE = 4096
_LONGEST_PATH = 4096


@dataclass(frozen=True, slots=True)
class Notice:
    """A call that waits: the thread that makes it, its number and arguments."""

    id: int
    thread: int
    number: int
    arguments: tuple[int, ...]


class Listener:
    """The kit's end of the filter of one adapter process and all that it starts."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        # Linux 6.6 and later: the caller goes on the processor that the kit has just left.
        with contextlib.suppress(OSError):
            fcntl.ioctl(descriptor, _SET_FLAGS, _SYNC_WAKE_UP)

    def fileno(self) -> int:
        """The descriptor, for `select`."""
        return self.descriptor

    def ready(self) -> bool:
        """Whether a notice is there."""
        return any(event & select.POLLIN for _, event in self._poll.poll(0))

    def receive(self) -> Notice | None:
        """The next notice; None where the caller was killed just now."""
        buffer = bytearray(_NOTICE.size)
        try:
            fcntl.ioctl(self.descriptor, _RECEIVE, buffer)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.EINTR}:
                return None
            raise
        id, thread, _, number, _, _, *arguments = _NOTICE.unpack(buffer)
        return Notice(id, thread, number, tuple(arguments))

    def valid(self, id: int) -> bool:
        """Whether the caller still waits for the answer to this notice."""
        try:
            fcntl.ioctl(self.descriptor, _VALID, struct.pack("=Q", id))
        except OSError:
            return False
        return True

    def go_on(self, id: int) -> None:
        """Let the kernel make the call."""
        self._send(id, 0, 0, _GOES_ON)

    def answer(self, id: int, value: int, error: int = 0) -> None:
        """Let the call return a value, or fail with an errno, without making it."""
        self._send(id, value, -error, 0)

    def _send(self, id: int, value: int, error: int, flags: int) -> None:
        try:
            fcntl.ioctl(self.descriptor, _SEND, struct.pack("=QqiI", id, value, error, flags))
        except OSError as problem:
            if problem.errno != errno.ENOENT:  # the caller was killed
                raise

    def close(self) -> None:
        """Stop listening; calls that come after this fail with ENOSYS."""
        os.close(self.descriptor)


_libc = ctypes.CDLL(None, use_errno=True)


class _Piece(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def memory(thread: int, address: int, length: int) -> bytes:
    """What lies in the memory of a thread's process, as far as it can be read.

    Raises:
        OSError: Nothing of it can be.
    """
    buffer = ctypes.create_string_buffer(length)
    here = _Piece(ctypes.cast(buffer, ctypes.c_void_p), length)
    there = _Piece(ctypes.c_void_p(address), length)
    one = ctypes.c_ulong(1)
    count = _libc.process_vm_readv(thread, ctypes.byref(here), one, ctypes.byref(there), one, ctypes.c_ulong(0))
    if count < 0:
        raise OSError(ctypes.get_errno(), "process_vm_readv")
    return buffer.raw[:count]


def text(thread: int, address: int) -> bytes:
    """The bytes up to the next NUL in the memory of a thread's process.

    Raises:
        OSError: They cannot be read, or are too many for a path.
    """
    found = b""
    while len(found) < _LONGEST_PATH:
        # Not beyond the page: what lies there may not be readable.
        piece = memory(thread, address + len(found), min(256, _PAGE - (address + len(found)) % _PAGE))
        head, nul, _ = piece.partition(b"\0")
        found += head
        if nul:
            return found
    raise OSError(errno.ENAMETOOLONG, "a path")


def descriptor_of(thread: int, number: int) -> int:
    """A descriptor for the very open file, with its offset, that a thread's process has under a number.

    Raises:
        OSError: There is none.
    """
    process = os.pidfd_open(leader(thread))
    try:
        zero = ctypes.c_ulong(0)
        got = int(_libc.syscall(ctypes.c_long(PIDFD_GETFD), process, number, zero))
    finally:
        os.close(process)
    if got < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return got


def leader(thread: int) -> int:
    """The process that a thread belongs to.

    Raises:
        OSError: It is gone.
    """
    with open(f"/proc/{thread}/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123 - proc(5)
        return next(int(line.split()[1]) for line in status if line.startswith("Tgid:"))
