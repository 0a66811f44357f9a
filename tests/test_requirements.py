"""The requirement catalogue is whole, speaks of what the protocol has, and is short enough to be read."""

import json
import re
import tomllib
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SPEC = ROOT / "spec"
CATALOGUE: dict[str, list[dict[str, Any]]] = tomllib.loads((SPEC / "requirements.toml").read_text(encoding="utf-8"))
REQUIREMENTS = CATALOGUE["requirement"]
GROUPS = CATALOGUE["group"]
FOREIGN: list[dict[str, str]] = tomllib.loads((SPEC / "foreign-entries.toml").read_text(encoding="utf-8"))["foreign"]
PROTOCOL: dict[str, Any] = json.loads((ROOT / "schemas" / "adapter-protocol.schema.json").read_text(encoding="utf-8"))
STATEMENT: dict[str, Any] = PROTOCOL["$defs"]["statement"]["properties"]

# The catalogue 1.0, written out: an id that goes or changes its level is seen here.
SIZES = {
    "STO": 13, "FMT": 8, "LOG": 7, "IDS": 7, "COR": 13, "SEC": 4, "ATM": 10, "RES": 7, "DUR": 7, "CON": 10, "CST": 3,
}  # fmt: skip
IDS = [f"{group}-{number}" for group, size in SIZES.items() for number in range(1, size + 1)]
SHOULD = {
    "FMT-3", "ATM-8", "DUR-7", "COR-3", "COR-6", "COR-11", "COR-13", "RES-5", "RES-7", "SEC-1", "CST-2",
}  # fmt: skip
REPORT = {"CST-3"}
LEVELS = {
    "STO": "R", "FMT": "R", "LOG": "R", "IDS": "H", "COR": "H", "SEC": "H",
    "ATM": "A", "RES": "A", "DUR": "D", "CON": "C", "CST": None,
}  # fmt: skip

FLAGS = {
    "concurrent", "format", "secrets", "cost", "on_disk", "per_session_files", "append_bytes", "revisions",
}  # fmt: skip
CHOICES = {
    "durability": set(STATEMENT["durability"]["enum"]),
    "concurrency": set(STATEMENT["concurrency"]["enum"]),
    "ids": {*STATEMENT["ids"]["anyOf"][0]["enum"], "pattern"},
}

every_requirement = pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement["id"])


def where(claim: str, *values: str) -> set[str]:
    """The ids of the requirements that rest on the claim, with exactly these values if any are given."""
    return {
        requirement["id"]
        for requirement in REQUIREMENTS
        if claim in requirement.get("claims", {}) and (not values or set(requirement["claims"][claim]) == set(values))
    }


def of(*groups: str) -> set[str]:
    """The ids of whole groups."""
    return {id for id in IDS if id.partition("-")[0] in groups}


def test_id_is_missing_or_new() -> None:
    """The catalogue holds the requirements of version 1.0, each once, in the order of its groups."""
    assert [requirement["id"] for requirement in REQUIREMENTS] == IDS


def test_level_has_changed() -> None:
    """Every requirement keeps its level."""
    levels = {id: "SHOULD" if id in SHOULD else "REPORT" if id in REPORT else "MUST" for id in IDS}

    assert {requirement["id"]: requirement["level"] for requirement in REQUIREMENTS} == levels


def test_group_belongs_to_another_level() -> None:
    """Every group is described and belongs to its level; CST belongs to none."""
    assert {group["id"]: group.get("level") for group in GROUPS} == LEVELS
    assert [group["id"] for group in GROUPS] == list(SIZES)
    assert all(group["title"] and group["description"].endswith(".") for group in GROUPS)


def test_member_is_unknown() -> None:
    """Tables hold the members that the head of the file names, and no other."""
    required = {"id", "level", "title", "statement", "rationale", "since", "operations"}

    assert all(required <= set(requirement) <= required | {"notes", "claims"} for requirement in REQUIREMENTS)
    assert all(
        {"id", "title", "description"} <= set(group) <= {"id", "title", "description", "level"} for group in GROUPS
    )
    assert {requirement["since"] for requirement in REQUIREMENTS} == {"1.0"}


@every_requirement
def test_operation_is_unknown(requirement: dict[str, Any]) -> None:
    """Alternatives are distinct, none contains another, and they name operations that a statement can list."""
    operations = set(PROTOCOL["$defs"]["operation"]["enum"])
    alternatives = [frozenset(alternative) for alternative in requirement["operations"]]

    assert alternatives
    assert all(alternative <= operations for alternative in alternatives)
    assert all(len(names) == len(set(names)) for names in requirement["operations"])
    assert not any(one <= other for one in alternatives for other in alternatives if one is not other)
    assert (frozenset() in alternatives) == (requirement["id"] == "CON-10")


@every_requirement
def test_claim_is_unknown(requirement: dict[str, Any]) -> None:
    """Claims are flags that are true, or choices of what a statement can say that leave something out."""
    for claim, value in requirement.get("claims", {}).items():
        if claim in FLAGS:
            assert value is True
        else:
            assert set(value) < CHOICES[claim]


