"""Calls of an adapter stop before they are made, and nothing else does."""

import errno
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import pytest

from gates import finished, gated, saving, until
from sessionproof import _gate
from sessionproof._client import AdapterFault, Launch
from sessionproof._gate import GatedProcess, Held, NoGate
from sessionproof._locks import LAST, Lock
from sessionproof._protocol import Answer, Call, Kind, Refusal, Silence

ATOMIC = """
    def save(self, id, document, if_revision=None):
        open("/dev/null").close()
        with open(self.path("new"), "w") as file:
            file.write(str(document))
        os.rename(self.path("new"), self.path(id))

    def load(self, id):
        with open(self.path(id)) as file:
            return {"text": file.read()}
"""
LOCKING = """
    def save(self, id, document, if_revision=None):
        with open(self.path("lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.mkdir(self.path(id))
"""
NAPPING = """
    def save(self, id, document, if_revision=None):
        while True:
            try:
                os.mkdir(self.path("lock"))
            except FileExistsError:
                time.sleep(0.01)
            else:
                return
"""
STARTING = """
    def save(self, id, document, if_revision=None):
        subprocess.run(["mkdir", self.path(id)], check=True)
        thread = threading.Thread(target=os.rmdir, args=(self.path(id),))
        thread.start()
        thread.join()
"""
LEAVING = """
    def save(self, id, document, if_revision=None):
        with open(self.path(id), "w") as file:
            file.write(str(subprocess.Popen(["sleep", "1000"]).pid))
"""
WAITING = """
    def save(self, id, document, if_revision=None):
        os.path.exists(self.path(id))
        time.sleep(60)
"""
RANGES = """
    def save(self, id, document, if_revision=None):
        import struct
        with open(self.path("lock"), "w+") as lock:
            os.pwrite(lock.fileno(), b"x" * 100, 0)
            fcntl.lockf(lock, fcntl.LOCK_EX, 10, 5)
            fcntl.lockf(lock, fcntl.LOCK_SH)
            os.lseek(lock.fileno(), 20, os.SEEK_SET)
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB, 3, 4, os.SEEK_CUR)
            fcntl.lockf(lock, fcntl.LOCK_UN, 3, -10, os.SEEK_END)
            own, take_of_file = (fcntl.F_SETLK, 37)
            for command, kind in (own, fcntl.F_WRLCK), (fcntl.F_GETLK, fcntl.F_RDLCK):
                fcntl.fcntl(lock, command, struct.pack("hhqqi", kind, 0, 50, -8, 0))
            with open(self.path("lock"), "r+") as other:
                fcntl.fcntl(other, take_of_file, struct.pack("hhqqi", fcntl.F_WRLCK, 0, 90, 1, 0))
"""
RING = """
    def save(self, id, document, if_revision=None):
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(425, 1, None) < 0:
            raise OSError(ctypes.get_errno(), "io_uring_setup")
"""


def small_names(calls: list[Held]) -> list[tuple[str, ...]]:
    """The calls by their names and the last parts of their paths."""
    return [(call.name, *(Path(path).name for path in call.paths)) for call in calls]


def test_calls_in_the_folder_pass(tmp_path: Path) -> None:
    """Every call on a path or an open file in the folder stops, in the order in which they are made; no other does."""
    with gated(tmp_path, ATOMIC) as [gate]:
        gate.hold(tmp_path / "place")
        gate.ask(saving())
        calls, outcome = finished(gate)
    assert isinstance(outcome, Answer)
    shown = [call for call in small_names(calls) if call[0] in {"openat", "write", "rename"}]
    assert shown == [("openat", "new"), ("write", "new"), ("rename", "new", "a")]


def test_calls_are_held_when_nobody_holds(tmp_path: Path) -> None:
    """Before `hold` and after `let_go` an adapter behind the gate is one like any other."""
    with gated(tmp_path, ATOMIC) as [gate]:
        assert isinstance(gate.call(saving()), Answer)
        gate.hold(tmp_path / "place")
        gate.ask(Call("load", {"id": "a"}))
        assert isinstance(gate.wait(), Held)
        gate.let_go()
        assert isinstance(gate.wait(), Answer)
        assert isinstance(gate.call(saving()), Answer)
        gate.end()


