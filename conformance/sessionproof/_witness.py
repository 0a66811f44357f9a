"""A failure in words: the calls that lead to it, what was expected and observed, and how to see it again."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sessionproof._manifest import Manifest
from sessionproof._requirements import catalogue
from sessionproof._suite import Result
from sessionproof._wording import short

_SHOWN_STEPS = 24
_SHOWN_NAME = 60
_UNTOLD = frozenset({"adopt", "disturb", "forbid writing", "mark", "mark foreign", "moment", "watch", "watch around"})
"""What the kit only notes for itself: it changes nothing of the store, and is told only where it shows the failure."""
_PLAIN = {
    "rest": "the store is closed",
    "wake": "another process opens the store",
    "reopen": "the store is closed and opened again",
}
_ENDINGS = {
    "close": "the store is closed, its process ends",
    "eof": "the input of the process ends",
    "kill": "the process is killed",
}
_GIVEN_ID = re.compile(r'"\$\{log:(\d+)\}"')


def printable(text: str) -> str:
    """The text with what would move a cursor, or is no character at all, written as an escape."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text)


def step_text(step: Mapping[str, Any]) -> str:
    """One step of a case on one line: a call as it is made, in brackets what the kit does besides."""
    match step["do"]:
        case "call" | "try":
            return _call_text(step["method"], step["params"])
        case "conditional save":
            save = {"id": step["id"], "document": step["document"], "if_revision": step["revision"]}
            return _call_text("save", save)
        case "create":
            given = {name: step[name] for name in ("agent", "created_by")}
            return f"{_call_text('create', given)} makes {_shown(step['as'])}"
        case "race":
            return f"[{'; '.join(_race_texts(step))}]"
        case "fault" | "full disk":
            return f"{_call_text(step['method'], step.get('params', {}))} {_fault_text(step)}"
        case "rest" | "wake" | "reopen" as name:
            return f"[{_PLAIN[name]}]"
        case "restart":
            return f"[{_ENDINGS[step['how']]}, another opens the store]"
        case "tick":
            return f"[{step['seconds']:g} s pass]"
        case "look":
            return f"[{_look_text(step)}]"
        case name:
            return f"[{name}{_arguments_text(step)}]"


def _look_text(step: Mapping[str, Any]) -> str:
    ids = ", ".join(map(_shown, step.get("ids", []))) or "every session"
    return f"{ids}{' and what tells of all' if step.get('store', True) else ''}: read"


def _arguments_text(step: Mapping[str, Any]) -> str:
    told = [f"{member}={_shown(value)}" for member, value in step.items() if member not in {"do", "requirement"}]
    return f": {', '.join(told)}" if told else ""


def _call_text(method: str, params: Mapping[str, Any]) -> str:
    return f"{method}({', '.join(f'{name}={_given_text(name, value)}' for name, value in params.items())})"


def _given_text(name: str, value: object) -> str:
    """A parameter. A revision that is a number stands for one that was answered, counted from the last."""
    if name != "if_revision" or not isinstance(value, int):
        return _shown(value)
    before = "" if value == -1 else " but one" if value == -2 else f" but {-1 - value}"
    return f"<that of the last save{before}>"


def _shown(value: object) -> str:
    """A value on one line; the id of a session that the store has named is told by the session's number."""
    return _GIVEN_ID.sub(r"<session \1>", short(value))


def _fault_text(step: Mapping[str, Any]) -> str:
    """What the system refuses an operation."""
    if "free" in step:
        return f"[{step['free']:,} bytes are free]"
    how = "writes half of what it is given" if step["error"] == "short" else f"fails with {step['error']}"
    after = f", what follows with {step['then']}" if "then" in step else ""
    return f"[its system call {step['call']} {how}{after}]"


def _race_texts(step: Mapping[str, Any]) -> Iterator[str]:
    """Who is asked what in a race; the order is told by what was observed."""
    within = step.get("within")
    yield "one process serves at once" if within else "on one root"
    for number, side in enumerate(step["sides"], 1):
        calls = (_call_text(call["method"], call.get("params", {})) for call in side)
        yield f"{'caller' if within else 'process'} {number}: {', then '.join(calls) or 'nothing'}"
    if "dies" in step:
        side, call = step["dies"]
        after = ", then the others open the store" if step.get("survivors") else ""
        yield f"process {side + 1} dies before its system call {call}{after}"


