r"""Two small stores that keep every requirement of STO, FMT, IDS, COR and SEC; a broken one overrides a method.

One folder, a file per session: the document, its attachments, and behind them what the store says of it.

    {"document": {...}, "attachments": {...}, "store": {"id": ..., "revision": ..., "created": ..., "changed": ...,
    "checksum":"sha256:<64 hex digits>"}}\n

The digits are the SHA-256 of all bytes before `"checksum":`; `created` and `changed` are nanoseconds since 1970. In
`CleanFormat` the members of the document stand at the top, as a file of the format `session` wants them.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from miniatures._folder import Document, Items, OneFolder, nanoseconds, token
from sessionproof import Conflict, Corrupt, InvalidDocument, Loaded, NotFound, UnsupportedVersion

__all__ = ["Clean", "CleanFormat", "Document", "Items", "Session", "nanoseconds"]


@dataclass(frozen=True, slots=True)
class Session:
    """What one file holds."""

    document: Document
    attachments: dict[str, Items]
    revision: str
    created: int
    changed: int


class Clean(OneFolder):
    """Any JSON object under any id of up to 100 bytes."""

    suffix = ".rec"

    # -- operations --------------------------------------------------------------------------------------------------

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        """Replace the document; what is damaged is kept aside first."""
        self.accept(document)
        damaged = False
        try:
            old = self.get(id)
        except Corrupt:
            if if_revision is not None:
                raise
            old, damaged = None, True
        if if_revision is not None and not self.is_current(old, if_revision):
            raise Conflict("the session has changed")
        now = time.time_ns()
        new = Session(
            document, old.attachments if old else {}, self.next_revision(old), old.created if old else now, now
        )
        data = self.encode(id, new)
        if damaged:
            self.keep_aside(id)
        self.write(self.file_name(id), data)
        return new.revision

    def load(self, id: str) -> Loaded | None:
        """Answer the document and its revision."""
        session = self.get(id)
        return None if session is None else Loaded(session.document, session.revision)

    def summaries(self, workspace: str | None = None) -> Iterator[Document]:
        """The sessions that can be read."""
        for id, session in self.newest_first():
            document = session.document
            messages: Items | None = document.get("messages")
            place = document.get("workspace")
            if workspace is None or self.is_within(place, workspace):
                yield {
                    "id": id,
                    "title": None,
                    "created_at": session.created,
                    "updated_at": session.changed,
                    "message_count": len(messages) if isinstance(messages, list) else None,
                    "workspace": place if isinstance(place, str) else None,
                }

    def attach(self, id: str, kind: str, items: Items) -> None:
        """Replace the items of one kind."""
        session = self.get(id)
        if session is None:
            raise NotFound("there is no such session")
        self.write(
            self.file_name(id), self.encode(id, replace(session, attachments={**session.attachments, kind: items}))
        )

    def attachments(self, id: str, kind: str) -> Items | None:
        """None where none were attached."""
        session = self.get(id)
        return None if session is None else session.attachments.get(kind)

    # -- rules that the operations share -------------------------------------------------------------------------------

    def accept(self, document: Any) -> None:
        """Refuse what is no object."""
        if not isinstance(document, dict):
            raise InvalidDocument("a document is an object")

    def next_revision(self, old: Session | None) -> str:  # noqa: ARG002 - other stores count
        """Never the same twice, also not after a delete."""
        return token()

    def is_current(self, old: Session | None, revision: str) -> bool:
        """Whether a save may go on from the revision."""
        return old is not None and old.revision == revision

    def is_within(self, place: Any, workspace: str) -> bool:
        """Whether a session is of the workspace."""
        return bool(place == workspace)

    # -- files ---------------------------------------------------------------------------------------------------------

    def get(self, id: str) -> Session | None:
        """The session; None where it has no file."""
        data = self.bytes_of(self.file_name(id))
        return None if data is None else self.decode(data, id)

    def encode(self, id: str, session: Session) -> bytes:
        """The bytes of a session's file; what could not be read back is refused."""
        store = {"id": id, "revision": session.revision, "created": session.created, "changed": session.changed}
        file = {**self.wrapped(session.document), "attachments": session.attachments, "store": store}
        try:
            data = self.seal(file)
            self.decode(data, id)
        except (ValueError, RecursionError, Corrupt) as error:
            raise InvalidDocument(f"this could not be read back: {error}") from error
        return data

    def decode(self, data: bytes, id: str) -> Session:
        """The session that a file holds."""
        file = self.unsealed(data)
        store, attachments = file.pop("store"), file.pop("attachments", {})
        if store["id"] != id:
            raise Corrupt("the file of another session")
        return Session(self.unwrapped(file), attachments, store["revision"], store["created"], store["changed"])

    def wrapped(self, document: Document) -> Document:
        """The document as it stands in the file."""
        return {"document": document}

    def unwrapped(self, file: Document) -> Document:
        """The inverse of `wrapped`."""
        document: Document = file["document"]
        return document

    def keep_aside(self, id: str) -> None:
        """Copy the damaged bytes."""
        with suppress(Corrupt):
            self.write(self.file_name(id) + ".damaged", self.bytes_of(self.file_name(id)) or b"")


class CleanFormat(Clean):
    """Files of the format `session`; the API key is left out of them."""

    fidelity = "format"
    format = {"name": "session", "version": "1.0"}  # noqa: RUF012 - a claim, as the class variables of `Adapter` are
    secrets = ("/llm/api_key",)
    suffix = ".json"

    def accept(self, document: Any) -> None:
        """Refuse what the schema refuses, and the members that belong to the store."""
        from sessionproof.formats import problems  # noqa: PLC0415 - most miniatures start faster without the schemas

        found = problems("session", document)
        if found or {"store", "attachments"} & document.keys():
            raise InvalidDocument("; ".join(found[:3]) or "a member that belongs to the store")

    def is_older(self, session: Session, before: str) -> bool:
        """The document may say when the session was created."""
        told = session.document.get("created_at")
        return (session.created if told is None else nanoseconds(told)) < nanoseconds(before)

    def wrapped(self, document: Document) -> Document:
        """Without the secret."""
        if "api_key" not in document.get("llm", {}):
            return document
        return {**document, "llm": {name: value for name, value in document["llm"].items() if name != "api_key"}}

    def unwrapped(self, file: Document) -> Document:
        """Read every minor version of 1."""
        if not file["version"].startswith("1."):
            raise UnsupportedVersion(f"version {file['version']}")
        return file
