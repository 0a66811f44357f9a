"""Histories that end in a death or a loss of power at every point: one that is plain, then drawn ones."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, cast

from hypothesis import strategies as st

from sessionproof._aftermath import spread
from sessionproof._json import JSON, Object
from sessionproof._judge import Violated
from sessionproof._probes._machine import furnish
from sessionproof._run import Run
from sessionproof._setup import Setup
from sessionproof._trial import Trial
from sessionproof._worlds import Absent

if TYPE_CHECKING:
    from sessionproof._recorder import RecordedProcess

RECORDED = Setup(recorded=True)
SIZES = (0, 5_000, 13_000)
"""Characters that a value is filled up with: within a page, over two, over four, so that writes of it can tear."""


def value(trial: Trial, number: int, id: str, size: int) -> JSON:
    """A value, another for each number, that is filled up to about so many characters."""
    plain = trial.content.plain(number, id)
    if not size:
        return plain
    return trial.content.with_texts(id, [f"{number} " * (size // 3)]) or plain


_LARGE = 40_000
"""Characters of one value that is larger, but in the profile `quick`."""


def act(run: Run, trial: Trial, id: str, what: str, number: int, size: int) -> None:  # noqa: PLR0913, PLR0917 - one drawn action
    """Do one thing to a session."""
    match what:
        case "write":
            run.write(id, value(trial, number, id, size))
        case "batch" if trial.logs:
            run.write(id, *(value(trial, number + turn, id, size) for turn in range(3)))
        case "attach":
            run.try_("attach", id=id, kind="trace", items=trial.content.plain_items("trace", 2 + size // 100, number))
        case "delete":
            run.try_("delete", id=id)
        case "reopen":
            run.do({"do": "reopen"})
        case "furnish":
            run.make(id)
            # Of what is not there FMT-8 asks.
            if any(not isinstance(state, Absent) for state in run.worlds.states(run.names.get(id, id))):
                furnish(run, trial, id, number)
        case _:
            pass


def _plain(run: Run, trial: Trial) -> None:
    """Small over nothing, large over small, small over large, attachments, a second session, a delete, a new life.

    In between the store is opened again: what it does then with what it finds is to be as harmless as a write.
    """
    first, *others = trial.some_ids(2)
    for number, size in enumerate((0, 13_000, 5_000)):
        act(run, trial, first, "write", number, size)
    act(run, trial, first, "attach", 3, 0)
    act(run, trial, first, "furnish", 4, 0)
    for id in others:
        act(run, trial, id, "write", 5, 5_000)
    act(run, trial, first, "reopen", 0, 0)
    act(run, trial, first, "batch", 6, 5_000)
    act(run, trial, first, "attach", 7, 5_000)
    act(run, trial, first, "delete", 8, 0)
    act(run, trial, first, "write", 9, 0)
    act(run, trial, first, "reopen", 0, 0)
    if trial.budget.share == 1:
        act(run, trial, first, "write", 10, _LARGE)


def everywhere(trial: Trial, actions: tuple[str, ...], step: Object) -> None:
    """One plain history, then drawn ones of these actions, each recorded and followed by the step."""
    with trial.run(RECORDED) as run:
        _plain(run, trial)
        run.do({"do": "rest"})
        run.do(step)
    kinds: st.SearchStrategy[str] = st.sampled_from((*actions, "reopen"))
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


_NEVER = 65_535
"""The number of a call that no history comes to, and the largest that strace(1) takes."""


def calls_in(trial: Trial, history: Callable[[Run], None], names: Collection[str]) -> list[str]:
    """The system calls of these names in a history, as `Setup` counts them: `fsync:3`."""
    with trial.run(Setup(recorded=True, failing=f"fsync:{_NEVER}")) as run:
        process = cast("RecordedProcess", run.process)
        before = process.calls
        history(run)
        after = process.calls
    found = {
        (name, number)
        for (thread, name), count in after.items()
        for number in range(before.get((thread, name), 0) + 1, count + 1)
        if name in names
    }
    return [f"{name}:{number}" for name, number in sorted(found)]


_NAMES = """
write pwrite64 writev openat rename renameat renameat2 unlink unlinkat link linkat mkdir mkdirat rmdir ftruncate fsync
fdatasync
"""
_KILLED_IN = frozenset(_NAMES.split())


def killed_for_real(trial: Trial) -> None:
    """A history in which the process is killed at system calls, as far as the budget goes: what else is simulated."""
    if not trial.budget.kills:
        return

    def history(run: Run) -> None:
        ids = trial.some_ids(2)
        for number, (what, size) in enumerate((("write", 0), ("write", 13_000), ("attach", 0), ("delete", 0))):
            if run.process.alive:
                act(run, trial, ids[0], what, number, size)

    for call in spread(calls_in(trial, history, _KILLED_IN), trial.budget.kills):
        try:
            run = trial.start(Setup(killed=call))
        except Violated as found:
            if found.violation.fault != "open-refused":
                raise
            # In a store of several threads the same number may be that of a call in `open`.
            continue
        with trial.counted(run):
            history(run)
            run.do({"do": "revive"})
            run.do({"do": "look"})
            trial.count("real kills")
