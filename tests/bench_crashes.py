"""What crash states cost here: how fast they are judged, how soon a fault shows, what recording adds, how it all grows.

Rates are of one lab: the kit and its adapter take turns, so that together they keep one core busy. Where other work
shares the machine the wall clock misleads; states for a second of processor time are given beside it.

A state is judged end to end where it is opened: built as files, opened, looked at, judged. One that has the same files
as a state before it is judged by the answers of that one. Both are counted, and the rate of the first is the lower.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar
from unittest import mock

from rich.markup import escape
from rich.table import Column, Table

from bench_kills import PATIENCE, Kills, kill_loop
from miniatures.bench import lab_of
from miniatures.broken import BROKEN, Broken
from sessionproof import _json, _tree
from sessionproof._budget import PROFILES as BUDGETS
from sessionproof._client import AdapterProcess, Launch
from sessionproof._json import JSON, Object
from sessionproof._lab import Lab
from sessionproof._probes._histories import RECORDED, SIZES, act
from sessionproof._profiles import PROFILES
from sessionproof._protocol import Answer, Call, Outcome
from sessionproof._recorder import RecordedProcess
from sessionproof._run import Run
from sessionproof._setup import Setup
from sessionproof._suite import carry_out, probes_of
from sessionproof._trial import Trial

Row = TypeVar("Row")
TESTS = Path(__file__).parent
REFERENCE = (sys.executable, "-m", "sessionproof_reference.adapter")
ADAPTERS: Mapping[str, tuple[str, ...]] = {
    "Python": (*REFERENCE, "session"),
    "Node": ("node", "controls/node.mjs"),
}

WRITES = 12
"""Writes in the histories whose states are timed: to two sessions, of the sizes that the probes use."""
MOST = 20
"""States of one instant and one profile: the control syncs nothing, so that it may leave millions."""

SIZES_OF_DOCUMENTS = (200, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20)
LENGTHS_OF_HISTORIES = (1, 2, 5, 10, 20, 50)
BUDGET = BUDGETS["quick"]

CALLS = 300
"""Calls that are timed with the recorder and without it, each with 1 KiB."""


# -- states a second ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast the states of one history are judged; `goes_on`: written to as well, after which every one is opened.

    `requests` is how many an opened state takes, `processor_seconds` are those of the kit and the adapter together.
    """

    adapter: str
    ends_by: str
    goes_on: bool
    possible: int
    judged: int
    opened: int
    requests: float
    seconds: float
    processor_seconds: float
    judged_per_second: int
    opened_per_second: int
    opened_per_processor_second: int


def speeds() -> list[Speed]:
    """Measure each adapter: death and loss of power, without the write that follows and with it."""
    return [
        speed(adapter, ends_by, goes_on=goes_on)
        for adapter in ADAPTERS
        for ends_by in ("death", "power")
        for goes_on in (False, True)
    ]


def speed(adapter: str, ends_by: str, *, goes_on: bool) -> Speed:
    """Measure one of these."""
    with recorded_run(ADAPTERS[adapter]) as (lab, run, trial):
        for number in range(WRITES):
            act(run, trial, "ab"[number % 2], "write", number, SIZES[number % len(SIZES)])
        run.do({"do": "rest"})
        process = lab.process(Setup())
        with requests_counted() as requests:
            used, start = time.process_time() + processor_seconds(process.pid), time.perf_counter()
            run.do(crash_step(ends_by, MOST, goes_on=goes_on))
            seconds = time.perf_counter() - start
        used = time.process_time() + processor_seconds(process.pid) - used
        if lab.process(Setup()) is not process:
            sys.exit(f"{adapter}: the adapter did not live as long as it was measured")
        judged = run.trials["crash states"]
        # One that is written to is opened anew once more.
        opened = requests["open"] // 2 if goes_on else requests["open"]
        return Speed(
            adapter=adapter,
            ends_by=ends_by,
            goes_on=goes_on,
            possible=run.trials["crash states possible"],
            judged=judged,
            opened=opened,
            requests=round(requests.total() / opened, 1),
            seconds=round(seconds, 3),
            processor_seconds=round(used, 3),
            judged_per_second=round(judged / seconds),
            opened_per_second=round(opened / seconds),
            opened_per_processor_second=round(opened / used),
        )


