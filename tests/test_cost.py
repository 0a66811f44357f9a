"""Counts of cost: the class of their growth, and the table that shows them."""

from math import log2
from typing import Any

import pytest

from sessionproof import _cost_table
from sessionproof._cost import exponent, grows, growth
from sessionproof._counting import Count

OCTAVES = [2.0**power for power in range(4, 14)]


@pytest.mark.parametrize(
    "costs",
    [
        [100.0 for _ in OCTAVES],
        [100 + 8 * log2(n) for n in OCTAVES],
        [100 + 4096 * (log2(n) // 4) for n in OCTAVES],
        [100.0 if index % 2 else 400.0 for index in range(len(OCTAVES))],
        [100.0] * (len(OCTAVES) - 1) + [10_000.0],
        [0.0 for _ in OCTAVES],
    ],
    ids=["constant", "logarithm", "a page more now and then", "rewritten every fourfold", "one checkpoint", "nothing"],
)
def test_amortised_cost_taken_for_growth(costs: list[float]) -> None:
    """What comes due now and then, and what grows by a logarithm, is within O(1)."""
    assert exponent([*zip(OCTAVES, costs, strict=True)]) < 0.5


@pytest.mark.parametrize(
    "costs",
    [[100 * n for n in OCTAVES], [300 + 8 * n for n in OCTAVES], [100 + n * n for n in OCTAVES]],
    ids=["a whole log", "an index beside it", "square"],
)
def test_growth_missed(costs: list[float]) -> None:
    """What is rewritten by every append is growth, a small part of the log as well."""
    assert exponent([*zip(OCTAVES, costs, strict=True)]) > 0.5


@pytest.mark.parametrize(
    ("power", "word"),
    [(0, "constant"), (0.3, "less than linear"), (1, "linear"), (2, "quadratic"), (3, "more than quadratic")],
)
def test_class_of_growth_misnamed(power: float, word: str) -> None:
    """A class is named by the power of the size."""
    assert growth([(n, 10 * n**power) for n in (100, 1_000, 10_000)]) == word


def test_constant_cost_told_as_growth() -> None:
    """Only what grows is told."""
    by = {n: Count(system_calls=9, fsyncs=2, bytes_written=10 * n, files_opened=1) for n in (1_000, 8_000, 64_000)}
    assert grows(by) == {"bytes_written": "linear"}


def test_table_without_a_cost() -> None:
    """The table has a cell for every column, and the store as a whole beneath it."""
    costs: dict[str, dict[str, Any]] = {
        "save": {"system_calls": 9.0, "bytes_written": 4310.5, "growth": {"sessions": {"bytes_read": "quadratic"}}},
        "documents": {"bytes_on_disk_per_byte": 1.1},
    }
    (row,) = _cost_table.rows(costs)
    assert len(row) == len(_cost_table.HEAD)
    assert row == ("save", "9", "", "4,310.5", "", "", "", "sessions: bytes read (quadratic)")
    assert _cost_table.on_disk(costs) == ["Bytes on disk for each byte given, documents: 1.1."]
