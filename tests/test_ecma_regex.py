"""Patterns of ECMA-262 in Python's `re`."""

import re

import pytest

from sessionproof import _ecma_regex


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("^a$", ["a"], ["a\n", "ab"]),
        ("^a(?!\\n)$", ["a"], ["a\n"]),
        ("^.$", ["a", "\x85", "\U0001f600"], ["\n", "\r", "\u2028", "\u2029"]),
        ("^\\d$", ["7"], ["\u0667"]),
        ("^\\w\\W$", ["_\u00e9"], ["\u00e9-", "aa"]),
        ("^\\D$", ["\u0667"], ["7"]),
        ("^\\s\\S$", ["\ufeffa", "\u3000\x1c"], ["a ", "\x1ca"]),
        ("^[\\s\\S]$", ["\n", "a"], [""]),
        ("^[^]$", ["\n"], [""]),
        ("a[]|b", ["b"], ["a"]),
        ("^[\\w.-]+$", ["a.b-c"], ["\u00e9", "a b"]),
        ("^[^\\S\\n]$", [" ", "\u00a0"], ["\n", "a"]),
        ("^[[&&|~]+$", ["[&|~"], ["a"]),
        ("\\bfoo\\b", ["foo", "\u00e9foo"], ["foob"]),
        ("^[\\b]$", ["\b"], ["b"]),
        ("^\\u0041\\x42\\u{1F600}\\cA\\0$", ["AB\U0001f600\x01\0"], ["AB"]),
        ("^\\ud83d\\ude00$", ["\U0001f600"], ["\ud83d"]),
        ("^(?<year>\\d{4})-\\k<year>$", ["2026-2026"], ["2026-2025"]),
        ("^(a)\\1\\/\\.\\t$", ["aa/.\t"], ["ab/.\t"]),
        ("^x{,2}$", ["x{,2}"], ["xx"]),
        ("(?<=a)b", ["ab"], ["cb"]),
    ],
)
def test_pattern_misread(pattern: str, matching: list[str], other: list[str]) -> None:
    """A pattern means in Python what it means in ECMA-262."""
    regex = re.compile(_ecma_regex.to_python(pattern))
    assert [text for text in matching if regex.search(text)] == matching
    assert [text for text in other if regex.search(text)] == []


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("\\p{L}", "uses \\p{L}, which Python's re does not know; write the characters out as a class"),
        ("\\Aa", "\\A is no escape of ECMA-262"),
        ("(?P<n>a)", "a group that opens with (? and is none of ECMA-262's"),
        ("\\u{110000}", "\\u{110000} is past the end of Unicode"),
        ("(a", "Python cannot read it: missing )"),
        ("(?<=a+)b", "Python cannot read it: look-behind requires fixed-width pattern"),
    ],
)
def test_unusable_pattern_accepted(pattern: str, sentence: str) -> None:
    """A pattern that cannot be carried over is refused in a sentence."""
    with pytest.raises(_ecma_regex.NotPortable, match=re.escape(sentence)):
        _ecma_regex.to_python(pattern)
