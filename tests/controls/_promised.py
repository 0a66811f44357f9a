"""The reference stores, asked to behave as five published systems promise: their operations, ids, claims and documents.

What is promised is read from the adapters of the systems themselves. What a system keeps goes through the spec's own
format, by its dialect, and lies on disk as that.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from sessionproof import Adapter, InvalidDocument, InvalidId, Loaded
from sessionproof._dialects import DIALECTS, Dialect, Document
from sessionproof._dialects._a3s_code_work import read_attachments, write_attachments
from sessionproof_reference._sessions import Kind
from sessionproof_reference.adapter import SessionAdapter, SnapshotAdapter, StepFolderAdapter

_TARGETS = Path(__file__).parents[2] / "conformance" / "targets"
# In which part of a session of a3s-code the attachments of a kind lie, and whether that is a list of them.
_SIDE_FILES = {"artifacts": ("artifacts", False), "trace": ("traces", True), "verification": ("verification", True)}
_NO_TIME = "1970-01-01T00:00:00Z"
Reference = TypeVar("Reference", bound=SnapshotAdapter | SessionAdapter | StepFolderAdapter)
Documented = TypeVar("Documented", bound=SnapshotAdapter | SessionAdapter)


def _declared(target: str) -> dict[str, Any]:
    """The statement that the Rust adapter of the system makes; of two stores, that of the one on files."""
    source = (_TARGETS / target / "src" / "main.rs").read_text(encoding="utf-8")
    schema = (_TARGETS / target / "fidelity.schema.json").read_text(encoding="utf-8")
    [text] = re.findall(r'json!\((\{\s*"implementation".*?\n    \})\)', source, re.DOTALL)
    # Rust allows a comma behind the last item.
    text = re.sub(r",(\s*[]}])", r"\1", text)
    text = text.replace('fidelity(include_str!("../fidelity.schema.json"))', f'{{"schema": {schema}}}')
    text = re.sub(r'format!\("([a-z0-9-]+) \{store\}"\)', r'"\1"', text)
    files = re.search(r'statement\("\w*File\w*", "([a-z-]+)"\)', source)
    text = text.replace('"durability": durability', f'"durability": "{files[1] if files else ""}"')
    statement: dict[str, Any] = json.loads(text)
    statement["operations"] += re.findall(r'push\(json!\("(\w+)"\)\)', source)
    return statement


class _Promised(Adapter, Generic[Reference]):
    """What is not said here is done by the reference as it is."""

    dialect: ClassVar[Dialect]
    declared: ClassVar[dict[str, Any]]
    reference: Reference

    def __init_subclass__(cls, target: str | None = None) -> None:
        super().__init_subclass__()
        if target is not None:
            cls.dialect, cls.declared = DIALECTS[target], _declared(target)
            cls.pipelined = cls.declared.get("pipelined", False)

    def __getattr__(self, operation: str) -> Any:
        return getattr(self.reference, operation)

    def open(self, root: str, namespace: str) -> None:
        self.reference.open(root, namespace)

    def close(self) -> None:
        self.reference.close()

    def operations(self) -> list[str]:
        return [*self.declared["operations"], "echo"]

    def statement(self) -> Any:
        whose = self.declared["implementation"]["name"]
        mine = {"name": f"{whose}, by the reference", "version": self.reference.version, "language": "python"}
        return {**self.declared, "protocol": "1.0", "implementation": mine, "operations": self.operations()}

    def valid(self, role: str, value: Any) -> Any:
        """The value, where it is what the system keeps as this part; raises InvalidDocument."""
        if problems := self.dialect.problems(role, value):
            raise InvalidDocument(problems[0])
        return value


class _Documents(_Promised[Documented]):
    """A document is a part of the dialect's session."""

    role: ClassVar[str]

    def kept(self, document: Any) -> Document:
        """The document as one of the spec; raises InvalidDocument."""
        return self.dialect.read({self.role: self.valid(self.role, document)})

    def given(self, kept: Document) -> Document:
        """The document as the system has it."""
        document: Document = self.dialect.write(kept)[self.role]
        return document

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        return self.reference.save(id, self.kept(document), if_revision)

    def load(self, id: str) -> Loaded | None:
        loaded = self.reference.load(id)
        return None if loaded is None else Loaded(self.given(loaded.document), loaded.revision)


