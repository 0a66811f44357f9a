"""What `sessionproof check` shows: progress while it runs, then one line a requirement, then every failure whole."""

import contextlib
import os
import textwrap
from collections.abc import Generator, Mapping
from typing import Any, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from sessionproof import _cost_table
from sessionproof._guarantee import told
from sessionproof._requirements import catalogue, groups
from sessionproof._suite import Result
from sessionproof._tried import tried
from sessionproof._witness import printable, witness_lines

_SIGNS: Mapping[str, tuple[str, str]] = {
    "pass": ("ok", "green"),
    "fail": ("FAIL", "bold red"),
    "inconclusive": ("????", "yellow"),
    "error": ("ERR", "bold yellow"),
    "not-applicable": ("n/a", "dim"),
    "not-run": ("--", "dim"),
}
_BAD = ("fail", "error", "inconclusive")
_TOTALED = ("pass", "fail", "inconclusive", "error", "not-applicable")
_TITLE_WIDTH = 58


class _Output(Console):
    """Standard output that may be closed at the other end: the run goes on, and nothing more is shown."""

    def on_broken_pipe(self) -> None:
        """Write nowhere from now on."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def standard_output() -> Generator[Console]:
    """The terminal, or plain text where standard output is none. Writes past pytest's capture."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace") as stream:
        yield _Output(file=stream)


class Screen:
    """Shows one run."""

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("probing", total=total)
        self._done = 0
        self._total = total

    def begin(self, statement: Mapping[str, Any], profile: str) -> None:
        """Say what is probed, and by which claims."""
        implementation = statement["implementation"]
        names = ("fidelity", "format", "durability", "concurrency", "ids")
        claims = ", ".join(f"{name} {_claim(statement[name])}" for name in names if statement[name] is not None)
        name = f"{implementation['name']} {implementation['version']}"
        self._print((name, "bold"), f" ({implementation['language']}), profile {profile}")
        self._print((f"claims: {claims}", "dim"))
        if self.console.is_terminal:
            self._bar.start()

    def advance(self, result: Result) -> None:
        """One probe has ended."""
        self._done += 1
        if self.console.is_terminal:
            self._bar.update(self._task, advance=1, description=f"{result.requirement} {result.probe}")
        elif result.verdict in _BAD or self._done % 10 == 0 or self._done == self._total:
            self._print(f"{self._done}/{self._total} probes: {result.requirement} {result.probe}: {result.verdict}")

    def end(self) -> None:
        """The run is over; take the bar away."""
        if self.console.is_terminal:
            self._bar.stop()

    def report(self, report: Mapping[str, Any]) -> None:
        """The whole report."""
        entries = cast("list[dict[str, Any]]", report["requirements"])
        for id, group in groups().items():
            mine = [entry for entry in entries if entry["id"].partition("-")[0] == id]
            if any(_judged(entry) for entry in mine):
                self._print()
                self._print((id, "bold"), f" {group.title}")
                for entry in mine:
                    if entry["verdict"] != "not-run" or entry["probes"]:
                        self._line(entry)
        for entry in entries:
            if entry["verdict"] in _BAD:
                self._failure(entry)
        self._cost(report["cost"])
        if (several := told(report)) is not None:
            self._print()
            self._print(("several at once", "bold"), f" {several}")
        self._print()
        for warning in report["warnings"]:
            self._print(("warning", "yellow"), f" {warning}")
        self._summary(report)

    def _line(self, entry: Mapping[str, Any]) -> None:
        sign, style = _SIGNS[entry["verdict"]]
        note = ""
        if entry["verdict"] == "pass":
            note = tried(entry["id"], entry["trials"])
        elif entry["verdict"] in {"not-applicable", "not-run"}:
            note = entry["summary"]
        title = entry["title"] + (f" ({entry['level']})" if entry["level"] != "MUST" else "")
        marks = ["assumed"] if entry["assumed"] else []
        marks += [f"recorded: {entry['deviation']['reason']}"] if entry["deviation"] else []
        title = f"{title:<{_TITLE_WIDTH}}" if note or marks else title
        rest: list[str | tuple[str, str]] = [(f" {mark}", "cyan") for mark in marks]
        rest += [(f" {note}", "dim")] if note else []
        self._print("  ", (f"{sign:4}", style), f" {entry['id']:7}{title}", *rest)

    def _failure(self, entry: Mapping[str, Any]) -> None:
        sign, style = _SIGNS[entry["verdict"]]
        blame = f" (blame: {entry['blame']})" if entry["blame"] else ""
        self._print()
        self._print((f"{sign} {entry['id']}", style), f" {entry['level']}: {entry['title']}{blame}")
        self._print(textwrap.indent(entry["summary"], "  "))
        if entry["witness"] is not None:
            for label, text in witness_lines(entry["witness"]):
                self._print((f"  {label:>8}  ", "dim"), textwrap.indent(text, " " * 12).lstrip())
            for fault, file in entry["cases"].items():
                self._print(("     fault  ", "dim"), fault)
                self._print(("    replay  ", "dim"), f"sessionproof replay {file}")

    def _cost(self, costs: Mapping[str, Mapping[str, Any]]) -> None:
        if not costs:
            return
        table = [_cost_table.HEAD, *_cost_table.rows(costs)]
        widths = [max(len(row[column]) for row in table) for column in range(len(_cost_table.HEAD) - 1)]
        self._print()
        self._print(("cost", "bold"))
        for row in table:
            first, *numbers = (
                cell.ljust(width) if not column else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=False))
            )
            self._print(f"  {first}  {'  '.join(numbers)}  ", (row[-1], "dim"))
        for line in (*_cost_table.on_disk(costs), _cost_table.LEGEND):
            self._print((textwrap.indent(textwrap.fill(line, 110), "  "), "dim"))

    def _summary(self, report: Mapping[str, Any]) -> None:
        entries = cast("list[dict[str, Any]]", report["requirements"])
        for level, counts in report["totals"].items():
            words = [f"{counts[verdict]} {verdict}" for verdict in _TOTALED if counts[verdict]]
            if any(counts[verdict] for verdict in _TOTALED[:-1]):
                self._print(f"{level}: {', '.join(words)}")
        judged = {entry["id"].partition("-")[0] for entry in entries if _judged(entry)}
        unjudged = [group for group in groups() if group not in judged]
        if unjudged and report["complete"]:
            self._print((f"not applicable, or not probed by this version of the kit: {', '.join(unjudged)}", "dim"))
        for kind, level in report["levels"].items():
            if level is not None:
                self._print(f"level for {kind}s: ", (level, "bold"))
        self._print((report["conclusion"], "green" if report["exit_code"] == 0 else "bold red"))

    def _print(self, *parts: str | tuple[str, str]) -> None:
        """One line; nothing in it is taken for markup or for a terminal's control codes."""
        shown = [(printable(part), "") if isinstance(part, str) else (printable(part[0]), part[1]) for part in parts]
        self.console.print(Text.assemble(*shown), highlight=False, soft_wrap=True)


