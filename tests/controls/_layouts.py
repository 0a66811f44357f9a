"""Stores of files that keep more than one file a session, or keep it in another way."""

import hashlib
import itertools
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

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
