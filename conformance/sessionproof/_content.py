"""What a session may hold under a statement's fidelity, documents or entries: plain ones, drawn ones, invalid ones."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from sessionproof import _from_schema, _json, _schema_places, _schemas
from sessionproof._json import JSON, Object
from sessionproof._json_values import DRAWING, Limits, any_object
from sessionproof._schema_library import Library
from sessionproof._schema_places import Place
from sessionproof._statement import Statement

MAX_DEPTH = 64
SAFE_INTEGER = 2**53 - 1
_ITEM = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "text": {"type": "string"}},
    "required": ["id", "text"],
    "additionalProperties": False,
}
_MESSAGE = {
    "type": "object",
    "properties": {"role": {"enum": ["user", "assistant"]}, "content": {"type": "string"}},
    "required": ["role", "content"],
    "additionalProperties": False,
}
_MESSAGES = {
    "type": "object",
    "properties": {"messages": {"type": "array", "items": _MESSAGE}},
    "required": ["messages"],
    "additionalProperties": False,
}
_META = {
    "type": "object",
    "properties": {"title": {"type": "string"}},
    "required": ["title"],
    "additionalProperties": False,
}
_DEFAULTS: dict[str, dict[str, Any]] = {"meta": _META}
"""What a statement without a schema covers beside documents and entries; `_ITEM` where it is not named here."""


@dataclass(frozen=True)
class Content:
    """What may be given to a store under one statement; `limits` is what the adapter's own JSON carries.

    A *value* is what one write puts into a session: a document that is saved or, with `logs`, an entry that is
    appended.
    """

    statement: Statement
    limits: Limits
    logs: bool = False
    _pools: dict[str, list[JSON]] = field(default_factory=dict[str, list[JSON]], compare=False)
    _validators: dict[str, Callable[[JSON], bool]] = field(
        default_factory=dict[str, Callable[[JSON], bool]], compare=False
    )

    @property
    def part(self) -> str:
        """What a value is called where a statement declares a schema."""
        return "entry" if self.logs else "document"

    @functools.cached_property
    def schema(self) -> dict[str, Any] | bool:
        """The schema of the values that the fidelity covers."""
        match self.statement.fidelity:
            case "json":
                return {"type": "object"}
            case "messages":
                return _MESSAGE if self.logs else _MESSAGES
            case "format" if self.logs:
                return {"$ref": _schemas.uri(self._format)}
            case "format":
                # These members of a file belong to the store and not to its caller.
                return {
                    "allOf": [
                        {"$ref": _schemas.uri(self._format)},
                        {"properties": {"store": False, "attachments": False}},
                    ]
                }
            case declared:
                return _part(cast("dict[str, Any]", cast("dict[str, Any]", declared)["schema"]), self.part)

    @property
    def _format(self) -> str:
        """The format that values are of where the fidelity is that of a format: an entry is a message."""
        return "message" if self.logs else (self.statement.format_name or "session")

    @functools.cached_property
    def _is_valid(self) -> Callable[[JSON], bool]:
        library = Library(self.schema, _schemas.registry(), "")
        return library.validator((library.root,))

    def covered(self, value: JSON) -> bool:
        """Whether the value is of the declared fidelity, sizes and numbers aside."""
        return isinstance(value, dict) and self._is_valid(value)

    def must_keep(self, value: JSON) -> bool:
        """Whether a store may not refuse the value: covered, and within what every fidelity includes."""
        return self.covered(value) and self.included(value)

    def included(self, value: JSON) -> bool:
        """Whether depth, texts and numbers are within what every fidelity includes."""
        largest = SAFE_INTEGER if self.statement.format is None else None
        return (
            _json.depth(value) <= MAX_DEPTH
            and not any(_json.has_lone_surrogate(text) for text in _json.strings(value))
            and (largest is None or all(abs(n) <= largest for n in _json.numbers(value) if isinstance(n, int)))
        )

    def invalid(self, value: JSON) -> bool:
        """Whether the value must be refused: not an object, or not of the claimed format."""
        if not isinstance(value, dict):
            return True
        if self.statement.fidelity != "format" or self._format not in _schemas.FORMATS:
            return False
        return not _schemas.is_valid(self._format, value)

    def fit(self, document: Object, id: str) -> Object:
        """The same document for one session: where it has a top-level `id`, that is the id of the call."""
        return {**document, "id": id} if "id" in document and not self.logs else document

    def plain(self, number: int, id: str) -> Object:
        """A small readable value, another for each number; those of documents differ in length too."""
        texts = [f"message {turn} of document {number}" for turn in range(1 + number % 4)]
        if self.logs:
            texts = [f"entry {number}"]
        match self.statement.fidelity:
            case "format":
                return self._plain_format(texts, number, id)
            case "json" | "messages":
                roles = ["user", "assistant"]
                messages: list[Object] = [
                    {"role": roles[(number * self.logs + turn) % 2], "content": text} for turn, text in enumerate(texts)
                ]
                return messages[0] if self.logs else {"messages": cast("JSON", messages)}
            case _:
                return self.fit(self._pool[number % len(self._pool)], id)

    def _plain_format(self, texts: list[str], number: int, id: str) -> Object:
        messages: list[JSON] = [
            {
                "role": ["user", "assistant"][(number * self.logs + turn) % 2],
                "content": [{"type": "text", "text": text}],
            }
            for turn, text in enumerate(texts)
        ]
        if self.logs:
            return cast("Object", messages[0])
        name = self._format
        identity: Object = {"id": id, "title": texts[-1]} if name == "session" else {}
        return {"format": name, "version": "1.0", **identity, "messages": messages}

    @functools.cached_property
    def _pool(self) -> list[Object]:
        """Distinct values of a schema that the kit does not know."""
        return drawn(self.drawn(), 24)

    @functools.cached_property
    def places(self) -> list[Place]:
        """Where values of the fidelity may hold others, `id` of a document aside; none where hardly anything is fixed.

        Of the fidelities that have a name the kit knows such places itself: `holding`, `deep`, `with_texts`.
        """
        if self.statement.fidelity in ("json", "format"):
            return []
        limits = Limits(max_length=100, size=20)
        found = _schema_places.places(self.schema, _schemas.registry(), limits)
        return [place for place in found if self.logs or place.path[0] != "id"]

    def holding(self, id: str, value: JSON) -> Object | None:
        """A value of the fidelity that holds this one somewhere; None where its schema has no such place."""
        text = value if isinstance(value, str) else _json.encode(value)
        match self.statement.fidelity:
            case "json":
                return {**self.plain(1, id), "value": value, "list": [value, [value]], text[:100]: value}
            case "messages":
                message: Object = {"role": "user", "content": text}
                return message if self.logs else {"messages": [message, {"role": "assistant", "content": ""}]}
            case "format":
                extended: Object = {
                    "role": "user",
                    "content": [{"type": "text", "text": text}],
                    "extensions": {"probe": {"value": value, text[:100]: [value]}},
                }
                if self.logs:
                    return extended
                return {
                    **self.plain(1, id),
                    "messages": [extended],
                    "extensions": {"probe": {"value": value, text[:100]: [value]}},
                }
            case _:
                return None

    def deep(self, id: str, value: JSON) -> Object | None:
        """As `holding`, but the value stands in one place only, as few levels down as may be, and in no name."""
        plain = self.plain(1, id)
        match self.statement.fidelity:
            case "json":
                return {**plain, "value": value}
            case "format":
                return {**plain, "extensions": {"probe": {"value": value}}}
            case "messages" if isinstance(value, str):
                return self.holding(id, value)
            case _:
                return None

    def with_texts(self, id: str, texts: list[str]) -> Object | None:
        """A value that holds these texts; None where its schema has no place for them."""
        blocks: list[JSON] = [{"type": "text", "text": text} for text in texts]
        plain: list[JSON] = [{"role": "user", "content": text} for text in texts]
        match self.statement.fidelity:
            case "json":
                return {**self.plain(0, id), "texts": cast("JSON", texts)}
            case "messages":
                return {"role": "user", "content": "\n".join(texts)} if self.logs else {"messages": plain}
            case "format":
                message: Object = {"role": "user", "content": blocks}
                return message if self.logs else {**self.plain(0, id), "messages": [message]}
            case _:
                return None

    def sized(self, number: int, id: str, size: int) -> Object | None:
        """A value with one text of so many characters, another for each number; None where no text may be as long."""
        text = (f"{number} " * (size // 2 + 1))[:size]
        made = self.with_texts(id, [text])
        if made is not None:
            return made
        for value in self._pool:
            for longer in _with_longer(value, text):
                fitted = self.fit(cast("Object", longer), id)
                if text in _json.strings(fitted) and self.covered(fitted):
                    return fitted
        return None

    def drawn(self, *, wild: bool = True, extra_members: bool = False) -> st.SearchStrategy[Object]:
        """Values of the declared fidelity; `wild` ones reach for its edges.

        Raises:
            Unsatisfiable: The declared schema admits nothing that the kit can build.
        """
        limits = self._kept if wild else Limits(max_length=100, size=20)
        if self.statement.fidelity == "json":
            return any_object(limits)
        made = _from_schema.from_schema(
            self.schema, registry=_schemas.registry(), limits=limits, extra_members=extra_members
        )
        return cast("st.SearchStrategy[Object]", made)

    @property
    def _kept(self) -> Limits:
        """What both the adapter's own JSON and every fidelity include."""
        most = self.limits.max_integer
        return replace(
            self.limits,
            max_integer=min(SAFE_INTEGER, most) if self.statement.format is None else most,
            max_depth=min(MAX_DEPTH, self.limits.max_depth),
            surrogates=False,
        )

    def items(self, kind: str) -> st.SearchStrategy[JSON]:
        """One item of an attachment; with the kinds `event` and `meta`, what `append_events` and `describe` take."""
        return _from_schema.from_schema(self._schema_of(kind), registry=_schemas.registry(), limits=self._kept)

    def fits(self, kind: str, value: JSON) -> bool:
        """Whether the value is an item of that kind; `event` and `meta` are kinds as well."""
        if kind not in self._validators:
            library = Library(self._schema_of(kind), _schemas.registry(), "")
            self._validators[kind] = library.validator((library.root,))
        return self._validators[kind](value)

    def declares(self, kind: str) -> bool:
        """Whether the fidelity is a schema that says what is of that kind."""
        declared = self.statement.fidelity
        return isinstance(declared, dict) and kind in declared["schema"].get("$defs", {})

    def _schema_of(self, kind: str) -> dict[str, Any] | bool:
        declared = self.statement.fidelity
        if isinstance(declared, dict) and self.declares(kind):
            return _part(cast("dict[str, Any]", declared["schema"]), kind)
        return _DEFAULTS.get(kind, _ITEM)

    def plain_items(self, kind: str, count: int, number: int = 0) -> list[JSON]:
        """A list of items, another for each number."""
        if not isinstance(self.statement.fidelity, dict):
            return [
                {"id": f"{kind}-{number}-{index}", "text": f"item {index} of list {number}"} for index in range(count)
            ]
        pool = self._pool_of(kind)
        return [self._told_apart(kind, pool[(number + index) % len(pool)], index) for index in range(count)]

    def _told_apart(self, kind: str, item: JSON, index: int) -> JSON:
        """The item with texts of its own, where the schema allows it: a store may keep items by one of them."""
        if not isinstance(item, dict):
            return item
        told = item
        for name, value in item.items():
            other: Object = {**told, name: f"{value} {index}"}
            if isinstance(value, str) and self.fits(kind, other):
                told = other
        return told

    def plain_meta(self, number: int) -> Object:
        """What `describe` sets, another for each number."""
        if not isinstance(self.statement.fidelity, dict):
            return {"title": f"title {number}"}
        pool = self._pool_of("meta")
        return cast("Object", pool[number % len(pool)])

    def _pool_of(self, kind: str) -> list[JSON]:
        if kind not in self._pools:
            self._pools[kind] = drawn(self.items(kind), 24)
        return self._pools[kind]

    def refusable(self, id: str) -> Iterator[tuple[str, JSON]]:
        """Invalid values, each with its fault in words."""
        plain = self.plain(1, id)
        scalars: list[tuple[str, JSON]] = [
            ("a list", []),
            ("a string", "text"),
            ("a number", 7),
            ("true", True),
            ("null", None),
            ("a value in a list", [plain]),
        ]
        yield from scalars
        if self.statement.fidelity != "format":
            return
        for name in sorted(plain):
            broken = {member: value for member, value in plain.items() if member != name}
            if self.invalid(broken):
                yield f"no member {name!r}", broken
            wrongs: list[JSON] = [None, 7, "text", [7], {"text": 7}, True]
            for wrong in wrongs:
                if name != "version" and self.invalid({**plain, name: wrong}):
                    yield f"{name!r} is {_json.encode(wrong)}", {**plain, name: wrong}
        message: Object = {"role": "user", "content": [{"type": "text", "text": "t"}]}
        bad_messages: list[tuple[str, Object]] = [
            ("a message without content", {"role": "user"}),
            ("a message without a role", {"content": []}),
            ("a content that is a string", {**message, "content": "text"}),
            ("a block without a type", {**message, "content": [{"text": "t"}]}),
            ("a text block without text", {**message, "content": [{"type": "text"}]}),
            ("a text that is a number", {**message, "content": [{"type": "text", "text": 7}]}),
        ]
        for fault, bad in bad_messages:
            value: Object = bad if self.logs else {**plain, "messages": [bad]}
            if self.invalid(value):
                yield fault, value


def _part(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """One definition of a declared schema, as a schema of its own."""
    return {**schema, "$ref": f"#/$defs/{name}"}


def drawn(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Up to `count` distinct values of a strategy, the same in every run."""
    found: dict[str, Any] = {}
    # One turn is enough, unless many of what it draws are the same; of some schemas there are not as many values.
    for turn in range(8):

        @seed(turn)
        @settings(DRAWING, max_examples=count)
        @given(strategy)
        def collect(value: JSON) -> None:
            if len(found) < count:
                found.setdefault(_json.key(value), value)

        collect()
        if len(found) == count:
            break
    return list(found.values())


def _with_longer(value: JSON, text: str) -> Iterator[JSON]:
    """The value with the text in the place of each of its strings in turn."""
    if isinstance(value, str):
        yield text
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from ({**value, name: longer} for longer in _with_longer(member, text))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from ([*value[:index], longer, *value[index + 1 :]] for longer in _with_longer(member, text))
