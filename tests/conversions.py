"""Carry generated sessions from every dialect to every other, and hold the laws of conversion to each.

    python tests/conversions.py --examples 1000 --seed 1

draws that many sessions of each dialect and converts each to all dialects, its own included. With `--stores FOLDER`,
where the adapters of `conformance/targets` are built, each system's own code also has to read what it was given:

    python tests/conversions.py --examples 100 --stores conformance/targets/target/debug
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from conversion_readers import Reader
from dialect_trees import TREES
from sessionproof import _json, _schemas
from sessionproof._convert import carried
from sessionproof._dialects import DIALECTS, Document, Tree
from sessionproof._dialects._moves import kind_of

NOW = "2026-01-01T00:00:00Z"
GENERATED = settings(
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def own_faults(name: str, tree: Tree) -> Iterator[str]:
    """What is wrong with reading a session and writing it in its own dialect."""
    dialect = DIALECTS[name]
    before = json.dumps(tree)
    document = dialect.read(tree)
    yield from (f"{name}: not valid by the spec: {fault}" for fault in spec_faults(document))
    if not _json.same(dialect.write(document), tree):
        yield f"{name}: reading and writing is not the identity"
    if json.dumps(tree) != before:
        yield f"{name}: the source was changed"


def spec_faults(document: Document) -> list[str]:
    """What keeps a document, or the records of a log, from being valid by the spec."""
    kind = kind_of(document)
    values = document["records"] if kind == "log" else [document]
    return [fault for value in values for fault in _schemas.problems("step" if kind == "log" else kind, value)]


def pair_faults(origin: str, to: str, tree: Tree) -> Iterator[str]:
    """What is wrong with a session of one dialect carried to another: an invalid target, a loss that nothing lists."""
    target = DIALECTS[to]
    session = carried(DIALECTS[origin].read(tree), "name", target, None if origin == to else NOW)
    for role, value in session.tree.items():
        yield from (f"{origin} to {to}: {role} is not valid: {fault}" for fault in target.problems(role, value))
    for difference in session.differences:
        if difference.why is None or origin == to:
            yield f"{origin} to {to}: {difference.what} {difference.path}, which nothing lists"


def search(name: str, *, examples: int, start: int = 0) -> None:
    """Hold the laws to that many sessions of a dialect.

    Raises:
        AssertionError: A law is broken; the message says which, and Hypothesis notes the session.
    """

    @seed(start)
    @settings(GENERATED, max_examples=examples)
    @given(TREES[name])
    def hold(tree: Tree) -> None:
        faults = [*own_faults(name, tree), *(fault for to in DIALECTS for fault in pair_faults(name, to, tree))]
        assert not faults, faults

    hold()


def search_stores(name: str, stores: Path, *, examples: int, start: int) -> None:
    """Have every other system read that many sessions of a dialect.

    Raises:
        AssertionError: One could not be read; the message is the system's own.
    """

    def hold(reader: Reader) -> None:
        def reads(tree: Tree) -> None:
            session = carried(DIALECTS[name].read(tree), "name", reader.dialect, NOW)
            assert reader.fault(session) is None, (reader.dialect.name, reader.fault(session))

        chosen = settings(GENERATED, max_examples=examples)
        seed(start)(chosen(given(TREES[name])(reads)))()

    for to, dialect in DIALECTS.items():
        if to not in {name, "sessionproof"}:
            with Reader(dialect, stores) as reader:
                hold(reader)


def measured(name: str, *, examples: int, start: int, stores: Path | None = None) -> str:
    """Search, and say how long it took."""
    begun = time.perf_counter()
    search(name, examples=examples, start=start)
    if stores is not None:
        search_stores(name, stores, examples=examples, start=start)
    return f"{name:14} {examples} sessions to each of {len(DIALECTS)} dialects: {time.perf_counter() - begun:.0f} s"


def main() -> int:
    """Search from every dialect, in as many processes as there are cores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stores", type=Path, metavar="FOLDER")
    wanted = parser.parse_args()
    task = partial(measured, examples=wanted.examples, start=wanted.seed, stores=wanted.stores)
    with multiprocessing.get_context("spawn").Pool() as pool:
        for line in pool.imap(task, DIALECTS):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
