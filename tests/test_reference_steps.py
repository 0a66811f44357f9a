"""What the reference store for logs keeps, numbers, names and refuses, in both layouts."""

import json
import os
import re
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sessionproof.formats import is_valid
from sessionproof_reference import (
    InvalidDocument,
    InvalidId,
    NotFound,
    StepStore,
    _layouts,
    _steps,
    adapter,
)
from sessionproof_reference._logs import LayoutName
from step_logs import LAYOUTS, layout_fixture, message, root_fixture

__all__ = ["layout_fixture", "root_fixture"]

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
HOSTILE_IDS = ["", ".", "..", "/", "/etc/passwd", "a\0", "\ud800", "a" * 1_000_000, "*", "%2e%2e", "1-a-b"]


def tree(root: Path) -> dict[str, bytes]:
    """Every file below the root with its bytes."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def store(root: Path, layout: LayoutName) -> StepStore:
    """An empty store."""
    return StepStore(root, layout)


STEPS = st.one_of(
    st.tuples(st.just("append"), st.lists(TEXT, min_size=1, max_size=4)),
    st.tuples(st.just("events"), st.lists(TEXT, min_size=1, max_size=2)),
    st.tuples(st.just("compact"), TEXT),
    st.tuples(st.just("describe"), st.dictionaries(TEXT.map("x-".__add__), TEXT, max_size=2)),
    st.tuples(st.sampled_from(["reopen", "elsewhere"]), st.none()),
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(LAYOUTS), st.lists(STEPS, max_size=12))
def test_log_is_not_a_list(
    tmp_path_factory: pytest.TempPathFactory, layout: LayoutName, steps: list[tuple[str, Any]]
) -> None:
    """A log is the list of what was appended: in order, numbered from 1 without a hole, whichever object writes."""
    root = tmp_path_factory.getbasetemp() / f"logs-{layout}"
    store, other = StepStore(root, layout), StepStore(root, layout)
    log_id = store.create("agent", "creator")
    entries: list[dict[str, Any]] = []
    archive, last, meta = None, 0, cast("dict[str, Any] | None", None)
    for what, content in steps:
        if what == "append":
            entries += map(message, content)
            assert store.append(log_id, [*map(message, content)]) == [*range(last + 1, last + 1 + len(content))]
            last += len(content)
        elif what == "events":
            events = [{"id": str(index), "text": text} for index, text in enumerate(content)]
            assert store.append_events(log_id, events) == [*range(last + 1, last + 1 + len(content))]
            last += len(content)
        elif what == "compact":
            last += 1
            assert store.compact(log_id, content) == last
            entries, archive = [], content
        elif what == "describe":
            store.describe(log_id, content)
            meta = content
        else:
            store, other = (other, store) if what == "elsewhere" else (StepStore(root, layout), other)
        log = other.read(log_id)
        assert log is not None
        assert (log.entries, log.archive, log.damage) == (entries, archive, [])
        assert log.meta is not None
        assert log.meta == meta or (meta is None and log.meta["created_by"] == "creator")


def renumbered(root: Path, log_id: str, by: int) -> None:
    """Raise the numbers of all steps of a log."""
    for path in [path for path in root.rglob("*") if path.suffix in {".json", ".jsonl"} and path.is_file()]:
        raised = b""
        for line in path.read_bytes().splitlines(keepends=True):
            step = _steps.decode(line, log_id)
            batch = step.batch + by if step.batch < step.number else None
            raised += _steps.encode(_steps.new(step.kind, step.content, step.number + by), log_id, batch)
        match = re.fullmatch(r"step-([0-9]+)\.json", path.name)
        path.write_bytes(raised)
        if match:
            path.rename(path.with_name(f"step-{int(match[1]) + by}.json"))


@pytest.mark.parametrize("first", [1, 8, 98, 998, 999_997, 2**53 - 2, 2**64 - 2])
def test_digit_boundary_changes_the_order(store: StepStore, root: Path, layout: LayoutName, first: int) -> None:
    """Numbers go on, and steps stay in order, past every digit and every width of an integer."""
    log_id = store.create("a", "b")
    store.append(log_id, [message("one"), message("two")])
    store.close()
    renumbered(root, log_id, first - 1)
    for store_now in (store, StepStore(root, layout)):
        before = store_now.read(log_id)
        assert before is not None
        last = first + len(before.entries) - 1
        assert store_now.append(log_id, [message("x"), message("y")]) == [last + 1, last + 2]
    log = store.read(log_id)
    assert log is not None
    assert [entry["content"][0]["text"] for entry in log.entries] == ["one", "two", "x", "y", "x", "y"]
    assert [damage.step for damage in log.damage] == ([1] if first > 1 else [])


PAIRS = [
    ("a/b", "c"),
    ("a", "b/c"),
    ("a_b", "c"),
    ("a", "b_c"),
    ("a-b", "c"),
    ("a", "b-c"),
    ("", "a"),
    ("a", ""),
    ("", ""),
    ('a", "b', "c"),
    ("a", 'b", "c'),
    ("..", "\0"),
    ("A", "a"),
    ("e\u0301", "\u00e9"),
    ("\u00e9", "e\u0301"),
    ("x" * 1_000_000, "y"),
]


def test_pairs_are_mixed_up(store: StepStore, root: Path, layout: LayoutName) -> None:
    """Each pair of agent and creator has its own latest log, whatever the names hold, and after any describe."""
    first = {pair: store.create(*pair) for pair in PAIRS}
    latest = {pair: store.create(*pair) for pair in reversed(PAIRS)}
    assert len({*first.values(), *latest.values()}) == 2 * len(PAIRS)
    store.describe(latest["a/b", "c"], {"agent": "a", "created_by": "b/c"})
    again = StepStore(root, layout)
    assert {pair: again.latest(*pair) for pair in PAIRS} == latest
    for pair, log_id in latest.items():
        again.delete(log_id)
        assert again.latest(*pair) == first[pair]
    assert again.latest("nobody", "c") is None
    assert again.latest("\ud800", "c") is None
    with pytest.raises(InvalidId):
        store.create("\ud800", "c")


def test_deleted_id_is_given_again(store: StepStore, root: Path, layout: LayoutName) -> None:
    """An id is given once, also when the log was deleted, and a deleted log leaves nothing."""
    given_ids: list[str] = []
    for number in range(12):
        log_id = store.create("a", "b")
        store.append(log_id, [message("secret")])
        store.claim(log_id, "token")
        assert StepStore(root, layout).latest("a", "b") == log_id
        assert store.list() == [log_id]
        given_ids.append(log_id)
        assert (store if number % 2 else StepStore(root, layout)).delete(log_id)
        assert tree(root) == {}
    assert len({*given_ids}) == 12
    for log_id in given_ids:
        assert (store.read(log_id), store.exists(log_id), store.delete(log_id)) == (None, False, False)
        with pytest.raises(NotFound):
            store.append(log_id, [message("x")])


def test_order_of_creation_is_that_of_words(store: StepStore) -> None:
    """The tenth log of a pair comes after the ninth, and the clock has no say."""
    ids = [store.create("a", "b") for _ in range(11)]
    assert store.latest("a", "b") == ids[-1]
    assert {*store.list()} == {*ids}


@pytest.mark.parametrize("log_id", HOSTILE_IDS, ids=lambda log_id: f"{log_id[:8]!a}-of-{len(log_id)}")
def test_hostile_id_is_followed(store: StepStore, root: Path, log_id: str) -> None:
    """An id that no create has answered is no log in any operation, and touches nothing."""
    known = store.create("a", "b")
    decoy = root.parent / f"decoy{'.jsonl' if (root / f'{known}.jsonl').exists() else ''}"
    decoy.write_bytes(b"decoy\n")
    before = tree(root.parent)
    for hostile in (
        log_id,
        f"../{known}",
        f"../decoy{log_id}",
        f"{known}/",
        f"{known}.jsonl",
        f"{known}\n",
        f"./{known}",
    ):
        assert (store.read(hostile), store.exists(hostile), store.delete(hostile)) == (None, False, False)
        for write in (
            lambda: store.append(hostile, [message("x")]),  # noqa: B023 - called at once
            lambda: store.append_events(hostile, [{}]),  # noqa: B023
            lambda: store.compact(hostile, "x"),  # noqa: B023
            lambda: store.describe(hostile, {}),  # noqa: B023
            lambda: store.claim(hostile, "x"),  # noqa: B023
        ):
            with pytest.raises(NotFound):
                write()
    assert tree(root.parent) == before


INVALID: list[Any] = [
    {},
    {"role": "user", "content": "text"},
    {"role": "user", "content": [{"role": "user", "content": []}]},
    {"role": "user", "content": [{"type": "text"}]},
    {"role": "user", "content": [{"type": "text", "text": "\ud800"}]},
    {"role": "user", "content": [], "x": float("nan")},
    {"role": "user", "content": [], "x": b""},
    {"role": "user", "content": [{"type": "tool_call", "id": "1", "name": "n", "arguments": {1: 2}}]},
    [],
    None,
    "text",
]


@pytest.mark.parametrize("entry", INVALID)
def test_invalid_entry_is_appended(store: StepStore, root: Path, entry: Any) -> None:
    """A batch with what is no message, or could not be read back, is refused whole and touches nothing."""
    log_id = store.create("a", "b")
    store.append(log_id, [message("one")])
    before = tree(root)
    with pytest.raises(InvalidDocument):
        store.append(log_id, [message("sound"), entry])
    for refused in (
        lambda: store.append_events(log_id, [{"id": 5}]),
        lambda: store.compact(log_id, "\ud800"),
        lambda: store.describe(log_id, {"title": 5}),
        lambda: store.describe(log_id, {"id": "another"}),
    ):
        with pytest.raises(InvalidDocument):
            refused()
    assert tree(root) == before
    assert store.append(log_id, [message("two")]) == [2]


BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "tool_call", "tool_result", "image"])},
    optional={
        "text": TEXT | st.none(),
        "id": TEXT,
        "name": TEXT,
        "arguments": st.none() | st.lists(st.integers(), max_size=1),
        "call_id": TEXT,
        "content": st.just([{"type": "text", "text": "x"}]) | st.just([{"type": "image"}]) | st.just([1]),
    },
)


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries({"role": TEXT, "content": st.lists(BLOCKS, max_size=2)}, optional={"pinned": st.booleans()})
)
@example(message("plain"))
@example({"role": "tool", "content": [{"type": "tool_call", "id": "1", "name": "n", "arguments": None}]})
@example(
    {"role": "tool", "content": [{"type": "tool_result", "call_id": "1", "content": [{"type": "text", "text": "x"}]}]}
)
def test_entry_is_judged_otherwise_than_by_the_schema(entry: dict[str, Any]) -> None:
    """An entry is appended where the schema accepts it, and refused where it does not, plain ones too."""
    valid = is_valid(_steps.FORMAT, _steps.new("entry", entry))
    try:
        _steps.validate("entry", entry)
    except InvalidDocument:
        assert not valid
    else:
        assert valid


def test_token_is_claimed_twice(store: StepStore, root: Path, layout: LayoutName) -> None:
    """A token of a log is claimed once, by whatever object, whatever else happens to the log."""
    one, two = store.create("a", "b"), store.create("a", "b")
    tokens = ["", "t", "T", "../x", "\0", "\ud800", "t" * 100_000]
    assert all(store.claim(one, token) for token in tokens)
    store.append(one, [message("x")])
    store.describe(one, {})
    assert not any(StepStore(root, layout).claim(one, token) for token in tokens)
    assert all(StepStore(root, layout).claim(two, token) for token in tokens)
    assert sorted(store.list()) == sorted([one, two])


def test_delete_that_was_cut_short_leaves_something(store: StepStore, root: Path, layout: LayoutName) -> None:
    """What a delete did not come to remove is removed when the store is opened, and nothing else is."""
    kept, gone = store.create("a", "b"), store.create("a", "b")
    for log_id in (kept, gone):
        store.claim(log_id, "token")
    before = {name for name in tree(root) if gone not in name}
    log = root / (gone if layout == "folder" else f"{gone}.jsonl")
    log.rename(root / ".sessionproof-0123456789abcdef.tmp")
    assert store.list() == [kept]
    StepStore(root, layout)
    assert {*tree(root)} == before
    assert not store.claim(kept, "token")


def test_summaries_are_out_of_order_or_wrong(store: StepStore) -> None:
    """The log changed last comes first, with what its meta says and the number of messages that a read gives."""
    ids = [store.create("a", "b") for _ in range(11)]
    assert [summary.id for summary in store.summaries()] == ids[::-1]
    store.append(ids[3], [message("one"), message("two")])
    store.describe(ids[5], {"title": "t", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z"})
    store.append_events(ids[7], [{"id": "1", "text": "x"}])
    summaries = store.summaries()
    assert [summary.id for summary in summaries[:4]] == [ids[7], ids[5], ids[3], ids[10]]
    assert [summary.message_count for summary in summaries[:3]] == [0, 0, 2]
    assert (summaries[1].title, summaries[1].created_at) == ("t", "2026-01-01T00:00:00Z")
    assert summaries[1].updated_at == "2026-01-02T00:00:00Z"
    store.compact(ids[3], "archive")
    assert (store.summaries()[0].id, store.summaries()[0].message_count) == (ids[3], 0)


def test_reading_changes_the_disk(store: StepStore, root: Path, layout: LayoutName) -> None:
    """Nothing that reads changes a byte, a name or a time."""
    log_id = store.create("a", "b")
    store.append(log_id, [message("x")])
    before = {path: path.stat().st_mtime_ns for path in [root, *root.rglob("*")]}
    again = StepStore(root, layout)
    assert again.read(log_id)
    assert again.latest("a", "b") == log_id
    assert (again.exists(log_id), again.list(), len(again.summaries())) == (True, [log_id], 1)
    assert {path: path.stat().st_mtime_ns for path in [root, *root.rglob("*")]} == before


def test_record_is_no_step_of_the_format(store: StepStore, root: Path) -> None:
    """Every record on disk is valid by the schema, names its log, and says which append it belongs to."""
    log_id = store.create("a", "b")
    store.append(log_id, [message("one"), message("two")])
    store.append_events(log_id, [{"kind": "done", "model": "m"}])
    store.compact(log_id, "archive")
    records = [json.loads(line) for data in tree(root).values() for line in data.splitlines()]
    assert all(is_valid(_steps.FORMAT, record) for record in records)
    assert {record["store"]["id"] for record in records} == {log_id}
    numbered = sorted((record["number"], record) for record in records if record["kind"] != "meta")
    assert [record["kind"] for _, record in numbered] == ["entry", "entry", "event", "boundary"]
    assert [record["store"].get("batch") for _, record in numbered] == [None, 1, None, None]


def test_legacy_boundary_is_none(store: StepStore, root: Path, layout: LayoutName) -> None:
    """A boundary with an inline summary and no archive is a boundary too; reading forgets the archive before it."""
    log_id = store.create("a", "b")
    store.compact(log_id, "archive")
    store.append(log_id, [message("before")])
    legacy = _steps.encode(_steps.new("boundary", {"text": "What was said."}, 3), log_id)
    if layout == "file":
        with (root / f"{log_id}.jsonl").open("ab") as file:
            file.write(legacy)
    else:
        (root / log_id / "step-3.json").write_bytes(legacy)
    assert store.append(log_id, [message("after")]) == [4]
    log = store.read(log_id)
    assert log is not None
    assert (log.entries, log.archive, log.damage) == ([message("after")], None, [])


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_others_can_read(root: Path, layout: LayoutName, mask: int) -> None:
    """Files are the owner's alone under any umask, and so are the folders that the store makes."""
    previous = os.umask(mask)
    try:
        store = StepStore(root, layout)
        log_id = store.create("a", "b")
        store.append(log_id, [message("x")])
        store.claim(log_id, "token")
        store.describe(log_id, {"title": "t"})
    finally:
        os.umask(previous)
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in [root, *root.rglob("*")]}
    assert modes == {(True, 0o700), (False, 0o600)}


