"""COR: files that hold what a reader must not trust: hostile JSON, records missing or twice, code."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from sessionproof import _damage, _json
from sessionproof._json import JSON, Object
from sessionproof._probes._damaging import (
    TRACKED,
    built,
    content_of,
    damaged,
    every_file,
    glance,
    ids_of,
    own_files,
)
from sessionproof._probes._machine import furnish
from sessionproof._probes._registry import LOGS, probe
from sessionproof._run import Run
from sessionproof._trial import NotApplicable, Trial


@probe("COR-7", "hostile JSON")
def hostile_json(trial: Trial) -> None:
    """Files replaced by, or mixed with, JSON that breaks readers: deep, long, repeated, NaN, other encodings, types."""
    with trial.run(TRACKED) as base:
        built(base, trial)
        for selector in every_file(base, trial):
            content = content_of(base, selector)
            edits = [*_hostile(content, several=trial.logs), *_wrong_types(trial, content)]
            if trial.logs:
                edits += _hostile_lines(trial, content)
            damaged(
                trial, base, ((edit, selector) for edit in edits), "COR-7", {"do": "look"}, {"do": "bounded memory"}
            )
    trial.need(damaged_files=1)


def _hostile(content: bytes, *, several: bool) -> list[Object]:
    """The hostile texts that can be made of it; where a file may hold several records, twice the same is none."""
    names = [name for name in _damage.hostile_names(content) if not (several and name == "two documents")]
    return [{"edit": "hostile", "name": name} for name in names]


def _hostile_lines(trial: Trial, content: bytes) -> list[Object]:
    """The same done to single lines of a file that holds a record in each: the last, and one in the middle."""
    lines = content.split(b"\n")
    records = [number for number, line in enumerate(lines) if line.lstrip()[:1] == b"{"]
    if len(records) < 2:
        return []
    edits: list[Object] = []
    for number in dict.fromkeys((records[-1], records[len(records) // 2])):
        inner: list[JSON] = [*_hostile(lines[number], several=True), *_wrong_types(trial, lines[number])]
        edits += [{"edit": "line", "line": number, "then": edit} for edit in inner]
    return edits


def _wrong_types(trial: Trial, content: bytes) -> list[Object]:
    """Members of another type, where the file is the value itself and its fidelity does not admit them."""
    try:
        file = _json.decode(content.decode("utf-8"))
    except ValueError:
        return []
    if not isinstance(file, dict):
        return []
    value = {name: member for name, member in file.items() if name not in {"store", "attachments"}}
    if not trial.content.covered(value):
        return []
    edits = list(_damage.wrong_types(content))
    return [edit for edit in edits if not trial.content.covered({**value, cast("str", edit["name"]): edit["value"]})]


_GARBLED = base64.b64encode(b"\xff{" * 8).decode()


@probe("COR-9", "middle of a log", keeps=LOGS)
def damaged_steps_are_told(trial: Trial) -> None:
    """A step with others behind it, garbled, taken out, written twice, or put in the place of the next."""
    if trial.statement.durability == "none":
        raise NotApplicable("the store promises to keep nothing across an `open`")
    with trial.run(TRACKED) as base:
        log = ids_of(trial)[0]
        spans = _appended(base, trial, log)

        def more(run: Run) -> None:
            # Refused or acknowledged; what is acknowledged can be read, and the damage is still told.
            run.write(log, trial.content.plain(19, log))

        for number, (span, following) in enumerate(pairwise(spans), 2):
            file: Object = {"of": log, "index": span.index}
            twice = base64.b64encode(span.content * 2).decode()
            garbled = _splice(span, span.middle, _GARBLED)
            changes: list[Object] = [garbled, _splice(span, None, ""), _splice(span, None, twice)]
            if span.whole_file:
                changes = [garbled, {"edit": "remove"}]
            edits: list[tuple[Object, ...]] = [(change, file) for change in changes]
            # What is put in the place of the last step is no damage in the middle.
            if span.whole_file and following.whole_file and number < len(spans):
                edits.append(({"edit": "copy"}, file, {"of": log, "index": following.index}))
            damaged(trial, base, edits, "COR-9", glance(trial, file), more, glance(trial, file), told=True)
            trial.count("steps in the middle")
    trial.need(steps_in_the_middle=1, damaged_files=1)


@dataclass(frozen=True, slots=True)
class _Span:
    """The bytes that one append has added: from `start` in the n-th file of the log, or all of a new file."""

    index: int
    start: int
    content: bytes
    whole_file: bool

    @property
    def middle(self) -> tuple[int, int]:
        """The middle third of the bytes."""
        third = len(self.content) // 3
        return self.start + third, self.start + 2 * third


def _splice(span: _Span, within: tuple[int, int] | None, text: str) -> Object:
    start, end = within or (span.start, span.start + len(span.content))
    return {"edit": "splice", "from": start, "to": end, "base64": text}


def _appended(run: Run, trial: Trial, log: str) -> list[_Span]:
    """Six appends, with a boundary before them, and what each has added; the store is closed.

    Raises:
        NotApplicable: That cannot be told, since an append changes bytes that were there, or several files.
    """
    run.write(log, trial.content.plain(0, log))
    furnish(run, trial, log, 0)
    run.load(log)
    trees = [_closed(run)]
    for number in range(1, 7):
        run.do({"do": "wake"})
        run.write(log, trial.content.plain(number, log))
        run.load(log)
        trees.append(_closed(run))
    files = run.files_of(log)
    spans: list[_Span] = []
    for before, after in pairwise(trees):
        grown = [name for name in files if name in after and after[name] != before.get(name)]
        if len(grown) != 1 or not after[grown[0]].startswith(before.get(grown[0], b"")):
            raise NotApplicable("the bytes that one append added cannot be told")
        start = len(before.get(grown[0], b""))
        spans.append(_Span(files.index(grown[0]), start, after[grown[0]][start:], grown[0] not in before))
    return spans


def _closed(run: Run) -> dict[str, bytes]:
    """The files as they are once the store is closed."""
    run.do({"do": "rest"})
    return {name: entry.content for name, entry in run.tree().items() if entry.kind == "file"}


@probe("COR-10", "code as files")
def code_in_files(trial: Trial) -> None:
    """Files replaced by code of several languages: pickle, YAML tags, JavaScript, shell."""
    with trial.run(TRACKED) as base:
        built(base, trial)
        selectors = [*own_files(base, trial), *({"shared": index} for index in range(len(base.shared_files())))]
        for selector in {str(selector): selector for selector in selectors}.values():
            edits: list[Object] = [{"edit": "code", "name": name} for name in _damage.CODE]
            damaged(
                trial,
                base,
                ((edit, cast("Object", selector)) for edit in edits),
                "COR-1",
                {"do": "look"},
                {"do": "verify", "check": "no canary"},
            )
    trial.need(damaged_files=1)


@probe("COR-10", "code as text")
def code_in_documents(trial: Trial) -> None:
    """Values that hold the same code as text, saved and loaded by a fresh process."""
    (id,) = ids_of(trial)[:1]
    for document in _coded(trial, id):
        with trial.run() as run:
            run.write(id, document)
            run.do({"do": "restart", "how": "close"})
            run.do({"do": "look"})
            run.do({"do": "verify", "check": "no canary"})
        trial.count("documents with code")
    if not trial.trials.get("documents with code"):
        raise NotApplicable("documents of the declared schema have no place for a text of the kit's choice")
    trial.need(writes_acknowledged=1)


def _coded(trial: Trial, id: str) -> Iterator[Object]:
    """A value with every text; or of a declared schema several: each text is held, and of some budgets each place."""
    texts = _damage.code_strings(trial.lab.canary)
    document = trial.content.with_texts(id, texts)
    if document is not None:
        yield document
        return
    places = trial.budget.some([place for place in trial.content.places if all(map(place.takes, texts))])
    for turn in range(max(len(places), len(texts)) if places else 0):
        value = places[turn % len(places)].holding(texts[turn % len(texts)])
        fitted = trial.content.fit(cast("Object", value), id)
        if trial.content.covered(fitted):
            yield fitted
