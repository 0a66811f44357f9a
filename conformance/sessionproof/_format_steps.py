"""The steps of a run that write into files of a claimed format, as another version of the store would."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sessionproof import _damage, _json
from sessionproof._history import History
from sessionproof._json import Object
from sessionproof._protocol import Answer, Call, Kind, Refusal
from sessionproof._wording import observed, short
from sessionproof._worlds import Present, State, Violation

if TYPE_CHECKING:
    from sessionproof._run import Run

_STEP = re.compile(r"step-([1-9][0-9]*)\.json")
_MEMBER_OF_A_LATER_VERSION: Object = {"member_of_a_later_version": [1, {"a": None}]}


def plant_version(run: "Run", step: Object) -> None:
    """Give all that the session's files hold another version and a member of that version, checksums made right."""
    later: Object = {"version": step["version"], **_MEMBER_OF_A_LATER_VERSION}
    for path in _files(run, step):
        path.write_bytes(b"".join(_sealed({**later, **record, **later}) for record in _records(path)))
        run.count("versions planted")


def load_version(run: "Run", step: Object) -> None:
    """Load or read the session whose files were given another version."""
    logs = run.setup.logs
    outcome = run.no_store or run.process.call(Call("read" if logs else "load", {"id": step["id"]}))
    if step["newer"]:
        if not (isinstance(outcome, Refusal) and outcome.kind is Kind.UNSUPPORTED_VERSION):
            summary = f"A file of version {step['version']} is not refused as of an unsupported version."
            run.report(
                Violation(("FMT-6",), "newer-major-read", summary, "error `unsupported_version`", observed(outcome))
            )
        return
    answer: Object = outcome.result if isinstance(outcome, Answer) else {}
    plain = run.content.plain(0, cast("str", step["id"]))
    expected: Object = {**plain, "version": step["version"], **_MEMBER_OF_A_LATER_VERSION}
    if logs:
        # The later member is one of the record, and an entry is the message in it.
        same = _json.same(answer.get("entries"), [plain]) and not answer.get("damage")
        expected = plain
    elif run.statement.fidelity == "format":
        same = _json.same(answer.get("document"), expected)
    else:
        # A store that keeps less than whole documents of its format has only to read the file.
        same = answer.get("document") is not None
    if not same:
        summary = f"A file of the newer minor version {step['version']} does not load as it is."
        wanted = short(_json.encode(expected))
        run.report(Violation(("FMT-6",), "newer-minor-not-read", summary, wanted, observed(outcome)))


def renumber(run: "Run", step: Object) -> None:
    """Move the steps of a log from one number on to a higher one, as if the log had so many steps."""
    first, target = cast("int", step["from"]), cast("int", step["to"])

    def moved(record: Object) -> Object:
        number, store = record.get("number"), record.get("store")
        if not isinstance(number, int) or number < first:
            return record
        new: Object = {**record, "number": number + target - first}
        if isinstance(store, dict) and isinstance(batch := store.get("batch"), int) and batch >= first:
            new["store"] = {**store, "batch": batch + target - first}
        return new

    for path in sorted(_files(run, step), key=_number_of, reverse=True):
        records = [moved(record) for record in _records(path)]
        path.write_bytes(b"".join(map(_sealed, records)))
        number = _number_of(path)
        if number >= first:
            path.rename(path.with_name(f"step-{number + target - first}.json"))
        run.count("logs renumbered")

    def counted(log: History) -> History:
        last = None if log.last is None else log.last + target - first
        return replace(log, last=last, holes=True)

    _believe(run, step, counted, "LOG-4")


def legacy_boundary(run: "Run", step: Object) -> None:
    """Write a boundary behind the steps of a log, as a store did that kept the summary in it and named no archive."""
    numbers = [
        cast("int", record["number"])
        for path in _files(run, step)
        for record in _records(path)
        if isinstance(record.get("number"), int)
    ]
    record: Object = {"format": "step", "version": "1.0", "kind": "boundary", "number": max(numbers, default=0) + 1}
    content = (_json.encode({**record, "boundary": {"text": "What was said before."}}) + "\n").encode()
    for path in _files(run, step):
        if path.suffix == ".jsonl":
            path.write_bytes(path.read_bytes() + content)
        else:
            beside = path.with_name(f"step-{record['number']}.json")
            beside.write_bytes(content)
            beside.chmod(path.stat().st_mode & 0o777)
        run.count("legacy boundaries planted")
        break
    _believe(run, step, lambda log: log.cut(None), "LOG-2")


def _believe(run: "Run", step: Object, change: Callable[[History], History], requirement: str) -> None:
    """From here on the log has another history, and what is read otherwise breaks the requirement."""

    def changed(state: State) -> State:
        if isinstance(state, Present) and isinstance(state.content, History):
            return replace(state, content=change(state.content), suspects=(requirement,))
        return state

    id = cast("str", step["id"])
    run.worlds = run.worlds.with_states(id, [changed(state) for state in run.worlds.states(id)])


def _files(run: "Run", step: Object) -> list[Path]:
    """The session's files of the claimed format."""
    paths = [run.root / name for name in run.files_of(cast("str", step["id"]))]
    return [path for path in paths if path.suffix in {".json", ".jsonl"}]


def _number_of(path: Path) -> int:
    """The number that the name of a step's file says; 0 for other files."""
    found = _STEP.fullmatch(path.name)
    return int(found[1]) if found else 0


def _records(path: Path) -> Iterator[Object]:
    content = path.read_bytes()
    for text in content.rstrip(b"\n").split(b"\n") if path.suffix == ".jsonl" else [content]:
        yield cast("Object", _json.decode(text.decode("utf-8")))


def _sealed(record: Object) -> bytes:
    return _damage.reseal(_json.encode(record).encode() + b"\n")


STEPS: dict[str, Callable[["Run", Object], None]] = {
    "plant version": plant_version,
    "load version": load_version,
    "renumber": renumber,
    "legacy boundary": legacy_boundary,
}
