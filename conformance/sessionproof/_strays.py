"""The step `strays`: what lies in a root after many deaths, or many refused writes, that would not lie there else."""

import functools
import itertools
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from sessionproof._aftermath import recorded
from sessionproof._crashes import deaths
from sessionproof._disk import Disk
from sessionproof._json import JSON, Object
from sessionproof._judge import NOBODY, Violated
from sessionproof._placeholders import LOG, log
from sessionproof._protocol import Answer, Refusal
from sessionproof._worlds import Anything, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sessionproof._protocol import Outcome
    from sessionproof._recorder import RecordedProcess
    from sessionproof._run import Run

MOST = 10
"""Strays that a store may have: journals, locks, a few files set aside."""
_AGE = 400 * 86_400 * 10**9
"""Nanoseconds by which files grow older before they are counted: a store may spare what somebody may be writing to."""
_SHOWN = 12


def strays(run: "Run", step: Object) -> None:
    """Let `times` writes come to nothing, open and write once more, and count the files.

    `what` they are: `refused` ones, or those in which the process dies: `write`, `batch`, `attach`, `delete`, or
    `first`, a write to a session that was deleted. Where there are many, the same history without what came to nothing
    tells how many there may be.
    """
    lives = _Lives(run, cast("str", step["what"]), cast("str", step["session"]))
    times = cast("int", step["times"])
    refused = lives.what == "refused"
    left, effects = (lives.with_refusals(times), []) if refused else lives.with_deaths(times)
    if len(left) <= MOST:
        return
    others = lives.with_refusals(0) if refused else lives.without_deaths(effects)
    more = len(left) - len(others)
    violation = Violation(
        ("ATM-8",),
        f"strays-of-{'refusals' if refused else 'deaths'}",
        f"{times} {lives} leave {more} files that are not there without them, also after an open and a write.",
        f"at most {MOST}",
        "\n".join([f"{more}, among them:", *sorted(left - others)[:_SHOWN]]),
    )
    if more > MOST and run.judge.counts(violation):
        raise Violated(violation, run.setup, list(run.steps), sorted(left - others))


