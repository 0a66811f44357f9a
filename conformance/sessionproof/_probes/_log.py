"""LOG: append-only stores."""

from collections.abc import Iterable
from itertools import pairwise
from typing import cast

from sessionproof._json import JSON, Object
from sessionproof._placeholders import log
from sessionproof._probes._machine import store_machine
from sessionproof._probes._registry import LOGS, probe
from sessionproof._protocol import Answer
from sessionproof._run import Run
from sessionproof._setup import Setup
from sessionproof._trial import NotApplicable, Trial

_TRACKED = Setup(tracked=True)
_EVERYTHING = "write append_events compact describe create delete load reopen"


def _histories(trial: Trial, rules: str = _EVERYTHING) -> None:
    trial.machine(store_machine(trial, rules, ids=2), trial.budget.examples, trial.budget.steps)
    trial.need(writes_acknowledged=1)


def _events(trial: Trial, count: int, number: int) -> list[JSON]:
    return trial.content.plain_items("event", count, number)


def _batch(trial: Trial, id: str, first: int, count: int) -> list[JSON]:
    return [trial.content.plain(number, id) for number in range(first, first + count)]


@probe("LOG-1", "histories", keeps=LOGS)
def entries_come_back_in_order(trial: Trial) -> None:
    """Appends one by one and in batches, between events, boundaries, metadata, deletes and restarts."""
    (id,) = trial.ids(1)
    with trial.run() as run:
        for _ in range(2):
            # The same again is one more entry, and no retry.
            run.write(id, trial.content.plain(0, id))
            run.load(id)
        for first, count in ((0, 1), (1, 2), (3, 1), (4, 7), (11, 1)):
            run.write(id, *_batch(trial, id, first, count))
            run.load(id)
            for method, params in _others(trial, first):
                # What is wrong about these is found by their own probes; here an append follows each.
                run.call(method, id=id, **params)
                run.load(id)
                if count == 1:
                    run.do({"do": "reopen"})
                    run.load(id)
                run.write(id, *_batch(trial, id, first + 12, 2))
                run.load(id)
            run.do({"do": "restart", "how": "close"})
            run.load(id)
        if trial.has("delete"):
            run.call("delete", id=id)
            run.load(id)
            run.write(id, *_batch(trial, id, 3, 2))
            run.load(id)
    _histories(trial)


def _others(trial: Trial, number: int) -> Iterable[tuple[str, Object]]:
    """What takes a number and is no entry, as far as the store has it."""
    if trial.has("append_events"):
        yield "append_events", {"events": _events(trial, 2, number)}
    if trial.has("compact"):
        yield "compact", {"archive": f"archive-{number}"}


_ARCHIVES = (
    "",
    " ",
    ".",
    "..",
    "../archive",
    "../../../archive",
    "${outside}/archive",
    "a/b",
    "a\nb",
    "a%2fb",
    "A b.c",
    "\u00e9 or e\u0301",
    "x" * 300,
)
"""Names of archives: data that the store gives back, or refuses."""


@probe("LOG-2", "boundaries", {"IDS-1": "LOG-2"}, keeps=LOGS)
def reading_resumes_after_the_last_boundary(trial: Trial) -> None:
    """Boundaries between entries, one behind the other, first of all and last of all; then restarts."""
    (id,) = trial.ids(1)
    for history in ("e|e", "e|", "ee|e|e", "e||e", "e|e|e|e", "e|eee", "|e"):
        with trial.run() as run:
            if history[0] == "|":
                if not trial.has("create"):
                    continue
                run.make(id)
            for number, what in enumerate(history):
                if what == "e":
                    run.write(id, trial.content.plain(number, id))
                else:
                    run.call("compact", id=id, archive=f"archive-{number}")
                run.load(id)
            run.do({"do": "reopen"})
            run.load(id)
            run.write(id, trial.content.plain(20, id))
            run.load(id)
    for archive in _ARCHIVES:
        with trial.run(Setup(around=True)) as run:
            run.write(id, trial.content.plain(0, id))
            run.do({"do": "watch around"})
            run.call("compact", id=id, archive=archive)
            run.load(id)
            run.do({"do": "reopen"})
            run.load(id)
    _histories(trial)
    trial.need(compact_acknowledged=1)


@probe("LOG-2", "legacy boundaries", keeps=LOGS)
def legacy_boundaries_count(trial: Trial) -> None:
    """A boundary with an inline summary and no archive, planted behind entries and behind another boundary."""
    if trial.statement.format_name != "step":
        raise NotApplicable("no format is claimed in which a legacy boundary could be written")
    (id,) = trial.ids(1)
    for earlier in (False, True):
        with trial.run(_TRACKED) as run:
            run.write(id, *_batch(trial, id, 0, 2))
            if earlier:
                run.try_("compact", id=id, archive="archive")
                run.write(id, trial.content.plain(2, id))
            run.load(id)
            run.do({"do": "rest"})
            run.do({"do": "legacy boundary", "id": id})
            run.do({"do": "wake"})
            run.load(id)
            run.write(id, trial.content.plain(3, id))
            run.load(id)
            run.do({"do": "reopen"})
            run.load(id)
    trial.need(legacy_boundaries_planted=2)


