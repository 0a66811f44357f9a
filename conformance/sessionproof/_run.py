"""One life of one store: steps carried out on a root, every outcome put to the model.

A run is driven step by step (by a state machine or by a directed probe) and remembers its steps as JSON. They are the
case: the same steps, carried out again on any later version, are judged again by the same code.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sessionproof import (
    _chance,
    _cost,
    _crashes,
    _endurance,
    _faults,
    _losses,
    _outside,
    _steps,
    _strays,
    _tree,
    _vanishing,
)
from sessionproof._aftermath import Answered
from sessionproof._content import Content
from sessionproof._disk import Disk
from sessionproof._json import JSON, Object
from sessionproof._judge import NOBODY, Aftermath, EnvironmentFault, Judge, Steps, Violated
from sessionproof._placeholders import LOG, named, resolved
from sessionproof._protocol import KINDS_OF_ATTACHMENT, WRITES, Answer, Call, Kind, Outcome, Refusal, Silence
from sessionproof._recorder import RecordedProcess
from sessionproof._setup import Setup
from sessionproof._statement import Statement
from sessionproof._wording import observed
from sessionproof._workplace import Workplace
from sessionproof._worlds import Absent, Violation, Worlds, telling_kinds

if TYPE_CHECKING:
    from sessionproof._gate import GatedProcess
    from sessionproof._scheduler import Executed
    from sessionproof._tree import Tree


class Run:
    """A store on a fresh root, open.

    With `fast`, a step that asks for a new process may use the one at hand with a new store object on a copied root;
    what that finds is confirmed without it.

    Raises:
        Violated: A finding that counts, from any step.
        AdapterFault: The adapter could not be driven.
        EnvironmentFault: The machine is in the way.
    """

    def __init__(self, place: Workplace, setup: Setup, judge: Judge, *, fast: bool = False) -> None:
        self.place, self.setup, self.fast = place, setup, fast
        self.judge: Judge | Aftermath = judge
        self.steps: Steps = []
        self.worlds = Worlds()
        self.trials: dict[str, int] = {}
        self.no_store: Refusal | None = None
        self.last: Outcome | None = None
        self.revisions: dict[str, list[str]] = {}
        self.names: dict[str, str] = {}
        self.described: dict[str, frozenset[str]] = {}
        self.marks: dict[str, Tree] = {}
        self.owners: dict[str, set[str]] = {}
        self.ends: dict[str, set[int]] = {}
        self.planted: set[str] = set()
        self.damaged: Mapping[str, bytes] = {}
        self.moment = datetime.now(UTC)
        self.outside = place.new_folder(small=setup.small)
        inner = self.outside / "1" / "2" / "3" if setup.around else self.outside
        inner.mkdir(parents=True, exist_ok=True)
        self.root = inner / "root"
        if setup.premade:
            self.root.mkdir(mode=0o755)
            self.root.chmod(0o755)
        self.process = place.process(setup)
        self.answers: list[Answered] = []
        self.base = Disk(), Worlds()
        self.observed: list[tuple[Call, Outcome]] | None = None
        self.dead: tuple[GatedProcess, Executed] | None = None
        if isinstance(self.process, RecordedProcess):
            self.process.begin(self.outside)
        self._seen: Tree = {}
        self._is_open = False
        self.surroundings: Tree | None = None
        self._open()
        self._learn("")
        self._answered(None)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def do(self, step: Object) -> Outcome | None:
        """Carry out one step, judge it, remember it. The outcome where the step is a call."""
        self.steps.append(step)
        name = cast("str", step["do"])
        self.last = None
        _CARRY_OUT[name](self, named(step, self.names))
        return self.last

    def call(self, method: str, **params: JSON) -> Outcome | None:
        """The step `call`. None where the adapter's own JSON does not carry the value: it is then not sent."""
        return self.do({"do": "call", "method": method, "params": params})

    def write(self, id: str, *values: JSON) -> Outcome | None:
        """Save a document, or append entries; where the store names its sessions, make the session first."""
        self.make(id)
        if self.setup.logs:
            return self.call("append", id=id, entries=list(values))
        return self.call("save", id=id, document=values[0])

    def load(self, id: str) -> Outcome | None:
        """Load a document, or read a log, where the statement lists that."""
        method = "read" if self.setup.logs else "load"
        return self.call(method, id=id) if self.listed(method) else None

    def try_(self, method: str, **params: JSON) -> Outcome | None:
        """The step `call`, where the statement lists the operation."""
        return self.call(method, **params) if self.listed(method) else None

    def make(self, id: str, agent: str = "agent", creator: str = "creator") -> None:
        """The step `create`, where the store names its sessions and this one is not there."""
        if not self.listed("create") or not id.startswith(LOG):
            return
        if all(isinstance(state, Absent) for state in self.worlds.states(self.names.get(id, ""))):
            self.do({"do": "create", "as": id, "agent": agent, "created_by": creator})

    def look(self, ids: list[str]) -> None:
        """The step `look` at these sessions and at the store as a whole."""
        self.do({"do": "look", "ids": list[JSON](ids)})

    def listed(self, method: str) -> bool:
        """Whether the statement lists the operation."""
        return method in self.statement.operations

    def fork(self, disk: Disk | None = None, *, recorded: bool = False) -> "Run":
        """A run that goes on from here on a copy of the closed root, or on a disk; its process may be recorded."""
        twin = copy(self)
        twin.steps, twin.trials = list(self.steps), {}
        twin.marks, twin.planted, twin.names = dict(self.marks), set(self.planted), dict(self.names)
        twin.owners = {name: set(ids) for name, ids in self.owners.items()}
        twin.described = dict(self.described)
        twin.ends = {name: set(ends) for name, ends in self.ends.items()}
        twin.revisions = {id: list(known) for id, known in self.revisions.items()}
        twin.outside = self.place.new_folder()
        twin.root = twin.outside / "root"
        twin.setup, twin.fast, twin.answers = replace(self.setup, recorded=recorded, failing=""), True, []
        twin.process = self.place.process(twin.setup)
        if disk is not None:
            disk.write_to(twin.outside, time.time_ns())
        elif self.root.exists():
            _tree.copy(self.root, twin.root)
        if isinstance(twin.process, RecordedProcess):
            twin.process.begin(twin.outside, None if disk is None else disk.copy())
        return twin

    @property
    def statement(self) -> Statement:
        """What the store is judged by."""
        return self.place.model.statement

    @property
    def content(self) -> Content:
        """What may be written into a session of the run."""
        return self.place.content(logs=self.setup.logs)

    @property
    def canary(self) -> Path:
        """The file that hostile code would make."""
        return self.place.canary

    def tree(self) -> dict[str, _tree.Entry]:
        """What lies in the root, volatile files and planted entries aside."""
        shown = _tree.picture(self.root, self.place.volatile)
        return {name: entry for name, entry in shown.items() if name.split("/")[0] not in self.planted}

    def is_volatile(self, name: str) -> bool:
        """Whether the content of this file is rebuilt: it takes no part in comparisons and crash states."""
        return _tree.is_volatile(name, self.place.volatile)

    def files_of(self, id: str) -> list[str]:
        """The session files of one id: not empty, and only operations on that id created or changed them."""
        tree, id = self.tree(), self.names.get(id, id)
        return sorted(
            name
            for name, owners in self.owners.items()
            if owners == {id} and name in tree and tree[name].kind == "file" and tree[name].content
        )

    def shared_files(self) -> list[str]:
        """The other files that are not empty: those that serve several sessions, or the store as a whole."""
        own = {name for id in self.ids() for name in self.files_of(id)}
        return sorted(
            name for name, entry in self.tree().items() if entry.kind == "file" and entry.content and name not in own
        )

    def ids(self) -> list[str]:
        """Every id that was used so far."""
        return list(self.worlds.sessions)

    def count(self, what: str, number: int = 1) -> None:
        """Count towards how much was tried."""
        if number:
            self.trials[what] = self.trials.get(what, 0) + number

    # -- judging -------------------------------------------------------------------------------------------------------

    def report(self, violation: Violation) -> None:
        """Raise the finding where it counts; the others are for their own requirements' probes to find."""
        if self.judge.counts(violation):
            names = [
                f"{name} ({len(entry.content)} bytes)" if entry.kind == "file" else f"{name} ({entry.kind})"
                for name, entry in self.tree().items()
            ]
            raise Violated(violation, self.setup, list(self.steps), names[:40])

    def _judged(self, call: Call, outcome: Outcome) -> None:
        if isinstance(outcome, Refusal) and outcome.errno in {"ENOSPC", "28"} and not self.setup.small:
            space = os.statvfs(self.outside)
            if space.f_bavail * space.f_frsize < 1 << 22:
                raise EnvironmentFault(f"the file system of {self.outside} is full; make room there")
        if (self.setup.failing or self.setup.killed) and call.method in WRITES and isinstance(outcome, Refusal):
            # Of what, and whether, is for RES to judge: here it may have been written or not. What was killed may have
            # been a child that the store has told of.
            self.worlds = self.place.model.unknown(self.worlds, call)
            return
        if self.setup.killed and isinstance(outcome, Silence):
            self.worlds = _crashes.died(self, self.worlds, call)
            return
        step = self.place.model.step(self.worlds, call, outcome)
        self.worlds = step.worlds
        for violation in step.violations:
            self.report(violation)

    def _answered(self, call: Call | None) -> None:
        if isinstance(self.process, RecordedProcess):
            self.answers.append(Answered(call, self.worlds, self.process.count))

    # -- the steps by name ---------------------------------------------------------------------------------------------

    def step_call(self, step: Object) -> None:
        """One request, judged by the model."""
        params = cast("Object", resolved(step["params"], str(self.outside)))
        self.perform(Call(cast("str", step["method"]), params))

    def step_create(self, step: Object) -> None:
        """Let the store make and name a session; later steps name it as this one says."""
        names = {name: resolved(step[name], str(self.outside)) for name in ("agent", "created_by")}
        self.perform(Call("create", names))
        if isinstance(self.last, Answer):
            self.names[cast("str", step["as"])] = cast("str", self.last.result["id"])

    def perform(self, call: Call) -> None:
        """Send a call, judge its outcome."""
        if not self.place.carries(
            self.process, {name: value for name, value in call.params.items() if name != "if_revision"}
        ):
            self.count("values that the adapter does not carry")
            return
        if self.no_store is not None:
            outcome: Outcome = self.no_store
        else:
            outcome = self.process.call(call)
            self.count(f"{call.method.replace('_', ' ')} calls")
            if isinstance(outcome, Answer) and call.method in WRITES:
                self.count(f"{call.method.replace('_', ' ')} acknowledged")
        self.last = outcome
        if self.observed is not None:
            self.observed.append((call, outcome))
        if call.method in WRITES:
            made = outcome.result.get("id") if isinstance(outcome, Answer) else None
            self._learn(made if call.method == "create" and isinstance(made, str) else call.id)
        if isinstance(outcome, Answer) and isinstance(outcome.result.get("revision"), str):
            self.revisions.setdefault(call.id, []).append(cast("str", outcome.result["revision"]))
        absent = all(isinstance(state, Absent) for state in self.worlds.states(call.id))
        self._judged(call, outcome)
        self._answered(call)
        if self.surroundings is not None:
            _steps.compare_surroundings(self, call, outcome, absent=absent)

    def step_conditional(self, step: Object) -> None:
        """A save under the n-th revision that this session was given, counted from the end: -1 is the newest."""
        id = cast("str", step["id"])
        known = list(dict.fromkeys(self.revisions.get(id, [])))
        back = cast("int", step["revision"])
        if -back > len(known):
            return
        self.perform(Call("save", {"id": id, "document": step["document"], "if_revision": known[back]}))

    def step_look(self, step: Object) -> None:
        """Observe everything that the protocol shows of these sessions, and the store as a whole.

        Where the step says `unjudged`, what is wrong about it is for others to find.
        """
        judge = self.judge
        if step.get("unjudged"):
            self.judge = NOBODY
        ids = cast("list[str]", step.get("ids", self.ids()))
        for id in ids:
            # Before a load settles whether the session is there: one that is gone may have left them.
            kinds = telling_kinds(self.worlds.states(id)) if self.fast else KINDS_OF_ATTACHMENT
            for method in ("read" if self.setup.logs else "load", "exists"):
                if self.listed(method):
                    self.perform(Call(method, {"id": id}))
            if self.listed("attachments"):
                for kind in kinds:
                    self.perform(Call("attachments", {"id": id, "kind": kind}))
        if step.get("store", True):
            for method in ("list", "summaries"):
                if self.listed(method):
                    self.perform(Call(method))
            self.step_latest({})
        self.judge = judge

    def step_latest(self, _: Object) -> None:
        """Ask which session is the latest: of all, or for every pair that sessions were created for."""
        if not self.listed("latest"):
            return
        if not self.listed("create"):
            self.perform(Call("latest"))
        for agent, creator in dict.fromkeys((agent, creator) for _, agent, creator, _ in self.worlds.created):
            self.perform(Call("latest", {"agent": agent, "created_by": creator}))

    def step_reopen(self, _: Object) -> None:
        """Close in an orderly way, and build a new store object in the same process."""
        self._close()
        self._open()
        self.worlds = self.place.model.reopened(self.worlds, orderly=True)
        self._learn("")
        self._answered(None)

    def step_restart(self, step: Object) -> None:
        """End the process (`close`: orderly; `eof`: at the end of its input; `kill`: at once) and open in another."""
        how = step["how"]
        if how == "close":
            self._close()
        if how == "kill":
            self.process.kill()
        else:
            self.process.end()
        self.process = self.place.fresh_process(self.setup)
        self._open()
        self.worlds = self.place.model.reopened(self.worlds, orderly=how == "close")
        self._learn("")

    def step_rest(self, _: Object) -> None:
        """Close the store, so that its files can be touched."""
        self._close()
        self._learn("")

    def step_wake(self, _: Object) -> None:
        """Open the closed store in a fresh process; where nothing survives an `open`, what is found is taken."""
        if not self.fast:
            self.process.end()
            self.process = self.place.fresh_process(self.setup)
        self._open()
        if self.statement.durability == "none":
            self.worlds = self.place.model.reopened(self.worlds, orderly=True)
        self._answered(None)

    def step_tick(self, step: Object) -> None:
        """Let a clock tick pass: what changes next is later than what changed before."""
        time.sleep(cast("float", step["seconds"]))
        self.worlds = replace(self.worlds, epoch=self.worlds.epoch + 1)

    # -- the process ---------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        outcome = self.process.call(
            Call("open", {"root": str(self.root), "namespace": f"{self.outside.parent.name}-{self.outside.name}"})
        )
        self.no_store, self._is_open = None, True
        match outcome:
            case Refusal() if outcome.kind in {Kind.CORRUPT, Kind.UNSUPPORTED_VERSION, Kind.IO, Kind.CONFLICT}:
                self.no_store = outcome
                if not self.steps:
                    self._opened_wrong(outcome)
            case Refusal() | Silence():
                self._opened_wrong(outcome)
            case Answer():
                pass

    def _opened_wrong(self, outcome: Outcome) -> None:
        self.report(Violation((), "open-refused", "`open` fails.", "an open store", observed(outcome)))

    def _close(self) -> None:
        self._is_open = False
        outcome = self.process.call(Call("close"))
        if isinstance(outcome, Silence) or (isinstance(outcome, Refusal) and outcome.kind is Kind.INTERNAL):
            self.report(Violation((), "close-failed", "`close` fails.", "a closed store", observed(outcome)))

    def end(self) -> None:
        """Close the store where the process still runs; what it held is dropped with the next `open`."""
        if self._is_open and self.process.alive:
            self.process.call(Call("close"))

    # -- whose file is it ----------------------------------------------------------------------------------------------

    def _learn(self, id: str) -> None:
        """Credit what changed on disk to the session; `""` stands for the store as a whole."""
        if not self.setup.tracked:
            return
        tree = self.tree()
        for name, entry in tree.items():
            before = self._seen.get(name)
            if before is None or before.content != entry.content:
                self.owners.setdefault(name, set()).add(id)
                if before is not None and entry.content.startswith(before.content):
                    self.ends.setdefault(name, set()).add(len(before.content))
                self.ends.setdefault(name, set()).add(len(entry.content))
        self._seen = tree


def perform(run: Run, steps: Iterable[Object]) -> None:
    """Carry out the steps of a case."""
    for step in steps:
        run.do(step)


_CARRY_OUT: Mapping[str, Callable[[Run, Object], None]] = {
    "call": Run.step_call,
    "create": Run.step_create,
    "conditional save": Run.step_conditional,
    "look": Run.step_look,
    "latest": Run.step_latest,
    "reopen": Run.step_reopen,
    "restart": Run.step_restart,
    "rest": Run.step_rest,
    "wake": Run.step_wake,
    "tick": Run.step_tick,
    "crashes": _crashes.crashes,
    "revive": _crashes.revive,
    "losses": _losses.losses,
    "strays": _strays.strays,
    **_cost.STEPS,
    "fault": _faults.fault,
    **_endurance.STEPS,
    **_vanishing.STEPS,
    **_chance.STEPS,
    **_outside.STEPS,
    **_steps.STEPS,
}
