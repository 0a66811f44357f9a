"""STO: stores that do not mean what a store means."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from miniatures._clean import Clean, CleanFormat, Document, Items, Session, nanoseconds
from miniatures._table import breaks
from sessionproof import Corrupt, Loaded, NotFound


@breaks("STO-1", "disk-changed")
class LoadLeavesLock(Clean):
    """A load makes a lock for the session, also for one that is not there, and leaves it."""

    def load(self, id: str) -> Loaded | None:
        self.write(self.file_name(id) + ".lock", b"")
        return super().load(id)


@breaks("STO-1", "load-not_found", also="FMT-8 IDS COR")
class AbsentIsAnError(Clean):
    """A load of what was never saved is an error."""

    def load(self, id: str) -> Loaded | None:
        loaded = super().load(id)
        if loaded is None:
            raise NotFound("no such session")
        return loaded


@breaks("STO-2", "wrong-document", also="IDS-6")
class SaveMerges(Clean):
    """A save keeps the old messages that stand behind the new ones, as an upsert by row number does."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        with suppress(Corrupt, AttributeError):
            old, messages = self.get(id), document.get("messages")
            if old and messages:
                document = {**document, "messages": messages + old.document.get("messages", [])[len(messages) :]}
        return super().save(id, document, if_revision)


@breaks("STO-2", "wrong-document", also="FMT-8 IDS-6 COR-8")
class SaveOnlyOnce(Clean):
    """A save over a session is acknowledged and does nothing, as INSERT OR IGNORE does."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        with suppress(Corrupt):
            old = self.get(id)
            if old is not None:
                self.accept(document)
                return old.revision
        return super().save(id, document, if_revision)


@breaks("STO-3", "delete-io", also="IDS")
class DeleteTwiceFails(Clean):
    """Deleting an absent session is an error."""

    def delete(self, id: str) -> bool:
        self.path(self.file_name(id)).unlink()
        return True


@breaks("STO-3", "listed-absent", also="IDS COR-8")
class ListIsCached(Clean):
    """The list is kept in memory, and a delete does not drop it."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.known = set(super().list())

    def list(self) -> Iterator[str]:
        self.known |= set(super().list())
        yield from self.known


@breaks("STO-3", "not-gone", also="IDS COR-8")
class DeletedIsCached(Clean):
    """Content are kept in memory, and a delete does not drop them."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.cache: dict[str, Loaded | None] = {}

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        self.cache.pop(id, None)
        return super().save(id, document, if_revision)

    def load(self, id: str) -> Loaded | None:
        loaded = self.cache.get(id) or super().load(id)
        self.cache[id] = loaded
        return loaded


@breaks("STO-4", "listed-absent", also="FMT IDS COR")
class ListNamesFiles(Clean):
    """The list answers the stems of the files and not the ids."""

    def list(self) -> Iterator[str]:
        for path in self.root.glob(f"*{self.suffix}"):
            yield path.stem

    def newest_first(self) -> Items:
        found = [(id, self.get(id)) for id in super().list()]
        return sorted(found, key=lambda pair: pair[1].changed if pair[1] else 0, reverse=True)


@breaks("STO-4", "not-listed", also="IDS-2")
class ListHasOnePage(Clean):
    """The list ends after three sessions."""

    def list(self) -> Iterator[str]:
        yield from sorted(super().list())[:3]


@breaks("STO-4", "listed-twice", also="FMT-8 IDS-6")
class ListNamesBackups(Clean):
    """Each save leaves a backup, and the list names the session once for each of its files."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        self.accept(document)
        name = self.file_name(id)
        with suppress(FileNotFoundError, FileExistsError):
            os.link(self.path(name), self.path(name + ".bak"))
        return super().save(id, document, if_revision)

    def delete(self, id: str) -> bool:
        with suppress(FileNotFoundError):
            self.path(self.file_name(id) + ".bak").unlink()
        return super().delete(id)

    def id_in(self, name: str) -> str | None:
        return super().id_in(name.removesuffix(".bak"))


@breaks("STO-5", "exists-wrong", also="IDS COR")
class ExistsRemembers(Clean):
    """`exists` is true of a deleted session, because a marker of it is kept."""

    def delete(self, id: str) -> bool:
        existed = super().delete(id)
        if existed:
            self.write(self.file_name(id) + ".gone", b"")
        return existed

    def exists(self, id: str) -> bool:
        return super().exists(id) or self.path(self.file_name(id) + ".gone").exists()


