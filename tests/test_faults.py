"""Which calls an error fits, and what is right after it."""

import os

import pytest

from sessionproof._faults import SHORT, Made, fits, lists, locks_of, looks
from sessionproof._gate import Held
from sessionproof._locks import Lock


def made(name: str, flags: int = 0, *, new: bool = False, length: int = 0, lock: Lock | None = None) -> Made:
    """A call on a file of the store."""
    return Made(f"{name}:1", Held(1, 1, name, (3, 0, length), ("/root/a",), flags, lock), new)


NEW = made("openat", os.O_CREAT | os.O_WRONLY, new=True)
OLD = made("openat", os.O_CREAT | os.O_WRONLY)
READ = made("openat")
FOLDER = made("openat", os.O_DIRECTORY)
WAITS = made("flock", lock=Lock("exclusive", waits=True))
TRIES = made("flock", lock=Lock("exclusive", waits=False))


@pytest.mark.parametrize(
    ("error", "right", "wrong"),
    [
        ("ENOSPC", [NEW, made("write"), made("rename"), made("mkdir")], [OLD, READ, made("unlink"), made("read")]),
        ("EDQUOT", [NEW, made("fallocate")], [OLD, made("fsync")]),
        ("EIO", [READ, made("read"), made("fstat"), made("unlink")], [made("fsync"), WAITS]),
        ("EACCES", [READ, NEW, made("newfstatat"), made("rename")], [made("read"), made("fstat"), made("write")]),
        ("EROFS", [NEW, OLD, made("unlink")], [READ, FOLDER, made("newfstatat"), made("write")]),
        ("EMFILE", [READ, NEW, FOLDER], [made("write"), made("newfstatat")]),
        ("EINTR", [READ, made("read"), made("write"), WAITS], [TRIES, made("getdents64"), made("rename")]),
        (SHORT, [made("write", length=2)], [made("write", length=1), made("writev", length=9), made("read", length=9)]),
    ],
)
def test_call_fails_as_it_never_does(error: str, right: list[Made], wrong: list[Made]) -> None:
    """An error is tried at the calls that know it, and at no others."""
    assert [fits(error, one) for one in right] == [True] * len(right)
    assert [fits(error, one) for one in wrong] == [False] * len(wrong)


def test_write_taken_for_a_look() -> None:
    """What only looks may be answered as damage; what makes or writes may not."""
    assert all(looks(one.held) for one in (READ, FOLDER, made("read"), made("newfstatat"), made("getdents64")))
    assert not any(looks(one.held) for one in (NEW, OLD, made("write"), made("unlink"), made("fsync")))
    assert [lists(one.held) for one in (FOLDER, made("getdents64"), READ)] == [True, True, False]


def test_lock_taken_for_a_file() -> None:
    """A lock is what an operation alone makes and removes again; what it links from, or writes over, is none."""

    def call(name: str, *names: str, flags: int = 0) -> Made:
        paths = tuple(f"/root/{name}" for name in names)
        return Made(f"{name}:1", Held(1, 1, name, (3, 0, 0), paths, flags), new=True)

    alone = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    locked = [call("symlink", "BUSY"), call("openat", "a.tmp", flags=alone), call("rename", "a.tmp", "a")]
    assert locks_of([*locked, call("unlink", "BUSY")]) == ["BUSY"]
    assert locks_of([call("openat", "taken", flags=alone), call("unlinkat", "taken")]) == ["taken"]
    assert locks_of([call("openat", "pid", flags=alone), call("link", "pid", "b"), call("unlink", "pid")]) == []
    assert locks_of([call("openat", "journal", flags=os.O_CREAT), call("unlink", "journal")]) == []
    assert locks_of(locked) == []
