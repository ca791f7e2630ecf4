"""What the reports on partitions prove, however they were read."""

from typing import Any

import pytest

from stac_manager.completeness import combine, merge
from stac_manager.plan import Interval, Plan, Rule, Whole
from stac_manager.report import SHIFTED, PartitionReport

HALVES = (Interval(None, 10), Interval(10, None))


def plan_with(counted: int | None, rule: Rule = "time") -> Plan:
    return Plan("http://host/", rule, HALVES if rule == "time" else (Whole(),), counted)


def report(half: int, items: int, **values: Any) -> PartitionReport:
    return PartitionReport(HALVES[half].key, items, **values)


FULL = [report(0, 4, counted=5), report(1, 6, counted=6)]


@pytest.mark.parametrize(
    ("counted", "reports", "status", "said"),
    [
        (10, FULL, "complete", []),
        (10, [report(0, 4, counted=5, problem="odd"), FULL[1]], "complete", []),  # all that there is has come
        (None, FULL, "complete", []),  # every part met its own count
        (None, [report(0, 4), report(1, 6)], "unverified", []),
        (11, FULL, "incomplete", ["1 of the 11 items counted did not come"]),
        (9, FULL, "unverified", ["1 item more came than the server had counted"]),
        (10, FULL[:1], "incomplete", ["1 partition was not read", "6 of the 10 items counted did not come"]),
        (None, [report(0, 4, problem="cut off"), FULL[1]], "incomplete", ["datetime any: cut off"]),
        (None, [report(0, 4, problem="no link", doubtful_end=True), FULL[1]], "unverified", ["datetime any: no link"]),
        (10, [report(0, 4, shifted="pages moved", place="pages 0 to 4"), FULL[1]], "unverified",
         ["pages 0 to 4: pages moved"]),
        (10, [report(0, 4, shifted="moved", problem="1 is missing"), FULL[1]], "unverified",
         ["datetime any: 1 is missing", "datetime any: moved"]),  # an older count, or a replica that lacks items
        (10, [report(0, 3, failed=1), FULL[1]], "incomplete", ["1 item could not be delivered; see failures"]),
        (10, [report(0, 3), FULL[0], FULL[1]], "complete", []),  # read again: the later report counts
        (13, [report(half, 5, counted=6, problem="1 missing", contradicts=True) for half in (0, 1)], "unverified",
         ["the server counts 3 items more than its pages hold"]),
        (9, [report(half, 0, counted=6, problem="none", contradicts=True) for half in (0, 1)], "incomplete",
         ["datetime any: none", "datetime any: none", "9 of the 9 items counted did not come"]),
        (12, [report(0, 4, counted=6, problem="2 missing", contradicts=True), FULL[1]], "incomplete",
         ["datetime any: 2 missing", "2 of the 12 items counted did not come"]),
        (12, [report(0, 4, counted=6, problem="2 missing", contradicts=True), report(1, 6)], "incomplete",
         ["datetime any: 2 missing", "2 of the 12 items counted did not come"]),  # one part alone does not tell
        (12, [report(0, 4, counted=6, problem="2 missing", contradicts=True, shifted=SHIFTED, pages=2),
              report(1, 6, counted=6, shifted=SHIFTED, pages=2)], "unverified",
         ["the server counts 2 items more than its pages hold", *[f"datetime any: {SHIFTED}"] * 2]),
        (12, [report(0, 4, counted=6, problem="page lost", shifted=SHIFTED, pages=2),
              report(1, 6, counted=6, shifted=SHIFTED, pages=2)], "incomplete",
         ["datetime any: page lost", "the server counts 2 items more than its pages hold",
          *[f"datetime any: {SHIFTED}"] * 2]),  # that page did not come, whatever the counts say
        (12, [report(0, 4, counted=6, problem="2 missing", contradicts=True, pages=2),
              report(1, 6, counted=6, shifted=SHIFTED, pages=2)], "incomplete",
         ["datetime any: 2 missing", "2 of the 12 items counted did not come", f"datetime any: {SHIFTED}"]),
        (11, [report(0, 4, counted=6, twice=2), FULL[1]], "complete", []),  # one of them is in both parts, say
        (11, [report(0, 3, counted=5, twice=2), report(1, 6, counted=7, problem="1 missing")], "incomplete",
         ["datetime any: 1 missing", "2 of the 11 items counted did not come"]),  # which those twice do not make up for
        (None, [report(0, 4, doubtful=("a",)), FULL[1]], "incomplete",
         ["1 item with unclear times came for no partition that owns them"]),
        (None, [report(0, 4, counted=4, doubtful=("a",)), report(1, 6, counted=6, settled=("a",))], "complete", []),
    ],
)  # fmt: skip
def test_merge(counted: int | None, reports: list[PartitionReport], status: str, said: list[str]) -> None:
    completeness = merge(plan_with(counted), reports)
    assert (completeness.status, completeness.problems) == (status, said), completeness
    assert completeness.counted == counted


def test_sums() -> None:
    completeness = merge(plan_with(10), [report(0, 4, pages=1, duplicates=1), report(1, 6, pages=2, duplicates=3)])
    assert (completeness.items, completeness.pages, completeness.duplicates_removed) == (10, 3, 4)
    assert str(completeness) == "complete: 10 items, 10 counted, 2 partitions, 3 pages, 4 duplicates removed"


@pytest.mark.parametrize(("failed", "status"), [(0, "complete"), (2, "incomplete")])
def test_files_need_no_count(failed: int, status: str) -> None:
    plan = Plan("items/", "document", (Whole(),))
    completeness = merge(plan, [PartitionReport(Whole().key, 5, failed=failed)])
    assert completeness.status == status
    assert len(completeness.problems) == bool(failed)


@pytest.mark.parametrize(("contradicts", "status"), [(True, "unverified"), (False, "incomplete")])
def test_counts_are_wrong_also_in_partitions_that_were_split(contradicts: bool, status: str) -> None:
    odd = report(0, 2, counted=3, problem="1 missing", contradicts=contradicts)
    split = [combine(half.key, [odd, report(1, 3, counted=3)], items=5) for half in HALVES]
    assert merge(plan_with(12), split).status == status
