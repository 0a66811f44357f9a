"""Whether a process can only wait: every thread sleeps in the kernel, in a call that something else must end.

Told from proc(5), never by time. All threads are looked at twice: one that has not run in between slept at the moment
between the two looks, and where all did, none of them was about to wake another.
"""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass

# The calls that wait, by their numbers on x86_64 and aarch64; which argument, if any, tells that they wait for a time
# only, and whether that is a pointer (waits for ever at 0) or a number (at -1).
_WAITS: dict[str, tuple[int | None, int | None, int | None, bool]] = {
    "read": (0, 63, None, False),
    "readv": (19, 65, None, False),
    "write": (1, 64, None, False),
    "writev": (20, 66, None, False),
    "open": (2, None, None, False),
    "openat": (257, 56, None, False),
    "flock": (73, 32, None, False),
    "fcntl": (72, 25, None, False),
    "futex": (202, 98, 3, True),
    "futex_waitv": (449, 449, 3, True),
    "poll": (7, None, 2, False),
    "ppoll": (271, 73, 2, True),
    "select": (23, None, 4, True),
    "pselect6": (270, 72, 4, True),
    "epoll_wait": (232, None, 3, False),
    "epoll_pwait": (281, 22, 3, False),
    "epoll_pwait2": (441, 441, 3, True),
    "accept": (43, 202, None, False),
    "accept4": (288, 242, None, False),
    "recvfrom": (45, 207, None, False),
    "recvmsg": (47, 212, None, False),
    "wait4": (61, 260, None, False),
    "waitid": (247, 95, None, False),
    "rt_sigsuspend": (130, 133, None, False),
    "rt_sigtimedwait": (128, 137, 2, True),
    "pause": (34, None, None, False),
    "semop": (65, 193, None, False),
    "semtimedop": (220, 192, 3, True),
}
_NAPS = {"nanosleep": (35, 101), "clock_nanosleep": (230, 115), "restart_syscall": (219, 128)}
_GONE = "-1 0x0 0x0"


@dataclass(frozen=True, slots=True)
class Rest:
    """What the threads of a process wait in, by the names of the calls; `timed`: one of them for a time only."""

    waits: tuple[str, ...]
    timed: bool


def resting(pid: int, column: int, held: Collection[int]) -> Rest | None:
    """What the process and its children wait in, threads that the kit holds aside; None where one of them can go on.

    `column` is that of the architecture: 0 for x86_64, 1 for aarch64.
    """
    first = _look(pid, column, held)
    if first is None or _look(pid, column, held) != first:
        return None
    waits = {wait for wait, _, _ in first.values()}
    return Rest(tuple(sorted(waits)), any(timed for _, timed, _ in first.values()))


def alone(pid: int) -> bool:
    """Whether the process has one thread and no children."""
    try:
        threads = os.stat(f"/proc/{pid}/task").st_nlink - 2  # noqa: PTH116 - hot
        return threads == 1 and not _text(f"/proc/{pid}/task/{pid}/children")
    except OSError:
        return False


def has_children(pid: int) -> bool:
    """Whether the process has started others that live."""
    try:
        return any(children for _, children in _tasks(pid))
    except OSError:
        return False


def _look(pid: int, column: int, held: Collection[int]) -> dict[int, tuple[str, bool, str]] | None:
    """What each thread waits in, and how often it has run; None where one does not wait."""
    seen: dict[int, tuple[str, bool, str]] = {}
    try:
        for thread in _threads(pid):
            if thread in held:
                continue
            call = _text(f"/proc/{thread}/syscall").split()
            if " ".join(call) == _GONE:
                continue
            wait = _wait(call, column)
            if wait is None:
                return None
            # Who has just been woken on another processor still stands in the call, but no longer sleeps.
            status = _text(f"/proc/{thread}/status")
            if "\nState:\tS" not in status:
                return None
            # A nap ends by itself, and what it wakes is then seen awake.
            runs = "" if wait[0] in _NAPS else status.partition("\nvoluntary_ctxt_switches:")[2]
            seen[thread] = *wait, runs
    except OSError:
        return None
    return seen


def _wait(call: list[str], column: int) -> tuple[str, bool] | None:
    if len(call) < 7:
        return None
    number = int(call[0])
    for name, (*numbers, timeout, pointer) in _WAITS.items():
        if numbers[column] == number:
            if timeout is None:
                return name, False
            value = int(call[1 + timeout], 16)
            return name, bool(value) if pointer else value & 0x80000000 == 0
    return next(((name, True) for name, numbers in _NAPS.items() if numbers[column] == number), None)


def _threads(pid: int) -> Iterator[int]:
    """The threads of the process and of its children."""
    waiting = [pid]
    while waiting:
        for thread, children in _tasks(waiting.pop()):
            yield thread
            waiting += children


def _tasks(pid: int) -> Iterator[tuple[int, list[int]]]:
    """Each thread of a process, and the processes that it has started and that live."""
    for name in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - hot
        yield int(name), [*map(int, _text(f"/proc/{pid}/task/{name}/children").split())]


_open: dict[str, int] = {}
_MOST_OPEN = 256
"""Files of proc(5) that stay open at most."""


def _text(path: str) -> str:
    """What a file of proc(5) says now. It stays open: a process is looked at again and again.

    Raises:
        OSError: What it tells of is gone.
    """
    descriptor = _open.get(path)
    if descriptor is not None:
        try:
            return os.pread(descriptor, 4096, 0).decode("ascii")
        except OSError:  # another may have been given its number since
            os.close(_open.pop(path))
    if len(_open) >= _MOST_OPEN:
        for old in _open.values():
            os.close(old)
        _open.clear()
    descriptor = _open[path] = os.open(path, os.O_RDONLY)
    return os.pread(descriptor, 4096, 0).decode("ascii")
