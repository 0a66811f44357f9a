"""`sessionproof convert` carries sessions from any dialect to any other, and says what is lost."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from conversions import NOW, pair_faults
from format_judges import SPEC
from runs import sessionproof
from sessionproof import _json, _validate
from sessionproof._convert import NotConverted, Request, WouldDiffer, carried, convert
from sessionproof._dialects import DIALECTS
from sessionproof._sources import NotRead, decoded, sessions
from sessionproof._validate_dialects import validate

FOLDER = SPEC / "dialects"
NAMES = sorted(DIALECTS)
SNAPSHOT: dict[str, Any] = {"format": "snapshot", "version": "1.0", "messages": []}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small session in the spec's own format, and room for targets beside it."""
    path = tmp_path / "talk.json"
    message = {"role": "user", "content": [{"type": "text", "text": "Hello."}], "pinned": True}
    path.write_text(json.dumps({**SNAPSHOT, "id": "a", "messages": [message]}), encoding="utf-8")
    return path


def digests(folder: Path) -> dict[str, str]:
    """What is in a folder, names and bytes."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def values(folder: Path, name: str) -> list[str]:
    """All parts of all sessions in a store, as values: names and the order of members left aside."""
    dialect = DIALECTS[name]
    parts = [part for found in sessions(folder, dialect) for part in found.parts.items()]
    return sorted(_json.key([role, decoded(part, role, dialect)]) for role, part in parts)


def spec_document(**members: Any) -> dict[str, Any]:
    """A session of the spec."""
    return {"format": "session", "version": "1.0", "id": "a", "messages": [], **members}


def lost(document: dict[str, Any], to: str) -> set[tuple[str, str]]:
    """What differs of a document in a dialect."""
    return {(found.what, found.path) for found in carried(document, "a", DIALECTS[to], NOW).differences}


@pytest.mark.parametrize("to", NAMES)
@pytest.mark.parametrize("origin", [name for name in NAMES if name != "sessionproof"])
def test_store_is_not_carried_over(tmp_path: Path, origin: str, to: str) -> None:
    """All that a system's own library has written arrives in every dialect, valid, and the source is as it was."""
    vectors, target = tmp_path / "vectors", tmp_path / "target"
    shutil.copytree(FOLDER / origin / "vectors", vectors)
    before = digests(vectors)
    convert(Request(vectors, target, DIALECTS[to]))

    assert digests(vectors) == before
    assert len(sessions(target, DIALECTS[to])) == len(sessions(vectors, DIALECTS[origin]))
    assert [str(finding) for finding in validate(target, to) if not finding.valid] == []
    assert sorted(tmp_path.iterdir()) == [target, vectors]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sessionproof"])
def test_way_there_and_back_changes_a_file(tmp_path: Path, name: str) -> None:
    """A store that goes to the spec's formats and back holds the same values in the same parts."""
    there, back = tmp_path / "there", tmp_path / "back"
    vectors = FOLDER / name / "vectors"
    convert(Request(vectors, there, DIALECTS["sessionproof"], strict=True))
    convert(Request(there, back, DIALECTS[name]))

    assert values(back, name) == values(vectors, name)


def test_loss_is_not_told(source: Path) -> None:
    """The command names each thing that is lost or made up, and why; with --strict it writes nothing then."""
    target = source.parent / "target"
    refused = sessionproof(source.parent, "convert", "--to", "a3s-code", "--strict", str(source), str(target))

    assert refused.code == 1
    assert not target.exists()
    assert "lost       1 x messages/*/pinned: nothing is pinned\n" in refused.err

    done = sessionproof(source.parent, "convert", "--to", "a3s-code", str(source), str(target))
    assert done.code == 0
    assert done.out.startswith(f"{target}: 1 session from sessionproof to a3s-code\n")
    assert "lost       1 x messages/*/pinned: nothing is pinned\n" in done.out
    assert (target / "a.json").is_file()


