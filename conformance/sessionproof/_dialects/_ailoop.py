"""ailoop: one file with the messages, and beside them which of them are pinned."""

from collections.abc import Iterator
from typing import Any

from sessionproof._dialects._dialect import Dialect, Loss, Tree, file_name, has, singles
from sessionproof._dialects._shape import Document, Member, Shape, form_of
from sessionproof._dialects._values import arguments_of, each, each_that_fits, tagged

NAME = "ailoop"

_SOURCES = {
    "base64": tagged(
        NAME, {"type": "base64"}, {"type": "base64"}, Member("media_type", "media_type"), Member("data", "data")
    ),
    "url": tagged(NAME, {"type": "url"}, {"type": "url"}, Member("url", "url")),
    "file": tagged(NAME, {"type": "file_id"}, {"type": "file"}, Member("id", "id")),
}
_THEIR_SOURCES = {"base64": "base64", "url": "url", "file_id": "file"}


def _read_source(source: Document) -> Document:
    return _SOURCES[_THEIR_SOURCES[source["type"]]].read(source)


def _write_source(source: Document) -> Document:
    return _SOURCES[source["type"]].write(source)


def _image(their_source: str, theirs: Document, kind: str) -> Shape:
    return tagged(NAME, theirs, {"type": kind}, Member(their_source, "source", read=_read_source, write=_write_source))


_RESULT_BLOCKS = {
    "text": tagged(NAME, {"type": "text"}, {"type": "text"}, Member("text", "text")),
    "image": _image("source", {"type": "image"}, "image"),
}


def _read_result_block(block: Document) -> Document:
    return _RESULT_BLOCKS[block["type"]].read(block)


def _write_result_block(block: Document) -> Document | None:
    shape = _RESULT_BLOCKS.get(block["type"])
    return shape.write(block) if shape is not None and _has_a_place(block) else None


def _call_name(spec: Document) -> Document:
    return {"ToolCall": {form_of(spec, NAME) or "id": spec["id"], "args": arguments_of(spec)}}


def _read_call(block: Document) -> Document:
    call = block["ToolCall"]
    return {"type": "tool_call", "id": call["call_id"] if "call_id" in call else call["id"], "arguments": call["args"]}


_USER = {
    "Text": tagged(NAME, {"Text": {}}, {"type": "text"}, Member("Text.text", "text")),
    "ToolResult": tagged(
        NAME,
        {"ToolResult": {}},
        {"type": "tool_result"},
        Member("ToolResult.call_id", "call_id"),
        Member(
            "ToolResult.content.blocks",
            "content",
            read=each(_read_result_block),
            write=each_that_fits(_write_result_block),
        ),
        Member("ToolResult.content.is_error", "is_error", fits=lambda value: value is True),
    ),
    "Image": _image("Image.source", {"Image": {}}, "image"),
    "Document": _image("Document.source", {"Document": {}}, "document"),
}
_ASSISTANT = {
    "Text": _USER["Text"],
    "ToolCall": Shape(
        NAME,
        (Member("ToolCall.name", "name"),),
        also_read=_read_call,
        also_write=_call_name,
        form=lambda block: "call_id" if "call_id" in block["ToolCall"] else None,
    ),
    "Reasoning": tagged(
        NAME,
        {"Reasoning": {}},
        {"type": "reasoning"},
        Member("Reasoning.text", "text"),
        Member("Reasoning.signature", "signature", absent=None),
    ),
    "RedactedReasoning": tagged(
        NAME, {"RedactedReasoning": {}}, {"type": "redacted_reasoning"}, Member("RedactedReasoning.data", "data")
    ),
}
_TAGS = {
    "user": {"text": "Text", "tool_result": "ToolResult", "image": "Image", "document": "Document"},
    "assistant": {
        "text": "Text",
        "tool_call": "ToolCall",
        "reasoning": "Reasoning",
        "redacted_reasoning": "RedactedReasoning",
    },
}
_SIDES = {"user": ("User", _USER), "assistant": ("Assistant", _ASSISTANT)}


