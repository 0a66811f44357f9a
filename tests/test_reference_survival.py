"""What the reference store leaves behind when a process dies, a call fails, or others use the folder too."""

import errno
import fcntl
import functools
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sessionproof_reference import Conflict, Corrupt, SessionStore, SnapshotStore, StoreError, _folder

CALLS = ("open", "read", "write", "fsync", "rename", "unlink", "stat", "fstat", "close", "listdir")
OLD: dict[str, Any] = {"format": "session", "version": "1.0", "id": "a", "messages": [], "title": "old " * 3000}
NEW: dict[str, Any] = {**OLD, "title": "new " * 3000}
ITEMS = [{"id": "1", "text": "x"}]


def documents(store: SessionStore) -> tuple[str | None, Any]:
    """What is there of the session: its title and its attachments."""
    loaded = store.load("a")
    return (None, None) if loaded is None else (loaded.document["title"][:3], store.attachments("a", "trace"))


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, call: str, at: int, number: int) -> Generator[list[int]]:
    """The at-th use of one call by the store fails; the list tells how many there were."""
    uses = [0]
    real: Callable[..., Any] = getattr(os, call)

    def counted(*arguments: Any, **named: Any) -> Any:
        uses[0] += 1
        if uses[0] == at:
            raise OSError(number, os.strerror(number))
        return real(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, counted)
        yield uses


OPERATIONS: dict[str, tuple[Callable[[SessionStore], object], set[tuple[str | None, Any]]]] = {
    "save": (lambda store: store.save("a", NEW), {("old", None), ("new", None)}),
    "attach": (lambda store: store.attach("a", "trace", ITEMS), {("old", None), ("old", "items")}),
    "delete": (lambda store: store.delete("a"), {("old", None), (None, None)}),
    "prune": (lambda store: store.prune("9999-01-01T00:00:00Z"), {("old", None), (None, None)}),
    "check": (lambda store: store.check(), {("old", None)}),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EACCES, errno.EMFILE])
@pytest.mark.parametrize("call", CALLS)
def test_failed_call_leaves_half_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str, call: str, number: int
) -> None:
    """Whichever call fails, the error is told, the session is the old or the new one, and the store goes on."""
    act, allowed = OPERATIONS[operation]
    at = 1
    while True:
        root = tmp_path / str(at)
        store = SessionStore(root)
        store.save("a", OLD)
        with failing(monkeypatch, call, at, number) as uses:
            try:
                act(store)
            except OSError as error:
                assert error.errno == number  # noqa: PT017 - without a failure there is nothing to raise
            else:
                assert uses[0] < at
        title, items = documents(store)
        assert (title, "items" if items == ITEMS else items) in allowed
        # Only where nothing can be removed, the next to open has to.
        store = SessionStore(root) if call == "unlink" else store
        assert all(path.name == "id-a.json" for path in root.iterdir())
        store.save("a", NEW)
        act(store)
        if uses[0] < at:
            return
        at += 1


