"""Recording what an adapter does to its files: it is all there, in order, or the recording is refused."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miniatures._clean import Clean
from miniatures.bench import lab_of
from sessionproof._client import Launch
from sessionproof._crashes import deaths
from sessionproof._disk import Disk, Operation, Sync, Write
from sessionproof._json import JSON
from sessionproof._protocol import Answer, Call
from sessionproof._recorder import RecordedProcess
from sessionproof._recording import Refused
from sessionproof._strace import NotATrace, Reader
from sessionproof._suite import carry_out, probes_of

ADAPTER = '''
import mmap, os, subprocess, sys, threading
from sessionproof import Adapter

class Script(Adapter):
    """Carries out what it is told to do with files."""
    name, version = "script", "1"
    durability = "process-crash"

    def open(self, root, namespace):
        os.makedirs(root, exist_ok=True)
        os.chdir(root)
        self.files = {}

    def save(self, id, document, if_revision=None):
        for name, *arguments in document["do"]:
            try:
                getattr(self, name)(*arguments)
            except (OSError, KeyError):
                pass

    def load(self, id):
        return None

    def close(self):
        for file in self.files.values():
            os.close(file)

    def start(self, name, *flags):
        self.files[name] = os.open(name, os.O_RDWR | os.O_CREAT | sum(getattr(os, flag) for flag in flags), 0o640)

    def write(self, name, text):
        os.write(self.files[name], text.encode())

    def pwrite(self, name, text, at):
        os.pwrite(self.files[name], text.encode(), at)

    def writev(self, name, *texts):
        os.writev(self.files[name], [text.encode() for text in texts])

    def read(self, name, size):
        os.read(self.files[name], size)
        os.lseek(self.files[name], 0, os.SEEK_CUR)

    def seek(self, name, to):
        os.lseek(self.files[name], to, os.SEEK_SET)

    def dup(self, name, other):
        self.files[other] = os.dup(self.files[name])

    def cut(self, name, size):
        os.ftruncate(self.files[name], size)

    def truncate(self, name, size):
        os.truncate(name, size)

    def grow(self, name, size):
        os.posix_fallocate(self.files[name], 0, size)

    def sync(self, name):
        os.fsync(self.files[name])

    def rename(self, name, other):
        os.rename(name, other)

    def link(self, name, other):
        os.link(name, other)

    def symlink(self, name, other):
        os.symlink(name, other)

    def unlink(self, name):
        os.unlink(name)

    def mkdir(self, name):
        os.mkdir(name)

    def rmdir(self, name):
        os.rmdir(name)

    def chmod(self, name, mode):
        os.chmod(name, mode)

    def thread(self, *action):
        thread = threading.Thread(target=lambda: getattr(self, action[0])(*action[1:]))
        thread.start()
        thread.join()

    def child(self, name, text):
        with open(name, "a") as file:
            subprocess.run([sys.executable, "-I", "-S", "-c", f"print({text!r}, end='')"], stdout=file)

    def copy(self, name, other):
        with open(name, "rb") as source, open(other, "wb") as target:
            os.sendfile(target.fileno(), source.fileno(), 0, 1 << 20)

    def nameless(self, name, text):
        file = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600)
        try:
            os.write(file, text.encode())
            os.link(f"/proc/self/fd/{file}", name, follow_symlinks=True)
        finally:
            os.close(file)

    def written_through(self, name, text):
        os.pwritev(self.files[name], [text.encode()], 0, os.RWF_DSYNC)

    def flush(self, name):
        self.map(name)
        with open(name, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            memory.flush()

    def map(self, name):
        with open(name, "wb") as file:
            file.write(b"old" * 2000)
        with open(name, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            memory[:3] = b"new"
'''

NAMES = ["a", "b", "c", "d/a", "d/b", "e\u0301 \u00e9"]
NAME = st.sampled_from(NAMES)
TEXT = st.sampled_from(["", "x", 'hello\n<>"\\', "\u00e9" * 40, "long" * 3_000])
SIZE = st.sampled_from([0, 1, 5, 100, 5_000])
ACTION = st.one_of(
    st.tuples(st.just("start"), NAME),
    st.tuples(st.just("start"), NAME, st.sampled_from(["O_APPEND", "O_TRUNC", "O_EXCL", "O_DSYNC"])),
    st.tuples(st.sampled_from(["write", "writev"]), NAME, TEXT),
    st.tuples(st.just("pwrite"), NAME, TEXT, SIZE),
    st.tuples(st.sampled_from(["nameless", "written_through"]), NAME, TEXT),
    st.tuples(st.sampled_from(["seek", "cut", "truncate", "read"]), NAME, SIZE),
    st.tuples(st.just("grow"), NAME, st.just(300)),
    st.tuples(st.sampled_from(["rename", "link", "symlink", "dup", "copy"]), NAME, NAME),
    st.tuples(st.sampled_from(["unlink", "sync"]), NAME),
    st.tuples(st.sampled_from(["mkdir", "rmdir"]), st.sampled_from(["d", "d/a"])),
    st.tuples(st.just("chmod"), NAME, st.sampled_from([0o600, 0o644])),
    st.tuples(st.just("thread"), st.just("write"), NAME, TEXT),
)

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordedProcess]:
    """The scripted adapter, recorded."""
    folder = tmp_path_factory.mktemp("recorder")
    process = RecordedProcess(launch(folder), folder)
    yield process
    process.kill()


def launch(folder: Path) -> Launch:
    """How to start the scripted adapter."""
    (folder / "script.py").write_text(ADAPTER, encoding="utf-8")
    return Launch((sys.executable, "-m", "sessionproof._host", "script:Script"), folder)


def recorded(process: RecordedProcess, folder: Path, actions: list[Any]) -> list[Operation]:
    """The operations of these actions on a fresh root."""
    folder.mkdir()
    process.begin(folder)
    calls = [
        Call("open", {"root": str(folder / "root"), "namespace": "n"}),
        Call("save", {"id": "a", "document": {"do": [list[JSON](action) for action in actions]}}),
        Call("close"),
    ]
    for call in calls:
        assert isinstance(process.call(call), Answer)
    return process.recorded(folder, ())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTION, max_size=25))
def test_operation_is_missed(recorder: RecordedProcess, tmp_path: Path, actions: list[Any]) -> None:
    """Whatever is done to files, the recorded operations lead to the tree that is there."""
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    operations = recorded(recorder, folder, [("mkdir", "d"), *actions])

    disk = Disk()
    for operation in operations:
        disk.apply(operation)
    place = folder.with_name(f"{folder.name} again")
    place.mkdir()
    disk.write_to(place, 0)
    assert _tree(place) == _tree(folder)


def _tree(folder: Path) -> dict[str, object]:
    return {
        str(path.relative_to(folder)): path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
    }


def test_child_process_is_missed(recorder: RecordedProcess, tmp_path: Path) -> None:
    """What a child process of the adapter writes is recorded too."""
    operations = recorded(recorder, tmp_path / "w", [("child", "a", "of a child"), ("start", "a"), ("seek", "a", 3)])
    assert any(getattr(operation, "data", b"") == b"of a child" for operation in operations)


def test_shared_memory_is_taken_for_recorded(recorder: RecordedProcess, tmp_path: Path) -> None:
    """A file that was written through shared memory is noticed, and the recording refused."""
    with pytest.raises(Refused, match="shared memory"):
        recorded(recorder, tmp_path / "w", [("map", "a")])
    assert recorded(recorder, tmp_path / "v", [("start", "b"), ("write", "b", "x")])


def test_synced_memory_is_taken_for_unsynced(recorder: RecordedProcess, tmp_path: Path) -> None:
    """What is synced by way of shared memory is in no trace: the recording is refused, though it has all bytes."""
    with pytest.raises(Refused, match="msync"):
        recorded(recorder, tmp_path / "w", [("flush", "a")])


def test_sync_that_comes_with_a_write_is_missed(recorder: RecordedProcess, tmp_path: Path) -> None:
    """A write by pwritev2(2) with RWF_DSYNC is followed by its sync."""
    operations = recorded(recorder, tmp_path / "w", [("start", "a"), ("written_through", "a", "x")])
    write, sync = operations[-2:]
    assert isinstance(write, Write)
    assert sync == Sync(write.inode, data=True)


@pytest.mark.parametrize("call", ["openat", "write", "pwrite64", "ftruncate", "rename", "unlink", "mkdir", "fsync"])
def test_real_death_leaves_what_is_not_foreseen(recorder: RecordedProcess, tmp_path: Path, call: str) -> None:
    """What SIGKILL leaves at any call is among the states that are made from the recording."""
    actions: list[Any] = [
        ["start", "a"],
        ["write", "a", "first"],
        ["pwrite", "a", "0123456789" * 1_000, 3],
        ["cut", "a", 9_000],
        ["sync", "a"],
        ["mkdir", "d"],
        ["rename", "a", "d/b"],
        ["start", "c"],
        ["write", "c", "x"],
        ["unlink", "c"],
    ]
    operations = recorded(recorder, tmp_path / "recorded", actions)
    foreseen = {disk.key() for _, disk in deaths(operations, Disk())}

    died = 0
    for turn in range(1, 12):
        folder = tmp_path / f"killed {turn}"
        folder.mkdir()
        script = (
            "import sys; sys.path.insert(0, sys.argv[1]); from script import Script; store = Script();"
            "open('/dev/null').close(); store.open(sys.argv[2], ''); store.save('', {'do': eval(sys.argv[3])})"
        )
        place = recorder.launch.folder
        # The path narrows what is counted to calls on this root: its own name and all that are used in it.
        paths = [str(folder / "root"), *(str(folder / "root" / name) for name in ("a", "c", "d", "d/b")), "a", "c", "d"]
        command = ["strace", "-f", "-o", "/dev/null", *(f"-P{path}" for path in paths)]
        command += [f"--inject={call}:signal=SIGKILL:when={turn}", sys.executable, "-c", script]
        done = subprocess.run([*command, str(place), str(folder / "root"), repr(actions)], check=False)
        tree = Disk()
        _fill(tree, 0, folder)
        assert tree.key() in foreseen, (call, turn)
        died += done.returncode != 0
        if not done.returncode:
            break
    assert died, f"no {call} was met"


def _fill(disk: Disk, inode: int, folder: Path) -> None:
    from sessionproof._disk import Make, Write  # noqa: PLC0415 - only here

    for path in sorted(folder.iterdir()):
        number = len(disk.inodes)
        kind = "folder" if path.is_dir() else "file"
        disk.apply(Make(number, inode, os.fsencode(path.name), "folder" if kind == "folder" else "file", 0o700))
        if path.is_dir():
            _fill(disk, number, path)
        else:
            disk.apply(Write(number, 0, path.read_bytes()))


def test_machine_without_strace_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where strace is not installed, deaths are not run, and the reason says what to install."""
    with lab_of(Clean) as lab:
        (probe,) = probes_of(frozenset({"ATM-2"}))
        monkeypatch.setenv("PATH", "")
        result = carry_out(lab, probe)
    assert result.verdict == "not-run"
    assert "apt install strace" in result.summary


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['7  rename("\\x61", "\\x62") = 0'], ("rename", 0, "", [b"a", b"b"])),
        (['rename("\\x61", "\\x62") = -1 ENOENT (No such file)'], ("rename", -1, "ENOENT", [b"a", b"b"])),
        (
            ['7  rename("\\x61",  <unfinished ...>', '8  unlink("\\x63") = 0', '7  <... rename resumed>"\\x62") = 0'],
            ("rename", 0, "", [b"a", b"b"]),
        ),
        (['7  rename("\\x61", "\\x62") = ?'], ("rename", None, "", [b"a", b"b"])),
    ],
)
def test_line_is_misread(lines: list[str], expected: tuple[str, int | None, str, list[bytes]]) -> None:
    """Lines of strace are read as the calls that ended with them."""
    reader = Reader()
    calls = [call for line in lines if (call := reader.read(line)) is not None]
    last = calls[-1]
    assert (last.name, last.result, last.error, [last.text(0), last.text(1)]) == expected


def test_descriptor_is_misread() -> None:
    """A descriptor is a number and the path of its file, which may have lost its name."""
    call = Reader().read('7  pwrite64(3<\\x2f\\x61>(deleted), "\\x78"..., 9, 4096) = 9')
    assert call is not None
    assert (call.number(0), call.number(3)) == (3, 4096)
    with pytest.raises(NotATrace, match="no whole string"):
        call.text(1)


def test_line_of_another_program() -> None:
    """A line that strace does not print is an error, and not a call."""
    with pytest.raises(NotATrace):
        Reader().read("what is this")
