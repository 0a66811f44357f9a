"""Pictures of folders, and the edits that damage files."""

import base64
import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionproof import _damage, _tree
from sessionproof._tree import Aspect, difference, picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one entry of each kind."""
    (tmp_path / "f").write_bytes(b"bytes")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "inner").write_bytes(b"")
    (tmp_path / "l").symlink_to("nowhere")
    os.mkfifo(tmp_path / "p")
    _tree.make(tmp_path / "s", "socket")
    return tmp_path


def test_copy_differs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A copy has the same names, kinds, bytes, modes and times; pipes and sockets do not block it."""
    (folder / "f").chmod(0o604)
    os.utime(folder / "d" / "inner", ns=(1, 2))
    target = tmp_path_factory.mktemp("copy") / "there"
    _tree.copy(folder, target)

    assert difference(picture(folder), picture(target), ("names", "bytes", "modes")) is None
    assert picture(target)["d/inner"].modified == 2
    assert {entry.kind for entry in picture(target).values()} == {"file", "folder", "link", "fifo", "socket"}


CHANGES: list[tuple[Callable[[Path], object], Aspect]] = [
    (lambda at: (at / "f").unlink(), "names"),
    (lambda at: (at / "new").write_bytes(b""), "names"),
    (lambda at: (at / "f").write_bytes(b"other"), "bytes"),
    (lambda at: (at / "f").chmod(0o777), "modes"),
    (lambda at: os.utime(at / "f", ns=(5, 5)), "times"),
]


@pytest.mark.parametrize(("change", "aspect"), CHANGES)
def test_change_goes_unseen(folder: Path, change: Callable[[Path], object], aspect: Aspect) -> None:
    """Each kind of change is seen in its aspect and told in words."""
    before = picture(folder)
    change(folder)

    assert difference(before, picture(folder), (aspect,)) is not None


def test_volatile_files_count(folder: Path) -> None:
    """Files that match a volatile pattern take no part."""
    (folder / "x-shm").write_bytes(b"1")

    assert "x-shm" not in picture(folder, ("*-shm",))
    assert picture(folder / "not-there") == {}


@given(st.binary(min_size=1, max_size=50), st.data())
def test_edit_does_something_else(content: bytes, data: st.DataObject) -> None:
    """A cut shortens, a zero fill keeps the length, a flip changes one bit."""
    at = data.draw(st.integers(0, len(content) - 1))
    canary = Path("canary")
    flipped = _damage.apply({"edit": "flip", "byte": at, "bit": 3}, content, canary)

    assert _damage.apply({"edit": "cut", "length": at}, content, canary) == content[:at]
    assert _damage.apply({"edit": "zero", "from": at, "to": len(content)}, content, canary) == content[:at] + bytes(
        len(content) - at
    )
    assert sum((a ^ b).bit_count() for a, b in zip(content, flipped, strict=True)) == 1
    encoded = base64.b64encode(content).decode()
    assert _damage.apply({"edit": "content", "base64": encoded}, b"", canary) == content


def test_hostile_text_is_json(tmp_path: Path) -> None:
    """Every hostile text that is made of a document is no document that a strict reader takes for another one."""
    content = b'{"messages":[],"id":"a"}'
    for name in _damage.hostile_names(content):
        damaged = _damage.apply({"edit": "hostile", "name": name}, content, tmp_path)

        assert damaged != content, name
    assert set(_damage.hostile_names(b"no json")) < set(_damage.HOSTILE)
    assert len(list(_damage.wrong_types(content))) >= 8
    with pytest.raises(ValueError, match="no such edit"):
        _damage.apply({"edit": "nothing"}, b"", tmp_path)


def test_payload_is_harmless(tmp_path: Path) -> None:
    """The pickle payload does touch its canary where it is read: a probe that cannot fail proves nothing."""
    canary = tmp_path / "canary"
    pickle.loads(_damage.apply({"edit": "code", "name": "pickle"}, b"", canary)).close()

    assert canary.exists()


def test_checksum_is_not_made_right_again() -> None:
    """A file of a claimed format is sealed again after an edit; any other file is left alone."""
    body = b'{"format":"session","store":{"id":"a",'
    ending = b'"checksum":"sha256:' + b"0" * 64 + b'"}}\n'
    sealed = _damage.reseal(body + ending)

    assert sealed == body + b'"checksum":"sha256:' + hashlib.sha256(body).hexdigest().encode() + b'"}}\n'
    assert json.loads(sealed)["store"]["id"] == "a"
    assert _damage.reseal(b"{}") == b"{}"