def _has_a_place(block: Document) -> bool:
    return "source" not in block or block["source"]["type"] in _SOURCES


def _message(role: str) -> Shape:
    theirs, shapes = _SIDES[role]

    def read(block: Document) -> Document:
        return shapes[next(iter(block))].read(block)

    def write(block: Document) -> Document | None:
        tag = _TAGS[role].get(block["type"])
        return None if tag is None or not _has_a_place(block) else shapes[tag].write(block)

    return tagged(
        NAME,
        {theirs: {}},
        {"role": role},
        Member(f"{theirs}.blocks", "content", read=each(read), write=each_that_fits(write)),
    )


_MESSAGES = {"User": _message("user"), "Assistant": _message("assistant")}
_ROLES = {"user": "User", "tool": "User", "assistant": "Assistant"}


def _read_messages(value: Document) -> Document:
    messages: list[Document] = []
    for message, pinned in zip(value["messages"], value["pinned"], strict=True):
        spec = _MESSAGES[next(iter(message))].read(message)
        messages.append({**spec, "pinned": True} if pinned else spec)
    return {"format": "snapshot", "version": "1.0", "messages": messages}


def _reshape(messages: list[Document]) -> list[list[Document]]:
    return [[message] if message["role"] in _ROLES else [] for message in messages]


def _write_messages(spec: Document) -> Document:
    kept = [message for split in _reshape(spec["messages"]) for message in split]
    return {
        "version": 1,
        "messages": [_MESSAGES[_ROLES[message["role"]]].write(message) for message in kept],
        "pinned": [message.get("pinned") is True for message in kept],
    }


_SNAPSHOT = Shape(NAME, also_read=_read_messages, also_write=_write_messages)


def _read(tree: Tree) -> Document:
    return _SNAPSHOT.read(tree["snapshot"])


def _write(document: Document) -> Tree:
    return {"snapshot": _SNAPSHOT.write(document)}


def _rules(role: str, value: Any) -> Iterator[str]:  # noqa: ARG001, ANN401 - the signature of `rules`
    if len(value["messages"]) != len(value["pinned"]):
        yield f"pinned: {len(value['pinned'])} items for {len(value['messages'])} messages"


DIALECT = Dialect(
    NAME,
    "snapshot",
    schema=lambda _role, _value: "ailoop.schema.json",
    read=_read,
    write=_write,
    losses=(
        Loss("/id", "a file has no id"),
        Loss("/boundary", "there is no place for a summary of what went before"),
        Loss("/counters", "nothing is counted"),
        Loss("/created_at", "no times are kept"),
        Loss("/updated_at", "no times are kept"),
        Loss("/messages/*", "only messages of the user, the assistant and tools are kept"),
        Loss("/messages/*/role", "a tool's message becomes one of the user"),
        Loss("/messages/*/agent", "who speaks is not kept"),
        Loss("/messages/*/created_at", "no times are kept"),
        Loss("/messages/*/pinned", "false is the same as absent"),
        Loss("/messages/*/content/*", "blocks are kept where ailoop has them: calls and reasoning of the assistant, "
             "results, images and documents of the user"),
        Loss("/messages/*/content/document/name", "a document has no name"),
        Loss("/messages/*/content/tool_call/arguments", "a call always has arguments, as JSON"),
        Loss("/messages/*/content/tool_call/arguments_text", "a call always has arguments, as JSON"),
        Loss("/messages/*/content/tool_result/name", "a result does not name its tool"),
        Loss("/messages/*/content/tool_result/is_error", "false is the same as absent"),
        Loss("/messages/*/content/tool_result/content/*", "a result holds text and images"),
        Loss("/messages/*/content/**/source/media_type", "the media type of a link or file is not kept"),
    ),
    find=singles("snapshot", "*.json"),
    knows=has("messages", "pinned", "version"),
    reshape=_reshape,
    place=lambda _role, _document, name, _number: f"{file_name(name)}.json",
    rules=_rules,
)  # fmt: skip
