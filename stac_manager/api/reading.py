"""How far the reading of one partition of a search has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from stac_manager.api.next_links import keeps_conditions
from stac_manager.api.ownership import time_of
from stac_manager.api.paging import DOUBTS, NO_NEXT, Page
from stac_manager.api.requests import Request, item_after, limit_of, page_after
from stac_manager.api.seen import Seen
from stac_manager.api.shares import (
    CIRCLES,
    EMPTY_PAGES,
    LOOP,
    REPEAT,
    STALE_PAGES,
    Descent,
    Ending,
    Memory,
    Share,
    Tally,
)
from stac_manager.exceptions import DataProcessingError
from stac_manager.plan import Interval, Pages, Whole
from stac_manager.report import SHIFTED, UNSTEADY, PartitionReport, shift_of

MOVED = "items came again on later pages, which count: items that came or went have moved them"
APART = "a page did not begin where the one before it ended: items that came or went have moved them"
MOVED_UNSEEN = "a page held other items when it was asked for again: items that came or went may have moved them"
GONE = "items that came are gone: others may have come for them, and moved the pages after them"
CAPPED = "there are more items than its pages reach, and than the server counts"
PERHAPS_CAPPED = "the server may give no more than so many items, however many there are: it shows no others"
LOST = "a next link has lost a condition of the search"
FEW_SKIPPED, MOST_SKIPPED = 3, 18  # items in a row; less than MOST_ERRORS in `fetching`, which end a search
LAPSED = (400, 403, 404, 410)  # what servers say to a link that was good for a while only


@dataclass(slots=True, eq=False)
class Reading:
    """A share, the requests for its first and its next page, and what came of it so far."""

    share: Share
    first: Request
    following: Request | None
    counted: int | None = None  # the server's own number of items
    descent: Descent = field(default_factory=Descent)  # of an interval, or without a count
    keeps_conditions: bool = True  # whether its links show every condition of the search
    stopped: bool = False  # whether others read the rest of it
    ending: Ending = field(default_factory=Ending)
    tally: Tally = field(default_factory=Tally)
    memory: Memory = field(default_factory=Memory)

    @property
    def before(self) -> tuple[Seen, ...]:
        """What was delivered of it, for those who read the rest."""
        return (*self.share.before, self.memory.own)

    @property
    def place(self) -> int:
        """How many members are before its next page, where its pages are counted."""
        part = self.share.partition
        return self.tally.members + (part.first * part.page_size if isinstance(part, Pages) else 0)

    def pages_left(self, page_size: int) -> float:
        """How many pages are still to be fetched; without a count, as many as were."""
        if self.following is None:
            return 0
        if self.counted is not None and self.tally.fetched:
            return max(self.counted - self.tally.members, 1) / page_size
        return max(self.tally.fetched, (self.share.partition.estimate or 0) / page_size)

    @property
    def has_more(self) -> bool | None:
        """Whether it has more members than came, by its count; None without one."""
        return None if self.counted is None else self.counted > self.tally.members

    def accept(self, page: Page) -> None:
        """Take note of a page that has come, and of the request for the next."""
        if page.size:  # one that is empty may follow every last page
            was_full = self.memory.last_was_full and not self.memory.circles.empty
            self.ending.uneven |= self.tally.fetched > 0 and not was_full
            self.memory.last_was_full = page.full
        self.tally.fetched += 1
        self.memory.circles.short = not page.full and page.size < (limit_of(page.first) or 0)
        self.tally.members += page.size
        if self.counted is None:  # some servers count on some pages only
            self.counted = page.matched
        elif page.matched not in (None, self.counted):
            self.ending.shifted = SHIFTED
        self.memory.counting |= page.counting
        if page.matched is not None:
            self.memory.counts.add(page.matched)
        timed = self.counted is None or isinstance(self.share.partition, Interval)
        if timed:
            self.descend(page)
        if page.following is not None and self.keeps_conditions:
            self.keeps_conditions = keeps_conditions(page.following, page.first)
        page.asked = self.following or self.first
        self.memory.circles.accept(page.asked, page.size)
        self.following = page.following
        ends = page.following is None or self.counted == self.tally.members
        if page.size:  # of pages that end at a round number, one that is empty may follow the last
            at_limit = isinstance(self.share.partition, Whole) and self.tally.members % 1_000 == 0
            self.ending.last = page if ends or at_limit else None
        if (not page.size and self._is_over) or (not page.full and self.counted == self.tally.members):
            self.following = None  # stac-server (Element 84) has a next link on its last page
        elif page.following is not None and self.memory.circles.lead_back_to(page.following):
            self._end_in_circle(LOOP, page)
        elif page.doubt and page.doubt not in DOUBTS:
            self.fail(page.doubt)
        elif page.doubt and self.counted is None:
            self.ending.problem, self.ending.doubtful = page.doubt, True

    def descend(self, page: Page) -> None:
        """Take note of the time at which a page begins."""
        if page.size and self.descent.reached is not None:
            first = page.first_member()
            self.descent.go_on(time_of(first)[0] if isinstance(first, dict) else None)

    @property
    def _is_over(self) -> bool:
        """Whether an empty page is the end, though it has a next link: some servers filter after they page."""
        most = EMPTY_PAGES if self.counted is None else STALE_PAGES
        return self.has_more is False or self.memory.circles.empty >= most

    def finish_page(self, marks: Sequence[int], page: Page, new: int, nulls: int) -> list[int]:
        """Take note of a page that was delivered, of which so many members are new, null among them that tell nothing,
        and end what does not end by itself; give the marks of its own members that it holds twice."""
        memory = self.memory
        self.tally.read += 1
        memory.miscounted |= len(marks) != page.size
        different = frozenset(marks)
        self.tally.twice += len(marks) - len(different)
        self.tally.members += len(marks) - page.size
        if page.counting and 0 < new - nulls < len(different) - nulls and not memory.anew:
            self.ending.shifted = MOVED
        problem = memory.circles.finish_page(different, len(marks), max(new - nulls, 0))
        if problem == REPEAT:
            self._end_in_circle(REPEAT, page)
        elif problem is not None:
            self.end(problem)
        if len(different) == len(marks):
            return []
        return [mark for mark, times in Counter(marks).items() if times > 1 and mark in memory.own]

    def _end_in_circle(self, problem: str, page: Page) -> None:
        """Stop where pages lead in a circle."""
        self.ending.problem, self.ending.doubtful = None if self.ending.doubtful else self.ending.problem, False
        self.end(problem)
        self.ending.last = page

    @property
    def is_short(self) -> bool:
        """Whether its latest page is not as large as this server's get, or its only one has less than was asked for."""
        only = self.tally.fetched == 1 or (self.following is None and self.memory.circles.fresh == 1)
        came = self.memory.different + self.tally.twice  # a page that came again may have come in another size
        full = self.memory.last_was_full and not self.memory.circles.empty
        return not full or (only and came < (limit_of(self.first) or 0))

    def settle_circle(self, *, works: bool = False) -> None:
        """Take a circle for the end where no count speaks against it: some servers give their last page, or their
        first one, for ever. Links that never led to a second page may lead nowhere, unless it is known that one
        `works`."""
        works = works or self.memory.circles.fresh > 1 or not self.memory.last_was_full
        if self.counted is None and works and self.ending.problem in CIRCLES:
            self.ending.shifted, self.ending.problem = self.ending.problem, None

    def end(self, problem: str) -> None:
        """Ask for no more pages."""
        self.ending.problem, self.following = self.ending.problem or problem, None

    def fail(self, error: str, *, lapsed: bool = False) -> None:
        """Take note that its next page cannot be had, nor what is behind it: how many that are nobody knows."""
        self.ending.error = self.ending.problem = error
        self.ending.lapsed = lapsed
        self.tally.skipped -= len(self.memory.unnamed)
        self.tally.members -= len(self.memory.unnamed)
        self.memory.unnamed.clear()
        self.ending.refused, self.following = self.following, None

    def take_for_end(self) -> bool:
        """Take a next link to the search that is refused for none, as some servers have one on their last page; tell
        whether that may be: not where the count says that there is more."""
        place, search = (each and each.url.partition("?")[0] for each in (self.following, self.first))
        if not self.tally.fetched or self.has_more or place != search:
            return False
        if self.counted is None and not self.is_short:
            self.ending.problem, self.ending.doubtful, self.ending.lapsed = NO_NEXT, True, True
            self.ending.refused = self.following
        self.following = None
        return True

    @property
    def contradicts(self) -> bool:
        """Whether its count alone says that something is missing, and no change of it can have moved its pages."""
        return self.is_gapless and not (self.ending.shifted and self.memory.counting)

    @property
    def is_gapless(self) -> bool:
        """Whether its pages were full and different up to the last, though the latest count says that there is more."""
        memory, tally, ending = self.memory, self.tally, self.ending
        plain = not (ending.uneven or memory.last_was_full or tally.skipped or memory.anew)
        odd = ending.problem or ending.error or ending.doubtful or ending.shifted not in (None, SHIFTED)
        return plain and not odd and memory.different == tally.members < (self.counted or 0)

    @property
    def is_cut_off(self) -> bool:
        """Whether what is behind it cannot be had: for an error, a link that is refused, or none on its only page. A
        full page to which links led is the last one as a rule."""
        ending, unled = self.ending, self.ending.lapsed or self.tally.fetched == 1
        return ending.error is not None or (ending.problem == NO_NEXT and unled)

    def behind_item(self) -> Request | None:
        """The request for what is behind an item that cannot be had, where the links count and not all came. So
        many in a row are taken for all that is behind the last page, or item, that can be asked for."""
        if self.has_more is False or self.following is None:
            return None
        unsure = page_after(self.following) is not None or (self.counted is None and self.share.failing)
        most = FEW_SKIPPED if unsure else MOST_SKIPPED
        return item_after(self.following) if len(self.memory.unnamed) < most else None

    def skip(self, beyond: Request | None, error: DataProcessingError, *, ends_page: bool) -> None:
        """Go on behind a member that cannot be had, if that can be asked for, or leave that to others."""
        if beyond is None and not ends_page:
            self.fail(str(error), lapsed=error.status in LAPSED)
            return
        self.memory.unnamed.append(str(error))
        self.tally.skipped += 1
        self.tally.members += 1
        self.ending.refused, self.following = self.following if ends_page else None, beyond

    def begin_anew(self, first: Request) -> None:
        """Read from the beginning once more, over what came already."""
        self.first = self.following = first
        self.memory.circles.begin_anew(self.memory.different)
        self.memory.anew |= self.memory.different > 0

    @property
    def repeats(self) -> bool:
        """Whether as many members came as are counted, some of them on several pages."""
        return self.counted == self.tally.members and self.ending.problem is None and not self.memory.anew

    def missing(self) -> str | None:
        """Why items may be missing, once it was read to its end; None where nothing speaks for it."""
        if self.counted is None:
            if self.ending.error and self.memory.different and not isinstance(self.share.partition, Pages):
                return f"{self.ending.problem}; what follows the {self.memory.different} items that came is unknown"
            return self.ending.problem
        missing = self.counted - self.memory.different - self.tally.skipped
        if missing <= (0 if self.memory.anew else self.tally.twice):
            return None
        if self.repeats:
            return (
                f"{missing} items came again, and none in their place: the server has them twice, or others are missing"
            )
        if self.ending.doubtful:
            return f"the server counts {missing} items more than its pages hold"
        why = f": {self.ending.problem}" if self.ending.problem else ""
        return f"{missing} of {self.counted} items did not come{why}"

    def again(self) -> Share:
        """The same partition, to be read from its beginning over what came."""
        return replace(self.share, before=self.before, depth=self.share.depth + 1)

    def came(self) -> Seen:
        """Marks of all that was delivered of it, here and before."""
        return Seen(chain(*self.before))

    def report(self, datetime: str | None, place: str | None) -> PartitionReport:
        """Say what came of it."""
        tally, ending = self.tally, self.ending
        if isinstance(self.share.partition, Whole) and ending.shifted == SHIFTED:
            ending.shifted = shift_of(self.memory.counts, tally.fetched)
        estimated = ending.shifted == UNSTEADY and not (ending.problem or tally.skipped)
        return PartitionReport(
            key=self.share.partition.key,
            items=tally.items,
            seen=tally.members,
            duplicates=tally.duplicates,
            foreign=tally.foreign,
            counted=self.counted,
            pages=tally.read,
            requests=tally.fetched,
            left_out=tally.left_out,
            failed=tally.failed + tally.skipped,
            problem=self.missing(),
            doubtful_end=(ending.doubtful or self.repeats) and (self.counted is None or ending.problem is None),
            contradicts=self.is_gapless or estimated,
            shifted=ending.shifted,
            datetime=datetime,
            place=place,
        )
