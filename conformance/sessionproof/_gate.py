"""An adapter process whose file-system calls stop before they are made, until the kit lets each go on.

    gate = GatedProcess(launch)              # NoGate where the machine refuses
    gate.call(...)                           # as of any adapter: nothing is held
    gate.hold(folder)                        # from now on calls on paths in the folder (and the folder itself) stop
    gate.ask(call)                           # send a request, wait for nothing
    match gate.wait():                       # the next thing that happens
        case Held() as held: ...             # a call stands before the kernel: exactly one of
            gate.go_on(held)                 #   the kernel makes it
            gate.fail(held, errno.ENOSPC)    #   it fails, and is not made
            gate.write_some(held, 100)       #   a true short write: 100 bytes are written, and it returns 100
            gate.answer(held, 0)             #   it returns a value, and is not made
            gate.die()                       #   the process dies here
        case outcome: ...                    # the answer, the death or the silence of the adapter
    gate.let_go()                            # everything held goes on, and nothing is held any more

One listener serves all threads of the adapter and all that it starts. Calls on other paths go on at once, and so do
naps, but for those of a thread that has made held calls, which `settle` leaves held. Several adapters at once:
`settle` waits until nothing moves. Then each thread is held (`held`), or waits for what is not in its hands (`rest`),
and what was answered is in `answers`. The deadline of a request stands still while the kit has the process held: only
the time spent in `wait` and `settle` counts.

Stopping calls takes seccomp user notification (Linux 5.19; no privileges) and process_vm_readv(2).
"""

import os
import platform
import select
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from sessionproof import _locks, _notices, _resting
from sessionproof._client import AdapterFault, AdapterProcess, Launch
from sessionproof._locks import Lock
from sessionproof._notices import Listener, Notice
from sessionproof._protocol import Call, Outcome, Silence
from sessionproof._syscalls import AT_FDCWD, MACHINES, SLEEPS, by_number, program

_MACHINE = MACHINES.get(platform.machine())
_CALLS = {} if _MACHINE is None else by_number(_MACHINE)
_FIRST_LOOK, _LONGEST_LOOK = 0.0002, 0.005
"""Seconds after which a process that does not report is looked at; each time it moves, twice as many."""


