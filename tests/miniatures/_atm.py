"""ATM: stores that a death at the wrong moment leaves torn, empty, blocked, or without what was acknowledged."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from miniatures._clean import Clean
from miniatures._clean_logs import CleanLog
from miniatures._folder import Items, OneFolder, is_sealed, token
from miniatures._table import breaks
from sessionproof import Conflict, Loaded

# -- ATM-1, ATM-2: saves -----------------------------------------------------------------------------------------------


class InPlace(Clean):
    """Files are written where they stand."""

    def write(self, name: str, data: bytes) -> None:
        self.put(name, data, os.O_TRUNC)

    def put(self, name: str, data: bytes, flags: int) -> None:
        """Write into the file itself."""
        file = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(data)


@breaks("ATM-1", "load-corrupt", also="ATM RES")
class Truncates(InPlace):
    """A save empties the file and writes it anew."""


@breaks("ATM-1", "load-corrupt", also="ATM RES")
class Overwrites(InPlace):
    """A save writes over the old document and cuts off what is left of it."""

    def write(self, name: str, data: bytes) -> None:
        self.put(name, data, 0)
        os.truncate(self.path(name), len(data))


@breaks("ATM-1", "lost", also="ATM RES")
class RemovesFirst(Clean):
    """The old file is removed before the new one has its name."""

    def write(self, name: str, data: bytes) -> None:
        super().write(name + ".new", data)
        self.path(name).unlink(missing_ok=True)
        self.path(name + ".new").rename(self.path(name))

    def id_in(self, name: str) -> str | None:
        return None if name.endswith(".new") else super().id_in(name)


@breaks("ATM-2", "load-corrupt", also="ATM RES")
class NamesFirst(Clean):
    """A first save makes the empty file, to take the name, and fills it then."""

    def write(self, name: str, data: bytes) -> None:
        with suppress(FileExistsError):
            os.close(os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        super().write(name, data)


# -- ATM-3: deletes ----------------------------------------------------------------------------------------------------


@breaks("ATM-3", "load-corrupt", also="ATM RES")
class EmptiesFirst(Clean):
    """A delete overwrites the file, so that nobody reads it, and removes it then."""

    def delete(self, id: str) -> bool:
        with suppress(FileNotFoundError):
            os.truncate(self.path(self.file_name(id)), 0)
        return super().delete(id)


@breaks("ATM-3", "attachments-wrong", also="ATM")
class AttachmentsGoFirst(CleanLog):
    """A delete removes what is attached to a log before the log."""

    def delete(self, id: str) -> bool:
        self.path(self.file_name(id) + ".attached").unlink(missing_ok=True)
        return super().delete(id)


# -- ATM-4: appends ----------------------------------------------------------------------------------------------------


@breaks("ATM-4", "read-corrupt", also="ATM RES")
class RewritesTheLog(CleanLog):
    """An append writes the whole log anew, where it stands."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        old = (self.bytes_of(name) or b"")[:end]
        with self.path(name).open("wb") as stream:
            stream.write(old + data)


@breaks("ATM-4", "wrong-entries", also="ATM RES")
class CutsTwoLines(CleanLog):
    """An append takes the last record back, to write it together with the new ones."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        old = (self.bytes_of(name) or b"")[:end]
        start = old.rindex(b"\n", 0, -1) + 1 if b"\n" in old[:-1] else end
        os.truncate(self.path(name), start)
        super().lengthen(name, old[start:] + data, start)


# -- ATM-5: lists ------------------------------------------------------------------------------------------------------


@breaks("ATM-5", "listed-absent", also="ATM RES SEC-2")
class TemporariesAreListed(Clean):
    """The temporary file of a save has a name that `list` takes for a session."""

    def write(self, name: str, data: bytes) -> None:
        temporary = self.path(self.file_name("temporary"))
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(data)
        temporary.replace(self.path(name))


@breaks("ATM-5", "listed-absent", also="ATM COR-1 COR-10 COR-2 COR-4 COR-7 FMT-4 FMT-8 RES SEC-2")
class ListedFirst(Clean):
    """A save enters its session into an index, from which lists are made, before it writes the file."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        index = os.open(self.path("index"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(index, self.file_name(id).encode() + b"\n")
        os.close(index)
        return super().save(id, document, if_revision)

    def list(self) -> Iterator[str]:
        names = (self.bytes_of("index") or b"").decode().splitlines()
        ids = [id for name in dict.fromkeys(names) if (id := self.id_in(name)) is not None]
        return iter(ids)

    def delete(self, id: str) -> bool:
        names = (self.bytes_of("index") or b"").decode().splitlines()
        existed = super().delete(id)
        super().write("index", "".join(f"{name}\n" for name in names if name != self.file_name(id)).encode())
        return existed


# -- ATM-6: what comes next --------------------------------------------------------------------------------------------


@breaks("ATM-6", "save-io", also="ATM RES")
class TemporaryStays(Clean):
    """The temporary file has one name, which must be free: after a death in a save there is no other."""

    def write(self, name: str, data: bytes) -> None:
        temporary = self.path(".temporary")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
        temporary.replace(self.path(name))


