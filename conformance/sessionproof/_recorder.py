"""An adapter process whose file operations are recorded, by strace(1), while it is driven like any other."""

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, ClassVar

from sessionproof import _strace, _tree
from sessionproof._client import AdapterFault, AdapterProcess, Launch
from sessionproof._disk import Disk, Operation
from sessionproof._protocol import Call, Outcome
from sessionproof._recording import TRACED, Recording, Refused

_PATIENCE = 10.0
"""Seconds that a trace may lag behind an answer."""


_QUIET = 0.01
"""Seconds without an operation after which the adapter has come to rest."""


class NoRecorder(Exception):  # noqa: N818 - reads as what is lacking
    """This machine cannot record what a process does. The message says what it lacks."""


def lacking() -> str | None:
    """What recording lacks on this machine, as a sentence with the mend; None where it can be done."""
    if shutil.which(_strace.COMMAND[0]) is None:
        return "recording needs strace, which is not installed (Debian, Ubuntu: `apt install strace`)"
    return None


def killing(launch: Launch, call: str) -> Launch:
    """The adapter, killed before a system call begins: `rename:3` is the third of that name in one thread.

    Without seccomp-bpf: with it, strace(1) takes no notice of signals to inject.

    Raises:
        NoRecorder: strace is not there.
    """
    reason = lacking()
    if reason is not None:
        raise NoRecorder(reason)
    name, _, when = call.partition(":")
    inject = f"--inject={name}:signal=SIGKILL:when={when}"
    options = ("--follow-forks", "--quiet=all", f"--trace={name}", f"--output={os.devnull}", inject)
    return replace(launch, command=("strace", *options, "--", *launch.command))


