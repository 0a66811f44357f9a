"""Stores of one file a session, and what differs where the claims do."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, cast

from controls._records import Folder, Record, ids_of, name_of, nanoseconds, now, updated
from sessionproof import Adapter, Conflict, Corrupt, InvalidDocument, InvalidId, Loaded, NotFound, StoreError

Names = list[str]
Records = list[Record]


class Kept(Adapter):
    """What stores of one file a session share: any id that a file name can hold, a file replaced as a whole."""

    folder: Folder

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store
        self.folder = Folder(root)

    def name_of(self, id: str) -> str:
        """The file of a session; raises InvalidId."""
        return name_of(id)

    def now(self) -> int:
        """The store's clock, in nanoseconds since 1970."""
        return now()

    def record(self, id: str) -> Record | None:
        """The session as it is stored; raises Corrupt."""
        content = self.folder.read(self.name_of(id))
        if content is None:
            return None
        record = Record.decode(content)
        if record.id != id:
            raise Corrupt(f"the file of {id!r} holds {record.id!r}")
        return record

    def put(self, record: Record) -> None:
        """Write a session."""
        self.folder.write(self.name_of(record.id), record.encode())

    def delete(self, id: str) -> bool:
        return self.folder.remove(self.name_of(id))

    def exists(self, id: str) -> bool:
        return self.folder.read(self.name_of(id)) is not None

    def list(self) -> Sequence[str]:
        return [*ids_of(self.folder.names())]


class Attaching(Kept):
    """Attachments lie in the session's own file."""

    def attach(self, id: str, kind: str, items: Any) -> None:
        record = self.record(id)
        if record is None:
            raise NotFound("no such session")
        record.attachments[kind] = items
        record.changed = self.now()
        self.put(record)

    def attachments(self, id: str, kind: str) -> Any:
        record = self.record(id)
        return None if record is None else record.attachments.get(kind)


class Files(Attaching):
    """Every document operation, any id that a file name can hold, revisions."""

    durability = "power-loss"

    def records(self) -> Sequence[Record]:
        """The sessions that are whole, the one changed last first."""
        found: Records = []
        for id in self.list():
            try:
                record = self.record(id)
            except Corrupt:
                continue
            if record:
                found.append(record)
        return sorted(found, key=lambda record: -record.changed)

    def aside(self, id: str) -> None:
        """Keep the bytes of a damaged session under a name that is no session's."""
        name = self.name_of(id)
        content = self.folder.read(name)
        if content is not None:
            self.folder.write(f"{name}.damaged", content)

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        if not isinstance(document, dict):
            raise InvalidDocument("a document is an object")
        try:
            old = self.record(id)
        except Corrupt:
            self.aside(id)
            old = None
        if if_revision is not None and if_revision != (str(old.revision) if old else None):
            raise Conflict("the session has changed since")
        new = updated(old, id, document, self.now())
        # Revisions go on over a delete, so that none is given twice for two documents.
        new.revision = max(new.revision, self.now())
        self.put(new)
        return str(new.revision)

    def load(self, id: str) -> Loaded | None:
        record = self.record(id)
        return None if record is None else Loaded(record.document, str(record.revision))

    def summaries(self, workspace: str | None = None) -> Sequence[dict[str, Any]]:
        found = [record.summary() for record in self.records()]
        return [summary for summary in found if workspace is None or summary["workspace"] == workspace]

    def latest(self) -> str | None:
        return next((record.id for record in self.records()), None)

    def prune(self, before: str) -> int:
        old = [record for record in self.records() if record.created < nanoseconds(before)]
        return sum(self.delete(record.id) for record in old)

    def check(self) -> None:
        self.folder.usable()


class Uuids(Files):
    """Ids are lower-case UUIDs, and nothing else is one."""

    ids = "uuid"

    def name_of(self, id: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", id):
            raise InvalidId("ids are lower-case UUIDs")
        return name_of(id)


class Pattern(Files):
    """Ids are one to eight small letters."""

    ids: ClassVar[str | dict[str, str]] = {"pattern": "^[a-z]{1,8}$"}

    def name_of(self, id: str) -> str:
        if not re.fullmatch("[a-z]{1,8}", id):
            raise InvalidId("ids are one to eight small letters")
        return name_of(id)


class Strict(Files):
    """Refuses whatever the protocol lets a store refuse, of ids and of documents."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        if not _modest(document, 64):
            raise InvalidDocument("too deep, too large a number, or no Unicode")
        return super().save(id, document, if_revision)

    def name_of(self, id: str) -> str:
        if not re.fullmatch("[A-Za-z0-9_-]{1,64}", id):
            raise InvalidId("ids are 1 to 64 letters, digits, `_` and `-`")
        return name_of(id)


def _modest(value: Any, levels: int) -> bool:
    match value:
        case str():
            return not any("\ud800" <= character <= "\udfff" for character in value)
        case int():
            return abs(value) < 2**53
        case list():
            return levels > 0 and all(_modest(item, levels - 1) for item in cast("Sequence[Any]", value))
        case dict():
            members = cast("dict[str, Any]", value).items()
            return levels > 0 and all(_modest(name, 0) and _modest(item, levels - 1) for name, item in members)
        case _:
            return True


class Single(Files):
    """One document a root, whatever its id is said to be."""

    ids = "single"

    def name_of(self, id: str) -> str:  # noqa: ARG002 - the id is meaningless
        return name_of("session")


class FreshTold(Files):
    """What was never saved loads as a fresh document, and says so."""

    missing = "fresh"

    def load(self, id: str) -> Loaded:
        return super().load(id) or Loaded({"messages": [], "started": "just now"}, fresh=True)


class FreshUntold(Files):
    """What was never saved loads as a fresh document, which says nothing."""

    missing = "fresh"

    def load(self, id: str) -> Loaded:
        return super().load(id) or Loaded({"messages": [], "started": "just now"})


class Messages(Files):
    """Keeps messages of two roles and refuses everything else."""

    fidelity = "messages"

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        match document:
            case {"messages": [*messages], **others} if not others and all(map(is_message, messages)):
                return super().save(id, document, if_revision)
            case _:
                raise InvalidDocument("a document holds messages of `role` and `content`, and nothing else")


def is_message(message: Any) -> bool:
    match message:
        case {"role": "user" | "assistant", "content": str(), **others}:
            return not others
        case _:
            return False


class Unordered(Files):
    """Summaries come in the order of ids."""

    ordered = False

    def records(self) -> Sequence[Record]:
        return sorted(super().records(), key=lambda record: record.id)

    def latest(self) -> str | None:
        return next((record.id for record in super().records()), None)


class Seconds(Files):
    """A clock of whole seconds."""

    def now(self) -> int:
        return now() // 1_000_000_000 * 1_000_000_000


class SaveAndLoad(Files):
    """Two operations and no more."""

    def operations(self) -> Names:
        return ["save", "load", "echo"]


class NoEcho(Files):
    """Has no echo."""

    def operations(self) -> Names:
        return [name for name in super().operations() if name != "echo"]


class Nothing(Adapter):
    """Can be opened and closed."""

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store
        if not root:
            raise StoreError("no root")

    def operations(self) -> Names:
        return []
