"""Stores for several processes at once, each right without any lock: by one append, or by names that are taken once."""

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from controls._logs import Items, reading
from controls._records import Folder, Record, ids_of, name_of, now, updated
from sessionproof import Adapter, Conflict, Corrupt, InvalidDocument, Loaded, NotFound


class OneWrite(Adapter):
    """A file a log, a batch a line. Each is added by one write at the end, which the kernel lets nobody come into.

    A line without its end is being written, or was when its writer died; the next begins behind a line break of its
    own. No entry has a number.
    """

    durability = "process-crash"
    concurrency = "multi-process"

    folder: Folder

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store
        self.folder = Folder(root)

    def append(self, id: str, entries: Items) -> None:
        if not all(isinstance(entry, dict) for entry in entries):
            raise InvalidDocument("an entry is an object")
        line = b"\n" + json.dumps(entries).encode("ascii") + b"\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        file = os.open(self.folder.root / name_of(id), flags, 0o600)
        try:
            if os.write(file, line) < len(line):
                raise OSError("a part of the batch was written")
        finally:
            os.close(file)

    def read(self, id: str) -> dict[str, Any] | None:
        content = self.folder.read(name_of(id))
        if not content:
            return None
        entries: Items = []
        damage: Items = []
        for line in filter(None, content.split(b"\n")):
            try:
                entries += json.loads(line)
            except ValueError:
                damage.append({"step": None, "reason": "a line without its end"})
        return reading(entries, damage=damage)

    def delete(self, id: str) -> bool:
        return self.folder.remove(name_of(id))

    def exists(self, id: str) -> bool:
        return bool(self.folder.read(name_of(id)))


class Generations(Adapter):
    """A folder a session, a file a save: the next number is taken by a link, which two cannot make.

    The number is the revision. A delete takes a number too, with an empty file, and all are kept: what a name was taken
    for once, it is never taken for again.
    """

    durability = "process-crash"
    concurrency = "multi-process"

    root: Path

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store
        self.root = Path(root)
        self.root.mkdir(mode=0o700, exist_ok=True)

    def numbers(self, id: str) -> list[int]:
        """The saves of a session that lie there, the newest last."""
        try:
            names = [path.name for path in (self.root / name_of(id)).iterdir()]
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if name.isdecimal())

    def newest(self, id: str) -> tuple[int, Record | None]:
        """The number of the last save or delete, 0 where there was none, and what was saved."""
        numbers = self.numbers(id)
        if not numbers:
            return 0, None
        content = (self.root / name_of(id) / str(numbers[-1])).read_bytes()
        record = Record.decode(content) if content else None
        if record is not None and record.id != id:
            raise Corrupt(f"the folder of {id!r} holds {record.id!r}")
        return numbers[-1], record

    def take(self, id: str, number: int, content: bytes) -> bool:
        """Write under the number after this one; whether nobody has taken it."""
        folder = self.root / name_of(id)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        temporary = folder / f".new-{secrets.token_hex(8)}"
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(file, "wb") as stream:
                stream.write(content)
            (folder / str(number + 1)).hardlink_to(temporary)
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        return True

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        if not isinstance(document, dict):
            raise InvalidDocument("a document is an object")
        while True:
            number, old = self.newest(id)
            if if_revision is not None and (old is None or if_revision != str(number)):
                raise Conflict("the session has changed since")
            if self.take(id, number, updated(old, id, document, now()).encode()):
                return str(number + 1)

    def load(self, id: str) -> Loaded | None:
        number, record = self.newest(id)
        return None if record is None else Loaded(record.document, str(number))

    def delete(self, id: str) -> bool:
        while True:
            number, old = self.newest(id)
            if old is None:
                return False
            if self.take(id, number, b""):
                return True

    def exists(self, id: str) -> bool:
        return self.newest(id)[1] is not None

    def list(self) -> Sequence[str]:
        return [*self._there()]

    def _there(self) -> Iterator[str]:
        for id in ids_of([path.name for path in self.root.iterdir()]):
            try:
                there = self.exists(id)
            except Corrupt:
                there = True
            if there:
                yield id

    def attach(self, id: str, kind: str, items: Any) -> None:
        while True:
            number, old = self.newest(id)
            if old is None:
                raise NotFound("no such session")
            old.attachments[kind] = items
            if self.take(id, number, old.encode()):
                return

    def attachments(self, id: str, kind: str) -> Any:
        record = self.newest(id)[1]
        return None if record is None else record.attachments.get(kind)
