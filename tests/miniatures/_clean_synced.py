"""The clean stores with a sync of everything before each answer: they keep DUR as well, whatever the file system."""

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from miniatures._clean import Clean
from miniatures._clean_folders import CleanStepFolder
from miniatures._clean_logs import CleanCreated, CleanLog, Records
from miniatures._folder import OneFolder, token


class Synced(OneFolder):
    """What they share: a file is on the disk before it has its name, and names are before the answer."""

    durability = "power-loss"

    def open(self, root: str, namespace: str) -> None:
        """Bring the root's own name to the disk, which a process that died may not have done."""
        super().open(root, namespace)
        self.sync(self.root.parent)

    def delete(self, id: str) -> bool:
        """Remove the session for good."""
        existed = super().delete(id)
        self.sync(self.root)
        return existed

    def write(self, name: str, data: bytes) -> None:
        """Give the name a new file, at once and for good."""
        temporary = self.path(f".{token()}.tmp")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)
        self.sync(temporary)
        temporary.replace(self.path(name))
        self.settle(name)

    def settle(self, name: str) -> None:
        """Bring a name that a file was given to the disk."""
        self.sync(self.path(name).parent)

    def sync(self, path: Path) -> None:
        """Bring a file, or the names in a folder, to the disk."""
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fsync(file)
        finally:
            os.close(file)


class CleanSynced(Synced, Clean):
    """Documents."""


class CopiesElsewhere(CleanSynced):
    """Documents; a copy of the last one lies in the system's temp folder."""

    def write(self, name: str, data: bytes) -> None:
        """Give the name a new file, and the copy too."""
        Path(tempfile.gettempdir(), f"{os.getpid()}.copy").write_bytes(data)
        super().write(name, data)


class PassesElsewhere(CleanSynced):
    """Documents; what is written stands for a moment in the system's temp folder."""

    def write(self, name: str, data: bytes) -> None:
        """Give the name a new file."""
        with tempfile.NamedTemporaryFile() as passing:
            passing.write(data)
            passing.flush()
        super().write(name, data)


class CleanSyncedLog(Synced, CleanLog):
    """Logs that callers name: entries are on the disk before the answer, and what is attached goes after its log."""

    def delete(self, id: str) -> bool:
        """Remove the log for good, and then what is attached to it: that of no log is nothing."""
        existed = OneFolder.delete(self, id)
        self.sync(self.root)
        self.path(self.file_name(id) + ".attached").unlink(missing_ok=True)
        return existed

    def put(self, name: str, records: Records, lines: Sequence[bytes], end: int) -> int:
        """What was attached to a log of that name is gone for good before there is one again."""
        if not end:
            self.path(name + ".attached").unlink(missing_ok=True)
            self.sync(self.root)
        return super().put(name, records, lines, end)

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        """Write behind so many bytes: all or none."""
        super().lengthen(name, data, end)
        try:
            self.sync(self.path(name))
        except OSError:
            with suppress(OSError):
                os.truncate(self.path(name), end)
            raise


class CleanSyncedCreated(CleanSyncedLog, CleanCreated):
    """Logs that the store names."""


class CleanSyncedFolder(Synced, CleanStepFolder):
    """A folder for each log."""

    def put(self, name: str, records: Records, lines: Sequence[bytes], end: int) -> int:
        """The folder's own name is on the disk before the first file."""
        if not end:
            with suppress(FileExistsError):
                self.path(name).mkdir(0o700)
            self.sync(self.root)
        return super().put(name, records, lines, end)

    def discard(self, path: Path) -> None:
        """Remove what has lost its name for good."""
        self.sync(self.root)
        super().discard(path)
