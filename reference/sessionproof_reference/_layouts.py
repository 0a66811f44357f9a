"""Where the records of a log lie: in one file, a line each, or in a folder, a file each.

`root` is an open descriptor of the store's folder, and `log` one of the log itself, of its file or of its folder. What
changes a log is done under its lock.
"""

import os
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import TypeAlias

from sessionproof_reference import _folder, _steps
from sessionproof_reference._errors import Corrupt
from sessionproof_reference._steps import Lost, Step

Records: TypeAlias = list[Step | Lost]

# How much of a file is read at first for its last step.
_WINDOW = 1 << 16

_CLAIM = "claim-"
_META = "meta.json"
_STEP = re.compile(r"step-([1-9][0-9]*)\.json")


@dataclass(frozen=True, slots=True)
class Tail:
    """Where a log goes on: the number of its last step, and how long its file is without what is torn."""

    number: int
    size: int = 0


class FileLayout:
    """`<id>.jsonl`; beside it `<id>.jsonl.claim-<digest>`, and `<id>.jsonl.damaged` for what was cut."""

    suffix = ".jsonl"

    def opened(self, root: int, name: str, *, to_write: bool) -> AbstractContextManager[int]:
        """The log. Raises `FileNotFoundError`, and `Corrupt` for what is no log at all."""
        return _folder.entry(root, name, os.O_RDWR | os.O_APPEND if to_write else os.O_RDONLY)

    def create(self, root: int, name: str, meta: bytes) -> None:
        """Make a log, at once and durably. Under the root's lock."""
        _folder.write(root, name, meta)

    def remove(self, root: int, name: str) -> bool:
        """Take a log away, at once and durably, and then what belongs to it. Under the root's lock too."""
        existed = _folder.remove(root, name)
        self.clear(root)
        return existed

    def clear(self, root: int) -> None:
        """Finish the deletes that were cut short. Under the root's lock."""
        names = {*_folder.names(root)}
        for name in names:
            log, claim, _ = name.partition(f".{_CLAIM}")
            if claim and log.endswith(self.suffix) and log not in names:
                os.unlink(name, dir_fd=root)

    def records(self, log: int, log_id: str) -> Records:
        """All records in order, with one in place of a torn tail. Takes no lock."""
        records = _in_lines(_lines(log, 0), log_id)
        torn = _steps.torn_from(records)
        if torn < len(records):
            records[torn:] = [Lost(f"the end is torn: {len(records) - torn} records, never acknowledged or damaged")]
        return records

    def tail(self, root: int, name: str, log: int, log_id: str, known: Tail | None) -> Tail:
        """Where the log goes on, with what this store knows of it, if anything. A torn tail is cut."""
        size = os.fstat(log).st_size
        if known is not None and known.size == size:
            return known
        tail, start, window = None, size, _WINDOW
        if known is not None and os.pread(log, 1, known.size - 1) == b"\n":
            tail = _tail(log, log_id, known.size, known.number)
        while tail is None and start > 0:
            start, window = max(0, size - window), window * 16
            tail = _tail(log, log_id, start, None)
        if tail is None:
            raise Corrupt("no step of the log can be read; delete it")
        if tail.size < size:
            _cut(root, name, log, tail.size)
        return tail

    def append(self, log: int, tail: Tail, steps: Sequence[bytes]) -> Tail:
        """Write the next steps, durably. After an error, a prefix of them is there, or none."""
        data = b"".join(steps)
        try:
            _folder.write_all(log, data)
            os.fsync(log)
        except BaseException:
            # What the page cache says of a file whose fsync failed is worth nothing: a retry has to write it anew.
            with suppress(OSError):
                os.ftruncate(log, tail.size)
            raise
        return Tail(tail.number + len(steps), tail.size + len(data))

    def describe(self, log: int, tail: Tail, meta: bytes, log_id: str) -> Tail:  # noqa: ARG002 - see FileLayout
        """Write the meta that counts from now on, durably."""
        return Tail(tail.number, self.append(log, tail, [meta]).size)

    def claim(self, root: int, name: str, log: int, digest: str) -> bool:  # noqa: ARG002 - see FileLayout
        """Keep a claim, durably; False where it was there."""
        return _is_new(root, f"{name}.{_CLAIM}{digest}")


def _lines(log: int, start: int) -> list[bytes]:
    """The lines from there on, their line feeds included, which only the last may lack."""
    os.lseek(log, start, os.SEEK_SET)
    lines = _folder.rest(log, os.fstat(log).st_size - start).split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def _in_lines(lines: Sequence[bytes], log_id: str) -> Records:
    return [_in_line(line, log_id) for line in lines]


def _in_line(line: bytes, log_id: str) -> Step | Lost:
    if not line.endswith(b"\n"):
        return Lost("the last line has no end", is_torn=True)
    try:
        return _steps.decode(line, log_id)
    except Corrupt as error:
        # No JSON holds a zero byte: it stands where a page or the end of one did not reach the disk.
        return Lost(str(error), is_torn=b"\0" in line)


