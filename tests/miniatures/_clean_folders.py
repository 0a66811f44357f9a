"""The small store of logs whose records are files: the format `step` in its layout "a folder for each log"."""

import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from miniatures._clean_logs import CleanStep, Log, Place, Record, Records
from miniatures._folder import Items, token
from sessionproof import Corrupt


class CleanStepFolder(CleanStep):
    """A log is a folder. The metadata are replaced as a whole; of `Place`, `end` counts files and not bytes."""

    suffix = ".log"

    def delete(self, id: str) -> bool:
        """Take the folder away at once, and then its files."""
        existed = self.exists(id)
        gone = self.path(f".{token()}.gone")
        try:
            self.path(self.file_name(id)).rename(gone)
        except FileNotFoundError:
            return False
        self.discard(gone)
        return existed

    def clear(self) -> None:
        """Go on with deletes that a death has cut short, too."""
        super().clear()
        for path in self.root.iterdir():
            if re.fullmatch(r"\.[0-9a-f]{16}\.gone", path.name):
                self.discard(path)

    def discard(self, path: Path) -> None:
        """Remove what has lost its name, a folder or not."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def exists(self, id: str) -> bool:
        """A folder without a record is no log."""
        with suppress(Corrupt):
            return bool(self.names(self.file_name(id)))
        return True

    def list(self) -> Iterator[str]:
        """The names of the folders tell the ids."""
        return filter(self.exists, super().list())

    def get(self, id: str) -> Log | None:
        """The log; its metadata stand before all steps."""
        folder = self.file_name(id)
        names = self.names(folder)
        found = [self.found_in(folder, name, id) for name in names]
        return self.judged(found, [1] * len(names)) if names else None

    def found_in(self, folder: str, name: str, id: str) -> Record | Corrupt:
        """The record in a file, or what is wrong with it."""
        try:
            record = self.decode(self.bytes_of(f"{folder}/{name}") or b"", id)
        except Corrupt as error:
            return error
        return record if self.record_name(record) == name else Corrupt("not the record that the name tells")

    def place(self, name: str, id: str) -> Place | None:
        """Where the next record goes; None where there is no record."""
        known = self.places.get(name)
        if known is not None and known.end == len(self.names(name)):
            return known
        log = self.get(id)
        return log.place if log else None

    def put(self, name: str, records: Records, lines: Sequence[bytes], end: int) -> int:
        """Give each record a file, in order; a torn tail is renamed first."""
        with suppress(FileExistsError):
            self.path(name).mkdir(0o700)
        for torn in self.names(name)[end:]:
            self.path(f"{name}/{torn}").replace(self.path(f"{name}/{torn}.damaged"))
        for record, line in zip(records, lines, strict=True):
            self.write(f"{name}/{self.record_name(record)}", line)
        return len(self.names(name))

    def record_name(self, record: Record) -> str:
        """The file of a record."""
        return "meta.json" if record.number is None else f"step-{record.number}.json"

    def names(self, folder: str) -> Items:
        """The files that hold records, in the order in which they count."""
        with suppress(FileNotFoundError):
            if not stat.S_ISDIR(self.path(folder).lstat().st_mode):
                raise Corrupt("no folder")
            names = [path.name for path in self.path(folder).iterdir()]
            steps = [name for name in names if re.fullmatch(r"step-[1-9][0-9]*\.json", name)]
            return [name for name in names if name == "meta.json"] + sorted(steps, key=self.number_in)
        self.need_root()
        return []

    def number_in(self, name: str) -> int:
        """The number that the name of a step tells."""
        return int(name.removeprefix("step-").removesuffix(".json"))
