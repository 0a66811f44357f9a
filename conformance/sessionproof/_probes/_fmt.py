"""FMT: documents, on the wire and in the files."""

from collections.abc import Iterator
from typing import cast

from hypothesis import strategies as st

from sessionproof import _json
from sessionproof._content import SAFE_INTEGER
from sessionproof._json import JSON, Object
from sessionproof._probes._machine import furnish, write_and_look
from sessionproof._probes._registry import LOGS, probe
from sessionproof._setup import Setup
from sessionproof._trial import Inconclusive, NotApplicable, Trial

_TRACKED = Setup(tracked=True)
_ROUND_TRIP = {"STO-2": "FMT-2", "LOG-1": "FMT-2", "LOG-7": "FMT-2", "STO-7": "FMT-2"}


@probe("FMT-1", "histories")
def files_are_valid(trial: Trial) -> None:
    """After histories of saves, attachments and deletes, every file of the format."""
    trial.need_format()
    ids = trial.some_ids(3)

    def history(drawn: list[tuple[str, Object, str]]) -> None:
        with trial.run() as run:
            for id, document, then in drawn:
                run.write(id, trial.content.fit(document, id))
                if then:
                    furnish(run, trial, id, len(then))
                if then == "attach" and trial.has("attach"):
                    run.call("attach", id=id, kind="artifacts", items=trial.content.plain_items("artifacts", 2))
                if then == "delete" and trial.has("delete"):
                    run.call("delete", id=id)
                if trial.statement.durability == "close":
                    run.do({"do": "reopen"})
                run.do({"do": "verify", "check": "valid"})

    choice = st.tuples(st.sampled_from(ids), trial.content.drawn(), st.sampled_from(["", "attach", "delete"]))
    trial.explore(st.lists(choice, min_size=1, max_size=4), trial.budget.documents // 4 + 1, history)
    trial.need(writes_acknowledged=1, files_validated=1)


@probe("FMT-2", "drawn documents", _ROUND_TRIP)
def documents_come_back(trial: Trial) -> None:
    """Values drawn from the declared fidelity come back as the same JSON value."""
    (id,) = trial.ids(1)

    def example(document: Object) -> None:
        with trial.run() as run:
            write_and_look(run, id, trial.content.fit(document, id))

    trial.explore(trial.content.drawn(), trial.budget.documents, example)
    trial.need(writes_acknowledged=1)


@probe("FMT-2", "curated texts", _ROUND_TRIP)
def texts_come_back(trial: Trial) -> None:
    """Texts that stores are known to lose: all planes of Unicode, controls, long ones; numbers at the edges."""
    (id,) = trial.ids(1)
    for document in _curated(trial, id):
        if document is not None and trial.content.must_keep(document):
            trial.count("curated values")
            with trial.run() as run:
                write_and_look(run, id, document)
    if not isinstance(trial.statement.fidelity, str) and not trial.trials.get("curated values"):
        raise NotApplicable("documents of the declared schema have no place for a value of the kit's choice")
    trial.need(writes_acknowledged=1)


def _curated(trial: Trial, id: str) -> Iterator[Object | None]:
    """Values that hold the curated ones: anywhere, or in each place of a declared schema that takes them."""
    numbers = _NUMBERS if trial.statement.fidelity not in ("format", "messages") else []
    curated = [*_TEXTS, *numbers, *_NUMBERS_OF_FORMATS]
    if isinstance(trial.statement.fidelity, str):
        yield from (trial.content.holding(id, value) for value in curated)
        return
    for turn, value in enumerate(curated):
        places = [place for place in trial.content.places if place.takes(value)]
        for place in trial.budget.some(places, turn):
            yield trial.content.fit(cast("Object", place.holding(value)), id)


_TEXTS: list[JSON] = [
    "",
    " ",
    "\0",
    "".join(map(chr, range(1, 32))),
    "\x7f\x80\x9f",
    "\u2028\u2029",
    "\ufeffbyte-order mark first",
    "\ufffd\ufffe\uffff",
    "e\u0301 is not \u00e9",
    "\u202e\u2066right to left",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U00010000\U0010ffff",
    "\\ud800 as text",
    '"quoted" \\ and / and </script>',
    "\r\n line ends \n\r",
    "NaN",
    "null",
    "---\nyaml: [true]\n",
    "'; DROP TABLE sessions; --",
    "long " * 20_000,
    "\U0001f600" * 20_000,
]
_NUMBERS: list[JSON] = [
    0,
    -0.0,
    1.0,
    0.1,
    1e-7,
    5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    1e22,
    1e16 + 2,
    SAFE_INTEGER,
    -SAFE_INTEGER,
]
_NUMBERS_OF_FORMATS: list[JSON] = [2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1]


@probe("FMT-2", "entries like other records", _ROUND_TRIP, keeps=LOGS)
def entries_are_no_records(trial: Trial) -> None:
    """Entries with members that a store may use for what is no entry come back as entries."""
    (id,) = trial.ids(1)
    for name in ("kind", "type", "role", "event", "op"):
        for text in ("boundary", "compaction", "event", "meta", "summary", "header", "entry", "delete"):
            entry: Object = {**trial.content.plain(1, id), name: text, "number": 1, "archive": "a", "title": "t"}
            if trial.content.must_keep(entry):
                trial.count("entries like other records")
                with trial.run() as run:
                    run.write(id, trial.content.plain(0, id))
                    run.load(id)
                    write_and_look(run, id, entry)
    if not trial.trials.get("entries like other records"):
        raise NotApplicable("entries of the declared fidelity have no members of the kit's choice")


@probe("FMT-2", "metadata", _ROUND_TRIP, keeps=LOGS)
def metadata_come_back(trial: Trial) -> None:
    """What `describe` sets comes back as the same JSON value."""
    if not trial.has("describe"):
        raise NotApplicable("the statement lists no `describe`")
    (id,) = trial.ids(1)

    def example(meta: JSON) -> None:
        with trial.run() as run:
            run.write(id, trial.content.plain(0, id))
            run.load(id)
            run.do({"do": "describe", "id": id, "meta": meta})
            run.load(id)
            run.do({"do": "reopen"})
            run.load(id)

    trial.explore(trial.content.items("meta"), trial.budget.documents // 2, example)
    trial.need(describe_acknowledged=1)


@probe("FMT-3", "members without a name")
def unknown_members_survive(trial: Trial) -> None:
    """Members that the format does not name, in any object, survive a load and a save."""
    if isinstance(trial.statement.fidelity, str) and trial.statement.fidelity != "format":
        raise NotApplicable("no format is claimed and no schema declared, so there is no member that it does not name")
    (id,) = trial.ids(1)

    def example(document: Object) -> None:
        fitted = trial.content.fit(document, id)
        if not trial.content.must_keep(fitted):
            return
        with trial.run() as run:
            run.write(id, fitted)
            outcome = run.load(id)
            trial.count("documents with unknown members")
            if outcome is not None:
                run.write(id, fitted)
                run.load(id)

    trial.translate = dict.fromkeys(("STO-2", "LOG-1", "FMT-2"), "FMT-3")
    trial.explore(trial.content.drawn(extra_members=True), trial.budget.documents // 2, example)
    trial.need(writes_acknowledged=1)


@probe("FMT-4", "invalid documents")
def invalid_is_refused(trial: Trial) -> None:
    """Values that are no objects, or not of the claimed format, into a session and without one."""
    id, *others = trial.some_ids(2)
    for fault, document in trial.content.refusable(id):
        trial.count("invalid documents")
        for target in (id, *others):
            with trial.run() as run:
                run.write(id, trial.content.plain(0, id))
                run.make(target)
                run.do({"do": "mark", "name": "before"})
                run.write(target, document)
                step: Object = {"do": "verify", "check": "unchanged", "since": "before", "requirement": "FMT-4"}
                run.do({**step, "aspects": ["names", "bytes"], "what": f"Refusing {fault}"})
                run.do({"do": "disturb", "requirement": "FMT-4"})
                run.do({"do": "look"})
    trial.need(invalid_documents=1)


SECRET = "SessionproofSecret0f1e2d3c4b5a"  # noqa: S105 - a canary


@probe("FMT-5", "after every operation")
def secrets_stay_off_the_disk(trial: Trial) -> None:
    """A declared secret, searched in every byte of every file after every operation."""
    ids = trial.some_ids(2)
    for pointer in trial.statement.secrets:
        document = _with_secret(trial, ids[0], pointer)
        with trial.run() as run:
            search: Object = {"do": "verify", "check": "secret", "secret": SECRET}
            for turn in range(2):
                run.write(ids[0], document)
                run.do(search)
                furnish(run, trial, ids[0], turn)
                run.do(search)
                run.do({"do": "look"})
                run.do(search)
                if trial.has("attach"):
                    run.call("attach", id=ids[0], kind="trace", items=trial.content.plain_items("trace", 2))
                    run.do(search)
                if trial.has("check"):
                    run.call("check")
                    run.do(search)
                if turn == 0 and trial.has("delete"):
                    run.call("delete", id=ids[0])
                    run.do(search)
            run.do({"do": "reopen"})
            run.do(search)
        trial.count("secrets")
    trial.need(writes_acknowledged=1, secrets=1)


def _with_secret(trial: Trial, id: str, pointer: str) -> Object:
    """A document that holds the secret where the pointer says.

    Raises:
        Inconclusive: The fidelity's schema leaves no way to build one.
    """
    from sessionproof._content import drawn  # noqa: PLC0415 - only typed stores need it

    candidates = [trial.content.plain(0, id)]
    if not isinstance(trial.statement.fidelity, str):
        candidates += [trial.content.fit(document, id) for document in drawn(trial.content.drawn(), 24)]
    for candidate in candidates:
        document = _json.with_member(candidate, pointer, SECRET)
        for completed in (document, _completed(document)):
            if trial.content.covered(completed):
                return completed
    raise Inconclusive(f"no document of the declared fidelity can be built with a text at {pointer}")


def _completed(document: Object) -> Object:
    """What the claimed session format asks for beside an API key."""
    llm = document.get("llm")
    return {**document, "llm": {"provider": "p", "model": "m", **llm}} if isinstance(llm, dict) else document


@probe("FMT-6", "planted versions")
def newer_versions(trial: Trial) -> None:
    """A file of a newer major version is refused and left; one of a newer minor version loads."""
    trial.need_format()
    (id,) = trial.ids(1)
    for version, newer in (("2.0", True), ("10.3", True), ("1.1", False), ("1.999", False)):
        with trial.run(_TRACKED) as run:
            run.write(id, trial.content.plain(0, id))
            run.do({"do": "rest"})
            run.do({"do": "plant version", "id": id, "version": version, "newer": newer})
            run.do({"do": "mark", "name": "planted"})
            run.do({"do": "wake"})
            run.do({"do": "load version", "id": id, "version": version, "newer": newer})
            if newer:
                run.do({"do": "adopt"})
                run.do({"do": "look"})
                step: Object = {"do": "verify", "check": "unchanged", "since": "planted", "requirement": "FMT-6"}
                run.do({**step, "aspects": ["names", "bytes"], "what": "Reading a newer version"})
    trial.need(versions_planted=4)


@probe("FMT-7", "strict files")
def files_are_strict(trial: Trial) -> None:
    """Values at the edges of JSON; then every file read strictly."""
    trial.need_format()
    (id,) = trial.ids(1)
    odd: list[JSON] = [
        1e308,
        -1e308,
        5e-324,
        -0.0,
        10**400,
        "\ud800",
        "a\udfffb",
        "\ud83d\ude00",
        {"a": 1, "A": 2},
        {"\u00e9": 1, "e\u0301": 2},
    ]
    for value in odd:
        if not trial.lab.limits.surrogates and any(_json.has_lone_surrogate(text) for text in _json.strings(value)):
            continue
        document: Object = {**trial.content.plain(0, id), "extensions": {"probe": {"value": value}}}
        with trial.run() as run:
            run.write(id, document)
            run.do({"do": "verify", "check": "strict"})

    def example(document: Object) -> None:
        with trial.run() as run:
            run.write(id, trial.content.fit(document, id))
            run.do({"do": "verify", "check": "strict"})

    trial.explore(trial.content.drawn(), trial.budget.documents // 2, example)
    trial.need(writes_acknowledged=1, files_read_strictly=1)
