"""What was proved about a fetch: the reports on its partitions, put together. Values only, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from stac_manager.plan import Plan, Rule
from stac_manager.report import SHIFTED, UNSTEADY, PartitionReport
from stac_manager.words import many

Status = Literal["complete", "unverified", "incomplete"]


@dataclass(slots=True)
class Completeness:
    """What was proved about a fetch.

    Attributes:
        status: `complete`: as many items came as there are. `unverified`: there was nothing to compare with, or the
            fetch was ended before its end. `incomplete`: items are missing; `problems` says where.
        partitions: The report on every partition, in the order in which they ended.
        pages: Pages, or documents, that were read, empty ones included.
        items: Different items that came.
        duplicates_removed: Items that came again and were left out.
        counted: The number of items by the server's own count, None where it gives none.
        problems: What is missing or could not be proved, in sentences.
    """

    status: Status = "unverified"
    partitions: list[PartitionReport] = field(default_factory=list)
    pages: int = 0
    items: int = 0
    duplicates_removed: int = 0
    counted: int | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def slices(self) -> list[PartitionReport]:
        """The partitions, by their earlier name."""
        return self.partitions

    def broken_off(self, why: Exception, unread: int) -> str:
        """Say what came of a search that ends early, with so many partitions unread."""
        came = f"{self.items} items" if self.counted is None else f"{self.items} of {self.counted} items"
        return f"{why}: {came} came, {many(unread, 'partition')} not read to the end"

    def __str__(self) -> str:
        counted = "no count" if self.counted is None else f"{self.counted} counted"
        line = (
            f"{self.status}: {self.items} items, {counted}, {len(self.partitions)} partitions, {self.pages} pages, "
            f"{self.duplicates_removed} duplicates removed"
        )
        return "; ".join([line, *self.problems])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What reports prove.

    Attributes:
        missing: What did not come, in sentences.
        unproved: What could not be proved, in sentences.
        undelivered: What came and is no item, in a sentence: each is a failure already.
    """

    status: Status
    missing: tuple[str, ...] = ()
    unproved: tuple[str, ...] = ()
    undelivered: tuple[str, ...] = ()

    @property
    def problems(self) -> list[str]:
        return [*self.undelivered, *self.missing, *self.unproved]


def merge(plan: Plan, reports: Iterable[PartitionReport]) -> Completeness:
    """Put the reports on the partitions of a plan together, wherever each was read. A later report on a partition
    counts, an earlier one on the same does not."""
    latest = {report.key: report for report in reports}
    of_the_plan = [latest[partition.key] for partition in plan if partition.key in latest]
    verdict = judge(plan.rule, plan.counted, of_the_plan, unread=len(plan) - len(of_the_plan))
    return Completeness(
        status=verdict.status,
        partitions=of_the_plan,
        pages=sum(report.pages for report in of_the_plan),
        items=sum(report.items for report in of_the_plan),
        duplicates_removed=sum(report.duplicates for report in of_the_plan),
        counted=plan.counted,
        problems=verdict.problems,
    )


