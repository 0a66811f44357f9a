"""What a log holds, and whether a reading of it is right: of a whole log, or of one that the kit has damaged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal, TypeAlias, cast

from sessionproof._json import JSON, Object, Value

Harm: TypeAlias = Literal["", "shorter", "told"]
"""What the kit knows of its damage to a log: nothing more; what is left may be a whole shorter log (`shorter`); steps
in the middle are damaged, missing or repeated, which must be told (`told`)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What `read` answers of a log that is there."""

    entries: tuple[Value, ...]
    archive: JSON
    meta: Value
    damage: bool

    @classmethod
    def of(cls, result: Object) -> "Reading":
        """Take an answer apart."""
        entries = tuple(Value.of(entry) for entry in cast("list[JSON]", result.get("entries", [])))
        return cls(entries, result.get("archive"), Value.of(result.get("meta")), bool(result.get("damage")))


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong about a reading; `requirement` is the one that this breaks whatever came before it."""

    fault: str
    summary: str
    requirement: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Everything that was put into a log.

    `boundaries` are the places in `entries` before which nothing is read, each with its archive; `meta` is what was
    last described, None where nothing was; then `strange` are those described on another log or in an earlier
    life of this one, each with the requirement that it would break to read them. `events` counts the events that no
    reading may give. `last` is the number of the last step, None where the store tells no
    numbers. `exact`: the next number is one above it; otherwise some may have been burned. With `holes` there may be
    numbers that no step has, and a reader may name them. With `front` there may be entries before the first that is
    known. `added` counts the entries since the kit damaged the log, and `readable` is what was read of it before them.
    """

    entries: tuple[Value, ...] = ()
    boundaries: tuple[tuple[int, JSON], ...] = ()
    meta: Value | None = None
    strange: Mapping[str, str] = field(default_factory=dict[str, str])
    events: int = 0
    last: int | None = 0
    exact: bool = True
    holes: bool = False
    front: bool = False
    harm: Harm = ""
    added: int = 0
    readable: tuple[Value, ...] | None = None

    @classmethod
    def read(cls, result: Object) -> "History":
        """What an answer of `read` lets one believe."""
        reading = Reading.of(result)
        return cls(reading.entries, ((0, reading.archive),), last=None, exact=False, holes=True, front=True)

    @property
    def since(self) -> tuple[int, JSON]:
        """Where reading begins, and the archive that it names."""
        return self.boundaries[-1] if self.boundaries else (0, None)

    @property
    def now(self) -> tuple[Value, ...]:
        """The entries that reading gives."""
        return self.entries[self.since[0] :]

    @property
    def json(self) -> JSON:
        """The entries that reading gives, as JSON."""
        return [entry.json for entry in self.now]

    @property
    def key(self) -> str:
        """The entries that reading gives, as text."""
        return f"[{','.join(entry.key for entry in self.now)}]"

    def appended(self, entries: Sequence[Value], numbers: Sequence[int] | None) -> "History":
        """The history after these entries, which were given these numbers."""
        last = None if numbers is None or not numbers else max(numbers)
        return replace(self, entries=(*self.entries, *entries), last=last, exact=True, added=self.added + len(entries))

    def stepped(self, steps: int) -> "History":
        """The history after steps that no reading gives, of which no numbers are told."""
        return replace(self, last=None if self.last is None else self.last + steps)

    def cut(self, archive: JSON) -> "History":
        """The history after a boundary."""
        return replace(
            self.stepped(1), boundaries=(*self.boundaries, (len(self.entries), archive)), added=0, readable=None
        )

    def burned(self) -> "History":
        """The history after a write of which it is not known what it has left."""
        return replace(self, exact=False, holes=True)

    def misnumbered(self, numbers: Sequence[int]) -> str | None:
        """What is wrong about the numbers that an append answers; None where they are right."""
        if any(later != earlier + 1 for earlier, later in pairwise(numbers)):
            return "numbers of one batch that do not rise by one"
        if self.last is not None and self.exact and numbers[0] != self.last + 1:
            return f"the number {numbers[0]} behind step {self.last}"
        if self.last is not None and numbers[0] <= self.last:
            return f"the number {numbers[0]}, which is not above {self.last}"
        return None if numbers[0] > 0 else f"the number {numbers[0]}"

    def mistake(self, reading: Reading) -> Mistake | None:
        """What is wrong about a reading of the whole log."""
        if reading.entries != self.now:
            return self._of_entries(reading.entries)
        if reading.archive != self.since[1]:
            return Mistake("archive-wrong", "Reading names another archive than that of the last boundary.", "LOG-2")
        if self.meta is not None and reading.meta != self.meta:
            return Mistake("meta-wrong", "Reading gives other metadata than were described last.", "LOG-7")
        if self.meta is None and reading.meta.key in self.strange:
            return Mistake("meta-wrong", "Reading gives the metadata of another log.", self.strange[reading.meta.key])
        if reading.damage and not self.holes:
            return Mistake("damage-reported", "Reading names damage in a log that has none.", "LOG-1")
        return None

    def _of_entries(self, entries: tuple[Value, ...]) -> Mistake:
        more = len(entries) > len(self.now)
        if more and self.boundaries and entries == self.entries[-len(entries) :]:
            return Mistake("boundary-ignored", "Reading gives entries from before the last boundary.", "LOG-2")
        known = {entry.key for entry in self.entries}
        strangers = [entry for entry in entries if entry.key not in known]
        if self.events and strangers and tuple(entry for entry in entries if entry.key in known) == self.now:
            return Mistake("event-in-history", "Reading gives more than the entries, after events.", "LOG-3")
        if sorted(entry.key for entry in entries) == sorted(entry.key for entry in self.now):
            return Mistake("wrong-order", "Reading gives the entries in another order than they were appended in.")
        return Mistake("wrong-entries", "Reading gives other entries than were appended.")

    def harmed_mistake(self, reading: Reading) -> Mistake | None:
        """What is wrong about a reading of a log that the kit has damaged.

        Right are the truth; part of it, in order, with the damage named; and a shorter log where that is what is left.
        """
        if self.added and self.readable is not None:
            return self._goes_on_mistake(reading)
        if reading.damage:
            known = self._ends_with_added(reading) and self._known(reading.entries)
            return None if known else Mistake("wrong-entries", "Reading a damaged log gives entries that it never had.")
        right = self.mistake(reading) is None
        if (right and self.harm != "told") or (self.harm == "shorter" and self._shorter(reading)):
            return None
        if self.added and self.harm != "told" and self._ends_with_added(reading) and self._known(reading.entries):
            # The writer has cut the torn tail off, as it must, and a log without it is whole.
            return None
        return Mistake("damage-silent", "Reading a damaged log names no damage.")

    def _goes_on_mistake(self, reading: Reading) -> Mistake | None:
        """What is wrong after an append to a damaged log: what could be read is still there, and the new entries."""
        new = self.entries[-self.added :]
        if reading.entries not in {self.now, (*(self.readable or ()), *new)}:
            text = "After an append to a damaged log, reading does not give what it gave before and the new entries."
            return Mistake("wrong-entries", text)
        if self.harm == "told" and not reading.damage:
            return Mistake("damage-silent", "Reading a damaged log names no damage.")
        return None

    def _known(self, entries: Sequence[Value]) -> bool:
        """Whether these are entries of the log, in its order; what stood before the first may be unknown."""
        known = {entry.key for entry in self.entries}
        first = next((at for at, entry in enumerate(entries) if entry.key in known), len(entries)) if self.front else 0
        return _in_order(entries[first:], self.entries)

    def _ends_with_added(self, reading: Reading) -> bool:
        return not self.added or reading.entries[-self.added :] == self.entries[-self.added :]

    def _shorter(self, reading: Reading) -> bool:
        """Whether the log once read so."""
        length = len(reading.entries)
        return any(
            reading.archive == archive and reading.entries == self.entries[start : start + length]
            for start, archive in ((0, None), *self.boundaries)
        )


def _in_order(part: Sequence[Value], whole: Sequence[Value]) -> bool:
    """Whether all of the part stands in the whole, in the same order."""
    rest = iter(whole)
    return all(any(value == other for other in rest) for value in part)
