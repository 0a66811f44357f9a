"""A small store with a type of its own, which has a place for any JSON value."""

from typing import Any, ClassVar

from miniatures._clean import Clean
from sessionproof import InvalidDocument

_SCHEMA: dict[str, Any] = {
    "$defs": {
        "document": {
            "type": "object",
            "required": ["version", "texts", "pinned", "share"],
            "properties": {
                "version": {"const": 1},
                "texts": {"type": "array", "items": {"type": "string"}},
                "pinned": {"type": "array", "items": {"type": "boolean"}},
                "share": {"$comment": "A number of 32 bits: some that it holds.", "enum": [0, 0.25, 0.5, 100]},
                "mode": {"enum": ["chat", "plan"]},
                "call": {
                    "type": "object",
                    "required": ["name", "arguments"],
                    "properties": {"name": {"type": "string"}, "arguments": True},
                    "additionalProperties": False,
                },
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            },
            # Of lists as long as each other no schema can say more than up to which length.
            "anyOf": [
                {"properties": {name: {"minItems": size, "maxItems": size} for name in ("texts", "pinned")}}
                for size in range(4)
            ],
            "additionalProperties": False,
        }
    }
}
_MEMBERS: dict[str, Any] = {"version": int, "texts": list, "pinned": list, "share": (int, float)}
_MAY: dict[str, Any] = {"mode": str, "call": dict, "labels": dict}


class CleanTyped(Clean):
    """It takes more than its schema has: any number of 32 bits, and lists of any length."""

    fidelity: ClassVar[str | dict[str, Any]] = {"schema": _SCHEMA}

    def accept(self, document: Any) -> None:
        """Refuse what the type cannot hold, and what would not be read again."""
        super().accept(document)
        unknown = document.keys() - {*_MEMBERS, *_MAY}
        wrong = [name for name, kind in _MEMBERS.items() if not isinstance(document.get(name), kind)]
        wrong += [name for name, kind in _MAY.items() if name in document and not isinstance(document[name], kind)]
        if unknown or wrong:
            raise InvalidDocument(f"not of the type of this store: {sorted(unknown) + wrong}")
        self.sound(document)

    def sound(self, document: Any) -> None:
        """Refuse other versions, lists of unequal length, and numbers past 32 bits."""
        if document["version"] != 1:
            raise InvalidDocument("another version")
        if len(document["texts"]) != len(document["pinned"]):
            raise InvalidDocument("lists of unequal length")
        if abs(document["share"]) > self.largest:
            raise InvalidDocument("a number past those of 32 bits")

    largest = 3.4028234663852886e38
