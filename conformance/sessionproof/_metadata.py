"""The step `describe`: what a log may be given as its metadata."""

from typing import TYPE_CHECKING, cast

from sessionproof._json import Object
from sessionproof._protocol import Answer, Call

if TYPE_CHECKING:
    from sessionproof._run import Run


def describe(run: "Run", step: Object) -> None:
    """Describe a log: what `read` gives as its metadata, with these members for those that were described last."""
    id = cast("str", step["id"])
    run.perform(Call("describe", {"id": id, "meta": meta_of(run, id, cast("Object", step["meta"]))}))


def meta_of(run: "Run", id: str, meta: Object) -> Object:
    """What `describe` may be given: what `read` gives, with these members for those that were described last."""
    if not run.listed("read"):
        return meta
    run.perform(Call("read", {"id": id}))
    found = run.last.result.get("meta") if isinstance(run.last, Answer) else None
    known: Object = found if isinstance(found, dict) else {}
    rest: Object = {name: value for name, value in known.items() if name not in run.described.get(id, ())}
    run.described[id] = frozenset(meta)
    # A declared schema may hold members together that cannot stand apart.
    for changed in ({**rest, **meta}, {**known, **meta}):
        if run.content.fits("meta", changed) or not run.content.declares("meta"):
            return changed
    return meta
