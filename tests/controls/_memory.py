"""Stores that hold their sessions in memory: one for good, one for several threads, one until it is closed."""

from collections.abc import Sequence
from typing import Any

from controls._alone import one_at_a_time
from controls._records import Folder, Record, nanoseconds, now, updated
from sessionproof import Adapter, InvalidDocument, NotFound


class Memory(Adapter):
    """Nothing on disk and nothing promised."""

    durability = "none"

    sessions: dict[str, Record]

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store
        self.sessions = {}

    def save(self, id: str, document: Any, if_revision: str | None = None) -> None:  # noqa: ARG002 - it gives none out
        if not isinstance(document, dict):
            raise InvalidDocument("a document is an object")
        self.sessions[id] = updated(self.sessions.get(id), id, document, now())

    def load(self, id: str) -> dict[str, Any] | None:
        return self.sessions[id].document if id in self.sessions else None

    def delete(self, id: str) -> bool:
        return self.sessions.pop(id, None) is not None

    def exists(self, id: str) -> bool:
        return id in self.sessions

    def list(self) -> Sequence[str]:
        return [*self.sessions]

    def _in_order(self) -> Sequence[Record]:
        return sorted(self.sessions.values(), key=lambda record: -record.changed)

    def summaries(self, workspace: str | None = None) -> Sequence[dict[str, Any]]:
        found = [record.summary() for record in self._in_order()]
        return [summary for summary in found if workspace is None or summary["workspace"] == workspace]

    def latest(self) -> str | None:
        return next((record.id for record in self._in_order()), None)

    def prune(self, before: str) -> int:
        old = [id for id, record in self.sessions.items() if record.created < nanoseconds(before)]
        return sum(self.delete(id) for id in old)

    def attach(self, id: str, kind: str, items: Any) -> None:
        if id not in self.sessions:
            raise NotFound("no such session")
        self.sessions[id].attachments[kind] = items
        self.sessions[id].changed = now()

    def attachments(self, id: str, kind: str) -> Any:
        return self.sessions[id].attachments.get(kind) if id in self.sessions else None


@one_at_a_time
class Shared(Memory):
    """Several threads use it, one after the other."""

    concurrency = "multi-thread"
    pipelined = True


class Closing(Memory):
    """Everything in one file, which is written by `close`."""

    durability = "close"

    folder: Folder | None = None

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store
        self.folder = None
        folder = Folder(root)
        content = folder.read("sessions")
        self.sessions = {} if content is None else _sessions(content)
        self.folder = folder

    def close(self) -> None:
        if self.folder is None:
            return
        records = {id: record.encode().decode("ascii") for id, record in self.sessions.items()}
        content = Record("", records, 0, 0).encode()
        # A store that was only read is left as it is.
        before = self.folder.read("sessions")
        if content != before and (self.sessions or before is not None):
            self.folder.write("sessions", content)
        self.folder = None


def _sessions(content: bytes) -> dict[str, Record]:
    document: dict[str, str] = Record.decode(content).document
    return {id: Record.decode(record.encode("ascii")) for id, record in document.items()}
