"""What the kit, adapters and logs cost here: `nox -s bench [-- --json FILE]`. It measures, and asserts nothing."""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench_logs import MESSAGE, LogCosts, log_costs, log_tables
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


def show(operations: dict[str, dict[str, int]], runs: dict[str, Cost], logs: LogCosts) -> None:
    """Print the numbers as tables."""
    size = len(json.dumps(DOCUMENT))
    speed_table = Table("operations a second", *NUMBERS, title=f"one caller, a document of {size:,} bytes")
    for name, per_second in operations.items():
        speed_table.add_row(name, *(f"{number:,}" for number in per_second.values()))
    cost_table = Table("profile", "seconds", "processor seconds", "peak MiB", title="check -n 2, reference store")
    for name, run in runs.items():
        numbers = (run.seconds, run.processor_seconds, run.peak_bytes / (1 << 20))
        cost_table.add_row(name, *(f"{number:.1f}" for number in numbers))
    screen = Console()
    screen.print(speed_table)
    screen.print(cost_table)
    for table in log_tables(logs):
        screen.print(table)


def main() -> None:
    """Measure, show, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON")
    arguments = parser.parse_args()

    reference = (sys.executable, "-m", "sessionproof_reference.adapter", "session")
    launches = {"reference (Python)": Launch(reference, Path.cwd())}
    if (LOWDB / "node_modules").is_dir():
        launches["lowdb (Node)"] = _manifest.load(LOWDB / "sessionproof.toml").launch
    operations = {name: speeds(launch) for name, launch in launches.items()}
    with tempfile.TemporaryDirectory(prefix="sessionproof-bench-") as folder:
        logs = log_costs(Path(folder))
        quick = min((cost("quick") for _ in range(ROUNDS)), key=lambda run: run.seconds)
        runs = {"quick": quick, "standard": cost("standard")}

    show(operations, runs, logs)
    if arguments.json is not None:
        costs = {name: asdict(run) for name, run in runs.items()}
        report = {"operations_per_second": operations, "runs": costs, "logs": asdict(logs)}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
