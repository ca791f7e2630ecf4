"""What to read of a search that comes newest first behind a page that cannot be had: what is older, in this order."""

from __future__ import annotations

from dataclasses import replace
from math import floor, inf

from stac_manager.api.query import MARGIN_SECONDS, NEWEST_FIRST, Query
from stac_manager.api.reading import Reading
from stac_manager.api.shares import Share, joined
from stac_manager.plan import Interval, Partition, Whole
from stac_manager.timestamps import SECOND, YEAR_SECONDS

SMALLEST, LARGEST = 2, 2 * YEAR_SECONDS  # what is halved around an Item that cannot be had, in seconds
AROUND = 2 * MARGIN_SECONDS + 1  # so many seconds before it, an interval does not ask for what is asked for around it
MOST_IN_VAIN = 40  # so many parts in a row, of which none could be had, are the end of a search


def is_newest_first(query: Query, reading: Reading) -> bool:
    """Whether a search comes newest first: it is asked for so, or its pages show it."""
    descent = reading.descent
    if not (keys := query.body.get("sortby")):
        falls = descent.is_in_order and (descent.ended or inf) <= (descent.reached or 0)
        return falls or isinstance(reading.share.partition, Interval)
    return keys[0]["field"] in ("datetime", NEWEST_FIRST[0]["field"]) and keys[0]["direction"] == "desc"


def is_wide(query: Query, part: Partition) -> bool:
    """Whether an interval is halved where it cannot be had."""
    if not isinstance(part, Interval) or part.end is None:
        return False
    low = _low(query, part)
    return low is None or part.end // SECOND - low > SMALLEST


def rest_of(query: Query, reading: Reading) -> list[Share]:
    """What to read in place of a reading that fails: what is older than the last Item that came, or the newer half of
    what holds one that cannot be had; the older half, and the rest, is `beyond`. None where neither is known."""
    share, part, ended, astray = reading.share, reading.share.partition, reading.descent.ended, _leads_nowhere(reading)
    if isinstance(part, Whole):
        part = Interval(None, None)
    if not isinstance(part, Interval) or not _fails(reading) or share.came >= MOST_IN_VAIN:
        return []
    again = reading.ending.lapsed and isinstance(share.partition, Whole)  # which came before, as far as this
    if (reading.tally.items or again) and ended is not None:
        end = (floor(ended) + 1) * SECOND
        part = replace(part, end=end if part.end is None else min(part.end, end))
    elif astray or not is_wide(query, part):
        return []
    if astray:
        return [Share(part, beyond=share.beyond)]
    return _halved(query, part, share.beyond, 0 if reading.tally.items else share.came + 1)


def older_than(query: Query, reading: Reading) -> list[Share]:
    """What to read behind a reading that is not replaced: what is older, but for what is asked for around that which
    cannot be had."""
    share, part, ended = reading.share, reading.share.partition, reading.descent.ended
    assert isinstance(part, Interval)
    if not _fails(reading):
        if share.failing and share.beyond and isinstance(half := share.beyond[0], Interval) and half.start is not None:
            return _halved(query, half, share.beyond[1:], 0)
        return [Share(each) for each in joined(reversed(share.beyond))]
    [whole] = joined([*reversed(share.beyond), part])
    assert isinstance(whole, Interval)
    of_link = None if ended is None else floor(ended)
    low = of_link if _leads_nowhere(reading) else _low(query, part)
    reading.share, reading.ending.doubtful = replace(share, partition=whole, beyond=()), False
    if low is None or low - AROUND <= (query.bounds.low or -inf) or share.came >= MOST_IN_VAIN:
        return []
    edge = (low - AROUND) * SECOND
    if whole.end is not None and edge >= whole.end:  # the server ignores `datetime`: nothing older can be asked for
        return []
    reading.share = replace(reading.share, partition=replace(whole, start=edge))
    return [Share(replace(whole, end=edge), came=share.came)]


def _fails(reading: Reading) -> bool:
    ending = reading.ending
    return bool(reading.missing() and (ending.error or ending.problem or reading.memory.last_was_full))


def _leads_nowhere(reading: Reading) -> bool:
    """Whether it is a link that fails, and not what is behind it."""
    return reading.ending.error is None or reading.ending.lapsed


def _low(query: Query, part: Interval) -> int | None:
    """The second in which an interval begins; None where that is open."""
    if part.start is not None:
        return part.start // SECOND
    return None if query.bounds.low is None else floor(query.bounds.low)


def _halved(query: Query, part: Interval, beyond: tuple[Partition, ...], came: int) -> list[Share]:
    """The newer half of what cannot be had, or all of that if it is small."""
    rest = (*joined(reversed(beyond)),)
    if part.end is None or not is_wide(query, part):
        return [Share(part, failing=True, came=came, beyond=rest)]
    low, end = _low(query, part), part.end // SECOND
    edge = (end - LARGEST if low is None else (low + end) // 2) * SECOND
    return [Share(replace(part, start=edge), failing=True, came=came, beyond=(replace(part, end=edge), *rest))]
