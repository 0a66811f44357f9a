"""A write over several pages in two halves: what a reader may find between them, and who may not come there."""

import errno
import os
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gates import BEGINNING, PYTHON, Race, saving
from sessionproof._client import Launch
from sessionproof._gate import GatedProcess
from sessionproof._protocol import Answer, Call
from sessionproof._scheduler import Diverged, Executed
from sessionproof._schedules import signature, told

SLOT = (
    BEGINNING
    + """
    def open(self, root, namespace):
        self.root = root
        os.makedirs(root, exist_ok=True)
        if not os.path.exists(self.path("slot")):
            with open(self.path("slot"), "wb") as file:
                file.write(b"a" * 12288)

    def save(self, id, document, if_revision=None):
        with open(self.path("slot"), "MODE", buffering=0) as file:
            LOCK
            written = WRITE
        with open(self.path("count"), "w") as count:
            count.write(str(written))

    def load(self, id):
        from sessionproof import Loaded
        with open(self.path("slot"), "rb", buffering=0) as file:
            LOCK
            data = file.read()
        AFTERWARDS
        return Loaded({letter: data.count(letter.encode()) for letter in "abc"}, None)
"""
)
OVER = 'os.pwrite(file.fileno(), b"b" * 12288, 0)'
FLOCK = "fcntl.flock(file, fcntl.LOCK_EX)"
WRITER_AND_READER = ([saving("a")], [Call("load", {"id": "a"})])

Slots = Callable[..., Race]


@pytest.fixture
def slots(tmp_path: Path) -> Generator[Slots]:
    """Makes races of a store with one file of three pages."""
    gates: list[GatedProcess] = []

    def make(
        write: str = OVER,
        *,
        mode: str = "r+b",
        lock: str = "pass",
        afterwards: str = "pass",
        calls: Sequence[Sequence[Call]] = WRITER_AND_READER,
    ) -> Race:
        store = SLOT.replace("WRITE", write).replace("MODE", mode).replace("LOCK", lock, 2)
        (tmp_path / "small.py").write_text(store.replace("AFTERWARDS", afterwards), encoding="utf-8")
        gates.extend(GatedProcess(Launch(PYTHON, tmp_path)) for _ in calls)
        return Race(tmp_path / "places", gates[-len(calls) :], calls)

    try:
        yield make
    finally:
        for gate in gates:
            gate.kill()


def halved(executed: Executed) -> bool:
    """Whether a write was made in two halves."""
    return any(step.half for step in executed.steps)


def found(executed: Executed) -> dict[str, Any]:
    """What the load has found: how often each letter."""
    [outcome] = [one.outcome for one in executed.performed if one.call.method == "load"]
    assert isinstance(outcome, Answer)
    return {letter: count for letter, count in outcome.result["document"].items() if count}  # type: ignore[union-attr]


def left(race: Race) -> list[dict[str, int]]:
    """What each schedule has left in the file."""
    slot_files = [race.folder / str(number) / "root" / "slot" for number in range(1, race.number + 1)]
    return [dict(Counter(file.read_text("ascii"))) for file in slot_files if file.exists()]


@pytest.mark.parametrize("write", [OVER, 'file.write(b"b" * 12288)'])
def test_no_reader_comes_between_the_pages(slots: Slots, write: str) -> None:
    """A reader without a lock finds half of one write over several pages; nothing else shows it a mixture."""
    race = slots(write)
    done = race.all(interruptions=1)
    assert [found(one) for one in done if halved(one)] == [{"a": 8192, "b": 4096}]
    assert {tuple(found(one)) for one in done if not halved(one)} == {("a",), ("b",)}
    assert set(race.counts) == {"12288"}
    assert {tuple(one) for one in left(race)} == {("b",)}


def test_a_lock_does_not_keep_the_pages_together(slots: Slots) -> None:
    """Who waits for the writer's lock finds one write, and that takes no schedule more."""
    race = slots(lock=FLOCK)
    done = race.all()
    assert {tuple(found(one)) for one in done} == {("a",), ("b",)}
    assert not any(map(halved, done))


