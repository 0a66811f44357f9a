"""The step `losses`: what a loss of power at every point of a recorded run may leave, opened again and judged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from sessionproof._aftermath import Looks, around, goes_on, opened, recorded, told
from sessionproof._disk import Disk, Operation, Sync
from sessionproof._history import History
from sessionproof._json import Object
from sessionproof._judge import Cut, LossJudge, Violated
from sessionproof._power import Loss, Power
from sessionproof._profiles import PROFILES, REAL, Profile
from sessionproof._protocol import Call
from sessionproof._versions import Versions
from sessionproof._worlds import Absent, Present, State, Suspects, Worlds, suspected

if TYPE_CHECKING:
    from sessionproof._run import Run


_SHOWN = 60
_TIMES = 4
_FEW = 8


@dataclass(frozen=True, slots=True)
class _Instant:
    """An instant at which the power may fail: after `count` operations, with a call in flight or none.

    `known` are the worlds after the last answer before it.
    """

    count: int
    known: Worlds
    answers: int
    call: Call | None


def losses(run: "Run", step: Object) -> None:
    """Let the power fail at every point of the run so far, and judge each state that it may leave.

    Of the states, those count that one of the step's `profiles` admits; one that only btrfs admits counts where it was
    seen on a real one, but for `posix`. With `goes on`, each is written to as well. Of one instant and one profile no
    more than `most` states are built, and fewer where the run has many instants that leave many.
    """
    operations = recorded(run)
    base, _ = run.base
    wanted = frozenset(cast("list[Profile]", step["profiles"]))
    # Every state that a file system admits is one of POSIX: to tell those that none admits, all are needed.
    profiles: list[Profile] = [profile for profile in PROFILES if profile in wanted or "posix" in wanted]
    versions = Versions(base, operations)
    instants = [*_instants(run, operations)]
    power = Power(versions, _share(versions, instants, profiles, cast("int", step["most"])), run.is_volatile)
    looks, whole = Looks(run), base.copy()
    seen: set[int] = set()
    for instant in instants:
        while whole.count - base.count < instant.count:
            whole.apply(operations[whole.count - base.count])
        judge = _Judge(run, looks, whole, instant, written=bool(step.get("goes on")))
        found = power.losses(instant.count, profiles)
        states: list[tuple[object, Loss]] = []
        for key, loss in found.states.items():
            once = hash((key, instant.answers, instant.call is None))
            if once not in seen and loss.profiles & wanted:
                seen.add(once)
                states.append((key, loss))
        run.count("crash states possible", len(states) + found.left_out)
        # Those first that most file systems admit; where POSIX counts, those that none does: the others have their own
        # requirement.
        states.sort(key=lambda state: len(state[1].profiles & REAL), reverse="posix" not in wanted)
        for key, loss in states:
            run.count("crash states")
            try:
                judge.judge(loss.disk)
            except Violated as violated:
                admitting = power.losses(instant.count).states.get(key, loss).profiles | loss.profiles
                cut = Cut(frozenset(admitting), operations[: instant.count], judge.breaks)
                if not loss.profiles & wanted - {"btrfs"} and not run.place.seen_on("btrfs", cut):
                    run.count("findings that btrfs has not confirmed")
                    continue
                raise _told(run, violated, loss, instant, versions, cut) from None


def _share(versions: Versions, instants: Sequence[_Instant], profiles: Sequence[Profile], most: int) -> int:
    """How many states of one instant are built: as many as keep those of the run below so many times `most`.

    All instants have the same share, so that what some do not need is there for the others.
    """
    few = Power(versions, _FEW)
    possible = sorted(few.losses(instant.count, profiles).possible for instant in instants)
    left = _TIMES * most
    for number, there in enumerate(possible):
        share = left // (len(possible) - number)
        if there > share:
            return max(_FEW, min(most, share))
        left -= there
    return most


def _instants(run: "Run", operations: Sequence[Operation]) -> Iterator[_Instant]:
    """Before every sync and every answer, with the call in flight, and after every answer.

    Between them nothing is lost: what may be on the disk after an operation may be there after the next one too.
    """
    known, begun = run.base[1], 0
    for number, answer in enumerate([*run.answers, None]):
        # What the store does after its last answer, when it is closed, is in nobody's call.
        end, call = (len(operations), None) if answer is None else (answer.count, answer.call)
        syncs = [at for at in range(begun, end) if isinstance(operations[at], Sync)]
        for count in dict.fromkeys([*syncs, end]):
            yield _Instant(count, known, number, call)
        if answer is not None:
            known, begun = answer.after, answer.count
            yield _Instant(answer.count, known, number + 1, None)


@dataclass(frozen=True, slots=True)
class _Judge:
    """Opens what a loss at one instant has left; `whole` is the disk with nothing lost."""

    run: "Run"
    looks: Looks
    whole: Disk
    instant: _Instant
    written: bool

    def judge(self, disk: Disk) -> None:
        """Look at it all, and write to it where that is asked for.

        Raises:
            Violated: A finding that counts.
        """
        there = {path for path, inode in disk.walk() if inode.kind == "folder"}
        gone = any(inode.kind == "folder" and path not in there for path, inode in self.whole.walk())
        worlds, judge = _lost(self.run, self.instant, folders=gone), LossJudge(self.run.judge)
        if not self.written:
            self.looks.look(disk, worlds, judge)
            return
        with opened(self.run, disk, worlds, judge) as twin:
            goes_on(twin, self.instant.call, "DUR-6")

    def breaks(self, disk: Disk) -> bool:
        """Whether there is a finding that counts."""
        try:
            self.judge(disk.without(self.run.is_volatile))
        except Violated:
            return True
        return False


def _lost(run: "Run", instant: _Instant, *, folders: bool) -> Worlds:
    """The worlds after the loss; each state is suspected of what it would break. `folders`: some are not there."""
    model, call = run.place.model, instant.call
    known = instant.known if call is None else model.unknown(instant.known, call)
    also = ("DUR-5",) if folders else ()
    kept = "DUR-4" if run.setup.logs else "DUR-1"

    def suspect(id: str, state: State) -> State:
        flight = call is not None and id == call.id
        match state:
            case Present(content=History() as log) if not flight or call is None or call.method != "delete":
                if flight and call is not None and call.method != "attach":
                    # A reader may name what was cut.
                    state = replace(state, content=log.burned())
                shelf = "DUR-2" if flight and call is not None and call.method == "attach" else "DUR-1"
                return replace(state, suspects=("DUR-4", *also), shelf=(shelf, *also))
            case Absent(deleted=True) if not flight:
                return suspected(state, ("DUR-3", *also))
            case _:
                return suspected(state, (*_of_call(call, kept, flight=flight), *also))

    worlds = model.reopened(known, orderly=False).mapped(suspect)
    # Before the first answer to a write only what is in flight can be broken.
    first = not any(isinstance(state, Present) for states in instant.known.sessions.values() for state in states)
    return replace(worlds, store_suspects=(*_of_call(call, kept, flight=first), *also))


def _of_call(call: Call | None, kept: str, *, flight: bool) -> Suspects:
    if not flight or call is None:
        return (kept,)
    # Of a delete in flight only the death of the process is required to leave all or nothing.
    return {"save": ("DUR-2",), "attach": ("DUR-2",), "delete": ("ATM-3",)}.get(call.method, ("DUR-4",))


def _told(  # noqa: PLR0913, PLR0917 - all that the witness shows
    run: "Run", found: Violated, loss: Loss, instant: _Instant, versions: Versions, cut: Cut
) -> Violated:
    call, total = instant.call, len(versions.operations)
    lost = loss.lost(versions)
    where = f"The power failed {'in `' + call.method + '`, ' if call else ''}after operation {loss.count} of {total}"
    where += f", {_named(cut.profiles)}."
    remarks = {number: f"   <- lost: {part[:_SHOWN]}" if part else "   <- lost" for number, part in lost.items()}
    lines = around(versions.operations, loss.count, 0, remarks, "loss of power")
    pages = [image.torn for image in loss.images.values() if image.torn is not None]
    torn = [f"page {page} of a file is there up to a sector" for page in pages]
    return told(run, found, where, [*lines, *torn], loss.disk, cut)


def _named(profiles: frozenset[str]) -> str:
    """Which file systems admit a state, in words."""
    real = [profile for profile in PROFILES if profile in profiles & REAL]
    if not real:
        return "in a state that only POSIX admits, and no file system that is known to the kit"
    if real == ["btrfs"]:
        return "in a state that btrfs admits (and POSIX), but neither ext4 nor xfs"
    named = " and ".join(filter(None, (", ".join(real[:-1]), real[-1])))
    return f"in a state that {named} admit{'s' if len(real) == 1 else ''} as mounted by default"