def test_strict_refuses_what_loses_nothing(source: Path) -> None:
    """A conversion that loses nothing and makes nothing up is carried out under --strict."""
    source.write_text(json.dumps({**SNAPSHOT, "messages": [{"role": "user", "content": []}]}), encoding="utf-8")
    lines = convert(Request(source, source.parent / "target.json", DIALECTS["ailoop"], strict=True))

    assert len(lines) == 1
    assert json.loads((source.parent / "target.json").read_text(encoding="utf-8"))["pinned"] == [False]


@pytest.mark.parametrize(
    ("to", "document", "expected"),
    [
        ("ailoop", spec_document(title="a"), {("lost", "/id"), ("lost", "/title")}),
        ("astrid", spec_document(messages=[{"role": "owl", "content": []}]), {("lost", "/messages/*")}),
        (
            "astrid",
            spec_document(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}]} | {"mood": "calm"}]),
            {("lost", "/messages/*/mood")},
        ),
        ("crabtalk", spec_document(extensions={"acme": 1}), {("lost", "/records/meta/meta/extensions/acme")}),
        ("sessionproof", spec_document(llm={"api_key": "k"}), {("lost", "/llm/api_key")}),
        ("trusty-mpm", spec_document(boundary={"archive": "b"}), {("lost", "/boundary")}),
        (
            "a3s-code",
            spec_document(attachments={"trace": [{"kind": "tool_execution", "success": True}]}),
            {("lost", "/attachments/trace/*")},
        ),
        ("a3s-code", spec_document(cost={"records": [{"model": "m-1"}]}), {("lost", "/cost/records/*")}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_certain_loss_is_not_told(to: str, document: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    """What a dialect has no place for is told, member by member."""
    assert expected <= lost(document, to)


def test_what_lies_before_a_boundary_is_replayed() -> None:
    """Of a log, only the messages after the last boundary go on; the steps before it are told as lost."""
    record = {"format": "step", "version": "1.0"}
    entries = [
        {**record, "kind": "entry", "number": number, "message": {"role": "user", "content": [_text(str(number))]}}
        for number in (1, 3)
    ]
    boundary = {**record, "kind": "boundary", "number": 2, "boundary": {"archive": "b"}}
    log = {"format": "log", "records": [entries[0], boundary, entries[1]]}
    session = carried(log, "a", DIALECTS["astrid"], NOW)

    assert session.tree["session"]["messages"] == [{"role": "user", "content": "3"}]
    assert {found.path for found in session.differences if found.what == "lost"} >= {"/records/entry", "/boundary"}


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def test_message_that_is_cut_counts_as_lost() -> None:
    """Where a message has to become several, nothing of it is said to be lost."""
    text = {"type": "text", "text": "a"}
    call: dict[str, Any] = {"type": "tool_call", "id": "c", "name": "ls", "arguments": {}}
    mixed = spec_document(messages=[{"role": "assistant", "content": [text, call, text]}])

    assert {change for change in lost(mixed, "astrid") if "messages" in change[1]} == {("changed", "/messages")}


def test_loss_that_nothing_lists_is_missed() -> None:
    """The laws bite: a difference that no list explains is a fault."""
    tree = {"document": spec_document(title="a")}
    astrid = DIALECTS["astrid"]
    silent = [loss for loss in astrid.losses if loss.pattern != "/user_id"]
    differences = carried(tree["document"], "a", astrid, NOW).differences

    assert list(pair_faults("sessionproof", "astrid", tree)) == []
    assert [found.path for found in differences if not any(loss.covers(found.path) for loss in silent)] == ["/user_id"]


def test_instant_is_made_up_though_one_is_known() -> None:
    """A session without the instant it was made gets the first that it knows of, before that of the conversion."""
    known: dict[str, Any] = {"role": "user", "content": [], "created_at": "2024-02-29T23:59:59Z"}
    early = carried(spec_document(messages=[known]), "a", DIALECTS["astrid"], NOW).tree["session"]
    late = carried(spec_document(), "a", DIALECTS["astrid"], NOW).tree["session"]

    assert (early["created_at"], late["created_at"]) == ("2024-02-29T23:59:59Z", NOW)


def test_id_is_not_given(source: Path) -> None:
    """A session without an id gets that of --id, else the name of its file."""
    source.write_text(json.dumps(SNAPSHOT), encoding="utf-8")
    convert(Request(source, source.parent / "named", DIALECTS["a3s-code"]))
    convert(Request(source, source.parent / "given", DIALECTS["a3s-code"], id="team/42"))

    assert [path.name for path in (source.parent / "named").iterdir()] == ["talk.json"]
    assert [path.name for path in (source.parent / "given").iterdir()] == ["team_42.json"]


@pytest.mark.parametrize("to", [name for name in NAMES if name != "crabtalk"])
@pytest.mark.parametrize("id", ["../../x", "/x", "a/b", "..", "", "a\0b"])
def test_id_leads_out_of_the_target(source: Path, to: str, id: str) -> None:
    """Whatever an id is, its files lie in the target, or the conversion is refused."""
    document = spec_document(id=id)
    name = DIALECTS[to].place(next(iter(DIALECTS[to].write(document))), document, id, 1)

    assert ".." not in Path(name).parts
    assert not name.startswith("/")
    source.write_text(json.dumps(document), encoding="utf-8")
    try:
        convert(Request(source, source.parent / "target", DIALECTS[to]))
    except NotConverted:
        assert "\0" in id
    assert {path.name for path in source.parent.iterdir()} <= {"talk.json", "target"}


def test_document_is_nested_too_deeply(source: Path) -> None:
    """What is nested deeper than can be converted is refused in a sentence."""
    blocks: list[Any] = []
    for _ in range(300):
        blocks = [{"type": "tool_result", "call_id": "c", "content": blocks}]
    source.write_text(json.dumps(spec_document(messages=[{"role": "tool", "content": blocks}])), encoding="utf-8")

    with pytest.raises(NotRead, match="nested"):
        convert(Request(source, source.parent / "target", DIALECTS["crabtalk"], DIALECTS["sessionproof"]))


def test_id_is_given_to_several(tmp_path: Path) -> None:
    """One id cannot name two sessions."""
    with pytest.raises(NotConverted, match="--id can name only one"):
        convert(Request(FOLDER / "astrid" / "vectors", tmp_path / "target", DIALECTS["ailoop"], id="a"))


def test_target_is_overwritten(source: Path) -> None:
    """What is there already is never touched, not even an empty folder."""
    folder = source.parent / "folder"
    folder.mkdir()
    for target in (source, folder):
        with pytest.raises(NotConverted, match="exists"):
            convert(Request(source, target, DIALECTS["ailoop"]))


def test_target_lies_in_the_source(tmp_path: Path) -> None:
    """A target within the source would change the source, and is refused."""
    shutil.copytree(FOLDER / "astrid" / "vectors", tmp_path / "store")

    with pytest.raises(NotConverted, match="never changes its source"):
        convert(Request(tmp_path / "store", tmp_path / "store" / "new", DIALECTS["ailoop"]))


@pytest.mark.parametrize(("call", "nth"), [("open", 1), ("open", 3), ("fsync", 1), ("fsync", 4), ("rename", 1)])
def test_half_a_target_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: str, nth: int) -> None:
    """A conversion that fails on the way leaves no target, and nothing beside it."""
    count = 0
    real = getattr(os, call)

    def failing(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == nth:
            raise OSError(28, "No space left on device", str(arguments[0]))
        return real(*arguments, **options)

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(OSError, match="No space left"):
        convert(Request(FOLDER / "a3s-code" / "vectors", tmp_path / "target", DIALECTS["a3s-code"]))

    assert list(tmp_path.iterdir()) == []


def test_target_is_named_before_it_is_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every file and folder of a target is flushed before the target gets its name, and its parent after."""
    flushed: list[int] = []
    real, rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        flushed.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    def named(source: Path, target: Path) -> None:
        inside = {path.stat().st_ino for path in (source, *source.rglob("*"))}
        assert inside <= set(flushed)
        rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", named)
    convert(Request(FOLDER / "a3s-code" / "vectors", tmp_path / "target", DIALECTS["a3s-code"]))

    assert flushed[-1] == tmp_path.stat().st_ino


def test_others_can_read_the_target(source: Path) -> None:
    """Sessions are private: folders and files of a target are their owner's alone."""
    target = source.parent / "target"
    convert(Request(source, target, DIALECTS["trusty-mpm"]))

    modes = {path.stat().st_mode & 0o777 for path in (target, *target.rglob("*"))}
    assert modes == {0o700, 0o600}


def test_two_sessions_share_a_file(tmp_path: Path) -> None:
    """Two ids that one name of the target would stand for are refused, and neither is written."""
    for name, id in (("one", "a/b"), ("two", "a_b")):
        (tmp_path / "store").mkdir(exist_ok=True)
        (tmp_path / "store" / f"{name}.json").write_text(json.dumps(spec_document(id=id)), encoding="utf-8")

    with pytest.raises(NotConverted, match=r"two sessions would lie in a_b\.json"):
        convert(Request(tmp_path / "store", tmp_path / "target", DIALECTS["a3s-code"]))
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "is no JSON"),
        (b'{"format": "snapshot", "messages": [], "version": "\xff"}', "is no UTF-8: invalid start byte at byte"),
        (b'{"format": "snapshot", "version": "2.0", "messages": []}', "is not valid by sessionproof"),
    ],
)
def test_source_is_not_what_it_should_be(tmp_path: Path, content: bytes, sentence: str) -> None:
    """A source that cannot be read is refused in a sentence that names it."""
    source = tmp_path / "session.json"
    source.write_bytes(content)

    with pytest.raises(NotRead, match=sentence):
        convert(Request(source, tmp_path / "target", DIALECTS["astrid"], DIALECTS["sessionproof"]))


