"""COR: damaged files. Damage is done to a closed store; a fresh process opens it."""

import base64
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import cast

from sessionproof import _damage, _data, _json
from sessionproof._json import JSON, Object
from sessionproof._probes._registry import probe
from sessionproof._run import Run, Setup
from sessionproof._trial import Inconclusive, NotApplicable, Trial
from sessionproof._worlds import Present

_TRACKED = Setup(tracked=True)


def _ids(trial: Trial) -> list[str]:
    return trial.some_ids(3)


def _built(run: Run, trial: Trial) -> None:
    """Three sessions, each saved twice with different documents and then seen right; the store is closed."""
    documents = trial.documents
    for round_ in range(2):
        for number, id in enumerate(_ids(trial)):
            run.call("save", id=id, document=documents.plain(5 * round_ + 2 * number, id))
            if trial.has("attach"):
                run.call("attach", id=id, kind="artifacts", items=documents.plain_items("artifacts", 1, round_))
    run.do({"do": "reopen"})
    run.do({"do": "look"})
    run.do({"do": "rest"})
    if not any(isinstance(state, Present) for states in run.worlds.sessions.values() for state in states):
        raise NotApplicable("the store promises to keep nothing across an `open`, and keeps nothing")


def _own(run: Run, trial: Trial) -> list[Object]:
    """The files of the first session, or those that serve several."""
    files = run.files_of(_ids(trial)[0])
    if files:
        return [{"of": _ids(trial)[0], "index": index} for index in range(len(files))]
    return [{"shared": index} for index in range(len(run.shared_files()))]


def _every_file(run: Run, trial: Trial) -> list[Object]:
    """The files of the first session, and those that serve several."""
    shared: list[Object] = [{"shared": index} for index in range(len(run.shared_files()))]
    return [*(selector for selector in _own(run, trial) if not _shared(selector)), *shared]


def _shared(selector: Object) -> bool:
    return "shared" in selector


def _content(run: Run, selector: Object) -> bytes:
    names = run.shared_files() if _shared(selector) else run.files_of(cast("str", selector["of"]))
    return run.tree()[names[cast("int", selector["index" if not _shared(selector) else "shared"])]].content


def _glance(trial: Trial, selector: Object) -> Object:
    """A look at what the damage may have changed: the session itself, or everything where its file serves several."""
    return {"do": "look"} if _shared(selector) else {"do": "look", "ids": [_ids(trial)[0]], "store": False}


def _damaged(trial: Trial, base: Run, edits: Iterable[tuple[Object, ...]], requirement: str, *then: Object) -> None:
    """Each edit on a copy of the closed store; then a fresh look at everything, and what else is asked."""
    for edit, *selectors in edits:
        run = base.fork()
        run.fast = True
        with trial.counted(run):
            run.do({"do": "edit", "files": cast("JSON", selectors), "edit": edit, "requirement": requirement})
            run.do({"do": "wake"})
            for step in then or (_glance(trial, selectors[0]),):
                run.do(step)


def _per_session(run: Run, trial: Trial) -> list[Object]:
    """The files of the first session.

    Raises:
        NotApplicable: One file serves several sessions.
    """
    selectors = _own(run, trial)
    if not selectors or _shared(selectors[0]):
        raise NotApplicable("one file serves several sessions")
    return selectors


