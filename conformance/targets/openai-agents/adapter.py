"""Drives openai-agents: a `SQLiteSession` for each id, one database under the root. README.md grounds each claim."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from agents.memory import SQLiteSession

from sessionproof import Adapter, Conflict, Corrupt, InvalidId, serve

# SQLite tells what happened by number (https://www.sqlite.org/rescode.html). What stands in no set here is `internal`.
_CONFLICT = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_READING = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}
_IO = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}


@contextmanager
def _classed() -> Iterator[None]:
    """Give the errors of SQLite and of Python's sqlite3 their kind, by type and number."""
    try:
        yield
    except UnicodeEncodeError as error:
        # Items are written as ASCII, so the text that has no UTF-8 is the id.
        raise InvalidId(str(error)) from error
    except sqlite3.Error as error:
        # Errors of Python's own sqlite3 module carry no number.
        extended = getattr(error, "sqlite_errorcode", 0)
        text = f"{getattr(error, 'sqlite_errorname', type(error).__name__)}: {error}"
        primary = extended & 0xFF
        if primary in _CONFLICT:
            raise Conflict(text) from error
        # SQLite keeps the errno to itself, and a read that failed without one is `corrupt` to the protocol.
        if primary in _CORRUPT or extended in _READING:
            raise Corrupt(text) from error
        if primary in _IO:
            raise OSError(text) from error
        # The one OperationalError of that module's own: a stored text that is not UTF-8.
        if isinstance(error, sqlite3.OperationalError) and not extended:
            raise Corrupt(text) from error
        raise


class OpenaiAgentsAdapter(Adapter):
    """Every operation is one call of a `SQLiteSession`, made for it and closed after it."""

    name = "openai-agents"
    version = metadata.version("openai-agents")
    fidelity = "json"
    durability = "process-crash"
    concurrency = "multi-thread"
    ids = "any"

    _database: Path
    _held: SQLiteSession | None = None

    def __init__(self) -> None:
        self._loop = asyncio.Runner()

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one database, so the root is enough
        """Make the root, and hold a session of the database as a process with a conversation going on does."""
        self._held = None
        # SQLite expects the folder of its file to be there; whoever uses it makes that folder.
        Path(root).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._database = Path(root) / "conversations.db"
        with _classed():
            self._held = SQLiteSession("held", self._database)
            # A session connects at its first call, not when it is made.
            self._loop.run(self._held.get_items(limit=1))

    def close(self) -> None:
        """Close the held session, where the last `open` made one."""
        if self._held is not None:
            with _classed():
                self._held.close()

    def append(self, id: str, entries: list[Any]) -> None:
        """Add the entries as items, in one transaction."""
        with self._session(id) as session:
            self._loop.run(session.add_items(entries))

    def read(self, id: str) -> dict[str, Any]:
        """Give every item. A session without items and one that never was are the same to the store."""
        with self._session(id) as session:
            items = self._loop.run(session.get_items())
        return {"found": True, "entries": items, "archive": None, "meta": None, "damage": []}

    def delete(self, id: str) -> None:
        """Clear the session: its items go, and the row that names it. Whether there was one is not told."""
        with self._session(id) as session:
            self._loop.run(session.clear_session())

    @contextmanager
    def _session(self, id: str) -> Iterator[SQLiteSession]:
        with _classed(), closing(SQLiteSession(id, self._database)) as session:
            yield session


if __name__ == "__main__":
    serve(OpenaiAgentsAdapter())
