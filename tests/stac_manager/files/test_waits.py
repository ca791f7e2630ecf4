"""What the times of documents call for, as a table of cases."""

from __future__ import annotations

import pytest

from stac_manager.files.waits import QUICK_READS, SLOW_READS, Waits

US, MS = 0.000001, 0.001
MEMORY, DISK, FAR = 5 * US, 90 * US, 5 * MS


@pytest.mark.parametrize(
    ("seconds", "waited", "can_hint", "expected"),
    [
        ([MEMORY] * 50, None, True, []),
        ([40 * US] * 50, None, True, []),
        ([FAR] * 50, False, True, []),
        ([MEMORY, DISK, MEMORY] * 20, None, True, []),
        ([DISK, DISK], None, True, [(2, "hints")]),
        ([MEMORY] * 9 + [DISK, FAR], None, True, [(11, "hints")]),
        ([MEMORY, MEMORY], True, True, [(2, "hints")]),
        ([DISK] * 50, None, False, []),
        ([FAR] * SLOW_READS, None, False, [(8, "threads")]),
        ([DISK] * 20 + [FAR] * SLOW_READS, None, False, [(24, "threads")]),
        ([FAR, MEMORY] * 50, None, False, []),
        ([FAR] * 10, None, True, [(2, "hints"), (10, "threads")]),
        ([FAR] * 2 + [FAR, MEMORY] * 4, None, True, [(2, "hints")]),
    ],
)
def test_reads(seconds: list[float], waited: bool | None, can_hint: bool, expected: list[tuple[int, str]]) -> None:
    waits = Waits(can_hint=can_hint)
    decisions = []
    for number, each in enumerate(seconds, 1):
        if (way := waits.add(each, waited=waited)) is not None:
            decisions.append((number, way))
        if way == "threads":
            break
    assert decisions == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([MEMORY] * 50, None),
        ([DISK] * 50, None),
        ([FAR] * (SLOW_READS - 1), None),
        ([MEMORY] * 50 + [FAR] * 3, None),
        ([FAR] * SLOW_READS, SLOW_READS),
        ([MEMORY] * 50 + [FAR] * 5, 54),
    ],
)
def test_documents_that_take_long_to_open_are_left_to_threads(seconds: list[float], expected: int | None) -> None:
    waits = Waits(can_hint=True)
    decisions = (number for number, each in enumerate(seconds, 1) if waits.opened(each) == "threads")
    assert next(decisions, None) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([FAR] * 200, None),
        ([MEMORY] * (QUICK_READS - 1), None),
        ([MEMORY] * QUICK_READS, QUICK_READS),
        ([DISK] * QUICK_READS, QUICK_READS),
        (([MEMORY] * (QUICK_READS - 1) + [FAR]) * 5, None),
        ([FAR] * 100 + [MEMORY] * 100, 100 + QUICK_READS),
        ([0.6 * MS] * 200, None),
    ],
)
def test_threads_are_given_up_once_many_reads_in_a_row_were_quick(seconds: list[float], expected: int | None) -> None:
    waits = Waits(can_hint=True)
    assert next((number for number, each in enumerate(seconds, 1) if waits.by_thread(each)), None) == expected
    assert not waits.latest


@pytest.mark.parametrize(("of_burst", "short", "forgotten"), [(0, False, True), (5, False, True), (6, True, True),
                                                              (10, True, True), (11, True, False)])  # fmt: skip
def test_bursts(of_burst: int, short: bool, forgotten: bool) -> None:
    """Of 20 documents that were hinted at, some had to be waited for all the same."""
    waits = Waits(can_hint=True)
    waits.begin_burst(20)
    for _ in range(of_burst):
        waits.add(DISK)
    assert waits.bursts_are_short is short
    waits.begin_burst(20)
    assert (not waits.latest) is forgotten
