"""The steps of a run that touch files and look at them, or that ask one special question."""

import base64
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sessionproof import _checks, _damage, _format_steps, _json, _metadata, _tree
from sessionproof._counting import CountedProcess, Seen
from sessionproof._history import Harm
from sessionproof._json import JSON, Object
from sessionproof._placeholders import resolved
from sessionproof._protocol import Answer, Call, Kind, Outcome, Refusal, Silence
from sessionproof._wording import observed, short
from sessionproof._worlds import Absent, Anything, Violation, Worlds

if TYPE_CHECKING:
    from sessionproof._run import Run

MEMORY = 1 << 30
"""Bytes that a process may grow by over a damaged file of some hundred kilobytes (COR-7)."""


def edit(run: "Run", step: Object) -> None:
    """Damage one file of the closed store."""
    requirement = cast("str", step["requirement"])
    selectors, change = cast("list[Object]", step["files"]), cast("Object", step["edit"])
    names = [name for selector in selectors if (name := _file(run, selector)) is not None]
    if len(names) < len(selectors):
        return
    paths = [run.root / name for name in names]
    victims = set[str]().union(*(run.owners.get(name, set()) for name in names)) - {""}
    shared = any("shared" in selector for selector in selectors)
    status = [path.stat() for path in paths]
    harm = "told" if step.get("told") else _harm(run, names[0], change)
    if change["edit"] == "swap":
        first, second = (path.read_bytes() for path in paths)
        paths[0].write_bytes(second)
        paths[1].write_bytes(first)
    elif change["edit"] == "copy":
        victims = run.owners[names[1]]
        paths[1].write_bytes(paths[0].read_bytes())
    elif change["edit"] == "remove":
        paths[0].unlink()
    else:
        paths[0].write_bytes(_damage.apply(change, paths[0].read_bytes(), run.place.canary))
    for path, before in zip(paths, status, strict=True):
        if path.exists():
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    run.count("damaged files")
    run.damaged = {name: path.read_bytes() for name, path in zip(names, paths, strict=True) if path.exists()}
    ids = run.ids() if shared else victims
    run.worlds = run.worlds.damaged(ids, requirement, shared=shared, harm=harm)
    if step.get("side_file"):
        run.worlds = run.worlds.without_metadata()
        # A missing or damaged side file is damage to no session: whatever is wrong now breaks the requirement.
        run.worlds = run.worlds.disturbed(requirement)


def _harm(run: "Run", name: str, change: Object) -> Harm:
    """Whether the edit cuts the file exactly behind a whole record: what ends a line behind it may lack.

    Records end where a call ended, and with lines: one call may write several.
    """
    if change["edit"] != "cut":
        return ""
    content, length = (run.root / name).read_bytes(), cast("int", change["length"])
    ends = [end for end in run.ends.get(name, ()) if end >= length > 0]
    behind = any(not content[length:end].strip() for end in ends) or b"\n" in content[length - 1 : length + 1]
    return "shorter" if length and behind else ""


def damaged_as_opened(run: "Run", _: Object) -> None:
    """Take the damaged bytes as the store left them when it was opened."""
    run.damaged = {name: (run.root / name).read_bytes() for name in run.damaged if (run.root / name).is_file()}


def _file(run: "Run", selector: Object) -> str | None:
    match selector:
        case {"of": str(id), "index": int(index)}:
            files = run.files_of(id)
        case {"shared": int(index)}:
            files = run.shared_files()
        case _:
            raise ValueError(f"no such file selector: {selector}")
    return files[index] if index < len(files) else None


