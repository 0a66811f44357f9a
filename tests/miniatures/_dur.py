"""DUR: stores of documents that a loss of power leaves without what was acknowledged, or with what nobody wrote."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from controls._tables import Tables
from miniatures._clean_synced import CleanSynced
from miniatures._folder import Document, OneFolder, is_sealed, token
from miniatures._table import breaks
from sessionproof import Corrupt

# -- DUR-1: acknowledgements -------------------------------------------------------------------------------------------


@breaks("DUR-1", "lost")
class NeverSyncs(CleanSynced):
    """Nothing is ever synced."""

    def sync(self, path: Path) -> None:
        pass


@breaks("DUR-1", "lost")
class LeavesNames(CleanSynced):
    """Files are synced, and no folder is."""

    def sync(self, path: Path) -> None:
        if not path.is_dir():
            super().sync(path)


@breaks("DUR-1", "lost")
class SyncsDataAgain(CleanSynced):
    """After the rename the file is synced once more, and not the folder, by fdatasync(2), which leaves names out."""

    def settle(self, name: str) -> None:
        with self.path(name).open("rb") as file:
            os.fdatasync(file.fileno())


@breaks("DUR-1", "load-corrupt")
class SyncsOnceMore(CleanSynced):
    """A sync that fails is tried once more, when the kernel takes the pages that it could not write for clean."""

    def sync(self, path: Path) -> None:
        try:
            super().sync(path)
        except OSError:
            super().sync(path)


@breaks("DUR-1", "lost")
class JournalComesBack(Tables):
    """SQLite with synchronous=FULL: the removal of its journal, which commits, is not synced."""

    synchronous = "FULL"


# -- DUR-2: saves in flight --------------------------------------------------------------------------------------------


@breaks("DUR-1", "load-corrupt")
class RewritesAtOpen(CleanSynced):
    """Whenever it is opened it writes its files anew, and syncs none of them."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        for path in [*self.root.iterdir()]:
            if self.id_in(path.name) is not None:
                OneFolder.write(self, path.name, path.read_bytes())


@breaks("DUR-2", "load-corrupt")
class SyncsUnderItsName(CleanSynced):
    """A file is synced only when it has its name."""

    def sync(self, path: Path) -> None:
        if path.suffix != ".tmp":
            super().sync(path)

    def settle(self, name: str) -> None:
        self.sync(self.path(name))
        super().settle(name)


@breaks("DUR-2", "load-corrupt")
class SyncsOnlyFolders(CleanSynced):
    """The folder is synced, and no file is."""

    def sync(self, path: Path) -> None:
        if path.is_dir():
            super().sync(path)


@breaks("DUR-2", "load-corrupt")
class SealsAfterTheSync(CleanSynced):
    """The checksum is written behind the rest when that was synced."""

    def write(self, name: str, data: bytes) -> None:
        self.ending = data[-80:]
        super().write(name, data[:-80])

    def sync(self, path: Path) -> None:
        super().sync(path)
        if path.suffix == ".tmp":
            with path.open("ab") as stream:
                stream.write(self.ending)


@breaks("DUR-2", "load-corrupt")
class HeaderInPlace(CleanSynced):
    """A file is lengthened by each new document; a header says where the last one lies, and is synced with it."""

    def write(self, name: str, data: bytes) -> None:
        if name.endswith(".damaged"):
            super().write(name, data)
            return
        old = None
        with suppress(Corrupt):
            old = self.bytes_of(name)
        if old is None or not is_sealed(self.last(old)):
            super().write(name, self.header(len(self.header(0, 0)), len(data)) + data)
            return
        with self.path(name).open("r+b") as stream:
            stream.truncate(len(old) + len(data))
            stream.seek(len(old))
            stream.write(data)
            stream.seek(0)
            stream.write(self.header(len(old), len(data)))
        self.sync(self.path(name))

    def header(self, start: int, size: int) -> bytes:
        """The first bytes of a file."""
        return b"%020d %020d\n" % (start, size)

    def last(self, data: bytes) -> bytes:
        """The document in a file."""
        with suppress(ValueError):
            start, size = map(int, data[: len(self.header(0, 0))].split())
            return data[start : start + size]
        return data

    def unsealed(self, data: bytes) -> Document:
        return super().unsealed(self.last(data))


