r"""Three small stores that keep every requirement of a log; a broken one overrides a method.

One folder, a file per log, which is only ever appended to; a record a line:

    {"kind": "entry", "number": 8, "value": {...}, "store": {"id": ..., "at": ..., "batch": 7,
    "checksum":"sha256:<64 hex digits>"}}\n

Entries, events and boundaries are steps: they have numbers, and `batch` is the number of the first that the same call
wrote. `at` is nanoseconds since 1970. The checksum is over the line alone; what it cannot tell, a line that is missing
or stands twice, the numbers tell. A file gets its name together with its first line, so that it is never empty. What is
attached lies in a file beside it, which is replaced as a whole.

In `CleanStep` a line is a record of the format `step`, and the file that of its layout "a file for each log".
"""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from miniatures._folder import Document, Items, OneFolder, is_sealed, nanoseconds, token
from miniatures._records import Found, Log, Place, Record, Records
from sessionproof import Corrupt, InvalidDocument, InvalidId, NotFound, UnsupportedVersion

__all__ = ["CleanCreated", "CleanLog", "CleanStep", "Found", "Log", "Place", "Record", "Records"]


class CleanLog(OneFolder):
    """Any JSON objects as entries, under any id of up to 100 bytes; the first append makes the log."""

    suffix = ".alog"
    steps = frozenset({"entry", "event", "boundary"})

    def open(self, root: str, namespace: str) -> None:
        """Where logs end is learned as they are written to."""
        super().open(root, namespace)
        self.places: dict[str, Place] = {}

    # -- operations ----------------------------------------------------------------------------------------------------

    def append(self, id: str, entries: Items) -> Items:
        """Append the entries, all or none, and answer their numbers."""
        return self.add(id, "entry", entries, makes_log=True)

    def append_events(self, id: str, events: Items) -> None:
        """Append events."""
        self.add(id, "event", events)

    def compact(self, id: str, archive: str) -> None:
        """Append a boundary."""
        self.add(id, "boundary", [{"archive": archive}])

    def describe(self, id: str, meta: Any) -> None:
        """Append the new metadata, which then counts alone."""
        self.add(id, "meta", [meta])

    def read(self, id: str) -> Document | None:
        """Answer the entries since the last boundary, and what the protocol wants beside them."""
        log = self.get(id)
        if log is None:
            return None
        return {
            "found": True,
            "entries": [record.value for record in self.history(log)],
            "archive": self.archive(log),
            "meta": self.meta(log),
            "damage": log.damage,
        }

    def summaries(self, workspace: str | None = None) -> Iterator[Document]:
        """The logs that can be read; they are of no workspace."""
        for id, log in self.newest_first() if workspace is None else []:
            yield {
                "id": id,
                "title": (self.meta(log) or {}).get("title"),
                "created_at": log.created,
                "updated_at": log.changed,
                "message_count": len(self.history(log)),
                "workspace": None,
            }

    def attach(self, id: str, kind: str, items: Items) -> None:
        """Replace the items of one kind, in a file beside the log."""
        if not self.exists(id):
            raise NotFound("there is no such log")
        attached = {**self.attached(id), kind: items}
        try:
            data = self.seal({"attached": attached, "store": {"id": id}})
            self.unsealed(data)
        except (ValueError, RecursionError, Corrupt) as error:
            raise InvalidDocument(f"this could not be read back: {error}") from error
        self.write(self.file_name(id) + ".attached", data)

    def attachments(self, id: str, kind: str) -> Items | None:
        """None where none were attached."""
        return self.attached(id).get(kind) if self.exists(id) else None

    def delete(self, id: str) -> bool:
        """Remove the log and then what is attached to it: that of no log is nothing."""
        existed = super().delete(id)
        self.path(self.file_name(id) + ".attached").unlink(missing_ok=True)
        return existed

    # -- what a log comes to -------------------------------------------------------------------------------------------

    def history(self, log: Log) -> Records:
        """The entries behind the last boundary."""
        return [record for record in self.since_boundary(log) if record.kind == "entry"]

    def since_boundary(self, log: Log) -> Records:
        """All records behind the last boundary."""
        boundaries = [index for index, record in enumerate(log.records) if self.is_boundary(record)]
        return log.records[boundaries[-1] + 1 if boundaries else 0 :]

    def is_boundary(self, record: Record) -> bool:
        """Whether reading resumes behind the record."""
        return record.kind == "boundary"

    def archive(self, log: Log) -> str | None:
        """What the last boundary names."""
        boundary = log.last("boundary")
        return boundary.value.get("archive") if boundary else None

    def meta(self, log: Log) -> Document | None:
        """The metadata as last described."""
        meta = log.last("meta")
        return meta.value if meta else None

    def attached(self, id: str) -> Document:
        """The items by kind."""
        data = self.bytes_of(self.file_name(id) + ".attached")
        file = {"store": {"id": id}, "attached": {}} if data is None else self.unsealed(data)
        if file["store"]["id"] != id:
            raise Corrupt("attached to another log")
        return dict(file["attached"])

    def get(self, id: str) -> Log | None:
        """The log; None where it has no file."""
        data = self.bytes_of(self.file_name(id))
        return None if data is None else self.replay(data, id)

    def replay(self, data: bytes, id: str) -> Log:
        """What the bytes of a file come to."""
        lines = re.findall(rb"[^\n]*\n|[^\n]+", data)
        return self.judged([self.found(line, id) for line in lines], [*map(len, lines)])

    def found(self, line: bytes, id: str) -> Record | Corrupt:
        """The record in a line, or what is wrong with it."""
        try:
            return self.decode(line, id)
        except Corrupt as error:
            return error

    def judged(self, found: Found, sizes: Sequence[int]) -> Log:
        """What records of these sizes come to."""
        tail = self.torn_from(found)
        records: Records = []
        damage: Items = []
        highest = 0
        for place, record in enumerate(found[:tail], 1):
            if isinstance(record, Corrupt):
                damage.append({"step": None, "reason": f"record {place}: {record}"})
                continue
            if record.number is not None:
                if self.is_repeated(record.number, highest):
                    damage.append({"step": record.number, "reason": f"stands behind step {highest}"})
                    continue
                if record.number > highest + 1:
                    damage.append({"step": highest + 1, "reason": f"missing, as all are up to {record.number - 1}"})
                highest = max(highest, record.number)
            records.append(record)
        if tail < len(found):
            damage.append({"step": None, "reason": f"torn from record {tail + 1} on"})
        if not records:
            raise Corrupt("no record can be read")
        return Log(records, damage, Place(highest, sum(sizes[:tail])))

    def torn_from(self, found: Found) -> int:
        """The index of the first record of the torn tail: that of the last call, from where a line of it is damaged."""
        start = max((index for index, one in enumerate(found) if isinstance(one, Record) and one.begins), default=-1)
        before = found[start] if start >= 0 else None
        for index, one in enumerate(found[start + 1 :], start + 1):
            if not isinstance(one, Record) or not isinstance(before, Record) or one.number != (before.number or 0) + 1:
                return index
            before = one
        return len(found)

    def is_repeated(self, number: int, highest: int) -> bool:
        """Whether a step of that number cannot stand here."""
        return number <= highest

    # -- writing -------------------------------------------------------------------------------------------------------

    def add(self, id: str, kind: str, values: Items, *, makes_log: bool = False) -> Items:
        """Write a record of each value, all or none, and answer the numbers."""
        name = self.file_name(id)
        place = self.place(name, id)
        if place is None and not makes_log:
            raise NotFound("there is no such log")
        for value in values:
            self.accept(kind, value)
        records = self.numbered(kind, values, place.highest if place else 0)
        lines = [self.encode(record, id) for record in records]
        end = self.put(name, records, lines, place.end if place else 0)
        self.places[name] = Place(records[-1].number or (place.highest if place else 0), end)
        return [record.number for record in records]

    def accept(self, kind: str, value: Any) -> None:  # noqa: ARG002 - other stores look at the kind
        """Refuse what is no object."""
        if not isinstance(value, dict):
            raise InvalidDocument("a list of objects is wanted")

    def place(self, name: str, id: str) -> Place | None:
        """Where the next record goes; None where there is no file."""
        known = self.places.get(name)
        with suppress(FileNotFoundError):
            if known is not None and self.path(name).lstat().st_size == known.end:
                return known
        log = self.get(id)
        return log.place if log else None

    def numbered(self, kind: str, values: Items, highest: int) -> Records:
        """The records of one call."""
        at = time.time_ns()
        if kind not in self.steps:
            return [Record(kind, value, None, None, at) for value in values]
        return [Record(kind, value, number, highest + 1, at) for number, value in enumerate(values, highest + 1)]

    def put(self, name: str, records: Records, lines: Sequence[bytes], end: int) -> int:  # noqa: ARG002 - other layouts
        """Write the records' lines behind so many bytes, and answer how many there are then."""
        data = b"".join(lines)
        if end:
            self.lengthen(name, data, end)
        else:
            self.path(name + ".attached").unlink(missing_ok=True)
            self.write(name, data)
        return end + len(data)

    def lengthen(self, name: str, data: bytes, end: int) -> None:
        """Write behind so many bytes of a file: all or none. What lies there already is set aside."""
        file = os.open(self.path(name), os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW)
        try:
            if os.fstat(file).st_size > end:
                self.set_aside(name, os.pread(file, os.fstat(file).st_size - end, end))
                os.ftruncate(file, end)
            while data:
                data = data[os.write(file, data) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, end)
            raise
        finally:
            os.close(file)

    def set_aside(self, name: str, tail: bytes) -> None:
        """Keep a torn tail, behind those that were kept before."""
        self.write(name + ".damaged", (self.bytes_of(name + ".damaged") or b"") + tail)

    def encode(self, record: Record, id: str) -> bytes:
        """The line of a record; what could not be read back is refused."""
        store = {"id": id, "at": record.at} | ({} if record.batch is None else {"batch": record.batch})
        try:
            line = self.seal({**self.wrapped(record), "store": store})
            self.decode(line, id)
        except (ValueError, RecursionError, Corrupt) as error:
            raise InvalidDocument(f"this could not be read back: {error}") from error
        return line

    def decode(self, line: bytes, id: str) -> Record:
        """The record that a line holds."""
        file = self.unsealed(line)
        try:
            record = self.unwrapped(file)
            owner = file.get("store", {}).get("id", id)
        except (AttributeError, KeyError, TypeError) as error:
            raise Corrupt("no record") from error
        if owner != id:
            raise Corrupt("a record of another log")
        return record

    def wrapped(self, record: Record) -> Document:
        """The record as it stands in its line, without what the store says of it."""
        number = {} if record.number is None else {"number": record.number}
        return {"kind": record.kind, **number, "value": record.value}

    def unwrapped(self, file: Document) -> Record:
        """The inverse of `wrapped`."""
        store = file["store"]
        return Record(file["kind"], file["value"], file.get("number"), store.get("batch"), store["at"])


