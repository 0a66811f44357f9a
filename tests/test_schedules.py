"""Schedules: what two processes do to each other in some order is found, and what they cannot do is not."""

import re
import shutil
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gates import BEGINNING, COUNT, LOCK_FILE, NODE, OWN, PYTHON, SAVE, SQLITE, TWO, Race, locked, saving
from sessionproof._budget import PROFILES
from sessionproof._client import Launch
from sessionproof._footprints import meetings
from sessionproof._gate import GatedProcess
from sessionproof._lab import Lab
from sessionproof._protocol import Call, Refusal, Silence
from sessionproof._scheduler import WAKES, Diverged, Executed
from sessionproof._schedules import Exploration, signature, told
from sessionproof._setup import Setup
from sessionproof._trial import Trial

TRY = """while True:
                try:
                    fcntl.ATTEMPT
                    break
                except OSError:
                    WAIT"""
BOTH = "flock(lock, fcntl.LOCK_SH) or fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)"
FREE = "fcntl.flock(lock, fcntl.LOCK_UN)"
TWO_LOCKS = """
    def save(self, id, document, if_revision=None):
        with open(self.path(id), "w") as first, open(self.path("ab".replace(id, "")), "w") as second:
            fcntl.flock(first, fcntl.LOCK_EX)
            fcntl.flock(second, fcntl.LOCK_EX)
"""
APART = """
    def save(self, id, document, if_revision=None):
        with open(self.path(id), "w") as file:
            file.write("x")
        os.rename(self.path(id), self.path(id + ".json"))
"""
LISTING = (
    APART
    + """
    def list(self):
        return [name for name in os.listdir(self.root) if name.endswith(".json")]
"""
)
TWO_THREADS = """
    def save(self, id, document, if_revision=None):
        threads = [threading.Thread(target=os.mkdir, args=(self.path(id + name),)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
"""

TAKE_BYTES = """
    def save(self, id, document, if_revision=None):
        import struct
        with open(self.path("lock"), "r+") as lock:
            TAKE
            os.mkdir(self.path(id))
"""
BYTES = {
    "of a process": "fcntl.lockf(lock, fcntl.LOCK_EX, LENGTH, 8 * ord(id))",
    "of an open file": "fcntl.fcntl(lock, 38, struct.pack('hhqqi', fcntl.F_WRLCK, 0, 8 * ord(id), LENGTH, 0))",
}
LOST_BY_CLOSE = """
    def save(self, id, document, if_revision=None):
        with open(self.path("lock"), "w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            with open(self.path("lock")) as other:
                other.read()
            with open(self.path("count"), "r+") as file:
                number = int(file.read())
                file.seek(0)
                file.write(str(number + 1))
"""
GIVEN_UP_BETWEEN = """
    def save(self, id, document, if_revision=None):
        with open(self.path("lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with open(self.path("count")) as file:
                number = int(file.read())
        with open(self.path("count"), "r+") as file:
            file.write(str(number + 1))
"""
REFUSES = """
    def save(self, id, document, if_revision=None):
        with open(self.path("lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.mkdir(self.path(id))
"""

PIPELINED = """
    pipelined = True
    import contextlib
    lock = LOCK

    def save(self, id, document, if_revision=None):
        with self.lock:
"""

Racing = Callable[..., Race]


@pytest.fixture
def racing(tmp_path: Path) -> Generator[Racing]:
    """Makes races of a store with these methods, or of another command."""
    gates: list[GatedProcess] = []

    def make(
        methods: str,
        calls: Sequence[Sequence[Call]] = TWO,
        *,
        command: tuple[str, ...] = PYTHON,
        deadline: float = 10.0,
    ) -> Race:
        (tmp_path / "small.py").write_text(BEGINNING + methods, encoding="utf-8")
        gates.extend(GatedProcess(Launch(command, tmp_path)) for _ in calls)
        return Race(tmp_path / "places", gates[-len(calls) :], calls, deadline)

    try:
        yield make
    finally:
        for gate in gates:
            gate.kill()


def test_an_update_is_never_lost(racing: Racing) -> None:
    """Read, add and write without a lock: with one interruption updates are lost, without any they are not."""
    race = racing(SAVE + OWN)
    assert len(race.all(interruptions=0)) == 2
    assert race.counts == ["2", "2"]
    race.all(interruptions=1)
    assert set(race.counts) == {"1", "2"}


