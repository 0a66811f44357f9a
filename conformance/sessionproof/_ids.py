"""Ids that a caller may try: promised ones, and hostile ones, each family for the requirement that it is about."""

import itertools
import os
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from hypothesis import strategies as st

from sessionproof._content import drawn
from sessionproof._placeholders import OUTSIDE
from sessionproof._statement import Statement, whole

_DEPTH = 3
"""How many folders of decoys stand above the root; no id that is tried climbs higher."""


def promised_strategy(statement: Statement) -> st.SearchStrategy[str]:
    """Ids that the statement promises to accept."""
    match statement.ids_kind:
        case "any":
            return st.from_regex(re.compile(r"[A-Za-z0-9_-]{1,64}"), fullmatch=True)
        case "uuid":
            return st.uuids().map(str)
        case "pattern":
            pattern = whole(_pattern(statement))
            return st.from_regex(pattern, fullmatch=True).filter(statement.promises)
        case "single":
            return st.just("session")
        case _:
            return st.nothing()


def _pattern(statement: Statement) -> str:
    assert isinstance(statement.ids, dict)
    return statement.ids["pattern"]


def promised(statement: Statement, count: int) -> list[str]:
    """Up to `count` distinct ids that the statement promises, the same in every run."""
    return [str(id) for id in drawn(promised_strategy(statement), count)]


def traversals(suffixes: Iterable[str]) -> list[str]:
    """Ids that a store which trusts them would follow out of its root, to the decoys (IDS-1).

    `suffixes` are the extensions of the store's own files; each name is tried with and without.
    """
    names = ["victim", "sibling", *(f"victim{suffix}" for suffix in suffixes if suffix)]
    climbs = ["/".join([".."] * level) for level in range(1, _DEPTH + 1)]
    reached = [f"{climb}/{name}" for climb, name in itertools.product(climbs, names)]
    reached += (
        [f"{climb}/sibling/decoy" for climb in climbs]
        + [f"{OUTSIDE}/{name}" for name in names]
        + [f"{OUTSIDE}/sibling/decoy"]
    )
    forms: list[str] = []
    for id in reached:
        forms += [id, f"./{id}", f"a/../{id}", f"sub/../../{id.removeprefix('../')}"]
        if not id.startswith(OUTSIDE):
            forms += [
                id.replace("/", "\\"),
                id.replace("/", "//"),
                id.replace("..", "%2e%2e").replace("/", "%2f"),
                id.replace("/", "%252f"),
                id.replace("..", "....").replace("/", "//"),
                id.replace("/", "\u2215"),
                id.replace("..", "\uff0e\uff0e"),
                f"{id}\0",
                f"{id}\0.json",
                f"{id}\n",
                f" {id}",
                f"{id}/",
            ]
        else:
            forms += [f"file://{id}", f"{id}\0"]
    forms += [
        "..",
        "../",
        "../.",
        ".",
        "./",
        "",
        "...",
        "..\\",
        "a/..",
        "a/../..",
        "$SESSIONPROOF_DECOY/x",
        "${SESSIONPROOF_DECOY}",
        "~nobody-of-that-name/x",
    ]
    return list(dict.fromkeys(forms))


def contained(id: str) -> bool:
    """Whether even a store that follows the id stays among the decoys: nothing else on the machine is ever at risk."""
    for form in {id, unquote(id), unquote(unquote(id)), id.replace("\\", "/"), id.strip(), id.partition("\0")[0]}:
        plain = form.replace("\\", "/").strip()
        if plain.startswith(("/", "~")) and not plain.startswith("~nobody"):
            return False
        path = os.path.normpath(plain.replace("\0", "")) if plain else "."
        if path.split("/").count("..") > _DEPTH:
            return False
    return True


