"""The reference stores behind the adapter protocol: `python -m sessionproof_reference.adapter STORE`."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import sessionproof
from sessionproof import Adapter, Loaded, serve
from sessionproof_reference import _errors
from sessionproof_reference._logs import Documents, LayoutName, Numbers, StepStore
from sessionproof_reference._record import Document
from sessionproof_reference._sessions import Items, Kind, SessionStore
from sessionproof_reference._store import DocumentStore, Ids, SnapshotStore

Store = TypeVar("Store", bound=DocumentStore | StepStore)
Documented = TypeVar("Documented", bound=DocumentStore)
Rows: TypeAlias = list[dict[str, Any]]


@contextmanager
def _translated() -> Generator[None]:
    """Raise the store's errors as the protocol's: both have the same names."""
    try:
        yield
    except _errors.StoreError as error:
        raise getattr(sessionproof, type(error).__name__)(str(error)) from error


class _StoreAdapter(Adapter, Generic[Store]):
    """What all stores do."""

    version = "0.1.0"
    fidelity = "format"
    durability = "power-loss"
    concurrency = "multi-process"

    store: Store

    def delete(self, id: str) -> bool:
        with _translated():
            return self.store.delete(id)

    def exists(self, id: str) -> bool:
        with _translated():
            return self.store.exists(id)

    def list(self) -> Ids:
        with _translated():
            return self.store.list()

    def check(self) -> None:
        with _translated():
            self.store.check()


class _DocumentAdapter(_StoreAdapter[Documented]):
    """What both stores of documents do."""

    ids = "any"

    def save(self, id: str, document: Document, if_revision: str | None = None) -> str:
        with _translated():
            return self.store.save(id, document, if_revision)

    def load(self, id: str) -> Loaded | None:
        with _translated():
            loaded = self.store.load(id)
        return None if loaded is None else Loaded(loaded.document, loaded.revision)


class SnapshotAdapter(_DocumentAdapter[SnapshotStore]):
    """Drives `SnapshotStore`."""

    name = "sessionproof-reference snapshot"
    format: ClassVar[dict[str, str] | None] = {"name": "snapshot", "version": "1.0"}

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store, so the root is enough
        """Build a store, and make the root."""
        with _translated():
            self.store = SnapshotStore(root)


class SessionAdapter(_DocumentAdapter[SessionStore]):
    """Drives `SessionStore`."""

    name = "sessionproof-reference session"
    format: ClassVar[dict[str, str] | None] = {"name": "session", "version": "1.0"}
    secrets = ("/llm/api_key",)

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store, so the root is enough
        """Build a store, and make the root."""
        with _translated():
            self.store = SessionStore(root)

    def summaries(self, workspace: str | None = None) -> Rows:
        """Summaries have the members that the protocol names."""
        with _translated():
            return [asdict(summary) for summary in self.store.summaries(workspace)]

    def latest(self) -> str | None:
        """Name the session that was saved last."""
        with _translated():
            return self.store.latest()

    def prune(self, before: str) -> int:
        """Remove by instant."""
        with _translated():
            return self.store.prune(before)

    def attach(self, id: str, kind: Kind, items: Items) -> None:
        """Replace the items of one kind."""
        with _translated():
            self.store.attach(id, kind, items)

    def attachments(self, id: str, kind: Kind) -> Items | None:
        """Answer the items of one kind."""
        with _translated():
            return self.store.attachments(id, kind)


class StepFileAdapter(_StoreAdapter[StepStore]):
    """Drives `StepStore` with a file for each log."""

    name = "sessionproof-reference step, a file for each log"
    format: ClassVar[dict[str, str] | None] = {"name": "step", "version": "1.0"}
    ids = "store"
    cost: ClassVar[dict[str, str] | None] = {"append": "O(1)"}
    layout: ClassVar[LayoutName] = "file"

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store, so the root is enough
        """Build a store, and make the root."""
        with _translated():
            self.store = StepStore(root, self.layout)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def create(self, agent: str, created_by: str) -> str:
        """Name the new log."""
        with _translated():
            return self.store.create(agent, created_by)

    def append(self, id: str, entries: Documents) -> Numbers:
        """Answer the numbers of the steps."""
        with _translated():
            return self.store.append(id, entries)

    def append_events(self, id: str, events: Documents) -> None:
        """Append events."""
        with _translated():
            self.store.append_events(id, events)

    def compact(self, id: str, archive: str) -> None:
        """Draw a boundary."""
        with _translated():
            self.store.compact(id, archive)

    def describe(self, id: str, meta: Document) -> None:
        """Replace the meta."""
        with _translated():
            self.store.describe(id, meta)

    def read(self, id: str) -> Document | None:
        """Answer what the protocol calls a found log."""
        with _translated():
            log = self.store.read(id)
        if log is None:
            return None
        damage = [asdict(each) for each in log.damage]
        return {"found": True, "entries": log.entries, "archive": log.archive, "meta": log.meta, "damage": damage}

    def latest(self, agent: str, created_by: str) -> str | None:
        """Name the log that was created last for the pair."""
        with _translated():
            return self.store.latest(agent, created_by)

    def summaries(self, workspace: str | None = None) -> Rows:
        """Summaries have the members that the protocol names; no log has a workspace."""
        with _translated():
            return [asdict(summary) for summary in self.store.summaries() if workspace is None]

    def claim(self, id: str, token: str) -> bool:
        """Tell whether the caller is the first."""
        with _translated():
            return self.store.claim(id, token)


class StepFolderAdapter(StepFileAdapter):
    """Drives `StepStore` with a folder for each log."""

    name = "sessionproof-reference step, a folder for each log"
    layout = "folder"


if __name__ == "__main__":
    adapters: dict[str, type[Adapter]] = {
        "snapshot": SnapshotAdapter,
        "session": SessionAdapter,
        "step-file": StepFileAdapter,
        "step-folder": StepFolderAdapter,
    }
    if sys.argv[1:] not in [[name] for name in adapters]:
        sys.exit(f"usage: python -m sessionproof_reference.adapter {'|'.join(adapters)}")
    serve(adapters[sys.argv[1]]())
