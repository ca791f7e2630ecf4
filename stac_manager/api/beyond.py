"""Whether a search goes on where its pages end: some servers reach so many items only, and count no more.

So it is where a result window limits pages and count alike (`index.max_result_window` of Elasticsearch, 10,000). A
search for what lies beyond the last page, or among its items, finds what no page held.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

from stac_manager.api.cutting import times_of
from stac_manager.api.features import DamagedPageError
from stac_manager.api.fetching import Fetcher
from stac_manager.api.forms import found
from stac_manager.api.http import ATTEMPTS
from stac_manager.api.ledger import Ledger
from stac_manager.api.ownership import Asked
from stac_manager.api.paging import Page, page_of
from stac_manager.api.query import Query
from stac_manager.api.reading import CAPPED, MOVED, PERHAPS_CAPPED, Reading
from stac_manager.api.requests import Request, limit_of
from stac_manager.api.seen import Sample, Seen
from stac_manager.api.space import Point, points_of
from stac_manager.exceptions import DataProcessingError
from stac_manager.network.backoff import REFUSALS
from stac_manager.plan import Interval, Pages, Partition, Tile, Whole
from stac_manager.report import SHIFTED, PartitionReport
from stac_manager.timestamps import SECOND
from stac_manager.urls import shown

AWAY_SECONDS = 2  # beyond the last item, and not at its time: a second is asked for around every interval
AFTER_SECONDS, EAST_DEGREES = 86_400, 1.0  # what is looked at beside a single item
FEWEST, FEWEST_FOR_DOUBT = 100, 1_000
SAMPLES = 5  # how often a sample is made smaller that has more than a page
SAMPLE_SHARE = 0.7


def may_be_a_limit(number: int, page_size: int) -> bool:
    """Whether so many items may be all that a server lets through: a round number, or whole pages."""
    whole = number > page_size and 0 in (number % page_size, number % 10)
    round_number = number % 100 == 0 or (number + 1) % 1_000 == 0 or number & (number - 1) == 0
    return whole or (number >= FEWEST and round_number)


def is_a_usual_limit(number: int) -> bool:
    """Whether so many are what servers limit searches to: 1,000, 5,000, 10,000 and the like."""
    return number >= FEWEST_FOR_DOUBT and str(number).rstrip("0") in ("1", "2", "5")


def errs_itself(error: DataProcessingError) -> bool:
    """Whether an error is for what was asked: neither for who asks, nor for how much is asked."""
    garbled = not error.status and "the answer is" in str(error)
    return garbled or (error.status >= 500 and error.status not in REFUSALS)


class Beyond:
    """Looks beyond the ends of a search, or of its parts, that may be ends of pages only."""

    def __init__(self, fetcher: Fetcher, ledger: Ledger) -> None:
        self._fetcher, self._ledger, self._proof = fetcher, ledger, ledger.stats.completeness
        self._last: Page | Sample | None = None  # of a search in pages by number, of which another one ends last
        self._limit: int | None = None  # where pages end, though there are more items
        self._told = False  # of errors behind last pages

    def ends_in_error(self, reading: Reading, error: DataProcessingError) -> bool:
        """Whether an error may be all that follows the last page: what came is what is counted; or nothing is counted,
        or less than came, and that page is not full, as those before it are: then it is a failure. It is a doubt."""
        by_number, counted = isinstance(reading.share.partition, Pages), reading.counted
        counted = self._proof.counted if by_number and counted is None else counted
        short = reading.memory.circles.short and not reading.ending.uneven and not by_number
        ends = counted == reading.place or (short and (counted is None or counted < reading.place))
        if not ends or reading.memory.unnamed or not reading.tally.fetched or not errs_itself(error):
            return False
        if counted != reading.place:
            if not self._told:
                self._ledger.failures.add(shown(reading.first.url), f"what follows the last page: {error}")
            self._told = True
        reading.ending.shifted = reading.ending.shifted or f"{error}: taken for what follows the last page"
        return True

    async def lacks(self, query: Query) -> bool:
        """Whether the whole has to be read once more, after its parts: not where it is counted as they are by now."""
        proof, counted = self._proof, self._proof.counted
        if not self._ledger.lacks():
            return False
        page = None if counted is None else await found(self._fetcher.client, query, Whole())
        if page is None or page.matched != self._ledger.came:
            return True
        proof.counted = page.matched
        proof.partitions.append(PartitionReport(Whole().key, counted=counted, shifted=SHIFTED))
        return False

    async def look_ahead(self, query: Query, reading: Reading, *, whole: bool) -> None:
        """Ask what lies beyond the last page of a reading as soon as that has come: others are still on their way.
        `whole`: no others are read than the pages of one search, and those are counted if they are several."""
        came = reading.tally.members if not isinstance(reading.share.partition, Pages) else self._proof.counted or 0
        end, last = self._end(reading, came if whole else 0), reading.ending.last
        if not isinstance(last, Page) or reading.stopped or reading.ending.problem is not None:
            return
        if end != self._limit and self._may_go_on(query, end):
            reading.ending.last = await self._sample(query, reading, last)

    async def look(self, query: Query, reading: Reading, *, last: bool) -> None:
        """Take note in a reading, of which all that was counted has come, whether there is more. `last`: all of the
        search has come, in pages one after another."""
        if reading.missing() and reading.repeats and reading.memory.repeated:
            await self._look_for_twins(query, reading)
        if reading.missing():
            return
        end, sample = self._end(reading, self._ledger.came if last else 0), reading.ending.last or self._last
        reading.ending.last = None
        if not isinstance(reading.share.partition, Interval | Tile):
            self._last = sample
        if sample is None or not self._may_go_on(query, end):
            return
        if end != self._limit and isinstance(sample, Page):
            sample = await self._sample(query, reading, sample)
        if isinstance(sample, Page) or self._ledger.is_new(reading, sample.marks):
            self._limit = end
            reading.counted = self._proof.counted = None
            reading.ending.problem = reading.ending.shifted = CAPPED
        elif sample.whole is None or (not sample.whole and is_a_usual_limit(end)):
            reading.ending.shifted = PERHAPS_CAPPED

    async def _look_for_twins(self, query: Query, reading: Reading) -> None:
        """Take note of items that came again as the server has them twice, and counts them so: it gives them so where
        they are searched for by their ids."""
        part, names = reading.share.partition, sorted(set(reading.memory.repeated))
        page = await found(self._fetcher.client, query, part, 2 * len(names) + 1, {"ids": names})
        marks = Counter(self._ledger.mark_if_meant(each, part) for each in (page.objects() if page else ()))
        twice = {mark: times - 1 for mark, times in marks.items() if mark is not None and times > 1}
        for mark in twice:
            self._ledger.twice.add(mark)
        reading.tally.twice = max(sum(twice.values()), reading.tally.twice)  # with those of one page, counted before
        if reading.missing() is None and reading.ending.shifted == MOVED:
            reading.ending.shifted = None

    def _end(self, reading: Reading, came: int) -> int:
        """How many items a part of a search has, or all of it that `came`; 0 where its count says something else."""
        if isinstance(reading.share.partition, Interval | Tile):
            return reading.tally.members if reading.counted in (None, self._limit, self._proof.counted) else 0
        return came if self._proof.counted in (None, came) else 0

    def _may_go_on(self, query: Query, end: int) -> bool:
        return may_be_a_limit(end, self._fetcher.page_size) and self._ledger.left is None and "ids" not in query.body

    async def _sample(self, query: Query, reading: Reading, last: Page) -> Sample:
        """Ask for items that no page may have held: no more of them than fit on one, where the server shows that."""
        part, query, marks = reading.share.partition, query.within(reading.share.partition), Seen()
        asked = query.asked
        whole = part if isinstance(part, Interval) else Interval(asked.start, asked.end)
        in_order = reading.descent.is_in_order
        try:
            times, points = _traces(last)
        except DamagedPageError:
            return Sample(marks, whole=False)
        samples: list[Interval | Tile | None] = [
            _in_time(whole, times, newest_first=in_order),
            _in_space(query, part, points),
        ]
        there: bool | None = False
        limit = limit_of(last.first) or query.body["limit"]  # which may be larger than works
        for sample in [each for each in samples if each is not None]:
            errs = False
            for _ in range(SAMPLES):
                try:
                    page = await self._sampled(query.request(sample, limit), sample, part, marks)
                except (DataProcessingError, DamagedPageError) as error:
                    errs = isinstance(error, DamagedPageError) or errs_itself(error)
                    if not errs or limit == 1:
                        break
                    limit = max(limit // 4, 1)
                    continue
                errs = False
                if page is None:
                    break
                matched = page.matched
                if page.following is None if matched is None else matched <= page.size:
                    if isinstance(sample, Interval) and len(times) > len(set(times)) == 1:
                        break  # which says nothing of others at that time
                    return Sample(marks, whole=there is not None or None)
                if not page.size:
                    break
                before, sample = sample, _smaller(sample, SAMPLE_SHARE * page.size / (matched or 2 * page.size))
                if sample == before:
                    break
            there = None if errs else there
        return Sample(marks, whole=there)

    async def _sampled(self, request: Request, sample: Interval | Tile, part: Partition, marks: Seen) -> Page | None:
        """A page of a sample, with marks of what is meant in it; None where what was asked for is ignored: what only
        touches the sample is not foreign to it."""
        page = page_of(await self._fetcher.client.send(request, attempts=ATTEMPTS, outline=True), request)
        box = (sample.west, sample.south, sample.east, sample.north) if isinstance(sample, Tile) else None
        is_in, are_in = Asked(start=sample.start, end=sample.end, bbox=box).means, Counter[bool]()
        for each in page.objects_one_by_one():
            are_in[is_in(each)] += 1
            if (mark := self._ledger.mark_if_meant(each, part)) is not None:
                marks.add(mark)
        return None if are_in[False] > are_in[True] else page


def _traces(page: Page) -> tuple[list[int], list[Point]]:
    """The times and places of the items of a page, none of which is kept."""
    times: list[int] = []
    points: list[Point] = []
    for member in page.objects_one_by_one():
        times += [round(time * SECOND) for time in times_of([member])]
        points += points_of([member])
    return times, points


def _in_time(whole: Interval, times: list[int], *, newest_first: bool) -> Interval | None:
    """What comes after the last page where that is sorted by time, else a sample of the time it is from."""
    gaps = [after - before for before, after in pairwise(times)]
    away = AWAY_SECONDS * SECOND
    start, end = whole.start, whole.end
    if gaps:
        newest_first = all(gap <= 0 for gap in gaps)
    if times and newest_first:
        end = times[-1] - away if end is None else min(times[-1] - away, end)
    elif any(gaps) and all(gap >= 0 for gap in gaps):
        start = times[-1] + away if start is None else max(times[-1] + away, start)
    elif any(gaps):
        apart = sorted(set(times))
        start, end = apart[(len(apart) - 1) // 2 :][:2]
    elif len(times) == 1:
        start, end = times[-1], times[-1] + AFTER_SECONDS * SECOND
    else:
        return None
    return None if start is not None and end is not None and start >= end else replace(whole, start=start, end=end)


def _in_space(query: Query, part: Partition, points: list[Point]) -> Tile | None:
    """A sample of the area that the last page is from."""
    xs = sorted({x for x, _ in points})
    if not xs or "bbox" in query.body or "intersects" in query.body or isinstance(part, Tile):
        return None
    west, east = xs[(len(xs) - 1) // 2 :][:2] if len(xs) > 1 else (xs[0], min(xs[0] + EAST_DEGREES, 180.0))
    start, end = (part.start, part.end) if isinstance(part, Interval) else (None, None)
    return Tile(west, -90.0, east, 90.0, start, end)


def _smaller(partition: Interval | Tile, share: float) -> Interval | Tile:
    """A part of a sample; beyond the last page, all of it is one."""
    match partition:
        case Tile():
            return replace(partition, east=partition.west + share * (partition.east - partition.west))
        case Interval(start=int(start), end=int(end)):
            return replace(partition, end=start + max(round(share * (end - start)), SECOND))
    return partition
