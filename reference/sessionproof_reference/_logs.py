"""The store for logs: sessions that are kept by appending to them."""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal, TypeAlias

from sessionproof_reference import _folder, _instants, _steps
from sessionproof_reference._errors import Conflict, Corrupt, InvalidDocument, InvalidId, NotFound, UnsupportedVersion
from sessionproof_reference._layouts import FileLayout, FolderLayout, Layout, Tail
from sessionproof_reference._record import Document
from sessionproof_reference._sessions import Summaries, Summary
from sessionproof_reference._steps import Kind, Log
from sessionproof_reference._store import Ids

LayoutName: TypeAlias = Literal["file", "folder"]
# Inside the class `list` is the operation.
Documents: TypeAlias = list[Document]
Numbers: TypeAlias = list[int]

_LAYOUTS: dict[LayoutName, type[Layout]] = {"file": FileLayout, "folder": FolderLayout}

# Which log of the store it is, by number; whose it is, as a digest; and what no other has, not even a deleted one.
_ID = re.compile(r"([1-9][0-9]*)-([0-9a-f]{32})-[0-9a-f]{32}")


class StepStore:
    """Logs in one folder, a file each or a folder each; the folder is made where it is not there.

    Any number of threads and processes may use any number of stores on one folder. Writes to a log wait for each other
    up to 5 s, and not for other logs. Reads wait for nobody, unless what they read looks damaged: then they look again
    when nobody writes. A write is acknowledged when it is durable.

    A store remembers where the logs end that it has written to, so that an append costs the same however long the log
    is. Whatever it remembers is looked at again under the log's lock.

    Every operation can raise `OSError`, and `Conflict` where a lock could not be had in time. A write that raises a
    `StoreError` did nothing; after an `OSError` it was done or not, an append perhaps to a prefix.
    """

    def __init__(self, root: str | os.PathLike[str], layout: LayoutName) -> None:
        self._root = Path(root).absolute()
        self._layout = _LAYOUTS[layout]()
        self._tails: dict[str, Tail] = {}
        _folder.make(self._root)
        with suppress(Conflict), _folder.locked(self._root, wait_s=0) as folder:
            self._layout.clear(folder)

    def create(self, agent: str, created_by: str) -> str:
        """Make a log and answer its id, which no log of this folder has or had.

        Raises:
            InvalidId: One of the names holds a lone surrogate.
        """
        try:
            (agent + created_by).encode()
        except UnicodeEncodeError as error:
            raise InvalidId("the agent or the creator holds a lone surrogate, which no file can hold") from error
        meta = {"agent": agent, "created_by": created_by, "created_at": _instants.now()}
        with _folder.locked(self._root) as folder:
            number = max((_sequence(log_id) for log_id in self._ids(folder)), default=0) + 1
            log_id = f"{number}-{_pair(agent, created_by)}-{secrets.token_hex(16)}"
            self._layout.create(folder, self._name(log_id), _steps.encode(_steps.new("meta", meta), log_id))
        return log_id

    def append(self, log_id: str, entries: Documents) -> Numbers:
        """Append messages in order, and answer the numbers of their steps.

        Raises:
            InvalidDocument: One does not fit the format or could not be read back; none was appended.
            NotFound: There is no such log.
            Corrupt: Nothing of the log can be read, so that nobody knows how it goes on.
            UnsupportedVersion: It goes on in a newer version.
        """
        return self._append(log_id, "entry", entries)

    def append_events(self, log_id: str, events: Documents) -> Numbers:
        """Append events, which are never part of the conversation. Raises as `append` does."""
        return self._append(log_id, "event", events)

    def compact(self, log_id: str, archive: str) -> int:
        """Append a boundary: `read` starts behind it from now on. Raises as `append` does."""
        return self._append(log_id, "boundary", [{"archive": archive}])[0]

    def describe(self, log_id: str, meta: Document) -> None:
        """Replace the log's meta. Raises as `append` does."""
        _steps.validate("meta", meta)
        if meta.get("id", log_id) != log_id:
            raise InvalidDocument("the meta's id is not that of the log")
        with self._locked(log_id) as (folder, log):
            data = _steps.encode(_steps.new("meta", meta), log_id)
            tail = self._tail(folder, log, log_id)
            self._tails[log_id] = self._layout.describe(log, tail, data, log_id)

    def read(self, log_id: str) -> Log | None:
        """What was appended since the last boundary; None where there is no such log.

        Raises:
            Corrupt: Nothing of it can be read. Of a log that can be read in part, `damage` tells what is missing.
            UnsupportedVersion: A record is of a newer version.
        """
        with suppress(NotFound):
            # What another is about to write, or to remove, looks like damage too.
            with suppress(Corrupt), self._open(log_id, to_write=False) as (folder, log):
                seen = _steps.replay(self._layout.records(log, log_id))
                # Of a folder that is being removed any part may have been there.
                if not seen.damage and _folder.is_named(folder, self._name(log_id), log):
                    return seen
            with self._locked(log_id, shared=True) as (_, log):
                return _steps.replay(self._layout.records(log, log_id))
        return None

    def latest(self, agent: str, created_by: str) -> str | None:
        """The id of the log that was created last for this agent by this creator; None where there is none."""
        pair = _pair(agent, created_by)
        mine = [log_id for log_id in self.list() if log_id.split("-")[1] == pair]
        return max(mine, key=_sequence, default=None)

    def delete(self, log_id: str) -> bool:
        """Remove the log and all that belongs to it, also a damaged one; False where there was none."""
        if not _ID.fullmatch(log_id):
            return False
        with _folder.locked(self._root) as folder, ExitStack() as stack:
            # What is no log has no writer to wait for.
            with suppress(NotFound, Corrupt):
                stack.enter_context(self._locked(log_id, shared=True))
            self._tails.pop(log_id, None)
            return self._layout.remove(folder, self._name(log_id))

    def exists(self, log_id: str) -> bool:
        """Whether there is such a log, damaged or not."""
        with _folder.opened(self._root) as folder:
            return _ID.fullmatch(log_id) is not None and _folder.has(folder, self._name(log_id))

    def list(self) -> Ids:
        """The ids of all logs, the damaged ones too."""
        with _folder.locked(self._root, shared=True) as folder:
            return [*self._ids(folder)]

    def summaries(self) -> Summaries:
        """All logs that can be read, the one changed last first, with what the meta says of them.

        Where the meta has no `updated_at`, the instant of the last change stands in. Messages are counted from the last
        boundary on. No log has a workspace.
        """
        found: list[tuple[str, Summary]] = []
        for log_id in self.list():
            with suppress(Corrupt, UnsupportedVersion):
                log = self.read(log_id)
                if log is not None:
                    found.append((log.saved_at, _summary(log_id, log)))
        found.sort(key=lambda pair: pair[0], reverse=True)
        return [summary for _, summary in found]

    def claim(self, log_id: str, token: str) -> bool:
        """Take what can be taken once; True for one caller only per log and token, whoever dies on the way.

        Raises:
            NotFound: There is no such log.
        """
        digest = hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
        with self._locked(log_id) as (folder, log):
            return self._layout.claim(folder, self._name(log_id), log, digest)

    def check(self) -> None:
        """Prove that logs can be written.

        Raises:
            OSError: They cannot.
        """
        with _folder.locked(self._root) as folder:
            _folder.prove_writable(folder)

    def close(self) -> None:
        """Forget where the logs end. The store can be used again."""
        self._tails.clear()

    def _append(self, log_id: str, kind: Kind, contents: Documents) -> Numbers:
        for content in contents:
            _steps.validate(kind, content)
        with self._locked(log_id) as (folder, log):
            tail = self._tail(folder, log, log_id)
            first = tail.number + 1
            numbers = [*range(first, first + len(contents))]
            steps = [
                _steps.encode(_steps.new(kind, content, number), log_id, first if number > first else None)
                for number, content in zip(numbers, contents, strict=True)
            ]
            self._tails[log_id] = self._layout.append(log, tail, steps)
        return numbers

    def _tail(self, folder: int, log: int, log_id: str) -> Tail:
        """Where the log goes on; forgotten until the write is done, since a failed one may leave anything."""
        return self._layout.tail(folder, self._name(log_id), log, log_id, self._tails.pop(log_id, None))

    def _name(self, log_id: str) -> str:
        return log_id + self._layout.suffix

    def _ids(self, folder: int) -> Iterator[str]:
        for name in _folder.names(folder):
            log_id = name.removesuffix(self._layout.suffix)
            if name == self._name(log_id) and _ID.fullmatch(log_id):
                yield log_id

    @contextmanager
    def _open(self, log_id: str, *, to_write: bool) -> Generator[tuple[int, int]]:
        """The store's folder and the log, both open."""
        if not _ID.fullmatch(log_id):
            raise NotFound("there is no such log; ids are those that `create` has answered")
        with _folder.opened(self._root) as folder, ExitStack() as stack:
            try:
                log = stack.enter_context(self._layout.opened(folder, self._name(log_id), to_write=to_write))
            except FileNotFoundError as error:
                raise NotFound("there is no such log; create one") from error
            yield folder, log

    @contextmanager
    def _locked(self, log_id: str, *, shared: bool = False) -> Generator[tuple[int, int]]:
        """The same, while nobody else changes the log (`shared`: while nobody changes it)."""
        name = self._name(log_id)
        with self._open(log_id, to_write=not shared) as (folder, log), _folder.held(log, name, shared=shared):
            if not _folder.is_named(folder, name, log):
                raise NotFound("the log was deleted meanwhile")
            yield folder, log


def _pair(agent: str, created_by: str) -> str:
    """Whose a log is, so that two names cannot be mistaken for two others, wherever the separator stands."""
    return hashlib.sha256(json.dumps([agent, created_by]).encode()).hexdigest()[:32]


def _sequence(log_id: str) -> int:
    return int(log_id.partition("-")[0])


def _summary(log_id: str, log: Log) -> Summary:
    meta = log.meta or {}
    return Summary(
        log_id,
        meta.get("title"),
        meta.get("created_at"),
        meta.get("updated_at", log.saved_at or None),
        len(log.entries),
        None,
    )
