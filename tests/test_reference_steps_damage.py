"""What the reference store for logs makes of torn tails and of damage."""

import itertools
import os
import shutil
from pathlib import Path

import pytest

from sessionproof_reference import Corrupt, StepStore, UnsupportedVersion, _steps
from sessionproof_reference._logs import LayoutName
from step_logs import damage, files, filled, layout_fixture, message, root_fixture, spare_the_disk, texts

__all__ = ["layout_fixture", "root_fixture"]

PAGE = 4096


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the disk where a test opens the store hundreds of times."""
    spare_the_disk(monkeypatch)


@pytest.mark.usefixtures("unsynced")
def test_torn_tail_is_read_or_glued_to(root: Path) -> None:
    """A file cut at any byte reads as the records before the cut; the next append goes on behind them."""
    _, log_id = filled(root, "file", "one", "two three four")
    (file,) = files(root, log_id)
    whole = file.read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole)):
        file.write_bytes(whole[:cut])
        store = StepStore(root, "file")
        records = sum(end <= cut for end in ends)
        if records == 0:
            for refused in (lambda: store.read(log_id), lambda: store.append(log_id, [message("x")])):  # noqa: B023
                with pytest.raises(Corrupt):
                    refused()
            assert file.read_bytes() == whole[:cut]
            continue
        left = ["one", "two", "three", "four"][: records - 1]
        assert (texts(store, log_id), damage(store, log_id)) == (left, [] if cut in ends else [None])
        assert store.append(log_id, [message("next")]) == [records]
        assert texts(StepStore(root, "file"), log_id) == [*left, "next"]
        assert damage(store, log_id) == []
    assert [path.name for path in root.iterdir()] == [file.name]


@pytest.mark.usefixtures("unsynced")
@pytest.mark.parametrize("lost", list(itertools.product([False, True], repeat=4))[1:])
def test_page_that_was_lost_leaves_a_hole(root: Path, lost: tuple[bool, ...]) -> None:
    """Whichever pages of the last append did not reach the disk, a prefix of it is left, and nothing behind is read."""
    store, log_id = filled(root, "file", "one")
    (file,) = files(root, log_id)
    before = file.stat().st_size
    batch = [f"{name} {'x' * 1500}" for name in ("two", "three", "four", "five", "six", "seven")]
    store.append(log_id, [message(text) for text in batch])
    whole = file.read_bytes()
    assert PAGE * 2 < len(whole) <= PAGE * 4
    data = bytearray(whole)
    for page, is_lost in enumerate(lost):
        start, end = max(page * PAGE, before), min((page + 1) * PAGE, len(whole))
        data[start:end] = bytes(end - start) if is_lost and start < end else data[start:end]
    file.write_bytes(data)
    names = ["one", *(text.partition(" ")[0] for text in batch)]
    sound = next((at for at, byte in enumerate(data) if byte != whole[at]), len(whole))
    left = names[: whole[:sound].count(b"\n") - 1]
    store = StepStore(root, "file")
    torn = [None] if bytes(data) != whole else []
    assert (texts(store, log_id), damage(store, log_id)) == (left, torn)
    assert store.append(log_id, [message("next")]) == [len(left) + 1]
    assert (texts(store, log_id), damage(store, log_id)) == ([*left, "next"], [])
    aside = root / f"{file.name}.damaged"
    if b"\n" in bytes(data)[sound:] and torn:
        assert aside.read_bytes() in bytes(data)
    store.delete(log_id)
    assert [*root.iterdir()] == []


def test_zero_bytes_behind_the_last_record_are_kept(root: Path) -> None:
    """A file that ends in zero bytes, as an append into a partly filled block can leave it, goes on where it ended."""
    store, log_id = filled(root, "file", "one")
    (file,) = files(root, log_id)
    for zeros in (1, 512, 70_000):
        with file.open("ab") as opened:
            opened.write(bytes(zeros))
        for again in (store, StepStore(root, "file")):
            assert damage(again, log_id) == [None]
        store.append(log_id, [message("next")])
        assert damage(store, log_id) == []
    assert [*root.iterdir()] == [file]


def test_append_behind_zeros_hides_damage_before_it(root: Path) -> None:
    """Zeros in the middle of what was acknowledged are damage, and what is behind them is read."""
    store, log_id = filled(root, "file", "one", "two", "three four", "five")
    (file,) = files(root, log_id)
    lines = file.read_bytes().splitlines(keepends=True)
    for index, lost, left in ((2, [2], ["one", "three", "four", "five"]), (3, [3], ["one", "two", "four", "five"])):
        file.write_bytes(b"".join([*lines[:index], bytes(len(lines[index]) - 1) + b"\n", *lines[index + 1 :]]))
        assert (texts(store, log_id), damage(store, log_id)) == (left, lost)
        assert StepStore(root, "file").append(log_id, [message("six")]) == [6]
        assert (texts(store, log_id), damage(store, log_id)) == ([*left, "six"], lost)


@pytest.mark.usefixtures("unsynced")
def test_flipped_bit_is_read(root: Path, layout: LayoutName) -> None:
    """A flipped bit in any record is told by the step's number, all others are read, and appends go on behind it."""
    store, log_id = filled(root, layout, "one", "two three", "four")
    steps = {"one": 1, "two": 2, "three": 3, "four": 4}
    for file in files(root, log_id):
        whole = file.read_bytes()
        for at in range(0, len(whole), 5):
            flipped = whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :]
            file.write_bytes(flipped)
            store = StepStore(root, layout)
            left = texts(store, log_id)
            lost = [step for text, step in steps.items() if text not in left]
            assert left == [text for text in steps if text in left]
            assert len(lost) <= 1 or whole[at] == ord("\n")
            found = damage(store, log_id)
            assert found
            assert {*found} <= {*lost, None}
            assert file.read_bytes() == flipped
        file.write_bytes(whole)
    assert damage(store, log_id) == []


