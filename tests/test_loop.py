"""Recorded operations done again with real files, and real file systems that crash."""

import contextlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionproof import _loop
from sessionproof._disk import TOP, Chmod, Disk, Link, Make, Operation, Rename, Resize, Sync, Unlink, Write
from sessionproof._loop import CRASHES, FILE_SYSTEMS, FileSystem, How, NoRealDisk, RealDisk, carry_out, disk_of, lacking

NAME = st.sampled_from([b"a", b"b", "\u00e9 c".encode()])
INODE = FOLDER = st.integers(0, 20)
MODE = st.sampled_from([0o600, 0o644, 0o755])
OPERATION = st.one_of(
    st.builds(Make, st.just(0), FOLDER, NAME, st.sampled_from(["file", "folder"]), MODE),
    st.builds(Make, st.just(0), FOLDER, NAME, st.just("link"), MODE, st.just(b"to")),
    st.builds(Make, st.just(0), FOLDER, st.just(b""), st.just("file"), MODE),
    st.builds(Write, INODE, st.sampled_from([0, 3, 5_000]), st.binary(min_size=1, max_size=9)),
    st.builds(Resize, INODE, st.sampled_from([0, 2, 6_000])),
    st.builds(Link, FOLDER, NAME, INODE),
    st.builds(Unlink, FOLDER, NAME),
    st.builds(Rename, FOLDER, NAME, FOLDER, NAME, st.booleans()),
    st.builds(Chmod, INODE, MODE),
    st.builds(Sync, st.none() | INODE, st.booleans(), st.booleans()),
)
"""Numbers count those that there are from the first to the last, and over again."""


def possible(operation: Operation, disk: Disk, nameless: set[int]) -> bool:
    """Whether a kernel would do it; folders lie at the top only, so that none comes to lie in itself."""
    match operation:
        case Make(folder=folder, name=name, kind=kind):
            return _free(disk, folder, name) and (kind != "folder" or folder == TOP)
        case Write(inode=inode) | Resize(inode=inode) | Chmod(inode=inode):
            return _kind(disk, inode) == "file"
        case Sync(inode=inode):
            return inode is None or _kind(disk, inode) in {"file", "folder"}
        case Link(folder=folder, name=name, inode=inode):
            named = inode in nameless or any(inode in parent.names.values() for parent in disk.inodes.values())
            return _free(disk, folder, name) and named and _kind(disk, inode) in {"file", "link"}
        case Unlink(folder=folder, name=name):
            found = _at(disk, folder, name)
            return found is not None and not disk.inodes[found].names
        case Rename():
            return _movable(operation, disk)


def _movable(operation: Rename, disk: Disk) -> bool:
    moved = _at(disk, operation.folder, operation.name)
    replaced = _at(disk, operation.new_folder, operation.new_name)
    if moved in {None, replaced} or not _there(disk, operation.new_folder):
        return False
    folders = [_kind(disk, inode) == "folder" for inode in (moved, replaced)]
    if any(folders) and (operation.folder, operation.new_folder) != (TOP, TOP):
        return False
    if replaced is None or operation.exchange:
        return (replaced is not None) == operation.exchange
    return folders[0] == folders[1] and not disk.inodes[replaced].names


def _there(disk: Disk, folder: int) -> bool:
    return folder == TOP or (folder in disk.inodes[TOP].names.values() and _kind(disk, folder) == "folder")


def _kind(disk: Disk, inode: int | None) -> str:
    return disk.inodes[inode].kind if inode in disk.inodes else ""


def _at(disk: Disk, folder: int, name: bytes) -> int | None:
    return disk.inodes[folder].names.get(name) if _there(disk, folder) else None


def _free(disk: Disk, folder: int, name: bytes) -> bool:
    return _there(disk, folder) and _at(disk, folder, name) is None


def script(drawn: list[Operation]) -> tuple[list[Operation], Disk]:
    """What is possible of these, one after the other, and what it leaves."""
    disk, done, nameless = Disk(), list[Operation](), set[int]()
    for one in drawn:
        operation = _numbered(one, disk)
        if not possible(operation, disk, nameless):
            continue
        if isinstance(operation, Make) and not operation.name:
            nameless.add(operation.inode)
        elif isinstance(operation, Link):
            nameless.discard(operation.inode)
        disk.apply(operation)
        done.append(operation)
    return done, disk


