r"""Two small stores that keep every requirement of STO, FMT, IDS, COR and SEC; a broken one overrides a method.

One folder, a file per session: the document, its attachments, and behind them what the store says of it.

    {"document": {...}, "attachments": {...}, "store": {"id": ..., "revision": ..., "created": ..., "changed": ...,
    "checksum":"sha256:<64 hex digits>"}}\n

The digits are the SHA-256 of all bytes before `"checksum":`; `created` and `changed` are nanoseconds since 1970. In
`CleanFormat` the members of the document stand at the top, as a file of the format `session` wants them.
"""

import errno
import hashlib
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias, cast

from sessionproof import (
    Adapter,
    Conflict,
    Corrupt,
    InvalidDocument,
    InvalidId,
    Loaded,
    NotFound,
    StoreError,
    UnsupportedVersion,
)

# Inside the classes `list` is the operation.
Items: TypeAlias = list[Any]
Document: TypeAlias = dict[str, Any]

DEEPEST = 100
LONGEST_ID = 100
_ENDING = len(b'"checksum":"sha256:"}}\n') + 64


@dataclass(frozen=True, slots=True)
class Session:
    """What one file holds."""

    document: Document
    attachments: dict[str, Items]
    revision: str
    created: int
    changed: int


def sealed(content: bytes) -> bytes:
    """The file that begins with these bytes."""
    return content + b'"checksum":"sha256:' + hashlib.sha256(content).hexdigest().encode() + b'"}}\n'


def unrepeated(pairs: list[tuple[str, Any]]) -> Document:
    """The object of these members.

    Raises:
        ValueError: One stands twice.
    """
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a member stands twice in one object")
    return dict(pairs)


def refused(constant: str) -> float:
    """What JSON readers of Python take for a number.

    Raises:
        ValueError: Always.
    """
    raise ValueError(f"{constant} is no JSON")


def depth(value: Any) -> int:
    """How deep lists and objects are nested."""
    if isinstance(value, dict):
        return 1 + max(map(depth, cast("Document", value).values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, cast("tuple[Any, ...]", value)), default=0)
    return 0


