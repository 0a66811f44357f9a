"""Hypothesis strategies for whole sessions of every dialect, drawn from its schemas."""

import functools
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from sessionproof import _schemas
from sessionproof._dialects import DIALECTS, Document, Tree
from sessionproof._from_schema import Limits, from_schema


@functools.cache  # to take a schema apart is slow
def _drawn(schema: str, *, extra: bool = False, size: int = 40) -> SearchStrategy[Any]:
    limits = Limits(max_integer=2**64 - 1, size=size)
    return from_schema({"$ref": _schemas.uri(schema)}, registry=_schemas.registry(), limits=limits, extra_members=extra)


def _either(schema: str, size: int = 40) -> SearchStrategy[Any]:
    """Values with and without members that the schema does not name."""
    return _drawn(schema, size=size) | _drawn(schema, extra=True, size=size)


def _rising(draw: DrawFn, count: int) -> list[int]:
    return sorted(
        draw(st.lists(st.integers(1, 2**64 - 1) | st.integers(1, 9), unique=True, min_size=count, max_size=count))
    )


@st.composite
def _ailoop(draw: DrawFn) -> Tree:
    snapshot = cast("Document", draw(_either("ailoop.schema.json")))
    count = len(snapshot["messages"])
    snapshot["pinned"] = (snapshot["pinned"] + [False] * count)[:count]
    return {"snapshot": snapshot}


@st.composite
def _crabtalk(draw: DrawFn) -> Tree:
    meta = draw(_either("crabtalk.schema.json#/$defs/meta"))
    steps = draw(st.lists(_either("crabtalk.schema.json#/$defs/step", size=20), max_size=5))
    numbers = _rising(draw, len(steps))
    return {"meta": meta, **{f"step-{number:06}": step for number, step in zip(numbers, steps, strict=True)}}


@st.composite
def _a3s_code(draw: DrawFn) -> Tree:
    tree: Tree = {"session": draw(_either("a3s-code.schema.json"))}
    for role in ("artifacts", "traces", "verification"):
        if draw(st.integers(0, 2)) == 2:
            tree[role] = draw(_either(f"a3s-code.schema.json#/$defs/{role}", size=15))
    return tree


def _given(document: Document) -> Document:
    """As a caller gives it: without what belongs to the store, or is a secret."""
    document.pop("store", None)
    document.get("llm", {}).pop("api_key", None)
    return document


@st.composite
def _sessionproof(draw: DrawFn) -> Tree:
    if draw(st.booleans()):
        return {"document": _given(draw(_either("session") | _either("snapshot")))}
    records = [_given(record) for record in draw(st.lists(_either("step", size=20), min_size=1, max_size=6))]
    numbers = iter(_rising(draw, sum("number" in record for record in records)))
    return {"log": [{**record, "number": next(numbers)} if "number" in record else record for record in records]}


TREES: dict[str, SearchStrategy[Tree]] = {
    "sessionproof": _sessionproof(),
    "trusty-mpm": st.fixed_dictionaries({"conversation": _either("trusty-mpm.schema.json")}),
    "crabtalk": _crabtalk(),
    "ailoop": _ailoop(),
    "a3s-code": _a3s_code(),
    "astrid": st.fixed_dictionaries({"session": _either("astrid.schema.json")}),
}
assert TREES.keys() == DIALECTS.keys()
