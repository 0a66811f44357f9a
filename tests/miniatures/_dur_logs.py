"""DUR: stores of logs that a loss of power leaves without what was acknowledged, with holes, or unable to go on."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from miniatures._clean_logs import CleanLog, Found, Log, Record, Records
from miniatures._clean_synced import CleanSyncedFolder, CleanSyncedLog
from miniatures._folder import Items, token
from miniatures._table import breaks
from sessionproof import Corrupt

# -- DUR-1, DUR-2: attachments -----------------------------------------------------------------------------------------


@breaks("DUR-1", "attachments-wrong")
class AttachesWithoutTheName(CleanSyncedLog):
    """The file of what is attached is synced, and not its name."""

    def settle(self, name: str) -> None:
        if not name.endswith(".attached"):
            super().settle(name)


@breaks("DUR-2", "attachments-corrupt")
class AttachesWithoutTheFile(CleanSyncedLog):
    """The file of what is attached is synced only when it has its name."""

    attaching = False

    def write(self, name: str, data: bytes) -> None:
        self.attaching = name.endswith(".attached")
        super().write(name, data)

    def sync(self, path: Path) -> None:
        if not (self.attaching and path.suffix == ".tmp"):
            super().sync(path)

    def settle(self, name: str) -> None:
        self.sync(self.path(name))
        super().settle(name)


# -- DUR-4: appends ----------------------------------------------------------------------------------------------------


class Unsynced(CleanSyncedLog):
    """What is appended to a log is not synced."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        CleanLog.lengthen(self, name, data, end)


@breaks("DUR-4", "wrong-entries")
class AppendsNotSynced(Unsynced):
    """Appends are not synced."""


@breaks("DUR-4", "wrong-entries")
class SyncsAnIndex(Unsynced):
    """An append syncs the index that it updates, and not the log."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        super().lengthen(name, data, end)
        self.write("ends", f"{name} {end + len(data)}".encode())


@breaks("DUR-4", "read-corrupt")
class RefusesNuls(CleanSyncedLog):
    """A log that ends in NULs is refused as a whole, as no file of this store."""

    def replay(self, data: bytes, id: str) -> Log:
        if data.endswith(b"\0"):
            raise Corrupt("binary data")
        return super().replay(data, id)


@breaks("DUR-4", "wrong-entries", also="COR")
class ReadsNuls(CleanSyncedLog):
    """A run of NULs at the end of a log is read as an empty entry."""

    def found(self, line: bytes, id: str) -> Record | Corrupt:
        if line.strip(b"\0"):
            return super().found(line, id)
        return Record("entry", {}, None, None, 0)


@breaks("DUR-4", "wrong-entries")
class SkipsHoles(CleanSyncedLog):
    """A line that cannot be read is skipped, also where the lines behind it were written with it."""

    def torn_from(self, found: Found) -> int:
        whole = [index for index, one in enumerate(found, 1) if isinstance(one, Record)]
        return whole[-1] if whole else len(found)


@breaks("DUR-4", "wrong-entries")
class SyncsTheBatchLast(CleanSyncedFolder):
    """The files of a batch are synced when all have their names, and nothing tells that they are of one call."""

    pending: Items | None = None

    def put(self, name: str, records: Records, lines: Sequence[bytes], end: int) -> int:
        if len(records) == 1:
            return super().put(name, records, lines, end)
        self.pending = []
        end = super().put(name, records, lines, end)
        files, self.pending = self.pending, None
        for path in files:
            self.sync(path)
        return end

    def encode(self, record: Record, id: str) -> bytes:
        return super().encode(replace(record, batch=record.number), id)

    def write(self, name: str, data: bytes) -> None:
        super().write(name, data)
        if self.pending is not None:
            self.pending.append(self.path(name))

    def sync(self, path: Path) -> None:
        if self.pending is None or path.suffix != ".tmp":
            super().sync(path)


@breaks("DUR-4", "read-corrupt")
class IgnoresFailedSyncs(CleanSyncedLog):
    """A sync that fails is left at that: the next will do."""

    def sync(self, path: Path) -> None:
        with suppress(OSError):
            super().sync(path)


# -- DUR-5: folders ----------------------------------------------------------------------------------------------------


@breaks("DUR-5", "lost")
class FillsThenNames(CleanSyncedFolder):
    """The folder of a new log gets its name when it is filled, and the root is not synced after that."""

    def put(self, name: str, records: Records, lines: Sequence[bytes], end: int) -> int:
        if end:
            return super().put(name, records, lines, end)
        new = f".{token()}.gone"
        self.path(new).mkdir(0o700)
        end = super().put(new, records, lines, 1)
        self.path(new).rename(self.path(name))
        return end


@breaks("DUR-5", "lost")
class SyncsWhatIsInside(FillsThenNames):
    """The same, and after it the new file is synced once more, which does not bring the folder's name to the disk."""

    def put(self, name: str, records: Records, lines: Sequence[bytes], end: int) -> int:
        end = super().put(name, records, lines, end)
        self.sync(self.path(f"{name}/{self.record_name(records[-1])}"))
        return end


# -- DUR-6: what comes next --------------------------------------------------------------------------------------------


@breaks("DUR-6", "wrong-entries", also="ATM COR-12")
class GluesTornRecords(CleanSyncedLog):
    """An append is written behind a torn record, and read as part of it."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:  # noqa: ARG002 - the defect
        with self.path(name).open("ab") as stream:
            stream.write(data)
        self.sync(self.path(name))


@breaks("DUR-6", "wrong-entries")
class AppendsBehindNuls(CleanSyncedLog):
    """NULs at the end of a log are room for records, and appends go behind them."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        if (self.bytes_of(name) or b"")[end:].strip(b"\0"):
            super().lengthen(name, data, end)
            return
        with self.path(name).open("ab") as stream:
            stream.write(data)
        self.sync(self.path(name))


# -- DUR-7: what file systems happen to do -----------------------------------------------------------------------------


@breaks("DUR-7", "lost")
class LogFolderNotSynced(CleanSyncedFolder):
    """The folder of a new log is synced, and the root, where its name is, is not."""

    def sync(self, path: Path) -> None:
        if path != self.root:
            super().sync(path)
