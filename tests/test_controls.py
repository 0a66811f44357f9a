"""The kit accuses no store that is right, whatever the store claims: the controls under every probe.

A control whose claims differ from another's in one thing meets the probes that this thing bears on. With the
environment variable SESSIONPROOF_ALL_CONTROLS set, each meets all of them.
"""

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sessionproof._budget import PROFILES
from sessionproof._client import Launch
from sessionproof._lab import Lab
from sessionproof._requirements import selected
from sessionproof._suite import Result, carry_out, probes_of

TESTS = Path(__file__).parent
ALL = "STO FMT LOG IDS COR SEC"
EVERY_PROBE = "SESSIONPROOF_ALL_CONTROLS" in os.environ

# Reasons why a probe has nothing to say, each with the requirements (or single probes) that it stands for.
NO_FORMAT = {"no on-disk format is claimed": "FMT-1 FMT-6 FMT-7"}
NO_SECRETS = {"no secrets are declared": "FMT-5"}
NO_TYPE = {"no member is without a name": "FMT-3", "a session may hold anything": "FMT-8[neighbours]"}
NO_SIDE_FILE = {"all files are sessions": "COR-4[side files]"}
NO_REVISIONS = {"saves answer no revision": "STO-12"}
NO_CHECK = {"there is no `check`": "STO-13"}
NO_ATTACH = {"there is no `attach`": "STO-11 FMT-8[attachments of no session] CON-2[attachments]"}
NO_SUMMARIES = {"there is no `summaries`": "STO-9[workspaces]"}
NO_PRUNE = {"there is no `prune`": "STO-10"}
ONE_FILE = {"one file serves several sessions": "COR-3 COR-4 COR-6 COR-11"}
ONE_DOCUMENT = {"there is one document a root": "IDS STO-6 COR-4 COR-11"}
UUIDS = {"ids are UUIDs": "IDS-2 IDS-3 IDS-4 IDS-5 IDS-6"}
NO_DISK = {"nothing is on disk": "COR SEC STO-8"}
NO_PROMISE = {"nothing survives an `open`": "STO-7"}
NO_LOGS = {
    "there are no logs": "LOG COR-9 FMT-2[metadata] FMT-2[entries like other records] FMT-8[logs that are not there] "
    "IDS-4[agents and creators] IDS-5[agents and creators] ATM-4 DUR-4"
}
PLAIN = NO_FORMAT | NO_SECRETS | NO_TYPE | NO_LOGS
FILES = PLAIN | NO_SIDE_FILE

NO_DOCUMENTS = {"there are no documents": "STO-2 STO-9[workspaces] STO-12 COR-6"}
NO_STEPS = {"no format of steps is claimed": "LOG-2[legacy boundaries] LOG-4[planted numbers]"}
NO_EVENTS = {"there is no `append_events`": "LOG-3"}
NO_BOUNDARIES = {"there is no `compact`": "LOG-2"}
NO_META = {"there is no `describe`": "LOG-7 FMT-2[metadata]"}
ONLY_ENTRIES = NO_EVENTS | NO_BOUNDARIES | NO_META | {"there is only `append`": "FMT-8[logs that are not there]"}
NO_CREATE = {"callers name the logs": "LOG-6 IDS-4[agents and creators] IDS-5[agents and creators]"}
NO_NAMES = {"callers name nothing": "IDS-2 IDS-3 IDS-4[lengths] IDS-4[characters] IDS-5[syntax] IDS-6 IDS-7"}
NO_LIST = {"there is no `list`": "STO-4 COR-13 CST-2"}
NO_EXISTS = {"there is no `exists`": "STO-5"}
NO_ORDER = {"there is neither `summaries` nor `latest`": "STO-9"}
NO_PLACE = {"entries have no members of the caller's choice": "FMT-2[entries like other records]"}
NEITHER = {"there is neither `save` nor `attach`": "DUR-1 DUR-2"}
REWRITTEN = {"an append writes the whole file anew": "COR-9"}
NO_SYNC = {"there is no fsync": "RES-2"}
VANISHED = {"a root that has gone is read as an empty one": "RES-7"}
UNFORESEEN = {"nobody can foresee the names of files": "SEC-2"}
EITHER = NO_FORMAT | NO_STEPS | NO_SECRETS | NO_CHECK | NO_PRUNE | NO_SIDE_FILE
LOGS = EITHER | NO_DOCUMENTS
PROMISED = NO_FORMAT | NO_LOGS | NO_SIDE_FILE
SAVE_AND_LOAD = NO_SECRETS | NO_ATTACH | NO_CHECK | NO_PRUNE | {"two operations": "STO-3 STO-4 STO-5 STO-9 COR-13"}
ONE_AT_A_TIME = {"there are no logs, and threads open one root once": "CON-3 CON-4 CON-9 CON-10"}
NAMED = LOGS | NO_TYPE | NO_CREATE | NO_ORDER | NO_ATTACH