@breaks("ATM-6", "save-conflict", also="ATM")
class LockStays(Clean):
    """A save holds a lock file, which after a death nobody removes."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        lock = self.path(".lock")
        try:
            os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError as error:
            raise Conflict("locked") from error
        try:
            return super().save(id, document, if_revision)
        finally:
            lock.unlink()


@breaks("ATM-6", "wrong-entries", also="ATM COR-12 RES")
class Glues(CleanLog):
    """An append is written behind a torn record, and read as part of it."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:  # noqa: ARG002 - the defect
        with self.path(name).open("ab") as stream:
            stream.write(data)


# -- ATM-8: what stays behind ------------------------------------------------------------------------------------------


@breaks("ATM-8", "strays-of-deaths")
class NobodyClears(Clean):
    """Each save has a temporary file of its own name, and nobody removes those of the dead."""

    def clear(self) -> None:
        pass


@breaks("ATM-8", "strays-of-deaths")
class CopiesStay(CleanLog):
    """An append writes a longer copy of the log, which takes its place; nobody removes the copies of the dead."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        self.write(name, (self.bytes_of(name) or b"")[:end] + data)

    def clear(self) -> None:
        pass


class Drafts(OneFolder):
    """What is to be written is kept in a draft first."""

    def drafted(self, content: Any) -> Path:
        """The draft of what may turn out not to be right."""
        draft = self.path(f"draft-{token()}")
        draft.write_text(repr(content), "ascii", "backslashreplace")
        draft.chmod(0o600)
        return draft


@breaks("ATM-8", "strays-of-refusals", also="FMT-4")
class DraftsStay(Drafts, Clean):
    """A save that is refused leaves its draft."""

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        draft = self.drafted(document)
        revision = super().save(id, document, if_revision)
        draft.unlink()
        return revision


@breaks("ATM-8", "strays-of-refusals", also="FMT-4")
class BatchesStay(Drafts, CleanLog):
    """An append that is refused leaves its draft."""

    def append(self, id: str, entries: Items) -> Items:
        draft = self.drafted(entries)
        numbers = super().append(id, entries)
        draft.unlink()
        return numbers


# -- ATM-9: acknowledgements -------------------------------------------------------------------------------------------


@breaks("ATM-9", "lost", also="ATM FMT-4 FMT-8 IDS-6 RES SEC STO-10 STO-12 STO-4 STO-5 STO-7 STO-8 STO-9")
class AnswersFirst(Clean):
    """A save is answered from memory, and written when the next is made or the store is closed."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.pending: dict[str, Any] = {}

    def flush(self) -> None:
        """Write what is pending."""
        while self.pending:
            super().save(*self.pending.popitem())

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        self.accept(document)
        self.flush()
        if if_revision is not None:
            return super().save(id, document, if_revision)
        self.file_name(id)
        self.pending[id] = document
        return "pending"

    def load(self, id: str) -> Loaded | None:
        return Loaded(self.pending[id]) if id in self.pending else super().load(id)

    def attach(self, id: str, kind: str, items: Items) -> None:
        self.flush()
        super().attach(id, kind, items)

    def delete(self, id: str) -> bool:
        self.flush()
        return super().delete(id)

    def close(self) -> None:
        self.flush()


# -- ATM-7, ATM-10: recovery -------------------------------------------------------------------------------------------


class Journaled(InPlace):
    """A save is written to a journal, then in place; an open carries out a whole journal that was left."""

    def write(self, name: str, data: bytes) -> None:
        Clean.write(self, name + ".journal", data)
        self.put(name, data, os.O_TRUNC)
        self.path(name + ".journal").unlink()

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        for journal in sorted(self.root.glob("*.journal")):
            self.recover(journal.name.removesuffix(".journal"), journal.read_bytes())

    def recover(self, name: str, data: bytes) -> None:
        """Do again what the journal holds."""
        self.put(name, data, os.O_TRUNC)
        self.path(name + ".journal").unlink()

    def id_in(self, name: str) -> str | None:
        return None if name.endswith(".journal") else super().id_in(name)


@breaks("ATM-7", "load-corrupt", also="ATM RES SEC-2")
class JournalGoesFirst(Journaled):
    """The journal is removed before what it holds is written."""

    def recover(self, name: str, data: bytes) -> None:
        self.path(name + ".journal").unlink()
        self.put(name, data, os.O_TRUNC)


@breaks("ATM-10", "recovery-differs", also="ATM RES SEC-2")
class RecoversByTurns(Journaled):
    """A journal is carried out, or thrown away where the old file is whole, depending on what was opened before."""

    opened = 0

    def open(self, root: str, namespace: str) -> None:
        RecoversByTurns.opened += 1
        super().open(root, namespace)

    def recover(self, name: str, data: bytes) -> None:
        old = self.bytes_of(name)
        if RecoversByTurns.opened // 2 % 2 and old is not None and is_sealed(old):
            self.path(name + ".journal").unlink()
        else:
            super().recover(name, data)
