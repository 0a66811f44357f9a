"""The state machine of document stores: any history of operations, every outcome known and judged by the model."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from sessionproof._json import JSON
from sessionproof._protocol import KINDS_OF_ATTACHMENT
from sessionproof._run import Judge, Run, Setup
from sessionproof._trial import Trial

NUMBERS = st.integers(0, 23)


class _Machine(RuleBasedStateMachine):
    """A store on a fresh root. Draws depend on the statement alone, never on what the store answers."""

    trial: Trial
    observes: bool = False

    def __init__(self) -> None:
        super().__init__()
        with self.trial.halting():
            self.run = Run(self.trial.lab, Setup(), Judge(self.trial.requirement, self.trial.translate))
        self.trial.count("histories")

    def teardown(self) -> None:
        with self.trial.counted(self.run):
            pass

    def act(self, *steps: dict[str, JSON]) -> None:
        """Carry out steps; where the machine observes, look at everything afterwards."""
        with self.trial.halting():
            for step in steps:
                self.run.do(step)
            if self.observes:
                self.run.do({"do": "look"})


def _call(method: str, **params: JSON) -> dict[str, JSON]:
    return {"do": "call", "method": method, "params": params}


def store_machine(  # noqa: C901 - one small function for each operation
    trial: Trial, rules: str, *, ids: int = 3, observes: bool = False
) -> type[RuleBasedStateMachine]:
    """A machine with the named rules, as far as the statement lists their operations.

    Every save is followed by a load, so that whatever is wrong later is known to have been right before.
    """
    pool = st.sampled_from(trial.some_ids(ids))
    documents = trial.documents

    def save(machine: _Machine, id: str, number: int) -> None:
        machine.act(_call("save", id=id, document=documents.plain(number, id)), *_confirmed(trial, id))

    def conditional(machine: _Machine, id: str, number: int, revision: int) -> None:
        step: dict[str, JSON] = {
            "do": "conditional save",
            "id": id,
            "document": documents.plain(number, id),
            "revision": revision,
        }
        machine.act(step, *_confirmed(trial, id))

    def delete(machine: _Machine, id: str) -> None:
        machine.act(_call("delete", id=id), *_confirmed(trial, id))

    def attach(machine: _Machine, id: str, kind: str, number: int) -> None:
        machine.act(_call("attach", id=id, kind=kind, items=documents.plain_items(kind, number % 4, number)))

    def attachments(machine: _Machine, id: str, kind: str) -> None:
        machine.act(_call("attachments", id=id, kind=kind))

    def one(method: str) -> Callable[..., None]:
        def step(machine: _Machine, id: str) -> None:
            machine.act(_call(method, id=id))

        return step

    def whole(method: str) -> Callable[..., None]:
        def step(machine: _Machine) -> None:
            machine.act(_call(method))

        return step

    def reopen(machine: _Machine) -> None:
        machine.act({"do": "reopen"})

    kinds = st.sampled_from(KINDS_OF_ATTACHMENT)
    known: dict[str, tuple[tuple[str, ...], Callable[..., None], dict[str, Any]]] = {
        "save": (("save",), save, {"id": pool, "number": NUMBERS}),
        "conditional": (("save",), conditional, {"id": pool, "number": NUMBERS, "revision": st.integers(-4, -1)}),
        "load": (("load",), one("load"), {"id": pool}),
        "exists": (("exists",), one("exists"), {"id": pool}),
        "delete": (("delete",), delete, {"id": pool}),
        "attach": (("attach",), attach, {"id": pool, "kind": kinds, "number": NUMBERS}),
        "attachments": (("attachments",), attachments, {"id": pool, "kind": kinds}),
        "list": (("list",), whole("list"), {}),
        "summaries": (("summaries",), whole("summaries"), {}),
        "latest": (("latest",), whole("latest"), {}),
        "reopen": ((), reopen, {}),
    }
    decorated: Any = rule  # hypothesis leaves the decorator half typed
    members: dict[str, Any] = {"trial": trial, "observes": observes, "__doc__": _Machine.__doc__}
    for name in rules.split():
        operations, body, arguments = known[name]
        if trial.has(*operations):
            body.__name__ = name
            members[name] = decorated(**arguments)(body)
    return type("Store", (_Machine,), members)


def _confirmed(trial: Trial, id: str) -> list[dict[str, JSON]]:
    return [_call("load", id=id)] if trial.has("load") else []
