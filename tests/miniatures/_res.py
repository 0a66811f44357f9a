"""RES: stores that lose, hide or make up something where the system says no."""

import errno
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from miniatures._clean import Clean, Session
from miniatures._clean_busy import BusyLink
from miniatures._clean_folders import CleanStepFolder
from miniatures._clean_logs import CleanCreated, CleanLog, Log, Place, Records
from miniatures._clean_synced import CleanSynced, CleanSyncedLog
from miniatures._folder import Items
from miniatures._table import breaks
from sessionproof import Conflict, Loaded, StoreError

# -- RES-1: a full disk ------------------------------------------------------------------------------------------------


@breaks("RES-1", "wrong-document")
class FullDiskIsAcknowledged(Clean):
    """That there is no space left is written to a journal of errors, and the save acknowledged."""

    def write(self, name: str, data: bytes) -> None:
        try:
            super().write(name, data)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise


@breaks("RES-1", "load-corrupt", also="ATM")
class WritesInPlace(Clean):
    """A save cuts the file and writes into it: where there is no space, both documents are gone."""

    def write(self, name: str, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(self.path(name), flags, 0o600), "wb") as stream:
            stream.write(data)


@breaks("RES-1", "wrong-entries", also="ATM COR-12")
class LeavesTheHead(CleanLog):
    """An append that fails leaves what it has written so far, and goes on behind it."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:  # noqa: ARG002 - the defect
        file = os.open(self.path(name), os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        try:
            while data:
                data = data[os.write(file, data) :]
        finally:
            os.close(file)

    def put(self, name: str, records: Records, lines: Sequence[bytes], end: int) -> int:
        super().put(name, records, lines, end)
        return self.path(name).stat().st_size


@breaks("RES-1", "wrong-document")
class CachesBeforeItWrites(Clean):
    """The new document is kept for the next load before it is written: a load shows what a new object has not."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.cache: dict[str, Any] = {}

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        self.accept(document)
        self.cache[id] = document
        return super().save(id, document, if_revision)

    def load(self, id: str) -> Loaded | None:
        loaded = super().load(id)
        return Loaded(self.cache[id], loaded.revision) if loaded and id in self.cache else loaded

    def delete(self, id: str) -> bool:
        self.cache.pop(id, None)
        return super().delete(id)


