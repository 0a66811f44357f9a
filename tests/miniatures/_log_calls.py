"""LOG-5 to LOG-7: stores that refuse, create or describe wrong."""

import json
import time
from contextlib import suppress
from typing import Any, ClassVar

from miniatures._clean_logs import CleanCreated, CleanLog, CleanStep, Log, Record
from miniatures._folder import Document, Items
from miniatures._table import breaks
from sessionproof import InvalidDocument, InvalidId, NotFound

# -- LOG-5: refused batches --------------------------------------------------------------------------------------------


@breaks("LOG-5", "wrong-entries", also="FMT-4")
class PrefixIsKept(CleanLog):
    """The entries of a batch are written one by one, and those before the one that is refused stay."""

    def append(self, id: str, entries: Items) -> Items:
        return [number for entry in entries for number in super(PrefixIsKept, self).append(id, [entry])]


@breaks("LOG-5", "wrong-entries")
class RefusedIsWrittenLater(CleanLog):
    """What was valid in a refused batch stays in a buffer, and is written with the next one."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.waiting: dict[str, Items] = {}

    def append(self, id: str, entries: Items) -> Items:
        waiting = self.waiting.pop(id, [])
        try:
            return super().append(id, waiting + entries)[len(waiting) :]
        except InvalidDocument:
            self.waiting[id] = waiting + [entry for entry in entries if isinstance(entry, dict)]
            raise


@breaks("LOG-5", "wrong-entries", also="FMT-4")
class RefusedIsWritten(CleanStep):
    """A batch with an entry that the schema refuses is refused after the others were written."""

    def append(self, id: str, entries: Items) -> Items:
        try:
            return super().append(id, entries)
        except InvalidDocument:
            for entry in entries:
                with suppress(InvalidDocument):
                    super().append(id, [entry])
            raise


@breaks("LOG-5", "not-gone", also="FMT-8")
class AppendMakesWhatIsNotFound(CleanCreated):
    """An append to a log that was not created is refused, and the entries are there all the same."""

    def append(self, id: str, entries: Items) -> Items:
        try:
            return super().append(id, entries)
        except NotFound:
            self.add(id, "entry", entries, makes_log=True)
            raise


@breaks("LOG-5", "not-gone", also="IDS")
class RefusedIdIsUsed(CleanLog):
    """An id with a slash is refused after the entries were written."""

    def append(self, id: str, entries: Items) -> Items:
        numbers = super().append(id, entries)
        if "/" in id:
            raise InvalidId("no path")
        return numbers


# -- LOG-6: created ids ------------------------------------------------------------------------------------------------


class Counting(CleanCreated):
    """A base: how often each thing was counted is kept in a file."""

    def count(self, thing: str) -> int:
        """One more than the last time, beginning with 1."""
        counts: dict[str, int] = json.loads(self.bytes_of("counts") or b"{}")
        counts[thing] = counts.get(thing, 0) + 1
        self.write("counts", json.dumps(counts).encode())
        return counts[thing]


@breaks("LOG-6", "id-given-twice", also="IDS STO-6 COR-4")
class IdsAreJoined(Counting):
    """The id is the agent, the creator and a number of the pair, joined by `-`; long names are refused."""

    def new_id(self, agent: str, created_by: str) -> str:
        return f"{agent}-{created_by}-{self.count(json.dumps([agent, created_by]))}"


@breaks("LOG-6", "id-given-twice", also="STO-3 IDS-4 IDS-5")
class IdsAreUsedAgain(CleanCreated):
    """The id is one above the highest there is, so that that of a deleted log is given again."""

    def new_id(self, agent: str, created_by: str) -> str:  # noqa: ARG002 - the defect
        return str(max(map(int, self.list()), default=0) + 1)


@breaks("LOG-6", "id-given-twice", also="STO-4 STO-6 IDS-4 IDS-5")
class IdsAreOneAboveTheCount(CleanCreated):
    """The id is one above the count of logs: after a delete that is one that is there."""

    def new_id(self, agent: str, created_by: str) -> str:  # noqa: ARG002 - the defect
        return str(len([*self.list()]) + 1)


@breaks("LOG-6", "id-given-twice", also="STO FMT IDS COR SEC ATM-1 ATM-4 ATM-6 ATM-9")
class IdsAreSeconds(CleanCreated):
    """The id is the time in seconds."""

    def new_id(self, agent: str, created_by: str) -> str:  # noqa: ARG002 - the defect
        return str(int(time.time()))


@breaks("LOG-6", "latest-of-another", also="STO-9 IDS-4")
class LatestByPrefix(CleanCreated):
    """`latest` takes every agent whose name begins with the one that is asked for."""

    def is_of(self, log: Log, agent: str, created_by: str) -> bool:
        made = self.made(log)
        return made["agent"].startswith(agent) and made["created_by"] == created_by

    @staticmethod
    def made(log: Log) -> dict[str, str]:
        """Who made the log."""
        created = log.last("created")
        return created.value if created else {"agent": "", "created_by": ""}


@breaks("LOG-6", "latest-of-another", also="STO-9")
class LatestJoins(CleanCreated):
    """`latest` compares the names with `-` between them."""

    def is_of(self, log: Log, agent: str, created_by: str) -> bool:
        created = log.last("created")
        return created is not None and "-".join(created.value.values()) == f"{agent}-{created_by}"


@breaks("LOG-6", "latest-of-another", also="STO-9 IDS-4 IDS-5")
class LatestOfAgent(CleanCreated):
    """`latest` does not look at the creator."""

    def is_of(self, log: Log, agent: str, created_by: str) -> bool:  # noqa: ARG002 - the defect
        created = log.last("created")
        return created is not None and created.value["agent"] == agent


# -- LOG-7: metadata ---------------------------------------------------------------------------------------------------


@breaks("LOG-7", "meta-wrong")
class DescribeMerges(CleanLog):
    """What is described is put over the old metadata, so that a member that is no longer there stays."""

    fidelity: ClassVar[str | dict[str, Any]] = {
        "schema": {
            "$defs": {
                "entry": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
                "meta": {
                    "type": "object",
                    "properties": {"title": {"type": "string"}, "mood": {"type": "string"}},
                    "additionalProperties": False,
                },
            }
        }
    }

    def describe(self, id: str, meta: Any) -> None:
        log = self.get(id)
        old = (self.meta(log) if log else None) or {}
        super().describe(id, {**old, **meta} if isinstance(meta, dict) else meta)


@breaks("LOG-7", "wrong-entries", also="FMT-2")
class DescribeIsABoundary(CleanLog):
    """Entries before the metadata are no longer read."""

    def is_boundary(self, record: Record) -> bool:
        return record.kind in {"boundary", "meta"}


@breaks("LOG-7", "meta-wrong", also="STO-7 FMT-2 IDS-3 IDS-4 IDS-5 IDS-6 COR-1 ATM-1 ATM-4 ATM-9")
class MetaUntilRestart(CleanLog):
    """The metadata that an earlier process described are not read."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.opened = time.time_ns()

    def meta(self, log: Log) -> Document | None:
        meta = log.last("meta")
        return meta.value if meta and meta.at >= self.opened else None


@breaks("LOG-7", "meta-wrong", also="IDS-3 IDS-4 IDS-5 IDS-6 COR-1 ATM-1 ATM-4 ATM-6 ATM-9")
class MetaUntilAppend(CleanLog):
    """The metadata are read from the last line, so that what is written behind them hides them."""

    def meta(self, log: Log) -> Document | None:
        return log.records[-1].value if log.records[-1].kind == "meta" else None


@breaks("LOG-7", "meta-wrong")
class FirstMetaCounts(CleanCreated):
    """The metadata stay those that were there first."""

    def meta(self, log: Log) -> Document | None:
        return next((record.value for record in log.records if record.kind == "meta"), None)
