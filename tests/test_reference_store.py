"""What the reference store keeps, refuses, and answers for damaged files."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessionproof_reference import (
    Conflict,
    Corrupt,
    InvalidDocument,
    NotFound,
    SessionStore,
    SnapshotStore,
    UnsupportedVersion,
    _record,
)

FILE_EXAMPLES = Path(__file__).parents[1] / "spec" / "formats" / "examples" / "file"
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


def session(session_id: str, text: str = "hello", **members: Any) -> dict[str, Any]:
    """A session of one message."""
    message = {"role": "user", "content": [{"type": "text", "text": text}]}
    return {"format": "session", "version": "1.0", "id": session_id, "messages": [message], **members}


def nested(levels: int) -> list[Any]:
    """Lists, one in the other."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def resealed(file: Path, **members: Any) -> bytes:
    """The file with other members, and a checksum that holds."""
    content = json.loads(file.read_text(encoding="utf-8"))
    store = content.pop("store")
    del store["checksum"]
    body = json.dumps({**content, **members, "store": store}, separators=(",", ":")).removesuffix("}}").encode() + b","
    return body + b'"checksum":"sha256:' + hashlib.sha256(body).hexdigest().encode() + b'"}}\n'


def tree(root: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its bytes and its time."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in root.iterdir()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the store is, or will be."""
    return tmp_path / "root"


@pytest.fixture
def store(root: Path) -> SessionStore:
    """An empty store."""
    return SessionStore(root)


@settings(deadline=None)
@given(TEXT, st.dictionaries(TEXT.map("x-".__add__), JSON, max_size=4))
def test_document_comes_back_changed(
    tmp_path_factory: pytest.TempPathFactory, session_id: str, extra: dict[str, Any]
) -> None:
    """Any valid document comes back as it was saved, floats bit for bit, under any id, from another object too."""
    root = tmp_path_factory.getbasetemp() / "round-trips"
    document = session(session_id, **extra)
    revision = SessionStore(root).save(session_id, document)
    loaded = SessionStore(root).load(session_id)
    assert loaded is not None
    assert loaded.revision == revision
    assert json.dumps(loaded.document, sort_keys=True) == json.dumps(document, sort_keys=True)
    assert SessionStore(root).exists(session_id)
    assert SessionStore(root).list() == [session_id]
    assert SessionStore(root).delete(session_id)
    assert not SessionStore(root).exists(session_id)


@pytest.mark.parametrize(
    "session_id",
    ["", ".", "..", "\0", "\n", "A", "a" * 255, "\n" * 1_000_000, "é" * 4096, '"store":{"id":"a"' * 20],
    ids=lambda session_id: f"{session_id[:2]!a}-of-{len(session_id)}",
)
def test_hostile_id_is_lost(store: SessionStore, session_id: str) -> None:
    """A session of any id works in every operation and is listed as it was spelled."""
    store.save("other", session("other"))
    store.save(session_id, session(session_id))
    store.attach(session_id, "trace", [{"id": "1", "text": "x"}])
    assert store.load(session_id)
    assert sorted(store.list()) == sorted(["other", session_id])
    assert store.latest() == session_id
    assert store.delete(session_id)
    assert store.attachments(session_id, "trace") is None
    assert not store.delete(session_id)
    assert store.list() == ["other"]


@pytest.mark.parametrize(
    "members",
    [
        {"messages": None},
        {"version": "2.0"},
        {"version": 1},
        {"format": "snapshot"},
        {"store": {}},
        {"attachments": {}},
        {"id": "another"},
        {"x": float("nan")},
        {"x": float("inf")},
        {"x": "\ud800"},
        {"\udfff": 1},
        {"x": {1: 2}},
        {"x": (1,)},
        {"x": b""},
        {"x": 10**5000},
        {"x": nested(100)},
        {"x": nested(100_000)},
        {"llm": {"api_key": 5}},
    ],
)
def test_unkeepable_document_is_accepted(store: SessionStore, root: Path, members: dict[str, Any]) -> None:
    """What does not fit the format, or could not be read back, is refused and touches nothing."""
    store.save("a", session("a"))
    before = tree(root)
    with pytest.raises(InvalidDocument):
        store.save("a", {**session("a"), **members})
    assert tree(root) == before


def test_deepest_document_cannot_be_read_back(store: SessionStore) -> None:
    """Nesting to 100 levels is kept, the document's own among them."""
    document = session("a", x=nested(99))
    store.save("a", document)
    loaded = store.load("a")
    assert loaded is not None
    assert loaded.document == document


def test_secret_reaches_the_disk(store: SessionStore, root: Path) -> None:
    """`llm.api_key` is never written, and nothing else of `llm` is lost."""
    store.save("a", session("a", llm={"provider": "p", "model": "m", "api_key": "s3cret"}))
    store.attach("a", "artifacts", [])
    assert all(b"s3cret" not in content for content, _ in tree(root).values())
    loaded = store.load("a")
    assert loaded is not None
    assert loaded.document["llm"] == {"provider": "p", "model": "m"}


def test_stale_revision_is_saved(store: SessionStore) -> None:
    """A save from a stale revision is a conflict and changes nothing; from the current one it succeeds."""
    with pytest.raises(Conflict):
        store.save("a", session("a"), if_revision="none yet")
    first = store.save("a", session("a"))
    second = store.save("a", session("a"))
    with pytest.raises(Conflict):
        store.save("a", session("a", text="stale"), if_revision=first)
    loaded = store.load("a")
    assert loaded is not None
    assert loaded.document == session("a")
    store.attach("a", "trace", [])
    assert store.save("a", session("a"), if_revision=second) not in {first, second}


def test_reading_changes_the_disk(store: SessionStore, root: Path) -> None:
    """Nothing that reads changes a byte, a name or a time, for ids that were never saved too."""
    store.save("a", session("a"))
    before = tree(root), root.stat().st_mtime_ns
    for session_id in ("a", "never"):
        store.load(session_id)
        store.exists(session_id)
        store.attachments(session_id, "trace")
    assert (store.list(), store.latest(), len(store.summaries())) == (["a"], "a", 1)
    assert (tree(root), root.stat().st_mtime_ns) == before


def test_summaries_are_out_of_order_or_wrong(store: SessionStore) -> None:
    """Summaries are those of the workspace, the session saved last first, with what the document says."""
    for number in range(12):
        store.save(str(number), session(str(number), workspace=f"/{number % 2}"))
    created_at, updated_at = "2026-01-01T00:00:00+01:00", "2026-01-02T00:00:00Z"
    store.save("3", session("3", workspace="/1", title="t", created_at=created_at, updated_at=updated_at))
    assert [summary.id for summary in store.summaries("/1")] == ["3", "11", "9", "7", "5", "1"]
    first = store.summaries()[0]
    assert (first.title, first.created_at, first.updated_at) == ("t", created_at, updated_at)
    assert (first.message_count, first.workspace, store.latest()) == (1, "/1", "3")
    assert store.summaries("/2") == []


def test_prune_misses_the_boundary(store: SessionStore) -> None:
    """Pruning removes exactly what was created before the instant, in whatever zone that is written."""
    created = {
        "before": "2026-06-01T11:59:59.999999999999Z",
        "at": "2026-06-01T12:00:00Z",
        "at elsewhere": "2026-06-01T17:30:00.000+05:30",
        "after": "2026-06-01T12:00:00.000000000001Z",
        "long before": "2025-01-01T00:00:00-12:00",
    }
    for session_id, instant in created.items():
        store.save(session_id, session(session_id, created_at=instant))
    store.save("now", session("now"))
    with pytest.raises(ValueError, match="instant"):
        store.prune("yesterday")
    assert store.prune("2026-06-01T14:00:00+02:00") == 2
    assert sorted(store.list()) == ["after", "at", "at elsewhere", "now"]
    assert store.prune("9999-12-31T00:00:00Z") == 4


def test_first_save_is_forgotten(store: SessionStore) -> None:
    """Without `created_at` a session is created at its first save, whatever comes later; a deleted one starts anew."""
    store.save("a", session("a"))
    created_at = store.summaries()[0].created_at
    store.save("a", session("a", text="again"))
    store.attach("a", "trace", [])
    assert store.summaries()[0].created_at == created_at
    store.delete("a")
    store.save("a", session("a"))
    assert store.summaries()[0].created_at != created_at


def test_attachments_are_mixed_up_or_outlive_the_session(store: SessionStore) -> None:
    """Items are kept per session and kind, survive a save, and go with a delete; an empty list is not none."""
    with pytest.raises(NotFound):
        store.attach("a", "trace", [])
    store.save("a", session("a"))
    store.save("b", session("b"))
    items = [{"id": str(number), "text": "x" * 1000} for number in range(300)]
    store.attach("a", "artifacts", items)
    store.attach("a", "trace", [])
    store.save("a", session("a", text="more"))
    assert store.attachments("a", "artifacts") == items
    assert store.attachments("a", "trace") == []
    assert store.attachments("a", "verification") is None
    assert store.attachments("b", "artifacts") is None
    store.delete("a")
    store.save("a", session("a"))
    assert store.attachments("a", "artifacts") is None
    with pytest.raises(InvalidDocument):
        store.attach("a", "trace", [{"at": 5}])
    with pytest.raises(ValueError, match="artifacts, trace, verification"):
        store.attach("a", "notes", [])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_damage_is_taken_for_a_document(root: Path) -> None:
    """Every cut, every flipped bit and an emptied file is corrupt, and is neither changed nor hidden nor contagious."""
    store = SnapshotStore(root)
    document: dict[str, Any] = {"format": "snapshot", "version": "1.0", "messages": []}
    for session_id in ("a", "sound"):
        store.save(session_id, document)
    file = root / "id-a.json"
    whole = file.read_bytes()
    cuts = [whole[:length] for length in range(len(whole))]
    bits = [(at, 1 << bit) for at in range(len(whole)) for bit in range(8)]
    flips = [whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :] for at, bit in bits]
    for damaged in [*cuts, *flips, bytes(len(whole))]:
        with pytest.raises(Corrupt):
            _record.decode(damaged, "snapshot", "a")
    for damaged in (b"", whole[:-1], bytes(len(whole)), flips[0]):
        file.write_bytes(damaged)
        with pytest.raises(Corrupt):
            store.load("a")
        assert file.read_bytes() == damaged
        assert (store.exists("a"), sorted(store.list())) == (True, ["a", "sound"])
        assert store.load("sound")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 100_000,
        "[]",
        "null",
        "{}",
        '{"store": 5}',
        '{"store": {"checksum": 5}}',
        '\ufeff{"format":"session","version":"1.0","id":"a","messages":[]}',
        '{"format":"session","version":"1.0","id":"a","messages":[],"x":1e999}',
        '{"format":"session","version":"1.0","id":"a","messages":[],"x":"\\ud800"}',
        '{"format":"session","version":"1.0","id":"b","messages":[]}',
        '{"format":"session","version":"1.0","id":"a","messages":{}}',
        '{"format":"session","version":"1.0","id":"a","messages":[],"x":' + "[" * 600 + "]" * 600 + "}",
    ],
    ids=lambda text: text[:20],
)
def test_hostile_file_is_loaded(store: SessionStore, root: Path, text: str) -> None:
    """A hostile file is corrupt, breaks no other session, and can be deleted."""
    store.save("sound", session("sound"))
    (root / "id-a.json").write_text(text, encoding="utf-8")
    with pytest.raises(Corrupt):
        store.load("a")
    with pytest.raises(Corrupt):
        store.attach("a", "trace", [])
    assert [summary.id for summary in store.summaries()] == ["sound"]
    assert store.prune("9999-01-01T00:00:00Z") == 1
    assert store.delete("a")
    assert store.list() == []


