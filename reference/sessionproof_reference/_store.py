"""Saving, loading, deleting and listing, the same for both formats."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeAlias

from sessionproof.formats import Format
from sessionproof_reference import _folder, _instants, _names, _record
from sessionproof_reference._errors import Conflict, Corrupt, InvalidDocument
from sessionproof_reference._record import Document, Record

# Inside the classes `list` is the operation.
Ids: TypeAlias = list[str]

# How much of a file is read at first for an id that its name cannot hold; enough for 1,000 characters of most.
_TAIL = 4096


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as it was saved, and the revision that a save can ask for by `if_revision`."""

    document: Document
    revision: str | None


class DocumentStore:
    """Documents of one format in one folder, a file each; made where it is not there, by the owner only to be read.

    Every operation opens the folder anew and holds nothing afterwards: there is nothing to close, and any number of
    threads and processes may use any number of stores on one folder. Writes wait for each other up to 5 s; loads wait
    for nobody. A folder that vanishes is an error in every operation, until a store is made on it again.

    Every operation can raise `OSError`, and those that take an id `InvalidId`. A write that raises one of `InvalidId`,
    `InvalidDocument`, `NotFound`, `Conflict` or `UnsupportedVersion` did nothing; after an `OSError` it was done wholly
    or not at all.
    """

    _format: ClassVar[Format]

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root).absolute()
        _folder.make(self._root)

    def save(self, session_id: str, document: Document, if_revision: str | None = None) -> str:
        """Replace the whole document and answer its revision. Attachments stay.

        Damaged bytes that are saved over are kept aside, in a file of the same name that ends in `.damaged`.

        Raises:
            InvalidDocument: The document does not fit the format, has a member `store` or `attachments`, has another
                id, or could not be read back: nested deeper than 100, or with an integer of more than 4,300 digits.
            Conflict: `if_revision` is given and is not the session's revision.
            UnsupportedVersion: The file there is of a newer version, which this store cannot judge.
            Corrupt: `if_revision` is given and the file there is damaged.
        """
        name = _names.file_name(session_id)
        _record.validate(document, self._format)
        if reserved := document.keys() & {"store", "attachments"}:
            raise InvalidDocument(f"the member {min(reserved)} belongs to the store; save the document without it")
        if document.get("id", session_id) != session_id:
            raise InvalidDocument("the document's id is not the one that it is saved under")
        revision, now = secrets.token_hex(16), _instants.now()
        with _folder.locked(self._root) as folder:
            try:
                old, damaged = self._read_in(folder, session_id), False
            except Corrupt:
                if if_revision is not None:
                    raise
                old, damaged = None, True
            if if_revision is not None and (old is None or old.revision != if_revision):
                raise Conflict("the session has changed since that revision; load it again")
            attachments, created_at = (old.attachments, old.created_at) if old else ({}, None)
            new = Record(self._public(document), attachments, revision, created_at or now, now)
            data = _record.encode(new, session_id)
            if damaged:
                _folder.keep_aside(folder, name)
            _folder.write(folder, name, data)
        return revision

    def load(self, session_id: str) -> Loaded | None:
        """The document as it was saved last; None where there is no such session.

        Raises:
            Corrupt: The file is damaged, or of another session.
            UnsupportedVersion: It is of a newer version.
        """
        record = self._read(session_id)
        return None if record is None else Loaded(record.document, record.revision)

    def delete(self, session_id: str) -> bool:
        """Remove the session and all that belongs to it, also a damaged one; False where there was none."""
        name = _names.file_name(session_id)
        with _folder.locked(self._root) as folder:
            return _folder.remove(folder, name)

    def exists(self, session_id: str) -> bool:
        """Whether there is such a session, damaged or not."""
        name = _names.file_name(session_id)
        with _folder.opened(self._root) as folder:
            return _folder.has(folder, name)

    def list(self) -> Ids:
        """The ids of all sessions, the damaged ones too as long as name or file still tells the id.

        Raises:
            Conflict: Others changed the folder for 5 s without a pause.
        """
        with _folder.locked(self._root, shared=True) as folder:
            return [*self._ids(folder)]

    def check(self) -> None:
        """Prove that sessions can be written.

        Raises:
            OSError: They cannot.
        """
        with _folder.locked(self._root) as folder:
            _folder.prove_writable(folder)

    def _public(self, document: Document) -> Document:
        """What of a document goes to disk."""
        return document

    def _read(self, session_id: str) -> Record | None:
        with _folder.opened(self._root) as folder:
            return self._read_in(folder, session_id)

    def _read_in(self, folder: int, session_id: str) -> Record | None:
        data = _folder.read(folder, _names.file_name(session_id))
        return None if data is None else _record.decode(data, self._format, session_id)

    @staticmethod
    def _ids(folder: int) -> Iterator[str]:
        for name in _folder.names(folder):
            session_id = _hashed_id(folder, name) if _names.is_hashed(name) else _names.id_in(name)
            if session_id is not None:
                yield session_id


def _hashed_id(folder: int, name: str) -> str | None:
    """The id of a session whose file is named by its hash. The file's end tells it, however long the document is."""
    size = _TAIL
    try:
        while (tail := _folder.read(folder, name, last=size)) is not None:
            session_id = _record.id_at_end(tail)
            if session_id is not None and _names.file_name(session_id) == name:
                return session_id
            if len(tail) < size:
                return None
            size *= 16
    except Corrupt:
        return None
    return None


class SnapshotStore(DocumentStore):
    """Documents of the format `snapshot`."""

    _format = "snapshot"
