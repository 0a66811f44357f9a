"""SEC: others on the machine."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from sessionproof._json import JSON, Object
from sessionproof._placeholders import OUTSIDE
from sessionproof._probes._registry import probe
from sessionproof._run import Run
from sessionproof._setup import Setup
from sessionproof._trial import NotApplicable, Trial

if TYPE_CHECKING:
    from sessionproof._counting import CountedProcess


def _everything(trial: Trial, id: str) -> Iterator[tuple[str, Object]]:
    """Each operation that the store has, on one session, from its first write to its delete."""
    one: Object = {"id": id}
    attachments: list[tuple[str, Object]] = [
        ("attach", {**one, "kind": "trace", "items": trial.content.plain_items("trace", 1)}),
        ("attach", {**one, "kind": "artifacts", "items": trial.content.plain_items("artifacts", 1)}),
        ("attachments", {**one, "kind": "trace"}),
    ]
    reads: list[tuple[str, Object]] = [("read" if trial.logs else "load", one), ("exists", one)]
    pair: Object = {"agent": "agent", "created_by": "creator"}
    latest: Object = pair if trial.has("create") else {}
    wholes: list[tuple[str, Object]] = [("list", {}), ("summaries", {}), ("latest", latest)]
    calls: list[tuple[str, Object]] = [
        ("check", {}),
        *reads,
        *_writes(trial, id),
        *attachments,
        *reads,
        *wholes,
        ("delete", one),
        *_writes(trial, id)[:2],
        ("check", {}),
    ]
    yield from (call for call in calls if trial.has(call[0]))


def _writes(trial: Trial, id: str) -> list[tuple[str, Object]]:
    one: Object = {"id": id}
    first, second = (cast("JSON", trial.content.plain(number, id)) for number in (1, 2))
    made: list[tuple[str, Object]] = [("create", {"agent": "agent", "created_by": "creator"})]
    if not trial.logs:
        return [*made, ("save", {**one, "document": first}), ("save", {**one, "document": second})]
    return [
        *made,
        ("append", {**one, "entries": [first]}),
        ("append", {**one, "entries": [second, first]}),
        ("append_events", {**one, "events": trial.content.plain_items("event", 1)}),
        ("compact", {**one, "archive": "archive"}),
        ("describe", {**one, "meta": trial.content.plain_meta(1)}),
        ("append", {**one, "entries": [first]}),
        ("claim", {**one, "token": "token"}),
    ]


def _step(how: str, method: str, params: Object, id: str) -> Object:
    """The step of one operation; a session that the store makes is the one that the other steps name."""
    if method == "describe" and how == "call":
        return {"do": "describe", **params}
    if method == "create":
        return (
            {"do": "create", "as": id, **params}
            if how == "call"
            else {"do": how, "method": method, "params": params, "as": id}
        )
    return {"do": how, "method": method, "params": params}


@probe("SEC-1", "modes")
def files_are_the_owners(trial: Trial) -> None:
    """Modes after every operation, under the umasks 0, 022 and 077; the root made by the store, and there before."""
    (id,) = trial.ids(1)
    for umask in (0, 0o022, 0o077):
        for premade in (False, True):
            with trial.run(Setup(umask=umask, premade=premade)) as run:
                if premade:
                    run.do({"do": "mark", "name": "root was there"})
                for method, params in _everything(trial, id):
                    run.do(_step("call", method, params, id))
                    run.do({"do": "verify", "check": "modes"})
    trial.need(writes_acknowledged=1, modes_looked_at=1)


_COUNTED = Setup(counted="all", premade=True)


def _names_used(trial: Trial, id: str) -> dict[str, str]:
    """The names in its root that the store asks for, with the kind of each: learned from the system calls it makes.

    Only names that two roots, and two processes, have in common, the id of a session aside that the store names itself:
    those made of random numbers cannot be foreseen by anybody.
    """
    first = _names_seen(trial, id)
    trial.lab.fresh_process(replace(_COUNTED, logs=trial.logs))
    second = _names_seen(trial, id)
    return {name: kind for name, kind in first.items() if name in second}


def _names_seen(trial: Trial, id: str) -> dict[str, str]:
    kinds: dict[str, str] = {}
    with trial.run(_COUNTED) as run:
        process = cast("CountedProcess", run.process)
        for _ in range(2):
            run.do({"do": "reopen"})
            for method, params in _everything(trial, id):
                run.do(_step("try", method, params, id))
                for path, is_folder in process.seen().named.items():
                    if run.root in path.parents:
                        name = str(path.relative_to(run.root)).replace(run.names.get(id, id), id)
                        folder = is_folder or path.is_dir() or kinds.get(name) == "folder"
                        kinds[name] = "folder" if folder else "file"
    return kinds


def _session_file(trial: Trial, id: str) -> bytes:
    """The bytes of a file of the store that holds a document."""
    with trial.run(Setup(tracked=True)) as run:
        run.write(id, trial.content.plain(1, id))
        run.do({"do": "rest"})
        contents = [run.tree()[name].content for name in [*run.files_of(id), *run.shared_files()]]
        return max(contents, key=len, default=b"")


@probe("SEC-2", "planted links")
def links_are_not_followed(trial: Trial) -> None:
    """A link at every name that the store was seen to use, to a file, a folder, or nothing outside the root."""
    (id,) = trial.ids(1)
    names = _names_used(trial, id)
    bytes_of_a_session = base64.b64encode(_session_file(trial, id)).decode()
    for name, kind in sorted(names.items()):
        targets = ["folder"] if kind == "folder" else ["file", "not-there"]
        for target in targets:
            trial.count("links planted")
            with trial.run(Setup(premade=True)) as run:
                run.make(id)
                run.do({"do": "rest"})
                if id not in run.names:
                    # As if the link had stood there before the store was opened for the first time.
                    run.do({"do": "empty"})
                run.do({"do": "elsewhere", "base64": bytes_of_a_session})
                link = base64.b64encode(f"{OUTSIDE}/elsewhere/{target}".encode()).decode()
                plant: Object = {"do": "plant", "name": name, "kind": "link", "base64": link, "foreign": False}
                run.do({**plant, "replace": True})
                run.do({"do": "wake"})
                for method, params in _everything(trial, id):
                    if method == "create" and id in run.names and "delete tried" not in run.trials:
                        # The session is there, and a link at its name is what the others are to meet.
                        continue
                    run.count("delete tried", int(method == "delete"))
                    step: Object = {**_step("try", method, params, id), "link": name}
                    # What the outer file holds may be answered only after the store was told to write the same.
                    before_writes = method in {"load", "read"} and not run.trials.get("writes beside links")
                    run.do({**step, "not_finding": cast("JSON", trial.content.plain(1, id))} if before_writes else step)
                    run.count("writes beside links", int(method in {"save", "append"}))
                    run.do({"do": "verify", "check": "links kept", "link": name})
    if not names:
        raise NotApplicable("the store uses no name that can be foreseen")
    trial.need(links_planted=1)


@probe("SEC-3", "writes elsewhere")
def nothing_is_written_outside(trial: Trial) -> None:
    """Files outside the root that any operation makes, removes or writes to, after a first round of each."""
    (id,) = trial.ids(1)
    with trial.run(Setup(counted="all")) as run:
        for method, params in _everything(trial, id):
            run.do(_step("try", method, params, id))
        run.do({"do": "watch"})
        for method, params in _everything(trial, id):
            run.do(_step("try", method, params, id))
            run.do({"do": "nothing elsewhere", "method": method})
    trial.need(looks_outside_the_root=1)


@probe("SEC-4", "foreign modes")
def foreign_things_stay(trial: Trial) -> None:
    """Parent folder, root and foreign entries keep mode, owner and name, whoever made the root."""
    (id,) = trial.ids(1)
    for premade in (False, True):
        for umask in (0o022, 0o077):
            with trial.run(Setup(premade=premade, around=True, umask=umask)) as run:
                run.do({"do": "rest"})
                if premade:
                    _foreigners(run)
                run.do({"do": "mark foreign"})
                run.do({"do": "wake"})
                for method, params in _everything(trial, id):
                    run.do(_step("try", method, params, id))
                    run.do({"do": "foreign untouched"})
                run.do({"do": "reopen"})
                run.do({"do": "foreign untouched"})
    trial.need(looks_at_foreign_modes=1)


def _foreigners(run: Run) -> None:
    text = base64.b64encode(b"of somebody else").decode()
    run.do({"do": "plant", "name": "lost+found", "kind": "folder", "mode": 0o755})
    run.do({"do": "plant", "name": "README.of-somebody", "kind": "file", "base64": text, "mode": 0o644})
    run.do({"do": "plant", "name": "shared.sock-of-somebody", "kind": "file", "base64": text, "mode": 0o666})