def _tail(log: int, log_id: str, start: int, number: int | None) -> Tail | None:
    """The tail, from the lines behind `start`; None where they do not tell.

    `number` is that of the last step before them. Where it is None, `start` may lie within a line and within an append.
    """
    lines, is_start = _lines(log, start), start == 0
    if number is None and not is_start:
        start += len(lines.pop(0))
    records = _in_lines(lines, log_id)
    torn = _steps.torn_from(records)
    sound = [record for record in records[:torn] if isinstance(record, Step)]
    tells = sound if is_start else any(map(_steps.begins, sound)) and any(step.number for step in sound)
    if number is None and not tells:
        return None
    last, lost = number or 0, 0
    for record in records[:torn]:
        if isinstance(record, Lost):
            lost += 1
        elif record.number > last:
            last, lost = record.number, 0
    # A number that a lost record may have is not given again.
    return Tail(last + lost, start + sum(map(len, lines[:torn])))


def _cut(root: int, name: str, log: int, size: int) -> None:
    torn = b"".join(_lines(log, size))
    # A write that was only cut short ends within a record. What ends in a line feed may have been whole once.
    if b"\n" in torn:
        _folder.set_aside(root, name, torn)
    os.ftruncate(log, size)
    # Else a crash may bring the torn bytes back, among those that are written next.
    os.fsync(log)


class FolderLayout:
    """`<id>/`, and in it `meta.json`, `step-<number>.json` and `claim-<digest>`. Files are named once whole."""

    suffix = ""

    def opened(self, root: int, name: str, *, to_write: bool) -> AbstractContextManager[int]:  # noqa: ARG002 - see FileLayout
        return _folder.entry(root, name, is_folder=True)

    def create(self, root: int, name: str, meta: bytes) -> None:
        with _folder.new_folder(root, name) as log:
            _folder.create(log, _META, meta)

    def remove(self, root: int, name: str) -> bool:
        existed = _folder.has(root, name)
        if existed:
            _folder.take_away(root, name)
        else:
            # Whoever removed it may have died before this.
            os.fsync(root)
        return existed

    def clear(self, root: int) -> None:
        """Nothing is left to do: a log has a temporary name before anything in it is removed."""

    def records(self, log: int, log_id: str) -> Records:
        metas = [_in_file(log, 0, log_id)] if _folder.has(log, _META) else []
        return [*metas, *(_in_file(log, number, log_id) for number in sorted(_numbers(log)))]

    def tail(self, root: int, name: str, log: int, log_id: str, known: Tail | None) -> Tail:  # noqa: ARG002 - see FileLayout
        number = known.number if known else _last(log, log_id)
        # Others may have appended.
        while _folder.has(log, _file_name(number + 1)):
            number += 1
        return Tail(number)

    def append(self, log: int, tail: Tail, steps: Sequence[bytes]) -> Tail:
        for number, step in enumerate(steps, tail.number + 1):
            try:
                # One after the other: in whatever order a disk takes names, it leaves no hole.
                _folder.write(log, _file_name(number), step)
            except BaseException:
                with suppress(OSError):
                    os.unlink(_file_name(number), dir_fd=log)
                raise
        return Tail(tail.number + len(steps))

    def describe(self, log: int, tail: Tail, meta: bytes, log_id: str) -> Tail:
        if isinstance(_in_file(log, 0, log_id), Lost):
            _folder.keep_aside(log, _META)
        _folder.write(log, _META, meta)
        return tail

    def claim(self, root: int, name: str, log: int, digest: str) -> bool:  # noqa: ARG002 - see FileLayout
        return _is_new(log, _CLAIM + digest)


def _is_new(folder: int, name: str) -> bool:
    """Make an empty file, durably; False where there is one."""
    try:
        _folder.create(folder, name)
    except FileExistsError:
        return False
    return True


def _file_name(number: int) -> str:
    """The name of a step's file; that of the meta for 0."""
    return f"step-{number}.json" if number else _META


def _numbers(log: int) -> list[int]:
    return [int(match[1]) for name in _folder.names(log) if (match := _STEP.fullmatch(name))]


def _in_file(log: int, number: int, log_id: str) -> Step | Lost:
    try:
        data = _folder.read(log, _file_name(number))
        step = _steps.decode(data or b"", log_id)
    except Corrupt as error:
        return Lost(str(error), number or None)
    return step if step.number == number else Lost(f"the file holds step {step.number}; it was renamed", number or None)


def _last(log: int, log_id: str) -> int:
    """The number of the last step, found from scratch; what writers left that died is cleared.

    Raises:
        Corrupt: Neither it nor the meta can be read.
    """
    _folder.clear(log)
    number = max(_numbers(log), default=0)
    # Both are looked at: either may be of a newer version.
    if not [each for each in (0, number) if isinstance(_in_file(log, each, log_id), Step)]:
        raise Corrupt("neither the meta nor the last step of the log can be read; delete it")
    return number


Layout: TypeAlias = FileLayout | FolderLayout
