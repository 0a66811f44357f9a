"""The page and the schema of the adapter protocol say the same, and two validators read the schema alike."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "spec" / "adapter-protocol.md").read_text(encoding="utf-8")
SCHEMA: dict[str, Any] = json.loads((ROOT / "schemas" / "adapter-protocol.schema.json").read_text(encoding="utf-8"))
DEFS: dict[str, Any] = SCHEMA["$defs"]
METHODS = {"initialize", "open", "close", *DEFS["operation"]["enum"]}

VALID = {"jsonschema": True, "jsonschema_rs": True}
INVALID = {"jsonschema": False, "jsonschema_rs": False}


def verdicts(name: str, value: object) -> dict[str, bool]:
    """Whether the value is valid by a definition of the schema, by each of two validators."""
    schema: dict[str, Any] = {"$schema": SCHEMA["$schema"], "$ref": f"#/$defs/{name}", "$defs": DEFS}
    judges: dict[str, Any] = {
        "jsonschema": Draft202012Validator(schema),
        "jsonschema_rs": jsonschema_rs.Draft202012Validator(schema),
    }
    return {name: judge.is_valid(value) for name, judge in judges.items()}


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of JSON on the page: what it says it is, and its value."""

    line: int
    kind: str
    method: str
    value: Any

    def __str__(self) -> str:
        """Where the block stands, and what it says it is."""
        return f"{self.line}: {self.kind} {self.method}".rstrip()


def blocks() -> Iterator[Block]:
    """Every fenced block of JSON on the page."""
    for match in re.finditer(r"^```json(.*)\n((?:(?!```).*\n)*)```$", PAGE, re.MULTILINE):
        kind, _, method = match[1].strip().partition(" ")
        yield Block(PAGE.count("\n", 0, match.start()) + 1, kind, method, json.loads(match[2]))


def statement(**members: object) -> dict[str, Any]:
    """A statement of a store that saves and loads, with members set otherwise."""
    return {
        "protocol": "1.0",
        "implementation": {"name": "store", "version": "1.0.0", "language": "rust"},
        "operations": ["save", "load"],
        "fidelity": "messages",
        "format": None,
        "durability": "process-crash",
        "concurrency": "multi-thread",
        "ids": "any",
    } | members


# ------------------------------------------------------------------ the page


@pytest.mark.parametrize("block", list(blocks()), ids=str)
def test_block_is_not_what_it_says(block: Block) -> None:
    """Every message on the page is valid as what its info string calls it."""
    match block.kind:
        case "request":
            assert block.value["method"] == block.method
            assert verdicts("request", block.value) == VALID
            assert verdicts(f"params.{block.method}", block.value["params"]) == VALID
        case "result":
            assert verdicts(f"result.{block.method}", block.value) == VALID
        case "response" | "statement" | "error":
            assert not block.method
            assert verdicts(block.kind, block.value) == VALID
        case kind:
            pytest.fail(f"line {block.line} has an info string that no test reads: json {kind}")


def test_fence_is_not_seen() -> None:
    """No fence of JSON on the page escapes the extraction."""
    assert PAGE.count("```json") == len(list(blocks()))


def test_method_is_not_told() -> None:
    """Every method is on the page and in the schema, and the schema has no other."""
    told = set(re.findall(r"^`([a-z_]+) \{", PAGE, re.MULTILINE))

    assert told | {"initialize"} == METHODS
    assert {name.partition(".")[2] for name in DEFS if name.startswith("params.")} == METHODS
    assert {name.partition(".")[2] for name in DEFS if name.startswith("result.")} == METHODS


def test_parameters_differ_from_the_page() -> None:
    """The parameters that the page gives a method are those of the schema, optional ones marked so."""
    for method, listed in re.findall(r"^`([a-z_]+) \{([^}]*)\}`(?! or)", PAGE, re.MULTILINE):
        schema = DEFS[f"params.{method}"]
        schema = DEFS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        required = set(schema.get("required", ()))
        names = {name if name in required else f"{name}?" for name in schema.get("properties", ())}

        assert {name for name in listed.split(", ") if name} == names, method


def test_statement_member_is_not_told() -> None:
    """The tables of the statement have a row for each member, and the defaults of the schema."""
    first, second = re.findall(r"(?<=\| --- \|\n)(?:\| `.*\n)+", PAGE[PAGE.index("## The statement") :])[:2]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in (first + second).splitlines()]
    defaults = {row[0].strip("`"): row[2].strip("`") for row in rows if len(row) == 4}
    members = DEFS["statement"]["properties"]

    assert {row[0].strip("`") for row in rows} == set(members)
    assert {name for name in members if name not in defaults} == set(DEFS["statement"]["required"])
    assert defaults.pop("cost") == "none"
    assert {name: json.loads(value) for name, value in defaults.items()} == {
        name: members[name]["default"] for name in defaults
    }