@breaks("ATM-8", "strays-of-faults", also="ATM")
class PartsStay(Clean):
    """A temporary file is removed where it cannot be renamed, and not where it cannot be written; nobody clears it."""

    def write(self, name: str, data: bytes) -> None:
        part = self.path(f".{os.urandom(8).hex()}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
        try:
            part.replace(self.path(name))
        except OSError:
            part.unlink()
            raise


# -- RES-2: failed syncs -----------------------------------------------------------------------------------------------


@breaks("RES-2", "failed-sync-acknowledged", also="DUR")
class SyncIsTriedOnce(CleanSynced):
    """Whether a sync has worked is nobody's business."""

    def sync(self, path: Any) -> None:
        with suppress(OSError):
            super().sync(path)


@breaks("RES-2", "failed-sync-acknowledged", also="DUR")
class SyncIsTriedAgain(CleanSynced):
    """A sync that fails is called again, and the second time it succeeds."""

    def sync(self, path: Any) -> None:
        try:
            super().sync(path)
        except OSError:
            super().sync(path)


@breaks("RES-2", "page-cache-trusted", also="DUR")
class WhatIsThereIsNotSynced(CleanSyncedLog):
    """An append that was refused is found to stand in the file when it comes again, and is acknowledged for that."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.refused: tuple[str, Items, Items] | None = None

    def append(self, id: str, entries: Items) -> Items:
        if self.refused is not None and self.refused[:2] == (id, entries):
            numbers, self.refused = self.refused[2], None
            return numbers
        log = self.get(id)
        first = (log.place.highest if log else 0) + 1
        try:
            return super().append(id, entries)
        except OSError:
            after = self.get(id)
            if after is not None and after.place.highest == first + len(entries) - 1:
                self.refused = id, entries, [*range(first, first + len(entries))]
            raise

    def lengthen(self, name: str, data: bytes, end: int) -> None:  # noqa: ARG002 - the defect
        file = os.open(self.path(name), os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        try:
            while data:
                data = data[os.write(file, data) :]
            os.fsync(file)
        finally:
            os.close(file)


# -- RES-3: short writes and interruptions -----------------------------------------------------------------------------


@breaks("RES-3", "load-corrupt")
class ShortWriteIsNotSeen(Clean):
    """A file is written by one call, and how much it has taken is not looked at."""

    def write(self, name: str, data: bytes) -> None:
        temporary = self.path(f".{name}.{os.getpid()}.tmp")
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(file, data)
        finally:
            os.close(file)
        temporary.replace(self.path(name))


@breaks("RES-3", "wrong-entries")
class ShortAppendIsNotSeen(CleanLog):
    """A batch is appended by one call, and how much it has taken is not looked at."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:  # noqa: ARG002 - the defect
        file = os.open(self.path(name), os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        try:
            os.write(file, data)
        finally:
            os.close(file)


# -- RES-4: refused calls ----------------------------------------------------------------------------------------------


@breaks("RES-4", "wrong-document")
class ErrorsAreSwallowed(Clean):
    """What goes wrong in a save is for the log, and not for the caller."""

    def write(self, name: str, data: bytes) -> None:
        with suppress(OSError):
            super().write(name, data)


@breaks("RES-4", "save-internal")
class ErrorsAreWrapped(Clean):
    """An error of the system reaches the caller as something that nobody has foreseen."""

    def write(self, name: str, data: bytes) -> None:
        try:
            super().write(name, data)
        except OSError as error:
            raise RuntimeError("the session could not be written") from error


@breaks("RES-4", "attachments-wrong", also="ATM")
class AttachedGoesFirst(CleanLog):
    """A delete removes what is attached first: where the log cannot be removed, it is left without."""

    def delete(self, id: str) -> bool:
        self.path(self.file_name(id) + ".attached").unlink(missing_ok=True)
        return super().delete(id)


@breaks("RES-4", "not-listed")
class UnreadableIsLeftOut(Clean):
    """A list leaves out what it cannot look at."""

    def list(self) -> Iterator[str]:
        for id in super().list():
            with suppress(OSError):
                self.path(self.file_name(id)).lstat()
                yield id


@breaks("RES-4", "load-conflict", also="ATM SEC-2")
class ErrorKeepsTheLock(BusyLink):
    """The lock stays where the system has said no to what was done under it."""

    @contextmanager
    def lock(self) -> Generator[None]:
        self.take()
        try:
            yield
        except StoreError:
            self.give_back()
            raise
        self.give_back()


@breaks("RES-4", "load-conflict", also="ATM")
class DeadHolderBlocks(BusyLink):
    """A lock that could not be removed bars every later process, though its holder is dead."""

    def take(self) -> None:
        try:
            self.path("BUSY").symlink_to(str(os.getpid()))
        except FileExistsError as error:
            raise Conflict("the lock is taken") from error


# -- RES-5: leaks ------------------------------------------------------------------------------------------------------


@breaks("RES-5", "descriptors-leaked")
class LoadLeavesOpen(Clean):
    """A load leaves its file open."""

    def load(self, id: str) -> Loaded | None:
        with suppress(FileNotFoundError):
            os.open(self.path(self.file_name(id)), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        return super().load(id)


@breaks("RES-5", "descriptors-leaked")
class ErrorLeavesOpen(Clean):
    """A write that fails leaves its file open."""

    def write(self, name: str, data: bytes) -> None:
        temporary = self.path(f".{os.urandom(8).hex()}.tmp")
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        while data:
            data = data[os.write(file, data) :]
        os.close(file)
        temporary.replace(self.path(name))


# -- RES-6: unreadable is not absent -----------------------------------------------------------------------------------


@breaks("RES-6", "exists-wrong")
class ExistsHidesErrors(Clean):
    """What may not be looked at does not exist."""

    def exists(self, id: str) -> bool:
        return os.path.lexists(self.path(self.file_name(id)))


@breaks("RES-6", "lost")
class ErrorIsAbsence(Clean):
    """A load finds nothing where the file cannot be opened."""

    def get(self, id: str) -> Session | None:
        try:
            return super().get(id)
        except OSError:
            return None


@breaks("RES-6", "not-listed")
class ListsByGlob(Clean):
    """A pattern matches nothing in a folder that may not be listed."""

    def list(self) -> Iterator[str]:
        for path in self.root.glob(f"s-*{self.suffix}"):
            id = self.id_in(path.name)
            if id is not None:
                yield id


@breaks("RES-6", "wrong-entries")
class NumbersFromAFailedListing(CleanStepFolder):
    """Where the folder of a log cannot be listed, the numbers begin at 1, and step 1 is written over."""

    def place(self, name: str, id: str) -> Place | None:
        try:
            return super().place(name, id)
        except OSError:
            return Place(0, 0)


@breaks("RES-6", "lost")
class LogOfAFailedRead(CleanLog):
    """A log that cannot be read is taken for a new one, and written anew."""

    def get(self, id: str) -> Log | None:
        try:
            return super().get(id)
        except OSError:
            return None


# -- RES-7: a vanished root --------------------------------------------------------------------------------------------


@breaks("RES-7", "lost")
class VanishedIsEmpty(Clean):
    """Where the root has gone there is nothing, and nobody is told."""

    def need_root(self) -> None:
        """Whether the root is there is not asked."""


@breaks("RES-7", "not-listed")
class ListsNothing(Clean):
    """A list of a root that has gone is empty."""

    def list(self) -> Iterator[str]:
        with suppress(FileNotFoundError):
            yield from super().list()


@breaks("RES-7", "lost")
class VanishedLogs(CleanCreated):
    """Where the root has gone no log was ever made."""

    def need_root(self) -> None:
        """Whether the root is there is not asked."""
