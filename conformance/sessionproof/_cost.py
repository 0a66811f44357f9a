"""What operations cost, in counts and never in time, and how that grows: the steps of CST-1 and CST-2, and the fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING, TypeAlias, cast

from sessionproof import _json
from sessionproof._client import AdapterProcess
from sessionproof._counting import Count, CountedProcess
from sessionproof._json import JSON, Object
from sessionproof._protocol import Answer, Call, Outcome
from sessionproof._recording import Refused
from sessionproof._wording import observed
from sessionproof._worlds import Violation

if TYPE_CHECKING:
    from sessionproof._run import Run

Points: TypeAlias = Sequence[tuple[float, float]]
"""What something costs at some sizes, each larger than the one before."""
_CLASSES = ((0.15, "constant"), (0.6, "less than linear"), (1.4, "linear"), (2.4, "quadratic"))
_SPANS = 3
_OFTEN = 500
_MOST_BYTES = 1 << 28
"""Bytes written after which a log has grown enough to tell."""
_EXPONENTS = {"O(1)": 0.5, "O(n)": 1.5}
"""Where a declared growth ends: costs that grow with this power of the length or more are of another class."""


def exponent(points: Points) -> float:
    """The power of the size that the cost grows with: the least between neighbours among the last few points.

    The least, because one of them may hold what comes due now and then: a file rewritten after so many appends, a
    checkpoint, a page more. What truly grows does so between all of them.
    """
    last = points[-_SPANS - 1 :]
    slopes = [log(max(b, 1) / max(a, 1)) / log(m / n) for (n, a), (m, b) in pairwise(last)]
    return min(slopes, default=0.0)


def growth(points: Points) -> str:
    """The class of growth between the last two points, in a word."""
    power = exponent(points[-2:])
    return next((name for limit, name in _CLASSES if power < limit), "more than quadratic")


# -- appends -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Octave:
    """The appends between two lengths of a log, one about twice the other, and the bytes that each has written."""

    first: int
    last: int
    bytes_each: float


def grow(run: "Run", step: Object) -> None:
    """Append entries one by one, up to `most`, and compare what each has written with the declared growth."""
    declared = run.statement.cost["append"]
    octaves = _octaves(run, cast("str", step["id"]), cast("int", step["most"]))
    run.count("entries appended", octaves[-1].last)
    points = [((one.first * one.last) ** 0.5, one.bytes_each) for one in octaves if one.first > 1]
    # Over the first entries the files themselves are made.
    if len(points) <= _SPANS or exponent(points) < _EXPONENTS[declared]:
        return
    shown = [octaves[-1 - index] for index in reversed(range(_SPANS + 1))]
    seen = ", ".join(f"{one.bytes_each:,.0f} for entries {one.first:,} to {one.last:,}" for one in shown)
    summary = f"The bytes that an append writes grow faster with the length of the log than the declared {declared}."
    run.report(Violation(("CST-1",), "append-grows", summary, f"{declared} bytes an append", f"bytes each: {seen}"))


def _octaves(run: "Run", id: str, most: int) -> list[Octave]:
    process = _counted(run)
    process.counted()
    octaves: list[Octave] = []
    length, before = 0, process.counted()
    entries = [run.content.plain(number, id) for number in range(8)]
    while length < most:
        end = max(1, 2 * length)
        end = most if 3 * end > 2 * most else end
        for number in range(length, end):
            call = Call("append", {"id": id, "entries": [entries[number % len(entries)]]})
            _answered(call, AdapterProcess.call(process, call))
            if not number % _OFTEN:
                # strace is not to fall behind by more than the kit has patience for.
                process.counted()
        after = process.counted()
        octaves.append(Octave(length + 1, end, (after - before).bytes_written / (end - length)))
        length, before = end, after
        if octaves[-1].bytes_each * 2 * length > _MOST_BYTES:
            break
    _need_seen(run, process)
    return octaves


def _need_seen(run: "Run", process: CountedProcess) -> None:
    """Refuse to tell where more lies on the disk than was written.

    Raises:
        Refused: It got there through mapped memory, which no system call shows.
    """
    there = sum(len(entry.content) - entry.content.count(0) for entry in run.tree().values() if entry.kind == "file")
    if there > process.counted().bytes_written:
        raise Refused("more lies on the disk than was written by system calls: the store writes through mapped memory")


def _answered(call: Call, outcome: Outcome) -> Answer:
    """The answer.

    Raises:
        Refused: There is none, so that there is nothing to count.
    """
    if not isinstance(outcome, Answer):
        raise Refused(f"`{call.method}` is not answered, so that it costs nothing to speak of: {observed(outcome)}")
    return outcome


def _counted(run: "Run") -> CountedProcess:
    assert isinstance(run.process, CountedProcess)
    return run.process


# -- list --------------------------------------------------------------------------------------------------------------


def list_cost(run: "Run", step: Object) -> None:
    """Let sessions grow, and compare what `list` reads and opens in a new store object at each size.

    `sizes` are characters of each of the sessions `ids`.
    """
    ids, sizes = cast("list[str]", step["ids"]), cast("list[int]", step["sizes"])
    counts: list[Count] = []
    for size in sizes:
        for id in ids:
            enlarge(run, id, size)
        run.step_reopen({})
        counts.append(price(run, Call("list")))
        run.count("lists counted")
    grown = len(ids) * (sizes[-1] - sizes[0])
    read = counts[-1].bytes_read - counts[0].bytes_read
    opened = [count.files_opened for count in counts]
    seen = "; ".join(
        f"{len(ids)} sessions of {size:,} characters: {count.files_opened} files opened, {count.bytes_read:,} bytes"
        for size, count in zip(sizes, counts, strict=True)
    )
    # What a store keeps beside its documents may grow a little with them: pages of an index, a list of offsets.
    if read > grown // 10:
        summary = "`list` reads the documents: what it reads grows with their size."
        expected = "as much read, however large the documents are"
        run.report(Violation(("CST-2",), "list-reads-documents", summary, expected, seen))
    elif exponent([*zip(sizes, opened, strict=True)]) > 0.5:
        summary = "`list` opens more files for larger sessions."
        run.report(Violation(("CST-2",), "list-opens-more", summary, "as many files, however large they are", seen))


_ENTRY = 1_000
"""Characters of one of the entries that a log of some size consists of."""


def enlarge(run: "Run", id: str, size: int) -> int:
    """Let a session hold about so many characters more, or of a document so many; the bytes that it was given.

    Logs get more entries, documents a longer text.
    """
    value, name = filled(run, id, min(size, _ENTRY) if run.setup.logs else size), run.names.get(id, id)
    call = Call("append", {"id": name, "entries": [value]})
    if not run.setup.logs:
        call = Call("save", {"id": name, "document": value})
    turns = -(-size // _ENTRY) if run.setup.logs else 1
    for _ in range(turns):
        _answered(call, AdapterProcess.call(run.process, call))
    return turns * len(_json.encode(value))


def filled(run: "Run", id: str, size: int) -> JSON:
    """A document or entry of about so many characters.

    Raises:
        Refused: The store's type of documents has no place for a text.
    """
    value = run.content.sized(1, id, size)
    if value is None:
        raise Refused("the declared schema has no place for a text of any length")
    return value


def price(run: "Run", *calls: Call) -> Count:
    """What the calls cost together."""
    process = _counted(run)
    before = process.counted()
    for call in calls:
        _answered(call, process.call(call))
    return process.counted() - before


# -- the table of CST-3 ------------------------------------------------------------------------------------------------

Cost: TypeAlias = Mapping[str, float | Mapping[str, Mapping[str, str]]]
"""Means of one call, by name, and its growth: with what, what, and how."""
_NAMES = tuple(one.name for one in fields(Count))


def mean(total: Count, turns: int, size: int, growth: Mapping[str, Mapping[str, str]]) -> Cost:
    """What one call costs of several like it; `size`: the bytes of the value that each was given."""
    cost: dict[str, float | Mapping[str, Mapping[str, str]]] = {
        name: round(number / turns, 2) for name, number in asdict(total).items()
    }
    if size:
        cost["bytes_written_per_byte"] = round(total.bytes_written / turns / size, 2)
    if growth:
        cost["growth"] = growth
    return cost


def grows(by: Mapping[int, Count]) -> dict[str, str]:
    """What of the cost grows with something, and how; what does not is left out."""
    classes = {name: growth([(n, getattr(count, name)) for n, count in sorted(by.items())]) for name in _NAMES}
    return {name: word for name, word in classes.items() if word != "constant"}


STEPS: dict[str, Callable[["Run", Object], None]] = {"grow": grow, "list cost": list_cost}