@probe("LOG-3", "events", keeps=LOGS)
def events_are_no_history(trial: Trial) -> None:
    """Events before, between and behind entries, and of the same texts; then restarts."""
    (id,) = trial.ids(1)
    with trial.run() as run:
        run.write(id, trial.content.plain(0, id))
        run.load(id)
        for number in range(1, 8):
            events = _events(trial, number, number)
            if not isinstance(trial.statement.fidelity, dict):
                events.append({"id": "user_steered", "text": f"entry {number}"})
            run.call("append_events", id=id, events=events)
            run.load(id)
            if number % 2:
                run.write(id, trial.content.plain(number, id))
                run.load(id)
            if number % 3 == 0:
                run.try_("compact", id=id, archive=f"archive-{number}")
                run.load(id)
            run.do({"do": "reopen"})
            run.load(id)
    _histories(trial)
    trial.need(append_events_acknowledged=1)


@probe("LOG-4", "real appends", keeps=LOGS)
def order_holds_past_the_digits(trial: Trial) -> None:
    """A log that grows to 1,000 entries, or 10,000: single appends across the powers of ten, batches between them."""
    (id,) = trial.ids(1)
    boundaries = [boundary for boundary in (10, 100, 1_000, 10_000) if boundary <= trial.budget.appends]
    with trial.run() as run:
        count = 0
        for boundary in boundaries:
            while count < boundary - 2:
                # A store may write all of the log anew for each entry: a larger batch could pass the deadline.
                batch = min(50, boundary - 2 - count)
                run.write(id, *_batch(trial, id, count, batch))
                count += batch
            for _ in range(4):
                run.write(id, trial.content.plain(count, id))
                count += 1
            run.load(id)
            run.do({"do": "reopen"})
            run.load(id)
            run.write(id, trial.content.plain(count, id))
            run.load(id)
            count += 1
            trial.count("digit boundaries")
    trial.need(digit_boundaries=len(boundaries), writes_acknowledged=1)


_LAST = (9, 99, 999, 9_999, 99_999, 999_999, 9_999_999)


@probe("LOG-4", "planted numbers", keeps=LOGS)
def order_holds_past_planted_digits(trial: Trial) -> None:
    """Logs whose last steps have the numbers 9, 99 and so on to 9,999,999; then appends past them."""
    if trial.statement.format_name != "step":
        raise NotApplicable("no format is claimed in which the numbers of steps could be written")
    (id,) = trial.ids(1)
    for last in _LAST:
        with trial.run(_TRACKED) as run:
            for number in range(4):
                run.write(id, trial.content.plain(number, id))
            run.load(id)
            run.do({"do": "rest"})
            run.do({"do": "renumber", "id": id, "from": 3, "to": last - 1})
            run.do({"do": "wake"})
            run.load(id)
            for number in range(4, 7):
                run.write(id, trial.content.plain(number, id))
                run.load(id)
            run.do({"do": "reopen"})
            run.load(id)
            run.write(id, *_batch(trial, id, 7, 3))
            run.load(id)
    trial.need(logs_renumbered=len(_LAST))


@probe("LOG-5", "refused batches", keeps=LOGS)
def refused_batches_leave_nothing(trial: Trial) -> None:
    """Batches with an entry that is invalid or beyond what stores keep, at every place; batches to nobody's log."""
    (id,) = trial.ids(1)
    refusable = list(trial.content.refusable(id))
    for number, (_, wrong) in enumerate([*refusable[:6], *refusable[6 :: trial.budget.share], *_unkept(trial, id)]):
        good = _batch(trial, id, 10 * number, 4)
        # The last is the very first append of a log.
        for place in (0, 2, 4, 3):
            with trial.run() as run:
                run.make(id)
                if place != 3:
                    run.write(id, trial.content.plain(1, id))
                run.load(id)
                refused = run.write(id, *good[:place], wrong, *good[place:])
                if not isinstance(refused, Answer):
                    trial.count("batches refused")
                run.load(id)
                for step in ({"do": "disturb", "requirement": "LOG-5"}, {"do": "reopen"}):
                    # What was refused may wait in memory for the next append.
                    run.write(id, trial.content.plain(2, id))
                    run.do(cast("Object", step))
                    run.load(id)
                trial.count("batches tried")
    _appends_to_nobody(trial, id)
    trial.need(writes_acknowledged=1)
    if not trial.trials.get("batches refused"):
        raise NotApplicable("the store has refused none of the batches that it may refuse")