def _judged(entry: Mapping[str, Any]) -> bool:
    return any(probe["verdict"] != "not-applicable" for probe in entry["probes"])


def _claim(value: object) -> str:
    if isinstance(value, dict):
        claim = cast("dict[str, object]", value)
        return f"{claim['name']} {claim['version']}" if "name" in claim else str(next(iter(claim)))
    return str(value)


def explanation(id: str, probes: Mapping[str, str]) -> str:
    """A requirement as text: what it demands, why, when it applies, how it is probed."""
    requirement = catalogue()[id]
    group = groups()[requirement.group]

    def paragraph(text: str) -> str:
        return textwrap.fill(" ".join(text.split()), 90, initial_indent="  ", subsequent_indent="  ")

    needed = " or ".join(" and ".join(sorted(names)) or "any operation" for names in requirement.operations)
    claims = "; ".join(_condition(name, value) for name, value in requirement.claims.items())
    parts = [
        f"{id} {requirement.level}  {requirement.title}",
        f"{group.id}: {group.title}" + (f" (level {group.level})" if group.level else ""),
        "",
        paragraph(requirement.statement),
        "",
        "why",
        paragraph(requirement.rationale),
        "",
        f"applies to stores with {needed}" + (f"; {claims}" if claims else ""),
    ]
    if requirement.notes:
        parts += ["", "how it is judged", paragraph(requirement.notes)]
    parts += ["", "probes" if probes else "probes: none in this version of the kit"]
    parts += [f"  {name}: {text}" for name, text in probes.items()]
    return "\n".join(parts)


def _condition(name: str, value: object) -> str:
    return f"{name}: {' or '.join(map(str, cast('list[object]', value)))}" if isinstance(value, list) else name