@pytest.mark.parametrize(
    ("offset", "length", "halves"), [(0, 4096, 0), (4096, 4096, 0), (5000, 100, 0), (4090, 12, 1), (1, 4096, 1)]
)
def test_a_write_within_a_page_is_halved(slots: Slots, offset: int, length: int, halves: int) -> None:
    """Where the boundary lies is told by the offset in the file."""
    race = slots(f'os.pwrite(file.fileno(), b"b" * {length}, {offset})')
    done = race.all(interruptions=1)
    assert sum(map(halved, done)) == halves
    assert {step.half for one in done for step in one.steps if step.half} == ({4096 - offset} if halves else set())


def test_a_write_beside_a_write_is_halved(slots: Slots) -> None:
    """Two writers need no more schedules: the second waits for the first."""
    assert not any(map(halved, slots(calls=([saving("a")], [saving("b")])).all()))


def test_a_file_that_nobody_reads_is_halved(slots: Slots) -> None:
    """A temporary file that gets its name when it is whole needs no more schedules."""
    write = '[open(self.path("new"), "wb", buffering=0).write(b"b" * 12288), os.rename(self.path("new"), file.name)]'
    done = slots(write).all()
    assert {tuple(found(one)) for one in done} == {("a",), ("b",)}
    assert not any(map(halved, done))


def test_the_rest_of_an_append_goes_elsewhere(slots: Slots) -> None:
    """With O_APPEND both halves are appended, in order and once."""
    race = slots('file.write(b"b" * 5000 + b"c" * 5000)', mode="ab")
    done = race.all(interruptions=1)
    assert [found(one) for one in done if halved(one)] == [{"a": 12288, "b": 4096}]
    assert set(race.counts) == {"10000"}
    assert {tuple(one.items()) for one in left(race)} == {(("a", 12288), ("b", 5000), ("c", 5000))}


@pytest.mark.parametrize(
    ("afterwards", "waits"),
    [
        ('os.pwrite(os.open(self.path("slot"), os.O_WRONLY), b"c" * 12288, 0)', "pwrite64"),
        ('os.truncate(self.path("slot"), 0)', "truncate"),
        ('os.unlink(self.path("slot"))', "unlink"),
        ('open(self.path("new"), "w").close(); os.rename(self.path("new"), self.path("slot"))', "rename"),
        ('open(self.path("slot"), "w").close()', "openat"),
    ],
)
def test_another_writer_comes_between_the_pages(slots: Slots, afterwards: str, waits: str) -> None:
    """Who needs the lock of the file waits for the second half: the write of another, a cut, the end of the name."""
    race = slots(afterwards=afterwards)
    [between] = [one for one in race.all(interruptions=1) if halved(one)]
    assert found(between) == {"a": 8192, "b": 4096}
    names = [step.name for step in between.steps]
    behind = [step.name for step in between.steps[names.index("finishes") :] if step.side == 1]
    assert waits in behind
    assert all(len(one) <= 1 for one in left(race))


def test_an_error_in_the_second_half_is_one_of_the_write(slots: Slots, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written in the second half makes it a short write, as it does in the kernel."""
    race = slots()
    between = next(one for one in race.all(interruptions=1) if halved(one))
    carry = os.pwrite

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        if offset:
            raise OSError(errno.ENOSPC, "full")
        return carry(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    race.carry_out(between.choices)
    assert race.counts[-1] == "4096"
    assert left(race)[-1] == {"a": 8192, "b": 4096}


def test_halves_do_not_repeat(slots: Slots) -> None:
    """A schedule with half a write is repeated from its choices, and they are refused where there is none."""
    race = slots()
    between = next(one for one in race.all(interruptions=1) if halved(one))
    assert min(between.choices) == ~0
    again = race.carry_out(between.choices)
    assert (signature(again), found(again)) == (signature(between), {"a": 8192, "b": 4096})
    with pytest.raises(Diverged, match="step 2: process 1 does not write over several pages"):
        race.carry_out([0, ~0])


def test_halves_are_not_told(slots: Slots) -> None:
    """For people it is told which bytes were there when the reader came, and which file systems let it."""
    race = slots()
    between = next(one for one in race.all(interruptions=1) if halved(one))
    lines = told(between, race.calls).splitlines()
    assert lines[0].endswith("pwrite64 slot (its first 4,096 bytes)")
    assert lines[2].startswith("process 1: the rest of that write to slot")
    assert lines[-1] == "ext4 and btrfs let a reader come between the pages of a write"
