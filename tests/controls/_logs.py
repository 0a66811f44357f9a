"""Stores of one file a log, which is written anew, whole, with every append."""

import re
import secrets
from collections.abc import Sequence
from typing import Any, ClassVar

from controls._files import Attaching, Files, Kept
from controls._records import Folder, Record
from controls._typed import fits
from sessionproof import Adapter, Corrupt, InvalidDocument, InvalidId, Loaded, NotFound, StoreError

Items = list[Any]


def reading(
    entries: Items, archive: str | None = None, meta: dict[str, Any] | None = None, damage: Items | None = None
) -> dict[str, Any]:
    """What `read` answers of a log that is there."""
    return {"found": True, "entries": entries, "archive": archive, "meta": meta, "damage": damage or []}


class Named(Kept):
    """The caller names a log; its first append makes it. Any damage is `corrupt`, to readers and to writers."""

    durability = "power-loss"

    def accept(self, entries: Items) -> None:
        """Raises InvalidDocument."""
        if not all(isinstance(entry, dict) for entry in entries):
            raise InvalidDocument("an entry is an object")

    def to_write(self, id: str) -> Record:
        """The log that a write is for; its document holds the number of the last step, and the entries."""
        return self.record(id) or Record(id, {"last": 0, "entries": []}, self.now(), self.now())

    def append(self, id: str, entries: Items) -> Items:
        self.accept(entries)
        record = self.to_write(id)
        log = record.document
        first = log["last"] + 1
        log["last"] += len(entries)
        log["entries"] += entries
        self.put(record)
        return [*range(first, first + len(entries))]

    def read(self, id: str) -> dict[str, Any] | None:
        record = self.record(id)
        return None if record is None else reading(record.document["entries"], meta=record.document.get("meta"))


class Created(Named):
    """The store names a log itself. Its metadata say whose it is, and nothing else may be said of that."""

    ids: ClassVar[str | dict[str, str]] = "store"

    def name_of(self, id: str) -> str:
        if not re.fullmatch("[0-9a-f]{16}", id):
            raise InvalidId("no id of this store")
        return super().name_of(id)

    def create(self, agent: str, created_by: str) -> str:
        _modest(agent, created_by)
        id = secrets.token_hex(8)
        meta = {"agent": agent, "created_by": created_by, "title": ""}
        self.put(Record(id, {"last": 0, "entries": [], "meta": meta}, self.now(), self.now()))
        return id

    def to_write(self, id: str) -> Record:
        record = self.record(id)
        if record is None:
            raise NotFound("no such log")
        return record

    def describe(self, id: str, meta: Any) -> None:
        record = self.to_write(id)
        before = record.document["meta"]
        if any(meta.get(name) != before[name] for name in ("agent", "created_by")):
            raise InvalidDocument("whose a log is never changes")
        record.document["meta"] = meta
        self.put(record)

    def latest(self, agent: str, created_by: str) -> str | None:
        _modest(agent, created_by)
        found: list[Record] = []
        for id in self.list():
            try:
                found.append(self.to_write(id))
            except StoreError:
                continue
        pairs = [
            record
            for record in found
            if (record.document["meta"]["agent"], record.document["meta"]["created_by"]) == (agent, created_by)
        ]
        return max(pairs, key=lambda record: record.created).id if pairs else None


def _modest(*names: str) -> None:
    if not all(re.fullmatch("[A-Za-z0-9._-]+", name) for name in names):
        raise InvalidId("names are of letters, digits, `.`, `_` and `-`")


class Holes(Named):
    """A refused append to a log burns a number, and once a later one is given, reading names the hole."""

    burned: dict[str, int]

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.burned = {}

    def append(self, id: str, entries: Items) -> Items:
        try:
            numbers = super().append(id, entries)
        except InvalidDocument:
            if self.exists(id):
                self.burned[id] = self.burned.get(id, 0) + 1
            raise
        self.burned.pop(id, None)
        return numbers

    def to_write(self, id: str) -> Record:
        record = super().to_write(id)
        log = record.document
        for _ in range(self.burned.get(id, 0)):
            log["last"] += 1
            log["holes"] = [*log.get("holes", []), log["last"]]
        return record

    def read(self, id: str) -> dict[str, Any] | None:
        record = self.record(id)
        if record is None:
            return None
        holes = [{"step": number, "reason": "no step has this number"} for number in record.document.get("holes", [])]
        return reading(record.document["entries"], damage=holes)

    def delete(self, id: str) -> bool:
        self.burned.pop(id, None)
        return super().delete(id)


