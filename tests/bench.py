"""What the kit, adapters, logs and crash states cost here: `nox -s bench [-- --json FILE] [--only PART]...`.

It measures, and asserts nothing. Each part is shown as soon as it is measured.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import bench_crashes
import bench_linear
import bench_races
from bench_logs import MESSAGE, log_costs, log_tables
from sessionproof import _manifest
from sessionproof._client import AdapterProcess, Launch
from sessionproof._json import Object
from sessionproof._protocol import Answer, Call

LOWDB = Path(__file__).parents[1] / "conformance" / "targets" / "lowdb"

ROUNDS = 3
"""Of so many rounds the fastest counts: what else the machine does only ever slows one down."""

DOCUMENT: Object = {
    "format": "session",
    "version": "1.0",
    "id": "bench",
    "messages": [MESSAGE for _ in range(20)],
}

NUMBERS = {"echo": 2_000, "load": 1_000, "save": 300}
POLL = 0.05
"""Seconds between two looks at the memory of a run."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of `sessionproof check` took: seconds, processor seconds, and the most memory at one time in bytes.

    The memory is that of all processes of the run together; a page that several share counts once.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int


def speeds(launch: Launch) -> dict[str, int]:
    """Operations per second through the adapter, each answered before the next is sent."""
    with tempfile.TemporaryDirectory(prefix="sessionproof-bench-") as folder:
        adapter = AdapterProcess(launch)
        try:
            answered(adapter, Call("open", {"root": f"{folder}/root", "namespace": "bench"}))
            answered(adapter, Call("save", {"id": "bench", "document": DOCUMENT}))
            calls = {
                "echo": Call("echo", {"value": DOCUMENT}),
                "load": Call("load", {"id": "bench"}),
                "save": Call("save", {"id": "bench", "document": DOCUMENT}),
            }
            return {name: max(speed(adapter, call) for _ in range(ROUNDS)) for name, call in calls.items()}
        finally:
            adapter.kill()


def speed(adapter: AdapterProcess, call: Call) -> int:
    """How often a second the call is answered."""
    number = NUMBERS[call.method]
    start = time.perf_counter()
    for _ in range(number):
        answered(adapter, call)
    return round(number / (time.perf_counter() - start))


def answered(adapter: AdapterProcess, call: Call) -> None:
    """Make a call that the store can carry out."""
    outcome = adapter.call(call)
    if not isinstance(outcome, Answer):
        sys.exit(f"{adapter.launch.command}: `{call.method}` is not carried out: {outcome}")


def cost(profile: str) -> Cost:
    """Check the reference store once, with two processes."""
    adapter = "sessionproof_reference.adapter:SessionAdapter"
    command = ["sessionproof", "check", "-n", "2", "--profile", profile, adapter]
    with tempfile.TemporaryDirectory(prefix="sessionproof-bench-") as folder:
        before, start, peak = processor_seconds(), time.perf_counter(), 0
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        while process.poll() is None:
            peak = max(peak, sum(map(memory, family(process.pid))))
            time.sleep(POLL)
        if process.returncode:
            sys.exit(f"{' '.join(command)} ended with status {process.returncode}")
        return Cost(time.perf_counter() - start, processor_seconds() - before, peak)


def processor_seconds() -> float:
    """The processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def family(pid: int) -> Iterator[int]:
    """The process and all that it and its children have started."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in content(children).split():
            yield from family(int(child))


def memory(pid: int) -> int:
    """What the process holds, in bytes: its share of each page (`Pss` in proc(5))."""
    lines = content(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)


def content(path: Path) -> str:
    """A file of proc(5); empty where the process has ended."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def operation_table(operations: Mapping[str, Mapping[str, int]]) -> Table:
    """How fast adapters answer."""
    size = len(json.dumps(DOCUMENT))
    table = Table("operations a second", *NUMBERS, title=f"one caller, a document of {size:,} bytes")
    for name, per_second in operations.items():
        table.add_row(name, *(f"{number:,}" for number in per_second.values()))
    return table


def run_table(runs: Mapping[str, Cost]) -> Table:
    """What whole runs take."""
    table = Table("profile", "seconds", "processor seconds", "peak MiB", title="check -n 2, reference store")
    for name, run in runs.items():
        numbers = (run.seconds, run.processor_seconds, run.peak_bytes / (1 << 20))
        table.add_row(name, *(f"{number:.1f}" for number in numbers))
    return table


def measured(part: str) -> tuple[Any, list[Table]]:
    """The numbers of one part, as JSON has them, and the tables that show them."""
    if part == "operations_per_second":
        reference = (sys.executable, "-m", "sessionproof_reference.adapter", "session")
        launches = {"reference (Python)": Launch(reference, Path.cwd())}
        if (LOWDB / "node_modules").is_dir():
            launches["lowdb (Node)"] = _manifest.load(LOWDB / "sessionproof.toml").launch
        operations = {name: speeds(launch) for name, launch in launches.items()}
        return operations, [operation_table(operations)]
    if part == "logs":
        with tempfile.TemporaryDirectory(prefix="sessionproof-bench-") as folder:
            logs = log_costs(Path(folder))
        return asdict(logs), [*log_tables(logs)]
    if part == "runs":
        quick = min((cost("quick") for _ in range(ROUNDS)), key=lambda run: run.seconds)
        runs = {"quick": quick, "standard": cost("standard")}
        return {name: asdict(run) for name, run in runs.items()}, [run_table(runs)]
    rows, table = MEASURES[part]()
    return [asdict(row) for row in rows], [table]


MEASURES = {**bench_crashes.MEASURES, **bench_races.MEASURES, **bench_linear.MEASURES}
PARTS = ("operations_per_second", "logs", "runs", *MEASURES)


def main() -> None:
    """Measure, show, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    parser.add_argument("--only", action="append", choices=PARTS, help="only this part; may be repeated")
    arguments = parser.parse_args()

    screen = Console()
    report: dict[str, Any] = {}
    for part in arguments.only or PARTS:
        report[part], tables = measured(part)
        for table in tables:
            screen.print(table)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
