"""Stores of files that keep more than one file a session, or keep it in another way."""

import hashlib
import itertools
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from controls._alone import one_at_a_time
from controls._files import Files
from controls._records import Folder, Record, ids_of
from sessionproof import Conflict, Corrupt, Loaded, NotFound


class TwoGenerations(Files):
    """Keeps the file before the last write, and answers it where the last one is damaged."""

    def record(self, id: str) -> Record | None:
        try:
            return super().record(id)
        except Corrupt:
            content = self.folder.read(f"{self.name_of(id)}.before")
            if content is None:
                raise
            before = Record.decode(content)
            if before.id != id:
                raise
            return before

    def put(self, record: Record) -> None:
        name = self.name_of(record.id)
        content = self.folder.read(name)
        if content is not None:
            self.folder.write(f"{name}.before", content)
        super().put(record)

    def delete(self, id: str) -> bool:
        existed = super().delete(id)
        self.folder.remove(f"{self.name_of(id)}.before")
        return existed


class TwoSlots(Files):
    """A session has two files, and a write goes over the older of them where it lies: the one changed last counts.

    The first file is whole before it has its name, so that an emptied one is damage; without it there is no session.
    """

    def record(self, id: str) -> Record | None:
        slots = self._slots(id)
        if not slots:
            return None
        whole = [record for record in slots.values() if record]
        if not whole:
            raise Corrupt("neither file is whole")
        return max(whole, key=lambda record: record.changed)

    def _names(self, id: str) -> tuple[str, str]:
        return self.name_of(id), f"{self.name_of(id)}.second"

    def _slots(self, id: str) -> dict[str, Record | None]:
        """What the files hold; None where one is damaged or not there, and nothing where there is no session."""
        found: dict[str, Record | None] = {}
        for name in self._names(id):
            try:
                content = self.folder.read(name)
                if content is None and not found:
                    return {}
                record = None if content is None else Record.decode(content)
                found[name] = record if record and record.id == id else None
            except Corrupt:
                found[name] = None
        return found

    def put(self, record: Record) -> None:
        slots = self._slots(record.id)
        first, second = self._names(record.id)
        if not slots:
            # A delete that was cut short may have left it.
            self.folder.remove(second)
            super().put(record)
            return
        ages = {name: old.changed if old else -1 for name, old in slots.items()}
        older, newer = sorted((second, first), key=lambda name: ages[name])
        damaged = self.folder.read(older)
        if damaged and slots[older] is None:
            self.folder.write(f"{first}.damaged", damaged)
        if slots[newer]:
            # Its process may have died before it was synced.
            self._sync(newer)
        record.changed = max(record.changed, ages[newer] + 1)
        self._overwrite(older, record.encode())

    def _overwrite(self, name: str, content: bytes) -> None:
        path = self.folder.root / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        with os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0) as file:
            try:
                while content:
                    content = content[file.write(content) :]
                file.truncate()
                os.fdatasync(file.fileno())
                self.folder.sync()
            except OSError:
                # It must not count, or the next write would go over the only one that is on the disk.
                os.ftruncate(file.fileno(), 0)
                raise

    def _sync(self, name: str) -> None:
        with (self.folder.root / name).open("rb") as file:
            os.fdatasync(file.fileno())

    def delete(self, id: str) -> bool:
        existed = super().delete(id)
        self.folder.remove(self._names(id)[1])
        return existed


class Quarantine(Files):
    """A damaged file is moved aside when it is read; the session stays damaged until it is saved or deleted."""

    def record(self, id: str) -> Record | None:
        name = self.name_of(id)
        aside = self.folder.root / f"{name}.quarantine"
        if aside.exists():
            raise Corrupt("the file was moved aside")
        try:
            return super().record(id)
        except Corrupt:
            (self.folder.root / name).rename(aside)
            raise

    def exists(self, id: str) -> bool:
        return id in self.list()

    def list(self) -> Sequence[str]:
        names = [name.removesuffix(".quarantine") for name in _entries(self.folder)]
        return [*ids_of(sorted({name for name in names if re.fullmatch(r"s-[0-9a-f]*\.rec", name)}))]

    def aside(self, id: str) -> None:
        name = self.name_of(id)
        (self.folder.root / f"{name}.quarantine").replace(self.folder.root / f"{name}.damaged")

    def delete(self, id: str) -> bool:
        existed = self.folder.remove(f"{self.name_of(id)}.quarantine")
        return super().delete(id) or existed