def plant(run: "Run", step: Object) -> None:
    """Make an entry that is none of the store's in the root; with `replace` in the place of what is there."""
    name = cast("str", step["name"])
    for session, id in run.names.items():
        name = name.replace(session, id)
    path = run.root / name
    run.root.mkdir(exist_ok=True)
    if os.path.lexists(path):
        if not step.get("replace"):
            return
        _removed(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = base64.b64decode(cast("str", step.get("base64", "")))
    if step["kind"] == "link":
        content = os.fsencode(cast("str", resolved(os.fsdecode(content), str(run.outside))))
    _tree.make(path, cast("str", step["kind"]), content)
    if "mode" in step:
        path.chmod(cast("int", step["mode"]))
    if step.get("foreign", True):
        run.planted.add(name.split("/")[0])


def empty(run: "Run", _: Object) -> None:
    """Remove all that the closed store has made in its root."""
    for path in run.root.iterdir():
        _removed(path)
    run.worlds = Worlds()
    run.owners.clear()


def _removed(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def surround(run: "Run", step: Object) -> None:
    """Stand decoys around the root, on every level: a whole store, and its files by other names. Empty the root."""
    assert run.setup.around
    for level in (run.root.parent, *list(run.root.parent.parents)[:3]):
        for name in run.files_of(cast("str", step["id"])) or run.shared_files():
            suffix = "".join(Path(name).suffixes)
            for decoy in (f"victim{suffix}", "victim", f"{Path(name).name.removesuffix(suffix)}{suffix}"):
                if not (level / decoy).exists():
                    (level / decoy).write_bytes((run.root / name).read_bytes())
        if run.root.exists() and not (level / "sibling").exists():
            _tree.copy(run.root, level / "sibling")
    if run.root.exists():
        run.root.rename(run.outside / "the store that the decoys come from")
    run.worlds = Worlds()
    run.owners.clear()
    run.surroundings = around(run)


def watch_around(run: "Run", _: Object) -> None:
    """From here on, after every call, look whether anything outside the root has changed."""
    run.surroundings = around(run)


def around(run: "Run") -> dict[str, _tree.Entry]:
    inside = str(run.root.relative_to(run.outside))
    return {
        name: replace(entry, modified=0) if str(run.root.relative_to(run.outside)).rpartition("/")[0] == name else entry
        for name, entry in _tree.picture(run.outside).items()
        if name != inside and not name.startswith(inside + "/")
    }


def compare_surroundings(run: "Run", call: Call, outcome: Outcome, *, absent: bool) -> None:
    """Nothing around the root has changed, and a session that was `absent` before the call was not found outside."""
    run.count("looks around the root")
    assert run.surroundings is not None
    changed = _tree.difference(run.surroundings, around(run))
    if changed:
        named = f"for {short(call.params)}" if call.method == "create" else f"with the id {short(call.id)}"
        summary = f"`{call.method}` {named} reaches out of the root: {changed}."
        run.report(Violation(("IDS-1",), "outside-changed", summary, "nothing outside the root changes", changed))
        run.surroundings = around(run)
    if not isinstance(outcome, Answer) or not absent:
        return
    if call.method in {"load", "read"} and _holds(outcome, run.content.plain(7, "decoy")):
        summary = f"`{call.method}` with the id {short(call.id)} reads a file outside the root."
        run.report(Violation(("IDS-1",), "outside-read", summary, "nothing", observed(outcome)))
    exists = outcome.result.get("exists") and not run.place.model.hollow
    told = exists or outcome.result.get("items")
    if told and ("victim" in call.id or "sibling" in call.id):
        summary = f"`{call.method}` with the id {short(call.id)} tells of a file outside the root."
        run.report(Violation(("IDS-1",), "outside-read", summary, "nothing", observed(outcome)))


def mark(run: "Run", step: Object) -> None:
    """Remember the tree, once it is quiet."""
    shown = run.tree()
    for _ in range(50):
        time.sleep(0.002)
        again = run.tree()
        if _tree.difference(shown, again) is None:
            break
        shown = again
    run.marks[cast("str", step["name"])] = shown


def verify(run: "Run", step: Object) -> None:
    """One of the checks of `_checks`, which look at files."""
    run.count("looks at files")
    violation = _checks.CHECKS[cast("str", step["check"])](run, step)
    if violation is not None:
        run.report(violation)


def adopt(run: "Run", _: Object) -> None:
    """Take what is there as it is: the next answers are judged by what they say now."""
    run.worlds = run.worlds.mapped(lambda _, state: Anything() if not isinstance(state, Absent) else state)


def disturb(run: "Run", step: Object) -> None:
    """From here on every wrong answer breaks the named requirement."""
    run.worlds = run.worlds.disturbed(cast("str", step["requirement"]))


def moment(run: "Run", _: Object) -> None:
    """Remember this moment for a prune."""
    run.moment = datetime.now(UTC)


def pruned(run: "Run", step: Object) -> None:
    """Prune, of which the probe knows what it must remove: at the remembered moment, or as `params` say."""
    before = run.worlds
    if "params" in step:
        params = cast("Object", step["params"])
    else:
        zone = timezone(timedelta(minutes=cast("int", step["offset_minutes"])))
        params = Object(before=run.moment.astimezone(zone).isoformat())
    run.perform(Call("prune", params))
    outcome = run.last
    refused = isinstance(outcome, Refusal)
    if refused != bool(step.get("refused", False)):
        summary = (
            "`prune` refuses an instant that it can reach."
            if refused
            else "`prune` accepts a number that it cannot reach."
        )
        expected = "an error" if step.get("refused") else "an acknowledgement"
        run.report(Violation(("STO-10",), "prune-refusal", summary, expected, observed(cast("Outcome", outcome))))
        return
    run.worlds = before.pruned([] if refused else cast("list[str]", step["removes"]))


def forbid_writing(run: "Run", _: Object) -> None:
    run.root.chmod(0o555)


def check_refuses(run: "Run", _: Object) -> None:
    outcome = run.no_store or run.process.call(Call("check"))
    run.count("check calls")
    if not isinstance(outcome, Refusal) or outcome.kind is Kind.INTERNAL:
        summary = "`check` finds a root usable that cannot be written."
        run.report(Violation(("STO-13",), "check-passes", summary, "an error", observed(outcome)))


def attach_to_nothing(run: "Run", step: Object) -> None:
    """Attach to a session that is not there: refused as `not_found`, or what was acknowledged can be read."""
    where: Object = {"id": step["id"], "kind": step["kind"]}
    outcome = run.process.call(Call("attach", {**where, "items": step["items"]}))
    run.count("attach calls")
    if isinstance(outcome, Refusal) and outcome.kind is Kind.NOT_FOUND:
        return
    if isinstance(outcome, Answer):
        read = run.process.call(Call("attachments", where))
        if isinstance(read, Answer) and _json.same(read.result["items"], step["items"]):
            return
        summary = "Attachments of a session that is not there are acknowledged, and then not there."
        run.report(
            Violation(("FMT-8",), "attached-to-nothing", summary, "error `not_found`, or the items", observed(read))
        )
        return
    summary = "Attaching to a session that is not there is neither acknowledged nor refused as `not_found`."
    run.report(Violation(("FMT-8",), "attach-refusal", summary, "error `not_found`", observed(outcome)))


def elsewhere(run: "Run", step: Object) -> None:
    """Make what planted links point to: a file with these bytes, and a folder, outside the root."""
    place = run.outside / "elsewhere"
    place.mkdir()
    (place / "file").write_bytes(base64.b64decode(cast("str", step["base64"])))
    (place / "folder").mkdir()
    (place / "folder" / "inside").write_bytes(b"of somebody else")
    run.marks["outside"] = _tree.picture(place)


def attempt(run: "Run", step: Object) -> None:
    """A call whose refusal is as right as its success: only silence, and what it does to files, is judged.

    `not_finding` is a document that a load must not return.
    """
    params = cast("Object", step["params"])
    if step["method"] == "describe":
        params = Object(params, meta=_metadata.meta_of(run, cast("str", params["id"]), cast("Object", params["meta"])))
    outcome = run.no_store or run.process.call(Call(cast("str", step["method"]), params))
    run.last = outcome
    if isinstance(outcome, Answer) and "as" in step:
        run.names[cast("str", step["as"])] = cast("str", outcome.result["id"])
    run.count("calls beside planted entries")
    if isinstance(outcome, Silence):
        run.report(
            Violation(
                (),
                f"{step['method']}-{outcome.reason}",
                f"`{step['method']}` is not answered.",
                "an answer",
                observed(outcome),
            )
        )
    if "not_finding" in step and _holds(outcome, cast("Object", step["not_finding"])):
        summary = f"A link planted at {step['link']!r} is read through, out of the root."
        run.report(Violation(("SEC-2",), "link-read", summary, "an error, or nothing", observed(outcome)))


def watch(run: "Run", _: Object) -> None:
    """From now on see what is written where the store has no business."""
    _seen(run)


def nothing_elsewhere(run: "Run", step: Object) -> None:
    """Nothing was written outside the root since this was last asked, or the watch began."""
    written = [path for path in _seen(run).written if path != run.root and run.root not in path.parents]
    outside = [str(path) for path in written if not run.place.allowed_outside(path)]
    run.count("looks outside the root")
    if outside:
        first = Path(outside[0])
        summary = f"`{step['method']}` writes outside the root: {first.name!r} in {first.parent.name!r}."
        run.report(
            Violation(("SEC-3",), "written-outside", summary, "writes inside the root only", ", ".join(outside[:5]))
        )


def _seen(run: "Run") -> Seen:
    assert isinstance(run.process, CountedProcess)
    return run.process.seen()


def foreign_untouched(run: "Run", _: Object) -> None:
    """Mode, owner and name of what the store did not make are as they were, the root's parent included."""
    changed = _tree.difference(
        run.marks["foreign"], {k: v for k, v in foreign(run).items() if k in run.marks["foreign"]}, ("names", "modes")
    )
    run.count("looks at foreign modes")
    if changed:
        summary = f"The store changes what it did not create: {changed}."
        run.report(Violation(("SEC-4",), "foreign-changed", summary, "modes, owners and names as they were", changed))


def mark_foreign(run: "Run", _: Object) -> None:
    """Remember what the store did not make, with modes that a store has no reason to like."""
    run.root.parent.chmod(0o755)
    if run.setup.premade:
        run.root.chmod(0o755)
    run.marks["foreign"] = foreign(run)


def foreign(run: "Run") -> dict[str, _tree.Entry]:
    """Everything around the root, the root itself, and what the kit put into it."""
    inside = f"{run.root.relative_to(run.outside)}/"
    return {
        name: replace(entry, modified=0)
        for name, entry in _tree.picture(run.outside).items()
        if not name.startswith(inside) or name.removeprefix(inside).split("/")[0] in run.planted
    }


def bounded_memory(run: "Run", _: Object) -> None:
    """The process has not grown beyond what such files can need."""
    grown = run.process.peak_memory() - run.process.first_memory
    if grown > MEMORY:
        summary = "Reading a damaged file takes memory without bound."
        run.report(
            Violation(
                ("COR-7",),
                "memory",
                summary,
                f"less than {MEMORY >> 20} MiB more than at the start",
                f"{grown >> 20} MiB more",
            )
        )


def workspaces(run: "Run", _: Object) -> None:
    """`summaries` of one workspace are exactly those that name it."""
    everything = _summaries(run)
    for workspace in sorted({name for summary in everything if isinstance(name := summary.get("workspace"), str)}):
        run.count("workspaces looked at")
        expected = sorted(cast("str", summary["id"]) for summary in everything if summary.get("workspace") == workspace)
        found = sorted(cast("str", summary["id"]) for summary in _summaries(run, workspace=workspace))
        if found != expected:
            text = f"`summaries` of the workspace {workspace!r} names other sessions than those of that workspace."
            run.report(Violation(("STO-9",), "workspace-wrong", text, short(expected), short(found)))


def _summaries(run: "Run", **params: JSON) -> list[Object]:
    run.perform(Call("summaries", params))
    return cast("list[Object]", run.last.result["summaries"]) if isinstance(run.last, Answer) else []


def _holds(outcome: Outcome, value: Object) -> bool:
    """Whether a load or read answers this document, ids aside, or a log with this entry."""
    if not isinstance(outcome, Answer) or not outcome.result.get("found"):
        return False
    found = outcome.result.get("entries", [outcome.result.get("document")])
    values = [one for one in cast("list[JSON]", found) if isinstance(one, dict)]
    return any(_json.same(_anonymous(one), _anonymous(value)) for one in values)


def _anonymous(document: Object) -> Object:
    return {name: value for name, value in document.items() if name != "id"}


STEPS: dict[str, Callable[["Run", Object], None]] = {
    "describe": _metadata.describe,
    "edit": edit,
    "damaged as opened": damaged_as_opened,
    "empty": empty,
    "plant": plant,
    "surround": surround,
    "watch around": watch_around,
    "mark": mark,
    "verify": verify,
    "adopt": adopt,
    "disturb": disturb,
    "moment": moment,
    "prune": pruned,
    "forbid writing": forbid_writing,
    "check refuses": check_refuses,
    **_format_steps.STEPS,
    "attach to nothing": attach_to_nothing,
    "elsewhere": elsewhere,
    "try": attempt,
    "watch": watch,
    "nothing elsewhere": nothing_elsewhere,
    "mark foreign": mark_foreign,
    "foreign untouched": foreign_untouched,
    "bounded memory": bounded_memory,
    "workspaces": workspaces,
}
