"""What a log is made of, for the small stores of logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from miniatures._folder import Document, Items
from sessionproof import Corrupt


@dataclass(frozen=True, slots=True)
class Record:
    """One line. `number` and `batch` are None where it is no step."""

    kind: str
    value: Document
    number: int | None
    batch: int | None
    at: int

    @property
    def begins(self) -> bool:
        """Whether it is the first that its call wrote."""
        return self.number is None or self.batch is None or self.batch >= self.number


Records: TypeAlias = list[Record]
Found: TypeAlias = Sequence[Record | Corrupt]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next record goes: behind the highest number, and behind so many bytes."""

    highest: int
    end: int


@dataclass(frozen=True, slots=True)
class Log:
    """What one file comes to: the records that count, in order, and what could not be read."""

    records: Records
    damage: Items
    place: Place

    @property
    def created(self) -> int:
        """When the oldest record was written."""
        return min(record.at for record in self.records)

    @property
    def changed(self) -> int:
        """When the last record was written, other than a claim."""
        return max((record.at for record in self.records if record.kind != "claim"), default=0)

    def last(self, kind: str) -> Record | None:
        """The last record of the kind."""
        return next((record for record in reversed(self.records) if record.kind == kind), None)
