"""CON: stores of documents that are right for one caller, and lose, mix or block what two of them do at once."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from miniatures._clean import Clean
from miniatures._clean_con import Locked, LockedInPlace, PidLocked, Threads
from miniatures._folder import Items
from miniatures._table import breaks
from sessionproof import Conflict, Corrupt, Loaded

# -- CON-1: saves, attaches, loads and deletes -------------------------------------------------------------------------


@breaks("CON-1", "write-lost", also="CON")
class AttachesAlone(Locked):
    """An attach reads the file, adds to it and writes it back, without the lock."""

    def attach(self, id: str, kind: str, items: Items) -> None:
        Clean.attach(self, id, kind, items)


@breaks("CON-1", "write-lost", also="CON")
class LocksWhatItReplaces(Locked):
    """An attach locks the session's own file: who waits for it gets the lock of the file that was there before."""

    def attach(self, id: str, kind: str, items: Items) -> None:
        with suppress(FileNotFoundError), self.path(self.file_name(id)).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            Clean.attach(self, id, kind, items)


@breaks("CON-1", "came-back", also="CON")
class DeletesAlone(Locked):
    """A delete takes no lock: a save that has looked at the revision brings the session back."""

    def delete(self, id: str) -> bool:
        return Clean.delete(self, id)


@breaks("CON-1", "save-io", also="CON")
class SweepsAlone(Locked):
    """When it is opened it removes temporary files, those of others too, without the lock."""

    def clear(self) -> None:
        Clean.clear(self)


@breaks("CON-1", "save-io", also="CON ATM-8 SEC-2")
class OneTemporary(Locked):
    """Whoever saves a session writes the same temporary file, and needs no lock for that."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        return Clean.save(self, id, document, if_revision)

    def write(self, name: str, data: bytes) -> None:
        temporary = self.path(name + ".tmp")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(data)
        temporary.replace(self.path(name))


@breaks("CON-1", "write-lost", also="CON STO-2")
class Remembers(Locked):
    """A store object that has loaded or saved a session does not look at the file again."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.known: dict[str, Loaded] = {}

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        revision = super().save(id, document, if_revision)
        self.known[id] = Loaded(document, revision)
        return revision

    def load(self, id: str) -> Loaded | None:
        if id not in self.known:
            found = super().load(id)
            if found is None:
                return None
            self.known[id] = found
        return self.known[id]

    def delete(self, id: str) -> bool:
        self.known.pop(id, None)
        return super().delete(id)


@breaks("CON-1", "load-corrupt", also="CON ATM")
class WritesOver(Locked):
    """A save writes over the old file and cuts off the rest, and does not wait for others."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        return Clean.save(self, id, document, if_revision)

    def write(self, name: str, data: bytes) -> None:
        file = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
        os.truncate(self.path(name), len(data))


@breaks("CON-1", "stale", also="CON")
class RemovesAnothersLock(PidLocked):
    """Who finds the lock of a dead process removes what has its name by then: it may be that of who was quicker."""

    def remove_of_the_dead(self) -> bool:
        dead = self.is_of_the_dead()
        if dead:
            self.path(".lock").unlink(missing_ok=True)
        return dead


@breaks("CON-6", "save-io", also="CON")
class RemovesTheLockTwice(PidLocked):
    """Who finds the lock of a dead process is sure that it is still there to be removed."""

    def remove_of_the_dead(self) -> bool:
        dead = self.is_of_the_dead()
        if dead:
            self.path(".lock").unlink()
        return dead


# -- CON-2: readers ----------------------------------------------------------------------------------------------------


@breaks("CON-2", "load-corrupt", also="CON ATM")
class EmptiesBesideReaders(Locked):
    """A save empties the file and writes it anew, under a lock that readers do not take."""

    def write(self, name: str, data: bytes) -> None:
        file = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(data)

    def load(self, id: str) -> Loaded | None:
        return Clean.load(self, id)


@breaks("CON-2", "torn", also="CON COR RES")
class ReadsInPlace(LockedInPlace):
    """A load takes one read for the work of one write, and does not wait."""

    def load(self, id: str) -> Loaded | None:
        return Clean.load(self, id)


@breaks("CON-2", "lost", also="CON ATM")
class RemovesBesideReaders(Locked):
    """A save removes the old file before the new one has its name, under a lock that readers do not take."""

    def write(self, name: str, data: bytes) -> None:
        self.path(name).unlink(missing_ok=True)
        super().write(name, data)

    def load(self, id: str) -> Loaded | None:
        return Clean.load(self, id)


@breaks("CON-2", "list-io", also="CON ATM COR-8")
class SortsByTime(Locked):
    """A list looks at the time of every file in the folder, also of those that are gone by then."""

    def list(self) -> Iterator[str]:
        def changed(path: Path) -> int:
            return path.stat().st_mtime_ns

        for path in sorted(self.root.iterdir(), key=changed):
            id = self.id_in(path.name)
            if id is not None:
                yield id


# -- CON-6: the dead ---------------------------------------------------------------------------------------------------


class LockFile(Locked):
    """The lock is a file that must be new; who finds one there looks again three times."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        lock = self.path(".lock")
        for _ in range(3):
            with suppress(FileExistsError):
                os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                break
            time.sleep(0.01)
        else:
            raise Conflict("locked")
        try:
            return Clean.save(self, id, document, if_revision)
        finally:
            lock.unlink()


