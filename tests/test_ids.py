"""Hostile ids: none of them may put anything but decoys at risk."""

import os
from urllib.parse import unquote

import pytest
from hypothesis import given

from sessionproof import _ids
from sessionproof._placeholders import OUTSIDE, resolved

OUTER = "/sandbox/run-1"
ROOT = f"{OUTER}/1/2/3/root"


def _reached(id: str) -> list[str]:
    """Where a store would write that joins the id to its root, or to a folder in it, in any of the usual ways."""
    forms = {id, unquote(id), unquote(unquote(id)), id.replace("\\", "/"), id.strip(), id.partition("\0")[0]}
    forms |= {form.replace("\\", "/").strip() for form in forms}
    joined = (
        f"{base}/{form}" if not form.startswith("/") else form for form in forms for base in (ROOT, f"{ROOT}/sub")
    )
    return [os.path.normpath(path.replace("\0", "")) for path in joined]


@pytest.mark.parametrize("id", _ids.traversals([".json", ".tar.gz"]))
def test_curated_id_climbs_past_the_decoys(id: str) -> None:
    """A store that follows a curated id stays in the folder that the kit made for the run."""
    place = str(resolved(id, OUTER)).removeprefix("file://")

    assert all(path == OUTER or path.startswith(f"{OUTER}/") for path in _reached(place)), id


@given(_ids.hostile_strategy(surrogates=True))
def test_generated_id_climbs_past_the_decoys(id: str) -> None:
    """A store that follows a generated id stays in the folder that the kit made for the run."""
    assert all(path.startswith(OUTER) for path in _reached(id))


@pytest.mark.parametrize(
    "id", ["/", "/etc/passwd", "~", "~root/x", "../../../../x", "%2e%2e/../../..%2f..", "..\\..\\..\\..\\x", " /etc"]
)
def test_dangerous_id_counts_as_contained(id: str) -> None:
    """Ids that lead to the rest of the machine are never tried."""
    assert not _ids.contained(id)


def test_curated_lists_lose_their_families() -> None:
    """No family names an id twice, and what the curated traversals reach are the decoys."""
    assert all(len(set(family)) == len(family) for family in _ids.FAMILIES)
    severe = [*_ids.LENGTHS, *_ids.SEVERE]
    assert len(set(severe)) == len(severe)
    assert any(OUTSIDE in id for id in _ids.traversals([]))
