"""crabtalk: a folder per session, `meta` and one file per step; what a step is, its members tell."""

import json
import re
from pathlib import Path
from typing import Any

from sessionproof import _json
from sessionproof._dialects._dialect import Dialect, Found, Loss, Tree
from sessionproof._dialects._shape import Document, Member, Shape, form_of
from sessionproof._dialects._values import (
    U32,
    U64,
    arguments_text_of,
    counts_to,
    each,
    each_that_fits,
    is_text,
    is_text_alone,
    is_time,
    tagged,
    tool_use,
)

NAME = "crabtalk"
_STEP = re.compile(r"step-([0-9]{6,})")
_IS_U32 = counts_to(U32)
_IS_U64 = counts_to(U64)


def _source_of(source: Any) -> Document:  # noqa: ANN401 - any JSON
    match source:
        case {"type": "base64", "media_type": str(), "data": str()} if len(source) == 3:
            return {**source}
        case {"type": "url", "url": str()} if len(source) == 2:
            return {**source}
        case {"type": "file", "file_id": str(file)} if len(source) == 2:
            return {"type": "file", "id": file}
        case _:
            return {"type": "other", "value": source}


def _write_source(source: Document) -> Any:  # noqa: ANN401 - any JSON
    match source["type"]:
        case "base64":
            return {name: source[name] for name in ("type", "media_type", "data")}
        case "url":
            return {"type": "url", "url": source["url"]}
        case "file":
            return {"type": "file", "file_id": source["id"]}
        case _:
            return source["value"]


def _read_answer(block: Document) -> Document:
    content = block["content"]
    return {
        "type": "tool_result",
        "content": [{"type": "text", "text": content}] if isinstance(content, str) else each(_read_block)(content),
    }


def _write_answer(spec: Document) -> Document:
    blocks = each_that_fits(_write_block)(spec["content"])
    text = is_text_alone(blocks) and form_of(spec, NAME) != "list"
    return {"type": "tool_result", "content": blocks[0]["text"] if text else blocks}


_BLOCKS = {
    "text": tagged(NAME, {"type": "text"}, {"type": "text"}, Member("text", "text")),
    "tool_use": tool_use(NAME),
    "tool_result": Shape(
        NAME,
        (Member("tool_use_id", "call_id"), Member("name", "name", home=is_text)),
        also_read=_read_answer,
        also_write=_write_answer,
        form=lambda block: "list" if is_text_alone(block["content"]) else None,
    ),
    "thinking": tagged(
        NAME,
        {"type": "thinking"},
        {"type": "reasoning"},
        Member("thinking", "text"),
        Member("signature", "signature", home=is_text),
    ),
    "image": Shape(
        NAME,
        also_read=lambda block: {"type": "image", "source": _source_of(block["source"])},
        also_write=lambda spec: {"type": "image", "source": _write_source(spec["source"])},
    ),
}
_THEIRS = {
    "text": "text",
    "tool_call": "tool_use",
    "tool_result": "tool_result",
    "reasoning": "thinking",
    "image": "image",
}


def _read_block(block: Document) -> Document:
    return _BLOCKS[block["type"]].read(block)


def _write_block(block: Document) -> Document | None:
    tag = _THEIRS.get(block["type"])
    return None if tag is None else _BLOCKS[tag].write(block)


_USAGE = Shape(
    NAME,
    (
        Member("prompt_tokens", "input_tokens", fits=_IS_U32, home=_IS_U32, default=0),
        Member("completion_tokens", "output_tokens", fits=_IS_U32, home=_IS_U32, default=0),
        Member("total_tokens", "total_tokens", fits=_IS_U32, home=_IS_U32, default=0),
        Member("completion_tokens_details.reasoning_tokens", "reasoning_tokens", fits=_IS_U32, home=_IS_U32),
        Member("prompt_cache_hit_tokens", "cache_read_tokens", fits=_IS_U32, home=_IS_U32),
        Member("prompt_cache_miss_tokens", "cache_miss_tokens", fits=_IS_U32, home=_IS_U32),
    ),
)
_CALL = Shape(
    NAME,
    (Member("id", "id", default=""), Member("name", "name", default="")),
    also_read=lambda call: {"arguments_text": call["arguments"]} if call.get("arguments") else {},
    also_write=lambda spec: {"arguments": text} if (text := arguments_text_of(spec)) else {},
)
_TS = Member("ts", "at", home=is_time, absent="")


