"""The reference store behind the adapter protocol: `python -m sessionproof_reference.adapter snapshot|session`."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import sessionproof
from sessionproof import Adapter, Loaded, serve
from sessionproof_reference import _errors
from sessionproof_reference._record import Document
from sessionproof_reference._sessions import Items, Kind, SessionStore
from sessionproof_reference._store import DocumentStore, Ids, SnapshotStore

Store = TypeVar("Store", bound=DocumentStore)
Rows: TypeAlias = list[dict[str, Any]]


@contextmanager
def _translated() -> Generator[None]:
    """Raise the store's errors as the protocol's: both have the same names."""
    try:
        yield
    except _errors.StoreError as error:
        raise getattr(sessionproof, type(error).__name__)(str(error)) from error


class _DocumentAdapter(Adapter, Generic[Store]):
    """What both stores do."""

    version = "0.1.0"
    fidelity = "format"
    durability = "power-loss"
    concurrency = "multi-process"
    ids = "any"

    store: Store

    def save(self, id: str, document: Document, if_revision: str | None = None) -> str:
        with _translated():
            return self.store.save(id, document, if_revision)

    def load(self, id: str) -> Loaded | None:
        with _translated():
            loaded = self.store.load(id)
        return None if loaded is None else Loaded(loaded.document, loaded.revision)

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


if __name__ == "__main__":
    adapters: dict[str, type[Adapter]] = {"snapshot": SnapshotAdapter, "session": SessionAdapter}
    if sys.argv[1:] not in [[name] for name in adapters]:
        sys.exit("usage: python -m sessionproof_reference.adapter snapshot|session")
    serve(adapters[sys.argv[1]]())