def _unkept(trial: Trial, id: str) -> list[tuple[str, JSON]]:
    """Values that a store may refuse, as far as the adapter carries them."""
    limits = trial.lab.limits
    deep: JSON = []
    for _ in range(min(500, limits.max_depth - 4)):
        deep = [deep]
    values: list[tuple[str, JSON]] = [("a deep value", deep)]
    values += [("a lone surrogate", "\ud800")] if limits.surrogates else []
    made = [(fault, trial.content.holding(id, value)) for fault, value in values]
    return [(fault, value) for fault, value in made if value is not None]


def _appends_to_nobody(trial: Trial, id: str) -> None:
    """Ids that are refused, or under which the store has made no log."""
    for nobody in ("", ".", "..", "a/b", "\0", "x" * 5_000, "never-made"):
        with trial.run() as run:
            run.write(id, trial.content.plain(1, id))
            run.load(id)
            refused = run.call("append", id=nobody, entries=_batch(trial, id, 2, 3))
            if not isinstance(refused, Answer):
                trial.count("batches refused")
                run.do({"do": "look", "ids": [id, nobody]})
                run.do({"do": "reopen"})
                run.do({"do": "look", "ids": [id, nobody]})


_PAIRS = (
    ("a", "b"),
    ("a-b", "c"),
    ("a", "b-c"),
    ("a_b", "c"),
    ("a", "b_c"),
    ("a.b", "c"),
    ("a", "b.c"),
    ("a/b", "c"),
    ("a", "b/c"),
    ("a:b", "c"),
    ("a", "b:c"),
    ("a b", "c"),
    ("a", "b c"),
    ("a--b", "c"),
    ("a-", "-b"),
    ("A", "B"),
    ("a", "b-1"),
    ("a-1", "b"),
    ("ab", "c"),
    ("a", "bc"),
)


@probe("LOG-6", "pairs with separators", keeps=LOGS)
def created_ids_are_new(trial: Trial) -> None:
    """Sessions for pairs whose names, joined, are the same; deletes, restarts, and sessions for them again."""
    with trial.run() as run:
        for round_ in range(2):
            for number, (agent, creator) in enumerate(_PAIRS):
                _made(run, trial, 100 * round_ + number, agent, creator)
            run.do({"do": "look"})
            for number in range(0, len(_PAIRS), 2):
                run.try_("delete", id=log(100 * round_ + number))
            run.do({"do": "look"})
            run.do({"do": "reopen"})
            run.do({"do": "look"})
    # Pairs of pairs on their own too: what joins them may be hidden by what came between.
    for one, other in pairwise(_PAIRS):
        with trial.run() as run:
            for number, (agent, creator) in enumerate((one, other, one)):
                _made(run, trial, number, agent, creator)
            run.do({"do": "look"})
    trial.need(create_acknowledged=1)


def _made(run: Run, trial: Trial, number: int, agent: str, creator: str) -> None:
    session = log(number)
    run.make(session, agent, creator)
    if session in run.names:
        run.write(session, trial.content.plain(number, session))
        run.load(session)


@probe("LOG-6", "many in a row", keeps=LOGS)
def created_ids_are_never_used_again(trial: Trial) -> None:
    """Sessions of one pair made as fast as the store can, and after deletes of the last, of the first, of all."""
    with trial.run() as run:
        numbers = iter(range(10_000))
        for deleted in ([], [-1], [0], [-1, -2, -3], list(range(12))):
            made = [log(next(numbers)) for _ in range(12)]
            for session in made:
                run.make(session)
            for place in deleted:
                run.try_("delete", id=made[place])
            run.do({"do": "look"})
            run.do({"do": "reopen"})
        run.make(log(next(numbers)))
        run.do({"do": "look"})
    _histories(trial, "create delete latest write reopen")
    trial.need(create_acknowledged=1)


@probe("LOG-7", "metadata", {"STO-6": "LOG-7"}, keeps=LOGS)
def metadata_touch_no_entry(trial: Trial) -> None:
    """Metadata described again and again, between entries, events and boundaries; then restarts."""
    id, *others = trial.some_ids(2)
    with trial.run() as run:
        run.write(id, *_batch(trial, id, 0, 3))
        run.load(id)
        for number in range(1, 6):
            run.do({"do": "describe", "id": id, "meta": trial.content.plain_meta(number)})
            run.load(id)
            for other in others:
                # Metadata are those of one log.
                run.write(other, trial.content.plain(number, other))
                run.load(other)
            run.write(id, trial.content.plain(number, id))
            run.load(id)
            for method, params in _others(trial, number):
                run.call(method, id=id, **params)
                run.load(id)
            run.do({"do": "reopen"})
            run.load(id)
        if trial.has("delete"):
            run.call("delete", id=id)
            run.write(id, trial.content.plain(7, id))
            run.load(id)
    _histories(trial)
    trial.need(describe_acknowledged=1)
