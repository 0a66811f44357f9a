"""A store of one SQLite file, as the standard library opens it."""

import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from controls._records import Folder, nanoseconds, now, summary_of
from sessionproof import Adapter, Conflict, Corrupt, InvalidDocument, Loaded, NotFound

T = TypeVar("T")


class Database(Adapter):
    """One SQLite file for everything. `integrity_check` at open finds damage, and a checksum in each row."""

    durability = "power-loss"
    concurrency = "multi-process"

    schema: ClassVar[str]
    journal: ClassVar[str] = "DELETE"
    synchronous: ClassVar[str] = "EXTRA"
    """With FULL, the removal of a journal is not synced, and a transaction that was committed may be rolled back."""

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
            _sound(lambda: _make(path, self.schema, self.journal))
        elif path.stat().st_size == 0:
            raise Corrupt("the database is empty, and SQLite would take it for a new one")
        connection = _sound(lambda: sqlite3.connect(path, isolation_level=None))
        try:
            _whole(connection)
            _sound(lambda: connection.execute(f"PRAGMA synchronous = {self.synchronous}"))
        except BaseException:
            connection.close()
            raise
        self.connection = connection

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def run(self, statement: str, *values: Any) -> list[Any]:
        """The rows that a statement answers; raises Conflict, Corrupt and OSError."""
        connection = self.connection
        assert connection is not None
        return _sound(lambda: connection.execute(statement, values).fetchall())

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All of the statements inside, or none of them."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            assert self.connection is not None
            self.connection.rollback()
            raise


class Tables(Database):
    """Every document operation and any id."""

    schema = """
        CREATE TABLE session (
            id BLOB PRIMARY KEY, body TEXT NOT NULL, digest TEXT NOT NULL,
            created INTEGER NOT NULL, changed INTEGER NOT NULL
        );
        CREATE TABLE attachment (
            id BLOB NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (id, kind)
        );
    """

    def save(self, id: str, document: Any, if_revision: str | None = None) -> None:  # noqa: ARG002 - it gives none out
        if not isinstance(document, dict):
            raise InvalidDocument("a document is an object")
        body = json.dumps(document)
        self.run(
            "INSERT INTO session VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET body = ?2, digest = ?3, changed = ?5",
            key_of(id),
            body,
            digest_of(body),
            now(),
            now(),
        )

    def load(self, id: str) -> Loaded | None:
        rows = self.run("SELECT body, digest FROM session WHERE id = ?", key_of(id))
        return Loaded(value_of(*rows[0])) if rows else None

    def delete(self, id: str) -> bool:
        existed = self.exists(id)
        with self.transaction():
            self.run("DELETE FROM attachment WHERE id = ?", key_of(id))
            self.run("DELETE FROM session WHERE id = ?", key_of(id))
        return existed

    def exists(self, id: str) -> bool:
        return bool(self.run("SELECT 1 FROM session WHERE id = ?", key_of(id)))

    def list(self) -> Sequence[str]:
        return [id_of(row[0]) for row in self.run("SELECT id FROM session")]

    def summaries(self, workspace: str | None = None) -> Sequence[dict[str, Any]]:
        rows = self.run("SELECT id, body, digest FROM session ORDER BY changed DESC")
        found = [summary_of(id_of(key), value_of(body, digest)) for key, body, digest in rows]
        return [summary for summary in found if workspace is None or summary["workspace"] == workspace]

    def latest(self) -> str | None:
        rows = self.run("SELECT id FROM session ORDER BY changed DESC LIMIT 1")
        return id_of(rows[0][0]) if rows else None

    def prune(self, before: str) -> int:
        old = [id_of(row[0]) for row in self.run("SELECT id FROM session WHERE created < ?", nanoseconds(before))]
        return sum(self.delete(id) for id in old)

    def attach(self, id: str, kind: str, items: Any) -> None:
        body = json.dumps(items)
        with self.transaction():
            if not self.exists(id):
                raise NotFound("no such session")
            self.run("INSERT OR REPLACE INTO attachment VALUES (?, ?, ?, ?)", key_of(id), kind, body, digest_of(body))
            self.run("UPDATE session SET changed = ? WHERE id = ?", now(), key_of(id))

    def attachments(self, id: str, kind: str) -> Any:
        rows = self.run("SELECT body, digest FROM attachment WHERE id = ? AND kind = ?", key_of(id), kind)
        return value_of(*rows[0]) if rows else None

    def check(self) -> None:
        assert self.connection is not None
        _whole(self.connection)
        self.folder.usable()


class WriteAhead(Tables):
    """The same in SQLite's write-ahead mode, which keeps two more files while the database is open."""

    journal = "WAL"
    synchronous = "FULL"


def _make(path: Path, schema: str, journal: str) -> None:
    """An empty database, complete before it has its name."""
    temporary = path.with_name(f".new-{secrets.token_hex(8)}")
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    temporary.chmod(0o600)
    connection = sqlite3.connect(temporary, isolation_level=None)
    connection.executescript(schema)
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.close()
    with suppress(FileExistsError):
        # Not renamed: another process may have made it meanwhile.
        path.hardlink_to(temporary)
    temporary.unlink()


def _whole(connection: sqlite3.Connection) -> None:
    """Raises Corrupt where SQLite finds fault with its file."""
    _sound(lambda: connection.execute("PRAGMA cell_size_check = ON"))
    if _sound(lambda: connection.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
        raise Corrupt("integrity_check")
    if _sound(lambda: connection.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'table'").fetchone()) != (2,):
        raise Corrupt("a table is missing")


def _sound(query: Callable[[], T]) -> T:
    try:
        return query()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith("SQLITE_BUSY"):
            raise Conflict("another process holds the database") from error
        if error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_FULL")):
            raise OSError(str(error)) from error
        raise Corrupt(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise Corrupt(str(error)) from error


def key_of(id: str) -> bytes:
    return id.encode("utf-8", "surrogatepass")


def id_of(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")


def digest_of(body: str) -> str:
    return hashlib.sha256(body.encode("ascii")).hexdigest()


def value_of(body: Any, digest: Any) -> Any:
    if not (isinstance(body, str) and body.isascii() and digest == digest_of(body)):
        raise Corrupt("the checksum of the row does not fit")
    return json.loads(body)