def _event(kind: str, *members: Member) -> Shape:
    return tagged(NAME, {"event": kind}, {"kind": kind}, _TS, *members)


_EVENTS = {
    "tool_start": _event(
        "tool_start", Member("calls", "calls", read=each(_CALL.read), write=each(_CALL.write), default=[])
    ),
    "tool_result": _event(
        "tool_result",
        Member("call_id", "call_id", default=""),
        Member("duration_ms", "duration_ms", fits=_IS_U64, home=_IS_U64, default=0),
    ),
    "done": _event(
        "done",
        Member("model", "model", default=""),
        Member("iterations", "iterations", fits=_IS_U64, home=_IS_U64, default=0),
        Member("stop_reason", "stop_reason", default=""),
        Member("usage", "usage", read=_USAGE.read, write=_USAGE.write, default=_USAGE.write({})),
    ),
    "user_steered": _event("user_steered", Member("content", "text", default="")),
}
_COMPACT = Shape(NAME, (Member("archive_name", "archive"), Member("archived_at", "at", home=is_time, absent="")))
_LEGACY = Shape(
    NAME,
    (
        Member("compact", "text", default=""),
        Member("title", "title", home=is_text),
        Member("archived_at", "at", home=is_time),
    ),
)
_ENTRY = Shape(
    NAME,
    (
        Member("agent", "agent", fits=bool, home=bool),
        Member("message.role", "role"),
        Member("message.content", "content", read=each(_read_block), write=each_that_fits(_write_block)),
    ),
)
_META = Shape(
    NAME,
    (
        Member("agent", "agent", absent=""),
        Member("created_by", "created_by", absent=""),
        Member("created_at", "created_at", home=is_time, absent=""),
        Member("title", "title", absent=""),
        Member("updated_at", "updated_at", home=is_time, absent=""),
        Member("message_count", "counters.messages", fits=_IS_U64, home=_IS_U64, default=0),
        Member("summary", "summary", home=is_text),
    ),
)


def _read_step(number: int, step: Document) -> Document:
    record: Document = {"format": "step", "version": "1.0", "number": number}
    if isinstance(step.get("archive_name"), str) and isinstance(step.get("archived_at"), str):
        return {**record, "kind": "boundary", "boundary": _COMPACT.read(step)}
    inline = [step.get("compact"), step.get("title", ""), step.get("archived_at", "")]
    if all(isinstance(text, str) for text in inline):
        return {**record, "kind": "boundary", "boundary": _LEGACY.read(step)}
    if "event" in step:
        return {**record, "kind": "event", "event": _EVENTS[step["event"]].read(step)}
    return {**record, "kind": "entry", "message": _ENTRY.read(step)}


def _write_step(record: Document) -> Document | None:
    match record["kind"]:
        case "boundary" if "archive" in record["boundary"]:
            return _COMPACT.write(record["boundary"])
        case "boundary":
            return _LEGACY.write(record["boundary"])
        case "event":
            shape = _EVENTS.get(record["event"].get("kind"))
            return None if shape is None else shape.write(record["event"])
        case _:
            return _ENTRY.write(record["message"])


def _read(tree: Tree) -> Document:
    numbers = sorted(int(role.removeprefix("step-")) for role in tree if role != "meta")
    meta = {"format": "step", "version": "1.0", "kind": "meta", "meta": _META.read(tree["meta"])}
    return {"format": "log", "records": [meta, *(_read_step(number, tree[f"step-{number:06}"]) for number in numbers)]}