def test_log_with_a_torn_tail_is_carried_over(tmp_path: Path) -> None:
    """A damaged log is refused as a whole: what a reader may leave out, a converter must not."""
    with pytest.raises(NotRead, match="no JSON"):
        convert(
            Request(
                SPEC / "formats/examples/log/invalid/torn-last-line.jsonl",
                tmp_path / "target",
                DIALECTS["astrid"],
                DIALECTS["sessionproof"],
            )
        )


def test_what_the_store_knows_is_lost() -> None:
    """The instant of the first save, which a file keeps for its document, becomes that of the session."""
    document = {**spec_document(), "store": {"id": "a", "created_at": "2024-02-29T23:59:59Z"}}

    assert DIALECTS["sessionproof"].read({"document": document}) == {
        **spec_document(),
        "created_at": "2024-02-29T23:59:59Z",
    }


def test_log_keeps_what_is_not_replayed(tmp_path: Path) -> None:
    """Of a log, a session gets what is replayed; that the rest stays behind is told."""
    log = SPEC / "formats" / "examples" / "log" / "valid"
    paths = [path for path in sorted(log.iterdir()) if all(finding.valid for finding in _validate.validate(path))]
    for number, path in enumerate(paths):
        convert(Request(path, tmp_path / str(number), DIALECTS["astrid"], DIALECTS["sessionproof"]))

    assert len(list(tmp_path.iterdir())) == len(paths) > 0


def test_nothing_is_there(tmp_path: Path) -> None:
    """A source that does not exist, or holds nothing, is named."""
    with pytest.raises(NotRead, match="no such file or folder"):
        convert(Request(tmp_path / "nothing", tmp_path / "target", DIALECTS["astrid"]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotRead, match="holds no session of astrid"):
        convert(Request(tmp_path / "empty", tmp_path / "target", DIALECTS["ailoop"], DIALECTS["astrid"]))


def test_refusal_to_lose_is_a_refusal() -> None:
    """Whoever catches what cannot be converted catches what would differ too."""
    assert issubclass(WouldDiffer, NotConverted)
