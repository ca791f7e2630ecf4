"""Pages -> the items that are delivered: each once, by the partition that owns it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from time import perf_counter
from typing import Any

from stac_manager.api.cutting import times_of
from stac_manager.api.heeded import Conditions
from stac_manager.api.large import without_pauses
from stac_manager.api.ownership import FOREIGN, OWN, UNCLEAR, Asked, Glance, Owner, collection_of, owner
from stac_manager.api.paging import Page
from stac_manager.api.query import MARGIN_SECONDS, Query
from stac_manager.api.reading import APART, CAPPED, LOST, MOVED, Reading
from stac_manager.api.seen import Claims, Seen, Strays, marked
from stac_manager.api.shares import Tally, together
from stac_manager.api.space import is_outside
from stac_manager.completeness import are_less, counts_contradict, judge
from stac_manager.context import FailureCollector
from stac_manager.geojson import WORLD
from stac_manager.network.decoding import Illegible
from stac_manager.parsing.items import why_not_an_item
from stac_manager.parsing.pieces import Pause
from stac_manager.plan import Pages, Partition, Tile, Whole
from stac_manager.protocols import Item
from stac_manager.report import SHIFTED
from stac_manager.stats import ApiStats
from stac_manager.timestamps import SECOND
from stac_manager.urls import shown
from stac_manager.words import many

MOST_REPEATED = 100  # so many items that came again are looked at: the server may have them twice
STRAYED = "Read once more in sequence: the server does not find every item by its own time."
MARGINS = 2 * MARGIN_SECONDS * SECOND  # what is asked for of two neighbours beside themselves
TURN_SECONDS = 0.03  # after so long with the items of a page the event loop has its turn


class Ledger:
    """What was delivered in one run, over all partitions of it, or `alone` of one while others are read elsewhere."""

    def __init__(
        self,
        stats: ApiStats,
        failures: FailureCollector,
        asked: Asked,
        left: int | None,
        alone: Partition | None = None,
        loads: Callable[[Any], Any] | None = None,
    ) -> None:
        self.stats = stats
        self.failures = failures
        self.conditions = Conditions(asked)
        self.left = left  # items that are still wanted; None for all
        self.totals = Tally()  # over all partitions: foreign items, those left out, members that are no items
        self.claims = Claims(alone)
        self._strays = Strays() if alone is None else None  # of one run, what partitions lack is found in the end
        self._loads = loads
        self.twice = Seen()  # items that the server has twice
        self._unread: dict[Partition, int] = {}  # cut around pages that cannot be had: where each is reported

    @property
    def came(self) -> int:
        """How many members were delivered, left out or failed; and those that the server has and counts twice."""
        return min(sum(self._came), max(self._came[0], self.stats.completeness.counted or 0))

    @property
    def _came(self) -> tuple[int, int]:
        return self.stats.completeness.items + self.totals.left_out + self.totals.failed, len(self.twice)

    def finished(self, reading: Reading) -> None:
        """Remember what a partition owned. Where the whole was read once more, after its parts, and came to its end, a
        count that is still larger is wrong."""
        if self._strays is None and isinstance(reading.share.partition, Whole):
            odd = reading.ending.problem or reading.ending.shifted
            reading.ending.doubtful = not odd and reading.memory.different == reading.tally.members
            if reading.missing() is None and reading.counted not in (None, self.stats.completeness.counted):
                self.stats.completeness.counted, reading.ending.shifted = reading.counted, SHIFTED
            self.stats.notes += [STRAYED] * (reading.tally.items > 0)
        elif self.claims.delivered is None and self._strays is not None:
            self._strays.deliver(reading.memory.own)

    def lacks(self) -> bool:
        """Whether partitions have left something out: what no tile has, what came for others than own it, or what the
        server counts as a whole and not in its parts. Asked once."""
        strays, proof = self._strays, self.stats.completeness
        if strays is None or self.left == 0:
            return False
        self._strays = None
        if proof.counted is not None and self.came + len(self._unread) >= proof.counted:
            return False
        if self.claims.delivered is not None:
            return proof.counted is not None
        wrong = counts_contradict(proof.partitions)  # else there may be some that no interval finds
        whole = not any(report.problem for report in proof.partitions) or are_less(proof.partitions, proof.counted)
        if wrong or not whole or not (strays.known if proof.counted is not None else strays.lost()):
            return False
        self.claims.delivered = Seen(chain(self.claims.claimed, strays.delivered()))
        return True

    def lacks_only(self, reading: Reading) -> int | None:
        """How many Items are lacking, by the count of the whole, beside one of each part that is named as such: in a
        part that cannot be had there are no more of them. None where that is not known."""
        counted, named = self.stats.completeness.counted, len(self._unread)
        if counted is None or not (reading.share.failing and reading.ending.error):
            return None
        return counted - self.came - named if named or counted > self.came else None

    def conclude(self, note: str | None) -> None:
        """Judge a search of which every partition was read. What is missing is a failure as well."""
        stats, proof = self.stats, self.stats.completeness
        if note:
            stats.notes.append(note)
        if out := self.totals.left_out:
            stats.notes.append(f"The server returned {out} items that do not meet the search; they were left out.")
        if self.left == 0:
            return
        if self.twice:
            stats.notes.append(f"The server has {many(len(self.twice), 'item')} twice.")
        counts = [report.counted for report in proof.partitions if report.counted is not None]
        if proof.counted is None and len(counts) == len(proof.partitions) and sum(counts) == self.came:
            proof.counted = self.came
        verdict = judge("time", proof.counted, proof.partitions, both=self._came)
        proof.status, proof.problems = verdict.status, verdict.problems
        unread = [f"{each.name}: {each.problem}" for each in map(proof.partitions.__getitem__, self._unread.values())]
        told = [f"{each.name}: {each.problem}" for each in proof.partitions if each.problem == each.shifted != CAPPED]
        others = [words for words in verdict.missing if words not in (*unread, *told)]
        if unread and len(others) == 1 and proof.counted is not None and proof.counted - self.came <= len(unread):
            others = []  # as the count just says so again
        for words in (*unread, *others):
            self.failures.add("the search", words)

    def items(self, reading: Reading, page: Page) -> Iterator[Item | None]:
        """Yield the items of a page that this partition owns and that did not come before, as far as the page is not
        damaged; None where that takes long without one. They are marked before the consumer sees them. A reading that
        is stopped ends here: others go on."""
        tally, stats, claims, clock = reading.tally, self.stats, self.claims, perf_counter
        stats.pages += page.size > 0
        marks, near = list[int](), list[int]()  # those near hardly miss the conditions, and came over a link
        nulls = 0
        member: Any = None
        by_number = isinstance(reading.share.partition, Pages) or reading.memory.counting
        ids: set[str] | None = set() if by_number and not page.overlaps else None
        known = reading.memory.different
        before, glance = reading.share.before, Glance.at(reading.share.partition, self.conditions.asked)
        until = (started := clock()) + TURN_SECONDS
        for member in self._joined(reading, page):
            stats.seconds_decoding += clock() - started
            if reading.stopped:
                return
            if type(member) is Pause:
                yield None
                started = clock()
                continue
            mark, item = marked([reading.share.partition.key, tally.read, len(marks)] if member is None else member)
            marks.append(mark)
            nulls += member is None
            if item and ids is not None:
                ids.add(member["id"])
            plain = item and glance is not None and claims.delivered is None and glance.tells(member)
            plain = plain and reading.memory.own.add(mark) and not (before and any(mark in each for each in before))
            if taken := plain or self._is_delivered(reading, member, mark, item, page, near):
                tally.items += 1
                stats.completeness.items += 1
                self.left = self.left and self.left - 1
                yield member
                if self.left == 0:
                    return
            elif taken := clock() > until:
                yield None
            started = clock()
            until = started + TURN_SECONDS if taken else until
        stats.seconds_decoding += clock() - started
        if not reading.stopped:
            reading.descent.ended = next(iter(times_of([member] if isinstance(member, dict) else [])), None)
            if reading.ending.problem != LOST:
                self._leave_out(reading, len(near))
            if page.asked is not None and ids:
                claims.hold(page.asked, ids)
                claims.unproved |= tally.read > 0 or isinstance(reading.share.partition, Pages)
            for mark in reading.finish_page(marks, page, reading.memory.different - known, nulls):
                self.twice.add(mark)

    def _joined(self, reading: Reading, page: Page) -> Iterator[Any]:
        """Give the members of a page, and the last one of the page before it if that did not come: Items in between may
        be lost then. Where other hands read that page it may still come."""
        members, memory = page.in_turns(self._loads), reading.memory
        before = next(without_pauses(members), None) if page.overlaps and not reading.stopped else None
        if before is None or (mark := marked(before)[0]) in memory.own or mark in memory.others:
            return members
        if collection_of(before) is None:
            return members  # it is known by all it says, which may change
        if isinstance(reading.share.partition, Pages) and not reading.tally.read:
            self.claims.ends.add(mark)
        else:
            reading.ending.shifted, page.overlaps, members = APART, False, chain([before], members)
        return members

    def mark_if_meant(self, member: dict[str, Any], partition: Partition) -> int | None:
        """The mark of an item that a partition owns and that meets the conditions of the search, else None."""
        meant = owner(member, partition) is OWN and self.conditions.asked.means(member)
        mark, item = marked(member)
        return mark if meant and item else None

    def is_new(self, reading: Reading, marks: Iterable[int]) -> bool:
        """Whether one of these items of a reading did not come, to it or to others before."""
        before = [*reading.before, self.claims.delivered or ()]
        return any(all(mark not in seen for seen in before) for mark in marks)

    def failed_pages(self, reading: Reading) -> None:
        """Take note of pages that nobody can have: no count proves anything then."""
        reading.ending.shifted = reading.ending.shifted or reading.ending.error
        part = reading.share.partition
        part_is_named = self.claims.alone is None or any(together(each, part, MARGINS) for each in self._unread)
        if not (reading.share.failing and part_is_named):  # there already, or in the end
            self.failures.add(shown(reading.first.url), f"a page of it cannot be read: {reading.ending.error}")

    def report(self, reading: Reading, query: Query, *, last: bool) -> None:
        """Report on a partition; where it cannot be had, as the one beside it, on both together."""
        if reading.stopped and reading.ending.shifted in (None, CAPPED):
            return  # others are read in its place
        partition, reports = reading.share.partition, self.stats.completeness.partitions
        if last and any(mark not in (self.claims.delivered or ()) for mark in self.claims.ends):
            reading.ending.shifted = reading.ending.shifted or APART
        if reading.share.failing and reading.ending.error and reading.missing() and not reading.stopped:
            for each in list(self._unread):
                if (both := together(each, partition)) is not None:
                    partition, at = both, self._unread.pop(each)
                    reports[at] = replace(reports[at], problem=None, shifted=None)
            self._unread[partition] = len(reports)
        report = reading.report(query.datetime(partition), query.place(partition))
        reports.append(replace(report, problem=None) if reading.stopped else report)

    def skipped(self, reading: Reading) -> None:
        """Take note of items that nobody can have, each once: something came behind them, or the end."""
        self.totals.failed += len(reading.memory.unnamed)
        for error in reading.memory.unnamed:
            self.failures.add(shown(reading.first.url), f"an item cannot be read: {error}")
        reading.memory.unnamed = []

    def _is_delivered(self, reading: Reading, member: Any, mark: int, item: bool, page: Page, near: list[int]) -> bool:
        meant = not isinstance(member, dict) or self.conditions.are_met(reading, member)
        verdict = self._owner(reading, member, meant)
        if not reading.memory.is_new(mark, own=verdict is OWN):
            if item and len(reading.memory.repeated) < MOST_REPEATED:
                reading.memory.repeated.append(member["id"])
            self._repeated(reading)
            return False
        if verdict is FOREIGN:
            reading.tally.foreign += 1
            self.totals.foreign += 1
            if meant and self._strays is not None:
                self._strays.add(mark)
            return False
        if verdict is UNCLEAR and not self.claims.belongs_here(member, mark, item=item):
            return False
        if self._came_before(reading, mark, unclear=verdict is UNCLEAR):
            return False
        illegible = str(member) if isinstance(member, Illegible) else None
        if not meant and self.conditions.heeded:
            near.append(mark)
        elif not meant:
            self._leave_out(reading, 1)
        elif not item and (reason := illegible or why_not_an_item(member, partial=True)):
            reading.tally.failed += 1
            self.totals.failed += 1
            self.failures.add(page.url, reason)
        else:
            return True
        return False

    def _owner(self, reading: Reading, member: Any, meant: bool) -> Owner:
        lost = not meant and reading.ending.problem == LOST
        if lost or not isinstance(member, dict):
            return FOREIGN if lost else UNCLEAR
        verdict = owner(member, part := reading.share.partition)
        if verdict is FOREIGN and isinstance(part, Tile) and is_outside(self.conditions.asked.bbox, member):
            return FOREIGN if owner(member, replace(part, **WORLD._asdict())) is FOREIGN else UNCLEAR
        return verdict

    def _came_before(self, reading: Reading, mark: int, *, unclear: bool) -> bool:
        """Whether a member came to other readings, or was delivered to them, and take note of that."""
        before = any(mark in each for each in reading.share.before)
        if not before and self.claims.is_first(mark, unclear=unclear):
            return False
        if not before and self.claims.by_number and not unclear:
            reading.ending.shifted = MOVED
        self._repeated(reading)
        return True

    def _leave_out(self, reading: Reading, members: int) -> None:
        reading.tally.left_out += members
        self.totals.left_out += members

    def _repeated(self, reading: Reading) -> None:
        reading.tally.duplicates += 1
        self.stats.completeness.duplicates_removed += 1