def _write(document: Document) -> Tree:
    records: list[Document] = document["records"]
    metas = [record["meta"] for record in records if record["kind"] == "meta"]
    tree: Tree = {"meta": _META.write(metas[-1] if metas else {})}
    steps = [record for record in records if record["kind"] != "meta"]
    shift = all(record["number"] <= U64 for record in steps)
    for place, record in enumerate(steps, start=1):
        step = _write_step(record)
        if step is not None:
            tree[f"step-{record['number'] if shift else place:06}"] = step
    return tree


def _parts(folder: Path) -> Found | None:
    if not (folder / "meta").is_file():
        return None
    steps = [file for file in folder.iterdir() if (name := _STEP.fullmatch(file.name)) and _is_spelled(name[1])]
    return Found(folder.name, {"meta": folder / "meta", **{file.name: file for file in sorted(steps)}})


def _is_spelled(digits: str) -> bool:
    return digits == f"{int(digits):06}" and int(digits) > 0


def _find(path: Path) -> list[Found]:
    if not path.is_dir():
        return []
    own = _parts(path)
    if own is not None:
        return [own]
    return [found for folder in sorted(path.iterdir()) if folder.is_dir() and (found := _parts(folder)) is not None]


def _slug(text: str) -> str:
    """The part of a folder's name that crabtalk makes of an agent or a sender."""
    kept = (letter if letter.isalnum() else "-" for letter in text)
    words = "".join(letter.lower() if letter.isascii() else letter for letter in kept).split("-")
    return "-".join(filter(None, words))


def _place(role: str, document: Document, _name: str, number: int) -> str:
    metas = [record["meta"] for record in document["records"] if record["kind"] == "meta"] or [{}]
    agent, created_by = (_slug(metas[-1].get(name, "")) for name in ("agent", "created_by"))
    return f"{agent}_{created_by}_{number}/{role}"


def _encode(_role: str, value: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _knows(role: str, value: _json.JSON) -> bool:
    return role == "meta" and isinstance(value, dict) and "created_by" in value


DIALECT = Dialect(
    NAME,
    "log",
    schema=lambda role, _value: f"crabtalk.schema.json#/$defs/{'meta' if role == 'meta' else 'step'}",
    read=_read,
    write=_write,
    losses=(
        Loss("/records/meta", "a session always has a meta; the last one is kept"),
        Loss("/records/meta/meta/id", "the folder's name is made from agent and sender"),
        Loss("/records/meta/meta/counters", "messages are counted, and always"),
        Loss("/records/meta/meta/counters/*", "messages are counted, and always"),
        Loss("/records/meta/meta/*", "empty text is the same as none"),
        Loss("/records/*", "of a log with a number past 64 bits, every step is numbered anew"),
        Loss("/records/entry/message/agent", "empty text is the same as none"),
        Loss("/records/entry/message/created_at", "an entry has no time"),
        Loss("/records/entry/message/pinned", "nothing is pinned"),
        *(Loss(f"/records/entry/message/content/**/{kind}", "such a block would make a step unreadable")
          for kind in ("document", "redacted_reasoning", "tool_summary", "other")),
        Loss("/records/entry/message/content/**/arguments", "a call always has arguments, as JSON"),
        Loss("/records/entry/message/content/**/arguments_text", "a call always has arguments, as JSON"),
        Loss("/records/entry/message/content/**/is_error", "a result does not say whether the tool failed"),
        Loss("/records/entry/message/content/**/source/media_type", "the media type of a link or file is not kept"),
        Loss("/records/event", "only tool_start, tool_result, done and user_steered are known"),
        Loss("/records/event/event/*", "each kind of event has its own members, and always; numbers have limits"),
        Loss("/records/event/event/calls/*/*", "a call has id, name and its arguments as text"),
        Loss("/records/event/event/usage/*", "a count has 32 bits; there is none of what went into the cache"),
        Loss("/records/boundary/boundary/*", "a boundary names an archive or has a text, and always one of them"),
    ),
    find=_find,
    knows=_knows,
    place=_place,
    dated="document",
    encode=_encode,
)  # fmt: skip
