"""Every probe both ways: a clean store passes, and a broken one fails by its fault."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from miniatures._clean import Clean, CleanFormat
from miniatures._clean_busy import BusyLink, WholeOrAgain
from miniatures._clean_con import (
    Linked,
    Locked,
    LockedCreated,
    LockedInPlace,
    LockedLog,
    PidLocked,
    PidLockedCreated,
    Renaming,
    Threads,
)
from miniatures._clean_costed import CleanCompacting, CleanCosted
from miniatures._clean_folders import CleanStepFolder
from miniatures._clean_logs import CleanCreated, CleanLog, CleanStep
from miniatures._clean_secrets import CleanSecrets
from miniatures._clean_synced import CleanSynced, CleanSyncedCreated, CleanSyncedFolder, CleanSyncedLog
from miniatures._clean_typed import CleanTyped
from miniatures.bench import GROUPS, ONE_TICK, lab_of
from miniatures.broken import BROKEN, Broken
from sessionproof import Adapter
from sessionproof._lab import Lab
from sessionproof._probes import PROBES
from sessionproof._requirements import catalogue
from sessionproof._suite import Result, carry_out, probes_of, replay

REQUIREMENTS = [id for id, requirement in catalogue().items() if requirement.group in GROUPS]
SYNCED: list[type[Adapter]] = [CleanSynced, CleanSyncedLog, CleanSyncedCreated, CleanSyncedFolder]
SHARED: dict[type[Adapter], tuple[int, ...]] = {
    Locked: (1, 2, 5, 6, 7, 8, 10),
    LockedLog: (1, 2, 3, 5, 6, 7),
    LockedCreated: (2, 3, 4, 5, 9),
    LockedInPlace: (1, 2),
    PidLocked: (1, 6, 8),
    PidLockedCreated: (3, 9),
    Renaming: (1, 2, 5, 6, 7, 10),
    Linked: (2, 3, 5, 6, 7),
    Threads: (1, 2, 5, 6, 7, 8),
}
# What a store has in common with the one that it was made from is not looked at twice.
CLEAN: list[tuple[type[Adapter], str]] = [
    *((store, id) for store in (Clean, CleanLog) for id in REQUIREMENTS if id[:3] not in {"DUR", "CON"}),
    *((CleanFormat, id) for id in REQUIREMENTS if id[:3] in {"STO", "FMT", "COR", "ATM"}),
    *((CleanStep, id) for id in REQUIREMENTS if id[:3] in {"FMT", "LOG", "COR", "ATM"}),
    *((CleanStepFolder, id) for id in REQUIREMENTS if id[:3] in {"LOG", "COR", "ATM", "CST"}),
    (CleanSecrets, "FMT-5"),
    *((CleanTyped, id) for id in ("STO-2", "FMT-2", "FMT-3", "FMT-4", "FMT-8", "COR-10")),
    *((CleanCreated, id) for id in REQUIREMENTS if id[:3] in {"STO", "LOG", "IDS", "SEC", "ATM"}),
    *((store, "RES-2") for store in SYNCED),
    *((store, id) for store in (CleanStepFolder, CleanCreated) for id in ("RES-4", "RES-6", "RES-7")),
    *((BusyLink, id) for id in ("RES-4", "RES-6", "ATM-1", "ATM-5")),
    (WholeOrAgain, "RES-3"),
    *((CleanCompacting, id) for id in ("CST-1", "CST-2")),
    (CleanCosted, "CST-1"),
    *((store, id) for store in SYNCED for id in REQUIREMENTS if id[:3] == "DUR"),
    *((store, f"CON-{number}") for store, numbers in SHARED.items() for number in numbers),
]


class Labs:
    """The labs of the clean stores, each started once."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._labs: dict[type[Adapter], Lab] = {}

    def of(self, store: type[Adapter]) -> Lab:
        """The lab of this store."""
        if store not in self._labs:
            self._labs[store] = self._stack.enter_context(lab_of(store))
        return self._labs[store]


@pytest.fixture(scope="module")
def clean_labs() -> Iterator[Labs]:
    """The labs of the clean stores."""
    with ExitStack() as stack:
        yield Labs(stack)


@pytest.fixture(autouse=True)
def _one_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders are looked at once, and not again two seconds apart."""
    monkeypatch.setattr(*ONE_TICK)


def short(result: Result) -> str:
    """A result in one line."""
    said = f"{result.summary} {result.observed[:300]} {result.details[-300:]}"
    return f"{result.probe}: {result.verdict} {result.fault or ''} {said}"


def test_requirement_without_probe() -> None:
    """Every requirement of the groups that are probed has a probe."""
    assert not set(REQUIREMENTS) - {probe.requirement for probe in PROBES}


def test_probe_of_no_requirement() -> None:
    """Every probe names a requirement of the catalogue, and no two have one name."""
    assert {probe.requirement for probe in PROBES} <= set(catalogue())
    assert len({probe.id for probe in PROBES}) == len(PROBES)


def test_requirement_without_broken_store() -> None:
    """Every requirement of these groups has a store that breaks it, and every broken store says its defect."""
    judged = {id for id in REQUIREMENTS if catalogue()[id].level != "REPORT"}
    assert {broken.requirement for broken in BROKEN} == judged
    stores = {broken.store for broken in BROKEN} | {broken.clean for broken in BROKEN} | {store for store, _ in CLEAN}
    assert len({store.__name__ for store in stores}) == len(stores), "two stores have one name"
    assert all(broken.store.__doc__ and broken.also <= {*REQUIREMENTS, *GROUPS} for broken in BROKEN)


@pytest.mark.parametrize(("store", "requirement"), CLEAN, ids=[f"{store.__name__}-{id}" for store, id in CLEAN])
def test_clean_store_accused(clean_labs: Labs, store: type[Adapter], requirement: str) -> None:
    """A clean store passes every probe."""
    results = [carry_out(clean_labs.of(store), probe) for probe in probes_of(frozenset({requirement}))]
    assert {result.verdict for result in results} <= {"pass", "not-applicable"}, [*map(short, results)]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken.requirement}-{broken.name}")
def test_broken_store_missed(clean_labs: Labs, broken: Broken) -> None:
    """A broken store fails by its fault, and the case fails again on it and not on the clean store."""
    missed: list[str] = []
    with lab_of(broken.store, broken.deadline) as lab:
        for probe in probes_of(frozenset({broken.requirement})):
            result = carry_out(lab, probe)
            if result.verdict == "fail" and result.fault == broken.fault and result.case is not None:
                assert replay(lab, result.case) is not None
                assert replay(clean_labs.of(broken.clean), result.case) is None
                return
            missed.append(short(result))
    pytest.fail("\n".join(missed))