@pytest.mark.parametrize("made", [adapter.StepFileAdapter(), adapter.StepFolderAdapter()], ids=LAYOUTS)
def test_adapter_answers_otherwise_than_the_store(root: Path, made: adapter.StepFileAdapter) -> None:
    """The adapter claims what the store promises, and answers a read in the shape of the protocol."""
    made.open(str(root), "")
    log_id = made.create("a", "b")
    assert made.append(log_id, [message("x")]) == [1]
    assert made.read("none") is None
    found = made.read(log_id)
    assert found is not None
    assert found.keys() == {"found", "entries", "archive", "meta", "damage"}
    assert (found["found"], found["entries"], found["damage"]) == (True, [message("x")], [])
    assert [row["id"] for row in made.summaries()] == [log_id]
    assert made.summaries("/w") == []
    statement = made.statement()
    assert (statement["ids"], statement["cost"]) == ("store", {"append": "O(1)"})
    assert (statement["durability"], statement["concurrency"]) == ("power-loss", "multi-process")


def test_long_append_is_taken_for_the_start_of_the_log(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much of the end has to be looked at for the last number, it is found."""
    monkeypatch.setattr(_layouts, "_WINDOW", 64)
    sizes = [1, 300, 1, 5, 80]
    log_id = StepStore(root, "file").create("a", "b")
    expected = 0
    for size in sizes:
        numbers = StepStore(root, "file").append(log_id, [message("x" * 50) for _ in range(size)])
        assert numbers == [*range(expected + 1, expected + 1 + size)]
        expected += size
        StepStore(root, "file").describe(log_id, {"title": "t" * 500})