def test_a_held_call_is_made(tmp_path: Path) -> None:
    """What is held has not happened, and a call that fails does not happen; the adapter sees the errno."""
    with gated(tmp_path, ATOMIC) as [gate]:
        gate.hold(tmp_path / "place")
        gate.ask(saving())
        held = until(gate, "rename")
        assert [path.name for path in (tmp_path / "place" / "root").iterdir()] == ["new"]
        gate.fail(held, errno.ENOSPC)
        refused = finished(gate)[1]
        assert isinstance(refused, Refusal)
        assert (refused.kind, refused.errno) == (Kind.IO, "ENOSPC")
        assert not (tmp_path / "place" / "root" / "a").exists()


def test_a_short_write_writes_more_or_less(tmp_path: Path) -> None:
    """A short write puts so many bytes into the file, and the adapter is told that many."""
    with gated(tmp_path, ATOMIC) as [gate]:
        gate.hold(tmp_path / "place")
        gate.ask(saving(number=1))
        gate.write_some(until(gate, "write"), 3)
        again = until(gate, "write")
        assert (tmp_path / "place" / "root" / "new").read_text(encoding="utf-8") == "{'n"
        gate.go_on(again)
        finished(gate)
        assert (tmp_path / "place" / "root" / "a").read_text(encoding="utf-8") == "{'number': 1}"


def test_a_process_survives_its_death(tmp_path: Path) -> None:
    """A process that is killed at a held call dies without making it, and the request ends in silence."""
    with gated(tmp_path, ATOMIC) as [gate]:
        gate.hold(tmp_path / "place")
        gate.ask(saving())
        until(gate, "rename")
        gate.die()
        silence = gate.wait()
        assert isinstance(silence, Silence)
        assert silence.reason == "adapter-crash"
        assert [path.name for path in (tmp_path / "place" / "root").iterdir()] == ["new"]


def test_the_kit_uses_up_the_deadline(tmp_path: Path) -> None:
    """The deadline of a request stands still while the kit has its process held, and runs while it naps."""
    with gated(tmp_path, WAITING, deadline=0.3) as [gate]:
        gate.hold(tmp_path / "place")
        gate.ask(saving())
        held = gate.wait()
        assert isinstance(held, Held)
        time.sleep(0.4)
        gate.go_on(held)
        silence = gate.wait()
        assert isinstance(silence, Silence)
        assert silence.reason == "hang"


def test_a_blocked_process_is_waited_for(tmp_path: Path) -> None:
    """A process that waits for a lock has come to rest, and moves again when another gives the lock up."""
    with gated(tmp_path, LOCKING, count=2) as [first, second]:
        for gate, id in (first, "a"), (second, "b"):
            gate.hold(tmp_path / "place")
            gate.ask(saving(id))
        lock = until(first, "flock")
        assert lock.lock == Lock("exclusive", waits=True)
        first.go_on(lock)
        inside = first.wait()
        second.go_on(until(second, "flock"))
        second.settle()
        assert second.rest is not None
        assert (second.rest.waits, second.rest.timed, second.held) == (("flock",), False, {})
        assert isinstance(inside, Held)
        first.go_on(inside)
        first.settle()
        second.settle()
        assert [held.name for held in second.held.values()] == ["mkdir"]
        assert isinstance(finished(second)[1], Answer)


def test_bytes_of_a_lock_are_others(tmp_path: Path) -> None:
    """A lock of `fcntl` is one on bytes, counted from wherever the caller says, of a process or of an open file."""
    with gated(tmp_path, RANGES) as [gate]:
        gate.hold(tmp_path / "place")
        gate.ask(saving())
        calls, outcome = finished(gate)
    assert isinstance(outcome, Answer)
    assert [call.lock for call in calls if call.name == "fcntl"] == [
        Lock("exclusive", waits=True, first=5, last=14),
        Lock("shared", waits=True, first=0, last=LAST),
        Lock("exclusive", waits=False, first=24, last=26),
        # The end of the file may move before the call is made.
        Lock("none", waits=True, first=0, last=LAST),
        Lock("exclusive", waits=False, first=42, last=49),
        Lock("shared", waits=False, first=42, last=49, asks=True),
        Lock("exclusive", waits=False, first=90, last=90),
    ]