@every_requirement
def test_text_is_unreadable(requirement: dict[str, Any]) -> None:
    """Titles are headings; the other texts are short, are sentences and have no stray blanks."""
    assert len(requirement["title"]) <= 60
    assert not requirement["title"].endswith(".")
    for name, limit in {"statement": 320, "rationale": 160, "notes": 320}.items():
        text = requirement.get(name, "Absent.")
        assert len(text) <= limit
        assert text.endswith(".")
        assert " ".join(text.split()) == text


def test_title_stands_twice() -> None:
    """A title names one requirement."""
    assert [title for title, count in Counter(each["title"] for each in REQUIREMENTS).items() if count > 1] == []


@pytest.mark.parametrize(
    "name", ["requirements.toml", "foreign-entries.toml", "requirements.md", "adapter-protocol.md"]
)
def test_line_ends_in_blanks(name: str) -> None:
    """No line of the catalogue and its pages ends in a blank."""
    lines = (SPEC / name).read_text(encoding="utf-8").split("\n")

    assert [number for number, line in enumerate(lines, 1) if line != line.rstrip()] == []
    assert lines[-1] == ""
    assert lines[-2] != ""


@pytest.mark.parametrize("name", ["requirements.toml", "requirements.md", "adapter-protocol.md"])
def test_page_names_no_requirement(name: str) -> None:
    """Every id that a page speaks of is in the catalogue."""
    named = set(re.findall(rf"\b(?:{'|'.join(SIZES)})-[0-9]+\b", (SPEC / name).read_text(encoding="utf-8")))

    assert named - set(IDS) == set()


def test_files_are_asked_of_a_store_without() -> None:
    """What is about files does not apply where no file under the root changes."""
    expected = {"STO-8", "FMT-1", "FMT-5", "FMT-6", "FMT-7"} | of("ATM", "DUR", "COR", "RES", "SEC", "CST")

    assert where("on_disk") == expected


def test_one_file_for_all_is_asked_to_be_many() -> None:
    """Where one file serves several ids, four requirements about damage do not apply."""
    assert where("per_session_files") == {"COR-3", "COR-4", "COR-6", "COR-11"}


def test_durability_is_asked_of_a_store_that_claims_none() -> None:
    """STO-7 rests on any durability, ATM on the death of the process, DUR on the loss of power; nothing else does."""
    assert where("durability", "power-loss", "process-crash", "close") == {"STO-7"}
    assert where("durability", "power-loss", "process-crash") == of("ATM")
    assert where("durability", "power-loss") == of("DUR")
    assert where("durability") == {"STO-7"} | of("ATM", "DUR")


def test_concurrency_is_asked_of_a_single_user() -> None:
    """All of CON, and nothing else, rests on a claim of concurrency."""
    assert where("concurrent") | where("concurrency") == of("CON")
    assert where("concurrency", "multi-process") == {"CON-10"}


def test_ids_are_asked_that_cannot_be_chosen() -> None:
    """Who names the sessions decides which of the requirements about ids apply."""
    assert where("ids", "any", "pattern") == {"IDS-2", "IDS-3", "IDS-6"}
    assert where("ids", "any", "pattern", "store") == {"IDS-4", "IDS-5"}
    assert where("ids", "any", "pattern", "uuid") == {"IDS-7"}
    assert where("ids", "any", "pattern", "uuid", "store") == {"STO-6", "IDS-1", "COR-4", "COR-11", "CON-7"}
    assert where("ids") == {"STO-6", "COR-4", "COR-11", "CON-7"} | of("IDS")


def test_rest_of_the_claims_moved() -> None:
    """Formats, secrets, costs, revisions and the bytes of an append are asked where they are there to be judged."""
    assert where("format") == {"FMT-1", "FMT-6", "FMT-7"}
    assert where("secrets") == {"FMT-5"}
    assert where("cost") == {"CST-1"}
    assert where("revisions") == {"STO-12", "CON-8"}
    assert where("append_bytes") == {"COR-9"}


def test_foreign_entry_cannot_be_planted() -> None:
    """Foreign entries have distinct names inside the root, in an order in which folders come before what they hold."""
    contents = {"file": {"content"}, "folder": set[str](), "link": {"target"}, "fifo": set[str](), "socket": set[str]()}
    folders = {PurePosixPath()}
    for entry in FOREIGN:
        name = PurePosixPath(entry["name"])
        assert set(entry) == {"name", "kind"} | contents[entry["kind"]]
        assert name.parent in folders
        assert ".." not in name.parts
        if entry["kind"] == "folder":
            folders.add(name)

    assert len({entry["name"].casefold() for entry in FOREIGN}) == len(FOREIGN)
    assert {entry["kind"] for entry in FOREIGN} == set(contents)


def test_foreign_link_leads_somewhere() -> None:
    """Links dangle: no target is planted, and none leads out of the root."""
    names = {entry["name"] for entry in FOREIGN}
    targets = {entry["target"] for entry in FOREIGN if entry["kind"] == "link"}

    assert not targets & names
    assert not any("/" in target for target in targets)
