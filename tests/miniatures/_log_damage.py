"""COR and SEC: stores that break them in a way that only a store of logs can."""

import json
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from miniatures._clean_folders import CleanStepFolder
from miniatures._clean_logs import CleanCreated, CleanLog, CleanStep, Found, Log, Place, Record
from miniatures._folder import Document, Items
from miniatures._log_content import Anonymous
from miniatures._table import breaks
from sessionproof import Corrupt

# -- COR ---------------------------------------------------------------------------------------------------------------


class Silent(CleanLog):
    """A base: of what is wrong, that which is told in words that begin so is not named."""

    silent: tuple[str, ...]

    def judged(self, found: Found, sizes: Sequence[int]) -> Log:
        log = super().judged(found, sizes)
        return replace(log, damage=[told for told in log.damage if not told["reason"].startswith(self.silent)])


@breaks("COR-1", "damage-silent", also="COR-3 COR-7 COR-9")
class TornTailIsSilent(Silent):
    """A log that was cut is read up to the cut, and nothing is said of it."""

    silent = ("torn",)


@breaks("COR-1", "lost", also="COR")
class DamagedLogIsAbsent(CleanLog):
    """A log of which no line can be read is answered as absent."""

    def get(self, id: str) -> Log | None:
        try:
            return super().get(id)
        except Corrupt:
            return None


@breaks("COR-2", "lost")
class EmptiedLogIsAbsent(CleanLog):
    """An empty file is no log."""

    def get(self, id: str) -> Log | None:
        return super().get(id) if self.bytes_of(self.file_name(id)) else None


@breaks("COR-2", "damage-silent")
class EmptiedLogIsNew(CleanLog):
    """A file that is empty, or of zeros, is a log that has only just begun."""

    def replay(self, data: bytes, id: str) -> Log:
        if not data.strip(b"\0"):
            return Log([Record("created", {}, None, None, 0)], [], Place(0, 0))
        return super().replay(data, id)


@breaks("COR-3", "damage-silent", also="COR-7 COR-9")
class LinesAreNotSummed(CleanLog):
    """There is no checksum, so that a changed letter is a letter."""

    def unsealed(self, data: bytes) -> Document:
        # What is attached keeps its checksum: there a changed letter is noticed.
        return self.parsed(data) if b'"kind"' in data else super().unsealed(data)


@breaks("COR-4", "list-corrupt")
class OneLogHidesAll(CleanLog):
    """`list` reads every log, and fails with the first that cannot be read."""

    def list(self) -> Iterator[str]:
        for id in super().list():
            self.get(id)
            yield id


@breaks("COR-4", "latest-corrupt")
class OneLogHidesTheLatest(CleanCreated):
    """`latest` fails with the first log that cannot be read."""

    def latest(self, agent: str = "", created_by: str = "") -> str | None:
        for id in self.list():
            self.get(id)
        return super().latest(agent, created_by)


@breaks("COR-5", "damaged-bytes-lost", also="COR-1 STO-8")
class ReadCutsTheTail(CleanLog):
    """A read cuts the torn tail off."""

    def get(self, id: str) -> Log | None:
        log = super().get(id)
        if log is not None:
            self.lengthen(self.file_name(id), b"", log.place.end)
        return log

    def set_aside(self, name: str, tail: bytes) -> None:
        pass


@breaks("COR-7", "read-internal")
class DeepLinesAreNotCaught(CleanLog):
    """Nothing catches the reader where a line is nested too deep."""

    def replay(self, data: bytes, id: str) -> Log:
        with suppress(ValueError):
            json.loads(data.partition(b"\n")[0])
        return super().replay(data, id)


@breaks("COR-8", "listed-absent")
class ForeignIsALog(CleanLog):
    """Every entry of the root is a log."""

    def id_in(self, name: str) -> str | None:
        own = name.endswith((self.suffix, ".attached", ".damaged"))
        return super().id_in(name) if own else PurePath(name).stem


@breaks("COR-8", "append-io")
class FoldersAreLogs(CleanLog):
    """An append looks into every entry for the last number, and fails with the first that is no file."""

    def append(self, id: str, entries: Items) -> Items:
        for path in self.root.iterdir():
            if not path.is_fifo():
                path.read_bytes()
        return super().append(id, entries)


@breaks("COR-9", "damage-silent", also="COR-3 COR-7")
class DamagedLineIsSkipped(Silent):
    """A line that cannot be read is left out, and nothing is said of it."""

    silent = ("record", "missing")


@breaks("COR-9", "damage-silent")
class MissingIsNotNoticed(Silent):
    """That a number is missing is not noticed."""

    silent = ("missing",)


