"""JSON as the protocol means it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionproof import _json
from sessionproof._json_values import any_json


@given(any_json())
def test_value_changes_on_the_way(value: Any) -> None:
    """What is encoded and decoded is the same value, in one line of ASCII."""
    line = _json.encode(value)

    assert line.isascii()
    assert "\n" not in line
    assert _json.same(_json.decode(line), value)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (0, -0.0, False),
        (0.0, -0.0, False),
        (True, 1, False),
        (2**53 + 1, float(2**53), False),
        (10**22, 1e22, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        ("\u00e9", "e\u0301", False),
        (None, {}, False),
        ([], None, False),
        ("\ud800", "\ud800", True),
    ],
)
def test_values_are_mistaken_for_one_another(left: Any, right: Any, *, same: bool) -> None:
    """Members are a set, strings go by code point, integers are exact, -0.0 is not 0."""
    assert _json.same(left, right) is same


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":2}', "NaN", "[Infinity]", "-Infinity", "1 2", "", "{'a':1}", '{"a":1,"\\u0061":2}']
)
def test_text_that_is_no_json_is_read(text: str) -> None:
    """Repeated members, NaN and Infinity are refused, as is what no reader takes."""
    with pytest.raises(_json.NotJson):
        _json.decode(text)


def test_minus_zero_is_lost() -> None:
    """The literal -0 is the double, whatever Python's reader makes of it."""
    assert _json.same(_json.decode("-0"), -0.0)


@given(any_json(), st.integers(1, 40))
def test_depth_is_miscounted(value: Any, levels: int) -> None:
    """Each list around a value is one level more."""
    nested = value
    for _ in range(levels):
        nested = [nested]

    assert _json.depth(nested) == _json.depth(value) + levels


@given(st.dictionaries(st.text(max_size=3), any_json(), max_size=3), st.text(min_size=1, max_size=3), any_json())
def test_pointer_reaches_another_member(document: dict[str, Any], name: str, value: Any) -> None:
    """A member set by its pointer is where the pointer says, and gone after it was taken out."""
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    changed = _json.with_member(document, pointer, value)

    assert _json.same(changed[name], value)
    assert _json.same(_json.without(changed, (pointer,)), {k: v for k, v in document.items() if k != name})


def test_pointer_into_nested_objects_is_lost() -> None:
    """Objects on the way are made where they lack, and others are left alone."""
    document: dict[str, Any] = {"llm": {"model": "m"}, "list": [{"key": 1, "other": 2}]}

    assert _json.with_member(document, "/llm/api_key", "s")["llm"] == {"model": "m", "api_key": "s"}
    assert _json.with_member({}, "/a/b/c", 1) == {"a": {"b": {"c": 1}}}
    assert _json.without(document, ("/list/0/key", "/not/there"))["list"] == [{"other": 2}]
    assert json.dumps(document).count("api_key") == 0