@contextmanager
def requests_counted() -> Generator[Counter[str]]:
    """Count what adapters are asked, by method."""
    counts, answer = Counter[str](), AdapterProcess.call

    def counted(process: AdapterProcess, call: Call) -> Outcome:
        counts[call.method] += 1
        return answer(process, call)

    with mock.patch.object(AdapterProcess, "call", counted):
        yield counts


def crash_step(ends_by: str, most: int, *, goes_on: bool) -> Object:
    """The step that lets the process die, or the power fail under every profile."""
    if ends_by == "death":
        return {"do": "crashes", "how": "goes on"} if goes_on else {"do": "crashes"}
    return {"do": "losses", "profiles": list[JSON](PROFILES), "most": most, "goes on": goes_on}


@contextmanager
def recorded_run(command: tuple[str, ...]) -> Generator[tuple[Lab, Run, Trial]]:
    """A recorded run of an adapter. Of what is found only ATM-1 counts, which both adapters keep."""
    with Lab(Launch(command, TESTS), BUDGET) as lab:
        trial = Trial(lab, "ATM-1")
        with trial.run(RECORDED) as run:
            yield lab, run, trial


def processor_seconds(pid: int) -> float:
    """What a process has used so far (proc(5))."""
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return sum(map(int, after_name[11:13])) / os.sysconf("SC_CLK_TCK")