def test_delete_after_failed_fsync_trusts_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delete whose fsync failed is undone, so that a retry does it over."""
    store = SessionStore(tmp_path / "root")
    store.save("a", OLD)
    with failing(monkeypatch, "fsync", 1, errno.EIO), pytest.raises(OSError, match="Input/output"):
        store.delete("a")
    assert store.delete("a")


def test_write_is_acknowledged_before_it_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes are synced before they get their name, and the name before the answer; so are a delete and the root."""
    calls: list[str] = []

    def noted(call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def used(*arguments: Any, **named: Any) -> Any:
            calls.append(call)
            return real(*arguments, **named)

        return used

    for call in ("write", "fsync", "rename", "unlink"):
        monkeypatch.setattr(os, call, noted(call, getattr(os, call)))
    store = SessionStore(tmp_path / "root")
    assert calls == ["fsync"]
    calls.clear()
    store.save("a", OLD)
    assert calls == ["write", "fsync", "rename", "fsync"]
    calls.clear()
    store.delete("a")
    assert calls == ["unlink", "rename", "fsync", "unlink"]
    calls.clear()
    store.delete("a")
    assert calls == ["unlink", "fsync"]


def test_short_write_or_read_cuts_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write or a read of only part of the bytes is gone on with."""
    real_write, real_read = os.write, os.read

    def short_write(file: int, data: memoryview) -> int:
        return real_write(file, data[:1000])

    def short_read(file: int, size: int) -> bytes:
        return real_read(file, min(size, 1000))

    monkeypatch.setattr(os, "write", short_write)
    monkeypatch.setattr(os, "read", short_read)
    store = SessionStore(tmp_path / "root")
    store.save("a", OLD)
    assert documents(store) == ("old", None)


def test_death_at_a_call_leaves_half_a_session(tmp_path: Path) -> None:
    """A process that dies at any call leaves the old session or the new one, no lock, and nothing that stays."""
    script = """
        import os, sys
        from sessionproof_reference import SessionStore, _folder

        root, operation = sys.argv[1:]
        document = {"format": "session", "version": "1.0", "id": "a", "messages": [], "title": "old " * 3000}
        act = {
            "save": lambda store: store.save("a", {**document, "title": "new " * 3000}),
            "attach": lambda store: store.attach("a", "trace", [{"id": "1", "text": "x"}]),
            "delete": lambda store: store.delete("a"),
            "open": lambda store: None,
        }[operation]

        def dying(call, real, left):
            def used(*arguments, **named):
                left[0] -= 1
                if left[0] == 0:
                    if call == "write":
                        real(arguments[0], bytes(arguments[1][: len(arguments[1]) // 2]))
                    os._exit(9)
                return real(*arguments, **named)
            return used

        at, status = 0, 9
        while status:
            at += 1
            store = SessionStore(root)
            store.save("a", document)
            store.delete("b")
            child = os.fork()
            if child == 0:
                left = [at]
                for call in ("open", "write", "fsync", "rename", "unlink", "stat", "close", "listdir"):
                    setattr(os, call, dying(call, getattr(os, call), left))
                act(SessionStore(root))
                os._exit(0)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            store = SessionStore(root)
            found = store.load("a")
            title = found and found.document["title"][:3]
            items = store.attachments("a", "trace")
            expected = {"save": {("old", None), ("new", None)}, "delete": {("old", None), (None, None)}}
            assert items is not None or (title, items) in expected.get(operation, {("old", None)}), (at, title, items)
            assert items is None or (operation, title) == ("attach", "old")
            assert set(os.listdir(root)) == ({"id-a.json"} if title else set()), os.listdir(root)
            assert store.list() == (["a"] if title else [])
            store.delete("a")
        print(at)
    """
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / operation), operation],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for operation in ("open", "save", "attach", "delete")
    ]
    for run in runs:
        output, errors = run.communicate(timeout=60)
        assert run.returncode == 0, errors
        assert int(output) > 5


def test_processes_lose_each_others_writes(tmp_path: Path) -> None:
    """Two processes that count up by conditional saves lose no count, and a reader sees whole documents all along."""
    script = """
        import sys
        from sessionproof_reference import Conflict, SnapshotStore

        store = SnapshotStore(sys.argv[1])
        document = {"format": "snapshot", "version": "1.0", "messages": []}
        done = 0
        while done < 20:
            loaded = store.load("counter")
            try:
                store.save("counter", {**document, "n": loaded.document["n"] + 1}, if_revision=loaded.revision)
            except Conflict:
                continue
            done += 1
    """
    root = tmp_path / "root"
    store = SnapshotStore(root)
    store.save("counter", {"format": "snapshot", "version": "1.0", "messages": [], "n": 0})
    command = [sys.executable, "-c", textwrap.dedent(script), str(root)]
    writers = [subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) for _ in range(2)]
    seen = [0]
    while any(writer.poll() is None for writer in writers):
        loaded = store.load("counter")
        assert loaded is not None
        assert store.list() == ["counter"]
        seen.append(loaded.document["n"])
    loaded = store.load("counter")
    assert loaded is not None
    assert (loaded.document["n"], seen) == (40, sorted(seen))
    assert [writer.returncode for writer in writers] == [0, 0]


def test_threads_lose_each_others_writes(tmp_path: Path) -> None:
    """Threads with one store object exclude each other too."""
    store = SessionStore(tmp_path / "root")
    store.save("a", OLD)
    acknowledged: list[str] = []

    def save_once(revision: str) -> None:
        with suppress(Conflict):
            acknowledged.append(store.save("a", NEW, if_revision=revision))

    for _ in range(5):
        loaded = store.load("a")
        assert loaded is not None
        threads = [threading.Thread(target=save_once, args=(loaded.revision,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(acknowledged) == 5


def test_lock_is_waited_for_without_end_or_by_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another holds the lock, a write is a conflict in the end, and a load is answered."""
    root = tmp_path / "root"
    store = SessionStore(root)
    store.save("a", OLD)
    monkeypatch.setattr(_folder, "locked", functools.partial(_folder.locked, wait_s=0.01))
    holder = os.open(root, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    with pytest.raises(Conflict):
        store.save("a", NEW)
    assert SessionStore(root).exists("a")
    assert documents(store) == ("old", None)
    os.close(holder)
    store.save("a", NEW)


def test_temporary_file_of_a_living_writer_is_swept(tmp_path: Path) -> None:
    """Opening the store clears what dead writers left, and waits for no living one and takes nothing from it."""
    root = tmp_path / "root"
    SessionStore(root)
    left = root / ".sessionproof-0123456789abcdef.tmp"
    left.touch()
    with _folder.locked(root):
        SessionStore(root)
        assert left.exists()
    SessionStore(root)
    assert not left.exists()


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_others_can_read(tmp_path: Path, mask: int) -> None:
    """Files are the owner's alone under any umask, and a folder that was there keeps its mode, as its parent does."""
    made, given = tmp_path / "made", tmp_path / "given"
    given.mkdir()
    given.chmod(0o755)
    tmp_path.chmod(0o750)
    previous = os.umask(mask)
    try:
        for root in (made, given):
            store = SessionStore(root)
            store.save("a", OLD)
            (root / "id-a.json").write_bytes(b"damaged")
            store.save("a", NEW)
    finally:
        os.umask(previous)
    assert [made.stat().st_mode & 0o777, given.stat().st_mode & 0o777] == [0o700, 0o755]
    assert {path.stat().st_mode & 0o777 for root in (made, given) for path in root.iterdir()} == {0o600}
    assert tmp_path.stat().st_mode & 0o777 == 0o750


def test_planted_link_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link at a name that the store is about to use leads nowhere; the root itself may be a link."""
    (tmp_path / "target").mkdir()
    root = tmp_path / "root"
    root.symlink_to("target")
    outside = tmp_path / "outside"
    store = SessionStore(root)
    store.save("a", OLD)
    decoy = (root / "id-a.json").read_bytes()
    outside.write_bytes(decoy)
    (root / "id-a.json").unlink()
    (root / "id-a.json").symlink_to(outside)
    (root / "id-a.json.damaged").symlink_to(outside)
    with pytest.raises(Corrupt):
        store.load("a")
    store.save("a", OLD)
    (root / "id-a.json").write_bytes(b"damaged")
    store.save("a", NEW)
    monkeypatch.setattr(_folder, "_new_name", lambda: "temporary")
    (root / "temporary").symlink_to(outside)
    for write in (lambda: store.save("a", OLD), store.check):
        with pytest.raises(FileExistsError):
            write()
    assert outside.read_bytes() == decoy
    assert documents(store) == ("new", None)


def test_vanished_root_is_an_empty_store(tmp_path: Path) -> None:
    """Once the folder is gone every operation is an error, until a store is made on it again."""
    root = tmp_path / "root"
    store = SessionStore(root)
    store.save("a", OLD)
    (root / "id-a.json").unlink()
    root.rmdir()
    for operation in (
        lambda: store.load("a"),
        lambda: store.exists("a"),
        store.list,
        store.summaries,
        store.check,
        lambda: store.save("a", OLD),
        lambda: store.delete("a"),
    ):
        with pytest.raises(FileNotFoundError):
            operation()
    SessionStore(root).save("a", OLD)
    assert documents(store) == ("old", None)


def test_missing_permission_is_absence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read for want of permission is an error in every operation that would have to read it."""
    store = SessionStore(tmp_path / "root")
    store.save("a", OLD)
    real = os.open

    def refused(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        if path == "id-a.json":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path, flags, *arguments, **named)

    monkeypatch.setattr(os, "open", refused)
    for operation in (
        lambda: store.load("a"),
        lambda: store.attachments("a", "trace"),
        store.summaries,
        store.latest,
        lambda: store.prune("9999-01-01T00:00:00Z"),
        lambda: store.save("a", NEW),
    ):
        with pytest.raises(PermissionError):
            operation()
    assert store.list() == ["a"]


def test_descriptors_leak(tmp_path: Path) -> None:
    """Operations leave no descriptor open, also those that are refused."""
    store = SessionStore(tmp_path / "root")
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(20):
        store.save("a", OLD)
        store.delete("a")
        store.list()
        with pytest.raises(StoreError):
            store.attach("a", "trace", ITEMS)
    assert len([*Path("/proc/self/fd").iterdir()]) == before