class RecordedProcess(AdapterProcess):
    """A running adapter under strace.

    Args:
        launch: How to start the adapter.
        place: An empty folder for the trace.
        failing: A system call that fails with EIO, as in `Setup`.

    Raises:
        NoRecorder: strace is not there, or may not trace.
        AdapterFault: As for any adapter.
    """

    _traced: ClassVar[tuple[str, ...]] = TRACED
    _longest: ClassVar[int] = _strace.LONGEST

    def __init__(self, launch: Launch, place: Path, failing: str = "") -> None:
        reason = lacking()
        if reason is not None:
            raise NoRecorder(reason)
        trace = place / "trace"
        trace.touch()
        self._trace: IO[str] = trace.open(encoding="ascii", errors="backslashreplace")
        self._reader, self._line_begun = _strace.Reader(), ""
        self._recording: Recording | None = None
        self._failed: Refused | None = None
        name, _, when = failing.partition(":")
        command = (
            *_strace.COMMAND,
            *([f"--inject={name}:error=EIO:when={when}"] if failing else []),
            "--signal=none",
            f"--string-limit={self._longest}",
            f"--trace={','.join(self._traced)}",
            f"--output={trace}",
            "--",
            *launch.command,
        )
        try:
            super().__init__(replace(launch, command=command))
        except AdapterFault as fault:
            if "ptrace" in str(fault) or "strace:" in str(fault):
                raise NoRecorder(f"strace cannot trace here: {fault}") from fault
            raise
        assert self._process.stdout is not None
        pipe = f"pipe:[{os.fstat(self._process.stdout.fileno()).st_ino}]".encode()
        umask = os.umask(0)
        os.umask(umask)
        own = umask if launch.umask is None else launch.umask
        self._recording = self._taker(pipe, os.fsencode(os.path.realpath(launch.folder)), own)
        self._catch_up()

    @staticmethod
    def _taker(pipe: bytes, folder: bytes, umask: int) -> Recording:
        """What the calls of the trace are given to."""
        return Recording(pipe, folder, umask)

    def begin(self, folder: Path, disk: Disk | None = None) -> None:
        """Record what happens below a folder, from now on; `disk` is what lies in it, nothing where it is not given."""
        assert self._recording is not None
        self._catch_up()
        self._failed = self._recording.opaque
        self._recording.begin(os.fsencode(os.path.realpath(folder)), disk)

    def recorded(self, folder: Path, volatile: tuple[str, ...]) -> list[Operation]:
        """The operations below the folder since `begin`, in order.

        Raises:
            Refused: They do not lead to what lies in the folder now.
        """
        assert self._recording is not None
        self.settle()
        if self._failed is not None:
            raise self._failed
        there = {
            os.fsencode(path): (entry.kind, entry.content)
            for path, entry in _tree.picture(folder, volatile).items()
            if entry.kind in {"file", "folder", "link"}
        }
        replayed = {
            path: (inode.kind, inode.content)
            for path, inode in self._recording.disk.walk()
            if path in there or not _tree.is_volatile(os.fsdecode(path), volatile)
        }
        if there != replayed:
            both = sorted(there.keys() | replayed.keys())
            path = next(path for path in both if there.get(path) != replayed.get(path))
            raise Refused(
                f"what was recorded does not lead to the file {os.fsdecode(path)!r} as it is: it was written in a way "
                "that no system call shows, such as shared memory"
            )
        return self._recording.operations

    @property
    def elsewhere(self) -> set[Path]:
        """The files outside the folder that were written to since `begin`, or got their name."""
        assert self._recording is not None
        return {Path(os.fsdecode(path)) for path in self._recording.elsewhere}

    def settle(self) -> None:
        """Wait until nothing more is done: what comes behind an answer belongs to the recording."""
        quiet = -1
        while quiet != self.count:
            quiet = self.count
            time.sleep(_QUIET)
            self._catch_up()

    def end_if_named(self, operations: list[Operation]) -> None:
        """End the process where its number may stand in a file or a name: a lock of a living process is respected."""
        assert self._recording is not None
        numbers = [str(number).encode() for number in self._recording.threads]
        members = [
            getattr(operation, name, b"") for operation in operations for name in ("data", "name", "new_name", "target")
        ]
        texts = [member for member in members if isinstance(member, bytes)]
        if any(number in text for number in numbers for text in texts):
            # At the end of its input, so that strace waits for it: a process that nobody waited for is still there.
            self.end()

    @property
    def count(self) -> int:
        """How many operations were recorded since `begin`, up to the last answer."""
        assert self._recording is not None
        return len(self._recording.operations)

    @property
    def calls(self) -> Mapping[tuple[int, str], int]:
        """How many system calls there were since the process was started, by thread and name."""
        assert self._recording is not None
        return dict(self._recording.calls)

    def call(self, call: Call) -> Outcome:
        """Send one request and wait for its answer, and for the trace of it."""
        outcome = super().call(call)
        if self._recording is not None and self.alive:
            self._catch_up()
        return outcome

    def _catch_up(self) -> None:
        """Read the trace up to the last answer that was heard."""
        assert self._recording is not None
        limit = time.monotonic() + _PATIENCE
        while self._read() or self._recording.said < self._heard:
            if time.monotonic() > limit:
                raise NoRecorder("strace does not show what the adapter writes; may it trace processes here?")
            # strace writes its lines a moment after the adapter has answered.
            time.sleep(0.0005)

    def _read(self) -> bool:
        """Take in the lines that are there; whether there were any."""
        assert self._recording is not None
        some = False
        for piece in self._trace:
            self._line_begun += piece
            if not self._line_begun.endswith("\n"):
                break
            line, self._line_begun = self._line_begun, ""
            some = True
            try:
                call = self._reader.read(line)
                if line.endswith("<unfinished ...>\n"):
                    self._recording.unfinished(int(line.split(maxsplit=1)[0]))
                if call is not None:
                    self._recording.take(call)
            except _strace.NotATrace as error:
                self._failed = self._failed or Refused(f"strace prints what the kit does not know: {error}")
            except Refused as refused:
                self._failed = self._failed or refused
        return some

    def _release(self) -> None:
        super()._release()
        self._trace.close()