def witness_lines(witness: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A report's witness as pairs of a label and a text; a call has its number for a label."""
    yield "calls", ", ".join(["on a fresh root", *_setup_texts(witness["setup"])])
    steps = witness["calls"]
    last = len(steps) - _SHOWN_STEPS // 2
    for number, step in enumerate(steps, 1):
        if len(steps) <= _SHOWN_STEPS or number <= _SHOWN_STEPS // 2 or number > last:
            if step["do"] not in _UNTOLD or number == len(steps):
                yield f"{number}.", printable(step_text(step))
        elif number == last:
            yield "...", f"{len(steps) - _SHOWN_STEPS} more, in the case"
    yield "where", printable(witness["where"])
    yield "expected", printable(witness["expected"])
    yield "observed", printable(witness["observed"])
    for confirmation in witness.get("confirmations", ()):
        yield f"on {confirmation['filesystem']}", confirmation_text(confirmation)
    if witness["files"]:
        yield "files", printable(", ".join(map(_file_text, witness["files"][:6])))


def confirmation_text(confirmation: Mapping[str, Any]) -> str:
    """What a finding came to on a real file system."""
    seen, crashes, lacking = confirmation["seen"], confirmation["crashes"], confirmation["lacking"]
    text = f"seen in {seen} of {crashes} crashes of a real one" if crashes else "not tried"
    return text if lacking is None else f"{text}: {lacking}"


def _setup_texts(setup: Mapping[str, Any]) -> Iterator[str]:
    if "umask" in setup:
        yield f"umask {setup['umask']:03o}"
    words = {"unprivileged": "permission bits in force", "around": "decoys around it", "premade": "made before `open`"}
    words["small"] = "in a small file system"
    for name, text in (("failing", "fails with EIO"), ("killed", "meets a SIGKILL")):
        if name in setup:
            call, _, number = setup[name].partition(":")
            yield f"the {call}(2) number {number} of the process {text}"
    for name, text in words.items():
        if setup.get(name):
            yield text


def _file_text(file: str) -> str:
    return file if len(file) <= _SHOWN_NAME else f"{file[:40]} ... {file[-20:]}"


def failure_text(result: Result) -> str:
    """The whole witness of a result as plain text."""
    requirement = catalogue()[result.requirement]
    lines = [f"{requirement.id} {requirement.level}: {requirement.title}", f"{result.verdict}: {result.summary}"]
    found = witness(result)
    if found is not None:
        lines += [f"{label:>8}  {text}" for label, text in witness_lines(found)]
    if result.details:
        lines.append(result.details)
    return printable("\n".join(lines))


def witness(result: Result) -> dict[str, Any] | None:
    """What shows a failure, as the report has it."""
    if result.case is None:
        return None
    steps: Any = result.case["steps"]
    return {
        "setup": result.case["setup"],
        "calls": steps,
        "where": f"step {len(steps)}" if steps else "open",
        "expected": result.expected,
        "observed": result.observed,
        "files": list(result.files),
        "confirmations": [asdict(confirmation) for confirmation in result.confirmations],
    }


def write_cases(report: Mapping[str, Any], results: Sequence[Result], manifest: Manifest, folder: Path) -> None:
    """Write the cases of each requirement that failed, one for each fault; remove those of earlier runs that it judged.

    Raises:
        OSError: A file cannot be written.
    """
    for entry in report["requirements"]:
        if entry["verdict"] in {"pass", "fail"}:
            for old in (folder / f"{entry['id']}.json", *folder.glob(f"{entry['id']}-*.json")):
                old.unlink(missing_ok=True)
        for fault, file in entry["cases"].items():
            same = (result for result in results if (result.requirement, result.fault) == (entry["id"], fault))
            case = next(result.case for result in same if result.case is not None)
            folder.mkdir(parents=True, exist_ok=True)
            whole = {**case, "implementation": report["implementation"], "manifest": manifest.to_json()}
            (folder / Path(file).name).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