@breaks("DUR-2", "load-corrupt", also="ATM")
class OverwritesInPlace(CleanSynced):
    """A save writes over the old document and cuts off what is left of it, before it syncs."""

    def write(self, name: str, data: bytes) -> None:
        file = os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(data)
            stream.truncate()
        self.sync(self.path(name))
        self.sync(self.root)


@breaks("DUR-2", "load-corrupt")
class TearsAPage(CleanSynced):
    """Small documents have a page each, which is written over: on a disk it may be there in part."""

    def write(self, name: str, data: bytes) -> None:
        page = data if name.endswith(".damaged") else data.rjust(4096)
        if len(page) == 4096 and self.path(name).exists() and self.path(name).lstat().st_size == 4096:
            with self.path(name).open("r+b") as stream:
                stream.write(page)
            self.sync(self.path(name))
        else:
            super().write(name, page)

    def unsealed(self, data: bytes) -> Document:
        return super().unsealed(data.lstrip(b" "))


# -- DUR-3: deletes ----------------------------------------------------------------------------------------------------


@breaks("DUR-3", "not-gone")
class DeleteNotSynced(CleanSynced):
    """A delete is not synced."""

    def delete(self, id: str) -> bool:
        return OneFolder.delete(self, id)


@breaks("DUR-3", "not-gone")
class DeleteSyncsParent(CleanSynced):
    """A delete syncs the folder that the root is in, and not the root."""

    def delete(self, id: str) -> bool:
        existed = OneFolder.delete(self, id)
        self.sync(self.root.parent)
        return existed


# -- DUR-6: what comes next --------------------------------------------------------------------------------------------


@breaks("DUR-6", "save-io")
class KeepsStrangeTemporary(CleanSynced):
    """The temporary file has one name, which must be free; one that was left is removed where it looks familiar."""

    def clear(self) -> None:
        if (self.bytes_of("temporary") or b"{").startswith(b"{"):
            self.path("temporary").unlink(missing_ok=True)

    def write(self, name: str, data: bytes) -> None:
        temporary = self.path("temporary")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
        self.sync(temporary)
        temporary.replace(self.path(name))
        self.settle(name)


# -- DUR-7: what file systems happen to do -----------------------------------------------------------------------------


@breaks("DUR-7", "lost")
class RootNotSynced(CleanSynced):
    """The root is made, and the folder that it is in never synced."""

    def sync(self, path: Path) -> None:
        if path != self.root.parent:
            super().sync(path)


@breaks("DUR-7", "lost")
class SyncsTheFileAgain(CleanSynced):
    """After the rename the file is synced once more, and not the folder."""

    def settle(self, name: str) -> None:
        self.sync(self.path(name))


@breaks("DUR-7", "lost", also="STO-13 SEC-2")
class SyncsAnotherFile(CleanSynced):
    """Names are brought to the disk by the sync of a record of all writes, which lies in another folder."""

    def settle(self, name: str) -> None:
        folder = self.path("writes")
        if not folder.exists():
            folder.mkdir(0o700)
        record = os.open(folder / "record", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        os.write(record, name.encode() + b"\n")
        os.fsync(record)
        os.close(record)


@breaks("DUR-7", "not-gone")
class DeleteSyncsANote(CleanSynced):
    """A delete makes and syncs a note of itself, and not the folder that both are in."""

    def delete(self, id: str) -> bool:
        existed = OneFolder.delete(self, id)
        note = os.open(self.path(f".{token()}.tmp"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(note, id.encode())
        os.fsync(note)
        os.close(note)
        return existed


@breaks("DUR-7", "lost")
class OldGoesFirst(CleanSynced):
    """The old file is removed when the new one has a name, which is not synced yet; a reader finds either."""

    def write(self, name: str, data: bytes) -> None:
        super().write(name + ".new", data)
        self.path(name).unlink(missing_ok=True)
        self.path(name + ".new").rename(self.path(name))
        self.sync(self.root)

    def settle(self, name: str) -> None:
        pass

    def bytes_of(self, name: str) -> bytes | None:
        data = super().bytes_of(name + ".new")
        return super().bytes_of(name) if data is None else data

    def exists(self, id: str) -> bool:
        return super().exists(id) or self.path(self.file_name(id) + ".new").exists()

    def list(self) -> Iterator[str]:
        ids = {self.id_in(path.name.removesuffix(".new")) for path in self.root.iterdir()}
        return (id for id in ids if id is not None)

    def delete(self, id: str) -> bool:
        existed = self.exists(id)
        self.path(self.file_name(id) + ".new").unlink(missing_ok=True)
        super().delete(id)
        return existed