def test_a_temporary_name_is_never_shared(racing: Racing) -> None:
    """Two processes that write the same temporary file: one renames it, and the other finds nothing to rename."""
    outcomes = [performed.outcome for executed in racing(SAVE + COUNT).all(1) for performed in executed.performed]
    assert {outcome.errno for outcome in outcomes if isinstance(outcome, Refusal)} == {"ENOENT"}


@pytest.mark.parametrize(
    "methods",
    [
        pytest.param(locked("fcntl.flock(lock, fcntl.LOCK_EX)"), id="flock"),
        pytest.param(locked("fcntl.lockf(lock, fcntl.LOCK_EX)"), id="fcntl"),
        pytest.param(
            locked(
                TRY.replace("ATTEMPT", "lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)").replace("WAIT", "time.sleep(0.01)")
            ),
            id="fcntl and naps",
        ),
        pytest.param(
            locked(TRY.replace("ATTEMPT", "flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)").replace("WAIT", "pass")),
            id="flock at full speed",
        ),
        pytest.param(locked(TRY.replace("ATTEMPT", BOTH).replace("WAIT", FREE)), id="two locks at full speed"),
        pytest.param(LOCK_FILE.replace("COUNT", COUNT), id="lock file"),
    ],
)
def test_a_lock_is_blamed(racing: Racing, methods: str) -> None:
    """Under a lock nothing is lost, in whichever way it is waited for: not one schedule of all finds anything."""
    race = racing(methods)
    executed = race.all(interruptions=1)
    assert len(executed) >= 4
    assert set(race.counts) == {"2"}
    assert not any(one.waits_for_ever for one in executed)


def test_two_that_ask_again_let_nobody_else_on(racing: Racing) -> None:
    """While two ask for a lock again and again, who has it goes on, and they ask no oftener than that can help."""
    race = racing(LOCK_FILE.replace("COUNT", COUNT), ([saving("a")], [saving("b")], [saving("c")]))
    executed = race.all(interruptions=1)
    assert set(race.counts) == {"3"}
    assert max(len(done.steps) for done in executed) < 60


def test_sqlite_is_blamed(racing: Racing) -> None:
    """SQLite asks for its locks again and again, with naps between; under them nothing is lost."""
    race = racing(SQLITE)
    executed = list(Exploration(race.carry_out, 1, 40))
    assert set(race.counts) == {"2"}
    assert any(step.name == WAKES for done in executed for step in done.steps)


def test_a_deadlock_is_not_found(racing: Racing) -> None:
    """Two processes that each hold what the other waits for are found, and it is told what they wait in."""
    race = racing(TWO_LOCKS, deadline=0.5)
    exploration = Exploration(race.carry_out, 1, 100)
    found = next(executed for executed in exploration if executed.waits_for_ever)
    assert found.waits_for_ever == "process 1 in flock; process 2 in flock"
    silences = [one.outcome for one in found.performed if isinstance(one.outcome, Silence)]
    assert [silence.reason for silence in silences] == ["hang", "hang"]


def test_a_lock_that_outlives_its_holder_is_not_found(racing: Racing) -> None:
    """A process dies with its lock file in place: the other asks for ever."""
    race = racing(LOCK_FILE.replace("COUNT", COUNT), deadline=0.5)
    executed = race.carry_out([], dies=(0, 2))
    silences = {one.side: one for one in executed.performed}
    assert silences[0].ended is None
    assert [getattr(silences[side].outcome, "reason", None) for side in (0, 1)] == ["adapter-crash", "hang"]


def test_a_schedule_does_not_repeat(racing: Racing) -> None:
    """The same choices lead to the same calls, though names are drawn at random and processes are others."""
    race = racing(SAVE + OWN)
    found = race.all(interruptions=1)[-1]
    assert signature(race.carry_out(found.choices)) == signature(found)
    again = racing(SAVE + OWN)
    again.folder = race.folder / "again"
    assert signature(again.carry_out(found.choices)) == signature(found)


def test_other_calls_pass_for_the_same(racing: Racing) -> None:
    """Choices that cannot be followed are told."""
    race = racing(SAVE + OWN)
    with pytest.raises(Diverged, match="step 11: process 1 cannot go on"):
        race.carry_out([0] * 30)


