"""A JSON Schema 2020-12 and all that it refers to, made ready to be taken apart."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast
from urllib.parse import urldefrag, urljoin

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.exceptions import NoSuchResource, Unresolvable, Unretrievable
from referencing.jsonschema import DRAFT202012

from sessionproof import _ecma_regex
from sessionproof._json import JSON

Keywords: TypeAlias = Mapping[str, Any]
Schema: TypeAlias = Keywords | bool
Parts: TypeAlias = tuple[Schema, ...]

_ROOT = "urn:sessionproof:schema"
REFERENCES = ("$ref", "$dynamicRef")
_NAMED_SCHEMAS = {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
_SCHEMA_LISTS = {"allOf", "anyOf", "oneOf", "prefixItems"}
_ONE_SCHEMA = {
    *("additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"),
    *("unevaluatedItems", "unevaluatedProperties"),
}


class Unsatisfiable(Exception):  # noqa: N818 - the interface's own word
    """The schema admits nothing that can be built here. The message says which keyword, and where."""


class Library:
    """A schema and every schema it refers to, with absolute references and Python's regular expressions.

    Raises:
        Unsatisfiable: The schema is none, refers to what is not there, or holds a `pattern` that Python cannot read.
    """

    def __init__(self, schema: Schema, registry: Registry[Any], base_uri: str) -> None:
        metaschema = cast("Any", Draft202012Validator(cast("Schema", Draft202012Validator.META_SCHEMA)))
        for error in metaschema.iter_errors(schema):
            raise Unsatisfiable(f"{error.json_path}: this is no JSON Schema 2020-12: {error.message}")
        own_id = "" if isinstance(schema, bool) else schema.get("$id", "")
        uri = urldefrag(_absolute(base_uri, own_id) or _ROOT).url
        known = registry.crawl()
        if own_id or uri not in known:
            known = known.with_resource(uri, DRAFT202012.create_resource(schema)).crawl()
        self._references: dict[str, str] = {}
        self._registry: Registry[Any] = Registry()
        self.root = self._read(schema, uri, "#" if uri == _ROOT else f"{uri}#")
        self._load(known)

    def _load(self, known: Registry[Any]) -> None:
        loaded: set[str] = set()
        while wanted := {urldefrag(reference).url for reference in self._references} - loaded:
            for uri in sorted(wanted):
                try:
                    contents = cast("Schema", known.get_or_retrieve(uri).value.contents)
                except (NoSuchResource, Unretrievable) as error:
                    raise Unsatisfiable(f"the registry has no schema {uri}") from error
                read = self._read(contents, uri, "#" if uri == _ROOT else f"{uri}#")
                self._registry = self._registry.with_resource(uri, DRAFT202012.create_resource(read))
                loaded.add(uri)
        self._registry = self._registry.crawl()
        for reference, where in self._references.items():
            try:
                self._follow(reference)
            except Unresolvable as error:
                raise Unsatisfiable(f"{where}: there is nothing at {reference.removeprefix(_ROOT)}") from error
            except RecursionError as error:
                raise Unsatisfiable(f"{where}: the reference leads back to itself") from error

    def _follow(self, reference: str) -> None:
        target = self.lookup(reference)
        for key in REFERENCES:
            if not isinstance(target, bool) and key in target:
                self._follow(target[key])

    def _read(self, schema: Schema, base: str, where: str) -> Schema:
        if isinstance(schema, bool):
            return schema
        base = _absolute(base, schema.get("$id", ""))
        read: dict[str, Any] = {}
        for key, value in schema.items():
            here = f"{where}/{key}"
            if key in REFERENCES:
                read[key] = _absolute(base, value)
                self._references.setdefault(read[key], here)
            elif key == "$id":
                read[key] = base
            elif key == "pattern":
                read[key] = _python(value, here)
            elif key in _NAMED_SCHEMAS:
                regexes = key == "patternProperties"
                read[key] = {
                    _python(name, here) if regexes else name: self._read(inner, base, f"{here}/{name}")
                    for name, inner in value.items()
                }
            elif key in _SCHEMA_LISTS:
                read[key] = [self._read(inner, base, f"{here}/{index}") for index, inner in enumerate(value)]
            elif key != "$schema":
                read[key] = self._read(value, base, here) if key in _ONE_SCHEMA else value
        if _is_python(schema.get("pattern", "\\")):
            # Validators in Python read the pattern their own way: what the two readings disagree on is left out.
            read["allOf"] = [*read.get("allOf", ()), {"pattern": schema["pattern"]}]
        return read

    def lookup(self, reference: str) -> Schema:
        """The schema at an absolute reference."""
        found: Schema = self._registry.resolver().lookup(reference).contents
        return found

    def validator(self, parts: Parts) -> Callable[[JSON], bool]:
        """Whether a value meets all the schemas."""
        validator = cast("Any", Draft202012Validator({"allOf": list(parts)}, registry=self._registry))
        is_valid: Callable[[JSON], bool] = validator.is_valid
        return is_valid


def mark_of(schema: object) -> str:
    """A text that equal schemas share."""
    return json.dumps(schema, sort_keys=True)


def _absolute(base: str, reference: str) -> str:
    """The reference as a whole URI; `urljoin` alone loses the base of a `urn:`."""
    return urldefrag(base).url + reference if reference.startswith("#") else urljoin(base, reference)


def _is_python(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _python(pattern: str, where: str) -> str:
    try:
        return _ecma_regex.to_python(pattern)
    except _ecma_regex.NotPortable as error:
        raise Unsatisfiable(f"{where}: the pattern {pattern!r} cannot be used: {error}") from error
