"""A store of one SQLite file, as the standard library opens it."""

import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from controls._records import Folder, nanoseconds, now, summary_of
from sessionproof import Adapter, Corrupt, InvalidDocument, Loaded, NotFound

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE session (
    id BLOB PRIMARY KEY, body TEXT NOT NULL, digest TEXT NOT NULL,
    created INTEGER NOT NULL, changed INTEGER NOT NULL
);
CREATE TABLE attachment (
    id BLOB NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (id, kind)
);
"""


class Tables(Adapter):
    """Every document operation and any id. `integrity_check` at open finds damage, and a checksum in each row."""

    durability = "power-loss"
    concurrency = "multi-process"

    journal = "DELETE"

    folder: Folder
    connection: sqlite3.Connection | None = None

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        self.folder = Folder(root)
        path = self.folder.root / "sessions.db"
        if path.is_symlink():
            raise Corrupt("the database is a link")
        if not path.exists():
            _make(path, self.journal)
        elif path.stat().st_size == 0:
            raise Corrupt("the database is empty, and SQLite would take it for a new one")
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            _whole(connection)
        except BaseException:
            connection.close()
            raise
        self.connection = connection

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _run(self, statement: str, *values: Any) -> list[Any]:
        connection = self.connection
        assert connection is not None
        return _sound(lambda: connection.execute(statement, values).fetchall())

    def save(self, id: str, document: Any, if_revision: str | None = None) -> None:  # noqa: ARG002 - it gives none out
        if not isinstance(document, dict):
            raise InvalidDocument("a document is an object")
        body = json.dumps(document)
        self._run(
            "INSERT INTO session VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET body = ?2, digest = ?3, changed = ?5",
            _key(id),
            body,
            _digest(body),
            now(),
            now(),
        )

    def load(self, id: str) -> Loaded | None:
        rows = self._run("SELECT body, digest FROM session WHERE id = ?", _key(id))
        return Loaded(_value(*rows[0])) if rows else None

    def delete(self, id: str) -> bool:
        existed = self.exists(id)
        self._run("BEGIN IMMEDIATE")
        self._run("DELETE FROM attachment WHERE id = ?", _key(id))
        self._run("DELETE FROM session WHERE id = ?", _key(id))
        self._run("COMMIT")
        return existed

    def exists(self, id: str) -> bool:
        return bool(self._run("SELECT 1 FROM session WHERE id = ?", _key(id)))

    def list(self) -> Sequence[str]:
        return [_id(row[0]) for row in self._run("SELECT id FROM session")]

    def summaries(self, workspace: str | None = None) -> Sequence[dict[str, Any]]:
        rows = self._run("SELECT id, body, digest FROM session ORDER BY changed DESC")
        found = [summary_of(_id(key), _value(body, digest)) for key, body, digest in rows]
        return [summary for summary in found if workspace is None or summary["workspace"] == workspace]

    def latest(self) -> str | None:
        rows = self._run("SELECT id FROM session ORDER BY changed DESC LIMIT 1")
        return _id(rows[0][0]) if rows else None

    def prune(self, before: str) -> int:
        old = [_id(row[0]) for row in self._run("SELECT id FROM session WHERE created < ?", nanoseconds(before))]
        return sum(self.delete(id) for id in old)

    def attach(self, id: str, kind: str, items: Any) -> None:
        if not self.exists(id):
            raise NotFound("no such session")
        body = json.dumps(items)
        self._run("BEGIN IMMEDIATE")
        self._run("INSERT OR REPLACE INTO attachment VALUES (?, ?, ?, ?)", _key(id), kind, body, _digest(body))
        self._run("UPDATE session SET changed = ? WHERE id = ?", now(), _key(id))
        self._run("COMMIT")

    def attachments(self, id: str, kind: str) -> Any:
        rows = self._run("SELECT body, digest FROM attachment WHERE id = ? AND kind = ?", _key(id), kind)
        return _value(*rows[0]) if rows else None

    def check(self) -> None:
        assert self.connection is not None
        _whole(self.connection)
        self.folder.usable()


class WriteAhead(Tables):
    """The same in SQLite's write-ahead mode, which keeps two more files while the database is open."""

    journal = "WAL"


def _make(path: Path, journal: str) -> None:
    """An empty database, complete before it has its name."""
    temporary = path.with_name(f".new-{secrets.token_hex(8)}")
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    temporary.chmod(0o600)
    connection = sqlite3.connect(temporary, isolation_level=None)
    connection.executescript(_SCHEMA)
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.close()
    temporary.rename(path)


def _whole(connection: sqlite3.Connection) -> None:
    """Raises Corrupt where SQLite finds fault with its file."""
    connection.execute("PRAGMA cell_size_check = ON")
    if _sound(lambda: connection.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
        raise Corrupt("integrity_check")
    if _sound(lambda: connection.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'table'").fetchone()) != (2,):
        raise Corrupt("a table is missing")


def _sound(query: Callable[[], T]) -> T:
    try:
        return query()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_FULL")):
            raise OSError(str(error)) from error
        raise Corrupt(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise Corrupt(str(error)) from error


def _key(id: str) -> bytes:
    return id.encode("utf-8", "surrogatepass")


def _id(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode("ascii")).hexdigest()


def _value(body: Any, digest: Any) -> Any:
    if not (isinstance(body, str) and body.isascii() and digest == _digest(body)):
        raise Corrupt("the checksum of the row does not fit")
    return json.loads(body)
