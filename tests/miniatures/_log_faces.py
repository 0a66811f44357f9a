"""STO: stores that break it in a way that only a store of logs can."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from miniatures._clean_folders import CleanStepFolder
from miniatures._clean_logs import CleanCreated, CleanLog, Log
from miniatures._folder import Document, Items, nanoseconds
from miniatures._log_calls import Counting
from miniatures._table import breaks
from sessionproof import Corrupt, NotFound


@breaks("STO-1", "disk-changed")
class ReadMakesIndex(CleanLog):
    """A read makes an index for the log, also for one that is not there."""

    def read(self, id: str) -> Document | None:
        name = self.file_name(id) + ".index"
        if not self.path(name).exists():
            self.write(name, b"")
        return super().read(id)


@breaks("STO-1", "not-gone", also="STO-3 STO-5 IDS COR")
class AbsentIsEmpty(CleanCreated):
    """A log that was never created is read as one without entries."""

    def read(self, id: str) -> Document | None:
        return super().read(id) or {"found": True, "entries": [], "archive": None, "meta": None, "damage": []}


@breaks("STO-3", "not-gone")
class ReadingsAreCached(CleanLog):
    """What was read is kept in memory, and a delete does not drop it."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.cache: dict[str, Document | None] = {}

    def add(self, id: str, kind: str, values: Items, *, makes_log: bool = False) -> Items:
        self.cache.pop(id, None)
        return super().add(id, kind, values, makes_log=makes_log)

    def read(self, id: str) -> Document | None:
        answer = self.cache.get(id) or super().read(id)
        self.cache[id] = answer
        return answer


@breaks("STO-3", "numbers-wrong", also="LOG-1")
class DeletedComesBack(CleanLog):
    """A delete marks the log, and the next append takes the mark away: all that was deleted is back."""

    def mark(self, id: str) -> str:
        """The name of the mark."""
        return self.file_name(id) + ".gone"

    def delete(self, id: str) -> bool:
        existed = self.exists(id)
        if existed:
            self.write(self.mark(id), b"")
            self.places.clear()
        return existed

    def exists(self, id: str) -> bool:
        return super().exists(id) and not self.path(self.mark(id)).exists()

    def list(self) -> Iterator[str]:
        return filter(self.exists, super().list())

    def get(self, id: str) -> Log | None:
        return None if self.path(self.mark(id)).exists() else super().get(id)

    def append(self, id: str, entries: Items) -> Items:
        for entry in entries:
            self.accept("entry", entry)
        self.path(self.mark(id)).unlink(missing_ok=True)
        return super().append(id, entries)


@breaks("STO-3", "meta-wrong", also="LOG-7")
class MetaComesBack(CleanLog):
    """The metadata are kept in memory, and a delete does not drop them: the next log under the id has them."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.described: dict[str, Document] = {}

    def describe(self, id: str, meta: Any) -> None:
        super().describe(id, meta)
        self.described[id] = meta

    def read(self, id: str) -> Document | None:
        answer = super().read(id)
        return answer and {**answer, "meta": self.described.get(id, answer["meta"])}


@breaks("STO-3", "meta-wrong", also="LOG-7")
class MetaStays(CleanStepFolder):
    """A delete removes the steps and leaves the metadata, which the next log under the id has."""

    def delete(self, id: str) -> bool:
        folder = self.file_name(id)
        meta = self.bytes_of(f"{folder}/meta.json")
        existed = super().delete(id)
        if meta is not None:
            self.path(folder).mkdir(0o700)
            self.write(f"{folder}/meta.json", meta)
        return existed

    def names(self, folder: str) -> Items:
        names = super().names(folder)
        return names if any(name.startswith("step-") for name in names) else []


@breaks("STO-4", "not-listed", also="STO-9 STO-10")
class CompactedIsNotListed(CleanLog):
    """A log that has no entry behind its last boundary is not listed."""

    def list(self) -> Iterator[str]:
        for id in super().list():
            with suppress(Corrupt):
                log = self.get(id)
                if log is None or not self.history(log):
                    continue
            yield id


@breaks("STO-4", "not-listed", also="STO-9 STO-10 LOG-6")
class CreatedIsNotListed(CleanCreated):
    """A log is listed from its first append on."""

    def list(self) -> Iterator[str]:
        for id in super().list():
            with suppress(Corrupt):
                log = self.get(id)
                if log is None or log.place.highest == 0:
                    continue
            yield id


@breaks("STO-5", "exists-wrong")
class ExistsAsksForEntries(CleanLog):
    """`exists` is false of a log that has no entry behind its last boundary."""

    def exists(self, id: str) -> bool:
        with suppress(Corrupt):
            log = self.get(id)
            return log is not None and bool(self.history(log))
        return True


@breaks("STO-6", "wrong-entries", also="LOG-1 IDS")
class AppendsToTheLastToo(CleanLog):
    """What is appended goes also to the log that was appended to before, as with a handle that was left open."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.last = ""

    def append(self, id: str, entries: Items) -> Items:
        numbers = super().append(id, entries)
        if self.last not in {"", id}:
            with suppress(NotFound, Corrupt):
                self.add(self.last, "entry", entries)
        self.last = id
        return numbers