class NoGate(Exception):  # noqa: N818 - reads as what is lacking
    """This machine does not let the kit stop system calls. The message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Held:
    """A call that stands before the kernel.

    `paths` are absolute, without `..`: those that it names, or of the open files that it is about. `flags` are those of
    an `open`. A nap has no paths.
    """

    notice: int
    thread: int
    name: str
    arguments: tuple[int, ...]
    paths: tuple[str, ...] = ()
    flags: int = 0
    lock: Lock | None = None

    @property
    def naps(self) -> bool:
        """Whether the thread lets time pass."""
        return self.name in SLEEPS


def lacking() -> str | None:
    """What stopping system calls lacks on this machine, as a sentence; None where it can be done."""
    if _MACHINE is None or sys.platform != "linux":
        return f"stopping system calls is known for Linux on {' and '.join(MACHINES)}, not {platform.machine()}"
    try:
        GatedProcess(Launch((sys.executable, "-I", "-S", "-c", _ANSWERS), Path("/"))).end()
    except NoGate as reason:
        return str(reason)
    return None


class GatedProcess(AdapterProcess):
    """A running adapter behind a gate.

    Raises:
        NoGate: The machine does not let the kit stop system calls.
        AdapterFault: As for any adapter.
    """

    def __init__(self, launch: Launch) -> None:
        if _MACHINE is None:
            raise NoGate(f"it is not known how to stop system calls on {platform.machine()}")
        self.held: dict[int, Held] = {}
        self.answers: dict[int, Outcome] = {}
        self.rest: _resting.Rest | None = None
        self._asked: dict[int, Call] = {}
        self._waited = 0.0
        self._folder = b""
        self._workers: set[int] = set()
        self._free, self._lock, self._closing = threading.Event(), threading.Lock(), os.eventfd(0)
        self._free.set()
        self._closed = self._silent = False
        self._listener: Listener | None = None
        self._refusal = ""
        kit, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kit.send(program(_MACHINE))
        self._doorman = threading.Thread(target=self._open_doors, args=(kit,), daemon=True)
        self._doorman.start()
        self._inherited = (theirs.fileno(),)
        launcher = (sys.executable, "-I", "-S", str(Path(__file__).with_name("_gated.py")))
        words = (*launcher, str(theirs.fileno()), str(_MACHINE.seccomp), *launch.command)
        try:
            super().__init__(replace(launch, command=words))
        except AdapterFault as fault:
            if self._refusal:
                raise NoGate(f"the kernel or the container refuses to stop system calls: {self._refusal}") from fault
            raise
        finally:
            theirs.close()
        self.launch = launch

    # -- while nobody holds: another thread of the kit lets everything go on -------------------------------------------

    def _open_doors(self, kit: socket.socket) -> None:
        with kit:
            said, descriptors, *_ = socket.recv_fds(kit, 1 << 12, 1)
        if not descriptors:
            self._refusal = said.decode()
            return
        listener = self._listener = Listener(descriptors[0])
        watch = select.poll()
        watch.register(listener, select.POLLIN)
        watch.register(self._closing, select.POLLIN)
        while True:
            self._free.wait()
            events = dict(watch.poll())
            if self._closing in events or events.get(listener.descriptor, 0) & select.POLLHUP:
                return
            with self._lock:
                if self._free.is_set() and listener.ready() and (notice := listener.receive()) is not None:
                    listener.go_on(notice.id)

    def hold(self, folder: Path) -> None:
        """Stop every call on a path in the folder from now on, and those on the folder itself."""
        self._folder = os.fsencode(folder.resolve())
        self._free.clear()
        with self._lock:
            self._workers.clear()

    def let_go(self) -> None:
        """Let everything that is held go on, and hold nothing more."""
        for held in list(self.held.values()):
            self.go_on(held)
        self._free.set()

    # -- what is held --------------------------------------------------------------------------------------------------

    def go_on(self, held: Held) -> None:
        """Let the kernel make the call."""
        self._taken(held).go_on(held.notice)

    def fail(self, held: Held, error: int) -> None:
        """Let the call fail with an errno; it is not made."""
        self._taken(held).answer(held.notice, 0, error)

    def answer(self, held: Held, value: int) -> None:
        """Let the call return a value; it is not made."""
        self._taken(held).answer(held.notice, value)

    def write_some(self, held: Held, count: int) -> None:
        """Write the first bytes of a `write` or `pwrite64`, and let it return their number.

        Raises:
            OSError: They cannot be written.
        """
        number, address, length, offset, *_ = held.arguments
        data = _notices.memory(held.thread, address, min(count, length))
        descriptor = _notices.descriptor_of(held.thread, number)
        try:
            written = os.write(descriptor, data) if held.name == "write" else os.pwrite(descriptor, data, offset)
        finally:
            os.close(descriptor)
        self.answer(held, written)

    def die(self) -> None:
        """End the process at what it is held at; its requests end in silence."""
        self.held.clear()
        self._stop()
        self._fall_silent(self._death())

    def _taken(self, held: Held) -> Listener:
        assert self._listener is not None
        del self.held[held.notice]
        self.rest = None
        return self._listener

    # -- requests ------------------------------------------------------------------------------------------------------

    def ask(self, call: Call) -> int:
        """Send a request; its number, under which the outcome will stand in `answers`."""
        self._waited, self.rest = 0.0, None
        silence = self._request(call)
        self._asked[self._number] = call
        if silence is not None:
            self._fall_silent(silence)
        return self._number

    def wait(self) -> Held | Outcome:
        """The next thing that happens to the request that was asked last: a held call, or its outcome."""
        number = self._number
        while True:
            for held in list(self.held.values()):
                if not held.naps:
                    return held
                self.go_on(held)
            if number in self.answers:
                return self.answers.pop(number)
            self._listen(_LONGEST_LOOK)

    def settle(self) -> None:
        """Go on until nothing moves by itself, or a request is answered."""
        assert _MACHINE is not None
        patience, self.rest = 0.0 if self.rest or self.held else _FIRST_LOOK, None
        while not self.answers and not self._silent:
            if self.held and _resting.alone(self.pid):
                return
            if self._listen(patience):
                # What holds one thread is the news: whether all others are at rest shows at once.
                patience = 0.0 if self.held else patience
                continue
            threads = {held.thread for held in self.held.values()}
            rest = _resting.resting(self.pid, _MACHINE.column, threads)
            if rest is not None and not self._listen(0):
                self.rest = rest
                return
            patience = min(max(patience, _FIRST_LOOK) * 2, _LONGEST_LOOK)

    @property
    def has_children(self) -> bool:
        """Whether it has started processes that live: they may do something also where nothing is asked of it."""
        return self.alive and _resting.has_children(self.pid)

    def moves(self, seconds: float) -> bool:
        """Let some time pass at most; whether a call was held then, or a request answered."""
        self._listen(seconds)
        return bool(self.held or self.answers)

    def give_up(self) -> None:
        """Let the deadline of what it was asked pass at once."""
        if self.alive:
            self._fall_silent(self._hang())

    def _listen(self, seconds: float) -> bool:
        """Take what comes within some seconds; whether anything came."""
        assert self._listener is not None
        assert self._process.stdout is not None
        output, started = self._process.stdout.fileno(), time.monotonic()
        holding = not self._free.is_set()
        watched = [output, *([self._listener.descriptor] if holding else [])]
        ready = select.select(watched, [], [], seconds)[0]
        some = False
        while holding and self._listener.ready():
            notice = self._listener.receive()
            some = True
            if notice is not None:
                self._take(notice)
        if output in ready:
            some = True
            self._read(output)
        self._waited += time.monotonic() - started
        if not some and self._waited > self.launch.deadline:
            self._fall_silent(self._hang())
            return True
        return some

    def _read(self, output: int) -> None:
        piece = os.read(output, 1 << 20)
        if not piece:
            self._fall_silent(self._death())
            return
        self._buffer += piece
        self._heard += len(piece)
        while b"\n" in self._buffer:
            reply = self._receive()
            assert not isinstance(reply, Silence)
            number = reply.get("id")
            call = self._asked.pop(number, None) if isinstance(number, int) else None
            if call is None or not isinstance(number, int):
                raise AdapterFault(f"the adapter answers a request that was not made: {str(reply)[:200]}")
            self.answers[number] = self._told(call, number, reply)

    def _fall_silent(self, silence: Silence) -> None:
        """No request that was asked will be answered any more."""
        self.held.clear()
        self._silent = True
        for number, call in self._asked.items():
            self.answers[number] = self._told(call, number, silence)
        self._asked.clear()

    # -- notices -------------------------------------------------------------------------------------------------------

    def _take(self, notice: Notice) -> None:
        """Hold the call that a notice tells of, or let it go on where it is none of the kit's business."""
        assert self._listener is not None
        try:
            held = self._decoded(notice)
        except (OSError, struct.error):
            held = None
        if held is None or not self._listener.valid(notice.id):
            self._listener.go_on(notice.id)
            return
        self._workers.add(held.thread)
        self.held[held.notice] = held

    def _decoded(self, notice: Notice) -> Held | None:
        call = _CALLS[notice.number]
        thread, arguments = notice.thread, notice.arguments
        if call.name in SLEEPS:
            return Held(notice.id, thread, call.name, arguments) if thread in self._workers else None
        paths = [self._opened(thread, _signed(arguments[number])) for number in call.files]
        paths += [
            self._named(thread, AT_FDCWD if start is None else _signed(arguments[start]), arguments[path])
            for start, path in call.paths
        ]
        if not any(path == self._folder or path.startswith(self._folder + b"/") for path in paths):
            return None
        flags = arguments[call.flags] if call.flags is not None else 0
        if call.name == "creat":
            flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        if call.name == "openat2":
            (flags,) = struct.unpack("=Q", _notices.memory(thread, arguments[2], 8))
        lock = _locks.asked(thread, call.name, arguments)
        return Held(notice.id, thread, call.name, arguments, tuple(map(os.fsdecode, paths)), flags, lock)

    @staticmethod
    def _opened(thread: int, descriptor: int) -> bytes:
        place = "cwd" if descriptor == AT_FDCWD else f"fd/{descriptor}"
        return os.fsencode(os.readlink(f"/proc/{thread}/{place}")).removesuffix(b" (deleted)")  # noqa: PTH115 - hot

    def _named(self, thread: int, start: int, address: int) -> bytes:
        name = _notices.text(thread, address) if address else b""
        if name.startswith(b"/"):
            return os.path.normpath(name)
        opened = self._opened(thread, start)
        return os.path.normpath(opened + b"/" + name) if name else opened

    # -- the end -------------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Let everything go on, close the adapter's input and wait for its exit."""
        self.let_go()
        super().end()

    def _release(self) -> None:
        super()._release()
        self.held.clear()
        if self._closed:
            return
        self._closed = True
        self._free.set()
        os.eventfd_write(self._closing, 1)
        self._doorman.join()
        os.close(self._closing)
        if self._listener is not None:
            self._listener.close()


def _signed(value: int) -> int:
    """The C int in the low half of an argument."""
    return int(struct.unpack("=i", struct.pack("=I", value & 0xFFFFFFFF))[0])


_ANSWERS = """
import json, sys
statement = {"protocol": "1.0", "implementation": {"name": "x", "version": "1", "language": "Python"},
             "operations": [], "fidelity": "json", "format": None, "durability": "none", "concurrency": "single",
             "ids": "any"}
for line in sys.stdin:
    print(json.dumps({"jsonrpc": "2.0", "id": json.loads(line)["id"], "result": statement}), flush=True)
"""
