"""Stores of logs with defects that a review of the probes found missed."""

import json
import re
from dataclasses import replace
from typing import Any

from miniatures._clean_logs import CleanCreated, CleanLog, Log, Place, Records
from miniatures._clean_secrets import CleanSecrets
from miniatures._folder import Document, Items
from miniatures._table import breaks
from sessionproof import Corrupt


@breaks("LOG-1", "numbers-wrong")
class LastEventsAreForgotten(CleanLog):
    """After a start the next number follows that of the last entry: events and boundaries behind it are not counted."""

    def replay(self, data: bytes, id: str) -> Log:
        log = super().replay(data, id)
        numbers = [record.number or 0 for record in log.records if record.kind == "entry"]
        return replace(log, place=Place(max(numbers, default=0), log.place.end))

    def is_repeated(self, number: int, highest: int) -> bool:  # noqa: ARG002 - the defect
        return False


@breaks("LOG-2", "archive-wrong")
class ArchiveIsASlug(CleanLog):
    """The name of an archive is made one for file systems, and given back so."""

    def compact(self, id: str, archive: str) -> None:
        super().compact(id, re.sub(r"[^a-z0-9-]", "-", archive.lower()))


@breaks("LOG-5", "not-gone")
class FirstBatchIsNotOne(CleanLog):
    """The first batch of a log is written entry by entry: a refused one leaves the log, and what was before."""

    def append(self, id: str, entries: Items) -> Items:
        if self.exists(id):
            return super().append(id, entries)
        return [number for entry in entries for number in super(FirstBatchIsNotOne, self).append(id, [entry])]


@breaks("LOG-7", "meta-wrong", also="STO-6 STO-7 STO-3")
class MetaOfTheLast(CleanLog):
    """A log without metadata has those that were described last."""

    last: Any = None

    def describe(self, id: str, meta: Any) -> None:
        super().describe(id, meta)
        self.last = meta

    def read(self, id: str) -> Document | None:
        answer = super().read(id)
        return answer and {**answer, "meta": answer["meta"] or self.last}


@breaks("FMT-2", "wrong-entries", also="LOG")
class EntriesAreEvents(CleanLog):
    """An entry that says of itself that it is an event is taken for one."""

    def history(self, log: Log) -> Records:
        return [record for record in super().history(log) if record.value.get("type") != "event"]


@breaks("FMT-5", "secret-on-disk")
class ArchivesSecrets(CleanSecrets):
    """What a boundary cuts off is archived as it was given, with the secret."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.given: dict[str, Items] = {}

    def append(self, id: str, entries: Items) -> Items:
        numbers = super().append(id, entries)
        self.given.setdefault(id, []).extend(entries)
        return numbers

    def compact(self, id: str, archive: str) -> None:
        super().compact(id, archive)
        self.write("archive", json.dumps(self.given.pop(id, [])).encode())


@breaks("IDS-4", "outside-changed", also="IDS-5 LOG-6 SEC")
class AgentsAreFolders(CleanCreated):
    """There is a folder for every agent, by its name."""

    def create(self, agent: str, created_by: str) -> str:
        folder = self.root / "agents" / agent
        folder.mkdir(0o700, parents=True, exist_ok=True)
        return super().create(agent, created_by)


@breaks("COR-12", "read-corrupt", also="COR-9 ATM")
class AppendsBlindly(CleanLog):
    """A damaged log is appended to as if it were whole, and then as corrupt as before."""

    def get(self, id: str) -> Log | None:
        log = super().get(id)
        if log is not None and log.damage:
            raise Corrupt("damaged")
        return log

    def place(self, name: str, id: str) -> Place | None:  # noqa: ARG002 - the defect
        data = self.bytes_of(name)
        return None if data is None else Place(data.count(b'"number":'), len(data))


@breaks("COR-12", "wrong-entries", also="COR-9")
class StartsOver(CleanLog):
    """An append to a damaged log begins it anew: what could be read of it is gone."""

    def place(self, name: str, id: str) -> Place | None:
        log = self.get(id)
        return None if log is None or log.damage else super().place(name, id)
