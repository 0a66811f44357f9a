"""SEC: others on the machine."""

import base64
from collections.abc import Iterator
from typing import cast

from sessionproof._json import JSON, Object
from sessionproof._placeholders import OUTSIDE
from sessionproof._probes._registry import probe
from sessionproof._run import Run, Setup
from sessionproof._trial import NotRun, Trial
from sessionproof._watch import NoWatch, Watch


def _everything(trial: Trial, id: str) -> Iterator[tuple[str, Object]]:
    """Each operation that the store has, on one session, from its first save to its delete."""
    document = cast("JSON", trial.documents.plain(1, id))
    one: Object = {"id": id}
    calls: list[tuple[str, Object]] = [
        ("check", {}),
        ("load", one),
        ("exists", one),
        ("save", {**one, "document": document}),
        ("save", {**one, "document": cast("JSON", trial.documents.plain(2, id))}),
        ("attach", {**one, "kind": "trace", "items": trial.documents.plain_items("trace", 1)}),
        ("attach", {**one, "kind": "artifacts", "items": trial.documents.plain_items("artifacts", 1)}),
        ("attachments", {**one, "kind": "trace"}),
        ("load", one),
        ("list", {}),
        ("summaries", {}),
        ("latest", {}),
        ("delete", one),
        ("save", {**one, "document": document}),
        ("check", {}),
    ]
    yield from (call for call in calls if trial.has(call[0]))


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
                    run.do({"do": "call", "method": method, "params": params})
                    run.do({"do": "verify", "check": "modes"})
    trial.need(save_acknowledged=1, modes_looked_at=1)


def _names_used(trial: Trial, id: str) -> dict[str, str]:
    """The names that the store uses in its root, however briefly, with the kind of each: learned by watching it work.

    Only names that two roots have in common: those made of random numbers cannot be foreseen by anybody.
    """
    first, second = _names_seen(trial, id), _names_seen(trial, id)
    return {name: kind for name, kind in first.items() if name in second}


def _names_seen(trial: Trial, id: str) -> dict[str, str]:
    kinds: dict[str, str] = {}
    with trial.run(Setup(premade=True)) as run:
        try:
            watch = Watch([run.root])
        except NoWatch as refused:
            raise NotRun(f"names that come and go cannot be watched here: {refused}") from refused
        try:
            for _ in range(2):
                run.do({"do": "reopen"})
                for method, params in _everything(trial, id):
                    run.do({"do": "try", "method": method, "params": params})
                    for path in watch.seen():
                        name = str(path.relative_to(run.root))
                        kinds[name] = "folder" if path.is_dir() or kinds.get(name) == "folder" else "file"
        finally:
            watch.close()
    return kinds


def _session_file(trial: Trial, id: str) -> bytes:
    """The bytes of a file of the store that holds a document."""
    with trial.run(Setup(tracked=True)) as run:
        run.call("save", id=id, document=trial.documents.plain(1, id))
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
                run.do({"do": "rest"})
                run.do({"do": "elsewhere", "base64": bytes_of_a_session})
                link = base64.b64encode(f"{OUTSIDE}/elsewhere/{target}".encode()).decode()
                run.do({"do": "plant", "name": name, "kind": "link", "base64": link, "foreign": False})
                run.do({"do": "wake"})
                for method, params in _everything(trial, id):
                    step: Object = {"do": "try", "method": method, "params": params, "link": name}
                    # What the outer file holds may be answered only after the store was told to save the same.
                    before_saves = method == "load" and not run.trials.get("saves tried")
                    run.do(
                        {**step, "not_finding": cast("JSON", trial.documents.plain(1, id))} if before_saves else step
                    )
                    run.count("saves tried", int(method == "save"))
                    run.do({"do": "verify", "check": "links kept", "link": name})
    trial.need(links_planted=1)


@probe("SEC-3", "temp folder and parent")
def nothing_is_written_outside(trial: Trial) -> None:
    """Names that appear in the temp folder or beside the root during any operation, after a first round of each."""
    (id,) = trial.ids(1)
    with trial.run() as run:
        for method, params in _everything(trial, id):
            run.do({"do": "try", "method": method, "params": params})
        try:
            run.do({"do": "watch"})
        except NoWatch as refused:
            raise NotRun(f"names that come and go cannot be watched here: {refused}") from refused
        for method, params in _everything(trial, id):
            run.do({"do": "try", "method": method, "params": params})
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
                    run.do({"do": "try", "method": method, "params": params})
                    run.do({"do": "foreign untouched"})
                run.do({"do": "reopen"})
                run.do({"do": "foreign untouched"})
    trial.need(looks_at_foreign_modes=1)


def _foreigners(run: Run) -> None:
    text = base64.b64encode(b"of somebody else").decode()
    run.do({"do": "plant", "name": "lost+found", "kind": "folder", "mode": 0o755})
    run.do({"do": "plant", "name": "README.of-somebody", "kind": "file", "base64": text, "mode": 0o644})
    run.do({"do": "plant", "name": "shared.sock-of-somebody", "kind": "file", "base64": text, "mode": 0o666})
