"""ATM: a process may die at any instant."""

from hypothesis import strategies as st

from sessionproof._json import JSON, Object
from sessionproof._probes._machine import furnish
from sessionproof._probes._registry import LOGS, probe
from sessionproof._run import Run
from sessionproof._setup import Setup
from sessionproof._trial import NotApplicable, Trial

_RECORDED = Setup(recorded=True)
_SIZES = (0, 5_000, 13_000)
"""Characters that a value is filled up with: within a page, over two, over four, so that writes of it can tear."""


def _value(trial: Trial, number: int, id: str, size: int) -> JSON:
    """A value of about this size, another for each number."""
    plain = trial.content.plain(number, id)
    if not size:
        return plain
    return trial.content.with_texts(id, [f"{number} " * (size // 3)]) or plain


def _act(run: Run, trial: Trial, id: str, what: str, number: int, size: int) -> None:  # noqa: PLR0913, PLR0917 - one drawn action
    match what:
        case "write":
            run.write(id, _value(trial, number, id, size))
        case "batch" if trial.logs:
            run.write(id, *(_value(trial, number + turn, id, size) for turn in range(3)))
        case "attach":
            run.try_("attach", id=id, kind="trace", items=trial.content.plain_items("trace", 2 + size // 100, number))
        case "delete":
            run.try_("delete", id=id)
        case "furnish":
            furnish(run, trial, id, number)
        case _:
            pass


def _plain(run: Run, trial: Trial) -> None:
    """Small over nothing, large over small, small over large, attachments, a second session, a delete, a new life."""
    first, *others = trial.some_ids(2)
    for number, size in enumerate((0, 13_000, 5_000)):
        _act(run, trial, first, "write", number, size)
    _act(run, trial, first, "attach", 3, 0)
    _act(run, trial, first, "furnish", 4, 0)
    for id in others:
        _act(run, trial, id, "write", 5, 5_000)
    _act(run, trial, first, "batch", 6, 5_000)
    _act(run, trial, first, "attach", 7, 5_000)
    _act(run, trial, first, "delete", 8, 0)
    _act(run, trial, first, "write", 9, 0)


def _die_everywhere(trial: Trial, actions: tuple[str, ...], how: str = "") -> None:
    """One plain history, then drawn ones; the process dies at every point of each."""
    crashes: Object = {"do": "crashes", "how": how} if how else {"do": "crashes"}
    with trial.run(_RECORDED) as run:
        _plain(run, trial)
        run.do({"do": "rest"})
        run.do(crashes)
    kinds: st.SearchStrategy[str] = st.sampled_from(actions)
    sizes: st.SearchStrategy[int] = st.sampled_from(_SIZES)
    one = st.tuples(kinds, st.integers(0, 23), sizes, st.integers(0, 1))

    def history(drawn: list[tuple[str, int, int, int]]) -> None:
        ids = trial.some_ids(2)
        with trial.run(_RECORDED) as run:
            # Most actions need something that is there.
            _act(run, trial, ids[0], "write", 23 - drawn[0][1], drawn[-1][2])
            for what, number, size, place in drawn:
                _act(run, trial, ids[place % len(ids)], what, number, size)
            run.do({"do": "rest"})
            run.do(crashes)

    histories: st.SearchStrategy[list[tuple[str, int, int, int]]] = st.lists(one, min_size=1, max_size=4)
    trial.explore(histories, trial.budget.examples // 2, history)
    trial.need(writes_acknowledged=1, crash_states=10)


@probe("ATM-1", "deaths")
def overwritten_or_as_before(trial: Trial) -> None:
    """Death at every system call, and between the pages of every write, of saves and attaches over what is there."""
    _die_everywhere(trial, ("write", "attach"))


@probe("ATM-2", "deaths")
def first_write_or_nothing(trial: Trial) -> None:
    """Death in first saves and first attaches."""
    _die_everywhere(trial, ("write", "attach", "delete"))


@probe("ATM-3", "deaths")
def deleted_whole_or_not(trial: Trial) -> None:
    """Death in deletes of sessions with documents, entries and attachments."""
    if not trial.has("delete"):
        raise NotApplicable("the statement lists no `delete`")
    _die_everywhere(trial, ("write", "attach", "delete"))


@probe("ATM-4", "deaths", keeps=LOGS)
def prefix_of_the_batch(trial: Trial) -> None:
    """Death in appends of one entry and of batches, in events, boundaries and metadata."""
    _die_everywhere(trial, ("write", "batch", "furnish"))


@probe("ATM-5", "deaths")
def nothing_that_is_not_there(trial: Trial) -> None:
    """After every death: what is listed is there, and every session can be loaded."""
    _die_everywhere(trial, ("write", "batch", "attach", "delete"))


@probe("ATM-6", "deaths")
def the_store_goes_on(trial: Trial) -> None:
    """After every death the next write succeeds, and is there after another restart with all that was."""
    _die_everywhere(trial, ("write", "batch", "delete"))


_EARLIER: dict[str, str] = dict.fromkeys(("ATM-1", "ATM-2", "ATM-3", "ATM-4", "ATM-5", "ATM-6", "ATM-9"), "ATM-7")


@probe("ATM-7", "deaths in recovery", _EARLIER)
def recovery_may_die(trial: Trial) -> None:
    """After every death another, at every point of the open and the write that follow."""
    (id,) = trial.ids(1)
    for history in (("write", "write"), ("write", "batch"), ("write", "delete"))[: 3 if trial.budget.share == 1 else 2]:
        with trial.run(_RECORDED) as run:
            for number, what in enumerate(history):
                _act(run, trial, id, what, number, _SIZES[number])
            run.do({"do": "rest"})
            run.do({"do": "crashes", "how": "again", "most": trial.budget.deaths})
    trial.need(writes_acknowledged=1, crash_states=10)


@probe("ATM-10", "recoveries compared")
def recovery_is_deterministic(trial: Trial) -> None:
    """Two recoveries of the state that each death leaves, and the recovery of a recovered store."""
    _die_everywhere(trial, ("write", "batch", "attach", "delete"), "twice")


@probe("ATM-9", "deaths")
def acknowledged_is_kept(trial: Trial) -> None:
    """Death right after each answer, and in calls on other sessions: what was acknowledged is there."""
    _die_everywhere(trial, ("write", "batch", "attach", "furnish", "delete"))
