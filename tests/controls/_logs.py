"""Stores of entries that are only ever appended: no documents at all."""

import json
import re
import secrets
from collections.abc import Sequence
from typing import Any, ClassVar

from controls._records import LONGEST, Folder
from sessionproof import Adapter, Corrupt, InvalidDocument, InvalidId, NotFound


class Named(Adapter):
    """The caller names a log; its first append makes it."""

    durability = "process-crash"

    folder: Folder

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store
        self.folder = Folder(root)

    def name_of(self, id: str) -> str:
        """The file of a log; raises InvalidId."""
        encoded = id.encode("utf-8", "surrogatepass")
        if len(encoded) > LONGEST:
            raise InvalidId("too long")
        return f"{encoded.hex()}.log"

    def lines(self, id: str) -> Any:
        """The entries as stored, None where there is no log; raises Corrupt."""
        content = self.folder.read(self.name_of(id))
        if content is None:
            return None
        try:
            return [json.loads(line) for line in content.splitlines()]
        except (ValueError, RecursionError) as error:
            raise Corrupt("a line is no JSON") from error

    def append(self, id: str, entries: Any) -> dict[str, Any]:
        if not all(isinstance(entry, dict) for entry in entries):
            raise InvalidDocument("an entry is an object")
        before: list[Any] = self.lines(id) or []
        lines = [json.dumps(entry) + "\n" for entry in [*before, *entries]]
        self.folder.write(self.name_of(id), "".join(lines).encode("ascii"))
        return {"numbers": [len(before) + number for number in range(1, len(entries) + 1)]}

    def read(self, id: str) -> dict[str, Any] | None:
        entries = self.lines(id)
        return (
            None
            if entries is None
            else {"found": True, "entries": entries, "archive": None, "meta": None, "damage": []}
        )

    def list(self) -> Sequence[str]:
        names = [
            path.name.removesuffix(".log")
            for path in self.folder.root.iterdir()
            if re.fullmatch(r"([0-9a-f]{2})*\.log", path.name)
        ]
        return [bytes.fromhex(name).decode("utf-8", "surrogatepass") for name in names]

    def exists(self, id: str) -> bool:
        return self.folder.read(self.name_of(id)) is not None

    def delete(self, id: str) -> bool:
        return self.folder.remove(self.name_of(id))


class Created(Named):
    """The store names a log itself."""

    ids: ClassVar[str | dict[str, str]] = "store"

    def name_of(self, id: str) -> str:
        if not re.fullmatch("[0-9a-f]{16}", id):
            raise InvalidId("no id of this store")
        return super().name_of(id)

    def create(self, agent: str, created_by: str) -> str:  # noqa: ARG002 - neither is kept
        id = secrets.token_hex(8)
        self.folder.write(self.name_of(id), b"")
        return id

    def append(self, id: str, entries: Any) -> dict[str, Any]:
        if self.lines(id) is None:
            raise NotFound("no such log")
        return super().append(id, entries)
