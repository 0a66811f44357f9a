"""The JSON on the pages of the spec is what it says it is, and the pages' links lead somewhere."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from format_judges import NAMES, SPEC, agreed, file_faults, log_faults, verdicts

PAGES = sorted(SPEC.glob("*.md"))
PROTOCOL = {"request", "result", "response", "error", "statement"}


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of JSON: the words after `json`, and the text."""

    page: str
    line: int
    words: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        """Where the block stands."""
        return f"{self.page}:{self.line}"


def blocks() -> Iterator[Block]:
    """Every fenced block of JSON on the pages."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(r"^```json(.*)\n((?:(?!```).*\n)*)```$", text, re.MULTILINE):
            line = text.count("\n", 0, match.start()) + 1
            yield Block(page.name, line, tuple(match[1].split()), match[2])


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("block", list(blocks()), ids=str)
def test_block_is_not_what_it_says(block: Block, tmp_path: Path) -> None:
    """A block that calls itself valid or invalid is so; any other is JSON, messages of the protocol included."""
    match block.words:
        case ():
            json.loads(block.text)
        case (kind, *_) if kind in PROTOCOL:
            json.loads(block.text)
        case ("file", ("valid" | "invalid") as claim):
            assert (file_faults(block.text.encode()) == []) == (claim == "valid")
        case ("log", ("valid" | "invalid") as claim):
            log = tmp_path / "log.jsonl"
            log.write_text(block.text, encoding="utf-8")
            assert (log_faults(log) == []) == (claim == "valid")
        case (name, ("valid" | "invalid") as claim) if name in NAMES:
            assert verdicts(name, json.loads(block.text)) == agreed(valid=claim == "valid")
        case words:
            pytest.fail(f"{block} has an info string that no test reads: json {' '.join(words)}")


def test_fence_is_not_seen() -> None:
    """No fence of JSON on any page escapes the extraction."""
    fences = sum(page.read_text(encoding="utf-8").count("```json") for page in PAGES)

    assert fences == len(list(blocks()))


@pytest.mark.parametrize("page", ["formats.md", "logs.md"])
def test_rule_has_no_block(page: str) -> None:
    """Every rule of a format is followed by at least one block of JSON."""
    _, *rules = re.split(r"^### ", (SPEC / page).read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert [rule.split(":")[0] for rule in rules if "```json" not in rule] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_link_leads_nowhere(page: Path) -> None:
    """Every relative link on a page of the spec names a file or folder, and a heading where it has an anchor."""
    for target in re.findall(r"\]\((?![a-z]+:)([^)]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page

        assert place.exists(), target
        assert not anchor or anchor in anchors(place), target
