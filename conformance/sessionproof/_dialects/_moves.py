"""From one of the spec's formats to another: snapshot, session, log."""

from typing import cast

from sessionproof._dialects._dialect import Dialect, Kind, Loss
from sessionproof._dialects._shape import Document

_IN_META = ("id", "agent", "created_by", "created_at", "updated_at", "title", "summary", "counters", "extensions")
_SESSION_ONLY = (
    *("title", "summary", "state", "system_prompt", "workspace", "parent_id", "user_id", "agent", "created_by", "tags"),
    *("labels", "model", "tools", "llm", "config", "context", "usage", "cost", "budget", "tasks", "git", "attachments"),
)

LOSSES: dict[tuple[Kind, Kind], tuple[Loss, ...]] = {
    ("snapshot", "session"): (Loss("/id", "a session has an id: that of --id, or the name of the file"),),
    ("snapshot", "log"): (Loss("/id", "the session's name is that of --id, or of the file"),),
    ("session", "snapshot"): tuple(Loss(f"/{name}", "a snapshot does not hold it") for name in _SESSION_ONLY),
    ("session", "log"): (
        *(Loss(f"/{name}", "a log's meta does not hold it") for name in _SESSION_ONLY if name not in _IN_META),
        Loss("/attachments/*", "a log holds events, and no other attachments"),
    ),
    ("log", "session"): (
        Loss("/records/*", "of a log, what is replayed goes on: the last meta and boundary, the entries after it, and "
             "all events"),
        Loss("/records/*/number", "numbers are given anew"),
        Loss("/records/meta/meta/id", "a session has an id: that of --id, or the name of the folder"),
        Loss("/records/*/extensions/**", "a record becomes a part of a document"),
    ),
}  # fmt: skip
LOSSES["log", "snapshot"] = (
    *LOSSES["log", "session"],
    Loss("/records/meta/meta/*", "a snapshot does not hold it"),
)


def kind_of(document: Document) -> Kind:
    """Which of the three a document is."""
    return cast("Kind", document["format"])


def moved(document: Document, kind: Kind | None, name: str) -> Document:
    """The document as one of that kind; the name stands in for an id where one is needed. None: as it is."""
    have = kind_of(document)
    if kind is None or kind == have:
        return document
    if kind == "log":
        return _log_of(document)
    session = _session_of_log(document) if have == "log" else document
    if kind == "session":
        return {**session, "format": "session", "id": session.get("id", name)}
    return {**{key: value for key, value in session.items() if key not in _SESSION_ONLY}, "format": "snapshot"}


def ranked(document: Document) -> Document:
    """A log whose steps have a `rank` beside the number, counted from the end and events by themselves.

    A move drops steps at the beginning and numbers the others anew; by rank they are told apart still. Any other
    document is as it was.
    """
    if kind_of(document) != "log":
        return document
    records: list[Document] = document["records"]
    metas = [record for record in records if record["kind"] == "meta"]
    events = [record for record in records if record["kind"] == "event"]
    others = [record for record in records if record["kind"] in {"entry", "boundary"}]
    steps = [{**record, "rank": rank - len(others)} for rank, record in enumerate(others)]
    steps += [{**record, "rank": rank} for rank, record in enumerate(events)]
    return {**document, "records": metas + steps}


def losses_between(have: Kind, kind: Kind | None) -> tuple[Loss, ...]:
    """What such a move may lose or make up."""
    return () if kind is None or kind == have else LOSSES[have, kind]


def _log_of(document: Document) -> Document:
    meta = {name: document[name] for name in _IN_META if name in document}
    record: Document = {"format": "step", "version": "1.0"}
    records: list[Document] = [{**record, "kind": "meta", "meta": meta}] if meta else []
    steps: list[Document] = []
    if "boundary" in document:
        steps.append({"kind": "boundary", "boundary": document["boundary"]})
    steps += [{"kind": "entry", "message": message} for message in document["messages"]]
    steps += [{"kind": "event", "event": event} for event in document.get("attachments", {}).get("trace", ())]
    records += [{**record, "number": number, **step} for number, step in enumerate(steps, start=1)]
    return {"format": "log", "records": records}


def _session_of_log(log: Document) -> Document:
    records: list[Document] = log["records"]
    metas = [record["meta"] for record in records if record["kind"] == "meta"]
    document: Document = {"format": "session", "version": "1.0", **(metas[-1] if metas else {})}
    messages: list[Document] = []
    events: list[Document] = []
    for record in records:
        if record["kind"] == "boundary":
            document["boundary"], messages = record["boundary"], []
        elif record["kind"] == "entry":
            messages.append(record["message"])
        elif record["kind"] == "event":
            events.append(record["event"])
    document["messages"] = messages
    return document | ({"attachments": {"trace": events}} if events else {})


def dated(document: Document, dialect: Dialect, now: str) -> Document:
    """The document with the instants that the dialect cannot do without; what is known comes first, then `now`."""
    if dialect.dated == "document" and kind_of(document) == "log":
        return {**document, "records": [_dated_meta(record, dialect, now) for record in document["records"]]}
    if dialect.dated == "document":
        times = [message["created_at"] for message in document["messages"] if "created_at" in message]
        created = document.get("created_at") or next(iter(times), document.get("updated_at", now))
        return document if _is_from(document, dialect) else {"created_at": created, "updated_at": created, **document}
    if dialect.dated == "messages":
        last = document.get("created_at", now)
        messages: list[Document] = []
        for message in document["messages"]:
            last = message.get("created_at", last)
            needs = message["role"] == "user" and not _is_from(message, dialect)
            messages.append({"created_at": last, **message} if needs else message)
        return {**document, "messages": messages}
    return document


def _is_from(value: Document, dialect: Dialect) -> bool:
    """Whether the object was read from this dialect and has noted what its instants were."""
    return dialect.name in value.get("extensions", {})


def _dated_meta(record: Document, dialect: Dialect, now: str) -> Document:
    if record["kind"] != "meta" or _is_from(record["meta"], dialect):
        return record
    created = record["meta"].get("created_at", record["meta"].get("updated_at", now))
    return {**record, "meta": {"created_at": created, "updated_at": created, **record["meta"]}}
