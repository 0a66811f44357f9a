"""LOG-1 to LOG-4: stores that do not read what was appended, or number it wrong."""

import time
from dataclasses import replace

from miniatures._clean_folders import CleanStepFolder
from miniatures._clean_logs import CleanLog, CleanStep, Log, Place, Record, Records
from miniatures._folder import Document, Items
from miniatures._table import breaks

# -- LOG-1: entries and numbers ----------------------------------------------------------------------------------------


@breaks("LOG-1", "wrong-entries")
class LastOfBatchIsLost(CleanLog):
    """Of a batch of several entries the last is not read."""

    def history(self, log: Log) -> Records:
        entries = super().history(log)
        following = [*(record.batch for record in entries[1:]), None]
        return [
            record
            for record, next_batch in zip(entries, following, strict=False)
            if record.batch in {record.number, next_batch}
        ]


@breaks("LOG-1", "wrong-order", also="ATM-1 ATM-4 ATM-9")
class BatchIsReversed(CleanLog):
    """The entries of a batch are written last first, as from a stack."""

    def append(self, id: str, entries: Items) -> Items:
        return super().append(id, entries[::-1])


@breaks("LOG-1", "numbers-wrong", also="COR-9")
class NumbersAreCounted(CleanLog):
    """The first number after a start is one above the count of entries: one that an event has is given again."""

    def replay(self, data: bytes, id: str) -> Log:
        log = super().replay(data, id)
        entries = [record for record in log.records if record.kind == "entry"]
        return replace(log, place=Place(len(entries), log.place.end))

    def is_repeated(self, number: int, highest: int) -> bool:  # noqa: ARG002 - the defect
        return False


@breaks("LOG-1", "numbers-wrong", also="STO-3 FMT-2 FMT-8 IDS-2 IDS-5 IDS-6")
class NumbersFromZero(CleanLog):
    """The numbers that an append answers begin with 0."""

    def append(self, id: str, entries: Items) -> Items:
        return [number - 1 for number in super().append(id, entries)]


@breaks("LOG-1", "numbers-wrong", also="IDS-5 IDS-6")
class EventsHaveNumbersOfTheirOwn(CleanLog):
    """Events are counted apart, so that entries before and behind them have numbers that follow each other."""

    steps = frozenset({"entry", "boundary"})


@breaks("LOG-1", "wrong-entries", also="ATM-7")
class RetryIsDropped(CleanLog):
    """An append that equals the one before is taken for a retry: it is acknowledged and not read."""

    def history(self, log: Log) -> Records:
        batches: dict[int | None, Items] = {}
        for record in super().history(log):
            batches.setdefault(record.batch, []).append(record)
        kept: Records = []
        before: Items = []
        for batch in batches.values():
            values = [record.value for record in batch]
            kept += batch if values != before else []
            before = values
        return kept


@breaks("LOG-1", "wrong-entries")
class LastIsReadTwice(CleanLog):
    """What was appended last is still in a buffer when it is in the file, and is read from both."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.buffers: dict[str, Items] = {}

    def append(self, id: str, entries: Items) -> Items:
        numbers = super().append(id, entries)
        self.buffers[id] = entries if len(entries) > 1 else []
        return numbers

    def read(self, id: str) -> Document | None:
        answer = super().read(id)
        return answer and {**answer, "entries": answer["entries"] + self.buffers.get(id, [])}


# -- LOG-2: boundaries -------------------------------------------------------------------------------------------------


@breaks("LOG-2", "boundary-ignored", also="IDS-3 IDS-4 IDS-5 IDS-6")
class BoundaryIsIgnored(CleanLog):
    """All entries are read, those before the boundary too."""

    def is_boundary(self, record: Record) -> bool:  # noqa: ARG002 - the defect
        return False


@breaks("LOG-2", "boundary-ignored", also="STO-7 IDS-3 IDS-4 IDS-5 IDS-6 ATM-1 ATM-4 ATM-9")
class BoundaryUntilRestart(CleanLog):
    """Boundaries are kept in memory beside the file, and those of an earlier process are not looked for."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.opened = time.time_ns()

    def is_boundary(self, record: Record) -> bool:
        return super().is_boundary(record) and record.at >= self.opened


@breaks("LOG-2", "archive-wrong")
class FirstArchive(CleanLog):
    """The archive of the first boundary is named."""

    def archive(self, log: Log) -> str | None:
        return next((record.value["archive"] for record in log.records if record.kind == "boundary"), None)


@breaks("LOG-2", "archive-wrong", also="IDS-3 IDS-4 IDS-5 IDS-6 COR-1 ATM-1 ATM-4 ATM-6 ATM-9")
class ArchiveUntilAppend(CleanLog):
    """The archive is named only as long as nothing stands behind the boundary."""

    def archive(self, log: Log) -> str | None:
        return None if self.history(log) else super().archive(log)


