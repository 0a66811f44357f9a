"""The state machine of stores: any history of operations, every outcome known and judged by the model."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from sessionproof._json import JSON, Object
from sessionproof._protocol import KINDS_OF_ATTACHMENT
from sessionproof._run import Run
from sessionproof._trial import Trial

NUMBERS = st.integers(0, 23)


class _Machine(RuleBasedStateMachine):
    """A store on a fresh root. Draws depend on the statement alone, never on what the store answers."""

    trial: Trial
    observes: bool = False

    def __init__(self) -> None:
        super().__init__()
        with self.trial.halting():
            self.run = self.trial.start()
        self.trial.count("histories")

    def teardown(self) -> None:
        with self.trial.counted(self.run):
            pass

    def act(self, *actions: Callable[[Run], object]) -> None:
        """Act on the store; where the machine observes, look at everything afterwards."""
        with self.trial.halting():
            for action in actions:
                action(self.run)
            if self.observes:
                self.run.do({"do": "look"})


def store_machine(  # noqa: C901 - one small function for each operation
    trial: Trial, rules: str, *, ids: int = 3, observes: bool = False
) -> type[RuleBasedStateMachine]:
    """A machine with the named rules, as far as the statement lists their operations.

    Every write is followed by a load or read, so that whatever is wrong later is known to have been right before.
    """
    pool = st.sampled_from(trial.some_ids(ids))
    content = trial.content

    def write(machine: _Machine, id: str, number: int) -> None:
        # Of documents the first is saved, of entries a batch of one to three appended.
        values: list[JSON] = [content.plain(number + turn, id) for turn in range(1 + number % 3)]
        machine.act(lambda run: run.write(id, *values), lambda run: run.load(id))

    def conditional(machine: _Machine, id: str, number: int, revision: int) -> None:
        step: Object = {"do": "conditional save", "id": id, "document": content.plain(number, id), "revision": revision}
        machine.act(lambda run: run.do(step), lambda run: run.load(id))

    def delete(machine: _Machine, id: str, sure: int) -> None:
        # Seldom in logs: what grows longest is the most likely to show what is wrong.
        if not trial.logs or sure == 0:
            machine.act(lambda run: run.call("delete", id=id), lambda run: run.load(id))

    def attach(machine: _Machine, id: str, kind: str, number: int) -> None:
        items = content.plain_items(kind, number % 4, number)
        machine.act(lambda run: run.call("attach", id=id, kind=kind, items=items))

    def attachments(machine: _Machine, id: str, kind: str) -> None:
        machine.act(lambda run: run.call("attachments", id=id, kind=kind))

    def append_events(machine: _Machine, id: str, number: int) -> None:
        events = content.plain_items("event", 1 + number % 3, number)
        machine.act(lambda run: run.call("append_events", id=id, events=events), lambda run: run.load(id))

    def compact(machine: _Machine, id: str, number: int) -> None:
        machine.act(lambda run: run.call("compact", id=id, archive=f"archive-{number}"), lambda run: run.load(id))

    def describe(machine: _Machine, id: str, number: int) -> None:
        step: Object = {"do": "describe", "id": id, "meta": content.plain_meta(number)}
        machine.act(lambda run: run.do(step), lambda run: run.load(id))

    def create(machine: _Machine, id: str) -> None:
        machine.act(lambda run: run.make(id), lambda run: run.load(id))

    def load(machine: _Machine, id: str) -> None:
        machine.act(lambda run: run.load(id))

    def exists(machine: _Machine, id: str) -> None:
        machine.act(lambda run: run.call("exists", id=id))

    def whole(method: str) -> Callable[..., None]:
        def step(machine: _Machine) -> None:
            machine.act(lambda run: run.call(method))

        return step

    def latest(machine: _Machine) -> None:
        machine.act(lambda run: run.do({"do": "latest"}))

    def reopen(machine: _Machine) -> None:
        machine.act(lambda run: run.do({"do": "reopen"}))

    kinds = st.sampled_from(KINDS_OF_ATTACHMENT)
    known: dict[str, tuple[tuple[str, ...], Callable[..., None], dict[str, Any]]] = {
        "write": ((), write, {"id": pool, "number": NUMBERS}),
        "conditional": (("save",), conditional, {"id": pool, "number": NUMBERS, "revision": st.integers(-4, -1)}),
        "append_events": (("append_events",), append_events, {"id": pool, "number": NUMBERS}),
        "compact": (("compact",), compact, {"id": pool, "number": NUMBERS}),
        "describe": (("describe",), describe, {"id": pool, "number": NUMBERS}),
        "create": (("create",), create, {"id": pool}),
        "load": ((), load, {"id": pool}),
        "exists": (("exists",), exists, {"id": pool}),
        "delete": (("delete",), delete, {"id": pool, "sure": st.integers(0, 3)}),
        "attach": (("attach",), attach, {"id": pool, "kind": kinds, "number": NUMBERS}),
        "attachments": (("attachments",), attachments, {"id": pool, "kind": kinds}),
        "list": (("list",), whole("list"), {}),
        "summaries": (("summaries",), whole("summaries"), {}),
        "latest": (("latest",), latest, {}),
        "reopen": ((), reopen, {}),
    }
    only_logs = {"append_events", "compact", "describe", "create"}
    decorated: Any = rule  # hypothesis leaves the decorator half typed
    members: dict[str, Any] = {"trial": trial, "observes": observes, "__doc__": _Machine.__doc__}
    for name in rules.split():
        operations, body, arguments = known[name]
        if trial.has(*operations) and (trial.logs or name not in only_logs):
            body.__name__ = name
            members[name] = decorated(**arguments)(body)
    return type("Store", (_Machine,), members)


def furnish(run: Run, trial: Trial, id: str, number: int, *, boundary: bool = True) -> None:
    """Put into a log what is no entry: events, a boundary, metadata, as far as the store has them."""
    if not trial.logs:
        return
    run.try_("append_events", id=id, events=trial.content.plain_items("event", 1, number))
    if boundary:
        run.try_("compact", id=id, archive=f"archive-{number}")
    if trial.has("describe"):
        run.do({"do": "describe", "id": id, "meta": trial.content.plain_meta(number)})


def write_and_look(run: Run, id: str, value: JSON) -> None:
    """Write, load, and load again in a new store object: what is answered from memory is not yet on disk."""
    run.write(id, value)
    run.load(id)
    run.do({"do": "reopen"})
    run.load(id)
