"""The steps of a log: one record each, and what they come to when they are read in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from sessionproof.formats import Format, is_valid
from sessionproof_reference import _instants, _record
from sessionproof_reference._errors import Corrupt
from sessionproof_reference._record import Document

Kind: TypeAlias = Literal["meta", "entry", "event", "boundary"]

FORMAT: Format = "step"

_CONTENT: dict[Kind, str] = {"meta": "meta", "entry": "message", "event": "event", "boundary": "boundary"}


@dataclass(frozen=True, slots=True)
class Step:
    """One record. `number` is 0 for a meta; `batch` is the number of the first step of the same append."""

    kind: Kind
    number: int
    batch: int
    content: Document
    saved_at: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A record that cannot be read. `number` is known where a file's name tells it.

    `is_torn`: it looks like part of a write that did not reach the disk whole, so that it was never acknowledged.
    """

    reason: str
    number: int | None = None
    is_torn: bool = False


@dataclass(frozen=True, slots=True)
class Damage:
    """What could not be read: the number of the step where it is known, and why."""

    step: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Log:
    """What reading a log gives: the messages since the last boundary, and what that boundary calls the archive."""

    entries: list[Document] = field(default_factory=list[Document])
    archive: str | None = None
    meta: Document | None = None
    damage: list[Damage] = field(default_factory=list[Damage])
    saved_at: str = ""


def new(kind: Kind, content: Document, number: int = 1) -> Document:
    """The document of a step, without what the store says of it."""
    numbered = {} if kind == "meta" else {"number": number}
    return {"format": "step", "version": "1.0", "kind": kind, **numbered, _CONTENT[kind]: content}


def validate(kind: Kind, content: Document) -> None:
    """Refuse what the schema refuses.

    Raises:
        InvalidDocument: Says what is wrong.
    """
    # To ask the schema takes longer than a write with its fsync, and most messages need not be asked about.
    if kind != "entry" or not _is_plain(content):
        _record.validate(new(kind, content), FORMAT)


def _is_plain(message: Document) -> bool:
    """Whether the message is of the plainest kind, which the schema accepts."""
    return _has(message, role=str, content=list) and all(
        _is_text(block)
        or (_has(block, type=str, id=str, name=str, arguments=object) and block["type"] == "tool_call")
        or (_has(block, type=str, call_id=str, content=list) and _is_plain_result(block))
        for block in message["content"]
    )


def _is_plain_result(block: Document) -> bool:
    return block["type"] == "tool_result" and all(map(_is_text, block["content"]))


def _is_text(block: Document) -> bool:
    return _has(block, type=str, text=str) and block["type"] == "text"


def _has(value: object, **types: type) -> bool:
    """Whether the value is an object with just these members, of these types."""
    members = cast("Document", value) if isinstance(value, dict) else {}
    return members.keys() == types.keys() and all(isinstance(members[name], types[name]) for name in types)


def encode(step: Document, log_id: str, batch: int | None = None) -> bytes:
    """The record's bytes, a line. `batch` is for steps that are not the first of their append.

    Raises:
        InvalidDocument: It could not be read back.
    """
    place = {} if batch is None else {"batch": batch}
    return _record.seal(step, {"id": log_id, "saved_at": _instants.now(), **place})


def decode(data: bytes, log_id: str) -> Step:
    """What a record of this log holds.

    Raises:
        Corrupt: The bytes are no step of this log.
        UnsupportedVersion: They are whole, and of a newer major version.
    """
    file = _record.parse(data)
    _record.refuse_newer(file)
    store = file.get("store", {})
    # The schema is asked where no checksum vouches for a writer that has asked it: it takes longer than all the rest.
    if not (_has_shape(file) and "checksum" in store) and not is_valid(FORMAT, {"store": {}, **file}):
        raise Corrupt("the record is no step; `sessionproof validate` says why")
    if store.get("id", log_id) != log_id:
        raise Corrupt("the record is of another log; it was copied or renamed")
    number = int(file.get("number", 0))
    kind: Kind = file["kind"]
    return Step(kind, number, int(store.get("batch", number)), file[_CONTENT[kind]], store.get("saved_at", ""))


def _has_shape(file: Document) -> bool:
    kind, number, store = file.get("kind"), file.get("number", 0), cast("object", file.get("store"))
    if (file.get("format"), file.get("version")) != ("step", "1.0") or kind not in _CONTENT or type(number) is not int:
        return False
    if not isinstance(file.get(_CONTENT[kind]), dict) or not isinstance(store, dict):
        return False
    said = cast("Document", store)
    is_plain = isinstance(said.get("batch", 1), int) and isinstance(said.get("saved_at", ""), str)
    return is_plain and (number > 0) == (kind != "meta")


def begins(step: Step) -> bool:
    """Whether the step is the first of its append."""
    return step.batch == step.number


def torn_from(records: Sequence[Step | Lost]) -> int:
    """The index of the first record that was never acknowledged; their number where there is none.

    A crash can lose any part of the last append. What is whole behind the lost part was not acknowledged either, and a
    log with a hole would not be a prefix. Where an append was begun behind it, it is no torn tail but damage: whoever
    appends cuts the torn tail first.
    """
    begun = 0
    for index, record in enumerate(records):
        if isinstance(record, Step) and begins(record):
            begun = index
    for index in range(begun, len(records)):
        record = records[index]
        if isinstance(record, Lost) and record.is_torn:
            return index
    return len(records)


def replay(records: Iterable[Step | Lost]) -> Log:
    """What the records come to, in order. A step whose number does not rise is left out, and told.

    Raises:
        Corrupt: None of them can be read.
    """
    entries: list[Document] = []
    archive: str | None = None
    meta: Document | None = None
    damage: list[Damage] = []
    saved_at, last, unnumbered = None, 0, list[Lost]()
    for record in records:
        if isinstance(record, Step):
            saved_at = max(saved_at or "", record.saved_at)
            if record.kind == "meta":
                meta = record.content
                continue
        elif record.number is None:
            unnumbered.append(record)
            continue
        number = record.number or 0
        if number <= last:
            damage.append(Damage(number, f"step {number} stands behind step {last}"))
            continue
        damage += _between(last, number, unnumbered)
        unnumbered.clear()
        last = number
        if isinstance(record, Lost):
            damage.append(Damage(number, record.reason))
        elif record.kind == "entry":
            entries.append(record.content)
        elif record.kind == "boundary":
            entries.clear()
            archive = record.content.get("archive")
    if saved_at is None:
        raise Corrupt("no step of the log can be read")
    damage += [Damage(None, lost.reason) for lost in unnumbered]
    return Log(entries, archive, meta, damage, saved_at)


def _between(last: int, number: int, lost: Sequence[Lost]) -> Iterable[Damage]:
    """What is wrong between two steps, where so many records could not be read."""
    missing = number - last - 1
    known = missing == len(lost)
    for index, record in enumerate(lost):
        yield Damage(last + 1 + index if known else None, record.reason)
    if missing and not known:
        yield Damage(last + 1, f"{missing} steps are missing or cannot be read, from step {last + 1} on")
