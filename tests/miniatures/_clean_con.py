"""Small stores that several processes or threads may use at once; a broken one overrides a method.

`Locked` and its like take a lock on their folder, which dies with its holder. `Renaming` and `Linked` take none: what
they do is done by one rename or one link.
"""

import fcntl
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from miniatures._clean import Clean
from miniatures._clean_logs import CleanCreated, CleanLog
from miniatures._folder import Document, Items, OneFolder, token
from miniatures._records import Place
from sessionproof import InvalidDocument

Store = TypeVar("Store", bound="type[Locking]")
Steps: TypeAlias = list[tuple[int, Path]]


class Locking(OneFolder):
    """Takes the lock of a folder, once for each operation, however many of those it is made of."""

    concurrency = "multi-process"
    holding = 0

    @contextmanager
    def lock(self, how: int) -> Generator[None]:
        """Wait for the lock, hold it, give it back."""
        if not self.holding:
            self.take(how)
        self.holding += 1
        try:
            yield
        finally:
            self.holding -= 1
            if not self.holding:
                self.give_back()

    def take(self, how: int) -> None:
        """Wait for the lock."""
        self.descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self.descriptor, how)
        except OSError:
            os.close(self.descriptor)
            raise

    def give_back(self) -> None:
        """Hold the lock no more."""
        os.close(self.descriptor)


def locked(alone: str, together: str) -> Callable[[Store], Store]:
    """Let these operations hold the lock `alone`, and those `together` with others of their kind."""

    def under(method: Callable[..., Any], how: int) -> Callable[..., Any]:
        @wraps(method)
        def operation(self: Locking, *given: Any, **named: Any) -> Any:
            with self.lock(how):
                result = method(self, *given, **named)
                return [*result] if isinstance(result, Iterator) else result

        return operation

    def enter(store: Store) -> Store:
        for names, how in ((alone, fcntl.LOCK_EX), (together, fcntl.LOCK_SH)):
            for name in names.split():
                setattr(store, name, under(getattr(store, name), how))
        return store

    return enter


@locked("clear save attach delete prune check", "load exists list summaries latest attachments")
class Locked(Locking, Clean):
    """Documents under a lock."""


@locked("clear add attach delete prune check", "read exists list summaries latest attachments")
class LockedLog(Locking, CleanLog):
    """Logs under a lock; where a log ends is looked up each time, as others may have added to it."""

    def place(self, name: str, id: str) -> Place | None:
        self.places.clear()
        return super().place(name, id)


@locked("clear create claim add attach delete prune check", "read exists list summaries latest attachments")
class LockedCreated(Locking, CleanCreated):
    """Logs that the store names, under a lock."""

    def place(self, name: str, id: str) -> Place | None:
        self.places.clear()
        return super().place(name, id)


class PidLock(Locking):
    """The lock is a file that names its holder; who finds that of a dead one removes it, one at a time."""

    def take(self, how: int) -> None:  # noqa: ARG002 - there is one kind
        """Make the file."""
        while not self.takes():
            if not self.remove_of_the_dead():
                # Nobody tells when the file goes: it has to be asked for again.
                time.sleep(0.01)

    def give_back(self) -> None:
        """Remove the file."""
        self.path(".lock").unlink(missing_ok=True)

    def takes(self) -> bool:
        """Whether nobody had it. The file has its content before it has its name."""
        own = self.path(f".{token()}.pid")
        own.write_text(str(os.getpid()))
        try:
            os.link(own, self.path(".lock"))
        except FileExistsError:
            return False
        finally:
            own.unlink()
        return True

    def is_of_the_dead(self) -> bool:
        """Whether there is a file, and nobody has the number that it names."""
        try:
            os.kill(int(self.path(".lock").read_text()), 0)
        except ProcessLookupError:
            return True
        except FileNotFoundError:
            pass
        return False

    def remove_of_the_dead(self) -> bool:
        """Look and remove under a lock: nobody else can have removed it in between."""
        with self.path(".guard").open("a") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            dead = self.is_of_the_dead()
            if dead:
                self.path(".lock").unlink()
        return dead


class PidLocked(PidLock, Locked):
    """Documents under such a lock."""

    def clear(self) -> None:
        """To open takes no lock, and leaves what the dead have left."""


class PidLockedCreated(PidLock, LockedCreated):
    """Logs that the store names, under such a lock."""

    def clear(self) -> None:
        """To open takes no lock, and leaves what the dead have left."""


