"""ATM: a process may die at any instant."""

from typing import TYPE_CHECKING

from sessionproof._judge import Violated
from sessionproof._probes._histories import RECORDED, SIZES, act, everywhere, killed_for_real
from sessionproof._probes._registry import LOGS, probe
from sessionproof._setup import Setup
from sessionproof._trial import NotApplicable, Trial

if TYPE_CHECKING:
    from sessionproof._json import JSON, Object


@probe("ATM-1", "deaths")
def overwritten_or_as_before(trial: Trial) -> None:
    """Death at every system call, and between the pages of every write, of saves and attaches over what is there."""
    everywhere(trial, ("write", "attach"), {"do": "crashes"})
    killed_for_real(trial)


@probe("ATM-2", "deaths")
def first_write_or_nothing(trial: Trial) -> None:
    """Death in first saves and first attaches."""
    everywhere(trial, ("write", "attach", "delete"), {"do": "crashes"})


@probe("ATM-3", "deaths")
def deleted_whole_or_not(trial: Trial) -> None:
    """Death in deletes of sessions with documents, entries and attachments."""
    if not trial.has("delete"):
        raise NotApplicable("the statement lists no `delete`")
    everywhere(trial, ("write", "attach", "delete"), {"do": "crashes"})


@probe("ATM-4", "deaths", keeps=LOGS)
def prefix_of_the_batch(trial: Trial) -> None:
    """Death in appends of one entry and of batches, in events, boundaries and metadata."""
    everywhere(trial, ("write", "batch", "furnish"), {"do": "crashes"})
    killed_for_real(trial)


@probe("ATM-5", "deaths")
def nothing_that_is_not_there(trial: Trial) -> None:
    """After every death: what is listed is there, and every session can be loaded."""
    everywhere(trial, ("write", "batch", "attach", "delete"), {"do": "crashes"})


@probe("ATM-6", "deaths")
def the_store_goes_on(trial: Trial) -> None:
    """After every death the next write succeeds, and is there after another restart with all that was."""
    everywhere(trial, ("write", "batch", "delete"), {"do": "crashes", "how": "goes on"})


_EARLIER: dict[str, str] = dict.fromkeys(("ATM-1", "ATM-2", "ATM-3", "ATM-4", "ATM-5", "ATM-6", "ATM-9"), "ATM-7")


@probe("ATM-7", "deaths in recovery", _EARLIER)
def recovery_may_die(trial: Trial) -> None:
    """After every death another, at every point of the open and the write that follow."""
    (id,) = trial.ids(1)
    for history in (("write", "write"), ("write", "batch"), ("write", "delete"))[: 3 if trial.budget.share == 1 else 2]:
        with trial.run(RECORDED) as run:
            for number, what in enumerate(history):
                act(run, trial, id, what, number, SIZES[number])
            run.do({"do": "rest"})
            run.do({"do": "crashes", "how": "again", "most": trial.budget.deaths})
    trial.need(writes_acknowledged=1, crash_states=10)


@probe("ATM-8", "deaths")
def strays_of_deaths(trial: Trial) -> None:
    """A hundred deaths, or in the profile `quick` two dozen, each after an open and a write, where most files lie."""
    kinds = ["write"]
    if trial.has("attach"):
        kinds.append("attach")
    if trial.budget.share == 1:
        kinds += ["batch"] if trial.logs else []
        kinds += ["delete", "first"] if trial.has("delete") else []
    (id,) = trial.ids(1)
    for what in kinds:
        step: Object = {"do": "strays", "what": what, "session": id, "times": trial.budget.lives}
        try:
            with trial.run(RECORDED, fast=True) as run:
                run.do(step)
        except Violated:
            # What a process remembers must not count: it is looked at again, with a process for each life.
            with trial.run(RECORDED) as run:
                run.do(step)
    trial.need(deaths=trial.budget.lives * len(kinds))


@probe("ATM-8", "refused writes")
def strays_of_refusals(trial: Trial) -> None:
    """A hundred refused writes of each kind: of what is invalid, under a stale revision, to nobody's session."""
    (id,) = trial.ids(1)
    with trial.run() as run:
        run.do({"do": "strays", "what": "refused", "session": id, "times": 100})


@probe("ATM-8", "writes on a full disk")
def strays_of_full_disks(trial: Trial) -> None:
    """Saves, appends and attaches on a disk that is full from each call on that takes space, a dozen of each."""
    (id,) = trial.ids(1)
    value = trial.content.plain(1, id)
    write: Object = {"id": id, "entries": [value]} if trial.logs else {"id": id, "document": value}
    calls: list[JSON] = [{"method": "append" if trial.logs else "save", "params": write}]
    if trial.has("attach"):
        items = trial.content.plain_items("trace", 2)
        calls.append({"method": "attach", "params": {"id": id, "kind": "trace", "items": items}})
    with trial.run(Setup(gated=True)) as run:
        run.make(id)
        run.write(id, value)
        run.do({"do": "strays of faults", "calls": calls, "times": 12})
    if not trial.trials.get("writes on a full disk"):
        raise NotApplicable("no call of a write takes space")


@probe("ATM-10", "recoveries compared")
def recovery_is_deterministic(trial: Trial) -> None:
    """Two recoveries of the state that each death leaves, and the recovery of a recovered store."""
    everywhere(trial, ("write", "batch", "attach", "delete"), {"do": "crashes", "how": "twice"})


@probe("ATM-9", "deaths")
def acknowledged_is_kept(trial: Trial) -> None:
    """Death right after each answer, and in calls on other sessions: what was acknowledged is there."""
    everywhere(trial, ("write", "batch", "attach", "furnish", "delete"), {"do": "crashes"})
