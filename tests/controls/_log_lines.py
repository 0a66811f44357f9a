"""A store of one file a log, a step a line, which repairs what a death in the middle of an append has left."""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from typing import Any

from controls._logs import Items, reading
from controls._records import Folder, ids_of, name_of
from sessionproof import Adapter, Corrupt, InvalidDocument, NotFound

_ENDING = len(', "checksum": ""}\n') + 64


class Repairing(Adapter):
    """Its `open` cuts a torn last line off and keeps it aside. Other damage stays, and ends the log for readers.

    What was cut off is named as long as it lies there, which is until the log is deleted.
    """

    durability = "process-crash"

    folder: Folder

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store
        self.folder = Folder(root)
        for id in self.list():
            self._repair(id)

    def _repair(self, id: str) -> None:
        name = name_of(id)
        try:
            content = self.folder.read(name) or b""
        except Corrupt:
            return
        steps, end = _steps(id, content)
        tail = content[end:]
        if steps and tail and b"\n" not in tail[:-1]:
            self.folder.write(_aside(id), (self.folder.read(_aside(id)) or b"") + tail)
            self.folder.write(name, content[:end])

    def append(self, id: str, entries: Items) -> list[int]:
        if not all(isinstance(entry, dict) for entry in entries):
            raise InvalidDocument("an entry is an object")
        return self._add(id, "entry", entries, self.folder.read(name_of(id)))

    def append_events(self, id: str, events: Items) -> None:
        self._add(id, "event", events, self._there(id))

    def compact(self, id: str, archive: str) -> None:
        self._add(id, "boundary", [archive], self._there(id))

    def _there(self, id: str) -> bytes:
        content = self.folder.read(name_of(id))
        if content is None:
            raise NotFound("no such log")
        return content

    def _add(self, id: str, kind: str, values: Items, content: bytes | None) -> list[int]:
        steps, end = _steps(id, content or b"")
        if content is not None and not 0 < end == len(content):
            raise Corrupt("nothing is written behind damage")
        numbers = [*range(len(steps) + 1, len(steps) + 1 + len(values))]
        new = [{"number": number, kind: value} for number, value in zip(numbers, values, strict=True)]
        lines = b"".join(_line(id, step) for step in new)
        if content is None:
            # A file has its first line from the beginning, so that an emptied one is no new one.
            self.folder.write(name_of(id), lines)
        else:
            self._lengthen(name_of(id), end, lines)
        return numbers

    def _lengthen(self, name: str, end: int, lines: bytes) -> None:
        file = os.open(self.folder.root / name, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        try:
            while lines:
                lines = lines[os.write(file, lines) :]
        except OSError:
            os.ftruncate(file, end)
            raise
        finally:
            os.close(file)

    def read(self, id: str) -> dict[str, Any] | None:
        content = self.folder.read(name_of(id))
        if content is None:
            return None
        steps, end = _steps(id, content)
        damage: Items = []
        if self.folder.read(_aside(id)) is not None:
            damage.append({"step": None, "reason": "a torn line was cut off"})
        if not 0 < end == len(content):
            damage.append({"step": len(steps) + 1, "reason": "damaged from here on"})
        archive: str | None = None
        entries: Items = []
        for step in steps:
            if "boundary" in step:
                archive, entries = step["boundary"], []
            elif "entry" in step:
                entries.append(step["entry"])
        return reading(entries, archive, damage=damage)

    def delete(self, id: str) -> bool:
        self.folder.remove(_aside(id))
        return self.folder.remove(name_of(id))

    def exists(self, id: str) -> bool:
        return self.folder.read(name_of(id)) is not None

    def list(self) -> Sequence[str]:
        return [*ids_of(self.folder.names())]


def _aside(id: str) -> str:
    return f"{name_of(id)}.torn"


def _line(id: str, step: Any) -> bytes:
    """A step, its last member a checksum over the id and the bytes before."""
    return _sealed(id, json.dumps(step).encode("ascii").removesuffix(b"}"))


def _sealed(id: str, body: bytes) -> bytes:
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass") + body).hexdigest()
    return body + f', "checksum": "{digest}"}}\n'.encode("ascii")


def _steps(id: str, content: bytes) -> tuple[Items, int]:
    """The steps before the first damage, and how many bytes they have."""
    steps: Items = []
    end = 0
    for line in re.findall(rb"[^\n]*\n|[^\n]+", content):
        body = line[:-_ENDING]
        if line != _sealed(id, body):
            break
        step = json.loads(body + b"}")
        if step["number"] != len(steps) + 1:
            break
        steps.append(step)
        end += len(line)
    return steps, end