def _numbered(operation: Operation, disk: Disk) -> Operation:
    """The operation with inodes, folders and names that there are; a new inode has the next number."""
    folders = [TOP, *(number for number in disk.inodes[TOP].names.values() if _kind(disk, number) == "folder")]
    files = [number for number in disk.inodes if _kind(disk, number) == "file"] or [TOP]
    places = [(folder, name) for folder in folders for name in disk.inodes[folder].names] or [(TOP, b"a")]
    match operation:
        case Make(folder=folder):
            return replace(operation, inode=len(disk.inodes), folder=folders[folder % len(folders)])
        case Write(inode=inode) | Resize(inode=inode) | Chmod(inode=inode):
            return replace(operation, inode=files[inode % len(files)])
        case Sync(inode=inode):
            return operation if inode is None else replace(operation, inode=[*disk.inodes][inode % len(disk.inodes)])
        case Link(folder=folder, inode=inode):
            others = [number for number in disk.inodes if _kind(disk, number) != "folder"] or [TOP]
            return replace(operation, folder=folders[folder % len(folders)], inode=others[inode % len(others)])
        case Unlink(folder=folder):
            return Unlink(*places[folder % len(places)])
        case Rename(folder=folder, new_folder=new):
            source = places[folder % len(places)]
            return Rename(*source, folders[new % len(folders)], operation.new_name, operation.exchange)


def told(disk: Disk) -> list[object]:
    """All that two equal trees share: paths, kinds, bytes, modes, and which names stand for one inode."""
    first = dict[int, bytes]()
    return [
        (path, inode.kind, inode.content, inode.kind == "link" or inode.mode, first.setdefault(id(inode), path))
        for path, inode in disk.walk()
    ]


@settings(max_examples=100, deadline=None)
@given(drawn=st.lists(OPERATION, min_size=20, max_size=50))
def test_operation_is_done_otherwise(drawn: list[Operation]) -> None:
    """Operations done with real files leave the tree that they leave in memory."""
    operations, expected = script(drawn)
    with tempfile.TemporaryDirectory() as place:
        carry_out(operations, Path(place))
        assert told(disk_of(Path(place))) == told(expected)


def test_files_that_are_there_are_taken_for_others(tmp_path: Path) -> None:
    """Operations go on with the files of a disk that was written before."""
    disk = Disk()
    before: list[Operation] = [
        Make(1, TOP, b"d", "folder", 0o755),
        Make(2, 1, b"a", "file", 0o644),
        Write(2, 0, b"old"),
    ]
    after: list[Operation] = [
        Rename(1, b"a", TOP, b"b"),
        Make(3, 1, b"a", "file", 0o644),
        Write(2, 1, b"new"),
        Sync(2),
        Write(3, 0, b"x"),
    ]
    for operation in before:
        disk.apply(operation)
    disk.write_to(tmp_path, 0)
    carry_out(after, tmp_path, disk)
    for operation in after:
        disk.apply(operation)
    assert told(disk_of(tmp_path)) == told(disk)


def test_descriptor_is_left_open(tmp_path: Path) -> None:
    """No descriptor outlives the operations, even where one of them fails."""
    before = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(FileNotFoundError):
        carry_out([Make(1, TOP, b"a", "file", 0o644), Unlink(TOP, b"b")], tmp_path)
    assert len([*Path("/proc/self/fd").iterdir()]) == before


@pytest.mark.parametrize(("kind", "how"), [(kind, how) for kind in FILE_SYSTEMS for how in CRASHES[kind]])
def test_crash_spares_what_is_unsynced(kind: FileSystem, how: How) -> None:
    """After a crash of a real file system a synced file is there, and the bytes of an unsynced one are not."""
    _needs(kind)
    operations: list[Operation] = [
        Make(1, TOP, b"synced", "file", 0o644),
        Write(1, 0, b"x" * 9_000),
        Sync(1),
        Make(2, TOP, b"unsynced", "file", 0o644),
        Write(2, 0, b"x" * 9_000),
    ]
    with RealDisk(kind) as disk:
        (disk.top / "settled").touch()
        disk.settle()
        carry_out(operations, disk.top)
        left = {path: inode.content for path, inode in disk.crash(how).walk()}
    assert left.pop(b"unsynced", b"") == b""
    assert left == {b"settled": b"", b"synced": b"x" * 9_000}


@pytest.mark.parametrize("kind", FILE_SYSTEMS)
def test_failure_leaves_a_mount(kind: FileSystem) -> None:
    """After an error nothing is mounted any more, even where a file is still open."""
    _needs(kind)
    with RealDisk(kind) as disk:
        kept = os.open(disk.top / "open", os.O_CREAT | os.O_WRONLY)
    assert not disk.top.exists()
    os.close(kept)
    with contextlib.suppress(ZeroDivisionError), RealDisk(kind) as disk:
        raise ZeroDivisionError
    assert not disk.top.exists()


def test_reason_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no file system can be mounted, the reason says what is lacking and how to get it."""

    def found(command: str) -> str | None:
        return None if command == "mkfs.xfs" else command

    def refuses(*_: str) -> None:
        raise NoRealDisk("`mount` says: permission denied")

    asked = lacking.__wrapped__
    monkeypatch.setattr(_loop, "_found", found)
    monkeypatch.setattr(_loop, "_command", refuses)
    monkeypatch.setattr(os, "geteuid", int)
    assert "apt install xfsprogs" in (asked("xfs") or "")
    assert "permission denied (in a container" in (asked("ext4") or "")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "root" in (asked("xfs") or "")


def _needs(kind: FileSystem) -> None:
    reason = lacking(kind)
    if reason is not None:
        pytest.skip(reason)