def test_damaged_last_step_is_forgotten(root: Path, layout: LayoutName) -> None:
    """A last step that was whole and is damaged stays told after appends, and its number is not given again."""
    _, log_id = filled(root, layout, "one", "two")
    last = next(path for path in files(root, log_id) if b"two" in path.read_bytes())
    last.write_bytes(last.read_bytes().replace(b"two", b"too"))
    assert StepStore(root, layout).append(log_id, [message("next")]) == [3]
    store = StepStore(root, layout)
    assert (texts(store, log_id), damage(store, log_id)) == (["one", "next"], [2])


def test_missing_or_repeated_step_is_skipped_in_silence(root: Path, layout: LayoutName) -> None:
    """A step that is missing, or stands twice or under another number, is told."""
    store, log_id = filled(root, layout, "one", "two", "three", "four")
    if layout == "file":
        (file,) = files(root, log_id)
        lines = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join([*lines[:2], *lines[3:]]))
        assert (texts(store, log_id), damage(store, log_id)) == (["one", "three", "four"], [2])
        file.write_bytes(b"".join([*lines[:3], lines[2], *lines[3:]]))
        assert (texts(store, log_id), damage(store, log_id)) == (["one", "two", "three", "four"], [2])
    else:
        (root / log_id / "step-2.json").rename(root / "step-2.json")
        assert (texts(store, log_id), damage(store, log_id)) == (["one", "three", "four"], [2])
        shutil.copy(root / log_id / "step-1.json", root / log_id / "step-2.json")
        assert (texts(store, log_id), damage(store, log_id)) == (["one", "three", "four"], [2])
    assert store.append(log_id, [message("five")]) == [5]


