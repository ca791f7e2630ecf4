"""Quantities as text."""

import pytest

from tools.analysis import title_of
from tools.words import listed, megabytes, significant, times, times_exact, workers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (45.2, "45.2"),
        (8.7, "8.7"),
        (8.754, "8.75"),
        (0.123, "0.123"),
        (0.5, "0.5"),
        (10.0, "10.0"),
        (99.94, "99.9"),
        (99.96, "100"),
        (120.4, "120"),
        (1149.4, "1,149"),
        (0.00000036, "0.00000036"),
        (0.0, "0.0"),
        (-0.25, "-0.25"),
        (None, "n/a"),
    ],
)
def test_significant(value: float | None, text: str) -> None:
    assert significant(value) == text


def test_megabytes_are_of_a_million_bytes() -> None:
    assert [megabytes(x) for x in (120_000_000, 1_048_576, 35_921_920, None)] == ["120", "1.05", "36", "n/a"]


def test_speedups() -> None:
    assert [times(x) for x in (5.195, 0.96, 0.04, None)] == ["5.2x", "1.0x", "0.04x", "n/a"]
    # A limit is not reached by rounding.
    assert [times_exact(x) for x in (2.999, 3.0, 1.1999, 2.3)] == ["2.99x", "3.00x", "1.19x", "2.30x"]


def test_words() -> None:
    assert [workers(x) for x in (1, 10, "auto")] == ["1 worker", "10 workers", "auto concurrency"]
    assert [listed(x) for x in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("kind", "items", "title"),
    [
        ("file", 10_000, "10K JSON Files"),
        ("file", 1000, "1K JSON Files"),
        ("api", 5000, "5K API Items"),
        ("api", 500, "500 API Items"),
        ("file", 1500, "1,500 JSON Files"),
    ],
)
def test_titles(kind: str, items: int, title: str) -> None:
    assert title_of(kind, items) == title  # type: ignore[arg-type]
