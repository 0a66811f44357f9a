"""A store with a type of its own: members it needs, members it may have, and nothing else."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from jsonschema import Draft202012Validator

from controls._files import Files
from sessionproof import InvalidDocument

_DAY = "20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
_INSTANT = {"type": "string", "pattern": f"^{_DAY}T{_TIME}Z$"}
_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {
        "document": {
            "type": "object",
            "required": ["id", "created_at", "mode", "temperature", "turns"],
            "properties": {
                "id": {"type": "string"},
                "created_at": _INSTANT,
                "mode": {"enum": ["chat", "plan", "act"]},
                "temperature": {"type": "number"},
                "turns": {"type": "array", "items": {"$ref": "#/$defs/turn"}},
                "budget": {"type": "integer", "minimum": 0, "maximum": 4294967295},
            },
            "additionalProperties": False,
        },
        "turn": {
            "type": "object",
            "required": ["speaker", "text"],
            "properties": {
                "speaker": {"enum": ["human", "model"]},
                "text": {"type": "string"},
                "score": {"type": "number"},
            },
            "additionalProperties": False,
        },
        "artifacts": {
            "type": "object",
            "required": ["uri", "bytes"],
            "properties": {
                "uri": {"type": "string", "minLength": 1},
                "bytes": {"type": "integer", "minimum": 0, "maximum": 4294967295},
            },
            "additionalProperties": False,
        },
        "trace": {
            "type": "object",
            "required": ["kind"],
            "properties": {"kind": {"enum": ["start", "stop"]}, "seconds": {"type": "number", "minimum": 0}},
            "additionalProperties": False,
        },
        "verification": {
            "type": "object",
            "required": ["passed"],
            "properties": {"passed": {"type": "boolean"}},
            "additionalProperties": False,
        },
    },
}


class Typed(Files):
    """A document names its own creation, which `prune` goes by, in days."""

    fidelity: ClassVar[str | dict[str, Any]] = {"schema": _SCHEMA}
    prune_unit = "days"

    def save(self, id: str, document: Any, if_revision: str | None = None) -> str:
        if not fits(_SCHEMA, "document", [document]) or document["id"] != id:
            raise InvalidDocument("not a document of this store")
        # All that is a number here is a double, as in a language that has no other type for it.
        document["temperature"] = float(document["temperature"])
        for turn in document["turns"]:
            turn.update({"score": float(turn["score"])} if "score" in turn else {})
        return super().save(id, document, if_revision)

    def prune(self, older_than_days: int) -> int:  # type: ignore[override]  # the other unit of `prune`
        if not 0 <= older_than_days <= 100_000:
            raise InvalidDocument("no such number of days")
        limit = datetime.now(UTC) - timedelta(days=older_than_days)
        old = [record for record in self.records() if datetime.fromisoformat(record.document["created_at"]) < limit]
        return sum(self.delete(record.id) for record in old)

    def attach(self, id: str, kind: str, items: Any) -> None:
        if not fits(_SCHEMA, kind, items):
            raise InvalidDocument(f"not {kind} of this store")
        super().attach(id, kind, items)


def fits(schema: dict[str, Any], name: str, values: Sequence[Any]) -> bool:
    """Whether all are of the type that the schema has under this name."""
    validator: Any = Draft202012Validator({**schema, "$ref": f"#/$defs/{name}"})
    return all(map(validator.is_valid, values))