@breaks("STO-5", "exists-wrong", also="IDS COR")
class ExistsHides(Clean):
    """`exists` asks a set that only the saves of this store object fill."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.saved: set[str] = set()

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        self.saved.add(id)
        return super().save(id, document, if_revision)

    def exists(self, id: str) -> bool:
        return id in self.saved and super().exists(id)


@breaks("STO-6", "attachments-wrong", also="IDS-2")
class DeleteByPrefix(Clean):
    """A delete drops the attachments of every id that begins with the id: those of all for the empty one."""

    def delete(self, id: str) -> bool:
        for other, session in self.newest_first():
            if other.startswith(id):
                self.write(self.file_name(other), self.encode(other, replace(session, attachments={})))
        return super().delete(id)


@breaks("STO-6", "wrong-document", also="IDS")
class OneFileForTwo(Clean):
    """Every session is written to the file that was written last, as with a path kept from the last open."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.last = ""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        revision = super().save(id, document, if_revision)
        with suppress(Corrupt):
            if self.last not in {"", id} and (other := self.get(self.last)):
                self.write(self.file_name(self.last), self.encode(self.last, replace(other, document=document)))
        self.last = id
        return revision


@breaks("STO-7", "wrong-document", also="FMT-8 IDS-6 COR-8")
class LastSaveIsPending(Clean):
    """The last save over a session stays in memory until the next write, and the end of the store does not write it."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.pending: dict[str, bytes] = {}

    def write(self, name: str, data: bytes) -> None:
        self.flush()
        if self.path(name).exists():
            self.pending[name] = data
        else:
            super().write(name, data)

    def flush(self) -> None:
        """Write what is pending."""
        for name, data in self.pending.items():
            super().write(name, data)
        self.pending = {}

    def attach(self, id: str, kind: str, items: Items) -> None:
        super().attach(id, kind, items)
        self.flush()

    def bytes_of(self, name: str) -> bytes | None:
        return self.pending.get(name) or super().bytes_of(name)


@breaks("STO-8", "disk-changed")
class LoadTouches(Clean):
    """A load sets the time of the file, so that the sessions used last come first."""

    def load(self, id: str) -> Loaded | None:
        loaded = super().load(id)
        if loaded is not None:
            os.utime(self.path(self.file_name(id)))
        return loaded


@breaks("STO-8", "disk-changed")
class SummariesWriteIndex(Clean):
    """`summaries` writes an index each time."""

    def summaries(self, workspace: str | None = None) -> Iterator[Document]:
        self.write("index", repr([id for id, _ in self.newest_first()]).encode())
        return super().summaries(workspace)


@breaks("STO-9", "order-wrong")
class SummariesById(Clean):
    """Summaries are sorted by id, as text."""

    def newest_first(self) -> Items:
        return sorted(super().newest_first(), key=lambda pair: str(pair[0]), reverse=True)


@breaks("STO-9", "order-wrong")
class NumbersAsText(Clean):
    """Changes are numbered, and the numbers sorted as text: 9 comes after 10."""

    def newest_first(self) -> Items:
        by_age = list(reversed(super().newest_first()))
        return [pair for _, pair in sorted(enumerate(by_age, 1), key=lambda numbered: str(numbered[0]), reverse=True)]


@breaks("STO-9", "latest-wrong")
class LatestIsOldest(Clean):
    """`latest` is the session created last, whatever was changed since."""

    def latest(self) -> str | None:
        return max(self.newest_first(), key=lambda pair: pair[1].created, default=(None,))[0]


@breaks("STO-9", "count-wrong")
class CountIsStale(Clean):
    """The number of messages in a summary is that of the first save."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.counts: dict[str, int | None] = {}

    def summaries(self, workspace: str | None = None) -> Iterator[Document]:
        for summary in super().summaries(workspace):
            yield {**summary, "message_count": self.counts.setdefault(summary["id"], summary["message_count"])}


@breaks("STO-9", "workspace-wrong")
class WorkspaceByPrefix(Clean):
    """The workspace filter takes every path that begins with the workspace."""

    def is_within(self, place: Any, workspace: str) -> bool:
        return isinstance(place, str) and place.startswith(workspace)


@breaks("STO-10", "not-gone")
class PruneByChange(Clean):
    """`prune` spares what was changed since, though it was created before."""

    def is_older(self, session: Session, before: str) -> bool:
        return session.changed < nanoseconds(before)


