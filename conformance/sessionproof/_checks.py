"""Checks that look at the files of a store: each answers what is wrong, or None."""

import base64
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, cast

from sessionproof import _json, _schemas, _tree, _validate
from sessionproof._history import History
from sessionproof._json import Object
from sessionproof._statement import Statement
from sessionproof._tree import Aspect, Entry, Tree
from sessionproof._worlds import Present, Violation, Worlds


class Scene(Protocol):
    """What a check sees of a run."""

    root: Path
    outside: Path
    worlds: Worlds
    marks: dict[str, Tree]
    damaged: Mapping[str, bytes]

    def tree(self) -> dict[str, Entry]: ...
    @property
    def statement(self) -> Statement: ...
    @property
    def canary(self) -> Path: ...
    def count(self, what: str, number: int = 1) -> None: ...


def unchanged(scene: Scene, step: Object) -> Violation | None:
    """Nothing changed in the root since a mark, in the named aspects."""
    requirement = cast("str", step["requirement"])
    aspects = cast("list[Aspect]", step.get("aspects", list(_tree.ALL_ASPECTS)))
    before, after = scene.marks[cast("str", step["since"])], scene.tree()
    changed = _tree.difference(before, after, tuple(aspects))
    if changed is None:
        return None
    what = cast("str", step.get("what", "Reading"))
    return Violation(
        (requirement,), "disk-changed", f"{what} changes the disk: {changed}.", "no change on disk", changed
    )


def valid(scene: Scene, _: Object) -> Violation | None:
    """Every file of the claimed format is valid, and what was written last is in one of them."""
    return _logs(scene) if scene.statement.format_name == "step" else _documents(scene)


def _logs(scene: Scene) -> Violation | None:
    try:
        findings = list(_validate.validate(scene.root))
    except _validate.NotThere:
        findings = []
    for finding in findings:
        scene.count("files validated")
        if not finding.valid:
            path = str(finding.path.relative_to(scene.root)) + (f":{finding.line}" if finding.line else "")
            return _bad_file("FMT-1", "not-valid", path, f"is not valid under step 1.0: {finding.rule}: {finding.what}")
    if scene.statement.fidelity != "format" or scene.statement.durability == "none":
        return None
    values = [_json.decode(line) for _, line in records(scene)]
    held = {_json.key(value.get("message")) for value in values if isinstance(value, dict)}
    for id, states in scene.worlds.sessions.items():
        for state in states:
            log = state.content if len(states) == 1 and isinstance(state, Present) else None
            if isinstance(log, History) and not held.issuperset(entry.key for entry in log.entries):
                text = f"No file holds an entry of session {id!r} in the claimed format."
                return Violation(("FMT-1",), "not-on-disk", text, "a step with each entry", f"{len(held)} others")
    return None


def _documents(scene: Scene) -> Violation | None:
    name = scene.statement.format_name or ""
    held: set[str] = set()
    for path, entry in session_files(scene):
        try:
            value = _json.decode(entry.content.decode("utf-8"))
        except ValueError as error:
            return _bad_file("FMT-1", "not-json", path, f"is no JSON: {error}")
        problems = _schemas.problems(name, value)
        if problems:
            return _bad_file("FMT-1", "not-valid", path, f"is not valid under {name} 1.0: {problems[0]}")
        scene.count("files validated")
        held.add(_json.key({k: v for k, v in cast("Object", value).items() if k not in {"store", "attachments"}}))
    if scene.statement.fidelity != "format" or scene.statement.durability == "none":
        # What is saved is then not itself a document of the format, or nobody promised that it is kept.
        return None
    for id, states in scene.worlds.sessions.items():
        keys = {state.content.key for state in states if isinstance(state, Present)}
        if len(keys) == len(states) and not keys & held:
            text = f"No file holds the document of session {id!r} in the claimed format."
            return Violation(
                ("FMT-1",), "not-on-disk", text, f"a file *.json with a {name} document", f"{len(held)} other files"
            )
    return None


def strict(scene: Scene, _: Object) -> Violation | None:
    """No file of a claimed format holds NaN, Infinity, repeated members or lone surrogates."""
    for path, text in records(scene):
        try:
            value = _json.decode(text)
        except ValueError as error:
            return _bad_file("FMT-7", "not-strict", path, f"is not strict JSON: {error}")
        if any(_json.has_lone_surrogate(text) for text in _json.strings(value)):
            return _bad_file("FMT-7", "lone-surrogate", path, "holds a lone surrogate")
        if any(number in (float("inf"), float("-inf")) for number in _json.numbers(value)):
            return _bad_file("FMT-7", "beyond-double", path, "holds a number beyond a double that reads as infinity")
        scene.count("files read strictly")
    return None


def session_files(scene: Scene) -> Iterator[tuple[str, Entry]]:
    """The files of a claimed format of documents: those whose names end in `.json` (spec/formats.md)."""
    for path, entry in scene.tree().items():
        if entry.kind == "file" and path.endswith(".json"):
            yield path, entry


