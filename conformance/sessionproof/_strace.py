"""What strace(1) prints, as values: `strace -f -y -xx` writes a line for each system call, or two where threads mix."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

COMMAND = ("strace", "--follow-forks", "--seccomp-bpf", "--quiet=all", "--decode-fds=path", "--strings-in-hex=all")
"""How strace is called, but for what to trace and where to write; from strace 5.3 on for `--seccomp-bpf`."""
LONGEST = 1 << 24
"""Bytes of a buffer that are printed; a longer one is noticed."""

_LINE = re.compile(r"(?:([0-9]+) +)?(.*)", re.DOTALL)
_CALL = re.compile(
    r"([a-z0-9_]+)\((.*)\) += (-?[0-9]+|\?|0x[0-9a-f]+)(?:<([^>]*)>)?(?: ([A-Z0-9]+) \(.*\))?.*", re.DOTALL
)
_UNFINISHED = re.compile(r"([a-z0-9_]+)\((.*?),? *<unfinished \.\.\.>", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. ([a-z0-9_]+) resumed>(.*)", re.DOTALL)
_OPENING, _CLOSING = "([{<", ")]}>"
_PIECE = re.compile(r'"[^"]*"?|[][(){}<>,]')
"""What counts where arguments are parted; strings, which are long, at once."""


class NotATrace(ValueError):  # noqa: N818 - reads as what is wrong
    """A line that strace does not print, as far as the kit knows."""


@dataclass(frozen=True, slots=True)
class Syscall:
    """One system call that has ended: its thread, its name, its arguments as printed, and what it returned.

    `result` is None where the thread died in the call; `error` is the name of the error, and `path` that of the file
    where the result is a descriptor.
    """

    thread: int
    name: str
    arguments: tuple[str, ...]
    result: int | None
    error: str = ""
    path: bytes | None = None

    def number(self, index: int) -> int:
        """The argument as a number; a descriptor is printed as number and path."""
        return int(self.arguments[index].partition("<")[0], 0)

    def text(self, index: int) -> bytes:
        """The argument as the bytes of a buffer or path."""
        return unquoted(self.arguments[index])

    def descriptor_path(self, index: int) -> bytes | None:
        """The path of the file that the descriptor in an argument stood for; None where it has none."""
        return _path(self.arguments[index].partition("<")[2].removesuffix(">"))

    def flags(self, index: int) -> frozenset[str]:
        """The argument as a set of flags."""
        return frozenset(self.arguments[index].split("|")) if index < len(self.arguments) else frozenset()


def unquoted(text: str) -> bytes:
    """The bytes of a string as strace prints it in hexadecimal.

    Raises:
        NotATrace: It is no such string, or was cut short.
    """
    if not (text.startswith('"') and text.endswith('"')):
        raise NotATrace(f"no whole string: {text[:80]}")
    return bytes.fromhex(text[1:-1].replace("\\x", ""))


def _path(text: str) -> bytes | None:
    """A path behind a descriptor: in hexadecimal too, with a remark where the file has no name any more."""
    name, deleted, _ = text.partition("(deleted)")
    try:
        path = bytes.fromhex(name.removesuffix(">").replace("\\x", ""))
    except ValueError:
        return None
    return path + b" (deleted)" if deleted else path


class Reader:
    """Reads the lines of one trace, in order; a call that was interrupted by others is given when it ends."""

    def __init__(self) -> None:
        self._open: dict[int, str] = {}

    def read(self, line: str) -> Syscall | None:
        """The call that ended with this line; None where none did.

        Raises:
            NotATrace: strace prints no such line.
        """
        found = _LINE.fullmatch(line.rstrip("\n"))
        assert found is not None
        thread, text = int(found[1] or 0), found[2]
        if text.startswith(("+++", "---")) or not text:
            return None
        unfinished = _UNFINISHED.match(text)
        if unfinished is not None and text.endswith("<unfinished ...>"):
            self._open[thread] = f"{unfinished[1]}({unfinished[2]}"
            return None
        resumed = _RESUMED.fullmatch(text)
        if resumed is not None:
            begun, rest = self._open.pop(thread, f"{resumed[1]}("), resumed[2].lstrip()
            joint = "" if begun.endswith("(") or rest.startswith(")") else ", "
            text = f"{begun}{joint}{rest.removeprefix(', ')}"
        whole = _CALL.fullmatch(text)
        if whole is None:
            raise NotATrace(line[:200])
        result = None if whole[3] == "?" else int(whole[3], 0)
        call = Syscall(thread, whole[1], tuple(_split(whole[2])), result, whole[5] or "")
        return call if whole[4] is None else replace(call, path=_path(whole[4]))


def _split(text: str) -> Iterator[str]:
    """The arguments: parted by commas, but not by those within strings, structures, lists and paths."""
    depth, start = 0, 0
    for found in _PIECE.finditer(text):
        piece = found[0]
        if piece in _OPENING:
            depth += 1
        elif piece in _CLOSING:
            depth -= 1
        elif piece == "," and not depth:
            yield text[start : found.start()].strip()
            start = found.end()
    if text[start:].strip():
        yield text[start:].strip()