def _spread(length: int, most: int) -> list[int]:
    """Numbers below `length`, all of them or `most` spread evenly, both ends and their neighbours included."""
    if length <= most:
        return list(range(length))
    spread = {length * step // most for step in range(most)} | set(range(8)) | {length - 1 - step for step in range(8)}
    pages = {page + near for page in range(4096, length, 4096) for near in (-1, 0, 1)}
    return sorted(number for number in spread | set(sorted(pages)[:64]) if 0 <= number < length)


@probe("COR-1", "cuts")
def cut_files(trial: Trial) -> None:
    """A file of the store cut at every length above 0."""
    with trial.run(_TRACKED) as base:
        _built(base, trial)
        for selector in _every_file(base, trial):
            lengths = [n for n in _spread(len(_content(base, selector)), trial.budget.cuts) if n]
            _damaged(trial, base, (({"edit": "cut", "length": n}, selector) for n in lengths), "COR-1")
    trial.need(damaged_files=1)


@probe("COR-2", "empty and zero-filled")
def emptied_files(trial: Trial) -> None:
    """A file of the store emptied, filled with zeros, or zero from or up to somewhere."""
    with trial.run(_TRACKED) as base:
        _built(base, trial)
        for selector in _every_file(base, trial):
            size = len(_content(base, selector))
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
            _damaged(trial, base, edits, "COR-2")
    trial.need(damaged_files=1)


@probe("COR-3", "flipped bits")
def flipped_bits(trial: Trial) -> None:
    """One bit flipped, in every byte or as many as the profile allows, over all eight positions."""
    with trial.run(_TRACKED) as base:
        _built(base, trial)
        for selector in _per_session(base, trial):
            places = _spread(len(_content(base, selector)), trial.budget.flips)
            edits: Iterator[tuple[Object, Object]] = (
                ({"edit": "flip", "byte": at, "bit": turn * 3 % 8}, selector) for turn, at in enumerate(places)
            )
            _damaged(trial, base, edits, "COR-3")
    trial.need(damaged_files=1)


@probe("COR-4", "one damaged session")
def others_are_unharmed(trial: Trial) -> None:
    """One session's file cut, emptied, replaced: every other session answers the truth, list and summaries work."""
    with trial.run(_TRACKED) as base:
        _built(base, trial)
        for selector in _per_session(base, trial):
            half = len(_content(base, selector)) // 2
            hurts: list[Object] = [
                {"edit": "cut", "length": half},
                {"edit": "cut", "length": 0},
                {"edit": "zero", "from": 0, "to": 2 * half},
                {"edit": "hostile", "name": "a list"},
                {"edit": "hostile", "name": "invalid UTF-8"},
            ]
            _damaged(trial, base, ((hurt, selector) for hurt in hurts), "COR-1", {"do": "look"})
    trial.need(damaged_files=1)


def _hold_documents(run: Run, selectors: list[Object]) -> bool:
    """Whether all the texts of a saved document stand in one of the files."""
    states = [state for states in run.worlds.sessions.values() for state in states if isinstance(state, Present)]
    for state in states:
        texts = [text.encode("utf-8", "replace") for text in _json.strings(state.document.json) if len(text) >= 8]
        if texts and any(all(text in _content(run, selector) for text in texts) for selector in selectors):
            return True
    return False


@probe("COR-4", "side files")
def side_files_hide_nothing(trial: Trial) -> None:
    """An index or another file beside the sessions' own, damaged or missing: no session is hidden."""
    with trial.run(_TRACKED) as base:
        _built(base, trial)
        _per_session(base, trial)
        selectors: list[Object] = [{"shared": index} for index in range(len(base.shared_files()))]
        if _hold_documents(base, selectors):
            raise NotApplicable("the file that serves several sessions holds their documents")
        if not selectors:
            raise NotApplicable("the store has no file beside those of its sessions")
        for selector in selectors:
            for edit in (
                {"edit": "remove"},
                {"edit": "cut", "length": 0},
                {"edit": "cut", "length": len(_content(base, selector)) // 2},
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
    with trial.run(_TRACKED) as base:
        _built(base, trial)
        for selector in _own(base, trial):
            size = len(_content(base, selector))
            hurts: list[Object] = [
                {"edit": "cut", "length": size // 2},
                {"edit": "cut", "length": size - 2},
                {"edit": "zero", "from": 0, "to": size},
                {"edit": "hostile", "name": "a list"},
                {"edit": "hostile", "name": "two documents"},
            ]
            # A database that serves many sessions may write to itself when it is opened: reads start from there.
            opened: list[Object] = [{"do": "damaged as opened"}] if _shared(selector) else []
            reads: list[Object] = [*opened, {"do": "look"}, keep, {"do": "reopen"}, *opened, {"do": "look"}, keep]
            _damaged(trial, base, ((hurt, selector) for hurt in hurts), "COR-1", *reads)
    trial.need(damaged_files=1, looks_at_files=1)


@probe("COR-6", "saves over damage")
def saving_keeps_the_bytes_aside(trial: Trial) -> None:
    """A save over a damaged session: its bytes are still somewhere in the root."""
    keep: Object = {"do": "verify", "check": "kept", "requirement": "COR-6", "what": "Saving over a damaged session"}
    with trial.run(_TRACKED) as base:
        _built(base, trial)
        victim = _ids(trial)[0]
        selector = _per_session(base, trial)[0]
        size = len(_content(base, selector))
        save: Object = {
            "do": "call",
            "method": "save",
            "params": {"id": victim, "document": trial.documents.plain(11, victim)},
        }
        hurts: list[Object] = [
            {"edit": "cut", "length": size // 2},
            {"edit": "cut", "length": 1},
            {"edit": "hostile", "name": "a list"},
        ]
        _damaged(trial, base, ((hurt, selector) for hurt in hurts), "COR-12", save, keep)
    trial.need(damaged_files=1)


@probe("COR-7", "hostile JSON")
def hostile_json(trial: Trial) -> None:
    """Files replaced by, or mixed with, JSON that breaks readers: deep, long, repeated, NaN, other encodings, types."""
    with trial.run(_TRACKED) as base:
        _built(base, trial)
        for selector in _every_file(base, trial):
            content = _content(base, selector)
            edits: list[Object] = [{"edit": "hostile", "name": name} for name in _damage.hostile_names(content)]
            edits += _wrong_types(trial, content)
            _damaged(
                trial, base, ((edit, selector) for edit in edits), "COR-7", {"do": "look"}, {"do": "bounded memory"}
            )
    trial.need(damaged_files=1)


def _wrong_types(trial: Trial, content: bytes) -> list[Object]:
    """Members of another type, where the file is the document itself and its fidelity does not admit them."""
    try:
        file = _json.decode(content.decode("utf-8"))
    except ValueError:
        return []
    if not isinstance(file, dict):
        return []
    document = {name: value for name, value in file.items() if name not in {"store", "attachments"}}
    if not trial.documents.covered(document):
        return []
    edits = list(_damage.wrong_types(content))
    return [
        edit for edit in edits if not trial.documents.covered({**document, cast("str", edit["name"]): edit["value"]})
    ]


@probe("COR-8", "planted entries")
def foreign_entries(trial: Trial) -> None:
    """Foreign files, folders, links, pipes and sockets in the root: nothing breaks, nothing hangs, none is listed."""
    foreign = cast("list[dict[str, str]]", _data.toml_file("spec", "foreign-entries.toml")["foreign"])
    with trial.run(_TRACKED) as base:
        _built(base, trial)
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

    victim = _ids(trial)[0]
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
        run.call("save", id=victim, document=trial.documents.plain(13, victim))
        run.do({"do": "disturb", "requirement": "COR-8"})
        run.do({"do": "look"})
        if trial.has("delete"):
            run.call("delete", id=victim)
            run.do({"do": "disturb", "requirement": "COR-8"})
            run.do({"do": "look"})


@probe("COR-10", "code as files")
def code_in_files(trial: Trial) -> None:
    """Files replaced by code of several languages: pickle, YAML tags, JavaScript, shell."""
    with trial.run(_TRACKED) as base:
        _built(base, trial)
        selectors = [*_own(base, trial), *({"shared": index} for index in range(len(base.shared_files())))]
        for selector in {str(selector): selector for selector in selectors}.values():
            edits: list[Object] = [{"edit": "code", "name": name} for name in _damage.CODE]
            _damaged(
                trial,
                base,
                ((edit, cast("Object", selector)) for edit in edits),
                "COR-1",
                {"do": "look"},
                {"do": "verify", "check": "no canary"},
            )
    trial.need(damaged_files=1)


@probe("COR-10", "code as text")
def code_in_documents(trial: Trial) -> None:
    """Documents that hold the same code as text, saved and loaded by a fresh process."""
    (id,) = _ids(trial)[:1]
    with trial.run() as run:
        document = _with_texts(trial, id, _damage.code_strings(trial.lab.canary))
        if document is None:
            raise NotApplicable("documents of the declared schema have no place for a text of the kit's choice")
        run.call("save", id=id, document=document)
        run.do({"do": "restart", "how": "close"})
        run.do({"do": "look"})
        run.do({"do": "verify", "check": "no canary"})
    trial.need(save_acknowledged=1)


def _with_texts(trial: Trial, id: str, texts: list[str]) -> Object | None:
    plain: list[JSON] = [{"role": "user", "content": text} for text in texts]
    match trial.statement.fidelity:
        case "json":
            return {"messages": plain, "texts": cast("JSON", texts)}
        case "messages":
            return {"messages": plain}
        case "format":
            blocks: list[JSON] = [{"type": "text", "text": text} for text in texts]
            return {**trial.documents.plain(0, id), "messages": [{"role": "user", "content": blocks}]}
        case _:
            return None


@probe("COR-11", "copied and swapped files")
def files_of_others(trial: Trial) -> None:
    """The file of one session copied over another's, and the two swapped."""
    ids = _ids(trial)
    if len(ids) < 2:
        raise NotApplicable("there is one document a root")
    with trial.run(_TRACKED) as base:
        _built(base, trial)
        _per_session(base, trial)
        pairs: list[Object] = [{"of": ids[0], "index": 0}, {"of": ids[1], "index": 0}]
        edits = [({"edit": "copy"}, *pairs), ({"edit": "copy"}, *reversed(pairs)), ({"edit": "swap"}, *pairs)]
        _damaged(trial, base, cast("list[tuple[Object, ...]]", edits), "COR-11", {"do": "look"})
    trial.need(damaged_files=1)


@probe("COR-12", "after damage")
def damaged_ids_work_again(trial: Trial) -> None:
    """A damaged session is deleted, or saved over; then its id works, also for a fresh process."""
    victim = _ids(trial)[0]
    save: Object = {
        "do": "call",
        "method": "save",
        "params": {"id": victim, "document": trial.documents.plain(11, victim)},
    }
    delete: Object = {"do": "call", "method": "delete", "params": {"id": victim}}
    fresh: Object = {"do": "reopen"}
    with trial.run(_TRACKED) as base:
        _built(base, trial)
        for selector in _own(base, trial):
            size = len(_content(base, selector))
            # What becomes of the other sessions in a file that serves several is for other requirements.
            look: Object = {"do": "look", "ids": [victim], "store": not _shared(selector)}
            hurts: list[Object] = [
                {"edit": "cut", "length": size // 2},
                {"edit": "cut", "length": 0},
                {"edit": "zero", "from": 0, "to": size},
                {"edit": "hostile", "name": "a list"},
            ]
            if trial.has("delete"):
                _damaged(
                    trial, base, ((hurt, selector) for hurt in hurts), "COR-12", delete, look, save, look, fresh, look
                )
            _damaged(trial, base, ((hurt, selector) for hurt in hurts), "COR-12", save, look, fresh, look)
    trial.need(damaged_files=1)


@probe("COR-13", "lists of damaged sessions")
def damaged_is_listed(trial: Trial) -> None:
    """`list` still names a session whose file was cut, emptied or replaced."""
    with trial.run(_TRACKED) as base:
        _built(base, trial)
        for selector in _own(base, trial):
            half = len(_content(base, selector)) // 2
            hurts: list[Object] = [
                {"edit": "cut", "length": half},
                {"edit": "cut", "length": 0},
                {"edit": "hostile", "name": "a list"},
            ]
            _damaged(
                trial,
                base,
                ((hurt, selector) for hurt in hurts),
                "COR-12",
                {"do": "call", "method": "list", "params": {}},
            )
    trial.need(damaged_files=1, list_calls=1)
