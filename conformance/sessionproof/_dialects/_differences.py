"""What became of a document: what was lost, changed or made up on the way, place by place."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sessionproof import _json, _schemas
from sessionproof._dialects._dialect import Loss
from sessionproof._dialects._shape import Document, get, is_list, is_object

What = Literal["lost", "changed", "made up"]
_LABELS = {"content": "type", "records": "kind"}
_OF_OTHERS = "what only one other system knows"
_VERSION = "the version of the formats is that of the kit"
_UNNAMED = "the formats do not name it"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: what happened, where (list items by their kind, or `*`), and why it was to be expected."""

    what: What
    path: str
    why: str | None
    """None: nothing lists it, which is a fault of the kit."""


def differences(before: Document, after: Document, losses: tuple[Loss, ...]) -> Iterator[Difference]:
    """All differences, each with the reason that lists it."""
    for what, path in _objects(before, after, ""):
        yield difference(what, before, path, losses)


def difference(what: What, before: Document, path: str, losses: tuple[Loss, ...]) -> Difference:
    """One difference, with the reason that lists it."""
    return Difference(what, path, _reason(before["format"], path, losses))


def _reason(kind: str, path: str, losses: tuple[Loss, ...]) -> str | None:
    for loss in losses:
        if loss.covers(path):
            return loss.why
    names = path.split("/")[1:]
    if names[-1] == "version":
        return _VERSION
    if "extensions" in names:
        return _OF_OTHERS
    return None if _is_named(kind, names) else _UNNAMED


def _is_named(kind: str, names: list[str]) -> bool:
    """Whether the formats name the member that such a path leads to."""
    if kind == "log":
        kind, names = "step", names[2:]
    places = [_Place({"$ref": _schemas.uri(kind)}, _schemas.registry().resolver())]
    for name in names:
        places = [inner for place in places for inner in place.below(name)]
    return bool(places)


class _Place:
    """A schema, and what its references are relative to."""

    def __init__(self, schema: Any, resolver: Any) -> None:  # noqa: ANN401 - any schema; a type of another library
        self._schema, self._resolver = schema, resolver

    def below(self, name: str) -> Iterator["_Place"]:
        """The schemas of a member, or of the items where the name is the label of one."""
        schema = self._schema
        if not is_object(schema):
            return
        if "$ref" in schema:
            found = self._resolver.lookup(schema["$ref"])
            yield from _Place(found.contents, found.resolver).below(name)
        for part in (*schema.get("allOf", ()), schema.get("then")):
            yield from _Place(part, self._resolver).below(name)
        inner = schema["items"] if "items" in schema else schema.get("properties", {}).get(name)
        if inner:
            yield _Place(inner, self._resolver)


def _values(before: Any, after: Any, path: str) -> Iterator[tuple[What, str]]:  # noqa: ANN401 - any JSON
    if is_object(before) and is_object(after):
        yield from _objects(before, after, path)
    elif is_list(before) and is_list(after) and all(map(is_object, [*before, *after])):
        yield from _lists(before, after, path)
    elif not _json.same(before, after):
        yield "changed", path


def _objects(before: Document, after: Document, path: str) -> Iterator[tuple[What, str]]:
    for name, member in before.items():
        if name not in after:
            if name == "extensions":
                for system in member:
                    yield "lost", f"{path}/extensions/{system}"
            else:
                yield "lost", f"{path}/{name}"
        else:
            yield from _values(member, after[name], f"{path}/{name}")
    for name in after:
        # What only the target knows is no part of what was carried.
        if name not in before and name != "extensions" and not path.endswith("/extensions"):
            yield "made up", f"{path}/{name}"


def _lists(before: list[Document], after: list[Document], path: str) -> Iterator[tuple[What, str]]:
    if path == "/records":
        yield from _records(before, after)
    elif len(before) == len(after) and (_keeps_order(path) or all(map(_alike, before, after))):
        yield from _pairs(before, after, path)
    else:
        yield from _matched(before, after, path)


def _keeps_order(path: str) -> bool:
    """Lists whose items are left out at most; messages may also be joined, and blocks change places."""
    return path.rpartition("/")[2] not in {"messages", "content"}


def _matched(before: list[Document], after: list[Document], path: str) -> Iterator[tuple[What, str]]:
    """Each item stands for the next one that looks alike; what finds none is lost, what is found by none is made up."""
    place = 0
    for item in before:
        found = next((index for index in range(place, len(after)) if _alike(item, after[index])), None)
        if found is None:
            yield "lost", f"{path}/{_label(item, path)}"
        else:
            for other in after[place:found]:
                yield "made up", f"{path}/{_label(other, path)}"
            yield from _pairs([item], [after[found]], path)
            place = found + 1
    for other in after[place:]:
        yield "made up", f"{path}/{_label(other, path)}"


def _pairs(before: list[Document], after: list[Document], path: str) -> Iterator[tuple[What, str]]:
    for item, other in zip(before, after, strict=True):
        if _label(item, path) == _label(other, path):
            yield from _objects(item, other, f"{path}/{_label(item, path)}")
        else:
            yield "lost", f"{path}/{_label(item, path)}"
            yield "made up", f"{path}/{_label(other, path)}"


def _records(before: list[Document], after: list[Document]) -> Iterator[tuple[What, str]]:
    """Steps stand for each other by their rank or else their number, and the last metas for the last."""
    numbered = {_place(record): record for record in after if "number" in record}
    metas = [record for record in after if record["kind"] == "meta"]
    surplus = sum(record["kind"] == "meta" for record in before) - len(metas)
    for record in before:
        other = numbered.pop(_place(record), None)
        if record["kind"] == "meta":
            other, surplus = (metas.pop(0) if surplus <= 0 and metas else None), surplus - 1
        if other is None:
            yield "lost", f"/records/{record['kind']}"
        else:
            yield from _pairs([record], [other], "/records")
    for record in (*metas, *numbered.values()):
        yield "made up", f"/records/{record['kind']}"


def _place(record: Document) -> int | None:
    return record.get("rank", record.get("number"))


def _label(item: Document, path: str) -> str:
    name = _LABELS.get(path.rpartition("/")[2])
    label = None if name is None else item.get(name)
    return label if isinstance(label, str) else "*"


_MARKS = ("type", "role", "id", "call_id", "text", "name", "model", "at", "kind", "status", "subject")


def _alike(item: Document, other: Document) -> bool:
    """Whether one may stand for the other: by what such items are known, or by all that they say."""
    if "content" in item and item["content"] == other.get("content"):
        return item.get("type") == other.get("type")
    kinds = [get(value, "source.type") for value in (item, other)]
    return kinds[0] == kinds[1] and all((item.get(mark) or None) == (other.get(mark) or None) for mark in _MARKS)
