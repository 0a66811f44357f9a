"""Logs that are held in memory: some for good, one until it is closed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from controls._files import is_message
from controls._logs import Items, reading
from controls._records import Folder, now
from sessionproof import Adapter, Corrupt, InvalidDocument, NotFound


@dataclass(slots=True)
class Log:
    """One log; `last` is the number of its last step."""

    entries: Items = field(default_factory=list[Any])
    archive: str | None = None
    meta: Any = None
    last: int = 0
    changed: int = 0

    def step(self, count: int) -> None:
        """Count so many steps more."""
        self.last += count
        self.changed = now()


class Passing(Adapter):
    """Nothing on disk and nothing promised."""

    logs: dict[str, Log]

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store
        self.logs = {}

    def append(self, id: str, entries: Items) -> list[int]:
        if not all(isinstance(entry, dict) for entry in entries):
            raise InvalidDocument("an entry is an object")
        log = self.logs.setdefault(id, Log())
        log.entries += entries
        log.step(len(entries))
        return [*range(log.last + 1 - len(entries), log.last + 1)]

    def _there(self, id: str) -> Log:
        if id not in self.logs:
            raise NotFound("no such log")
        return self.logs[id]

    def append_events(self, id: str, events: Items) -> None:
        self._there(id).step(len(events))

    def compact(self, id: str, archive: str) -> None:
        log = self._there(id)
        log.entries, log.archive = [], archive
        log.step(1)

    def describe(self, id: str, meta: Any) -> None:
        self._there(id).meta = meta

    def read(self, id: str) -> dict[str, Any] | None:
        log = self.logs.get(id)
        return None if log is None else reading(log.entries, log.archive, log.meta)

    def delete(self, id: str) -> bool:
        return self.logs.pop(id, None) is not None

    def exists(self, id: str) -> bool:
        return id in self.logs

    def list(self) -> Sequence[str]:
        return [*self.logs]

    def summaries(self) -> Sequence[dict[str, Any]]:
        unknown = dict.fromkeys(("title", "created_at", "updated_at", "workspace"))
        newest = sorted(self.logs.items(), key=lambda item: -item[1].changed)
        return [{"id": id, "message_count": len(log.entries), **unknown} for id, log in newest]

    def latest(self) -> str | None:
        return max(self.logs, key=lambda name: self.logs[name].changed, default=None)


class SingleLog(Adapter):
    """One log of messages a root, which is read when it is first asked for and written by `close`."""

    durability = "close"
    fidelity = "messages"
    ids = "single"

    folder: Folder
    messages: Items | None
    """None: there is no log."""
    is_known = False
    is_changed = False

    def open(self, root: str, namespace: str) -> None:  # noqa: ARG002 - a root holds one store
        self.folder = Folder(root)
        self.is_known = self.is_changed = False

    def close(self) -> None:
        if self.is_changed and self.messages is None:
            self.folder.remove("log.json")
        elif self.is_changed:
            self.folder.write("log.json", json.dumps({"messages": self.messages}).encode("ascii"))
        self.is_changed = False

    def _known(self) -> Items | None:
        if not self.is_known:
            content = self.folder.read("log.json")
            self.messages = None if content is None else _messages(content)
            self.is_known = True
        return self.messages

    def _change(self, messages: Items | None) -> None:
        self.messages = messages
        self.is_known = self.is_changed = True

    def append(self, id: str, entries: Items) -> list[int]:  # noqa: ARG002 - the id is meaningless
        if not all(map(is_message, entries)):
            raise InvalidDocument("an entry is a message of `role` and `content`")
        before = self._known() or []
        self._change([*before, *entries])
        return [*range(len(before) + 1, len(before) + len(entries) + 1)]

    def read(self, id: str) -> dict[str, Any] | None:  # noqa: ARG002 - the id is meaningless
        messages = self._known()
        return None if messages is None else reading(messages)

    def delete(self, id: str) -> None:  # noqa: ARG002 - the id is meaningless
        self._change(None)


def _messages(content: bytes) -> Items:
    """The messages in the file; raises Corrupt."""
    try:
        file = json.loads(content.decode("ascii"), object_pairs_hook=_members)
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"no JSON: {error}") from error
    match file:
        case {"messages": [*messages], **others} if messages and not others and all(map(is_message, messages)):
            return messages
        case _:
            raise Corrupt("not what this store writes")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a repeated member")
    return dict(pairs)