def test_log_under_the_name_of_another_is_read(root: Path, layout: LayoutName) -> None:
    """A log copied over another's is noticed, and nothing is appended to it; a delete takes it away."""
    store, log_id = filled(root, layout, "one")
    other = store.create("a", "c")
    suffix = ".jsonl" if layout == "file" else ""
    store.delete(log_id)
    if layout == "file":
        shutil.copy(root / f"{other}{suffix}", root / f"{log_id}{suffix}")
    else:
        shutil.copytree(root / other, root / log_id)
    for refused in (lambda: store.read(log_id), lambda: store.append(log_id, [message("x")])):
        with pytest.raises(Corrupt):
            refused()
    assert store.exists(log_id)
    assert [summary.id for summary in store.summaries()] == [other]
    assert store.delete(log_id)
    assert store.list() == [other]


@pytest.mark.parametrize("data", [b"", bytes(5000), b"\n", b"[]\n", b"[" * 100_000 + b"\n", b"9" * 100_000 + b"\n"])
def test_hostile_file_is_a_log(root: Path, layout: LayoutName, data: bytes) -> None:
    """A log of which nothing can be read is corrupt for reads and writes, harms no other, and can be deleted."""
    store, log_id = filled(root, layout, "one")
    other = store.create("a", "c")
    for file in files(root, log_id):
        file.write_bytes(data)
    store = StepStore(root, layout)
    for refused in (lambda: store.read(log_id), lambda: store.append(log_id, [message("x")])):
        with pytest.raises(Corrupt):
            refused()
    assert {path.read_bytes() for path in files(root, log_id)} == {data}
    assert sorted(store.list()) == sorted([log_id, other])
    assert [summary.id for summary in store.summaries()] == [other]
    assert store.append(other, [message("x")]) == [1]
    assert store.delete(log_id)


@pytest.mark.parametrize("version", ["2.0", "1.7"])
def test_version_is_not_looked_at(root: Path, layout: LayoutName, version: str) -> None:
    """A record of a newer major version is refused by reads and writes alike and stays; a newer minor one is read."""
    store, log_id = filled(root, layout, "one")
    for file in files(root, log_id):
        lines = [_steps.decode(line, log_id) for line in file.read_bytes().splitlines(keepends=True)]
        steps = [{**_steps.new(step.kind, step.content, step.number), "version": version, "new": 1} for step in lines]
        file.write_bytes(b"".join(_steps.encode(step, log_id) for step in steps))
    before = {path: path.read_bytes() for path in files(root, log_id)}
    store = StepStore(root, layout)
    if version == "1.7":
        assert (texts(store, log_id), damage(store, log_id)) == (["one"], [])
        assert store.append(log_id, [message("two")]) == [2]
        return
    for refused in (
        lambda: store.read(log_id),
        lambda: store.append(log_id, [message("x")]),
        lambda: store.append_events(log_id, [{}]),
        lambda: store.compact(log_id, "x"),
        lambda: store.describe(log_id, {}),
    ):
        with pytest.raises(UnsupportedVersion):
            refused()
    assert {path: path.read_bytes() for path in files(root, log_id)} == before
    assert (store.summaries(), store.list()) == ([], [log_id])


def test_planted_entry_is_followed_or_hangs(root: Path, layout: LayoutName) -> None:
    """A link or a pipe in a log's place is corrupt, leads nowhere and can be deleted; what lies beside is no log."""
    store, log_id = filled(root, layout, "one")
    suffix = ".jsonl" if layout == "file" else ""
    own, outside = root / f"{log_id}{suffix}", root.parent / "outside"
    own.rename(outside)
    before = {path: path.read_bytes() for path in [outside, *outside.rglob("*")] if path.is_file()}
    (root / "notes.jsonl").write_text("notes", encoding="utf-8")
    (root / "notes").mkdir()
    for target in (outside, "nowhere", None):
        if target is None:
            os.mkfifo(own)
        else:
            own.symlink_to(target)
        for refused in (lambda: store.read(log_id), lambda: store.append(log_id, [message("x")])):
            with pytest.raises(Corrupt):
                refused()
        assert (store.list(), store.exists(log_id)) == ([log_id], True)
        assert store.delete(log_id)
    assert {path: path.read_bytes() for path in [outside, *outside.rglob("*")] if path.is_file()} == before
    assert store.list() == []
