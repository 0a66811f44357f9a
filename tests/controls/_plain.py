"""An adapter and its store in a script, written from the protocol page alone. It imports nothing of the kit."""

import json
import os
from pathlib import Path
from typing import Any

from controls._plain_rpc import RefusedError, serve, statement

CLAIMS = statement("plain", "save", "load", "delete", "exists", "list", "latest", "echo")


class Store:
    """One JSON file a session, `{"id", "document"}`, without a checksum."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)
        self.root.mkdir(mode=0o700, exist_ok=True)

    def _path(self, id: str) -> Path:
        encoded = id.encode("utf-8", "surrogatepass").hex()
        if len(encoded) > 200:
            raise RefusedError("invalid_id", "too long")
        return self.root / f"session-{encoded}.json"

    def save(self, id: str, document: Any) -> dict[str, Any]:
        """Replace the file."""
        if not isinstance(document, dict):
            raise RefusedError("invalid_document", "not an object")
        for left in self.root.glob("temporary-*"):
            left.unlink()
        path, temporary = self._path(id), self.root / f"temporary-{os.urandom(8).hex()}"
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            json.dump({"id": id, "document": document}, file)
        temporary.replace(path)
        return {"revision": None}

    def load(self, id: str) -> dict[str, Any]:
        """Read the file."""
        path = self._path(id)
        if not path.exists():
            return {"found": False}
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), encoding="ascii") as file:
                content = json.load(file, object_pairs_hook=_members, parse_constant=_constant)
        except (ValueError, RecursionError) as error:
            raise RefusedError("corrupt", str(error)) from error
        match content:
            case {"id": str(name), "document": {**document}, **others} if name == id and not others:
                return {"found": True, "document": document, "revision": None}
            case _:
                raise RefusedError("corrupt", "not this session's file")

    def delete(self, id: str) -> dict[str, Any]:
        """Remove the file."""
        self._path(id).unlink(missing_ok=True)
        return {"existed": None}

    def exists(self, id: str) -> dict[str, Any]:
        """Look for the file."""
        return {"exists": self._path(id).exists()}

    def _ids(self) -> list[str]:
        found = [path.name for path in self.root.iterdir()]
        names = [name[8:-5] for name in found if name.startswith("session-") and name.endswith(".json")]
        return [bytes.fromhex(name).decode("utf-8", "surrogatepass") for name in names]

    def list(self) -> dict[str, Any]:
        """Read the ids back from the names."""
        return {"ids": self._ids()}

    def latest(self) -> dict[str, Any]:
        """Go by the times of the files."""
        return {"id": max(self._ids(), key=lambda name: self._path(name).stat().st_mtime_ns, default=None)}


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a repeated member")
    return value


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


serve(CLAIMS, Store)
