"""Logs for the tests of the reference store: made, looked at, and where they lie."""

import os
from pathlib import Path
from typing import Any, cast

import pytest

from sessionproof_reference import StepStore
from sessionproof_reference._logs import LayoutName

LAYOUTS: list[LayoutName] = ["file", "folder"]


@pytest.fixture(name="layout", params=LAYOUTS)
def layout_fixture(request: pytest.FixtureRequest) -> LayoutName:
    """Each layout in turn."""
    return cast("LayoutName", request.param)


@pytest.fixture(name="root")
def root_fixture(tmp_path: Path) -> Path:
    """Where the store is, or will be."""
    return tmp_path / "root"


def message(text: str) -> dict[str, Any]:
    """A message of one block."""
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def texts(store: StepStore, log_id: str) -> list[str]:
    """The texts that a read gives, each only as far as its first blank."""
    log = store.read(log_id)
    assert log is not None
    return [entry["content"][0]["text"].partition(" ")[0] for entry in log.entries]


def damage(store: StepStore, log_id: str) -> list[int | None]:
    """The steps that a read says are damaged."""
    log = store.read(log_id)
    assert log is not None
    return [each.step for each in log.damage]


def filled(root: Path, layout: LayoutName, *batches: str) -> tuple[StepStore, str]:
    """A store with one log; a batch is its texts with blanks between them."""
    store = StepStore(root, layout)
    log_id = store.create("a", "b")
    for batch in batches:
        store.append(log_id, [message(text) for text in batch.split()])
    return store, log_id


def files(root: Path, log_id: str) -> list[Path]:
    """The files that hold the log."""
    return [path for path in root.rglob("*.json*") if log_id in str(path) and path.suffix in {".json", ".jsonl"}]


def spare_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let fsync do nothing, where a test writes more than it has to."""

    def nothing(_file: int) -> None:
        pass

    monkeypatch.setattr(os, "fsync", nothing)
