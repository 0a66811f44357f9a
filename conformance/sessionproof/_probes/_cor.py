"""COR: damaged files. Damage is done to a closed store; a fresh process opens it."""

import base64
from collections.abc import Iterator
from pathlib import PurePath
from typing import cast

from sessionproof import _data, _json
from sessionproof._json import JSON, Object
from sessionproof._probes._damaging import (
    TRACKED,
    alike,
    built,
    content_of,
    damaged,
    every_file,
    ids_of,
    is_shared,
    last_files,
    own_files,
    per_session,
    spread,
)
from sessionproof._probes._registry import DOCUMENTS, probe
from sessionproof._run import Run
from sessionproof._trial import Inconclusive, NotApplicable, Trial
from sessionproof._worlds import Present


@probe("COR-1", "cuts")
def cut_files(trial: Trial) -> None:
    """A file of the store cut at every length above 0."""
    with trial.run(TRACKED) as base:
        built(base, trial)
        for selector in every_file(base, trial):
            lengths = [n for n in spread(len(content_of(base, selector)), trial.budget.cuts) if n]
            damaged(trial, base, (({"edit": "cut", "length": n}, selector) for n in lengths), "COR-1")
    trial.need(damaged_files=1)


@probe("COR-2", "empty and zero-filled")
def emptied_files(trial: Trial) -> None:
    """A file of the store emptied, filled with zeros, or zero from or up to somewhere."""
    with trial.run(TRACKED) as base:
        built(base, trial)
        for selector in every_file(base, trial):
            size = len(content_of(base, selector))
            edits: list[tuple[Object, Object]] = [({"edit": "cut", "length": 0}, selector)]
            for start, end in (
                (0, size),
                (size // 2, size),
                (0, size // 2),
                (size - 1, size),
                (0, 1),
                (0, size + 4096 - size % 4096),
            ):
                edits.append(({"edit": "zero", "from": start, "to": end}, selector))
            damaged(trial, base, edits, "COR-2")
    trial.need(damaged_files=1)


@probe("COR-3", "flipped bits")
def flipped_bits(trial: Trial) -> None:
    """One bit flipped, in every byte or as many as the profile allows, over all eight positions."""
    with trial.run(TRACKED) as base:
        built(base, trial)
        for selector in per_session(base, trial):
            content = content_of(base, selector)
            places = sorted({*spread(len(content), trial.budget.flips), *_of_texts(base, trial, content)})
            edits: list[tuple[Object, ...]] = [
                ({"edit": "flip", "byte": at, "bit": turn * 3 % 8}, selector) for turn, at in enumerate(places)
            ]
            damaged(trial, base, edits, "COR-3")
    trial.need(damaged_files=1)


def _of_texts(run: Run, trial: Trial, content: bytes) -> Iterator[int]:
    """Where the texts of the first session's value begin in the file: what is changed there is a text still."""
    id = ids_of(trial)[0]
    for state in run.worlds.states(run.names.get(id, id)):
        texts = _json.strings(state.content.json) if isinstance(state, Present) else ()
        for text in texts:
            place = content.find(text.encode("utf-8", "replace")) if text else -1
            if place >= 0:
                yield place


@probe("COR-4", "one damaged session")
def others_are_unharmed(trial: Trial) -> None:
    """A file of the first or the last session cut, emptied, replaced: all others answer the truth, whole-store too."""
    with trial.run(TRACKED) as base:
        built(base, trial)
        for selector in [*per_session(base, trial), *last_files(base, trial)]:
            half = len(content_of(base, selector)) // 2
            hurts: list[Object] = [
                {"edit": "cut", "length": half},
                {"edit": "cut", "length": 0},
                {"edit": "zero", "from": 0, "to": 2 * half},
                {"edit": "hostile", "name": "a list"},
                {"edit": "hostile", "name": "invalid UTF-8"},
            ]
            damaged(trial, base, ((hurt, selector) for hurt in hurts), "COR-1", {"do": "look"})
    trial.need(damaged_files=1)


def _hold_documents(run: Run, selectors: list[Object]) -> bool:
    """Whether all the texts of a saved document stand in one of the files."""
    states = [state for states in run.worlds.sessions.values() for state in states if isinstance(state, Present)]
    for state in states:
        texts = [text.encode("utf-8", "replace") for text in _json.strings(state.content.json) if len(text) >= 8]
        if texts and any(all(text in content_of(run, selector) for text in texts) for selector in selectors):
            return True
    return False


@probe("COR-4", "side files")
def side_files_hide_nothing(trial: Trial) -> None:
    """An index or another file beside the sessions' own, damaged or missing: no session is hidden."""
    with trial.run(TRACKED) as base:
        built(base, trial)
        per_session(base, trial)
        selectors: list[Object] = [{"shared": index} for index in range(len(base.shared_files()))]
        if _hold_documents(base, selectors):
            raise NotApplicable("the file that serves several sessions holds their documents")
        if not selectors:
            raise NotApplicable("the store has no file beside those of its sessions")
        for selector in selectors:
            for edit in (
                {"edit": "remove"},
                {"edit": "cut", "length": 0},
                {"edit": "cut", "length": len(content_of(base, selector)) // 2},
                {"edit": "hostile", "name": "a list"},
            ):
                run = base.fork()
                run.fast = True
                with trial.counted(run):
                    run.do(
                        {
                            "do": "edit",
                            "files": [selector],
                            "edit": cast("JSON", edit),
                            "requirement": "COR-4",
                            "side_file": True,
                        }
                    )
                    run.do({"do": "wake"})
                    run.do({"do": "look"})
    trial.need(damaged_files=1)


@probe("COR-5", "reads of damaged files")
def reading_keeps_the_bytes(trial: Trial) -> None:
    """Every operation that reads, twice, on damaged files: their bytes stay."""
    keep: Object = {"do": "verify", "check": "kept", "requirement": "COR-5", "what": "Reading"}
    with trial.run(TRACKED) as base:
        built(base, trial)
        for selector in own_files(base, trial):
            size = len(content_of(base, selector))
            hurts: list[Object] = [
                {"edit": "cut", "length": size // 2},
                {"edit": "cut", "length": size - 2},
                {"edit": "zero", "from": 0, "to": size},
                {"edit": "hostile", "name": "a list"},
                {"edit": "hostile", "name": "two documents"},
            ]
            # A database that serves many sessions may write to itself when it is opened: reads start from there.
            opened: list[Object] = [{"do": "damaged as opened"}] if is_shared(selector) else []
            reads: list[Object] = [*opened, {"do": "look"}, keep, {"do": "reopen"}, *opened, {"do": "look"}, keep]
            damaged(trial, base, ((hurt, selector) for hurt in hurts), "COR-1", *reads)
    trial.need(damaged_files=1, looks_at_files=1)


@probe("COR-6", "saves over damage", keeps=DOCUMENTS)
def saving_keeps_the_bytes_aside(trial: Trial) -> None:
    """A save over a damaged session: its bytes are still somewhere in the root."""
    keep: Object = {"do": "verify", "check": "kept", "requirement": "COR-6", "what": "Saving over a damaged session"}
    with trial.run(TRACKED) as base:
        built(base, trial)
        victim = ids_of(trial)[0]
        selector = per_session(base, trial)[0]
        size = len(content_of(base, selector))

        def save(run: Run) -> None:
            run.write(victim, trial.content.plain(11, victim))

        hurts: list[Object] = [
            {"edit": "cut", "length": size // 2},
            {"edit": "cut", "length": 1},
            {"edit": "hostile", "name": "a list"},
        ]
        damaged(trial, base, ((hurt, selector) for hurt in hurts), "COR-12", save, keep)
    trial.need(damaged_files=1)


@probe("COR-8", "planted entries")
def foreign_entries(trial: Trial) -> None:
    """Foreign files, folders, links, pipes and sockets in the root: nothing breaks, nothing hangs, none is listed."""
    foreign = cast("list[dict[str, str]]", _data.toml_file("spec", "foreign-entries.toml")["foreign"])
    with trial.run(TRACKED) as base:
        built(base, trial)
        own = {_extension(name) for name, entry in base.tree().items() if entry.kind == "file"}
        fitting = [entry for entry in foreign if _extension(entry["name"]) not in own]
        if not fitting:
            raise Inconclusive("every planted name would share an extension with a file of the store")
        for entry in fitting[:: (trial.budget.share + 2) // 3]:
            _planted(trial, base, [entry])
        _planted(trial, base, fitting)
    trial.need(foreign_entries=1)


def _extension(name: str) -> str:
    return PurePath(PurePath(name).name.removeprefix(".")).suffix


def _planted(trial: Trial, base: Run, entries: list[dict[str, str]]) -> None:

    victim = ids_of(trial)[0]
    run = base.fork()
    run.fast = True
    with trial.counted(run):
        for entry in entries:
            text = entry.get("content", entry.get("target", ""))
            run.do(
                {
                    "do": "plant",
                    "name": entry["name"],
                    "kind": entry["kind"],
                    "base64": base64.b64encode(text.encode()).decode(),
                }
            )
            trial.count("foreign entries")
        run.do({"do": "disturb", "requirement": "COR-8"})
        run.do({"do": "wake"})
        run.do({"do": "look"})
        run.do({"do": "disturb", "requirement": "COR-8"})
        run.write(victim, trial.content.plain(13, victim))
        run.do({"do": "disturb", "requirement": "COR-8"})
        run.do({"do": "look"})
        if trial.has("delete"):
            run.call("delete", id=victim)
            run.do({"do": "disturb", "requirement": "COR-8"})
            run.do({"do": "look"})


@probe("COR-11", "copied and swapped files")
def files_of_others(trial: Trial) -> None:
    """The file of one session copied over another's, and the two swapped."""
    ids = ids_of(trial)
    if len(ids) < 2:
        raise NotApplicable("there is one document a root")
    with trial.run(TRACKED) as base:
        built(base, trial)
        per_session(base, trial)
        for pair in alike(base, *ids[:2])[:2]:
            edits = [({"edit": "copy"}, *pair), ({"edit": "copy"}, *reversed(pair)), ({"edit": "swap"}, *pair)]
            damaged(trial, base, cast("list[tuple[Object, ...]]", edits), "COR-11", {"do": "look"})
    trial.need(damaged_files=1)


@probe("COR-12", "after damage")
def damaged_ids_work_again(trial: Trial) -> None:
    """A damaged session is deleted, or saved over; then its id works, also for a fresh process."""
    victim = ids_of(trial)[0]

    def write(run: Run) -> None:
        run.write(victim, trial.content.plain(11, victim))

    delete: Object = {"do": "call", "method": "delete", "params": {"id": victim}}
    fresh: Object = {"do": "reopen"}
    with trial.run(TRACKED) as base:
        built(base, trial)
        for selector in own_files(base, trial):
            size = len(content_of(base, selector))
            # What becomes of the other sessions in a file that serves several is for other requirements.
            look: Object = {"do": "look", "ids": [victim], "store": not is_shared(selector)}
            hurts: list[Object] = [
                {"edit": "cut", "length": size // 2},
                {"edit": "cut", "length": 0},
                {"edit": "zero", "from": 0, "to": size},
                {"edit": "hostile", "name": "a list"},
            ]
            glimpse: Object = {**look, "unjudged": True}
            if trial.has("delete"):
                damaged(
                    trial, base, ((hurt, selector) for hurt in hurts), "COR-12", delete, look, write, look, fresh, look
                )
            damaged(trial, base, ((hurt, selector) for hurt in hurts), "COR-12", glimpse, write, look, fresh, look)
    trial.need(damaged_files=1)


@probe("COR-13", "lists of damaged sessions")
def damaged_is_listed(trial: Trial) -> None:
    """`list` still names a session whose file was cut, emptied or replaced."""
    with trial.run(TRACKED) as base:
        built(base, trial)
        for selector in own_files(base, trial):
            half = len(content_of(base, selector)) // 2
            hurts: list[Object] = [
                {"edit": "cut", "length": half},
                {"edit": "cut", "length": 0},
                {"edit": "hostile", "name": "a list"},
            ]
            damaged(
                trial,
                base,
                ((hurt, selector) for hurt in hurts),
                "COR-12",
                {"do": "call", "method": "list", "params": {}},
            )
    trial.need(damaged_files=1, list_calls=1)