def test_calls_that_do_not_meet_are_reordered(racing: Racing) -> None:
    """Where two processes share no file and no name, each need only go before the other."""
    assert len(racing(APART).all()) == 2


@pytest.mark.parametrize("take", BYTES.values(), ids=BYTES)
@pytest.mark.parametrize(("length", "meet"), [(8, False), (9, True), (0, True)])
def test_locks_on_other_bytes_meet(racing: Racing, take: str, length: int, *, meet: bool) -> None:
    """Two locks of `fcntl` on one file meet where they cover one and the same byte, and only there."""
    race = racing(TAKE_BYTES.replace("TAKE", take.replace("LENGTH", str(length))))
    race.prepared = {"lock": ""}
    executed = race.all(interruptions=1)
    assert (len(executed) > 2) is meet
    met = meetings((step.side, step.sight[2], step.print) for done in executed for step in done.steps)
    assert ("fcntl" in {name for pair in met for name in pair}) is meet


@pytest.mark.parametrize("methods", [LOST_BY_CLOSE, GIVEN_UP_BETWEEN], ids=["close", "between"])
def test_a_lock_that_was_given_up_counts_as_held(racing: Racing, methods: str) -> None:
    """What was locked is free again when a descriptor is closed, and one of `fcntl` whichever of the file's it is."""
    race = racing(methods)
    race.all(interruptions=1)
    assert set(race.counts) == {"1", "2"}


def test_a_lock_that_is_found_taken_meets_nothing(racing: Racing) -> None:
    """Who finds a lock taken may refuse: what its holder does under it need not meet anything for that to be seen."""
    outcomes = [performed.outcome for executed in racing(REFUSES).all(1) for performed in executed.performed]
    assert {outcome.errno for outcome in outcomes if isinstance(outcome, Refusal)} == {"EAGAIN"}


def test_a_listing_meets_no_rename(racing: Racing) -> None:
    """The names of a folder are read by a listing and changed by whatever comes and goes in it."""
    race = racing(LISTING, [[saving("a")], [Call("list")]])
    listed = {str(one.outcome) for done in race.all() for one in done.performed if one.side == 1}
    assert listed == {"Answer(result={'ids': []})", "Answer(result={'ids': ['a.json']})"}


def test_threads_make_schedules_differ(racing: Racing) -> None:
    """Calls of several threads of one process are made one after the other, in an order that repeats."""
    race = racing(TWO_THREADS)
    first = race.carry_out([])
    assert [step.paths for step in first.steps if step.name == "mkdir"] == [
        (f"root/{name}",) for name in ("aa", "ab", "ba", "bb")
    ]
    assert signature(race.carry_out([])) == signature(first)


@pytest.mark.parametrize("lock", ["threading.Lock()", "contextlib.nullcontext()"])
def test_requests_in_one_process_are_not_put_in_order(racing: Racing, lock: str) -> None:
    """Requests that a pipelined adapter serves at once are scheduled by their threads; a lock between them is seen."""
    methods = PIPELINED.replace("LOCK", lock) + COUNT.replace('"new"', "str(threading.get_ident())")
    race = racing(methods)
    race.gates = [race.gates[0]] * 2
    race.all(interruptions=1)
    assert set(race.counts) == ({"1", "2"} if "null" in lock else {"2"})


def outcomes(race: Race, executed: Sequence[Executed]) -> set[tuple[str, ...]]:
    """What the schedules came to: what was counted, and what each process was answered."""
    answers = [[f"{one.side} {one.outcome}" for one in done.performed] for done in executed]
    counts = race.counts[len(race.counts) - len(executed) :]
    return {(count, *sorted(answered)) for count, answered in zip(counts, answers, strict=True)}


def every_order(race: Race, interruptions: int) -> list[Executed]:
    """The schedules with at most so many interruptions, each at whichever call."""
    waiting: list[tuple[int, ...]] = [()]
    seen, done = set(waiting), list[Executed]()
    while waiting:
        done.append(race.carry_out(waiting.pop()))
        choices, spent = tuple(done[-1].choices), 0
        for place, step in enumerate(done[-1].steps):
            seen.add(choices[: place + 1])
            can = [side for side in step.able if spent + (side not in step.free) <= interruptions]
            others = {(*choices[:place], side) for side in can} - seen
            waiting += others
            seen |= others
            spent += step.side not in step.free
    return done