class LockedInPlace(Locked):
    """A file is as long as its reserve; a save writes over it by one write, and what reads it waits for that."""

    durability = "close"
    reserve = 1 << 15

    def seal(self, file: Document) -> bytes:
        """Plain JSON, filled up with spaces."""
        data = self.dumps(file).encode()
        return data.ljust(-len(data) // self.reserve * -self.reserve)

    def unsealed(self, data: bytes) -> Document:
        """The inverse of `seal`."""
        return self.parsed(data)

    def write(self, name: str, data: bytes) -> None:
        """Over the old content, where that is as long."""
        with suppress(FileNotFoundError), self.path(name).open("r+b", buffering=0) as file:
            if os.fstat(file.fileno()).st_size == len(data):
                os.pwrite(file.fileno(), data, 0)
                return
        super().write(name, data)


class Renaming(Clean):
    """Plain documents without a lock: each save is one rename, so the last one wins."""

    concurrency = "multi-process"
    attach = None  # type: ignore[assignment]
    attachments = None  # type: ignore[assignment]
    summaries = None  # type: ignore[assignment]
    latest = None  # type: ignore[assignment]
    prune = None  # type: ignore[assignment]
    list = None  # type: ignore[assignment]

    def clear(self) -> None:
        """Whether a temporary file is that of a dead process nobody can tell here."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        super().save(id, document, if_revision)
        return None  # type: ignore[return-value]


class Linked(OneFolder):
    """Logs without a lock: a folder for each, a file for each step, numbered by a link that must be new."""

    concurrency = "multi-process"
    summaries = None
    latest = None  # type: ignore[assignment]
    prune = None  # type: ignore[assignment]
    check = None  # type: ignore[assignment]
    list = None  # type: ignore[assignment]

    def clear(self) -> None:
        """Whether a temporary file is that of a dead process nobody can tell here."""

    def append(self, id: str, entries: Items) -> Items:
        """Each entry takes the next number that nobody has taken."""
        if not all(isinstance(entry, dict) for entry in entries):
            raise InvalidDocument("an entry is an object")
        folder = self.path(self.file_name(id))
        while True:
            with suppress(FileExistsError):
                folder.mkdir(0o700)
            with suppress(FileNotFoundError):  # deleted meanwhile: it is begun anew
                return [self.step(folder, entry) for entry in entries]

    def step(self, folder: Path, entry: Document) -> int:
        """Give an entry its number."""
        temporary = folder / f".{token()}.tmp"
        temporary.write_bytes(self.seal({"value": entry, "store": {"of": "step"}}))
        try:
            number = max((number for number, _ in self.steps(folder)), default=0) + 1
            while True:
                try:
                    os.link(temporary, folder / f"step-{number}")
                except FileExistsError:
                    number += 1
                else:
                    return number
        finally:
            temporary.unlink(missing_ok=True)

    def steps(self, folder: Path) -> Steps:
        """The steps of a log in order."""
        found = [(int(path.name[5:]), path) for path in folder.iterdir() if re.fullmatch(r"step-[0-9]+", path.name)]
        return sorted(found)

    def read(self, id: str) -> Document | None:
        """All entries."""
        folder = self.path(self.file_name(id))
        try:
            files = [path.read_bytes() for _, path in self.steps(folder)]
        except FileNotFoundError:
            return None
        entries = [self.unsealed(data)["value"] for data in files]
        return {"found": True, "entries": entries, "archive": None, "meta": None, "damage": []}

    def exists(self, id: str) -> bool:
        """A log without a step is none."""
        with suppress(FileNotFoundError):
            return bool(self.steps(self.path(self.file_name(id))))
        return False

    def delete(self, id: str) -> bool:
        """Take the folder's name away, then the folder."""
        gone = self.path(f".{token()}.tmp")
        try:
            self.path(self.file_name(id)).rename(gone)
        except FileNotFoundError:
            return False
        shutil.rmtree(gone)
        return True


@locked("clear save attach delete prune check", "load exists list summaries latest attachments")
class Threads(Locking, Clean):
    """Documents for the threads of one process, under a lock of that process."""

    concurrency = "multi-thread"
    pipelined = True

    def __init__(self) -> None:
        self.mutex = threading.RLock()

    @contextmanager
    def lock(self, how: int) -> Generator[None]:  # noqa: ARG002 - there is one kind
        """One thread at a time."""
        with self.mutex:
            yield
