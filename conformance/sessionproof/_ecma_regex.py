"""JSON Schema's regular expressions (ECMA-262, with the `u` flag) in the words of Python's `re`."""

import re
from collections.abc import Iterator

_CLASSES = {
    "d": "0-9",
    "w": "0-9A-Z_a-z",
    "s": r"\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff",
}
# Within brackets `re` has no negation of a part, so these are spelled out.
_COMPLEMENTS = {
    "D": r"\x00-/:-\U0010ffff",
    "W": r"\x00-/:-@\[-\^`\{-\U0010ffff",
    "S": r"\x00-\x08\x0e-\x1f!-\x9f\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff"
    r"\u3001-\ufefe\uff00-\U0010ffff",
}

_TOKEN = re.compile(
    r"""(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})
      | (?P<point>\\u\{[0-9a-fA-F]+\})
      | (?P<code>\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4})
      | (?P<control>\\c[A-Za-z])
      | (?P<nul>\\0(?![0-9]))
      | (?P<back>\\[1-9][0-9]*)
      | (?P<named>\\k<[A-Za-z_][A-Za-z0-9_]*>)
      | (?P<property>\\[pP]\{[^}]*\})
      | (?P<escape>\\.)
      | (?P<group>\(\?(?:[:=!]|<[=!]|<[A-Za-z_][A-Za-z0-9_]*>))
      | (?P<odd_group>\(\?)
      | (?P<count>\{[0-9]+(?:,[0-9]*)?\})
      | (?P<nothing>\[\])
      | (?P<anything>\[(?:\^|\\s\\S|\\S\\s|\\d\\D|\\D\\d|\\w\\W|\\W\\w)\])
      | (?P<plain>.)""",
    re.VERBOSE | re.DOTALL,
)


class NotPortable(ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """The expression is no ECMA-262, or Python's `re` cannot say it. The message says which part and what to write."""


def to_python(pattern: str) -> str:
    r"""The same expression for `re.search`.

    They differ in `$` (only the very end), `.` (none of four line terminators), `\d \w \b` (ASCII), `\s` (a list of its
    own), `\u{...}`, `\c`, named groups, and brackets inside classes.

    Raises:
        NotPortable: It holds `\p{...}`, which `re` lacks, or what one of the two languages refuses.
    """
    python = "".join(_words(pattern))
    try:
        re.compile(python)
    except (re.error, OverflowError) as error:
        raise NotPortable(f"Python cannot read it: {error}") from error
    return python


def _words(pattern: str) -> Iterator[str]:
    in_class = False
    for token in _TOKEN.finditer(pattern):
        kind, text = token.lastgroup or "", token.group()
        if kind == "plain":
            yield _in_class(text) if in_class else _outside(text)
            in_class = text == "[" or (in_class and text != "]")
        elif in_class and kind in {"group", "odd_group", "count", "nothing", "anything"}:
            yield "".join(map(_in_class, text))
            in_class = not text.endswith("]")
        else:
            yield _escape(kind, text, in_class=in_class)


def _outside(character: str) -> str:
    return {"$": r"\Z", ".": r"[^\n\r\u2028\u2029]", "{": r"\{", "}": r"\}"}.get(character, character)


def _in_class(character: str) -> str:
    return "\\" + character if character in "[&|~" else character


def _escape(kind: str, text: str, *, in_class: bool) -> str:  # noqa: C901, PLR0912 - one case a kind of token
    match kind:
        case "pair":
            return re.escape(
                (chr(int(text[2:6], 16)) + chr(int(text[8:], 16))).encode("utf-16", "surrogatepass").decode("utf-16")
            )
        case "point":
            if int(text[3:-1], 16) > 0x10FFFF:
                raise NotPortable(f"{text} is past the end of Unicode")
            return f"\\U{int(text[3:-1], 16):08x}"
        case "control":
            return f"\\x{ord(text[2]) % 32:02x}"
        case "nul":
            return r"\x00"
        case "named":
            return f"(?P={text[3:-1]})"
        case "property":
            raise NotPortable(f"it uses {text}, which Python's re does not know; write the characters out as a class")
        case "group" if text[2:3] == "<" and text[3] not in "=!":
            return "(?P" + text[2:]
        case "odd_group":
            raise NotPortable("it has a group that opens with (? and is none of ECMA-262's")
        case "nothing":
            return "(?!)"
        case "anything":
            return "(?s:.)"
        case "escape":
            return _letter(text[1], in_class=in_class)
        case _:
            return text


def _letter(letter: str, *, in_class: bool) -> str:
    if letter in _CLASSES:
        return _CLASSES[letter] if in_class else f"[{_CLASSES[letter]}]"
    if letter in _COMPLEMENTS:
        return _COMPLEMENTS[letter] if in_class else f"[^{_CLASSES[letter.lower()]}]"
    if letter in "bB" and not (in_class and letter == "B"):
        return r"\x08" if in_class else rf"(?a:\{letter})"
    if letter.isascii() and letter.isalnum() and letter not in "fnrtv":
        raise NotPortable(rf"\{letter} is no escape of ECMA-262")
    return "\\" + letter
