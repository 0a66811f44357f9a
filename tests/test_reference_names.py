"""The reference store's file names and instants."""

import itertools
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sessionproof_reference import InvalidId, _instants, _names

IDS = st.text(st.characters(codec="utf-8"), max_size=300)
HOSTILE = [
    "",
    ".",
    "..",
    "/",
    "a/b",
    "a_b",
    "A",
    "a",
    "%41",
    "id-a.json",
    "x.json",
    "\0",
    "\n",
    "NUL",
    "e\u0301",
    "\u00e9",
]


@settings(deadline=None)
@given(IDS)
@example("")
@example("A" * 67)
@example("a" * 200)
@example("a" * 201)
def test_name_is_unsafe_or_does_not_come_back(session_id: str) -> None:
    """A name is a plain lower-case ASCII file name with room for a suffix, and spells its id wherever it is short."""
    name = _names.file_name(session_id)
    assert re.fullmatch(r"(id-[a-z0-9_%-]*|sha256-[0-9a-f]{64})\.json", name)
    assert len(name) < 220
    assert _names.id_in(name) == (None if _names.is_hashed(name) else session_id)
    assert not _names.is_hashed(name) or len(session_id.encode()) > 66


@settings(deadline=None)
@given(st.lists(st.one_of(IDS, st.sampled_from(HOSTILE)), unique=True, min_size=2))
def test_two_ids_share_a_name(ids: list[str]) -> None:
    """Two ids never share a file, also where the file system folds case."""
    assert len({_names.file_name(session_id).casefold() for session_id in ids}) == len(ids)


@pytest.mark.parametrize(
    "name", ["a.json", "id-A.json", "id-%61.json", "id-%6.json", "id-%ff.json", "id-a", "id-a.json.damaged", "\udcff"]
)
def test_foreign_name_is_taken_for_a_session(name: str) -> None:
    """Only a name that the store itself would give stands for a session."""
    assert _names.id_in(name) is None


def test_lone_surrogate_in_id_is_accepted() -> None:
    """An id that no UTF-8 file can hold is refused."""
    with pytest.raises(InvalidId):
        _names.file_name("a\ud800")


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),  # noqa: DTZ001 - the zone is added below
            st.integers(-1439, 1439),
        ),
        min_size=2,
    )
)
def test_instants_sort_otherwise_than_time(moments: list[tuple[datetime, int]]) -> None:
    """Instants with any offsets compare as the moments that they name."""
    zoned = [moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=offset))) for moment, offset in moments]
    texts = [moment.isoformat() for moment in zoned]
    assert sorted(zoned) == [zoned[texts.index(text)] for text in sorted(texts, key=_instants.parse)]


def test_digits_past_the_microsecond_or_a_leap_second_are_lost() -> None:
    """Fractions of any length count, and a leap second lies between its neighbours."""
    in_order = [
        "2016-12-31T23:59:59.9999999999999999998Z",
        "2016-12-31T23:59:59.9999999999999999999Z",
        "2017-01-01T00:59:60.5+01:00",
        "2017-01-01T00:00:00Z",
        "2017-01-01T00:00:00.0000000000000000001Z",
    ]
    instants = [_instants.parse(text) for text in in_order]
    assert all(earlier < later for earlier, later in itertools.pairwise(instants))
    assert _instants.parse("2017-01-01t00:00:00z") == _instants.parse("2016-12-31T12:00:00.000-12:00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "2026-11-20",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00Z\n",
    ],
)
def test_nonsense_is_an_instant(text: str) -> None:
    """What is no instant is refused."""
    with pytest.raises(ValueError, match=r"instant|day"):
        _instants.parse(text)


def test_stamps_do_not_sort_as_strings() -> None:
    """The store's own stamps are instants of one length that rise."""
    stamps = [_instants.now() for _ in range(100)]
    assert stamps == sorted(stamps)
    assert {len(stamp) for stamp in stamps} == {30}
    assert all(_instants.parse(stamp) for stamp in stamps)