def nanoseconds(instant: str) -> int:
    """The time since 1970 of an instant in RFC 3339, to the microsecond."""
    return (datetime.fromisoformat(instant) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


class Clean(Adapter):
    """Any JSON object under any id of up to 100 bytes."""

    version = "1.0"
    durability = "process-crash"
    suffix = ".rec"

    root: Path

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store, so the root is enough
        """Make the folder where it is not there."""
        self.root = Path(root)
        with suppress(FileExistsError):
            self.root.mkdir(0o700)

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

    def delete(self, id: str) -> bool:
        """Remove the session, damaged or not, and what was kept aside for it."""
        with suppress(FileNotFoundError):
            self.path(self.file_name(id) + ".damaged").unlink()
        try:
            self.path(self.file_name(id)).unlink()
        except FileNotFoundError:
            return False
        return True

    def exists(self, id: str) -> bool:
        """A damaged session exists."""
        return os.path.lexists(self.path(self.file_name(id)))

    def list(self) -> Iterator[str]:
        """The names of the files tell the ids, so that damaged ones are listed too."""
        for path in self.root.iterdir():
            id = self.id_in(path.name)
            if id is not None:
                yield id

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

    def latest(self) -> str | None:
        """The first of the summaries."""
        return next((id for id, _ in self.newest_first()), None)

    def prune(self, before: str) -> int:
        """Remove what was created before the instant."""
        old = [id for id, session in self.newest_first() if self.is_older(session, before)]
        for id in old:
            self.delete(id)
        return len(old)

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

    def check(self) -> None:
        """Write a file and remove it."""
        name = f".{secrets.token_hex(8)}.check"
        self.write(name, b"")
        self.path(name).unlink()

    # -- rules that the operations share -------------------------------------------------------------------------------

    def accept(self, document: Any) -> None:
        """Refuse what is no object."""
        if not isinstance(document, dict):
            raise InvalidDocument("a document is an object")

    def next_revision(self, old: Session | None) -> str:  # noqa: ARG002 - other stores count
        """Never the same twice, also not after a delete."""
        return secrets.token_hex(8)

    def is_current(self, old: Session | None, revision: str) -> bool:
        """Whether a save may go on from the revision."""
        return old is not None and old.revision == revision

    def is_within(self, place: Any, workspace: str) -> bool:
        """Whether a session is of the workspace."""
        return bool(place == workspace)

    def is_older(self, session: Session, before: str) -> bool:
        """Whether a prune at this instant removes the session."""
        return session.created < nanoseconds(before)

    def newest_first(self) -> Items:
        """Ids and sessions by last change, without those that cannot be read."""
        found: Items = []
        for id in self.list():
            with suppress(StoreError):
                found.append((id, self.get(id)))
        return sorted((pair for pair in found if pair[1] is not None), key=lambda pair: pair[1].changed, reverse=True)

    # -- names ---------------------------------------------------------------------------------------------------------

    def file_name(self, id: str) -> str:
        """The file of a session: the id in hexadecimal digits."""
        try:
            raw = id.encode()
        except UnicodeEncodeError as error:
            raise InvalidId("a lone surrogate") from error
        if len(raw) > LONGEST_ID:
            raise InvalidId("too long")
        return f"s-{raw.hex()}{self.suffix}"

    def id_in(self, name: str) -> str | None:
        """The id that a file's name tells; None for a name that `file_name` never gives."""
        try:
            id = bytes.fromhex(name.removeprefix("s-").removesuffix(self.suffix)).decode()
            return id if self.file_name(id) == name else None
        except (ValueError, InvalidId):
            return None

    def path(self, name: str) -> Path:
        """A name in the root."""
        return self.root / name

    # -- files ---------------------------------------------------------------------------------------------------------

    def get(self, id: str) -> Session | None:
        """The session; None where it has no file."""
        data = self.read(self.file_name(id))
        return None if data is None else self.decode(data, id)

    def encode(self, id: str, session: Session) -> bytes:
        """The bytes of a session's file; what could not be read back is refused."""
        store = {"id": id, "revision": session.revision, "created": session.created, "changed": session.changed}
        file = {**self.wrapped(session.document), "attachments": session.attachments, "store": store}
        try:
            data = sealed(self.dumps(file).removesuffix("}}").encode() + b",")
            self.decode(data, id)
        except (ValueError, RecursionError, Corrupt) as error:
            raise InvalidDocument(f"this could not be read back: {error}") from error
        return data

    def decode(self, data: bytes, id: str) -> Session:
        """The session that a file holds."""
        if data != sealed(data[:-_ENDING]):
            raise Corrupt("the checksum does not hold")
        try:
            file = self.loads(data.decode())
            if depth(file) > DEEPEST:
                raise Corrupt("nested too deep")
        except (ValueError, RecursionError) as error:
            raise Corrupt(f"no JSON: {error}") from error
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

    def dumps(self, file: Document) -> str:
        """Strict JSON on one line."""
        return json.dumps(file, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    def loads(self, text: str) -> Document:
        """Strict JSON, an object."""
        value: Document = json.loads(text, object_pairs_hook=unrepeated, parse_constant=refused)
        return value

    def read(self, name: str) -> bytes | None:
        """A regular file's bytes; neither follows a link nor waits for a pipe."""
        try:
            file = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENXIO}:
                raise Corrupt("no regular file") from error
            raise
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise Corrupt("no regular file")
        with os.fdopen(file, "rb") as stream:
            return stream.read()

    def write(self, name: str, data: bytes) -> None:
        """Give the name a new file, at once; it stays in the page cache, which outlives the process."""
        temporary = self.path(f".{secrets.token_hex(8)}.tmp")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
        temporary.replace(self.path(name))

    def keep_aside(self, id: str) -> None:
        """Copy the damaged bytes."""
        with suppress(Corrupt):
            self.write(self.file_name(id) + ".damaged", self.read(self.file_name(id)) or b"")


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