def test_a_nap_between_tries_passes(tmp_path: Path) -> None:
    """Whoever sleeps between tries is held in the nap where somebody settles, and sleeps where somebody waits."""
    with gated(tmp_path, NAPPING) as [gate]:
        (tmp_path / "place" / "root" / "lock").mkdir()
        gate.hold(tmp_path / "place")
        gate.ask(saving())
        gate.go_on(until(gate, "mkdir"))
        gate.settle()
        [nap] = gate.held.values()
        assert nap.naps
        gate.answer(nap, 0)
        gate.go_on(until(gate, "mkdir"))
        gate.go_on(until(gate, "mkdir"))
        (tmp_path / "place" / "root" / "lock").rmdir()
        assert isinstance(finished(gate)[1], Answer)


def test_children_and_threads_pass(tmp_path: Path) -> None:
    """What the adapter starts, processes and threads, stands behind the same gate."""
    with gated(tmp_path, STARTING) as [gate]:
        gate.hold(tmp_path / "place")
        gate.ask(saving())
        calls = [call for call in finished(gate)[0] if call.name in {"mkdir", "rmdir"}]
        assert [call.name for call in calls] == ["mkdir", "rmdir"]
        assert len({gate.pid, *(call.thread for call in calls)}) == 3


def test_what_is_left_behind_lives_on(tmp_path: Path) -> None:
    """What an adapter has started and leaves behind when its input ends is ended."""
    with gated(tmp_path, LEAVING) as [gate]:
        assert isinstance(gate.call(saving()), Answer)
        left = os.pidfd_open(int((tmp_path / "place" / "root" / "a").read_text(encoding="ascii")))
        gate.end()
        try:
            assert select.select([left], [], [], 20)[0]
        finally:
            os.close(left)


def test_a_ring_goes_around_the_gate(tmp_path: Path) -> None:
    """There is no io_uring behind the gate: its calls would not be seen."""
    with gated(tmp_path, RING) as [gate]:
        refused = gate.call(saving())
        assert isinstance(refused, Refusal)
        assert refused.errno == "ENOSYS"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_a_static_program_goes_around_the_gate(tmp_path: Path) -> None:
    """A program without libraries stands behind the gate as well: the kernel stops its calls."""
    source = "#include <stdio.h>\n#include <sys/stat.h>\nint main(int n, char **v) { return mkdir(v[1], 0700); }\n"
    (tmp_path / "make.c").write_text(source, encoding="utf-8")
    built = subprocess.run(["gcc", "-static", "-o", "make", "make.c"], cwd=tmp_path, capture_output=True, check=False)
    if built.returncode:
        pytest.skip("gcc links nothing statically here")
    methods = f"""
    def save(self, id, document, if_revision=None):
        subprocess.run([{str(tmp_path / "make")!r}, self.path(id)], check=True)
"""
    with gated(tmp_path, methods) as [gate]:
        gate.hold(tmp_path / "place")
        gate.ask(saving())
        assert small_names(finished(gate)[0]) == [("mkdir", "a")]


def test_a_refusal_of_the_kernel_is_no_adapter_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel takes no filter, that is told as what the machine lacks, with the kernel's reason."""
    assert _gate.lacking() is None
    monkeypatch.setattr(_gate, "program", Mock(return_value=bytes(8)))
    with pytest.raises(NoGate, match="seccomp: Invalid argument"):
        GatedProcess(Launch((sys.executable, "-c", ""), tmp_path))
    assert "Invalid argument" in (_gate.lacking() or "")


def test_a_missing_command_is_no_adapter_fault(tmp_path: Path) -> None:
    """A command that cannot be started is the adapter's fault behind the gate as well."""
    with pytest.raises(AdapterFault, match="No such file or directory"):
        GatedProcess(Launch((str(tmp_path / "none"),), tmp_path))
