"""What `sessionproof check` shows: progress while it runs, then one line a requirement, then every failure whole."""

import os
import textwrap
from collections.abc import Mapping
from typing import IO, Any, cast

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sessionproof._requirements import catalogue, groups
from sessionproof._suite import Result
from sessionproof._witness import step_text

_SIGNS: Mapping[str, tuple[str, str]] = {
    "pass": ("ok", "green"),
    "fail": ("FAIL", "bold red"),
    "inconclusive": ("????", "yellow"),
    "error": ("ERR", "bold yellow"),
    "not-applicable": ("n/a", "dim"),
    "not-run": ("--", "dim"),
}


def standard_output() -> Console:
    """The terminal, or plain text where standard output is none. Writes past pytest's capture."""
    stream: IO[str] = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    return Console(file=stream, highlight=False, soft_wrap=True)


class Screen:
    """Shows one run."""

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("probing", total=total)
        self._plain_done = 0
        self._total = total

    def begin(self, statement: Mapping[str, Any], profile: str) -> None:
        """Say what is probed, and by which claims."""
        implementation = statement["implementation"]
        claims = ", ".join(
            f"{name} {_claim(statement[name])}" for name in ("fidelity", "format", "durability", "concurrency", "ids") if statement.get(name) is not None
        )
        self.console.print(f"[bold]{escape(implementation['name'])} {escape(implementation['version'])}[/] ({escape(implementation['language'])}), profile {profile}")
        self.console.print(f"claims: {escape(claims)}", style="dim")
        if self.console.is_terminal:
            self._bar.start()

    def advance(self, result: Result) -> None:
        """One probe has ended."""
        if self.console.is_terminal:
            self._bar.update(self._task, advance=1, description=f"{result.requirement} {result.probe}")
            return
        self._plain_done += 1
        if result.verdict in {"fail", "error", "inconclusive"} or self._plain_done % 10 == 0 or self._plain_done == self._total:
            self.console.print(f"{self._plain_done}/{self._total} probes: {result.requirement} {result.probe}: {result.verdict}")

    def end(self) -> None:
        """The run is over; take the bar away."""
        self._bar.stop()

    def report(self, report: Mapping[str, Any]) -> None:
        """The whole report."""
        self._table(report)
        for entry in report["requirements"]:
            if entry["verdict"] in {"fail", "error", "inconclusive"}:
                self._failure(entry)
        for warning in report["warnings"]:
            self.console.print(f"[yellow]warning[/] {escape(warning)}")
        self._totals(report)

    def _table(self, report: Mapping[str, Any]) -> None:
        for id, group in groups().items():
            entries = [entry for entry in report["requirements"] if entry["id"].partition("-")[0] == id]
            shown = [entry for entry in entries if entry["verdict"] != "not-run" or entry["probes"]]
            if not shown:
                continue
            self.console.print(f"\n[bold]{id}[/] {escape(group.title)}")
            for entry in shown:
                self._line(entry)

    def _line(self, entry: Mapping[str, Any]) -> None:
        sign, style = _SIGNS[entry["verdict"]]
        level = "" if entry["level"] == "MUST" else f" [dim]{entry['level']}[/]"
        detail = ""
        if entry["verdict"] == "pass":
            detail = f" [dim]{escape(_trials(entry['trials']))}[/]"
        elif entry["verdict"] in {"not-applicable", "not-run"}:
            detail = f" [dim]{escape(entry['summary'])}[/]"
        recorded = f" [cyan]recorded: {escape(entry['deviation']['reason'])}[/]" if entry["deviation"] else ""
        assumed = " [cyan]assumed[/]" if entry["assumed"] else ""
        self.console.print(f"  [{style}]{sign:4}[/] {entry['id']:7}{level} {escape(entry['title'])}{assumed}{recorded}{detail}")

    def _failure(self, entry: Mapping[str, Any]) -> None:
        sign, style = _SIGNS[entry["verdict"]]
        self.console.print(f"\n[{style}]{sign} {entry['id']}[/] {entry['level']}: {escape(entry['title'])}")
        blame = f" (blame: {entry['blame']})" if entry["blame"] else ""
        self.console.print(f"  {escape(entry['summary'])}{blame}")
        witness = entry["witness"]
        if witness is None:
            return
        self.console.print("  calls, on a fresh root:")
        steps = witness["calls"]
        for number, step in enumerate(steps, 1):
            if len(steps) > 24 and 8 < number <= len(steps) - 12:
                if number == 9:
                    self.console.print(f"        ... {len(steps) - 20} more, in the case file ...", style="dim")
                continue
            self.console.print(f"    {number:3d}. {escape(step_text(step))}")
        self.console.print(f"  [dim]expected[/] {escape(witness['expected'])}")
        self.console.print(f"  [dim]observed[/] {escape(witness['observed'])}")
        if witness["files"]:
            self.console.print(f"  [dim]files[/]    {escape(', '.join(witness['files'][:6]))}")
        self.console.print(f"  [dim]fault[/]    {entry['fault']}")
        self.console.print(f"  [dim]replay[/]   sessionproof replay {entry['case']}")

    def _totals(self, report: Mapping[str, Any]) -> None:
        self.console.print()
        for level, counts in report["totals"].items():
            judged = {verdict: number for verdict, number in counts.items() if number and verdict not in {"not-run", "not-applicable"}}
            if judged:
                aside = counts["not-applicable"]
                words = ", ".join(f"{number} {verdict}" for verdict, number in judged.items())
                self.console.print(f"{level}: {words}" + (f"; {aside} not applicable" if aside else ""))
        unprobed = [group for group in groups() if all(e["verdict"] in {"not-run", "not-applicable"} and not e["probes"] for e in report["requirements"] if e["id"].startswith(group + "-"))]
        if unprobed and report["complete"]:
            self.console.print(f"not probed by this version of the kit: {', '.join(unprobed)}", style="dim")
        for kind, level in report["levels"].items():
            if level is not None:
                self.console.print(f"level for {kind}s: [bold]{level}[/]")
        if not report["complete"]:
            self.console.print("no level is granted: this is part of a run", style="dim")
        style = "green" if report["exit_code"] == 0 else "bold red"
        self.console.print(f"[{style}]{escape(report['conclusion'])}[/]")


def _claim(value: object) -> str:
    if isinstance(value, dict):
        claim = cast("dict[str, object]", value)
        return f"{claim['name']} {claim['version']}" if "name" in claim else str(next(iter(claim)))
    return str(value)


def _trials(trials: Mapping[str, int]) -> str:
    ranked = sorted(trials.items(), key=lambda item: -item[1])
    return ", ".join(f"{number:,} {what}" for what, number in ranked[:3])


def explanation(id: str, probes: Mapping[str, str]) -> str:
    """A requirement as text: what it demands, why, when it applies, how it is probed."""
    requirement = catalogue()[id]
    group = groups()[requirement.group]

    def paragraph(text: str) -> str:
        return textwrap.fill(" ".join(text.split()), 90, initial_indent="  ", subsequent_indent="  ")

    needed = " or ".join(" and ".join(sorted(names)) or "any operation" for names in requirement.operations)
    claims = "; ".join(f"{name}: {value}" for name, value in requirement.claims.items())
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