def records(scene: Scene) -> Iterator[tuple[str, str]]:
    """What is one JSON text each: the files `*.json`, and the lines of the files `*.jsonl` (spec/logs.md)."""
    for path, entry in scene.tree().items():
        if entry.kind == "file" and path.endswith((".json", ".jsonl")):
            text = entry.content.decode("utf-8", "surrogateescape")
            lines = text.removesuffix("\n").split("\n") if path.endswith(".jsonl") else [text]
            yield from ((path, line) for line in lines)


def _bad_file(requirement: str, fault: str, path: str, what: str) -> Violation:
    return Violation((requirement,), fault, f"The file {path!r} {what}.", "a valid file", what)


def secret(scene: Scene, step: Object) -> Violation | None:
    """The secret is in no name and in no byte of any file: plain, JSON-escaped, base64 or UTF-16."""
    for form, needle in forms(cast("str", step["secret"])):
        for path, entry in _tree.picture(scene.root).items():
            if needle in entry.content or needle in path.encode("utf-8", "surrogateescape"):
                summary = f"A declared secret is on disk, in {path!r}, {form}."
                return Violation(
                    ("FMT-5",), "secret-on-disk", summary, "the secret nowhere on disk", f"{form} in {path!r}"
                )
    scene.count("searches for secrets")
    return None


def forms(text: str) -> Iterator[tuple[str, bytes]]:
    """The ways in which a secret may lie in a file."""
    yield "plain", text.encode()
    for name, digits in (("JSON-escaped", "04x"), ("JSON-escaped in capitals", "04X")):
        yield name, "".join(f"\\u{ord(character):{digits}}" for character in text).encode()
    yield "UTF-16", text.encode("utf-16-le")
    yield "UTF-16, big-endian", text.encode("utf-16-be")
    for shift in range(3):
        # Of the encoded text only what does not depend on the bytes around it.
        encoded = base64.b64encode(b"\0" * shift + text.encode() + b"\0" * 2)
        yield "base64", encoded[4 * (shift > 0) : 4 * ((shift + len(text)) // 3)]


def modes(scene: Scene, _: Object) -> Violation | None:
    """Files and folders are the owner's alone; the root's own mode counts only where the store made it."""
    entries = dict(scene.tree())
    if "root was there" not in scene.marks and scene.root.is_dir():
        status = scene.root.stat()
        entries["."] = Entry("folder", b"", stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid), 0)
    before = scene.marks.get("root was there", {})
    for path, entry in sorted(entries.items()):
        if path in before or entry.kind not in {"file", "folder"}:
            continue
        scene.count("modes looked at")
        wanted = 0o600 if entry.kind == "file" else 0o700
        if entry.mode != wanted:
            summary = f"The {entry.kind} {path!r} has the mode {entry.mode:04o}."
            return Violation(("SEC-1",), f"{entry.kind}-mode", summary, f"{wanted:04o}", f"{entry.mode:04o}")
    return None


def kept(scene: Scene, step: Object) -> Violation | None:
    """The damaged bytes are still in some file of the root."""
    requirement = cast("str", step["requirement"])
    contents = [entry.content for entry in scene.tree().values()]
    for path, damaged in scene.damaged.items():
        if damaged and damaged not in contents and not _split(damaged, contents):
            what = cast("str", step["what"])
            return Violation(
                (requirement,),
                "damaged-bytes-lost",
                f"{what} loses the damaged bytes of {path!r}.",
                "the bytes kept",
                "they are gone",
            )
    return None


def _split(damaged: bytes, contents: list[bytes]) -> bool:
    """Whether the bytes are kept in two files: what could be used, and the rest aside."""
    heads = [content for content in contents if content and damaged.startswith(content)]
    return any(damaged[len(head) :] in content for head in heads for content in contents if content is not head)


def no_canary(scene: Scene, step: Object) -> Violation | None:
    """No code that the kit planted ran."""
    if not scene.canary.exists():
        return None
    scene.canary.unlink()
    requirement = cast("str", step.get("requirement", "COR-10"))
    where = "a file" if requirement == "COR-10" else "an id"
    return Violation((requirement,), "code-ran", f"Code in {where} was run.", "nothing runs", "the canary was made")


def links_kept(scene: Scene, step: Object) -> Violation | None:
    """What the planted links point to is as it was, and no link led a write or a read out of the root."""
    before, after = scene.marks["outside"], _tree.picture(scene.outside / "elsewhere")
    changed = _tree.difference(before, after, ("names", "bytes", "modes"))
    if changed is None:
        return None
    link = cast("str", step["link"])
    summary = f"A link planted at {link!r} is followed out of the root: {changed}."
    return Violation(("SEC-2",), "link-followed", summary, "nothing outside the root changes", changed)


CHECKS: dict[str, Callable[[Scene, Object], Violation | None]] = {
    "unchanged": unchanged,
    "valid": valid,
    "strict": strict,
    "secret": secret,
    "modes": modes,
    "kept": kept,
    "no canary": no_canary,
    "links kept": links_kept,
}