@pytest.mark.parametrize("path", sorted(FILE_EXAMPLES.glob("*/*.json")), ids=lambda path: path.stem)
def test_example_of_the_spec_is_judged_otherwise(path: Path) -> None:
    """The store reads what the spec calls a valid file, whoever wrote it, and nothing that the spec calls invalid."""
    data = path.read_bytes()
    if path.parent.name == "invalid":
        with pytest.raises(Corrupt):
            _record.decode(data, "session", "café")
    else:
        content = json.loads(data)
        content.pop("store", None)
        content.pop("attachments", None)
        assert _record.decode(data, content["format"], content.get("id", "s-1")).document == content


def test_damaged_bytes_are_written_over(store: SessionStore, root: Path) -> None:
    """A save over damage keeps the bytes aside, once, and the session works again; a delete takes both away."""
    for text in ("one", "two"):
        (root / "id-a.json").write_text(text, encoding="utf-8")
        with pytest.raises(Corrupt):
            store.save("a", session("a"), if_revision="any")
        store.save("a", session("a"))
        assert (root / "id-a.json.damaged").read_text(encoding="utf-8") == text
        assert store.load("a")
    assert store.list() == ["a"]
    store.delete("a")
    assert list(root.iterdir()) == []


def test_file_of_another_session_is_loaded(store: SessionStore, root: Path) -> None:
    """A file copied over another session's is noticed, also where the document itself has no id."""
    snapshots = SnapshotStore(root / "snapshots")
    snapshots.save("a", {"format": "snapshot", "version": "1.0", "messages": []})
    store.save("a", session("a"))
    for copied in (store, snapshots):
        folder = root if copied is store else root / "snapshots"
        (folder / "id-b.json").write_bytes((folder / "id-a.json").read_bytes())
        with pytest.raises(Corrupt, match="another session"):
            copied.load("b")


