"""Run the programs on real file systems, let those crash, and hold the model to what they leave: `nox -s litmus`.

Every tree that is seen must be predicted, for that file system and for `posix`, which promises less than any. A tree
that is predicted and not seen says nothing. Needs root.
"""

import argparse
import contextlib
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from rich.console import Console

from litmus._outcomes import shown
from litmus._predicted import predicted
from litmus.programs import PROGRAMS, Program, carry_out
from litmus.scripts import Unforeseen, drawn, unforeseen
from sessionproof._loop import CRASHES, FILE_SYSTEMS, FileSystem, How, RealDisk, lacking
from sessionproof._recorder import NoRecorder
from sessionproof._recording import Refused

T = TypeVar("T")
Tree: TypeAlias = frozenset[tuple[str, str]]

SCREEN = Console(markup=False, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Options:
    """What to run: on which file systems, and whether somebody insists on them; how often; which programs.

    Instead of programs so many `drawn` scripts, from a `seed` on.
    """

    kinds: list[FileSystem]
    insists: bool
    runs: int
    programs: list[int]
    drawn: int
    seed: int


def main() -> int:
    """Run them all; 1 where a tree is not predicted, 2 where nothing can be run."""
    options = _options()
    kinds: list[FileSystem] = [kind for kind in options.kinds if lacking(kind) is None]
    for reason in filter(None, map(lacking, options.kinds)):
        SCREEN.print(reason)
    if not kinds or (options.insists and kinds != options.kinds):
        return 2
    if options.drawn:
        return _drawn(kinds, options)
    begun, crashes, missed = time.monotonic(), 0, list[str]()
    for number in options.programs:
        SCREEN.print(f"{number:2} {PROGRAMS[number].description}")
        try:
            allowed = predicted(number)
        except NoRecorder as lack:
            SCREEN.print(str(lack))
            return 2
        except Refused as refused:
            allowed = None
            SCREEN.print(f"   not judged, since it cannot be recorded: {refused}")
        for kind in kinds:
            before, seen = _trees(PROGRAMS[number], kind, options.runs)
            crashes += seen.total()
            missed += [f"{number} {line}" for line in _told(kind, before, seen, allowed)]
    SCREEN.print(f"{crashes} crashes, {crashes / (time.monotonic() - begun):.0f} a second, predictions included")
    for line in missed:
        SCREEN.print(f"NOT PREDICTED: {line}")
    return 1 if missed else 0


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="nox -s litmus --", description=__doc__)
    parser.add_argument("--on", help="file systems: ext4,xfs,btrfs (those that this machine can mount)")
    parser.add_argument("--runs", type=int, default=3, help="how often each program meets each crash (3)")
    parser.add_argument("--only", help="numbers of programs: 4,6 (all)")
    parser.add_argument(
        "--drawn", type=int, default=0, help="so many drawn scripts, each once, instead of the programs"
    )
    parser.add_argument("--seed", type=int, default=0, help="where drawing starts; the same number draws the same (0)")
    given = parser.parse_args()

    def chosen(name: str, text: str | None, known: Sequence[T]) -> list[T]:
        names = {str(value): value for value in known}
        asked = [*names] if text is None else text.split(",")
        for unknown in asked:
            if unknown not in names:
                parser.error(f"{name}: there is no {unknown}")
        return [names[value] for value in asked]

    kinds, programs = chosen("--on", given.on, FILE_SYSTEMS), chosen("--only", given.only, [*PROGRAMS])
    return Options(kinds, given.on is not None, given.runs, programs, given.drawn, given.seed)


def _drawn(kinds: Sequence[FileSystem], options: Options) -> int:
    """Carry out drawn scripts; 1 where what ext4 or xfs left is not foreseen: the model of btrfs is advisory."""
    wrong = 0
    for kind in kinds:
        found: list[Unforeseen] = []
        for seed in range(options.seed, options.seed + options.drawn):
            for one in unforeseen(kind, drawn(seed)):
                found.append(one)
                model = f"{kind}, nor posix" if one.posix else kind
                SCREEN.print(f"NOT FORESEEN by {model}: --seed {seed}, after {one.how}: {shown(one.left)}")
                for number, operation in enumerate(one.script[1], 1):
                    SCREEN.print(f"   {number}. {operation}")
        SCREEN.print(f"{kind}: {options.drawn} scripts, {len(found)} crashes not foreseen")
        wrong += sum(kind != "btrfs" or one.posix for one in found)
    return 1 if wrong else 0


def _trees(program: Program, kind: FileSystem, runs: int) -> tuple[Tree, Counter[tuple[Tree, How]]]:
    """The tree after the setup, and those after each crash with how often they were seen."""
    before, seen = Tree(), Counter[tuple[Tree, How]]()
    for how in CRASHES[kind]:
        for _ in range(runs):
            with RealDisk(kind) as disk:
                with contextlib.chdir(disk.top):
                    carry_out(program.setup)
                    disk.settle()
                    before = Tree(shown(disk.tree()).items())
                    kept = carry_out(program.run)
                seen[Tree(shown(disk.crash(how, kept)).items()), how] += 1
    return before, seen


def _told(
    kind: FileSystem, before: Tree, seen: Counter[tuple[Tree, How]], allowed: Mapping[str, frozenset[Tree]] | None
) -> Iterator[str]:
    """Print what was seen on a file system; a line for each tree and model that does not predict it."""
    counts = Counter[Tree]()
    for (tree, _), count in seen.items():
        counts[tree] += count
    trees = "; ".join(f"{count}x {_change(tree, before)}" for tree, count in counts.most_common())
    known = "" if allowed is None else f" ({len(allowed[kind])} predicted)"
    SCREEN.print(f"   {kind:5} {trees}{known}")
    if allowed is None:
        return
    for (tree, how), count in seen.items():
        for model in (kind, "posix"):
            if tree not in allowed[model]:
                yield f"on {kind} by {model}, after {how}, {count} times: {dict(sorted(tree))}"


def _change(tree: Tree, before: Tree) -> str:
    gone = dict(before).keys() - dict(tree).keys()
    parts: Sequence[str] = [f"{name} {what}" for name, what in sorted(tree - before)]
    return ", ".join([*parts, *(f"no {name}" for name in sorted(gone))]) or "as before"


if __name__ == "__main__":
    sys.exit(main())