def test_error_kind_is_not_told() -> None:
    """The table of errors has every kind, each with a code of its own."""
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (-32[0-9]{3}) \|", PAGE, re.MULTILINE))

    assert set(rows) == set(DEFS["kind"]["enum"])
    assert len(set(rows.values())) == len(rows)


# ------------------------------------------------------------------ the schema


def test_schema_is_invalid() -> None:
    """The schema is one of JSON Schema 2020-12, and says which it is."""
    Draft202012Validator.check_schema(SCHEMA)

    assert jsonschema_rs.meta.is_valid(SCHEMA)
    assert SCHEMA["$id"] == "https://sessionproof.dev/schemas/1.0/adapter-protocol.schema.json"


def test_pattern_is_read_differently() -> None:
    """No pattern uses a class on which validators disagree, or an end that lets a newline pass."""
    patterns = re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', json.dumps(SCHEMA))

    assert patterns
    assert not [pattern for pattern in patterns if re.search(r"\\\\[dwspDWSP]", pattern)]
    assert all(json.loads(f'"{pattern}"').endswith(r"(?!\n)$") for pattern in patterns)


# What five stores in the field can honestly say of themselves.
STATEMENTS = {
    "rounds": statement(missing="fresh", pipelined=True),
    "log": statement(
        operations=[
            "create",
            "latest",
            "read",
            "append",
            "append_events",
            "compact",
            "describe",
            "list",
            "summaries",
            "delete",
        ],
        ids="store",
        missing="absent",
        pipelined=True,
    ),
    "one document": statement(durability="none", concurrency="single", ids={"pattern": "session"}, pipelined=False),
    "attachments": statement(
        operations=["save", "load", "delete", "exists", "list", "attach", "attachments", "check"],
        pipelined=True,
        secrets=["/llm_config/api_key"],
    ),
    "uuid": statement(
        operations=["save", "load", "delete", "list", "summaries", "latest"],
        concurrency="single",
        ids="uuid",
    ),
    "own schema": statement(fidelity={"schema": {"$defs": {"entry": {"type": "object"}}}}),
    "claimed format": statement(fidelity="format", format={"name": "snapshot", "version": "1.0"}),
    "format, and any JSON": statement(fidelity="json", format={"name": "session", "version": "1.0"}),
    "one id": statement(ids="single", durability="close"),
    "all that has a default": statement(
        missing="absent", pipelined=False, secrets=[], ordered=False, prune="days", cost={"append": "O(n)"}
    ),
    "member of a later version": statement(colour="blue", ids={"pattern": "[a-z]+", "note": ""}),
    "escaped pointer": statement(secrets=["/a~1b/~0", "/", "/a\n"]),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_honest_statement_is_refused(name: str) -> None:
    """A statement that keeps to the page is valid."""
    assert verdicts("statement", STATEMENTS[name]) == VALID


BAD_STATEMENTS = {
    "protocol of a later version": statement(protocol="2.0"),
    "implementation without language": statement(implementation={"name": "store", "version": "1"}),
    "version that is a number": statement(implementation={"name": "store", "version": 1, "language": "c"}),
    "operations that are one name": statement(operations="save"),
    "operation that is none": statement(operations=["save", "laod"]),
    "operation that goes without saying": statement(operations=["open", "save"]),
    "fidelity that is unknown": statement(fidelity="exact"),
    "fidelity without definitions": statement(fidelity={"schema": {"type": "object"}}),
    "fidelity of neither document nor entry": statement(fidelity={"schema": {"$defs": {"meta": {}}}}),
    "fidelity of a format without one": statement(fidelity="format"),
    "format that is a name": statement(format="session"),
    "format that is unknown": statement(format={"name": "chat", "version": "1.0"}),
    "format of another version": statement(format={"name": "session", "version": "1.1"}),
    "durability with a typo": statement(durability="powerloss"),
    "concurrency with a typo": statement(concurrency="multi-thraed"),
    "ids that are unknown": statement(ids="slug"),
    "ids without a pattern": statement(ids={"regex": "a"}),
    "missing with a typo": statement(missing="none"),
    "pipelined that is a word": statement(pipelined="true"),
    "secret that is no pointer": statement(secrets=["llm.api_key"]),
    "secret with a bare tilde": statement(secrets=["/a~b"]),
    "secret that is the document": statement(secrets=[""]),
    "secrets that are one pointer": statement(secrets="/api_key"),
    "prune that is unknown": statement(prune="seconds"),
    "cost that is unknown": statement(cost={"append": "O(log n)"}),
    "cost of nothing": statement(cost={}),
} | {f"no {name}": {member: value for member, value in statement().items() if member != name} for name in statement()}


@pytest.mark.parametrize("name", BAD_STATEMENTS)
def test_bad_statement_is_taken(name: str) -> None:
    """A statement that says what the page does not know, or leaves out what has no default, is refused."""
    assert verdicts("statement", BAD_STATEMENTS[name]) == INVALID


READ: dict[str, object] = {"found": True, "entries": [], "archive": None, "meta": None, "damage": []}
SUMMARY: dict[str, object] = {
    "id": "a",
    "title": None,
    "created_at": None,
    "updated_at": 17,
    "message_count": None,
    "workspace": None,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("response", {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "Parse error"}}),
        ("response", {"jsonrpc": "2.0", "id": 3, "result": {}, "seen": 1}),
        ("error", {"code": -32603, "message": "", "data": "Traceback"}),
        ("error", {"code": -32006, "message": "full", "data": {"kind": "io", "errno": "ENOSPC"}}),
        ("params.save", {"id": "", "document": ["invalid, and meant to be"]}),
        ("params.latest", {}),
        ("params.prune", {"older_than_days": -1}),
        ("params.append", {"id": "a", "entries": [None]}),
        ("params.echo", {"value": None}),
        ("result.load", {"found": False, "fresh": False}),
        ("result.load", {"found": True, "document": [], "revision": None}),
        ("result.summaries", {"summaries": [SUMMARY | {"agent": "a"}]}),
        ("result.read", READ | {"damage": [{"step": 2**64, "reason": ""}]}),
        ("result.append", {"numbers": None}),
        ("result.check", {"free_bytes": 1}),
    ],
)
def test_right_message_is_refused(name: str, value: object) -> None:
    """A message that keeps to the page is valid, whatever else a result holds."""
    assert verdicts(name, value) == VALID


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("request", {"jsonrpc": "2.0", "id": "1", "method": "list", "params": {}}),
        ("request", {"jsonrpc": "2.0", "id": 1, "method": "list"}),
        ("request", {"jsonrpc": "2.0", "id": 1, "method": "list", "params": []}),
        ("response", {"id": 1, "result": {}}),
        ("response", {"jsonrpc": "2.0", "id": 1}),
        ("response", {"jsonrpc": "2.0", "id": 1, "result": None}),
        ("response", {"jsonrpc": "2.0", "id": None, "result": {}}),
        ("response", {"jsonrpc": "2.0", "id": 1, "result": {}, "error": {"code": 1, "message": ""}}),
        ("error", {"code": "-32001", "message": ""}),
        ("error", {"code": -32001}),
        ("error", {"code": -32001, "message": "", "data": {"kind": "invalid-id"}}),
        ("error", {"code": -32006, "message": "", "data": {"outcome": "applied"}}),
        ("params.save", {"id": "a"}),
        ("params.save", {"id": "a", "document": {}, "if_revision": None}),
        ("params.load", {"id": 1}),
        ("params.load", {"id": "a", "kind": "trace"}),
        ("params.latest", {"agent": "a"}),
        ("params.prune", {}),
        ("params.prune", {"before": "2026-01-01T00:00:00Z", "older_than_days": 1}),
        ("params.attach", {"id": "a", "kind": "artefacts", "items": []}),
        ("params.append", {"id": "a", "entries": []}),
        ("result.save", {}),
        ("result.save", {"revision": 3}),
        ("result.load", {"found": True}),
        ("result.load", {"document": {}}),
        ("result.delete", {}),
        ("result.list", {"ids": [1]}),
        ("result.summaries", {"summaries": [{"id": "a"}]}),
        ("result.attachments", {}),
        ("result.append", {"numbers": ["1"]}),
        ("result.read", {"found": True, "entries": []}),
        ("result.read", READ | {"damage": [{"step": "2", "reason": ""}]}),
        ("result.claim", {"claimed": None}),
        ("result.echo", {}),
    ],
)
def test_wrong_message_is_taken(name: str, value: object) -> None:
    """A message that does not keep to the page is refused."""
    assert verdicts(name, value) == INVALID


def test_line_is_neither_request_nor_response() -> None:
    """The schema as a whole takes a request or a response, and nothing else."""
    whole = jsonschema_rs.Draft202012Validator(SCHEMA)

    assert whole.is_valid({"jsonrpc": "2.0", "id": 1, "method": "list", "params": {}})
    assert whole.is_valid({"jsonrpc": "2.0", "id": 1, "result": {"ids": []}})
    assert not whole.is_valid({"jsonrpc": "2.0", "id": 1})
    assert not whole.is_valid([])