@pytest.mark.parametrize("version", ["2.0", "10.3"])
def test_newer_file_is_read_or_destroyed(store: SessionStore, root: Path, version: str) -> None:
    """A file of a newer major version is refused by reads and writes alike and left as it is, unless it is damaged."""
    store.save("a", session("a"))
    file = root / "id-a.json"
    newer = resealed(file, version=version, messages="of another kind")
    file.write_bytes(newer)
    for refused in (
        lambda: store.load("a"),
        lambda: store.attachments("a", "trace"),
        lambda: store.save("a", session("a")),
        lambda: store.attach("a", "trace", []),
    ):
        with pytest.raises(UnsupportedVersion):
            refused()
    assert (store.prune("9999-01-01T00:00:00Z"), store.summaries(), store.list()) == (0, [], ["a"])
    assert file.read_bytes() == newer
    file.write_bytes(newer.replace(b"hello", b"hullo").replace(b"another", b"no such"))
    with pytest.raises(Corrupt):
        store.load("a")


def test_newer_minor_version_is_refused(store: SessionStore, root: Path) -> None:
    """A newer minor version loads, with the members that it adds."""
    store.save("a", session("a"))
    file = root / "id-a.json"
    file.write_bytes(resealed(file, version="1.7", added=[1]))
    loaded = store.load("a")
    assert loaded is not None
    assert loaded.document == {**session("a"), "version": "1.7", "added": [1]}