@pytest.mark.parametrize(
    "methods",
    [
        SAVE + OWN,
        SAVE + COUNT,
        LOCK_FILE.replace("COUNT", COUNT),
        pytest.param(LOST_BY_CLOSE, id="lost by close"),
        pytest.param(GIVEN_UP_BETWEEN, id="given up between"),
        pytest.param(REFUSES, id="refuses"),
    ],
)
def test_a_schedule_that_differs_is_left_out(racing: Racing, methods: str) -> None:
    """What is left out differs in nothing: an interruption at every single call shows no other outcome."""
    race = racing(methods)
    few = race.all(interruptions=2)
    found = outcomes(race, few)
    every = every_order(race, 2)
    assert {tuple(re.sub(r"/places/\d+", "", word) for word in outcome) for outcome in found} == {
        tuple(re.sub(r"/places/\d+", "", word) for word in outcome) for outcome in outcomes(race, every)
    }
    assert len(few) < len(every) * 2 / 3


def in_time(race: Race, executed: Sequence[Executed]) -> set[tuple[tuple[str, ...], frozenset[tuple[str, str]]]]:
    """What each schedule came to, and which of its requests were answered before which others began."""
    found = set[tuple[tuple[str, ...], frozenset[tuple[str, str]]]]()
    for place, done in enumerate(executed):
        answers = sorted(f"{one.side} {one.outcome}" for one in done.performed)
        came_to = race.counts[len(race.counts) - len(executed) + place], *answers
        told = {f"{one.side} {one.call.params['id']}": one for one in done.performed}
        before = {
            (first, second)
            for first, one in told.items()
            for second, other in told.items()
            if one.ended is not None and one.ended < other.begun
        }
        found.add((came_to, frozenset(before)))
    return found


@pytest.mark.parametrize(
    "sides",
    [
        pytest.param([[saving("a"), saving("b")], [saving("c")]], id="two requests of one side"),
        pytest.param([[saving("a"), saving("b")], [saving("c"), saving("d")]], id="two requests of each"),
        pytest.param([[saving("a")], [saving("b")], [saving("c")]], id="three sides"),
    ],
)
def test_an_order_in_time_is_left_out(racing: Racing, sides: Sequence[Sequence[Call]]) -> None:
    """What is left out was carried out with the same outcome, and with nothing less answered before others began."""
    race = racing(SAVE + OWN, sides)
    few = in_time(race, race.all(interruptions=1))
    every = in_time(race, every_order(race, 1))
    assert {outcome for outcome, _ in every} == {outcome for outcome, _ in few}
    missing = [(outcome, before) for outcome, before in every if not any(o == outcome and before <= b for o, b in few)]
    assert missing == []


def test_schedules_that_are_left_are_not_told() -> None:
    """Beside the schedules that were carried out it is counted how many there are known to be."""
    command = (sys.executable, "-m", "sessionproof_reference.adapter", "session")
    with Lab(Launch(command, Path(__file__).parent), PROFILES["quick"]) as lab:
        trial = Trial(lab, "CON-1")
        [id] = trial.ids(1)
        documents = [trial.content.plain(number, id) for number in (1, 2)]
        sides: Any = [[{"method": "save", "params": {"id": id, "document": document}}] for document in documents]
        for most in (2, 100):
            with trial.run(Setup(gated=True), fast=True) as run:
                run.do({"do": "rest"})
                run.do({"do": "races", "sides": sides, "interruptions": 1, "most": most})
                done, known = run.trials["schedules"], run.trials["schedules possible"]
            assert (done == most < known) if most == 2 else (done == known < most)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_a_pool_of_threads_hides_its_calls(racing: Racing, tmp_path: Path) -> None:
    """Node makes its calls in a pool of threads: they are stopped and put in order all the same."""
    (tmp_path / "store.js").write_text(NODE, encoding="utf-8")
    race = racing("", command=("node", "store.js"))
    race.all(interruptions=1)
    assert set(race.counts) == {"1", "2"}


def test_a_schedule_is_told_call_by_call(racing: Racing) -> None:
    """For people a schedule is who goes on in turn, and of the calls those that meet."""
    race = racing(SAVE + OWN)
    found = next(done for done, count in zip(race.all(interruptions=1), race.counts, strict=True) if count == "1")
    lines = told(found, race.calls).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("process 1: `save` begins, openat count")
