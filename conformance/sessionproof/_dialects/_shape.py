"""Two-way mappings between the objects of a dialect and those of the spec's formats.

A mapping says only where members go. What does not come back by that alone is noted at the object it belongs to, under
`extensions.<dialect>`: `has` holds the members, `lacks` points at members (RFC 6901) that writing would add. So reading
and then writing is the identity, whatever the mapping leaves out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias, TypeGuard, cast

from sessionproof import _json

Document: TypeAlias = dict[str, Any]
"""A JSON object."""
Check: TypeAlias = Callable[[Any], bool]
Translate: TypeAlias = Callable[[Any], Any]


class _Absence(Enum):
    NOTHING = "nothing"


NOTHING = _Absence.NOTHING


def is_object(value: object) -> TypeGuard[Document]:
    """A JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """A JSON array."""
    return isinstance(value, list)


def always(_: object) -> bool:
    """Any value will do."""
    return True


def same(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The value itself."""
    return value


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a dialect's object and its place in the spec's; dots lead into nested objects.

    `home` says which values of the dialect have a place in the spec, `fits` which of the spec's the dialect can hold.
    `absent` is what the dialect writes for a member that the spec's document has not; such a value is not read either.
    """

    theirs: str
    ours: str
    home: Check = always
    fits: Check = always
    read: Translate = same
    write: Translate = same
    absent: Any = NOTHING
    """What stands in the dialect for no value: read as absent, written where absent."""
    default: Any = NOTHING
    """What is written where the spec has no value, though it is read as a value."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The mapping of one kind of object, made of members and, where those do not do, of two functions."""

    dialect: str
    members: tuple[Member, ...] = ()
    also_read: Callable[[Document], Document] | None = None
    """More of the spec's members, from the dialect's object."""
    also_write: Callable[[Document], Document] | None = None
    """More of the dialect's members, from the spec's object."""
    form: Callable[[Document], str | None] = field(default=lambda _: None)
    """A word for a spelling that the spec's object does not tell, kept as `form` and asked back by `form_of`."""

    def read(self, value: Document) -> Document:
        """The spec's object, with what does not come back in its `extensions`."""
        spec: Document = {}
        for member in self.members:
            found = get(value, member.theirs)
            if found is not NOTHING and found is not None and found != member.absent and member.home(found):
                put(spec, member.ours, member.read(found))
        if self.also_read is not None:
            spec = merged(spec, self.also_read(value))
        form = self.form(value)
        if form is not None:
            note(spec, self.dialect, "form", form)
        again = self._build(spec)
        has, lacks = _has(value, again), list(_lacks(value, again, ""))
        if has:
            note(spec, self.dialect, "has", has)
        if lacks:
            note(spec, self.dialect, "lacks", lacks)
        return _led(spec)

    def write(self, spec: Document) -> Document:
        """The dialect's object, with what its `extensions` say."""
        value = self._build(spec)
        noted = _noted(spec, self.dialect)
        has, lacks = noted.get("has"), noted.get("lacks")
        if is_object(has):
            value = merged(value, has)
        if is_list(lacks):
            pointers = [item for item in lacks if isinstance(item, str) and item[:1] == "/"]
            value = cast("Document", _json.without(value, tuple(pointers)))
        return value

    def _build(self, spec: Document) -> Document:
        value: Document = {}
        for member in self.members:
            found = get(spec, member.ours)
            if found is not NOTHING and member.fits(found):
                put(value, member.theirs, member.write(found))
            elif member.default is not NOTHING or member.absent is not NOTHING:
                put(value, member.theirs, member.absent if member.default is NOTHING else member.default)
        if self.also_write is not None:
            value = merged(value, self.also_write(spec))
        return _led(value)


def _led(value: Document) -> Document:
    """The object with what says what it is at its head, for those who read it."""
    return {name: value[name] for name in ("format", "version", "event", "type", "role") if name in value} | value


def form_of(spec: Document, dialect: str) -> str | None:
    """The spelling that was noted, if any."""
    form = _noted(spec, dialect).get("form")
    return form if isinstance(form, str) else None


def note(spec: Document, dialect: str, name: str, value: Any) -> None:  # noqa: ANN401 - any JSON
    """Keep a value under `extensions.<dialect>`."""
    spec.setdefault("extensions", {}).setdefault(dialect, {})[name] = value


def _noted(spec: Document, dialect: str) -> Document:
    noted = get(spec, "extensions")
    mine = noted.get(dialect) if is_object(noted) else None
    return mine if is_object(mine) else {}


def get(value: Document, path: str) -> Any:  # noqa: ANN401 - any JSON
    """The member at a dotted path, or NOTHING."""
    found: Any = value
    for name in path.split("."):
        if not is_object(found) or name not in found:
            return NOTHING
        found = found[name]
    return found


def put(value: Document, path: str, member: Any) -> None:  # noqa: ANN401 - any JSON
    """Set the member at a dotted path."""
    *way, last = path.split(".")
    for name in way:
        value = value.setdefault(name, {})
    value[last] = member


def merged(value: Document, more: Document) -> Document:
    """Both objects' members, nested objects member by member; where they differ, those of `more`."""
    result = dict(value)
    for name, member in more.items():
        there = result.get(name)
        if is_object(member) and is_object(there):
            result[name] = merged(there, member)
        else:
            result[name] = member
    return result


def kept(theirs: str, default: Any) -> Member:  # noqa: ANN401 - any JSON
    """A member with no place in the spec: what is not the default stays in `extensions`."""
    return Member(theirs, "-", home=lambda _: False, fits=lambda _: False, default=default)


def _has(value: Document, again: Document) -> Document:
    has: Document = {}
    for name, member in value.items():
        other = again.get(name, NOTHING)
        if is_object(member) and is_object(other):
            inner = _has(member, other)
            if inner:
                has[name] = inner
        elif other is NOTHING or not _json.same(member, other):
            has[name] = member
    return has


def _lacks(value: Document, again: Document, where: str) -> list[str]:
    lacks: list[str] = []
    for name, other in again.items():
        here = f"{where}/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in value:
            lacks.append(here)
        elif is_object(value[name]) and is_object(other):
            lacks += _lacks(value[name], other, here)
    return lacks