@breaks("COR-9", "damage-silent")
class MissingFileIsNotNoticed(Silent, CleanStepFolder):
    """That the file of a step is missing is not noticed."""

    silent = ("missing",)


@breaks("COR-9", "damage-silent", also="COR-1 COR-2 COR-3 COR-7")
class DamagedFileIsSkipped(Silent, CleanStepFolder):
    """The file of a step that cannot be read is left out, and nothing is said of it."""

    silent = ("record", "missing", "torn")


@breaks("COR-9", "damage-silent")
class RepeatedIsSkipped(Silent):
    """A line that stands twice is left out, and nothing is said of it."""

    silent = ("stands",)


@breaks("COR-9", "damage-silent")
class RepeatedIsReadTwice(CleanLog):
    """A line that stands twice is read twice."""

    def is_repeated(self, number: int, highest: int) -> bool:  # noqa: ARG002 - the defect
        return False


@breaks("COR-9", "damage-silent", also="COR-3 COR-7")
class OnlyTheEndIsNamed(Silent, CleanStep):
    """Damage is named where it is at the end of the log, and nowhere else."""

    silent = ("record", "missing", "stands")


@breaks("COR-10", "code-ran")
class OldLogsAreLoaded(CleanLog):
    """Logs of an earlier version, which were pickles, are still read."""

    def replay(self, data: bytes, id: str) -> Log:
        if data.startswith(b"\x80"):
            pickle.loads(data)
        return super().replay(data, id)


@breaks("COR-10", "code-ran")
class LinesAreEvaluated(CleanLog):
    """A line that is no JSON is evaluated as Python."""

    def decode(self, line: bytes, id: str) -> Record:
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            with suppress(Exception):
                eval(line, {"null": None})
        return super().decode(line, id)


@breaks("COR-11", "damage-silent")
class LogIdIsNotCompared(Anonymous):
    """The id in the lines is not looked at."""


@breaks("COR-12", "delete-corrupt")
class DamagedLogStays(CleanLog):
    """A delete reads the log first, and fails where it is damaged."""

    def delete(self, id: str) -> bool:
        self.get(id)
        return super().delete(id)


@breaks("COR-12", "wrong-entries")
class TornLineIsLengthened(CleanLog):
    """What is appended behind a torn line is glued to it."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        super().lengthen(name, data, max(end, self.path(name).lstat().st_size))


@breaks("COR-13", "not-listed")
class DamagedLogIsNotListed(CleanLog):
    """`list` leaves out what it cannot read, or not whole."""

    def list(self) -> Iterator[str]:
        for id in super().list():
            with suppress(Corrupt):
                log = self.get(id)
                if log and not log.damage:
                    yield id


# -- SEC ---------------------------------------------------------------------------------------------------------------


def by_umask(path: Any, flags: int) -> int:
    """Open a file with the mode that the umask leaves."""
    return os.open(path, flags, 0o666)


@breaks("SEC-1", "file-mode", also="RES")
class LogsByUmask(CleanLog):
    """A log is made with the mode that the umask leaves."""

    def write(self, name: str, data: bytes) -> None:
        super().write(name, data)
        if name.endswith(self.suffix):
            self.path(name).unlink()
            with open(self.path(name), "xb", opener=by_umask) as stream:
                stream.write(data)


@breaks("SEC-2", "link-followed")
class LockFollowsLink(CleanLog):
    """An append writes its process into a lock of a known name, through whatever has that name."""

    def append(self, id: str, entries: Items) -> Items:
        lock = self.path(self.file_name(id) + ".lock")
        with open(lock, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
            stream.write(str(os.getpid()))
        numbers = super().append(id, entries)
        lock.unlink()
        return numbers


@breaks("SEC-2", "link-read")
class AppendFollowsLink(CleanLog):
    """A log is looked at and appended to through a link in the place of its file."""

    def bytes_of(self, name: str) -> bytes | None:
        return super().bytes_of(str(self.path(name).resolve()))

    def write(self, name: str, data: bytes) -> None:
        with open(self.path(name), "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
            stream.write(data)

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        super().lengthen(str(self.path(name).resolve()), data, end)


@breaks("SEC-3", "written-outside", also="IDS-1")
class JournalBesideRoot(CleanLog):
    """Every append is written to a journal beside the root too."""

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        super().write(f"{self.root}.journal", data)
        super().lengthen(name, data, end)


@breaks("SEC-4", "foreign-changed")
class AppendChangesModes(CleanLog):
    """An append gives every file in the root the mode of the store's own."""

    def append(self, id: str, entries: Items) -> Items:
        numbers = super().append(id, entries)
        for path in self.root.iterdir():
            if path.is_file() and not path.is_symlink():
                path.chmod(0o600)
        return numbers