class CleanCreated(CleanLog):
    """The store names the logs itself, keeps who made each, and settles who may take a token."""

    ids = "store"

    def create(self, agent: str, created_by: str) -> str:
        """Make a log that has metadata and no entry."""
        id = self.new_id(agent, created_by)
        values = {"created": {"agent": agent, "created_by": created_by}, "meta": {"title": ""}}
        records = [record for kind, value in values.items() for record in self.numbered(kind, [value], 0)]
        try:
            data = b"".join(self.encode(record, id) for record in records)
        except InvalidDocument as error:
            raise InvalidId("a lone surrogate") from error
        self.write(self.file_name(id), data)
        return id

    def append(self, id: str, entries: Items) -> Items:
        """Append to a log that was created."""
        return self.add(id, "entry", entries)

    def latest(self, agent: str = "", created_by: str = "") -> str | None:
        """The log created last for the pair."""
        own = [(log.created, id) for id, log in self.newest_first() if self.is_of(log, agent, created_by)]
        return max(own, default=(0, None))[1]

    def claim(self, id: str, token: str) -> bool:
        """Whether nobody has taken the token before."""
        log = self.get(id)
        if log is None:
            raise NotFound("there is no such log")
        if any(record.kind == "claim" and record.value["token"] == token for record in log.records):
            return False
        self.add(id, "claim", [{"token": token}])
        return True

    def new_id(self, agent: str, created_by: str) -> str:  # noqa: ARG002 - other stores make it of these
        """Never the same twice, also not after a delete."""
        return token()

    def is_of(self, log: Log, agent: str, created_by: str) -> bool:
        """Whether the log was created for the pair."""
        created = log.last("created")
        return created is not None and created.value == {"agent": agent, "created_by": created_by}