def test_foreign_entries_are_listed_or_hang(store: SessionStore, root: Path) -> None:
    """Whatever else lies in the folder, also under a session's name, breaks nothing, hangs nothing and stays."""
    store.save("sound", session("sound"))
    (root / "folder").mkdir()
    (root / "notes.txt").touch()
    (root / "x.json").touch()
    (root / ".sessionproof-notes.tmp").touch()
    (root / "dangling").symlink_to("nowhere")
    (root / "id-link.json").symlink_to("id-sound.json")
    (root / "id-folder.json").mkdir()
    os.mkfifo(root / "id-pipe.json")
    os.mkfifo(root / f"sha256-{'0' * 64}.json")
    before = {path.name for path in root.iterdir()}
    store = SessionStore(root)
    for session_id in ("link", "folder", "pipe"):
        with pytest.raises(Corrupt):
            store.load(session_id)
    assert sorted(store.list()) == ["folder", "link", "pipe", "sound"]
    assert [summary.id for summary in store.summaries()] == ["sound"]
    store.check()
    assert {path.name for path in root.iterdir()} == before
    for session_id in ("link", "pipe"):
        store.save(session_id, session(session_id))
        assert store.load(session_id)
    with pytest.raises(IsADirectoryError):
        store.delete("folder")
    with pytest.raises(IsADirectoryError):
        store.save("folder", session("folder"))
    assert store.load("sound")


def test_listing_reads_whole_documents(store: SessionStore, root: Path) -> None:
    """A session with a long id is listed from the end of its file, so also where the rest is damaged."""
    session_id = "é" * 200
    store.save(session_id, session(session_id, text="x" * 100_000))
    (file,) = root.iterdir()
    data = file.read_bytes()
    file.write_bytes(b"?" * 90_000 + data[90_000:])
    assert store.list() == [session_id]
    file.write_bytes(b"?" * len(data))
    assert store.list() == []