def judge(
    rule: Rule,
    counted: int | None,
    reports: Iterable[PartitionReport],
    *,
    unread: int = 0,
    both: tuple[int, int] | None = None,
) -> Verdict:
    """Say what the reports on all partitions prove, of which `unread` were not read.

    Args:
        both: How many members were delivered, left out or failed, and how many of these the server has twice, where the
            reports do not say it all: partitions were replaced by others.
    """
    reports = list(reports)
    if rule == "document":
        return _judge_documents(reports, unread)
    once = [report.items + report.left_out + report.failed for report in reports]
    came, twice = both or (sum(once), sum(report.twice for report in reports))
    if not any(report.problem and not report.doubtful_end for report in reports):  # else they hide what is missing
        came = min(came + twice, max(came, counted or 0))
    lost = _nobodys(reports)
    doubts = [f"{report.name}: {report.problem}" for report in reports if report.problem and report.doubtful_end]
    moved = [report for report in reports if report.shifted]
    failed = sum(report.failed for report in reports)
    whole = came == counted and not (unread or lost or failed)
    if whole and not moved:  # all that there is has come, whatever was odd
        return Verdict("complete")
    wrong = came > 0 and counts_contradict(reports)
    missing = [
        f"{report.name}: {report.problem}"
        for report in reports
        if report.problem and not report.doubtful_end and not (wrong and report.contradicts)
    ]
    miscounted = any(report.problem and report.doubtful_end and report.counted is not None for report in reports)
    if wrong:  # said once, and not of each part
        more = f"{many(counted - came, 'item')} " if counted is not None and counted > came else ""
        doubts.append(f"the server counts {more}more than its pages hold")
    elif miscounted:  # all was read once more, and the counts contradict each other
        missing, doubts = [], [*doubts, *missing]
    unproved = [
        *doubts,
        *(f"{each.name}: {each.shifted}" for each in moved if (each.shifted or "") not in (each.problem or "")),
    ]
    if whole:  # as far as a count tells of what changed meanwhile
        return Verdict("unverified", (), (*missing, *unproved))
    if unread:
        missing.append(_not_read(unread))
    if lost:
        missing.append(f"{many(lost, 'item')} with unclear times came for no partition that owns them")
    if counted is not None and came < counted and not (miscounted or wrong):
        missing.append(f"{counted - came} of the {counted} items counted did not come")
    if counted is not None and came > counted:
        unproved.append(f"{many(came - counted, 'item')} more came than the server had counted")
    undelivered = _not_delivered(failed, "item", "items")
    if missing or undelivered:
        return Verdict("incomplete", tuple(missing), tuple(unproved), undelivered)
    proved = counted is not None or (bool(reports) and all(report.counted is not None for report in reports))
    return Verdict("complete" if proved and not unproved else "unverified", (), tuple(unproved))


def counts_contradict(reports: Iterable[PartitionReport]) -> bool:
    """Whether more parts of a search end before their counts than meet them, all in pages that show no gap: then the
    counts are wrong, as estimates are. A few of them would lack items. So it is where the count changes within most
    parts of several pages, or from page to page in all: it is drawn anew for each."""
    reports = list(reports)
    if any(report.shifted == UNSTEADY for report in reports):
        return True
    counted = [report for report in reports if report.problem or report.counted]
    odd = [report.contradicts for report in counted]
    changed = [report.shifted == SHIFTED for report in counted if report.pages > 1]
    return any(sum(each) > max(len(each) / 2, 1) for each in (odd, changed))


def are_less(reports: Iterable[PartitionReport], counted: int | None) -> bool:
    """Whether the server counts less in the parts of a search than as a whole: what lies in several parts makes more of
    them, never less."""
    counts = [report.counted for report in reports]
    known = [count for count in counts if count is not None]
    return counted is not None and len(known) == len(counts) and sum(known) < counted


def combine(key: str, reports: Sequence[PartitionReport], **totals: Any) -> PartitionReport:
    """Make one report of those on the parts of a partition that was split; `totals` are what they do not say."""
    counts = [report.counted for report in reports if report.counted is not None]
    problems = [f"{report.name}: {report.problem}" for report in reports if report.problem]
    shifted = next((report.shifted for report in reports if report.shifted), None)
    alone = reports[0] if len(reports) == 1 else None
    return PartitionReport(
        key=key,
        seen=sum(report.seen for report in reports),
        foreign=sum(report.foreign for report in reports),
        counted=sum(counts) if len(counts) == len(reports) else None,
        problem=alone.problem if alone else "; ".join(problems) or None,
        doubtful_end=all(report.doubtful_end for report in reports if report.problem),
        contradicts=bool(problems) and all(report.contradicts for report in reports if report.problem),
        shifted=shifted,
        **totals,
    )


def _judge_documents(reports: list[PartitionReport], unread: int) -> Verdict:
    """Files are read to their ends: what could not be read is known."""
    missing = [f"{report.name}: {report.problem}" for report in reports if report.problem]
    undelivered = _not_delivered(sum(report.failed for report in reports), "document or member", "documents or members")
    if unread:
        missing.append(_not_read(unread))
    return Verdict("incomplete" if missing or undelivered else "complete", tuple(missing), undelivered=undelivered)


def _nobodys(reports: list[PartitionReport]) -> int:
    """How many items of which the owner cannot be told were seen, but delivered by nobody."""
    seen = {each for report in reports for each in report.doubtful}
    return len(seen - {each for report in reports for each in report.settled})


def _not_delivered(failed: int, one: str, several: str) -> tuple[str, ...]:
    return (f"{many(failed, one, several)} could not be delivered; see failures",) if failed else ()


def _not_read(unread: int) -> str:
    return f"{many(unread, 'partition')} {'was' if unread == 1 else 'were'} not read"
