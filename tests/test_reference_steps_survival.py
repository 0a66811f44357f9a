"""What the reference store for logs costs, and what it leaves behind when calls fail, processes die or others write."""

import errno
import itertools
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sessionproof_reference import NotFound, StepStore, _folder
from sessionproof_reference._logs import LayoutName
from step_logs import damage, files, filled, layout_fixture, message, root_fixture, spare_the_disk, texts

__all__ = ["layout_fixture", "root_fixture"]

CALLS = (
    "open",
    "read",
    "write",
    "fsync",
    "rename",
    "unlink",
    "stat",
    "fstat",
    "ftruncate",
    "mkdir",
    "close",
    "listdir",
)


@contextmanager
def counted(
    monkeypatch: pytest.MonkeyPatch, before: Callable[[str, Counter[str]], None] | None = None
) -> Generator[Counter[str]]:
    """Count the store's calls to the system; `before` each is called with its name and the counts."""
    counts: Counter[str] = Counter()

    def wrapped(call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def used(*arguments: Any, **named: Any) -> Any:
            counts[call] += 1
            if before is not None:
                before(call, counts)
            return real(*arguments, **named)

        return used

    with monkeypatch.context() as patch:
        for call in CALLS:
            patch.setattr(os, call, wrapped(call, getattr(os, call)))
        yield counts


def test_append_costs_more_in_a_longer_log(root: Path, layout: LayoutName, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls of an append and the bytes it writes do not grow with the log, nor does what a first append reads."""
    store, log_id = filled(root, layout)
    costs: list[tuple[Counter[str], int]] = []
    length, first_reads = 0, list[int]()
    for history in (1000, 1500, 3000):
        with monkeypatch.context() as patch:
            spare_the_disk(patch)
            store.append(log_id, [message("x" * 100)] * (history - length))
        length = history + 2
        size = sum(path.stat().st_size for path in files(root, log_id))
        with counted(monkeypatch) as counts:
            store.append(log_id, [message("x" * 100)])
        costs.append((Counter(counts), sum(path.stat().st_size for path in files(root, log_id)) - size))
        read = list[int]()

        def sized(file: int, size: int, real: Any = os.read, read: list[int] = read) -> bytes:
            data: bytes = real(file, size)
            read.append(len(data))
            return data

        with monkeypatch.context() as patch:
            patch.setattr(os, "read", sized)
            StepStore(root, layout).append(log_id, [message("x" * 100)])
        first_reads.append(sum(read))
    assert costs[0] == costs[1] == costs[2]
    assert costs[0][0]["fsync"] == (1 if layout == "file" else 2)
    assert costs[0][0]["write"] == 1
    assert max(first_reads) < 70_000


def test_batch_is_written_piece_by_piece(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file, a batch is one write and one fsync, and the write comes first."""
    store, log_id = filled(root, "file", "one")
    order: list[str] = []
    with counted(monkeypatch, lambda call, _counts: order.append(call)):
        store.append(log_id, [message("x")] * 50)
    assert [call for call in order if call in {"write", "fsync", "ftruncate", "rename"}] == ["write", "fsync"]


OPERATIONS: dict[str, Callable[[StepStore, str], object]] = {
    "append": lambda store, log_id: store.append(log_id, [message("two"), message("three")]),
    "compact": lambda store, log_id: store.compact(log_id, "archive"),
    "describe": lambda store, log_id: store.describe(log_id, {"title": "new"}),
    "claim": lambda store, log_id: store.claim(log_id, "token"),
    "delete": lambda store, log_id: store.delete(log_id),
    "create": lambda store, _log_id: store.create("a", "b"),
    "read": lambda store, log_id: store.read(log_id),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EMFILE])
def test_failed_call_leaves_half_a_log(
    root: Path, layout: LayoutName, monkeypatch: pytest.MonkeyPatch, operation: str, number: int
) -> None:
    """Whichever call fails, the error is told, a prefix of the write is there, and the same store goes on."""
    act = OPERATIONS[operation]
    for call in CALLS:
        for at in itertools.count(1):
            place = root.parent / f"{call}-{at}"
            store, log_id = filled(place, layout, "one")

            def fail(name: str, counts: Counter[str], call: str = call, at: int = at) -> None:
                if name == call and counts[name] == at:
                    raise OSError(number, os.strerror(number))

            with counted(monkeypatch, fail) as counts:
                try:
                    act(store, log_id)
                except OSError as error:
                    assert error.errno == number  # noqa: PT017 - without a failure there is nothing to raise
                else:
                    assert counts[call] < at or call == "unlink"
            if operation == "delete":
                assert store.read(log_id) is None or texts(store, log_id) == ["one"]
                store.delete(log_id)
            else:
                left = texts(store, log_id)
                assert left in (
                    [["one"], ["one", "two"], ["one", "two", "three"]] if operation == "append" else [["one"], []]
                )
                first = store.append(log_id, [message("next"), message("last")])[0]
                assert texts(StepStore(place, layout), log_id) == [*left, "next", "last"]
                assert damage(store, log_id) == []
                assert first == (len(left) + 1 if operation == "append" else first)
                # Where only a close at the end fails, the claim was made, and nobody was told.
                if operation == "claim" and call != "close":
                    assert store.claim(log_id, "token") != (counts[call] < at)
            # Only where nothing can be removed, the next to open has to.
            StepStore(place, layout)
            assert not [path for path in place.rglob("*.tmp") if call != "unlink"]
            if counts[call] < at:
                break


SCRIPT = """
import json, os, sys
from sessionproof_reference import NotFound, StepStore
message = lambda text: {"role": "user", "content": [{"type": "text", "text": text}]}
root, layout = sys.argv[1:3]
texts = lambda log: [entry["content"][0]["text"] for entry in log.entries]
"""


def started(script: str, *arguments: object) -> "subprocess.Popen[str]":
    """A process that runs the script."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT + textwrap.dedent(script), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_death_at_a_call_leaves_half_a_log(root: Path, layout: LayoutName) -> None:
    """A process that dies at any call leaves a prefix of its append, a whole log or none, and no lock."""
    script = """
        def dying(call, real, left):
            def used(*arguments, **named):
                left[0] -= 1
                if left[0] == 0:
                    if call == "write":
                        real(arguments[0], bytes(arguments[1][: len(arguments[1]) * 2 // 3]))
                    os._exit(9)
                return real(*arguments, **named)
            return used

        def append(store, log_id):
            store.append(log_id, [message("two"), message("three")])

        def recover(store, log_id):
            append(StepStore(root, layout), log_id)

        for act in (append, recover, StepStore.create, StepStore.delete, StepStore.claim):
            at, status = 0, 9
            while status:
                at += 1
                store = StepStore(root, layout)
                log_id = store.create("a", "b")
                store.append(log_id, [message("one")])
                if act is recover and layout == "file":
                    with open(f"{root}/{log_id}.jsonl", "ab") as file:
                        file.write(bytes(100) + b"\\n" + bytes(9))
                child = os.fork()
                if child == 0:
                    left = [at]
                    for call in ("open", "write", "fsync", "rename", "unlink", "stat", "close", "ftruncate", "mkdir"):
                        setattr(os, call, dying(call, getattr(os, call), left))
                    act(store, log_id) if act in (append, recover, StepStore.delete) else act(store, log_id, "token")
                    os._exit(0)
                status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                store = StepStore(root, layout)
                log = store.read(log_id)
                assert log or act is StepStore.delete, (act, at)
                if log:
                    left = texts(log)
                    assert left == ["one", "two", "three"][: len(left)] and left, (act, at, left)
                    assert store.append(log_id, [message("next")]) == [len(left) + 1], (act, at)
                    again = StepStore(root, layout).read(log_id)
                    assert (texts(again), again.damage) == ([*left, "next"], []), (act, at, again)
                for each in store.list():
                    assert store.read(each) and not store.read(each).damage, (act, at)
                    store.delete(each)
                assert os.listdir(root) == [], (act, at, os.listdir(root))
            print(at)
    """
    run = started(script, root, layout)
    output, errors = run.communicate(timeout=100)
    assert run.returncode == 0, errors
    assert all(int(calls) > 5 for calls in output.split())


def test_processes_lose_each_others_entries(root: Path, layout: LayoutName) -> None:
    """Two processes that append to one log lose nothing and share no number, and a reader meets no damage."""
    store, log_id = filled(root, layout)
    script = """
        log_id, name = sys.argv[3:]
        store = StepStore(root, layout)
        batches = [[message(f"{name}-{batch}-{index}") for index in range(3)] for batch in range(20)]
        numbers = [store.append(log_id, batch) for batch in batches]
        tokens = [token for token in range(10) if store.claim(log_id, str(token))]
        print(json.dumps([numbers, tokens, [store.create("a", "b") for _ in range(5)]]))
    """
    writers = [started(script, root, layout, log_id, name) for name in "ab"]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        log = store.read(log_id)
        assert log is not None
        assert log.damage == []
        assert len(log.entries) >= seen
        seen = len(log.entries)
    answers = [json.loads(writer.communicate(timeout=30)[0]) for writer in writers]
    numbers = [number for batches, _, _ in answers for batch in batches for number in batch]
    assert sorted(numbers) == [*range(1, 121)]
    assert (
        all(batch == [*range(batch[0], batch[0] + 3)] for batches, _, _ in answers for batch in batches)
        or layout == "folder"
    )
    by_number = dict(zip(range(1, 121), texts(store, log_id), strict=True))
    for name, (batches, _, _) in zip("ab", answers, strict=True):
        found = [[by_number[number] for number in batch] for batch in batches]
        assert found == [[f"{name}-{batch}-{index}" for index in range(3)] for batch in range(20)]
    assert sorted(answers[0][1] + answers[1][1]) == [*range(10)]
    assert len({*answers[0][2], *answers[1][2]}) == 10


def test_append_beside_a_delete_brings_the_log_back(root: Path, layout: LayoutName) -> None:
    """An append that waited for a delete finds no log, and leaves nothing."""
    store, log_id = filled(root, layout, "one")
    script = """
        log_id = sys.argv[3]
        store = StepStore(root, layout)
        print("ready", flush=True)
        try:
            for number in range(10_000):
                store.append(log_id, [message("x")])
        except NotFound:
            print("gone")
    """
    writer = started(script, root, layout, log_id)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    assert store.delete(log_id)
    output, errors = writer.communicate(timeout=30)
    assert (output, errors) == ("gone\n", "")
    assert [*root.iterdir()] == []
    with pytest.raises(NotFound):
        store.append(log_id, [message("x")])


def test_vanished_root_is_an_empty_store(root: Path, layout: LayoutName) -> None:
    """Once the folder is gone every operation is an error."""
    store, log_id = filled(root, layout, "one")
    shutil.rmtree(root)
    for operation in (
        lambda: store.read(log_id),
        lambda: store.exists(log_id),
        store.list,
        store.check,
        lambda: store.append(log_id, [message("x")]),
        lambda: store.create("a", "b"),
        lambda: store.delete(log_id),
        lambda: store.latest("a", "b"),
    ):
        with pytest.raises(FileNotFoundError):
            operation()


def test_number_is_taken_from_a_failed_listing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the folder of a log cannot be listed, nothing is appended, and no step is written over."""
    _, log_id = filled(root, "folder", "one")
    before = {path: path.read_bytes() for path in files(root, log_id)}
    store = StepStore(root, "folder")

    def refused(_folder: int) -> list[str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(_folder, "names", refused)
    for operation in (lambda: store.append(log_id, [message("x")]), lambda: store.read(log_id), store.list):
        with pytest.raises(PermissionError):
            operation()
    assert {path: path.read_bytes() for path in files(root, log_id)} == before


def test_descriptors_leak(root: Path, layout: LayoutName) -> None:
    """Operations leave no descriptor open, also those that are refused."""
    store, log_id = filled(root, layout, "one")
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(20):
        store.append(log_id, [message("x")])
        store.read(log_id)
        store.claim(log_id, "token")
        store.delete(store.create("a", "b"))
        with pytest.raises(NotFound):
            store.append("none", [message("x")])
    assert len([*Path("/proc/self/fd").iterdir()]) == before
