"""What is wrong with a log as a whole: its numbers, its id, and where its damage lies (spec/logs.md)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sessionproof import _validate_bytes
from sessionproof._json import Object
from sessionproof._validate_bytes import Fault

_META = "meta.json"
_STEP = re.compile(r"step-([1-9][0-9]*)\.json")
_NO_LINE_FEED = Fault("F-LOG-8", "no line feed at its end")
_DAMAGE = {"F-DSK-2", "F-DSK-3", "F-DSK-5", _NO_LINE_FEED.rule}


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a log; `line` is None where it has a file of its own. `faults` are those of its own bytes."""

    path: Path
    line: int | None
    value: Object | None
    faults: tuple[Fault, ...]

    @property
    def is_step(self) -> bool:
        """Whether the record says that it is one."""
        return self.value is not None and self.value.get("format") == "step"

    @property
    def damage(self) -> Fault | None:
        """What shows that these are not the bytes that were written; None for a whole record, valid or not."""
        return next((fault for fault in self.faults if fault.rule in _DAMAGE), None)

    @property
    def number(self) -> int | None:
        """The number of the step; None for a meta, and where it cannot be known."""
        number = None if self.damage or self.value is None else self.value.get("number")
        return number if isinstance(number, int) else None

    @property
    def log_id(self) -> str | None:
        """The id of the log that the record says it belongs to."""
        id = self._store("id")
        return id if isinstance(id, str) else None

    @property
    def begins_an_append(self) -> bool:
        """Whether the record is whole, and the first that its append wrote."""
        batch = self._store("batch")
        return not (self.damage or (self.number is not None and isinstance(batch, int) and batch < self.number))

    def _store(self, member: str) -> object:
        store = (self.value or {}).get("store")
        return store.get(member) if isinstance(store, dict) else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one record of a log; `hole` is the numbers that no step has, from and to, just before it."""

    record: Record
    faults: tuple[Fault, ...]
    hole: tuple[int, int] | None = None


def log_file(path: Path) -> Iterator[Verdict]:
    """The verdicts on a log that is one file, in order; none where it is empty."""
    lines: list[bytes] = re.findall(rb"[^\n]*\n|[^\n]+", path.read_bytes())
    records = [record(path, content, line) for line, content in enumerate(lines, 1)]
    if lines and not lines[-1].endswith(b"\n"):
        records[-1] = replace(records[-1], faults=(*records[-1].faults, _NO_LINE_FEED))
    return _judged(records)


def log_folder(records: Sequence[Record]) -> Iterator[Verdict]:
    """The verdicts on a log that is a folder, given the records in all its files whose names end in `.json`."""
    steps: dict[int, Record] = {}
    others: list[Record] = []
    for one in records:
        found = _STEP.fullmatch(one.path.name)
        if found is not None:
            steps[int(found[1])] = _in_place(one, int(found[1]))
        elif one.path.name == _META:
            others.append(_in_place(one, None))
        else:
            others.append(replace(one, faults=(Fault("F-LOG-7", f"is neither {_META} nor step-<number>.json"),)))
    return _judged([steps[number] for number in sorted(steps)], others)


def record(path: Path, content: bytes, line: int | None = None) -> Record:
    """The record in the bytes of a file, or of a line."""
    value, faults = _validate_bytes.read(content)
    return Record(path, line, value, tuple(faults))


def _in_place(one: Record, number: int | None) -> Record:
    """The record with what is wrong about its being in a file of this name."""
    if one.faults or one.number == number:
        return one
    holds = "a meta" if one.number is None else f"step {one.number}"
    return replace(one, faults=(Fault("F-LOG-7", f"holds {holds}"),))


def _judged(records: Sequence[Record], others: Sequence[Record] = ()) -> Iterator[Verdict]:
    own_id = next((one.log_id for one in (*others, *records) if one.log_id is not None and not one.damage), None)
    for one in others:
        yield Verdict(one, _own_faults(one, own_id))
    tail, highest = _start_of_torn_tail(records), 0
    number_lost = False
    for one in records[:tail]:
        faults, hole = _own_faults(one, own_id), None
        if one.number is not None:
            if one.number <= highest:
                faults = (*faults, Fault("F-LOG-1", f"the number {one.number} stands behind {highest}"))
            elif one.number > highest + 1 and not number_lost:
                hole = highest + 1, one.number - 1
            highest = max(highest, one.number)
        number_lost = bool(faults)
        yield Verdict(one, faults, hole)
    for one in records[tail:]:
        yield Verdict(one, (_torn(one),))


def _own_faults(one: Record, log_id: str | None) -> tuple[Fault, ...]:
    if one.damage is not None:
        return (Fault("F-LOG-10", f"damaged: {one.damage.what}", one.damage.line),)
    if not one.faults and not one.is_step:
        return (Fault("F-DSK-4", "format: a log has steps alone"),)
    if isinstance((one.value or {}).get("number"), float):
        return (*one.faults, Fault("F-LOG-1", "number: not written in digits alone"))
    if one.log_id not in {None, log_id}:
        return (*one.faults, Fault("F-LOG-6", f"store.id: of the log {one.log_id!r}, not of {log_id!r}"))
    return one.faults


def _start_of_torn_tail(records: Sequence[Record]) -> int:
    """Where the torn tail begins: at the first record of the last append that is lost or damaged."""
    start = max((index for index, one in enumerate(records) if one.begins_an_append), default=-1)
    before = records[start].number if start >= 0 else None
    for index, one in enumerate(records[start + 1 :], start + 1):
        if one.damage or before is None or one.number != before + 1:
            return index
        before = one.number
    return len(records)


def _torn(one: Record) -> Fault:
    if one.damage is not None:
        return Fault("F-LOG-9", f"torn tail: {one.damage.what}", one.damage.line)
    return Fault("F-LOG-9", f"torn tail: step {one.number} is left of an append whose beginning or middle is lost")