@breaks("CON-6", "save-conflict", also="CON ATM", deadline=2)
class LockFileStays(LockFile):
    """The lock file of the dead stays."""


@breaks("CON-6", "save-hang", also="CON ATM", deadline=2)
class WaitsForTheDead(Locked):
    """A save waits for a lock file to go, for as long as it takes."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        lock = self.path(".lock")
        while True:
            with suppress(FileExistsError):
                os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                break
            time.sleep(0.01)
        try:
            return Clean.save(self, id, document, if_revision)
        finally:
            lock.unlink()


# -- CON-7: other sessions ---------------------------------------------------------------------------------------------


@breaks("CON-7", "save-io", also="CON ATM-8 SEC-2")
class OneTemporaryForAll(Locked):
    """Sessions have locks of their own, and one temporary file for all of them."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        with self.path(f"{self.file_name(id)}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return Clean.save(self, id, document, if_revision)

    def write(self, name: str, data: bytes) -> None:
        temporary = self.path(".tmp")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(data)
        temporary.replace(self.path(name))


@breaks("CON-2", "load-io", also="CON")
class LooksFirst(Locked):
    """A load asks whether the file is there, and then takes it for granted, without the lock."""

    def load(self, id: str) -> Loaded | None:
        if not self.exists(id):
            return None
        self.path(self.file_name(id)).stat()
        return Clean.load(self, id)


@breaks("CON-2", "lost", also="CON STO")
class RemembersItsList(Locked):
    """What was listed is listed until the store object writes itself."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.known: Items = []

    def list(self) -> Iterator[str]:
        self.known = self.known or [*super().list()]
        return iter(self.known)

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        self.known = []
        return super().save(id, document, if_revision)

    def delete(self, id: str) -> bool:
        self.known = []
        return super().delete(id)


# -- CON-8: conditional saves ------------------------------------------------------------------------------------------


@breaks("CON-8", "both-acknowledged", also="CON")
class ChecksFirst(Locked):
    """The revision is checked before the lock is taken."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        if if_revision is not None:
            old = self.get(id)
            if old is not None and not self.is_current(old, if_revision):
                raise Conflict("the session has changed")
        return super().save(id, document)


# -- CON-10: opening ---------------------------------------------------------------------------------------------------


@breaks("CON-10", "open-refused", also="CON")
class MakesTheFolder(Locked):
    """An open makes the folder where it has seen none."""

    def open(self, root: str, namespace: str) -> None:
        if not Path(root).exists():
            Path(root).mkdir(0o700)
        super().open(root, namespace)


@breaks("CON-10", "open-refused", also="CON")
class SweepsTwice(Locked):
    """An open removes what dead processes were writing, and takes for granted that no other does so."""

    def clear(self) -> None:
        for path in self.root.glob(".*.part"):
            try:
                os.kill(int(path.name.split(".")[1]), 0)
            except ProcessLookupError:
                path.unlink()

    def write(self, name: str, data: bytes) -> None:
        temporary = self.path(f".{os.getpid()}.part")
        temporary.write_bytes(data)
        temporary.replace(self.path(name))


@breaks("CON-10", "open-refused", also="CON ATM")
class ReadsTheVersion(Locked):
    """The first to open writes a file that says the version, and the others may find it empty."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        try:
            file = os.open(self.path(".version"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            if self.bytes_of(".version") != b"1":
                raise Corrupt("no version") from error
        else:
            os.write(file, b"1")
            os.close(file)


# -- threads -----------------------------------------------------------------------------------------------------------


@breaks("CON-1", "write-lost", also="CON")
class ThreadsAlone(Threads):
    """Threads share a store object, and an attach does not wait for the others."""

    def attach(self, id: str, kind: str, items: Items) -> None:
        Clean.attach(self, id, kind, items)


class Forgetful(Threads):
    """An `open` forgets all, as is its right where nothing is promised."""

    durability = "none"

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        for file in self.root.iterdir():
            file.unlink()


@breaks("CON-1", "write-lost", also="CON")
class AttachesAloneAndForgets(Forgetful):
    """Forgets at `open`; threads share a store object, and an attach does not wait for the others."""

    def attach(self, id: str, kind: str, items: Items) -> None:
        Clean.attach(self, id, kind, items)


@breaks("CON-7", "write-lost", also="CON")
class Drops(Forgetful):
    """Forgets at `open`; a save that would have to wait is acknowledged and not made."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        if not self.mutex.acquire(blocking=False):
            return "1"
        try:
            return Clean.save(self, id, document, if_revision)
        finally:
            self.mutex.release()


@breaks("CON-7", "torn", also="CON")
class OneBuffer(Threads):
    """What a load has read lies in the store object, where another thread's load puts what it has read."""

    def load(self, id: str) -> Loaded | None:
        self.session = Clean.get(self, id)
        exists = self.path(self.file_name(id)).exists()
        return Loaded(self.session.document, self.session.revision) if exists and self.session else None