class CleanStep(CleanLog):
    """Records of the format `step`, a file for each log; the format has no place for attachments."""

    fidelity = "format"
    format = {"name": "step", "version": "1.0"}  # noqa: RUF012 - a claim, as the class variables of `Adapter` are
    suffix = ".jsonl"
    members = {"meta": "meta", "entry": "message", "event": "event", "boundary": "boundary"}  # noqa: RUF012 - constant

    attach = None  # type: ignore[assignment]
    attachments = None  # type: ignore[assignment]

    def accept(self, kind: str, value: Any) -> None:
        """Refuse what the schema refuses."""
        from sessionproof.formats import problems  # noqa: PLC0415 - most miniatures start faster without the schemas

        found = problems(
            "step", CleanStep.wrapped(self, Record(kind, value, 1 if kind in self.steps else None, None, 0))
        )
        if found:
            raise InvalidDocument("; ".join(found[:3]))

    def is_older(self, session: Log, before: str) -> bool:
        """The metadata may say when the log was created."""
        told = (self.meta(session) or {}).get("created_at")
        return (session.created if told is None else nanoseconds(told)) < nanoseconds(before)

    def unsealed(self, data: bytes) -> Document:
        """A record without a checksum is asked of the schema; every minor version of 1 is read."""
        from sessionproof.formats import is_valid  # noqa: PLC0415 - as above

        file, whole = self.parsed(data), is_sealed(data)
        try:
            has_checksum = "checksum" in file.get("store", {}) or b"sha256:" in data[-80:]
            is_newer = not file["version"].startswith("1.")
        except (AttributeError, KeyError, TypeError) as error:
            raise Corrupt("no record") from error
        if has_checksum and not whole:
            raise Corrupt("the checksum does not hold")
        if is_newer:
            raise UnsupportedVersion(f"version {file['version']}")
        if not whole and not (data.endswith(b"\n") and is_valid("step", file)):
            raise Corrupt("no record of the format")
        return file

    def wrapped(self, record: Record) -> Document:
        """A record of the format."""
        file = {"format": "step", "version": "1.0", "kind": record.kind, self.members[record.kind]: record.value}
        return file if record.number is None else {**file, "number": record.number}

    def unwrapped(self, file: Document) -> Record:
        """The inverse of `wrapped`."""
        kind, store = file["kind"], file.get("store", {})
        return Record(kind, file[self.members[kind]], file.get("number"), store.get("batch"), store.get("at", 0))