def of_messages(unjudged: Mapping[str, str]) -> dict[str, str]:
    """The same reasons, where a session holds messages and nothing else."""
    return {reason: probes for reason, probes in unjudged.items() if probes != "FMT-8[neighbours]"}


@dataclass(frozen=True, slots=True)
class Control:
    """A right store, the probes that it meets, and which of them do not end in `pass`.

    Both tables give reasons, each with the requirements or probes that it stands for: `unjudged` are `not-applicable`,
    `lacks` are recommendations (SHOULD) that the store truly does not follow.
    """

    target: str
    probes: str = ALL
    unjudged: Mapping[str, str] = field(default_factory=lambda: FILES)
    lacks: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def name(self) -> str:
        """The name of the test."""
        return self.target.rpartition(":")[2].rpartition("/")[2]

    @property
    def launch(self) -> Launch:
        """How to start it."""
        if ":" in self.target:
            command = [sys.executable, "-m", "sessionproof._host", f"controls.{self.target}"]
        elif self.target.endswith(".mjs"):
            command = ["node", f"controls/{self.target}"]
        else:
            command = [sys.executable, "-m", f"controls.{self.target}"]
        return Launch(tuple(command), TESTS)


CONTROLS = [
    Control("_files:Files", f"{ALL} DUR RES"),
    Control("_files:Uuids", "IDS STO", FILES | UUIDS),
    Control("_files:Pattern", "IDS COR-4 COR-11"),
    Control("_files:Strict", "IDS FMT"),
    Control("_files:Single", ALL, FILES | ONE_DOCUMENT),
    Control("_files:FreshTold", "STO COR-1 COR-2 IDS-3"),
    Control("_files:FreshUntold", "STO COR-1 COR-2 IDS-3"),
    Control("_files:Messages", "FMT COR-7 COR-10", of_messages(FILES)),
    Control("_files:Unordered", "STO"),
    Control("_files:Seconds", "STO-9 STO-10"),
    Control("_layouts:TwoGenerations", "COR STO-11 ATM-1 ATM-2 ATM-3 ATM-6 ATM-7 ATM-9 ATM-10 DUR-6"),
    Control("_layouts:TwoSlots", "COR STO-11 ATM DUR RES-1 RES-2"),
    Control("_layouts:Locked", "ATM-1 ATM-6 ATM-8 RES-4"),
    Control("_layouts:Counting", "ATM-8"),
    Control("_layouts:Quarantine", "COR STO-8"),
    Control("_layouts:Indexed", "STO COR SEC", PLAIN),
    Control("_layouts:Apart", "STO-11 COR"),
    Control("_layouts:ContentRevisions", "STO-12 COR-12"),
    Control("_layouts:Secretive", "FMT", NO_FORMAT | NO_TYPE | NO_SIDE_FILE | NO_LOGS),
    Control(
        "_layouts:Scratch",
        "STO COR SEC",
        FILES
        | NO_PROMISE
        | {
            "what it kept is gone with the next `open`": "COR-1 COR-2 COR-3 COR-4 COR-5 COR-6 COR-7 COR-8 "
            "COR-10[code as files] COR-11 COR-12 COR-13"
        },
    ),
    Control("_layouts:SharedScratch", "CON", ONE_AT_A_TIME),
    Control("_files:SaveAndLoad", ALL, FILES | SAVE_AND_LOAD),
    Control("_files:NoEcho", "FMT IDS-4"),
    Control("_files:Nothing", ALL, {"there are no operations": ALL}),
    Control("_typed:Typed", "STO FMT COR", PROMISED | NO_SECRETS),
    Control("_memory:Memory", "STO FMT COR IDS-3 SEC", PLAIN | NO_REVISIONS | NO_CHECK | NO_DISK | NO_PROMISE),
    Control("_memory:Shared", "CON", ONE_AT_A_TIME | {"no file, no revision": "CON-6 CON-8"}),
    Control("_memory:Closing", "STO COR SEC", PLAIN | NO_REVISIONS | NO_CHECK | ONE_FILE),
    Control(
        "_tables:Tables", f"{ALL} DUR-2 DUR-3 CST-2 RES-1 RES-4 CON-1 CON-5 CON-10", PLAIN | NO_REVISIONS | ONE_FILE
    ),
    Control(
        "_tables:WriteAhead",
        "STO-1 STO-7 STO-8 COR SEC ATM-1 ATM-6 ATM-8 ATM-10 DUR-1 RES-2 RES-6 CON-2 CON-7",
        PLAIN | NO_REVISIONS | ONE_FILE,
    ),
    Control(
        "_plain",
        f"{ALL} RES",
        FILES | NO_SYNC | NO_REVISIONS | NO_CHECK | NO_ATTACH | NO_SUMMARIES | NO_PRUNE,
        {"there is no checksum": "COR-3", "a save writes over whatever is there": "COR-6"} | VANISHED,
    ),
    Control(
        "node.mjs",
        f"{ALL} RES",
        FILES | NO_SYNC | NO_REVISIONS | NO_CHECK | NO_ATTACH | NO_PRUNE | NO_ORDER,
        {"a save writes over whatever is there": "COR-6"} | VANISHED,
    ),
    Control("_logs:Named", f"{ALL} DUR RES-3", NAMED | ONLY_ENTRIES | REWRITTEN | NEITHER),
    Control(
        "_logs:Created",
        f"{ALL} DUR-4 DUR-6",
        LOGS | NO_TYPE | NO_EVENTS | NO_BOUNDARIES | NO_ATTACH | REWRITTEN | UNFORESEEN | NO_NAMES,
    ),
    Control(
        "_log_tables:Rows", f"{ALL} DUR-3 CST RES-3 CON-3", NAMED | NO_META | NO_LIST | NO_EXISTS | ONE_FILE | REWRITTEN
    ),
    Control(
        "_log_memory:SingleLog",
        "LOG COR STO-7 SEC-2",
        of_messages(NAMED)
        | ONLY_ENTRIES
        | NO_LIST
        | NO_EXISTS
        | REWRITTEN
        | NO_PLACE
        | {"there is one log a root": "IDS STO-6 COR-4 COR-11", "`close` writes in nobody's name": "COR-3"},
    ),
    Control(
        "_logs:Both",
        f"{ALL} DUR-6",
        EITHER | NO_TYPE | NO_CREATE | NO_ORDER | NO_ATTACH | ONLY_ENTRIES | REWRITTEN,
    ),
    Control(
        "_logs:TypedLog",
        "FMT LOG-1 LOG-3 LOG-5 LOG-7 STO-11 COR-7",
        LOGS | NO_CREATE | NO_ORDER | NO_BOUNDARIES | REWRITTEN | NO_PLACE | UUIDS,
    ),
    Control("_logs:Holes", "LOG STO-7 STO-8 COR-12", NAMED | ONLY_ENTRIES | REWRITTEN),
    Control("_log_lines:Repairing", "LOG COR STO-8 SEC-2", NAMED | NO_META),
    Control(
        "_log_memory:Passing",
        "STO LOG FMT-8",
        LOGS | NO_TYPE | NO_CREATE | NO_ATTACH | NO_DISK | NO_PROMISE,
    ),
    Control("_promised:TrustyMpm", "STO FMT IDS COR CON-1", PROMISED | SAVE_AND_LOAD),
    Control("_promised:Ailoop", "STO FMT COR SEC RES-1", PROMISED | SAVE_AND_LOAD | ONE_DOCUMENT),
    Control("_promised:A3sCode", "STO FMT COR ATM-1 ATM-9 CON-2", PROMISED | NO_PRUNE | NO_ORDER),
    Control(
        "_promised:Astrid",
        "STO FMT IDS COR ATM-3 RES-6",
        PROMISED | NO_SECRETS | NO_ATTACH | NO_CHECK | NO_EXISTS | UUIDS,
    ),
    Control(
        "_promised:Crabtalk",
        "STO FMT LOG IDS ATM-4 CON-3",
        LOGS | NO_NAMES | NO_ATTACH | NO_EXISTS | NO_PLACE,
    ),
    Control("_shared:OneWrite", "CON-2 CON-3 CON-5 CON-6 CON-7 CON-10", NO_ATTACH),
    Control("_shared:Generations", "CON-1 CON-2 CON-5 CON-6 CON-7 CON-8 CON-10 ATM-1 ATM-3"),
    Control("_served:Served", "CON-5 CON-6"),
    Control("_plain_log", f"{ALL} RES-4 RES-6", NAMED | ONLY_ENTRIES | NO_LIST | NO_EXISTS),
]


