"""a3s-code: messages and their blocks."""

from typing import Any

from sessionproof._dialects._dialect import Loss
from sessionproof._dialects._shape import Document, Member, Shape, form_of, is_object
from sessionproof._dialects._values import each, each_that_fits, is_text_alone, tagged, tool_use

NAME = "a3s-code"
_WORDS = ("type", "media_type", "data")


def _read_source(source: Document) -> Document:
    if source["type"] == "base64" and source.keys() == set(_WORDS):
        return {**source}
    return {"type": "other", "value": source}


def _write_source(source: Document) -> Document | None:
    """A source is three strings; None where it is not."""
    value: Any = source.get("value") if source["type"] == "other" else source
    if not is_object(value) or not all(isinstance(value.get(name), str) for name in _WORDS):
        return None
    return dict(value) if source["type"] == "other" else {name: value[name] for name in _WORDS}


def _read_answer(block: Document) -> Document:
    content = block["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else each(_read_block)(content)
    return {"type": "tool_result", "content": blocks}


def _write_answer(spec: Document) -> Document:
    fitting = [block for block in spec["content"] if block["type"] in {"text", "image"}]
    blocks = each_that_fits(_write_block)(fitting)
    text = is_text_alone(blocks) and form_of(spec, NAME) != "list"
    return {"type": "tool_result", "content": blocks[0]["text"] if text else blocks}


_BLOCKS = {
    "text": tagged(NAME, {"type": "text"}, {"type": "text"}, Member("text", "text")),
    "image": tagged(
        NAME, {"type": "image"}, {"type": "image"}, Member("source", "source", read=_read_source, write=_write_source)
    ),
    "tool_use": tool_use(NAME),
    "tool_result": Shape(
        NAME,
        (Member("tool_use_id", "call_id"), Member("is_error", "is_error", absent=None)),
        also_read=_read_answer,
        also_write=_write_answer,
        form=lambda block: "list" if is_text_alone(block["content"]) else None,
    ),
}
_THEIRS = {"text": "text", "image": "image", "tool_call": "tool_use", "tool_result": "tool_result"}


def _read_block(block: Document) -> Document:
    return _BLOCKS[block["type"]].read(block)


def _write_block(block: Document) -> Document | None:
    tag = _THEIRS.get(block["type"])
    has_no_place = tag is None or ("source" in block and _write_source(block["source"]) is None)
    return None if tag is None or has_no_place else _BLOCKS[tag].write(block)


def _read_message(message: Document) -> Document:
    thought = message.get("reasoning_content")
    first: list[Document] = [{"type": "reasoning", "text": thought}] if isinstance(thought, str) else []
    return {"content": [*first, *each(_read_block)(message["content"])]}


def _write_message(spec: Document) -> Document:
    thoughts = [block["text"] for block in spec["content"] if block["type"] == "reasoning"]
    content = each_that_fits(_write_block)(spec["content"])
    return {"content": content, **({"reasoning_content": "\n\n".join(thoughts)} if thoughts else {})}


_MESSAGE = Shape(NAME, (Member("role", "role"),), also_read=_read_message, also_write=_write_message)


def read(message: Document) -> Document:
    """The spec's message."""
    return _MESSAGE.read(message)


def write(message: Document) -> Document:
    """The message as a3s-code keeps it."""
    return _MESSAGE.write(message)


LOSSES = (
    Loss("/messages/*/agent", "who speaks is not kept"),
    Loss("/messages/*/created_at", "a message has no time"),
    Loss("/messages/*/pinned", "nothing is pinned"),
    Loss("/messages/*/content/*", "blocks are text, images that lie in the message, calls and results; reasoning is "
         "one text before all others"),
    Loss("/messages/*/content/reasoning/text", "reasoning is one text before all others"),
    Loss("/messages/*/content/reasoning/signature", "reasoning is not signed"),
    Loss("/messages/*/content/tool_call/arguments", "a call always has arguments, as JSON"),
    Loss("/messages/*/content/tool_call/arguments_text", "a call always has arguments, as JSON"),
    Loss("/messages/*/content/tool_result/name", "a result does not name its tool"),
    Loss("/messages/*/content/tool_result/content/*", "a result holds text, and images that lie in it"),
)  # fmt: skip
