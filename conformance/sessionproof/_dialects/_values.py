"""Checks and spellings that several dialects share."""

import functools
import json
import math
import re
from collections.abc import Callable
from typing import Any, cast

from sessionproof import _data, _json
from sessionproof._dialects._shape import Check, Document, Member, Shape, Translate, is_list, is_object

U32, U64 = 2**32 - 1, 2**64 - 1


def is_text(value: object) -> bool:
    """A string."""
    return isinstance(value, str)


def is_flag(value: object) -> bool:
    """True or false."""
    return isinstance(value, bool)


def is_number(value: object) -> bool:
    """A finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def counts_to(most: int, least: int = 0) -> Check:
    """Whole numbers that are written as such, from `least` to `most`."""
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def one_of(*words: str) -> Check:
    """One of these words."""
    return lambda value: isinstance(value, str) and value in words


@functools.cache
def _timestamp() -> "re.Pattern[str]":
    schema = _data.json_file("spec", "formats/message.schema.json")
    return re.compile(schema["$defs"]["timestamp"]["pattern"])


def is_time(value: object) -> bool:
    """A timestamp of the spec's formats."""
    return isinstance(value, str) and _timestamp().search(value) is not None


def each(translate: Callable[[Document], Document]) -> Translate:
    """Translate every item of a list of objects."""
    return lambda items: [translate(item) for item in items]


def each_that_fits(translate: Callable[[Document], Document | None]) -> Translate:
    """Translate every item that can be, and leave the others out."""
    return lambda items: [there for item in items if (there := translate(item)) is not None]


def tagged(dialect: str, theirs: Document, ours: Document, *members: Member) -> Shape:
    """The mapping of one member of a union: what always stands in the dialect's object, and what in the spec's."""
    return Shape(dialect, members, also_read=lambda _: ours, also_write=lambda _: theirs)


def tool_use(dialect: str) -> Shape:
    """The mapping of a call as Anthropic's messages write it."""
    return Shape(
        dialect,
        (Member("id", "id"), Member("name", "name")),
        also_read=lambda block: {"type": "tool_call", "arguments": block["input"]},
        also_write=lambda spec: {"type": "tool_use", "input": arguments_of(spec)},
    )


def is_text_alone(blocks: object) -> bool:
    """A list of one text block and nothing beside the text, as most dialects write a bare string."""
    alone = blocks[0] if is_list(blocks) and len(blocks) == 1 else None
    return is_object(alone) and alone.keys() == {"type", "text"}


def texts_of(content: list[Document]) -> list[str]:
    """The texts among the blocks."""
    return [block["text"] for block in content if block["type"] == "text"]


def arguments_of(call: Document) -> Any:  # noqa: ANN401 - any JSON
    """The arguments of a call as JSON: text that is no JSON as a string, none as an empty object."""
    if "arguments" in call:
        return call["arguments"]
    text = cast("str | None", call.get("arguments_text"))
    if text is None:
        return {}
    try:
        return _json.decode(text)
    except _json.NotJson:
        return text


def arguments_text_of(call: Document) -> str:
    """The arguments of a call as text; none is empty."""
    if "arguments" in call:
        return json.dumps(call["arguments"], ensure_ascii=False, separators=(",", ":"))
    return cast("str", call.get("arguments_text", ""))
