"""Drives diskcache: one `diskcache.Cache` on the root, documents and ids kept as JSON. README.md grounds each claim."""

import builtins
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import diskcache

from sessionproof import Adapter, Conflict, Corrupt, Loaded, serve

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
    """Give the errors of diskcache and SQLite their kind, by type and number."""
    try:
        yield
    except diskcache.Timeout as error:
        raise Conflict(f"diskcache.Timeout: {diskcache.Timeout.__doc__}") from error
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
        raise


@contextmanager
def _decoding() -> Iterator[None]:
    """What JSONDisk cannot decompress or parse was damaged on disk."""
    try:
        yield
    except (zlib.error, ValueError, RecursionError) as error:
        raise Corrupt(f"{type(error).__name__}: {error}") from error


class DiskcacheAdapter(Adapter):
    """Every call is one call of `diskcache.Cache`."""

    name = "diskcache"
    version = diskcache.__version__
    fidelity = "json"
    durability = "process-crash"
    concurrency = "multi-process"
    ids = "any"

    _cache: Any = None  # diskcache ships no types

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one cache, so the root is enough
        """Build the cache. It makes the root."""
        self._cache = None
        with _classed():
            self._cache = diskcache.Cache(root, disk=diskcache.JSONDisk, eviction_policy="none")

    def close(self) -> None:
        """Close the connection to the database, where the last `open` made one."""
        if self._cache is not None:
            with _classed():
                self._cache.close()

    def save(self, id: str, document: dict[str, Any], if_revision: str | None = None) -> None:  # noqa: ARG002 - never sent: a cache has no revisions
        """Replace the value of a key."""
        with _classed():
            self._cache.set(id, document)

    def load(self, id: str) -> Loaded | None:
        """Give the value of a key."""
        with _classed(), _decoding():
            document = self._cache.get(id, default=diskcache.ENOVAL)
        return None if document is diskcache.ENOVAL else Loaded(document)

    def delete(self, id: str) -> bool:
        """Remove a key; a missing one is no error."""
        with _classed():
            return self._cache.delete(id)

    def exists(self, id: str) -> bool:
        """Tell whether the key is there."""
        with _classed():
            return id in self._cache

    def list(self) -> builtins.list[str]:
        """Give every key."""
        with _classed(), _decoding():
            return [*self._cache.iterkeys()]


if __name__ == "__main__":
    serve(DiskcacheAdapter())