# -- first failures, and kills beside them -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """How a fault showed: the first probe that failed, after so many seconds and states; without one, none did.

    The seconds are those to the report: the finding is shortened and seen again in a fresh process by then.
    """

    requirement: str
    store: str
    seconds: float
    states: int
    probe: str | None
    fault: str | None
    kills: Kills


def finds() -> list[Found]:
    """Find every broken store of ATM and DUR by the probes of its requirement, then by kills."""
    stores = [broken for broken in BROKEN if broken.requirement.startswith(("ATM", "DUR"))]
    found = [found_by_probe(broken) for broken in stores]
    # One at a time above, where seconds are what is asked for; here each has the same seconds.
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        kills = [*pool.map(kill_loop, stores)]
    return [Found(*members, kills=each) for members, each in zip(found, kills, strict=True)]


def found_by_probe(broken: Broken) -> tuple[str, str, float, int, str | None, str | None]:
    """The members of `Found` but for the kills."""
    states, start = 0, time.perf_counter()
    with lab_of(broken.store, broken.deadline) as lab:
        start = time.perf_counter()
        for probe in probes_of(frozenset({broken.requirement})):
            result = carry_out(lab, probe)
            states += result.trials.get("crash states", 0) + result.trials.get("deaths", 0)
            if result.verdict == "fail":
                seconds = round(time.perf_counter() - start, 3)
                return broken.requirement, broken.name, seconds, states, probe.id, result.fault
        return broken.requirement, broken.name, round(time.perf_counter() - start, 3), states, None, None


# -- recording ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recording:
    """Calls a second without the recorder and with it, and what it adds to each system call that it traces."""

    call: str
    per_second: int
    per_second_recorded: int
    traced_per_call: float
    microseconds_per_traced: float


def recordings() -> list[Recording]:
    """Measure a save and an append of the reference stores."""
    message: Object = {"role": "user", "content": [{"type": "text", "text": "x" * 900}]}
    document: Object = {"format": "session", "version": "1.0", "id": "bench", "messages": [message]}
    return [
        recording("session", Call("save", {"id": "bench", "document": document})),
        recording("step-file", Call("append", {"id": "bench", "entries": [message]})),
    ]


def recording(adapter: str, call: Call) -> Recording:
    """Make the call so often without the recorder, then with it."""
    launch = Launch((*REFERENCE, adapter), TESTS)
    with tempfile.TemporaryDirectory(prefix="sessionproof-bench-", dir=_tree.memory_folder()) as folder:
        place, trace = Path(folder), Path(folder) / "trace"
        process = AdapterProcess(launch)
        try:
            plain = seconds_of(process, opened(process, place / "plain", call))
        finally:
            process.kill()
        process = RecordedProcess(launch, place)
        try:
            process.begin(place)
            call = opened(process, place / "recorded", call)
            before = trace.read_bytes().count(b"\n")
            recorded = seconds_of(process, call)
            # A line for each call: the adapter has one thread.
            calls = trace.read_bytes().count(b"\n") - before
        finally:
            process.kill()
    return Recording(
        call=f"{call.method} ({adapter})",
        per_second=round(CALLS / plain),
        per_second_recorded=round(CALLS / recorded),
        traced_per_call=round(calls / CALLS, 1),
        microseconds_per_traced=round((recorded - plain) / calls * 1e6, 1),
    )


def opened(process: AdapterProcess, root: Path, call: Call) -> Call:
    """Open the store; the call, about a session that is there where the store names them."""
    answered(process, Call("open", {"root": str(root), "namespace": "bench"}))
    if call.method == "save":
        return call
    made = answered(process, Call("create", {"agent": "bench", "created_by": "bench"}))
    return Call(call.method, {**call.params, "id": made["id"]})


def answered(process: AdapterProcess, call: Call) -> Object:
    """Make a call that the store can carry out."""
    outcome = process.call(call)
    if not isinstance(outcome, Answer):
        sys.exit(f"`{call.method}` is not carried out: {outcome}")
    return outcome.result


def seconds_of(process: AdapterProcess, call: Call) -> float:
    """How long the calls take."""
    start = time.perf_counter()
    for _ in range(CALLS):
        answered(process, call)
    return time.perf_counter() - start


# -- growth ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Growth:
    """What `writes` saves of a document of `size` bytes cost, each over the one before, with the write that follows."""

    size: int
    writes: int
    ends_by: str
    possible: int
    judged: int
    seconds: float


def growths() -> list[Growth]:
    """Measure documents of every size, written twice, and histories of every length, of 1 KiB."""
    cases = [*((size, 2) for size in SIZES_OF_DOCUMENTS), *((1 << 10, length) for length in LENGTHS_OF_HISTORIES)]
    return [growth(size, writes, ends_by) for size, writes in cases for ends_by in ("death", "power")]


def growth(size: int, writes: int, ends_by: str) -> Growth:
    """Measure one of these with the reference store."""
    with recorded_run((*REFERENCE, "session")) as (_lab, run, _trial):
        for number in range(writes):
            run.write("a", document_of(size, number))
        run.do({"do": "rest"})
        start = time.perf_counter()
        run.do(crash_step(ends_by, BUDGET.losses, goes_on=True))
        seconds = time.perf_counter() - start
        counts = run.trials["crash states possible"], run.trials["crash states"]
        return Growth(size, writes, ends_by, *counts, round(seconds, 3))


def document_of(size: int, number: int) -> Object:
    """A document of so many bytes, another for each number."""
    message: Object = {"role": "user", "content": [{"type": "text", "text": ""}]}
    document: Object = {"format": "session", "version": "1.0", "id": "a", "messages": [message]}
    text = f"{number} " * (size // 2)
    message["content"] = [{"type": "text", "text": text[: size - len(_json.encode(document))]}]
    return document


# -- what is shown -----------------------------------------------------------------------------------------------------


def speed_table(rows: Sequence[Speed]) -> Table:
    """States a second."""
    table = Table(
        *("store", "ends by", "then", "judged", "opened", "asked"),
        *("judged a second", "opened a second", "opened a cpu second"),
        title=f"crash states of {WRITES} saves; asked: requests for each that is opened",
        caption="opened: built, opened, looked at, judged; what has the same files is judged by the same answers",
    )
    for row in rows:
        counts = f"{row.judged:,}", f"{row.opened:,}", f"{row.requests:.1f}"
        rates = row.judged_per_second, row.opened_per_second, row.opened_per_processor_second
        names = row.adapter, row.ends_by, "write" if row.goes_on else "-"
        table.add_row(*names, *counts, *(f"{rate:,}" for rate in rates))
    return table


def find_table(rows: Sequence[Found]) -> Table:
    """First failures, and what kills found in the same time."""
    table = Table(
        *(
            Column("broken store", min_width=23),
            Column("found by", min_width=13, overflow="fold"),
            "seconds",
            "states",
            "kills in that time",
            f"kills in {PATIENCE:g} s",
        ),
        title="time to the first failure, profile quick; beside it a loop of kill -9",
        caption="DUR: a killed process loses nothing that it wrote, so no kill can show what a loss of power does.",
    )
    for row in rows:
        first = escape(row.probe or "none"), f"{row.seconds:.2f}", f"{row.states:,}"
        late = "no" if row.kills.seconds is None else f"{row.kills.seconds:.2f} s"
        table.add_row(row.store, *first, "found" if in_time(row) else "no", late)
    for group in ("ATM", "DUR"):
        mine = [row for row in rows if row.requirement.startswith(group)]
        caught = [row.seconds for row in mine if row.probe is not None]
        slow = f"median {median(caught):.2f} worst {max(caught):.2f}" if caught else ""
        killed = f"{sum(map(in_time, mine))} found", f"{sum(row.kills.seconds is not None for row in mine)} found"
        table.add_section()
        table.add_row(f"{group}: {len(mine)} stores", f"{len(caught)} found", slow, "", *killed)
    return table


def in_time(row: Found) -> bool:
    """Whether the kills saw a fault in the time that the kit took."""
    return row.kills.seconds is not None and row.kills.seconds <= row.seconds


def recording_table(rows: Sequence[Recording]) -> Table:
    """What recording adds."""
    table = Table(
        *("call", "a second", "recorded", "traced calls each", "microseconds for a traced call"),
        title="calls of 1 KiB with and without the recorder, reference stores",
    )
    for row in rows:
        rates = f"{row.per_second:,}", f"{row.per_second_recorded:,}"
        table.add_row(row.call, *rates, f"{row.traced_per_call:.1f}", f"{row.microseconds_per_traced:.1f}")
    return table


def growth_table(rows: Sequence[Growth]) -> Table:
    """How it grows."""
    table = Table(
        *("document bytes", "writes", "ends by", "states possible", "judged", "seconds"),
        title="how crash states grow, reference store, each written to as well",
    )
    for row in rows:
        numbers = shown(row.possible), f"{row.judged:,}", f"{row.seconds:.2f}"
        table.add_row(f"{row.size:,}", f"{row.writes}", row.ends_by, *numbers)
    return table


def shown(number: int) -> str:
    """A count, or its power of ten where nobody would read the digits."""
    return f"{number:,}" if number < 10**9 else f"10^{len(str(number)) - 1}"


MEASURES: Mapping[str, Callable[[], tuple[Sequence[Any], Table]]] = {
    "states": lambda: shown_with(speeds(), speed_table),
    "failures": lambda: shown_with(finds(), find_table),
    "recording": lambda: shown_with(recordings(), recording_table),
    "growth": lambda: shown_with(growths(), growth_table),
}
"""What `bench.py` measures of crash states, by the name of the part: the numbers, and the table that shows them."""


def shown_with(rows: Sequence[Row], table: Callable[[Sequence[Row]], Table]) -> tuple[Sequence[Row], Table]:
    """The rows and their table."""
    return rows, table(rows)