@breaks("STO-6", "wrong-entries", also="LOG-2")
class OneBoundaryForAll(CleanLog):
    """A boundary in one log is one in every log."""

    def compact(self, id: str, archive: str) -> None:
        super().compact(id, archive)
        for other in {*self.list()} - {id}:
            with suppress(Corrupt):
                self.add(other, "boundary", [{"archive": archive}])


@breaks("STO-7", "meta-wrong", also="IDS")
class LastAppendIsPending(CleanLog):
    """What was appended last stays in memory until the next write, and the end of the store does not write it."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.pending: dict[str, tuple[bytes, int]] = {}

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        self.flush()
        self.pending[name] = data, end

    def flush(self) -> None:
        """Write what is pending."""
        for name, (data, end) in self.pending.items():
            super().lengthen(name, data, end)
        self.pending = {}

    def write(self, name: str, data: bytes) -> None:
        self.flush()
        super().write(name, data)

    def delete(self, id: str) -> bool:
        self.pending.pop(self.file_name(id), None)
        return super().delete(id)

    def bytes_of(self, name: str) -> bytes | None:
        data = super().bytes_of(name)
        return None if data is None else data + self.pending.get(name, (b"", 0))[0]


@breaks("STO-8", "disk-changed")
class ReadRewrites(CleanLog):
    """A read writes the file anew, as after a change of its layout."""

    def read(self, id: str) -> Document | None:
        data = self.bytes_of(self.file_name(id))
        if data:
            self.write(self.file_name(id), data)
        return super().read(id)


@breaks("STO-9", "count-wrong")
class EventsAreMessages(CleanLog):
    """A summary counts all steps as messages."""

    def summaries(self, workspace: str | None = None) -> Iterator[Document]:
        for summary in super().summaries(workspace):
            log = self.get(summary["id"])
            yield {**summary, "message_count": len(log.records) if log else 0}


@breaks("STO-9", "order-wrong")
class AppendIsNoChange(CleanLog):
    """Summaries stand in the order in which the logs were made."""

    def newest_first(self) -> Items:
        return sorted(super().newest_first(), key=lambda pair: int(pair[1].created), reverse=True)


@breaks("STO-9", "latest-wrong", also="COR-4")
class LatestAsText(Counting):
    """Logs are numbered, and `latest` takes the last number as text: 9 comes after 10."""

    def new_id(self, agent: str, created_by: str) -> str:  # noqa: ARG002 - the number is enough
        return str(self.count("logs"))

    def latest(self, agent: str = "", created_by: str = "") -> str | None:
        return max((id for id, log in self.newest_first() if self.is_of(log, agent, created_by)), default=None)


@breaks("STO-9", "latest-wrong")
class LatestIsChangedLast(CleanCreated):
    """`latest` is the log of the pair that was changed last, not the one that was created last."""

    def latest(self, agent: str = "", created_by: str = "") -> str | None:
        return next((id for id, log in self.newest_first() if self.is_of(log, agent, created_by)), None)


@breaks("STO-10", "not-gone")
class PruneSparesAppended(CleanLog):
    """`prune` spares a log that was appended to since, though it was made before."""

    def is_older(self, session: Log, before: str) -> bool:
        return session.changed < nanoseconds(before)


@breaks("STO-11", "attachments-wrong")
class AttachmentsOutliveDelete(CleanLog):
    """The file of the attachments is left by a delete, and found by the next log under the id."""

    def delete(self, id: str) -> bool:
        attached = self.bytes_of(self.file_name(id) + ".attached")
        existed = super().delete(id)
        if attached is not None:
            self.write(self.file_name(id) + ".attached", attached)
        return existed

    def append(self, id: str, entries: Items) -> Items:
        attached = self.bytes_of(self.file_name(id) + ".attached")
        numbers = super().append(id, entries)
        if attached is not None:
            self.write(self.file_name(id) + ".attached", attached)
        return numbers


@breaks("STO-11", "attachments-wrong")
class AppendDropsAttachments(CleanLog):
    """What is attached to a log is gone with the next append."""

    def append(self, id: str, entries: Items) -> Items:
        numbers = super().append(id, entries)
        self.path(self.file_name(id) + ".attached").unlink(missing_ok=True)
        return numbers
