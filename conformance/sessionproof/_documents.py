"""The documents and attachments that a statement's fidelity covers: plain ones, drawn ones, invalid ones."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from sessionproof import _from_schema, _json, _schemas
from sessionproof._json import JSON, Object
from sessionproof._json_values import Limits, any_object
from sessionproof._schema_library import Library
from sessionproof._statement import Statement

MAX_DEPTH = 64
ALL_CHECKS: tuple[HealthCheck, ...] = tuple(cast("Any", HealthCheck))
"""Hypothesis's own health checks, which are about the speed of test suites."""
SAFE_INTEGER = 2**53 - 1
_ITEM = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "text": {"type": "string"}},
    "required": ["id", "text"],
    "additionalProperties": False,
}
_MESSAGES = {
    "type": "object",
    "properties": {
        "messages": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"role": {"enum": ["user", "assistant"]}, "content": {"type": "string"}},
                "required": ["role", "content"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["messages"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Documents:
    """What may be given to a store under one statement; `limits` is what the adapter's own JSON carries."""

    statement: Statement
    limits: Limits
    _items: dict[str, list[JSON]] = field(default_factory=dict[str, list[JSON]], compare=False)

    @functools.cached_property
    def schema(self) -> dict[str, Any] | bool:
        """The schema of the documents that the fidelity covers."""
        match self.statement.fidelity:
            case "json":
                return {"type": "object"}
            case "messages":
                return _MESSAGES
            case "format":
                theirs = {"$ref": _schemas.uri(self.statement.format_name or "session")}
                # These members of a file belong to the store and not to its caller.
                return {"allOf": [theirs, {"properties": {"store": False, "attachments": False}}]}
            case declared:
                return _part(cast("dict[str, Any]", cast("dict[str, Any]", declared)["schema"]), "document")

    @functools.cached_property
    def _is_valid(self) -> Callable[[JSON], bool]:
        library = Library(self.schema, _schemas.registry(), "")
        return library.validator((library.root,))

    def covered(self, document: JSON) -> bool:
        """Whether the document is of the declared fidelity, sizes and numbers aside."""
        return isinstance(document, dict) and self._is_valid(document)

    def must_keep(self, document: JSON) -> bool:
        """Whether a store may not refuse the document: covered, and within what every fidelity includes."""
        largest = SAFE_INTEGER if self.statement.format is None else None
        return (
            self.covered(document)
            and _json.depth(document) <= MAX_DEPTH
            and not any(_json.has_lone_surrogate(text) for text in _json.strings(document))
            and (largest is None or all(abs(n) <= largest for n in _json.numbers(document) if isinstance(n, int)))
        )

    def invalid(self, document: JSON) -> bool:
        """Whether the document must be refused: not an object, or not of the claimed format."""
        if not isinstance(document, dict):
            return True
        if self.statement.fidelity != "format" or self.statement.format_name not in _schemas.FORMATS:
            return False
        return not _schemas.is_valid(self.statement.format_name, document)

    def fit(self, document: Object, id: str) -> Object:
        """The same document for one session: where it has a top-level `id`, that is the id of the call."""
        return {**document, "id": id} if "id" in document else document

    def plain(self, number: int, id: str) -> Object:
        """A small readable document, another for each number; the last messages differ, and so do the lengths."""
        texts = [f"message {turn} of document {number}" for turn in range(1 + number % 4)]
        match self.statement.fidelity:
            case "format":
                return self._plain_format(texts, id)
            case "json" | "messages":
                roles = ["user", "assistant"]
                return {"messages": [{"role": roles[turn % 2], "content": text} for turn, text in enumerate(texts)]}
            case _:
                return self.fit(self._pool[number % len(self._pool)], id)

    def _plain_format(self, texts: list[str], id: str) -> Object:
        messages: list[JSON] = [
            {"role": ["user", "assistant"][turn % 2], "content": [{"type": "text", "text": text}]}
            for turn, text in enumerate(texts)
        ]
        name = self.statement.format_name or "session"
        identity: Object = {"id": id, "title": texts[-1]} if name == "session" else {}
        return {"format": name, "version": "1.0", **identity, "messages": messages}

    @functools.cached_property
    def _pool(self) -> list[Object]:
        """Distinct documents of a schema that the kit does not know."""
        return drawn(self.drawn(), 24)

    def drawn(self, *, wild: bool = True, extra_members: bool = False) -> st.SearchStrategy[Object]:
        """Documents of the declared fidelity; `wild` ones reach for its edges.

        Raises:
            Unsatisfiable: The declared schema admits nothing that the kit can build.
        """
        largest = (
            min(SAFE_INTEGER, self.limits.max_integer) if self.statement.format is None else self.limits.max_integer
        )
        limits = replace(
            self.limits, max_integer=largest, max_depth=min(MAX_DEPTH, self.limits.max_depth), surrogates=False
        )
        if not wild:
            limits = Limits(max_length=100, size=20)
        if self.statement.fidelity == "json":
            return any_object(limits)
        made = _from_schema.from_schema(
            self.schema, registry=_schemas.registry(), limits=limits, extra_members=extra_members
        )
        return cast("st.SearchStrategy[Object]", made)

    def items(self, kind: str) -> st.SearchStrategy[JSON]:
        """One item of an attachment."""
        schema: dict[str, Any] | bool = _ITEM
        if isinstance(self.statement.fidelity, dict):
            declared = cast("dict[str, Any]", self.statement.fidelity["schema"])
            schema = _part(declared, kind) if kind in declared.get("$defs", {}) else _ITEM
        return _from_schema.from_schema(schema, registry=_schemas.registry(), limits=self.limits)

    def plain_items(self, kind: str, count: int, number: int = 0) -> list[JSON]:
        """A list of items, another for each number."""
        if not isinstance(self.statement.fidelity, dict):
            return [
                {"id": f"{kind}-{number}-{index}", "text": f"item {index} of list {number}"} for index in range(count)
            ]
        if kind not in self._items:
            self._items[kind] = drawn(self.items(kind), 24)
        pool = self._items[kind]
        return [pool[(number + index) % len(pool)] for index in range(count)]

    def refusable(self, id: str) -> Iterator[tuple[str, JSON]]:
        """Invalid documents, each with its fault in words."""
        plain = self.plain(1, id)
        scalars: list[tuple[str, JSON]] = [
            ("a list", []),
            ("a string", "text"),
            ("a number", 7),
            ("true", True),
            ("null", None),
            ("a list of the document", [plain]),
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
            if self.invalid({**plain, "messages": [bad]}):
                yield fault, {**plain, "messages": [bad]}


def _part(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """One definition of a declared schema, as a schema of its own."""
    return {**schema, "$ref": f"#/$defs/{name}"}


def drawn(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Up to `count` distinct values of a strategy, the same in every run."""
    found: dict[str, Any] = {}

    @seed(0)
    @settings(
        max_examples=count * 8,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=ALL_CHECKS,
    )
    @given(strategy)
    def collect(value: JSON) -> None:
        if len(found) < count:
            found.setdefault(_json.key(value), value)

    collect()
    return list(found.values())
