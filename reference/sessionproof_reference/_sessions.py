"""The store for whole sessions: what it adds to saving and loading."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from sessionproof_reference import _folder, _instants, _names, _record
from sessionproof_reference._errors import Corrupt, NotFound, UnsupportedVersion
from sessionproof_reference._record import Document, Record
from sessionproof_reference._store import DocumentStore

Kind: TypeAlias = Literal["artifacts", "trace", "verification"]
Items: TypeAlias = list[Document]


@dataclass(frozen=True, slots=True)
class Summary:
    """One line about a session. What the document does not say is None."""

    id: str
    title: str | None
    created_at: str | None
    updated_at: str | None
    message_count: int
    workspace: str | None


Summaries: TypeAlias = list[Summary]


class SessionStore(DocumentStore):
    """Documents of the format `session`, and what is attached to them.

    `llm.api_key` is never written. The attachments of a session lie in its file, so they come and go with it as one.
    """

    _format = "session"

    def summaries(self, workspace: str | None = None) -> Summaries:
        """All sessions that can be read, or those of one workspace, the one saved last first.

        Where the document has no `created_at` or `updated_at`, the instant of the first or the last save stands in.
        """
        found: list[tuple[str, Summary]] = []
        for session_id in self.list():
            with suppress(Corrupt, UnsupportedVersion):
                record = self._read(session_id)
                if record is not None and workspace in {None, record.document.get("workspace")}:
                    found.append((record.saved_at or "", _summary(session_id, record)))
        found.sort(key=lambda pair: pair[0], reverse=True)
        return [summary for _, summary in found]

    def latest(self) -> str | None:
        """The id of the session that was saved last, of those that can be read; None where there is none."""
        return next((summary.id for summary in self.summaries()), None)

    def prune(self, before: str) -> int:
        """Delete the sessions created before the instant (RFC 3339), and answer how many those were.

        A session is created at its document's `created_at`, or else at its first save. One that cannot be read stays.

        Raises:
            ValueError: `before` is no instant; nothing was removed.
        """
        limit = _instants.parse(before)
        removed = 0
        # Under one lock: a conflict half-way would have to say that nothing was done.
        with _folder.locked(self._root) as folder:
            for session_id in [*self._ids(folder)]:
                # ValueError: an instant that another writer noted in words of its own.
                with suppress(Corrupt, UnsupportedVersion, ValueError):
                    record = self._read_in(folder, session_id)
                    created_at = _created_at(record) if record else None
                    if created_at is not None and _instants.parse(created_at) < limit:
                        removed += _folder.remove(folder, _names.file_name(session_id))
        return removed

    def attach(self, session_id: str, kind: Kind, items: Items) -> None:
        """Replace the session's items of that kind. The document, its revision and its place among others stay.

        Raises:
            NotFound: There is no such session.
            InvalidDocument: The items do not fit the format, or could not be read back.
            Corrupt, UnsupportedVersion: The session's file cannot be read.
        """
        _check_kind(kind)
        name = _names.file_name(session_id)
        with _folder.locked(self._root) as folder:
            record = self._read_in(folder, session_id)
            if record is None:
                raise NotFound("there is no such session; save it first")
            new = replace(record, attachments={**record.attachments, kind: items})
            _record.validate({**new.document, "attachments": new.attachments}, self._format)
            _folder.write(folder, name, _record.encode(new, session_id))

    def attachments(self, session_id: str, kind: Kind) -> Items | None:
        """The session's items of that kind as they were attached; None where none were.

        Raises:
            Corrupt, UnsupportedVersion: The session's file cannot be read.
        """
        _check_kind(kind)
        record = self._read(session_id)
        return None if record is None else record.attachments.get(kind)

    def _public(self, document: Document) -> Document:
        if "llm" not in document:
            return document
        return {**document, "llm": {name: member for name, member in document["llm"].items() if name != "api_key"}}


def _check_kind(kind: str) -> None:
    if kind not in get_args(Kind):
        raise ValueError(f"{kind!r} is none of {', '.join(get_args(Kind))}")


def _created_at(record: Record) -> str | None:
    return record.document.get("created_at", record.created_at)


def _summary(session_id: str, record: Record) -> Summary:
    document = record.document
    return Summary(
        session_id,
        document.get("title"),
        _created_at(record),
        document.get("updated_at", record.saved_at),
        len(document["messages"]),
        document.get("workspace"),
    )