class TrustyMpm(_Documents[SnapshotAdapter], target="trusty-mpm"):
    """What was never saved loads as a fresh document, which does not say so."""

    role = "conversation"

    def __init__(self) -> None:
        self.reference = SnapshotAdapter()

    def load(self, id: str) -> Loaded:
        return super().load(id) or Loaded(self.given({"messages": []}))


class Ailoop(_Documents[SnapshotAdapter], target="ailoop"):
    """One document a root."""

    role = "snapshot"

    def __init__(self) -> None:
        self.reference = SnapshotAdapter()


class A3sCode(_Documents[SessionAdapter], target="a3s-code"):
    """A document may carry a key, and there are attachments."""

    role = "session"

    def __init__(self) -> None:
        self.reference = SessionAdapter()

    def kept(self, document: Any) -> Document:
        match document:
            case {"llm_config": {"api_key": str(key), **llm}}:
                kept = super().kept({**document, "llm_config": llm})
                return {**kept, "llm": {**kept["llm"], "api_key": key}}
            case _:
                return super().kept(document)

    def attach(self, id: str, kind: Kind, items: Any) -> None:
        role, is_list = _SIDE_FILES[kind]
        part = self.valid(role, items if is_list else {kind: items})
        self.reference.attach(id, kind, read_attachments({role: part})[kind])

    def attachments(self, id: str, kind: Kind) -> Any:
        role, is_list = _SIDE_FILES[kind]
        items = self.reference.attachments(id, kind)
        if items is None:
            return None
        part = write_attachments({kind: items})[role]
        return part if is_list else part[kind]


class Astrid(_Documents[SessionAdapter], target="astrid"):
    """Ids are UUIDs, and `prune` takes days."""

    role = "session"

    def __init__(self) -> None:
        self.reference = SessionAdapter()

    def valid(self, role: str, value: Any) -> Any:
        # The instant of a budget is no part of a document, though a file has to have one.
        match value:
            case {"budget_snapshot": {**budget}}:
                super().valid(role, {**value, "budget_snapshot": {"last_updated": _NO_TIME, **budget}})
            case _:
                super().valid(role, value)
        return value

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        return super().save(_uuid(id), document, if_revision)

    def load(self, id: str) -> Loaded | None:
        return super().load(_uuid(id))

    def delete(self, id: str) -> bool:
        return self.reference.delete(_uuid(id))

    def prune(self, older_than_days: int) -> int:
        if older_than_days < 0:
            raise InvalidDocument("a number of days is not negative")
        try:
            before = datetime.now(UTC) - timedelta(days=older_than_days)
        except OverflowError as error:
            raise InvalidDocument("no session is as old as that") from error
        return self.reference.prune(before.isoformat())


def _uuid(id: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", id):
        raise InvalidId("ids are lower-case UUIDs")
    return id


class Crabtalk(_Promised[StepFolderAdapter], target="crabtalk"):
    """A log for each session."""

    def __init__(self) -> None:
        self.reference = StepFolderAdapter()

    def append(self, id: str, entries: Sequence[Any]) -> list[int]:
        return self.reference.append(id, [self.kept("message", entry) for entry in entries])

    def append_events(self, id: str, events: Sequence[Any]) -> None:
        self.reference.append_events(id, [self.kept("event", event) for event in events])

    def describe(self, id: str, meta: Any) -> None:
        self.reference.describe(id, self.dialect.read({"meta": self.valid("meta", meta)})["records"][0]["meta"])

    def read(self, id: str) -> Document | None:
        log = self.reference.read(id)
        if log is None:
            return None
        steps = [
            {"kind": "entry", "number": number, "message": entry} for number, entry in enumerate(log["entries"], 1)
        ]
        tree = self.dialect.write({"records": [{"kind": "meta", "meta": log["meta"] or {}}, *steps]})
        return {**log, "meta": tree.pop("meta"), "entries": [*tree.values()]}

    def kept(self, member: str, step: Any) -> Document:
        """The step as the member of a record that holds such steps; raises InvalidDocument."""
        _, record = self.dialect.read({"meta": {}, "step-000001": self.valid("step-000001", step)})["records"]
        if member not in record:
            raise InvalidDocument(f"this is no {member}")
        content: Document = record[member]
        return content
