"""The kept results of the targets: what is kept of a report, the page that shows them all, the table in the README.

    python conformance/targets/results.py keep lowdb report.json cases    keep what a run has found
    python conformance/targets/results.py write                           make the page and the table from what is kept

`nox -s targets` does both. A result is kept with a digest of what it depends on in the target's folder: the adapter,
its manifest, its pinned packages. Where these have changed since, the result is stale, and a test says so.
"""

import hashlib
import json
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

ROOT = Path(__file__).parents[2]
TARGETS = Path("conformance/targets")
PAGE, README = TARGETS / "RESULTS.md", Path("README.md")
BEGIN, END = "<!-- results: made by `nox -s results` -->", "<!-- /results -->"

Result: TypeAlias = Mapping[str, Any]
_PACKAGE = "target-"
_RUST = ("Cargo.lock", "Cargo.toml", "rust")
_SHOWN = {"pass": "yes", "not-applicable": "", "not-run": "not run"}
_COSTS = ("system_calls", "fsyncs", "bytes_written", "bytes_written_per_byte", "bytes_read", "files_opened")


def targets(root: Path = ROOT) -> list[Path]:
    """The folder of every target, by name."""
    return sorted(found.parent for found in (root / TARGETS).glob("*/sessionproof.toml"))


def inputs(target: Path) -> str:
    """The SHA-256 of all that a target's result depends on in this repository, but for the kit."""
    left_out = {"result.json", "README.md", "sessionproof.toml", "cases", "node_modules", "target", "__pycache__"}
    crates = _crates(target)
    folders = {target, *crates}
    files = {path for place in folders for path in place.rglob("*") if not left_out & {*path.relative_to(place).parts}}
    if crates:
        # Those in Rust share their pinned packages, and the crate that speaks the protocol.
        shared = [target.parent / name for name in _RUST]
        files |= {path for place in shared for path in (place, *place.rglob("*")) if "target" not in path.parts}
    asked = {name: value for name, value in _manifest(target).items() if name != "deviations"}
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
    for path in sorted(path for path in files if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(target.parent).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _crates(target: Path) -> list[Path]:
    """The crates that the target is built from, each in the folder of its name: two stores of one crate share it."""
    words = [word for command in _manifest(target).get("build", []) for word in command]
    return [target.parent / word.removeprefix(_PACKAGE) for word in words if word.startswith(_PACKAGE)]


def kept(report: Result, target: Path) -> dict[str, Any]:
    """What a report says of the store, without times, counts of trials and the machine."""
    entries = report["requirements"]
    return {
        "kit": report["kit"],
        "spec": report["spec"],
        "inputs": inputs(target),
        "implementation": {member: report["implementation"][member] for member in ("name", "version", "language")},
        "assumed": report["assumed"],
        "profile": report["profile"],
        "seed": report["seed"],
        "levels": report["levels"],
        "beyond": [entry["id"] for entry in entries if entry["assumed"]],
        "verdicts": {entry["id"]: entry["verdict"] for entry in entries},
        "faults": {entry["id"]: entry["faults"] for entry in entries if entry["verdict"] == "fail"},
        "seen_on": {
            entry["id"]: [made["filesystem"] for made in entry["witness"]["confirmations"] if made["seen"]]
            for entry in entries
            if entry["witness"] and entry["witness"]["confirmations"]
        },
        "cost": report["cost"],
    }


def keep(name: str, report: Path, cases: Path) -> None:
    """Keep a report of a target, and its cases, in the target's folder."""
    target = ROOT / TARGETS / name
    result = kept(json.loads(report.read_text(encoding="utf-8")), target)
    (target / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(target / "cases", ignore_errors=True)
    found = sorted(cases.glob("*.json"))
    if found:
        (target / "cases").mkdir()
    for case in found:
        # As seen from the repository, wherever that lies.
        text = case.read_text(encoding="utf-8").replace(f"{ROOT}/", "")
        (target / "cases" / case.name).write_text(text, encoding="utf-8")


# -- what readers see --------------------------------------------------------------------------------------------------


def page(root: Path = ROOT) -> str:
    """All results: stores by requirements, then each store by itself."""
    requirements, results = _catalogue(root), _results(root)
    head = ["requirement", *(f"[{result['implementation']['name']}](#{target.name})" for target, result in results)]
    rows = [
        [f"{id} {level}", *(_cell(target, result, id) for target, result in results)]
        for id, (level, _) in requirements.items()
    ]
    lines = [
        "# Results",
        "",
        "What the kit says of real stores, made by `nox -s results` from the `result.json` in each folder. A failed",
        "requirement is a difference between a store and this spec; whether it is a fault depends on what the store",
        "was made for. [README.md](README.md) says how to read it. A dot: the requirement does not apply.",
        "",
        *_table(head, rows),
    ]
    for target, result in results:
        lines += ["", *_of_one(target, result, requirements)]
    return "\n".join(lines) + "\n"


def table(root: Path = ROOT) -> str:
    """A line for each store."""
    requirements = _catalogue(root)
    rows: list[list[str]] = []
    for target, result in _results(root):
        made = result["implementation"]
        failed = {level: _failed(result, requirements, level) for level in ("MUST", "SHOULD")}
        rows.append(
            [
                f"[{made['name']}]({PAGE.as_posix()}#{target.name}) {made['version']}",
                made["language"],
                " ".join(level or "none" for level in result["levels"].values() if level) or "none",
                str(sum(verdict == "pass" for verdict in result["verdicts"].values())),
                _named(failed["MUST"]),
                _named(failed["SHOULD"]),
                _named([id for id in result["faults"] if id in result["beyond"]]),
            ]
        )
    return "\n".join(
        _table(["store", "language", "level", "passed", "MUST failed", "SHOULD failed", "more than it claims"], rows)
    )


def with_table(readme: str, shown: str) -> str:
    """The README with this table between the markers."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{shown}\n{END}{after}"


def write(root: Path = ROOT) -> None:
    """Make the page and the table anew."""
    (root / PAGE).write_text(page(root), encoding="utf-8")
    readme = (root / README).read_text(encoding="utf-8")
    (root / README).write_text(with_table(readme, table(root)), encoding="utf-8")


def _catalogue(root: Path) -> dict[str, tuple[str, str]]:
    """Level and title of each requirement."""
    found = tomllib.loads((root / "spec" / "requirements.toml").read_text(encoding="utf-8"))
    return {entry["id"]: (entry["level"], entry["title"]) for entry in found["requirement"]}


def _results(root: Path) -> list[tuple[Path, Result]]:
    files = [target / "result.json" for target in targets(root)]
    return [(file.parent, json.loads(file.read_text(encoding="utf-8"))) for file in files if file.exists()]


def _cell(target: Path, result: Result, id: str) -> str:
    verdict = result["verdicts"].get(id, "not-run")
    shown = _SHOWN.get(verdict, verdict) or "."
    case = target / "cases" / f"{id}.json"
    return f"[**{shown}**]({target.name}/cases/{case.name})" if verdict == "fail" and case.exists() else shown


def _failed(result: Result, requirements: Mapping[str, tuple[str, str]], level: str) -> list[str]:
    """What failed of the store's own claims."""
    return [id for id in result["faults"] if requirements[id][0] == level and id not in result["beyond"]]


def _named(ids: Sequence[str]) -> str:
    """`ATM-1, 2, DUR-1`: how many there are, and which."""
    groups: dict[str, list[str]] = {}
    for id in ids:
        group, _, number = id.partition("-")
        groups.setdefault(group, []).append(number)
    named = ", ".join(f"{group}-{', '.join(numbers)}" for group, numbers in groups.items())
    return f"{len(ids)}: {named}" if ids else "0"


def _of_one(target: Path, result: Result, requirements: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    made = result["implementation"]
    assumed = ", ".join(f"{claim} {value}" for claim, value in result["assumed"].items())
    levels = [f"{kind} {level}" for kind, level in result["levels"].items() if level]
    yield f'<a id="{target.name}"></a>'
    yield ""
    yield f"## {made['name']} {made['version']}"
    yield ""
    yield f"{made['language']}. Level: {', '.join(levels) or 'none'}. Profile `{result['profile']}`, kit"
    yield f"{result['kit']['version']}. [How it is driven, and what it claims]({target.name}/README.md)."
    if assumed:
        yield f"Judged beyond its claims by: {assumed}. That decides no level."
    reasons = _reasons(target)
    rows = [
        [
            f"[{id}]({target.name}/cases/{id}.json)" if (target / "cases" / f"{id}.json").exists() else id,
            requirements[id][0],
            requirements[id][1],
            ", ".join(_replayed(target, id, fault) for fault in faults),
            ", ".join(result["seen_on"].get(id, [])),
            "; ".join(reasons[id, fault] for fault in faults if (id, fault) in reasons),
        ]
        for id, faults in result["faults"].items()
    ]
    if rows:
        yield ""
        yield from _table(["failed", "level", "requirement", "fault", "seen on real", "why"], rows)
    costs = [
        [operation, *(f"{cost[name]:,.5g}" if name in cost else "" for name in _COSTS)]
        for operation, cost in result.get("cost", {}).items()
        if "system_calls" in cost
    ]
    if costs:
        yield ""
        yield from _table(["cost of one", *(name.replace("_", " ") for name in _COSTS)], costs)


def _replayed(target: Path, id: str, fault: str) -> str:
    """A fault, with a link to its own case where that of the requirement shows another."""
    case = target / "cases" / f"{id}-{fault}.json"
    return f"[{fault}]({target.name}/cases/{case.name})" if case.exists() else fault


def _reasons(target: Path) -> dict[tuple[str, str], str]:
    return {
        (entry["requirement"], entry["fault"]): entry["reason"] for entry in _manifest(target).get("deviations", [])
    }


def _manifest(target: Path) -> dict[str, Any]:
    return tomllib.loads((target / "sessionproof.toml").read_text(encoding="utf-8"))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["keep", name, report, cases]:
            keep(name, Path(report), Path(cases))
            write()
        case ["write"]:
            write()
        case _:
            sys.exit(__doc__)
