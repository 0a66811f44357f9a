"""A store of one SQLite file for all logs, as chat histories in databases are: a row for each entry."""

import hashlib
import json
from typing import Any, ClassVar

from controls._logs import Items, reading
from controls._tables import Database, key_of
from sessionproof import Corrupt, InvalidDocument


class Rows(Database):
    """Any id has a log, most of them an empty one: there is nothing to make, to list or to ask for. No numbers."""

    cost: ClassVar[dict[str, str] | None] = {"append": "O(1)"}
    schema = """
        CREATE TABLE record (
            number INTEGER PRIMARY KEY, id BLOB NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, digest TEXT NOT NULL
        );
        CREATE TABLE event (number INTEGER PRIMARY KEY, id BLOB NOT NULL, body TEXT NOT NULL);
        CREATE INDEX record_of ON record (id, number);
        CREATE INDEX event_of ON event (id);
    """

    def append(self, id: str, entries: Items) -> None:
        if not all(isinstance(entry, dict) for entry in entries):
            raise InvalidDocument("an entry is an object")
        self._insert(id, "entry", entries)

    def compact(self, id: str, archive: str) -> None:
        self._insert(id, "boundary", [archive])

    def _insert(self, id: str, kind: str, values: Items) -> None:
        bodies = [json.dumps(value) for value in values]
        with self.transaction():
            ((last,),) = self.run("SELECT coalesce(max(number), 0) FROM record")
            for number, body in enumerate(bodies, last + 1):
                row = number, key_of(id), kind, body
                self.run("INSERT INTO record VALUES (?, ?, ?, ?, ?)", *row, _digest(*row))

    def append_events(self, id: str, events: Items) -> None:
        with self.transaction():
            for event in events:
                self.run("INSERT INTO event (id, body) VALUES (?, ?)", key_of(id), json.dumps(event))

    def read(self, id: str) -> dict[str, Any]:
        archive: str | None = None
        entries: Items = []
        rows = self.run("SELECT * FROM record WHERE id = ? ORDER BY number", key_of(id))
        for number, key, kind, body, digest in rows:
            if digest != _digest(number, key, kind, body):
                raise Corrupt("the checksum of the row does not fit")
            if kind == "boundary":
                archive, entries = json.loads(body), []
            else:
                entries.append(json.loads(body))
        return reading(entries, archive)

    def delete(self, id: str) -> None:
        with self.transaction():
            self.run("DELETE FROM record WHERE id = ?", key_of(id))
            self.run("DELETE FROM event WHERE id = ?", key_of(id))


def _digest(*row: Any) -> str:
    return hashlib.sha256(repr(row).encode("ascii", "backslashreplace")).hexdigest()
