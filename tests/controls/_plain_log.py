"""An adapter and its log in a script, written from the protocol page alone. It imports nothing of the kit."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from controls._plain_rpc import RefusedError, serve, statement

CLAIMS = statement("plain-log", "append", "read", "delete")


class Store:
    """One file a log: lines of a checksum, a number and an entry."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)
        self.root.mkdir(mode=0o700, exist_ok=True)
        for left in self.root.glob("temporary-*"):
            left.unlink()

    def _path(self, id: str) -> Path:
        encoded = id.encode("utf-8", "surrogatepass").hex()
        if len(encoded) > 200:
            raise RefusedError("invalid_id", "too long")
        return self.root / f"log-{encoded}.txt"

    def _lines(self, id: str) -> list[str]:
        """The lines of a log, all of them whole; none where there is no log."""
        path = self._path(id)
        try:
            path.lstat()
        except FileNotFoundError:
            return []
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                lines = file.read().decode("ascii").split("\n")
        except ValueError as error:
            raise RefusedError("corrupt", str(error)) from error
        if lines.pop() or not lines:
            raise RefusedError("corrupt", "the end is missing")
        for number, line in enumerate(lines, 1):
            text = line[65:]
            if line != _line(id, text) or not text.startswith(f"{number} "):
                raise RefusedError("corrupt", f"line {number} is damaged")
        return lines

    def append(self, id: str, entries: list[Any]) -> dict[str, Any]:
        """Write the file anew, with more lines."""
        if not all(isinstance(entry, dict) for entry in entries):
            raise RefusedError("invalid_document", "not an object")
        lines = self._lines(id)
        numbers = [*range(len(lines) + 1, len(lines) + 1 + len(entries))]
        lines += [_line(id, f"{number} {json.dumps(entry)}") for number, entry in zip(numbers, entries, strict=True)]
        temporary = self.root / f"temporary-{os.urandom(8).hex()}"
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in lines)
        temporary.replace(self._path(id))
        return {"numbers": numbers}

    def read(self, id: str) -> dict[str, Any]:
        """Read the file."""
        entries = [json.loads(line[65:].partition(" ")[2]) for line in self._lines(id)]
        if not entries:
            return {"found": False}
        return {"found": True, "entries": entries, "archive": None, "meta": None, "damage": []}

    def delete(self, id: str) -> dict[str, Any]:
        """Remove the file."""
        self._path(id).unlink(missing_ok=True)
        return {"existed": None}


def _line(id: str, text: str) -> str:
    return f"{hashlib.sha256(f'{id} {text}'.encode('utf-8', 'surrogatepass')).hexdigest()} {text}"


serve(CLAIMS, Store)