def confusables(id: str) -> list[str]:
    """Other ids that a store may take for this one (IDS-2)."""
    return [
        id.upper(),
        id.lower(),
        id.capitalize(),
        f"{id}.json",
        f"{id}.",
        f"{id} ",
        f" {id}",
        f"{id}\0",
        f"{id}\0x",
        f"{id}\n",
        f"{id}/",
        f"/{id}",
        f"./{id}",
        f"{id}/.",
        f"{id}_",
        f"_{id}",
        f"{id}%20",
        f"{id}~1",
        f"{id}::$DATA",
    ]


# Each family: distinct ids that a lossy name would make one.
FAMILIES: list[list[str]] = [
    [
        "a/b",
        "a_b",
        "a-b",
        "a.b",
        "a b",
        "a%2Fb",
        "a\\b",
        "a:b",
        "ab",
        "a//b",
        "a/./b",
        "a%b",
        "a+b",
        "a=2Fb",
        "a__b",
        "a~b",
    ],
    ["Run", "run", "RUN", "rUn", "run ", "run.", "run.json", " run", "run\0", "run\n", "run\t"],
    ["caf\u00e9", "cafe\u0301", "cafe", "caf_", "caf\u00c9", "caf", "caf\u00e8", "caf%C3%A9"],
    ["stra\u00dfe", "strasse", "STRASSE", "STRA\u1e9eE"],
    ["\u212b", "\u00c5", "A\u030a"],
    ["\ufb01", "fi", "FI"],
    ["\u0130", "i\u0307", "I", "i", "\u0131"],
    ["", "default", "_", "-", ".", "..", "...", "null", "None", "undefined"],
    ["x..y", "x_y", "x.y", "x...y", "x/y"],
    ["1", "01", "1.0", "1e0", "+1", " 1", "\u0661", "\uff11", "0x1"],
    ["true", "True", "TRUE"],
    ["\U0001f600", "\U0001f601", "?", "??", "\ufffd", "_"],
    ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"],
    ["k\0a", "k\0b", "k"],
    ["w" * 255, "w" * 256, "w" * 257],
    ["p" * 250 + "x", "p" * 250 + "y", "p" * 250],
    ["q" * 300 + "x", "q" * 300 + "y", "q" * 300],
    ["r" * 4096 + "x", "r" * 4096 + "y"],
    ["\u00e9" * 127 + "x", "\u00e9" * 127 + "y", "\u00e9" * 128],
    ["\U0001f600" * 64 + "x", "\U0001f600" * 64 + "y"],
]

EDGES: list[str] = [
    "a",
    "Z",
    "0",
    "-",
    "_",
    "--",
    "-a",
    "_a",
    "a-",
    "CON",
    "null",
    "x" * 63,
    "y" * 64,
    "-" * 64,
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
]
"""Ids at the edges of the usual promises (IDS-7)."""

LENGTHS: list[str] = [
    "l" * 255,
    "k" * 230,
    "m" * 256,
    "n" * 4096,
    "\u00e9" * 255,
    "/" + "o" * 300,
    "a/" * 200,
    "s" * 1_000_000,
]
"""Lengths about and past what the name of a file, or of a temporary one beside it, can have (IDS-4)."""

SEVERE: list[str] = [
    "",
    "\0",
    "a\0b",
    "\n",
    "a\nb",
    "\r",
    "a\tb",
    "\x1b[2J",
    "\x7f",
    "\u2028",
    "\ufeff",
    "\u202e",
    "\ud800",
    "a\udfffb",
    "\udbff\udbff",
    "\uffff",
    "\U0010ffff",
    "CON",
    "con",
    "NUL",
    "nul.json",
    "PRN",
    "AUX",
    "COM1",
    "LPT1",
    "CONIN$",
    "C:",
    "C:x",
    "c:\\x",
    "\\\\server\\share\\x",
    "\\\\?\\C:\\x",
    "a:b",
    "a<b",
    "a>b",
    'a"b',
    "a|b",
    "a?b",
    "a*b",
    ".",
    "..",
    ".hidden",
    "-",
    "--help",
    "-rf",
    " ",
    "  a",
    "a  ",
    "a.",
]
"""No character at all, control characters, surrogates, device names and drive letters (IDS-4)."""

