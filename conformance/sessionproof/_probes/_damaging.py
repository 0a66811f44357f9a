"""What the probes of damage share: a store with a few sessions, its files, and edits of them."""

import re
from collections.abc import Callable, Iterable
from typing import TypeAlias, cast

from sessionproof._json import JSON, Object
from sessionproof._probes._machine import furnish
from sessionproof._run import Run
from sessionproof._setup import Setup
from sessionproof._trial import NotApplicable, Trial
from sessionproof._worlds import Present

TRACKED = Setup(tracked=True)
Act: TypeAlias = Callable[[Run], object]


def ids_of(trial: Trial) -> list[str]:
    return trial.some_ids(3)


def built(run: Run, trial: Trial) -> None:
    """Three sessions, each written twice with different values and then seen right; the store is closed.

    Logs get a third entry, and between the first two what is no entry.
    """
    for round_ in range(3 if trial.logs else 2):
        for number, id in enumerate(ids_of(trial)):
            run.write(id, trial.content.plain(5 * round_ + 2 * number, id))
            if round_ == 0:
                furnish(run, trial, id, number)
            if trial.has("attach"):
                run.call("attach", id=id, kind="artifacts", items=trial.content.plain_items("artifacts", 1, round_))
    run.do({"do": "reopen"})
    run.do({"do": "look"})
    run.do({"do": "rest"})
    if not any(isinstance(state, Present) for states in run.worlds.sessions.values() for state in states):
        raise NotApplicable("the store promises to keep nothing across an `open`, and keeps nothing")


def own_files(run: Run, trial: Trial) -> list[Object]:
    """The files of the first session, or those that serve several."""
    files = run.files_of(ids_of(trial)[0])
    if files:
        return [{"of": ids_of(trial)[0], "index": index} for index in range(len(files))]
    return [{"shared": index} for index in range(len(run.shared_files()))]


def every_file(run: Run, trial: Trial) -> list[Object]:
    """The files of the first session, and those that serve several."""
    shared: list[Object] = [{"shared": index} for index in range(len(run.shared_files()))]
    return [*(selector for selector in own_files(run, trial) if not is_shared(selector)), *shared]


def is_shared(selector: Object) -> bool:
    return "shared" in selector


def content_of(run: Run, selector: Object) -> bytes:
    names = run.shared_files() if is_shared(selector) else run.files_of(cast("str", selector["of"]))
    return run.tree()[names[cast("int", selector["index" if not is_shared(selector) else "shared"])]].content


def glance(trial: Trial, selector: Object) -> Object:
    """A look at what the damage may have changed: the session itself, or everything where its file serves several."""
    return {"do": "look"} if is_shared(selector) else {"do": "look", "ids": [ids_of(trial)[0]], "store": False}


def damaged(
    trial: Trial,
    base: Run,
    edits: Iterable[tuple[Object, ...]],
    requirement: str,
    *then: Object | Act,
    told: bool = False,
) -> None:
    """Each edit on a copy of the closed store; then a fresh look at everything, or what else is asked."""
    for edit, *selectors in edits:
        run = base.fork()
        run.fast = True
        with trial.counted(run):
            step: Object = {"do": "edit", "files": cast("JSON", selectors), "edit": edit, "requirement": requirement}
            run.do({**step, "told": True} if told else step)
            run.do({"do": "wake"})
            for action in then or (glance(trial, selectors[0]),):
                if callable(action):
                    action(run)
                else:
                    run.do(action)


def per_session(run: Run, trial: Trial) -> list[Object]:
    """The files of the first session.

    Raises:
        NotApplicable: One file serves several sessions.
    """
    selectors = own_files(run, trial)
    if not selectors or is_shared(selectors[0]):
        raise NotApplicable("one file serves several sessions")
    return selectors


def last_files(run: Run, trial: Trial) -> list[Object]:
    """The files of the session that was written last, where that is not the first."""
    last = ids_of(trial)[-1]
    return (
        [{"of": last, "index": index} for index in range(len(run.files_of(last)))] if last != ids_of(trial)[0] else []
    )


def alike(run: Run, one: str, other: str) -> list[list[Object]]:
    """The files of two sessions that differ in the id only; where names do not show that, the first of each."""
    names, others = run.files_of(one), run.files_of(other)
    mine, its = (run.names.get(id, id) for id in (one, other))
    inside = re.compile(f"(?<![A-Za-z0-9]){re.escape(mine)}(?![A-Za-z0-9])")
    likes = [inside.sub(lambda _: its, name) for name in names]
    places = [(place, others.index(like)) for place, like in enumerate(likes) if like in others]
    return [[{"of": one, "index": first}, {"of": other, "index": second}] for first, second in places or [(0, 0)]]


def spread(length: int, most: int) -> list[int]:
    """Numbers below `length`, all of them or `most` spread evenly, both ends and their neighbours included."""
    if length <= most:
        return list(range(length))
    spread = {length * step // most for step in range(most)} | set(range(8)) | {length - 1 - step for step in range(8)}
    pages = {page + near for page in range(4096, length, 4096) for near in (-1, 0, 1)}
    return sorted(number for number in spread | set(sorted(pages)[:64]) if 0 <= number < length)