def results(control: Control, probes: str) -> list[Result]:
    """What each of the probes finds."""
    if shutil.which(control.launch.command[0]) is None:
        pytest.skip(f"{control.launch.command[0]} is not installed")
    with Lab(control.launch, PROFILES["quick"]) as lab:
        found = [carry_out(lab, probe) for probe in probes_of(selected(tuple(probes.split())))]
        assert lab.warnings == []
    return found


def named(result: Result, table: Mapping[str, str]) -> bool:
    """Whether the table stands for the probe: by its group, its requirement or its own name."""
    words = re.findall(r"[A-Z]+(?:-[0-9]+)?(?:\[[^]]*\])?", " ".join(table.values()))
    return not {
        result.requirement.partition("-")[0],
        result.requirement,
        f"{result.requirement}[{result.probe}]",
    }.isdisjoint(words)


def told(result: Result) -> str:
    """One finding on a line."""
    seen = f" expected {result.expected}; observed {result.observed}" if result.observed else ""
    return f"{result.requirement}[{result.probe}] {result.verdict}: {result.summary}{seen}"


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_accuses_no_store_that_is_right(control: Control) -> None:
    """A right store fails nothing but the recommendations that it does not follow."""
    wrong = [
        told(result)
        for result in results(control, ALL if EVERY_PROBE else control.probes)
        if result.verdict
        != ("fail" if named(result, control.lacks) else "not-applicable" if named(result, control.unjudged) else "pass")
    ]
    assert not wrong, "\n".join(wrong)