@breaks("STO-10", "lost")
class PruneComparesText(Clean):
    """`prune` compares instants as text, whatever their time zones."""

    def is_older(self, session: Session, before: str) -> bool:
        moment = time.gmtime(session.created // 1_000_000_000)
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', moment)}.{session.created // 1000 % 1_000_000:06}" < before


@breaks("STO-10", "lost")
class PruneTakesTheBoundary(CleanFormat):
    """`prune` removes also what was created at the very instant."""

    def is_older(self, session: Session, before: str) -> bool:
        told = session.document.get("created_at")
        return (session.created if told is None else nanoseconds(told)) <= nanoseconds(before)


@breaks("STO-11", "attachments-wrong")
class AttachmentsAreCapped(Clean):
    """Only the last 256 attachments are kept."""

    def attach(self, id: str, kind: str, items: Items) -> None:
        super().attach(id, kind, items[-256:])


@breaks("STO-11", "attachments-wrong", also="COR-4 COR-8")
class AttachmentsAreAdded(Clean):
    """Items are put behind those that were attached before."""

    def attach(self, id: str, kind: str, items: Items) -> None:
        super().attach(id, kind, (self.attachments(id, kind) or []) + items)


@breaks("STO-11", "attachments-wrong", also="IDS COR")
class KindsAreOne(Clean):
    """All kinds of attachments are one list."""

    def attach(self, id: str, kind: str, items: Items) -> None:  # noqa: ARG002 - the defect
        super().attach(id, "artifacts", items)

    def attachments(self, id: str, kind: str) -> Items | None:  # noqa: ARG002 - the defect
        return super().attachments(id, "artifacts")


@breaks("STO-11", "attachments-wrong", also="IDS-6")
class AttachmentsSurviveDelete(Clean):
    """A delete leaves the attachments, and the next session under the id has them."""

    def delete(self, id: str) -> bool:
        with suppress(Corrupt):
            session = self.get(id)
            if session is not None:
                self.write(self.file_name(id) + ".attached", self.encode(id, session))
        return super().delete(id)

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        left = self.bytes_of(self.file_name(id) + ".attached")
        revision = super().save(id, document, if_revision)
        new = self.get(id)
        if left and new:
            self.write(self.file_name(id), self.encode(id, replace(new, attachments=self.decode(left, id).attachments)))
            self.path(self.file_name(id) + ".attached").unlink()
        return revision


@breaks("STO-11", "attachments-wrong", also="IDS-6 COR-8")
class SaveDropsAttachments(Clean):
    """A save of the document drops what was attached."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        revision = super().save(id, document, if_revision)
        session = self.get(id)
        if session and session.attachments:
            self.write(self.file_name(id), self.encode(id, replace(session, attachments={})))
        return revision


@breaks("STO-12", "stale-accepted")
class RevisionIsIgnored(Clean):
    """`if_revision` is taken and not looked at."""

    def is_current(self, old: Session | None, revision: str) -> bool:  # noqa: ARG002 - the defect
        return True


@breaks("STO-12", "save-conflict")
class RevisionOfOtherType(Clean):
    """The revision is kept as a number and compared with text, so that none is ever current."""

    def is_current(self, old: Session | None, revision: str) -> bool:
        kept: Any = int(old.revision, 16) if old else None
        return bool(kept == revision)


@breaks("STO-13", "check-passes")
class CheckOnlyReads(Clean):
    """`check` lists the root and writes nothing."""

    def check(self) -> None:
        next(self.root.iterdir(), None)


@breaks("STO-13", "disk-changed")
class CheckLeavesFile(Clean):
    """`check` leaves the file that it wrote."""

    def check(self) -> None:
        self.write(".health_check", b"ok")


@breaks("STO-12", "stale-accepted")
class RevisionsAreForgotten(Clean):
    """After an `open` every revision that was given out before counts as current."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.given: set[str] = set()

    def next_revision(self, old: Session | None) -> str:
        revision = super().next_revision(old)
        self.given.add(revision)
        return revision

    def is_current(self, old: Session | None, revision: str) -> bool:
        return super().is_current(old, revision) or revision not in self.given


@breaks("STO-8", "disk-changed", also="STO-1")
class FirstListWrites(Clean):
    """The first list after an `open` writes an index."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.is_first = True

    def list(self) -> Iterator[str]:
        if self.is_first and self.root.is_dir():
            self.write("index", b"made anew")
        self.is_first = False
        yield from super().list()