_TEXT = {"type": "string"}
_SECONDS = {"type": "number", "minimum": 0}
_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {
        "entry": {
            "type": "object",
            "required": ["speaker", "text"],
            "properties": {
                "speaker": {"enum": ["human", "model", "tool"]},
                "text": _TEXT,
                "calls": {"type": "array", "items": {"$ref": "#/$defs/call"}},
                "score": {"type": "number"},
            },
            "additionalProperties": False,
        },
        "call": {
            "type": "object",
            "required": ["tool", "arguments"],
            "properties": {"tool": _TEXT, "arguments": {"type": "object", "additionalProperties": _TEXT}},
            "additionalProperties": False,
        },
        "event": {
            "type": "object",
            "required": ["kind"],
            "properties": {"kind": {"enum": ["start", "stop"]}, "seconds": _SECONDS},
            "additionalProperties": False,
        },
        "meta": {
            "type": "object",
            "properties": {
                "title": _TEXT,
                "pinned": {"type": "boolean"},
                "stars": {"type": "integer", "minimum": 1, "maximum": 5},
                "reviewer": _TEXT,
            },
            "dependentRequired": {"stars": ["reviewer"]},
            "additionalProperties": False,
        },
        "artifacts": {
            "type": "object",
            "required": ["uri"],
            "properties": {"uri": {"type": "string", "minLength": 1}},
            "additionalProperties": False,
        },
        "trace": {
            "type": "object",
            "required": ["seconds"],
            "properties": {"seconds": _SECONDS},
            "additionalProperties": False,
        },
        "verification": {
            "type": "object",
            "required": ["passed"],
            "properties": {"passed": {"type": "boolean"}},
            "additionalProperties": False,
        },
    },
}


class TypedLog(Attaching, Named):
    """Entries, events, metadata and attachments are each of a closed type."""

    fidelity: ClassVar[str | dict[str, Any]] = {"schema": _SCHEMA}
    ids = "uuid"

    def name_of(self, id: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", id):
            raise InvalidId("ids are lower-case UUIDs")
        return super().name_of(id)

    def accept(self, entries: Items) -> None:
        self.typed("entry", entries)

    def typed(self, kind: str, values: Items) -> None:
        """Raises InvalidDocument."""
        if not fits(_SCHEMA, kind, values):
            raise InvalidDocument(f"not {kind} of this store")

    def there(self, id: str) -> Record:
        """A log that the first append has made; raises NotFound."""
        record = self.record(id)
        if record is None:
            raise NotFound("no such log")
        return record

    def append_events(self, id: str, events: Items) -> None:
        self.typed("event", events)
        record = self.there(id)
        record.document["last"] += len(events)
        record.document["events"] = [*record.document.get("events", []), *events]
        self.put(record)

    def describe(self, id: str, meta: Any) -> None:
        self.typed("meta", [meta])
        record = self.there(id)
        record.document["meta"] = meta
        self.put(record)

    def attach(self, id: str, kind: str, items: Items) -> None:
        self.typed(kind, items)
        super().attach(id, kind, items)


class Both(Adapter):
    """Documents and logs side by side, in a folder each; under one id there is one or the other."""

    durability = "power-loss"

    documents: Files
    logs: Named

    def open(self, root: str, namespace: str) -> None:
        folder = Folder(root).root
        for name in ("documents", "logs"):
            if (folder / name).is_symlink():
                raise Corrupt(f"{name} is a link")
        self.documents, self.logs = Files(), Named()
        self.documents.open(str(folder / "documents"), namespace)
        self.logs.open(str(folder / "logs"), namespace)

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        if self.logs.exists(id):
            raise InvalidId("a log has this id")
        return self.documents.save(id, document, if_revision)

    def load(self, id: str) -> Loaded | None:
        return self.documents.load(id)

    def append(self, id: str, entries: Items) -> Items:
        if self.documents.exists(id):
            raise InvalidId("a document has this id")
        return self.logs.append(id, entries)

    def read(self, id: str) -> dict[str, Any] | None:
        return self.logs.read(id)

    def delete(self, id: str) -> bool:
        return self.documents.delete(id) or self.logs.delete(id)

    def exists(self, id: str) -> bool:
        return self.documents.exists(id) or self.logs.exists(id)

    def list(self) -> Sequence[str]:
        return [*self.documents.list(), *self.logs.list()]