@dataclass(frozen=True, slots=True)
class _Lives:
    """Lives of one store, each on what the last has left, on an empty root first. Nothing in them is judged."""

    run: "Run"
    what: str
    id: str

    def __str__(self) -> str:
        if self.what == "refused":
            return "refused writes of each kind"
        write = "append" if self.run.setup.logs else "save"
        names = {"first": f"first `{write}`", "attach": "`attach`", "delete": "`delete`"}
        return f"deaths in {names.get(self.what, f'`{write}`')}"

    def with_deaths(self, times: int) -> tuple[set[str], list[bool]]:
        """The files after so many deaths, and which of the writes in flight took effect.

        Before each death the store was opened and a write acknowledged: with that a store may clear what was left. No
        files where the store does not go on.
        """
        life, disk, shown, effects = self.run, Disk(), list[JSON](), list[bool]()
        for number in range(times):
            life = self._born(life, disk, recorded=True)
            if number:
                effects.append(self._shown(life, number - 1) != shown)
            if not self._acknowledged(life, number):
                return set(), []
            shown = self._shown(life, number)
            process = cast("RecordedProcess", life.process)
            begun = process.count
            self._in_flight(life, number)
            disk = self._fullest(life, disk, begun, process.count)
            self.run.count("deaths")
        life = self._born(life, disk, old=True)
        effects.append(self._shown(life, times - 1) != shown)
        return self._files(life, times), effects

    def without_deaths(self, effects: "Sequence[bool]") -> set[str]:
        """The files after the same calls in as many lives, without those writes in flight that had no effect."""
        life, disk = self.run, cast("Disk | None", Disk())
        for number, effect in enumerate(effects):
            life, disk = self._born(life, disk), None
            if number:
                self._shown(life, number - 1)
            self._acknowledged(life, number)
            self._shown(life, number)
            if effect:
                self._in_flight(life, number)
            life.do({"do": "rest"})
        life = self._born(life, disk, old=True)
        self._shown(life, len(effects) - 1)
        return self._files(life, len(effects))

    def with_refusals(self, times: int) -> set[str]:
        """The files after so many refused writes of each kind that the store refuses at all."""
        life = self._born(self.run, Disk())
        for number in range(2):
            self._acknowledged(life, number)
        for attempt in self._refusable(life):
            for _ in range(times):
                if not isinstance(attempt(), Refusal):
                    break
                self.run.count("writes refused")
        life.do({"do": "rest"})
        return self._files(self._born(life, None, old=True), 2)

    # -- one life ------------------------------------------------------------------------------------------------------

    def _born(self, last: "Run", disk: Disk | None, *, recorded: bool = False, old: bool = False) -> "Run":
        """The next life, awake: on a disk, or on what the last life has left at rest."""
        if not self.run.fast:
            # What a process remembers of files that it has made dies with it.
            self.run.place.fresh_process(replace(last.setup, recorded=recorded))
        life = last.fork(disk, recorded=recorded)
        if last is not self.run:
            self.run.place.forget(last)
        life.judge, life.worlds = NOBODY, life.worlds.mapped(lambda _id, _state: Anything())
        if old:
            then = time.time_ns() - _AGE
            for path in [life.outside, *life.outside.rglob("*")]:
                os.utime(path, ns=(then, then), follow_symlinks=False)
        life.do({"do": "wake"})
        return life

    def _session(self, number: int) -> str:
        """The session of a life: where the store names sessions, another each time that one is deleted."""
        named = self.id.startswith(LOG) and self.what in {"delete", "first"}
        return log(number + 1) if named else self.id

    def _acknowledged(self, life: "Run", number: int) -> bool:
        """Write what is acknowledged, and tell whether it was."""
        id = self._session(number)
        life.write(id, life.content.plain(3 * number, id))
        written = isinstance(life.last, Answer)
        if self.what == "first":
            life.call("delete", id=id)
        return written

    def _in_flight(self, life: "Run", number: int) -> None:
        id, content = self._session(number), life.content
        match self.what:
            case "attach":
                items = content.plain_items("trace", 2, number)
                life.call("attach", id=id, kind="trace", items=items)
            case "delete":
                life.call("delete", id=id)
            case _:
                count = 3 if self.what == "batch" else 1
                life.write(id, *(content.plain(3 * number + turn, id) for turn in range(1, count + 1)))

    def _shown(self, life: "Run", number: int) -> list[JSON]:
        """What the protocol shows of the session of a life, but for what may be another each time."""
        life.observed = []
        life.do({"do": "look", "ids": [self._session(number)], "store": False})
        life.try_("list")
        answers = [outcome.result for _, outcome in life.observed if isinstance(outcome, Answer)]
        life.observed = None
        changing = {"revision", "damage", "fresh"}
        return [
            {name: _sorted(value) if name == "ids" else value for name, value in answer.items() if name not in changing}
            for answer in answers
        ]

    def _fullest(self, life: "Run", base: Disk, begun: int, ended: int) -> Disk:
        """What a death between two points of a life leaves, where that is the most files, and the most bytes.

        Of several such points it is the first, where a new file has not got its name; in a delete it is the last, where
        the session may have lost its own.
        """
        life.do({"do": "rest"})
        operations = recorded(life)
        fullest, most = base, (-1, -1)
        for death, disk in deaths(operations[:ended], base):
            sizes = [len(inode.content) for _, inode in disk.walk()]
            fill = len(sizes), sum(sizes)
            if death.count >= begun and (fill > most or (self.what == "delete" and fill == most)):
                fullest, most = disk.without(self.run.is_volatile), fill
        return fullest

    def _refusable(self, life: "Run") -> "list[Callable[[], Outcome | None]]":
        """Writes that stores refuse: of what is invalid, under a stale revision, to nobody's session."""
        write, call, content = life.write, life.try_, life.content
        plain, items = content.plain(1, self.id), content.plain_items("trace", 2)
        stale: Object = {"do": "conditional save", "id": self.id, "document": plain, "revision": -2}
        attempts: list[Callable[[], Outcome | None]] = [
            functools.partial(write, self.id, wrong) for _, wrong in itertools.islice(content.refusable(self.id), 3)
        ]
        if not life.setup.logs:
            attempts.append(functools.partial(life.do, stale))
        attempts += [
            functools.partial(call, "attach", id="nobody", kind="trace", items=items),
            functools.partial(call, "compact", id="nobody", archive="archive"),
        ]
        return attempts

    def _files(self, life: "Run", number: int) -> set[str]:
        """The files after one more write, at rest."""
        self._acknowledged(life, number)
        life.do({"do": "rest"})
        return set(life.tree())


def _sorted(ids: JSON) -> JSON:
    return cast("JSON", sorted(cast("list[str]", ids)))
