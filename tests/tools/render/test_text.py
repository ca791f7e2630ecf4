"""Quantities as text."""

from io import StringIO

import pytest
from rich.console import Console

from tools.analysis.change import Change
from tools.analysis.metrics import Series
from tools.analysis.model import title_of
from tools.analysis.verdicts import Row
from tools.render.page import change_page
from tools.render.terminal import show, wrapped
from tools.words import listed, megabytes, percent, plain, quantity, share, significant, times, workers


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


def test_a_change_that_leaves_something_is_not_all_of_it() -> None:
    shown = [percent(x, sign=True) for x in (-0.5, -0.994, -0.998, -0.9996, -0.99999999, -1, 1, 2.06)]
    assert shown == [
        "-50 %", "-99 %", "-99.8 %", "-99.96 %", "-99.9999 %", "-100 %", "+100 %", "+206 %",
    ]  # fmt: skip


def test_megabytes_are_of_a_million_bytes() -> None:
    assert [megabytes(x) for x in (120_000_000, 1_048_576, 35_921_920, None)] == ["120", "1.05", "36", "n/a"]


def test_speedups() -> None:
    assert [times(x) for x in (5.195, 0.96, 0.04, None)] == ["5.2x", "1.0x", "0.04x", "n/a"]
    assert [times(x) for x in (1e9, 1e-9)] == ["over 1,000,000x", "under 0.001x"]
    assert [share(x) for x in (0.0, 0.001, 0.5)] == ["0 %", "under 1 %", "50 %"]


def test_text_of_others_is_one_line_without_controls() -> None:
    assert plain("a\x1b[31m\tb\n\u202ec \x07\x9b") == "a\\x1b[31m b \\u202ec \\x07\\x9b"


def test_a_short_time_is_in_its_own_unit() -> None:
    assert [quantity(x, "seconds") for x in (1.24e-7, 1.24e-6, 0.124, 12.4)] == [
        "124 ns",
        "1.24 us",
        "124 ms",
        "12.4 s",
    ]
    assert [quantity(x, "seconds") for x in (0.9996, 0.9994, 2345.0)] == ["1.0 s", "999 ms", "2,345 s"]


@pytest.mark.parametrize(
    ("size", "text"),
    [(56, "56 bytes"), (-9.6, "-10 bytes"), (1_500, "1.5 kB"), (2e8, "200.0 MB"), (5.17e10, "51.7 GB")],
)
def test_a_small_size_does_not_read_as_nothing(size: float, text: str) -> None:
    assert quantity(size, "bytes") == text


def test_a_name_is_broken_between_words_and_a_word_that_fills_a_line_where_that_ends() -> None:
    assert wrapped("A.time_ingest(1, " + "x" * 30 + ")", 12) == ["A.time_", "ingest(1,", "x" * 12, "x" * 12, "xxxxxx)"]


@pytest.mark.parametrize("width", [45, 80])
def test_a_comparison_fits_its_terminal_with_nothing_cut(width: int) -> None:
    series = Series("m.FileIngest.time_ingest", (("concurrency", "10"),), "time", "seconds", "1")
    row = Row(series, status="regression", base=123.0, head=160.0, ratio=1.3, evidence="30 % slower")
    printed = StringIO()
    show(change_page(Change("box", "after.json", "before.json", (row,))), Console(file=printed, width=width))
    text = printed.getvalue()
    assert "\u2026" not in text
    assert "+30 %   regression" in text
    assert max(map(len, text.splitlines())) <= width


def test_words() -> None:
    assert [workers(x) for x in (1, 10, "auto", "2 processes")] == [
        "1 worker",
        "10 workers",
        "auto concurrency",
        "2 processes",
    ]
    assert [listed(x) for x in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("kind", "items", "title"),
    [
        ("file", 10_000, "10K JSON Files"),
        ("file", 1000, "1K JSON Files"),
        ("api", 5000, "5K API Items"),
        ("api", 500, "500 API Items"),
        ("file", 1500, "1,500 JSON Files"),
        ("file", 1, "1 JSON File"),
        ("api", 1, "1 API Item"),
        ("file", 0, "0 JSON Files"),
        ("api", 9_000_000, "9M API Items"),
        ("api", 1_500_000, "1,500K API Items"),
    ],
)
def test_titles(kind: str, items: int, title: str) -> None:
    assert title_of(kind, items) == title  # type: ignore[arg-type]