class Locked(Files):
    """A save holds a lock file with the number of its process; the lock of a process that lives is respected."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        lock = self.folder.root / ".lock"
        while True:
            try:
                file = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
                break
            except FileExistsError as error:
                if _lives(lock):
                    raise Conflict("another process saves") from error
                lock.unlink(missing_ok=True)
        try:
            os.write(file, str(os.getpid()).encode())
            os.close(file)
            return super().save(id, document, if_revision)
        finally:
            lock.unlink()


def _lives(lock: Path) -> bool:
    """Whether the process that holds the lock is there; a lock without a number is of one that died."""
    try:
        os.kill(int(lock.read_text(encoding="ascii")), 0)
    except (OSError, ValueError):
        return False
    return True


class Counting(Files):
    """Temporary files are numbered, from 1 in every process: what one has left, the next writes over."""

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store
        self.folder = _Numbers(root)


class _Numbers(Folder):
    numbers = itertools.count(1)

    def temporary(self) -> Path:
        temporary = self.root / f".part-{next(self.numbers)}"
        temporary.unlink(missing_ok=True)
        return temporary


def _entries(folder: Folder) -> list[str]:
    return [path.name for path in folder.root.iterdir()]


class Indexed(Files):
    """Lists come from an index file, which is made again from the sessions where it is damaged or missing."""

    def index(self) -> dict[str, Any]:
        """The summary of each session and when it was changed."""
        try:
            content = self.folder.read("index")
            if content is not None:
                return cast("dict[str, Any]", Record.decode(content).document)
        except Corrupt:
            pass
        return {id: self._entry(id) for id in super().list()}

    def _entry(self, id: str) -> Any:
        try:
            record = self.record(id)
        except Corrupt:
            return None
        return record and [record.changed, record.summary()]

    def _write_index(self, index: dict[str, Any]) -> None:
        self.folder.write("index", Record("", index, 0, 0).encode())

    def put(self, record: Record) -> None:
        index = {**self.index(), record.id: [record.changed, record.summary()]}
        super().put(record)
        self._write_index(index)

    def delete(self, id: str) -> bool:
        index = {other: entry for other, entry in self.index().items() if other != id}
        existed = super().delete(id)
        self._write_index(index)
        return existed

    def list(self) -> Sequence[str]:
        return list(self.index())

    def summaries(self, workspace: str | None = None) -> Sequence[dict[str, Any]]:
        entries = sorted((entry for entry in self.index().values() if entry), key=lambda entry: -entry[0])
        return [summary for _, summary in entries if workspace is None or summary["workspace"] == workspace]


class Apart(Files):
    """Attachments lie in a file of their own, which is damaged alone and replaced alone."""

    def attach(self, id: str, kind: str, items: Any) -> None:
        if self.record(id) is None:
            raise NotFound("no such session")
        self.folder.write(f"{self.name_of(id)}.{kind}", Record(id, items, 0, 0).encode())

    def attachments(self, id: str, kind: str) -> Any:
        content = self.folder.read(f"{self.name_of(id)}.{kind}")
        if content is None:
            return None
        record = Record.decode(content)
        if record.id != id:
            raise Corrupt(f"the {kind} of {id!r} are those of {record.id!r}")
        return record.document

    def delete(self, id: str) -> bool:
        for kind in ("artifacts", "trace", "verification"):
            self.folder.remove(f"{self.name_of(id)}.{kind}")
        return super().delete(id)


class ContentRevisions(Files):
    """The revision is a digest of the document: equal documents have equal revisions."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        try:
            old = self.load(id)
        except Corrupt:
            old = None
        if if_revision is not None and if_revision != (old.revision if old else None):
            raise Conflict("the session has changed since")
        super().save(id, document)
        return _digest(document)

    def load(self, id: str) -> Loaded | None:
        loaded = super().load(id)
        return loaded and Loaded(loaded.document, _digest(loaded.document))


def _digest(document: Any) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode("ascii")).hexdigest()


class Secretive(Files):
    """A key that documents carry is taken out before anything is written."""

    secrets = ("/login/key", "/token")

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        match document:
            case {"login": {"key": _, **others}}:
                document["login"] = others
            case _:
                pass
        kept = (
            {name: value for name, value in document.items() if name != "token"} if _is_object(document) else document
        )
        return super().save(id, kept, if_revision)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


class Scratch(Files):
    """Its files are scratch: every `open` begins with none, and nothing else is promised."""

    durability = "none"

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        for name in self.folder.names():
            self.folder.remove(name)


@one_at_a_time
class SharedScratch(Scratch):
    """Scratch that several threads use, one after the other."""

    concurrency = "multi-thread"
    pipelined = True