@breaks("LOG-2", "boundary-ignored")
class FirstBoundaryCounts(CleanLog):
    """Reading resumes behind the first boundary, whatever boundaries follow."""

    def since_boundary(self, log: Log) -> Records:
        first = next((index for index, record in enumerate(log.records) if self.is_boundary(record)), -1)
        return log.records[first + 1 :]


@breaks("LOG-2", "boundary-ignored")
class LegacyIsNoBoundary(CleanStep):
    """A boundary that names no archive is not taken for one."""

    def is_boundary(self, record: Record) -> bool:
        return super().is_boundary(record) and "archive" in record.value


@breaks("LOG-2", "archive-wrong", also="FMT-2")
class LegacyKeepsArchive(CleanStep):
    """Behind a boundary without an archive that of an earlier boundary is named."""

    def archive(self, log: Log) -> str | None:
        named = [record.value["archive"] for record in log.records if "archive" in record.value]
        return named[-1] if named else None


@breaks("LOG-2", "wrong-entries")
class LegacyTextIsAnEntry(CleanStep):
    """The inline summary of a legacy boundary is read as the first message."""

    def read(self, id: str) -> Document | None:
        answer, log = super().read(id), self.get(id)
        boundary = log.last("boundary") if log else None
        if answer is None or boundary is None or "text" not in boundary.value:
            return answer
        summary = {"role": "user", "content": [{"type": "text", "text": boundary.value["text"]}]}
        return {**answer, "entries": [summary, *answer["entries"]]}


# -- LOG-3: events -----------------------------------------------------------------------------------------------------


@breaks("LOG-3", "event-in-history", also="COR-1 COR-2 COR-3 COR-7 ATM-9")
class EventsAreHistory(CleanLog):
    """Events are read among the entries."""

    def history(self, log: Log) -> Records:
        return [record for record in self.since_boundary(log) if record.kind in {"entry", "event"}]


@breaks("LOG-3", "event-in-history", also="STO-7 COR-1 COR-2 COR-3 COR-7 ATM-9")
class EventsAreHistoryAfterRestart(CleanLog):
    """Which records are events is known only to the process that wrote them."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.opened = time.time_ns()

    def history(self, log: Log) -> Records:
        own = [record for record in self.since_boundary(log) if record.kind == "event" and record.at < self.opened]
        return sorted([*super().history(log), *own], key=lambda record: record.number or 0)


@breaks("LOG-3", "event-in-history", also="COR-1 COR-2 ATM-6 ATM-9")
class LastEventIsHistory(CleanLog):
    """An event is read as long as it is the last step: nobody waits for the call that it belongs to."""

    def history(self, log: Log) -> Records:
        steps = [record for record in self.since_boundary(log) if record.kind in self.steps]
        return super().history(log) + [record for record in steps[-1:] if record.kind == "event"]


@breaks("LOG-3", "event-in-history", also="COR-1 COR-2 COR-3 COR-7 ATM-9")
class SteeringIsHistory(CleanStep):
    """An event that has a text of the user is read as a message."""

    def history(self, log: Log) -> Records:
        records = [self.as_message(record) for record in self.since_boundary(log)]
        return [record for record in records if record.kind == "entry"]

    @staticmethod
    def as_message(record: Record) -> Record:
        """The record, as an entry where it is such an event."""
        if record.kind != "event" or "text" not in record.value:
            return record
        message = {"role": "user", "content": [{"type": "text", "text": record.value["text"]}]}
        return replace(record, kind="entry", value=message)


# -- LOG-4: digits of the numbers --------------------------------------------------------------------------------------


class Sorted(CleanLog):
    """A base: entries are sorted by their numbers as text, filled up to a width."""

    width = 0

    def history(self, log: Log) -> Records:
        return sorted(super().history(log), key=lambda record: str(record.number).zfill(self.width))


@breaks("LOG-4", "wrong-order", also="LOG-1 COR-9")
class SortedAsText(Sorted):
    """Entries are sorted by their numbers as text: 10 comes before 9."""


@breaks("LOG-4", "wrong-order", also="LOG-1 COR-9")
class SortedAsNames(CleanStepFolder, Sorted):
    """Entries are sorted by the names of their files: step-10.json comes before step-9.json."""


@breaks("LOG-4", "wrong-order")
class SortedAsThreeDigits(Sorted):
    """Entries are sorted by their numbers as text of three digits: 1000 comes before 999."""

    width = 3


@breaks("LOG-4", "wrong-order")
class SortedAsSixDigits(CleanStep, Sorted):
    """Entries are sorted by their numbers as text of six digits: 1000000 comes before 999999."""

    width = 6


@breaks("LOG-4", "numbers-wrong")
class NumbersAreCut(CleanLog):
    """Numbers have two digits, and the one after 99 is 0."""

    def append(self, id: str, entries: Items) -> Items:
        return [number % 100 for number in super().append(id, entries)]


@breaks("LOG-4", "wrong-entries")
class LastHundred(CleanLog):
    """Only the last hundred entries are read."""

    def history(self, log: Log) -> Records:
        return super().history(log)[-100:]
