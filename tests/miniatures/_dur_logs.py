"""DUR: stores of logs that a loss of power leaves without what was acknowledged, with holes, or unable to go on."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from miniatures._clean_logs import CleanLog, Found, Log, Place, Record, Records
from miniatures._clean_synced import CleanSyncedFolder, CleanSyncedLog
from miniatures._folder import Items
from miniatures._table import breaks
from sessionproof import Corrupt

# -- DUR-4: appends ----------------------------------------------------------------------------------------------------


class Unsynced(CleanSyncedLog):
    """What is appended to a log is not synced."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        CleanLog.lengthen(self, name, data, end)


@breaks("DUR-4", "lost")
class AppendsNotSynced(Unsynced):
    """Appends are not synced."""


@breaks("DUR-4", "lost")
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


@breaks("DUR-4", "wrong-entries")
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
    """The files of a batch are synced when all of them have their names, and each counts alone."""

    pending: Items

    def put(self, name: str, records: Records, lines: Sequence[bytes], end: int) -> int:
        self.pending = []
        end = super().put(name, records, lines, end)
        for path in self.pending:
            super().sync(path)
        super().sync(self.path(name))
        return end

    def sync(self, path: Path) -> None:
        if path.suffix == ".tmp" or path.parent != self.root.parent:
            return
        super().sync(path)

    def write(self, name: str, data: bytes) -> None:
        super().write(name, data)
        self.pending.append(self.path(name))

    def numbered(self, kind: str, values: Items, highest: int) -> Records:
        return [
            one for number, value in enumerate(values, highest) for one in super(type(self), self).numbered(kind, [value], number)
        ]


# -- DUR-5: folders ----------------------------------------------------------------------------------------------------


@breaks("DUR-5", "lost")
class FillsThenNames(CleanSyncedFolder):
    """The folder of a new log gets its name when it is filled, and the root is not synced after that."""

    def put(self, name: str, records: Records, lines: Sequence[bytes], end: int) -> int:
        if end:
            return super().put(name, records, lines, end)
        new = f".{name}"
        self.path(new).mkdir(0o700)
        end = super().put(new, records, lines, 1)
        self.path(new).rename(self.path(name))
        return end


# -- DUR-6: what comes next --------------------------------------------------------------------------------------------


@breaks("DUR-6", "wrong-entries", also="ATM COR-12")
class Glues(CleanSyncedLog):
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