SYNTAX: list[str] = [
    "' OR '1'='1",
    "'; DROP TABLE sessions; --",
    "x'); DELETE FROM Cache; --",
    '" OR ""="',
    "`id`",
    "bystander%",
    "%",
    "_",
    "bystande_",
    "*",
    "?",
    "bystand*",
    "[a-z]*",
    "{bystander,x}",
    "**",
    ".*",
    "^.*$",
    "(?i)BYSTANDER",
    "bystander|x",
    "(",
    "[",
    "\\",
    "\\d+",
    "{0}",
    "{}",
    "{id}",
    "{0.__class__}",
    "%s",
    "%n%n%n",
    "%(id)s",
    "$id",
    "${id}",
    "$(touch $SESSIONPROOF_CANARY)",
    "`touch $SESSIONPROOF_CANARY`",
    "; touch $SESSIONPROOF_CANARY",
    "| touch $SESSIONPROOF_CANARY",
    "&& touch $SESSIONPROOF_CANARY",
    "bystander; ls",
    "#{1+1}",
    "{{7*7}}",
    "<%= 1 %>",
    "$.bystander",
    "bystander.messages",
    "['bystander']",
    "$where",
    "$ne",
    "%2A",
    "&amp;",
    "<!--",
    "!",
    "@",
    "#bystander",
    "bystander#",
    "bystander?x=1",
    "+",
    "=1+1",
]
"""Ids that are syntax somewhere: SQL, glob, format, shell, percent, regular expressions (IDS-5)."""

COMMON_NAMES: list[str] = [
    ".lock",
    "lock",
    "index",
    "index.json",
    "meta",
    "meta.json",
    "manifest.json",
    "sessions",
    "sessions.json",
    "attachments",
    "artifacts",
    "artifacts/x",
    "traces",
    "trace",
    "verification",
    ".tmp",
    "tmp",
    ".health_check",
    "db.json",
    ".db.json.tmp",
    "cache.db",
    "cache.db-wal",
    "cache.db-journal",
    ".git",
    "latest",
    "current",
]
"""Names that stores give to their own files (IDS-6); those that this store was seen to use are added."""


def own_names(paths: Iterable[str], ids: Iterable[str]) -> Iterator[str]:
    """Ids made of the names of the store's own files: whole, without extension, as temporaries of theirs."""
    for path in paths:
        name = path.rsplit("/", 1)[-1]
        stem = name.split(".")[0]
        yield from (
            path,
            name,
            stem,
            f".{name}",
            f"{name}.tmp",
            f"{name}.lock",
            f"{name}~",
            f"{name}.bak",
            f"{name}.new",
            f"tmp-{name}",
        )
    for id in ids:
        yield from (
            f"{id}.tmp",
            f"{id}.lock",
            f"{id}.json",
            f"{id}.json.tmp",
            f".{id}",
            f"{id}.bak",
            f"{id}/meta",
            f"{id}/attachments",
            f"{id}.attachments",
        )


def hostile_strategy(*, surrogates: bool) -> st.SearchStrategy[str]:
    """Generated hostile ids, none of which leads further than to the decoys."""
    pieces = st.sampled_from(
        [
            "..",
            "/",
            "\\",
            ".",
            "a",
            "B",
            "victim",
            "sibling",
            "decoy",
            ".json",
            "\0",
            "%2e",
            "%2f",
            "\u00e9",
            "e\u0301",
            " ",
            "\n",
            "~",
            "*",
            "'",
            "$",
            "%",
            "-",
            "_",
            "x" * 100,
        ]
    )
    characters = st.characters() if surrogates else st.characters(codec="utf-8")
    texts = st.text(characters, max_size=40)
    return (st.lists(pieces, max_size=8).map("".join) | texts).filter(contained)
