"""A failure in words: the calls that lead to it, what was expected and observed, and how to see it again."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sessionproof._html import page
from sessionproof._manifest import Manifest
from sessionproof._model import short
from sessionproof._requirements import catalogue
from sessionproof._suite import Result


def step_text(step: Mapping[str, Any]) -> str:
    """One step of a case on one line."""
    name = step["do"]
    if name in {"call", "try"}:
        shown = ", ".join(f"{member}={short(json.dumps(value))}" for member, value in step["params"].items())
        return f"{step['method']}({shown})"
    arguments = ", ".join(f"{member}={short(json.dumps(value))}" for member, value in step.items() if member != "do")
    return f"[{name}{': ' + arguments if arguments else ''}]"


def failure_text(result: Result) -> str:
    """The whole witness of a result as plain text."""
    requirement = catalogue()[result.requirement]
    lines = [f"{requirement.id} {requirement.level}: {requirement.title}", f"{result.verdict}: {result.summary}"]
    if result.case is not None:
        steps: Any = result.case["steps"]
        lines += ["calls:", *(f"  {number:2d}. {step_text(step)}" for number, step in enumerate(steps, 1))]
    if result.expected:
        lines.append(f"expected: {result.expected}")
    if result.observed:
        lines.append(f"observed: {result.observed}")
    if result.files:
        lines.append(f"files: {', '.join(result.files[:8])}")
    if result.details:
        lines.append(result.details)
    return "\n".join(lines)


def write_report(
    report: Mapping[str, Any],
    results: Sequence[Result],
    manifest: Manifest,
    json_file: str | None,
    html_file: str | None,
    cases: Path,
) -> None:
    """Write the cases of what failed, and the report in the forms that were asked for.

    Raises:
        OSError: A file cannot be written.
    """
    failed = {entry["id"] for entry in report["requirements"] if entry["case"]}
    for result in results:
        if result.case is None or result.requirement not in failed:
            continue
        failed.discard(result.requirement)
        cases.mkdir(parents=True, exist_ok=True)
        case = {**result.case, "implementation": report["implementation"], "manifest": manifest.to_json()}
        (cases / f"{result.requirement}.json").write_text(json.dumps(case, indent=1) + "\n", encoding="utf-8")
    if json_file:
        Path(json_file).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if html_file:
        Path(html_file).write_text(page(report), encoding="utf-8")
