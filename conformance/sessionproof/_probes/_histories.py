"""Histories that end in a death or a loss of power at every point: one that is plain, then drawn ones."""

from hypothesis import strategies as st

from sessionproof._json import JSON, Object
from sessionproof._probes._machine import furnish
from sessionproof._run import Run
from sessionproof._setup import Setup
from sessionproof._trial import Trial

RECORDED = Setup(recorded=True)
SIZES = (0, 5_000, 13_000)
"""Characters that a value is filled up with: within a page, over two, over four, so that writes of it can tear."""


def _value(trial: Trial, number: int, id: str, size: int) -> JSON:
    """A value of about this size, another for each number."""
    plain = trial.content.plain(number, id)
    if not size:
        return plain
    return trial.content.with_texts(id, [f"{number} " * (size // 3)]) or plain


def act(run: Run, trial: Trial, id: str, what: str, number: int, size: int) -> None:  # noqa: PLR0913, PLR0917 - one drawn action
    """Do one thing to a session."""
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
        act(run, trial, first, "write", number, size)
    act(run, trial, first, "attach", 3, 0)
    act(run, trial, first, "furnish", 4, 0)
    for id in others:
        act(run, trial, id, "write", 5, 5_000)
    act(run, trial, first, "batch", 6, 5_000)
    act(run, trial, first, "attach", 7, 5_000)
    act(run, trial, first, "delete", 8, 0)
    act(run, trial, first, "write", 9, 0)


def everywhere(trial: Trial, actions: tuple[str, ...], step: Object) -> None:
    """One plain history, then drawn ones of these actions, each recorded and followed by the step."""
    with trial.run(RECORDED) as run:
        _plain(run, trial)
        run.do({"do": "rest"})
        run.do(step)
    kinds: st.SearchStrategy[str] = st.sampled_from(actions)
    sizes: st.SearchStrategy[int] = st.sampled_from(SIZES)
    one = st.tuples(kinds, st.integers(0, 23), sizes, st.integers(0, 1))

    def history(drawn: list[tuple[str, int, int, int]]) -> None:
        ids = trial.some_ids(2)
        with trial.run(RECORDED) as run:
            # Most actions need something that is there.
            act(run, trial, ids[0], "write", 23 - drawn[0][1], drawn[-1][2])
            for what, number, size, place in drawn:
                act(run, trial, ids[place % len(ids)], what, number, size)
            run.do({"do": "rest"})
            run.do(step)

    histories: st.SearchStrategy[list[tuple[str, int, int, int]]] = st.lists(one, min_size=1, max_size=4)
    trial.explore(histories, trial.budget.examples // 2, history)
    trial.need(writes_acknowledged=1, crash_states=10)
