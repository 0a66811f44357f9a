"""Run every broken store against every probe, and print which requirements each one fails: the kill matrix.

`python tests/teeth.py [--only NAME]...` ends with status 1 where a store is not caught by the fault that it is made
for, or fails a requirement outside its own group that the table does not name, or where a clean store fails any. What
the store that it was made from fails too (some are clean in one group only) is not its own.
"""

import argparse
import os
import sys
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest

from miniatures._clean import Clean, CleanFormat
from miniatures._clean_folders import CleanStepFolder
from miniatures._clean_logs import CleanCreated, CleanLog, CleanStep
from miniatures._clean_synced import CleanSynced, CleanSyncedCreated, CleanSyncedFolder, CleanSyncedLog
from miniatures.bench import GROUPS, ONE_TICK, lab_of
from miniatures.broken import BROKEN
from sessionproof import Adapter
from sessionproof._requirements import catalogue
from sessionproof._suite import carry_out, probes_of

_REQUIREMENTS = frozenset(id for id, requirement in catalogue().items() if requirement.group in GROUPS)
_SYNCED: list[type[Adapter]] = [CleanSynced, CleanSyncedLog, CleanSyncedCreated, CleanSyncedFolder]
_CLEAN: list[type[Adapter]] = [Clean, CleanFormat, CleanLog, CleanCreated, CleanStep, CleanStepFolder, *_SYNCED]
_BASES = [broken.clean for broken in BROKEN]
_STORES = {store.__name__: store for store in [*_CLEAN, *_BASES, *(broken.store for broken in BROKEN)]}
_TABLE = {broken.name: broken for broken in BROKEN}


def kills(name: str) -> dict[str, set[str]]:
    """The faults that were found, by requirement; what ended in no verdict has its summary for a fault."""
    pytest.MonkeyPatch().setattr(*ONE_TICK)
    found: dict[str, set[str]] = {}
    with lab_of(_STORES[name], _TABLE[name].deadline if name in _TABLE else 10.0) as lab:
        for probe in probes_of(_REQUIREMENTS):
            result = carry_out(lab, probe)
            if result.verdict == "fail":
                found.setdefault(probe.requirement, set()).add(result.fault or "")
            elif result.verdict in {"error", "inconclusive"}:
                found.setdefault(probe.requirement, set()).add(f"{result.verdict}: {result.summary.splitlines()[0]}")
    return found


def judged(name: str, found: dict[str, set[str]], base: Collection[str] = ()) -> list[str]:
    """What is wrong with the kills of the store; `base` are the requirements that the one it was made from fails."""
    broken = _TABLE.get(name)
    if broken is None:
        return [f"a clean store fails {id}" for id in found] if _STORES[name] in _CLEAN else []
    wrong = (
        []
        if broken.fault in found.get(broken.requirement, set())
        else [f"not caught: {broken.requirement} {broken.fault}"]
    )
    group = broken.requirement.partition("-")[0]
    expected = {group, *broken.also, *base}
    return wrong + [f"fails {id} too" for id in found if not {id, id.partition("-")[0]} & expected]


def main() -> int:
    """Print the matrix; 0 where it is as the table says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", action="append", choices=sorted(_STORES), metavar="NAME", help="only this store; may be repeated"
    )
    names = parser.parse_args().only or list(_STORES)
    bases = dict.fromkeys(_TABLE[name].clean.__name__ for name in names if name in _TABLE)
    names = [*bases, *(name for name in names if name not in bases)]
    failed: dict[str, dict[str, set[str]]] = {}
    status = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name, found in zip(names, pool.map(kills, names), strict=True):
            failed[name] = found
            wrong = judged(name, found, failed[_TABLE[name].clean.__name__] if name in _TABLE else ())
            status |= bool(wrong)
            made_for = "clean" if _STORES[name] in _CLEAN else "clean in part"
            if name in _TABLE:
                made_for = f"{_TABLE[name].requirement} {_TABLE[name].fault}"
            faults = "; ".join(f"{id} {', '.join(sorted(faults))}" for id, faults in found.items())
            print(f"{'WRONG' if wrong else 'ok':6}{name:26}{made_for:28}{faults}", flush=True)  # noqa: T201 - a script
            for line in wrong:
                print(f"{'':6}{line}", flush=True)  # noqa: T201 - a script
    return status


if __name__ == "__main__":
    sys.exit(main())
