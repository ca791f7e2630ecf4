"""Every habit of public servers, at every level: what can be had comes once, what cannot is named, and it ends."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any

import pytest

from stac_manager import ApiStats, DataProcessingError, Failure, IngestModule, WorkflowContext
from stac_manager.api.heeded import UNSORTED

from .habits import (
    AllOnOnePage,
    AnotherTime,
    AtOnce,
    BackToTheFirst,
    BareNaN,
    ByteOrderMark,
    CachedLandingPage,
    CachedPosts,
    CoarseTimes,
    CollectionsInTurn,
    ConformsElsewhere,
    Counts,
    CountsIgnore,
    CutsPages,
    DatetimeOnly,
    EmptyIn200,
    ErrorsAfterTheLastPage,
    ErrorsBeyondTheEnd,
    ErrorsIn200,
    ExpiringToken,
    FewIds,
    FiltersAfterPaging,
    Firewall,
    FirstCollectionOnly,
    ForbiddenAtFirst,
    GarbledItem,
    HeavyItem,
    Ignores,
    InnerAddresses,
    InnerCollections,
    ItemsComeAndGo,
    ItemsEndpointOnly,
    LacksAsAWhole,
    LargestPage,
    LargestPageUnsaid,
    LastPageForEver,
    LeadsBack,
    LeavesOut,
    LinksFail,
    LinksLapse,
    LinksLostByLargePages,
    LinksUnheeded,
    LoginNowAndThen,
    MiddleOfRanges,
    MixesUpAnswers,
    MoreAndMoreCookies,
    NeedsCollections,
    NextAfterFullPages,
    NextLink,
    NextOnTheLastPage,
    NoContentBeyondTheEnd,
    NoLandingPage,
    NoPageReachesBeyond,
    NoSearchLink,
    NothingBeyond,
    NotModified,
    NullIn200,
    NullItem,
    OddlyWritten,
    OddText,
    OlderAnswers,
    OldestFirst,
    OneCollectionAtOnce,
    OpenSearchLink,
    OtherNames,
    PoisonedItem,
    RateLimit,
    Refuses,
    RefusesBeyondTheEnd,
    RoundsOffsets,
    SaysFullPages,
    ShortAddresses,
    SinceYearOne,
    SlashIsAdded,
    SortedById,
    Sorts,
    SortsById,
    TiesInAnyOrder,
    TimesAsText,
    TwinInPlaceOfAnother,
    WholeRanges,
    Window,
    WrongWayRound,
)
from .server import Ask, Habit, Json, Key, Refusal, World, key_of, running

LEVELS: tuple[int | str, ...] = (1, 8, "auto")
COUNT = 120
LIMIT = 10
FIRST = datetime(2024, 1, 1, 12, tzinfo=UTC)


def text_of(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def make_item(number: int, collection: str | None = "scenes", **properties: Any) -> Json:
    item = {
        "type": "Feature",
        "id": f"item-{number:04}",
        "collection": collection,
        "geometry": {"type": "Point", "coordinates": [number * 37 % 360 - 180, number * 53 % 180 - 90]},
        "properties": {"datetime": text_of(FIRST + timedelta(hours=7 * number)), **properties},
        "links": [],
        "assets": {},
    }
    return item if collection else {name: value for name, value in item.items() if name != "collection"}


def spread(count: int = COUNT) -> list[Json]:
    """Items seven hours apart."""
    return [make_item(number) for number in range(count)]


def hourly() -> list[Json]:
    return [make_item(n, datetime=text_of(FIRST + timedelta(hours=n))) for n in range(COUNT)]


def in_ties() -> list[Json]:
    """Six instants with twenty items each."""
    return [make_item(n, datetime=text_of(FIRST + timedelta(days=20 * (n // 20)))) for n in range(COUNT)]


def along_two_tracks() -> list[Json]:
    """Two instants, and no item between its neighbours of the same one."""
    items = [make_item(n, datetime=text_of(FIRST + timedelta(days=n // 60))) for n in range(COUNT)]
    return [{**item, "geometry": {"type": "Point", "coordinates": [3 * n - 180, 0]}} for n, item in enumerate(items)]


def over_years() -> list[Json]:
    """Items nine days apart."""
    return [make_item(n, datetime=text_of(FIRST + timedelta(days=9 * n))) for n in range(COUNT)]


def at_one_instant() -> list[Json]:
    return [make_item(n, datetime=text_of(FIRST)) for n in range(COUNT)]


def half_over_the_year() -> list[Json]:
    """Items of which every second lasts the whole year, but for the newest, so that the first page does not show it."""
    year = {"start_datetime": "2024-01-01T00:00:00Z", "end_datetime": "2024-12-31T23:59:59Z"}
    return [make_item(n, **(year if n % 2 and n < 2 * COUNT - 20 else {})) for n in range(2 * COUNT)]


def some_over_the_year() -> list[Json]:
    """Items of which so many last the whole year as are on one page."""
    year = {"start_datetime": "2024-01-01T00:00:00Z", "end_datetime": "2024-12-31T23:59:59Z"}
    return [make_item(n, **({} if n % 12 else year)) for n in range(COUNT)]


def composites() -> list[Json]:
    """Items that all last the whole year: they are in every interval of time."""
    year = {"start_datetime": "2024-01-01T00:00:00Z", "end_datetime": "2024-12-31T23:59:59Z"}
    return [make_item(n, datetime=None, **year) for n in range(COUNT)]


def a_thousand_at_two_instants() -> list[Json]:
    return [make_item(n, datetime=text_of(FIRST + timedelta(days=n % 20 < 19))) for n in range(1_000)]


def half_at_one_instant() -> list[Json]:
    return [make_item(n, datetime=text_of(FIRST + timedelta(days=n if n % 2 else 41))) for n in range(2 * COUNT)]


def in_three_collections(count: int = COUNT) -> list[Json]:
    return [make_item(n, "abc"[n * 3 // count]) for n in range(count)]


def mixed(items: list[Json]) -> list[Json]:
    """The same, of all Collections at all times."""
    return [{**item, "collection": "abc"[number % 3]} for number, item in enumerate(items)]


def in_small_collections() -> list[Json]:
    sizes = (67, 4, 4, 4, 4, 5, 2, 30)
    return [make_item(n, name) for n, name in enumerate(f"{k}" for k, size in enumerate(sizes) for _ in range(size))]


def without_datetime_at(*numbers: int) -> list[Json]:
    return [make_item(n, **({"datetime": None} if n in numbers else {})) for n in range(COUNT)]


def some_without_datetime() -> list[Json]:
    ranges = [(FIRST + timedelta(hours=7 * n), FIRST + timedelta(hours=7 * n + 3)) for n in range(25)]
    nulls = [
        make_item(1000 + n, datetime=None, start_datetime=text_of(start), end_datetime=text_of(end))
        for n, (start, end) in enumerate(ranges)
    ]
    return [*spread(COUNT - 25), *nulls]


def in_ranges() -> list[Json]:
    """Items of which every third lasts three days."""
    return [
        {**item, "properties": {**item["properties"], "start_datetime": start, "end_datetime": text_of(end)}}
        if n % 3 == 0 else item
        for n, item in enumerate(spread())
        for start in [item["properties"]["datetime"]]
        for end in [datetime.fromisoformat(start) + timedelta(days=3)]
    ]  # fmt: skip


def in_many_zones() -> list[Json]:
    """Items seven hours apart, written in one of five zones."""
    zones = [timezone(timedelta(hours=hours)) for hours in (-6, -3, 0, 3, 6)]
    times = [FIRST + timedelta(hours=7 * n) for n in range(COUNT)]
    return [make_item(n, datetime=time.astimezone(zones[n % 5]).isoformat()) for n, time in enumerate(times)]


def in_ranges_turned_round() -> list[Json]:
    """Items of which every sixth ends before it begins, so that short intervals find it nowhere."""
    turned = {n: FIRST + timedelta(hours=7 * n) for n in range(0, COUNT, 6)}
    times = {
        n: {"start_datetime": text_of(t + timedelta(hours=9)), "end_datetime": text_of(t - timedelta(hours=9))}
        for n, t in turned.items()
    }
    return [make_item(n, **times.get(n, {})) for n in range(COUNT)]


def with_commas() -> list[Json]:
    """Items of which every second has an id with a comma, of which the beginning is that of another."""
    return [{**item, "id": item["id"] + ",b" * (n % 2)} for n, item in enumerate(spread())] + spread()[1:2]


def at_the_ends_of_time() -> list[Json]:
    ends = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"]
    return [*spread(), *(make_item(2000 + n, datetime=moment) for n, moment in enumerate(ends))]


def equal_ids() -> list[Json]:
    """The same ids in two Collections and in none."""
    return [make_item(n // 3, ("scenes", "others", None)[n % 3]) for n in range(COUNT)]


def without_geometry() -> list[Json]:
    return [{**item, "geometry": None} for item in at_one_instant()[:30]] + at_one_instant()[30:]


def half_without_geometry() -> list[Json]:
    return [{**item, "geometry": None} if n % 2 else item for n, item in enumerate(at_one_instant())]


def by_chance() -> Callable[[int], int]:
    """A third of all counts are too high."""
    dice = random.Random(3)
    return lambda count: int(count * dice.choice((1.0, 1.0, 1.3)))


@dataclass
class Case:
    """A world, how it is asked, and what is known beforehand of how that ends."""

    habits: Sequence[Habit] = ()
    items: Callable[[], list[Json]] = spread
    options: Json = field(default_factory=dict)
    world: Json = field(default_factory=dict)
    wanted: Callable[[Json], bool] = lambda item: True
    most_requests: int = 1_000  # and a quarter more where the level, and so what is asked twice, depends on the time
    """A search of 12 pages that takes more than this does not end by itself. What is usual is far below."""
    most_failures: int = 1_000
    behind: int = 0
    """So many Items at most have nothing that leads to them: they are behind one that cannot be had, or a dead link."""
    loose: bool = False
    """The server contradicts itself, so that an item may be called missing that came."""
    complete: bool = False
    """Nothing is odd that speaks against it: it must be called so."""


GLOBE = {"type": "Polygon", "coordinates": [[[-90, -90], [90, -90], [90, 90], [-90, 90], [-90, -90]]]}
LATER = text_of(FIRST + timedelta(hours=7 * 30))
EARLIER = text_of(FIRST + timedelta(hours=7 * 90))


def between(item: Json) -> bool:
    return LATER <= item["properties"]["datetime"] <= EARLIER


PACIFIC = [120, -60, -120, 60]


def in_pacific(item: Json) -> bool:
    x, y = item["geometry"]["coordinates"]
    return (x >= 120 or x <= -120) and -60 <= y <= 60


HOUR, DAY = timedelta(hours=1), timedelta(days=1)

CASES: dict[str, Callable[[], Case]] = {
    "calm": lambda: Case(),
    "calm, without counts": lambda: Case(world={"counts": False}),
    "calm, without counts and filters": lambda: Case(world={"counts": False, "filters": False}),
    "cached landing page": lambda: Case([CachedLandingPage()]),
    "one item is poison": lambda: Case([PoisonedItem("item-0053")], most_requests=75, most_failures=1),
    "one item is poison, GET": lambda: Case(
        [PoisonedItem("item-0053"), Refuses("POST")], most_requests=75, most_failures=1
    ),
    "one item is poison, without counts": lambda: Case(
        [PoisonedItem("item-0053")], world={"counts": False}, most_requests=115, most_failures=1
    ),
    "an item is poison behind as many as are counted": lambda: Case(
        [PoisonedItem("item-0004"), Counts(lambda n: min(n, 50))], most_requests=160, most_failures=2, behind=4
    ),
    "the newest item is poison": lambda: Case([PoisonedItem("item-0119")], most_requests=115, most_failures=1),
    "the first and the last item are no JSON, GET, without counts": lambda: Case(
        [GarbledItem("item-0000", "item-0119"), Refuses("POST")], options={"datetime": "2019-12-30T00:00:00Z/.."},
        world={"counts": False}, most_requests=180, most_failures=2,
    ),
    "the first item is poison, at one instant": lambda: Case(
        [PoisonedItem("item-0000")], at_one_instant, most_requests=190, most_failures=1
    ),
    "the first item is poison, datetime is ignored": lambda: Case(
        [PoisonedItem("item-0119"), Ignores("datetime")], most_requests=150, most_failures=1
    ),
    "one of many ids is poison": lambda: Case(
        [PoisonedItem("item-0029")], options={"ids": [f"item-{number:04}" for number in range(30)]},
        wanted=lambda item: item["id"] < "item-0030", most_requests=40, most_failures=1,
    ),
    "the first item is poison, oldest first": lambda: Case(
        [OldestFirst(), PoisonedItem("item-0000")], world={"paging": "position"}, most_requests=115, most_failures=1
    ),
    "one item is poison, at one instant": lambda: Case(
        [PoisonedItem("item-0053")], at_one_instant, most_requests=75, most_failures=1
    ),
    "one item is poison, counts one too many, one instant": lambda: Case(
        [Counts(lambda n: n + 1), PoisonedItem("item-0053")], at_one_instant, most_requests=300, loose=True
    ),
    "one item is poison, counts one too few, one instant": lambda: Case(
        [Counts(lambda n: max(n - 1, 0)), PoisonedItem("item-0053")], at_one_instant, most_requests=300, loose=True
    ),
    "three items are poison": lambda: Case(
        [PoisonedItem("item-0013", "item-0053", "item-0093")], most_requests=200, most_failures=3
    ),
    "one item is poison, pages by offset, without counts": lambda: Case(
        [PoisonedItem("item-0053")], composites, world={"counts": False, "paging": "offset"}
    ),
    "one item is poison, pages by number": lambda: Case(
        [PoisonedItem("item-0053"), Ignores("datetime")], world={"paging": "page"}
    ),
    "a page is too heavy, pages by number": lambda: Case(
        [HeavyItem("item-0053"), Ignores("datetime", "bbox")], options={"concurrency": 1}, world={"paging": "page"},
        most_requests=40,
    ),
    "a page is too heavy, of what is read in sequence at first": lambda: Case(
        [HeavyItem("item-0105")], world={"counts": False}, most_requests=60
    ),
    "pages by number end at 70": lambda: Case([HeavyItem(window=70)], world={"paging": "page"}, most_requests=70),
    "pages by number end at 70, without counts, in any order": lambda: Case(
        [HeavyItem(window=70), SortedById()], world={"paging": "page", "counts": False, "filters": False},
        most_requests=140, loose=True,  # nobody knows whether items without a datetime are behind that page
    ),
    "pages by number end behind the last one, without counts": lambda: Case(
        [HeavyItem(window=50)], lambda: spread(46), world={"paging": "page", "counts": False, "filters": False},
        most_requests=50,
    ),
    "two of a page are poison, by offset, nothing cuts": lambda: Case(
        [PoisonedItem("item-0051", "item-0057"), Ignores("datetime", "bbox")], at_one_instant,
        world={"paging": "offset"}, most_requests=60, most_failures=2,
    ),
    "three are poison, two of them on a page, by page, nothing cuts": lambda: Case(
        [PoisonedItem("item-0051", "item-0057", "item-0079"), Ignores("datetime", "bbox")], world={"paging": "page"},
        most_requests=80, most_failures=3,
    ),
    "three are poison, one ends its page, by offset, in ties": lambda: Case(
        [PoisonedItem("item-0049", "item-0097", "item-0108"), Ignores("bbox")], in_ties,
        world={"paging": "offset"}, most_requests=90, most_failures=3,
    ),
    "three are poison, by offset, in ties, without counts": lambda: Case(
        [PoisonedItem("item-0049", "item-0097", "item-0108"), Ignores("bbox")], in_ties,
        world={"paging": "offset", "counts": False}, most_requests=180, most_failures=6,
    ),
    "four in a row are poison, by offset, nothing cuts, without counts": lambda: Case(
        [PoisonedItem(*(f"item-{number:04}" for number in range(52, 56))), Ignores("datetime", "bbox")],
        world={"paging": "offset", "counts": False}, most_requests=60, most_failures=4,
    ),
    "one of a tie is poison, without counts, the server sorts by id": lambda: Case(
        [PoisonedItem("item-0053"), Ignores("bbox"), SortsById()], in_ties,
        world={"counts": False, "paging": "position"}, most_requests=130, most_failures=1, behind=19,
    ),
    "one is poison, nothing cuts, the server sorts by id": lambda: Case(
        [PoisonedItem("item-0053"), Ignores("bbox", "datetime"), SortsById()], at_one_instant,
        world={"paging": "position"}, most_requests=60, most_failures=3, behind=66,
    ),
    "one is poison, nothing cuts, fewer come by id, without counts": lambda: Case(
        [PoisonedItem("item-0053"), Ignores("bbox", "datetime"), SortsById(25)], at_one_instant,
        world={"counts": False, "paging": "position"}, most_requests=60, most_failures=2, behind=66,
    ),
    "three items are null": lambda: Case(
        [NullItem("item-0013", "item-0053", "item-0093")], options={"concurrency": 1}, most_requests=16
    ),
    "one item is no JSON": lambda: Case([GarbledItem("item-0013")], world={"paging": "offset"}),
    "one item is no JSON, at one instant": lambda: Case([GarbledItem("item-0003")], at_one_instant),
    "next gives 404": lambda: Case([NextLink("leads_nowhere"), Ignores("bbox")], at_one_instant),
    "next gives 403": lambda: Case([NextLink("is_forbidden")], options={"concurrency": 1}, most_requests=16),
    "next leads to another host": lambda: Case([NextLink("another_host"), Ignores("bbox")], at_one_instant),
    "next has its body as text": lambda: Case([NextLink("body_as_text"), Ignores("bbox")], at_one_instant),
    "next is among links by their relation": lambda: Case(
        [NextLink("by_relation"), Ignores("bbox")], at_one_instant, world={"counts": False}, most_requests=30
    ),
    "next has no address": lambda: Case([NextLink("no_address")]),
    "next has lost all but its token": lambda: Case(
        [NextLink("lost_all_but_the_token")],
        options={"datetime": f"{LATER}/{EARLIER}"},
        world={"paging": "position"},
        wanted=between,
    ),
    "links lead to another Collection, and count": lambda: Case(
        [NextLink("counts_elsewhere")], world={"paging": "offset"}, most_requests=60, complete=True
    ),
    "links lead to another Collection, and have lost a filter": lambda: Case(
        [NextLink("counts_elsewhere")], some_without_datetime, {"filter": "datetime IS NULL"}, {"paging": "offset"},
        wanted=lambda item: item["properties"]["datetime"] is None, most_requests=30,
    ),
    "the first search is forbidden, once": lambda: Case([Refuses("POST"), ForbiddenAtFirst()], complete=True),
    "each page is the first one again, without counts": lambda: Case(
        [LinksUnheeded("GET", "POST")], world={"counts": False}, most_requests=250
    ),
    "each page is the first one again, without counts and filters": lambda: Case(
        [LinksUnheeded("GET", "POST")], world={"counts": False, "filters": False}, most_requests=250
    ),
    "no next links, since the year 1": lambda: Case(
        [NextLink("absent"), SinceYearOne()], options={"intersects": GLOBE}, most_requests=150,
        wanted=lambda item: -90 <= item["geometry"]["coordinates"][0] <= 90,
    ),
    "a thousand in no order, at two instants": lambda: Case(
        [Window(1_000, by_id=True)], a_thousand_at_two_instants, {"limit": 100, "bbox": [-180, -90, 180, 90]},
        {"paging": "position"}, complete=True,
    ),
    "a box that begins beside the meridian, GET": lambda: Case(
        [Refuses("POST")], options={"bbox": [1e-6, -90, 90, 90]}, complete=True,
        wanted=lambda item: 0 < item["geometry"]["coordinates"][0] <= 90,
    ),
    "a large page is a 502, and Collections are needed": lambda: Case(
        [LargestPage(4, silent=False, status=502), NeedsCollections()], in_three_collections, most_requests=150
    ),
    "the landing page names an inner host": lambda: Case([InnerAddresses()]),
    "next is refused at a null datetime": lambda: Case([NextLink("refused_after_null")], some_without_datetime),
    "next has lost a condition": lambda: Case(
        [NextLink("lost_condition")],
        options={"datetime": f"{LATER}/{EARLIER}"},
        wanted=between,
    ),
    "next has lost a condition, GET": lambda: Case(
        [NextLink("lost_condition"), Refuses("POST")],
        options={"datetime": f"{LATER}/{EARLIER}"},
        wanted=between,
    ),
    "next has lost its sort": lambda: Case(
        [Sorts(), NextLink("lost_sort")], options={"ordered": True}, world={"paging": "offset"}, most_requests=15
    ),
    "next asks for larger pages": lambda: Case(
        [NextLink("asks_for_more")], world={"paging": "page"}, most_requests=40
    ),
    "next has an address that is too long": lambda: Case(
        [NextLink("too_long")],
        at_one_instant,
        options={"intersects": {"type": "Polygon", "coordinates": [GLOBE["coordinates"][0] * 40]}},
        wanted=lambda item: -90 <= item["geometry"]["coordinates"][0] <= 90,
        complete=True, most_requests=14,
    ),
    "next is written as it is read": lambda: Case([NextLink("written_raw"), Refuses("POST")], most_requests=50),
    "next is written as in HTML": lambda: Case(
        [NextLink("escaped_as_html"), Refuses("POST")], most_requests=50
    ),
    "next has counts and nothing else": lambda: Case(
        [NextLink("counts_only")],
        options={"datetime": f"{LATER}/{EARLIER}"},
        world={"paging": "offset"},
        wanted=between,
        most_requests=15,
    ),
    "next is merged, the last page is full, without counts": lambda: Case(
        [NextLink("merged")], lambda: spread(LIMIT), world={"paging": "page", "counts": False}, most_requests=12
    ),
    "next is merged, with null members": lambda: Case(
        [NextLink("merged_with_nulls")], options={"datetime": f"{LATER}/{EARLIER}", "concurrency": 1},
        world={"counts": False, "paging": "offset"}, wanted=between, most_requests=8,
    ),
    "the last page has one item, without counts": lambda: Case(
        [NextAfterFullPages()], lambda: in_three_collections(31), world={"paging": "offset", "counts": False},
        most_requests=8,
    ),
    "next is one of a list of relations": lambda: Case([NextLink("several_relations")], most_requests=40),
    "next for each method": lambda: Case([NextLink("one_a_method")], most_requests=50),
    "next of the last page is itself, without counts": lambda: Case(
        [LastPageForEver(later=False)], lambda: spread(117), world={"counts": False}, most_requests=50
    ),
    "next of a full last page is itself, without counts": lambda: Case(
        [LastPageForEver(later=False)], world={"counts": False}, most_requests=50
    ),
    "the last page comes for ever, without counts": lambda: Case(
        [LastPageForEver(later=True)], lambda: spread(117), world={"counts": False, "paging": "offset"},
        most_requests=120,
    ),
    "the last page comes for ever, with null, without counts": lambda: Case(
        [NullItem("item-0000"), LastPageForEver(later=True)], lambda: spread(117),
        world={"counts": False, "paging": "offset"}, most_requests=160,
    ),
    "the last page comes twice, then errors, without counts": lambda: Case(
        [ErrorsAfterTheLastPage(later=True)], lambda: spread(117), options={"concurrency": 1},
        world={"counts": False, "paging": "offset"}, most_requests=25, loose=True,
    ),
    "next of the last page is the first, without counts": lambda: Case(
        [BackToTheFirst()], world={"counts": False}, most_requests=75
    ),
    "next of the last page is the first, GET, without counts": lambda: Case(
        [BackToTheFirst(), Refuses("POST")], world={"counts": False, "paging": "offset"}, most_requests=60
    ),
    "next in the middle leads back, without counts": lambda: Case(
        [LeadsBack(0)], options={"concurrency": 8}, world={"counts": False, "paging": "offset"}, most_requests=30
    ),
    "next in the middle leads nowhere, without counts": lambda: Case(
        [LeadsBack(50)], options={"concurrency": 8}, world={"counts": False, "paging": "offset"}, most_requests=30
    ),
    "an item is there twice and in place of another": lambda: Case(
        [TwinInPlaceOfAnother(apart=False)], options={"concurrency": 1}, world={"paging": "position"}, loose=True
    ),
    "links lapse after three requests": lambda: Case(
        [LinksLapse(3)], lambda: spread(400), options={"concurrency": 8}, most_requests=500
    ),
    "links lapse after a while, without counts": lambda: Case(
        [LinksLapse(restart=7, status=404)], options={"concurrency": 1}, world={"counts": False}, most_requests=80
    ),
    "links lapse at one instant": lambda: Case(
        [LinksLapse(restart=7, status=404), Ignores("bbox")], at_one_instant, most_requests=60, behind=110
    ),
    "links lapse at one instant, without counts": lambda: Case(
        [LinksLapse(restart=7), Ignores("bbox")], at_one_instant, world={"counts": False}, most_requests=60, behind=110
    ),
    "one Collection at once": lambda: Case(
        [OneCollectionAtOnce()], in_three_collections, {"collections": ["a", "b", "c"]}, most_requests=40
    ),
    "Collections are needed": lambda: Case(
        [NeedsCollections(), Refuses("POST")], in_three_collections, most_requests=50
    ),
    "Collections are needed, and large pages refused": lambda: Case(
        [LargestPage(4, silent=False, status=400), NeedsCollections()], in_three_collections, most_requests=120
    ),
    "one Collection is needed": lambda: Case([NeedsCollections(1, 422)], in_three_collections, most_requests=40),
    "one Collection is needed, without counts": lambda: Case(
        [NeedsCollections(1)], in_three_collections, world={"counts": False}, most_requests=60
    ),
    "only the first Collection is searched": lambda: Case(
        [FirstCollectionOnly()], in_three_collections, {"collections": ["c", "a"]},
        wanted=lambda item: item["collection"] != "b", most_requests=30,
    ),
    "only the first Collection is searched, and one is needed, without counts": lambda: Case(
        [FirstCollectionOnly(), NeedsCollections()], in_three_collections, world={"counts": False}, most_requests=70
    ),
    "ids with commas, GET": lambda: Case(
        [Refuses("POST")], with_commas, {"ids": ["item-0001,b", "item-0004"], "collection_id": "scenes"},
        wanted=lambda item: item["id"] in ("item-0001,b", "item-0004"), most_requests=8,
    ),
    "Collections in turn": lambda: Case(
        [CollectionsInTurn()], in_three_collections, world={"paging": "offset", "counts": False}, most_requests=36
    ),
    "Collections in turn, one item is poison": lambda: Case(
        [CollectionsInTurn(), PoisonedItem("item-0061")], in_three_collections,
        world={"paging": "offset", "counts": False}, most_requests=45, most_failures=1,
    ),
    "Collections in turn, pages end early": lambda: Case(
        [CollectionsInTurn(early=True)], in_small_collections, world={"paging": "offset", "counts": False},
        most_requests=40,
    ),
    "Collections in turn, pages end early, times are ignored": lambda: Case(
        [CollectionsInTurn(early=True), Ignores("datetime", "bbox")], in_small_collections,
        world={"paging": "offset", "counts": False}, most_requests=60,
    ),
    "next for each format": lambda: Case(
        [NextLink("one_a_format"), Refuses("POST"), Ignores("bbox")], at_one_instant, world={"counts": False},
        most_requests=30,
    ),
    "next on the last page": lambda: Case(
        [NextOnTheLastPage()],
        options={"datetime": f"{text_of(FIRST)}/{text_of(FIRST + timedelta(hours=7 * COUNT))}"},
        world={"paging": "position"},
        most_requests=26,
    ),
    "no content behind the last page, without counts": lambda: Case(
        [NoContentBeyondTheEnd()], world={"paging": "position", "counts": False}, most_requests=40
    ),
    "next on the last page is refused": lambda: Case(
        [RefusesBeyondTheEnd()], world={"paging": "position"}, most_requests=50
    ),
    "next on the last page is refused, without counts": lambda: Case(
        [RefusesBeyondTheEnd()], lambda: spread(117), world={"paging": "position", "counts": False}, most_requests=50
    ),
    "next is a token, GET": lambda: Case(
        [OlderAnswers("search:metadata", "matched"), Refuses("POST")], most_requests=50
    ),
    "next is a token, one instant": lambda: Case(
        [OlderAnswers("context", "matched"), Ignores("bbox")], at_one_instant, most_requests=30
    ),
    "next is a token, without counts": lambda: Case([OlderAnswers("search:metadata", "none")], most_requests=60),
    "older counts": lambda: Case([OlderAnswers("meta", "found", tokens=False)], most_requests=50),
    "what follows any page is an error, GET, at one instant": lambda: Case(
        [Refuses("POST"), ErrorsBeyondTheEnd()], in_ties, {"datetime": text_of(FIRST)}, {"paging": "offset"},
        wanted=lambda item: bool(item["properties"]["datetime"] == text_of(FIRST)), most_requests=45,
    ),
    "next is absent, one instant": lambda: Case([NextLink("absent")], at_one_instant, most_requests=70),
    "next is absent, an interval of one instant": lambda: Case(
        [NextLink("absent")], at_one_instant, {"datetime": text_of(FIRST)}, most_requests=70, complete=True
    ),
    "next is absent, half at one instant, in a box": lambda: Case(
        [NextLink("absent")], half_at_one_instant, {"bbox": PACIFIC}, wanted=in_pacific, most_requests=60, complete=True
    ),
    "next is absent, without datetime": lambda: Case(
        [NextLink("absent")], lambda: without_datetime_at(*range(0, COUNT, 3)), most_requests=90
    ),
    "next is absent, ids": lambda: Case(
        [NextLink("absent")], options={"ids": [f"item-{number:04}" for number in range(30)]},
        wanted=lambda item: item["id"] < "item-0030", most_requests=20,
    ),
    "counts are a fifth too high, ids": lambda: Case(
        [Counts(lambda members: members * 6 // 5)], options={"ids": [f"item-{number:04}" for number in range(40)]},
        wanted=lambda item: item["id"] < "item-0040", loose=True, most_requests=8,
    ),
    "next is absent, at the ends of time, without counts": lambda: Case(
        [NextLink("absent")], lambda: at_the_ends_of_time()[-14:], world={"counts": False}, most_requests=250
    ),
    "next is absent, without counts": lambda: Case(
        [NextLink("absent")], world={"counts": False}, most_requests=150
    ),
    "every next link is a 500, half without datetime, without counts": lambda: Case(
        [LinksFail()], lambda: without_datetime_at(*range(0, COUNT, 2)), world={"counts": False}, loose=True,
        most_requests=400,
    ),
    "every next link is a 500, by offset, without filters": lambda: Case(
        [LinksFail()], world={"paging": "offset", "filters": False}, loose=True, most_requests=700
    ),
    "next is absent, without counts and filters": lambda: Case(
        [NextLink("absent")], world={"counts": False, "filters": False}, most_requests=150
    ),
    "next is absent, a third without datetime, without counts": lambda: Case(
        [NextLink("absent")], lambda: without_datetime_at(*range(0, COUNT, 3)), world={"counts": False},
        most_requests=200,
    ),
    "links lapse, none has a datetime, without counts": lambda: Case(
        [LinksLapse(2)], lambda: without_datetime_at(*range(COUNT)), world={"counts": False}, loose=True,
        most_requests=45,
    ),
    "page 2 again and again": lambda: Case([NextLink("same_page_again")], loose=True),
    "every POST has the same answer": lambda: Case([CachedPosts()], most_requests=25),
    "next is heeded by GET only": lambda: Case(
        [LinksUnheeded()], in_ties, world={"paging": "offset", "counts": False}, most_requests=40
    ),
    "one item without datetime is poison, nothing finds it": lambda: Case(
        [DatetimeOnly(), SortedById(), PoisonedItem("item-0055"), Ignores("bbox")], lambda: without_datetime_at(55),
        world={"filters": False, "paging": "position"}, most_requests=90,
    ),
    "one item without datetime is poison, nothing finds it, without counts": lambda: Case(
        [DatetimeOnly(), SortedById(), PoisonedItem("item-0055"), Ignores("bbox")], lambda: without_datetime_at(55),
        world={"filters": False, "paging": "position", "counts": False}, most_requests=90,
    ),
    "one of many items without datetime is poison, without counts": lambda: Case(
        [DatetimeOnly(), PoisonedItem("item-0056")], lambda: without_datetime_at(*range(0, COUNT, 3), 56),
        world={"filters": False, "counts": False}, most_requests=150,
    ),
    "a box across the antimeridian": lambda: Case(
        options={"bbox": PACIFIC}, wanted=in_pacific, most_requests=30
    ),
    "a box across the antimeridian is taken for the rest of the world": lambda: Case(
        [WrongWayRound()], options={"bbox": PACIFIC}, wanted=in_pacific, most_requests=30
    ),
    "a box across the antimeridian is the rest of the world, and areas are ignored": lambda: Case(
        [WrongWayRound(), Ignores("intersects")], at_one_instant, {"bbox": PACIFIC}, wanted=in_pacific,
        most_requests=40,
    ),
    "a box across the antimeridian is the rest of the world, and there is no search": lambda: Case(
        [ItemsEndpointOnly(), WrongWayRound()], options={"bbox": PACIFIC}, wanted=in_pacific, most_requests=40
    ),
    "a box across the antimeridian is refused, GET": lambda: Case(
        [WrongWayRound(refused=True), Refuses("POST")], options={"bbox": PACIFIC}, wanted=in_pacific, most_requests=30
    ),
    "errors in a 200": lambda: Case([ErrorsIn200()], options={"concurrency": 8}, most_requests=60),
    "errors beside no Items in a 200, without counts": lambda: Case(
        [ErrorsIn200(4, "beside")], world={"counts": False}, most_requests=60
    ),
    "an error in a 200": lambda: Case([ErrorsIn200(form="single"), Ignores("bbox")], at_one_instant),
    "words in a 200": lambda: Case([ErrorsIn200(form="words"), Ignores("bbox")], at_one_instant, most_requests=30),
    "null in a 200": lambda: Case([NullIn200(), Ignores("bbox")], at_one_instant, most_requests=30),
    "an empty object in a 200": lambda: Case([NullIn200(b"{}"), Ignores("bbox")], at_one_instant, most_requests=30),
    "more and more cookies": lambda: Case([MoreAndMoreCookies()], most_requests=40),
    "a login now and then": lambda: Case([LoginNowAndThen()], most_requests=60),
    "nothing in a 200": lambda: Case([EmptyIn200()]),
    "nothing in a 200, counted, in sequence": lambda: Case(
        [EmptyIn200(counts=True), Ignores("datetime", "bbox")],
        options={"concurrency": 1}, most_requests=20, complete=True,
    ),
    "304 now and then": lambda: Case([NotModified()], options={"concurrency": 1}, most_requests=20),
    "NaN": lambda: Case([BareNaN()]),
    "byte order mark": lambda: Case([ByteOrderMark()]),
    "Items that begin in several ways": lambda: Case([OddlyWritten()], world={"paging": "page"}, most_requests=40),
    "odd text": lambda: Case([OddText()]),
    "short and empty pages": lambda: Case([FiltersAfterPaging()], world={"paging": "position"}),
    "short and empty pages, without counts": lambda: Case(
        [FiltersAfterPaging()], world={"counts": False, "paging": "position"}
    ),
    "counts 30 % too high": lambda: Case([Counts(lambda n: int(1.3 * n))], loose=True, most_requests=55),
    "counts are too high by chance": lambda: Case([Counts(by_chance())], loose=True, most_requests=60),
    "an answer is that to another request": lambda: Case(
        [MixesUpAnswers()], options={"datetime": f"{LATER}/{EARLIER}"}, wanted=between, most_requests=20
    ),
    "counts of parts are far too high": lambda: Case([Counts(lambda n: n + 40, parts=True)], most_requests=80),
    "counts of parts are far too high, long ranges": lambda: Case(
        [Counts(lambda n: n + 100, parts=True)], some_over_the_year, most_requests=120
    ),
    "counts are one too many": lambda: Case([Counts(lambda n: n + 1)], loose=True, most_requests=45),
    "a search as a whole lacks items": lambda: Case([LacksAsAWhole()], most_requests=60),
    "counts 10 % too low": lambda: Case([Counts(lambda n: int(0.9 * n))], loose=True),
    "counts capped": lambda: Case([Counts(lambda n: min(n, 50))], loose=True),
    "counts as text": lambda: Case([Counts(str)], complete=True),
    "counts as text, too high": lambda: Case([Counts(lambda n: str(n + 1))], loose=True, most_requests=45),
    "counts as text of 5,000 digits": lambda: Case([Counts(lambda n: "9" * 5_000)]),
    "counts null": lambda: Case([Counts(lambda n: None)]),
    "counts with a fraction": lambda: Case([Counts(lambda n: n + 0.5)], loose=True),
    "counts negative": lambda: Case([Counts(lambda n: -1)], loose=True),
    "counts of 10^10": lambda: Case([Counts(lambda n: 10**10)], loose=True),
    "counts of 2^63": lambda: Case([Counts(lambda n: 2**63)], loose=True),
    "pages and counts end at 30, pages of 7": lambda: Case(
        [Window(30)], options={"limit": 7}, world={"paging": "position"}, most_requests=80
    ),
    "pages and counts end at 100, and times are an error": lambda: Case(
        [Window(100, errs=True)], options={"limit": 100}, most_requests=40
    ),
    "pages and counts end at 30, by id": lambda: Case(
        [Window(30, by_id=True)], world={"paging": "position"}, most_requests=80
    ),
    "pages and counts end at 30, one instant": lambda: Case(
        [Window(30)], at_one_instant, world={"paging": "offset"}, most_requests=80
    ),
    "pages and counts end at 60, which are at one instant": lambda: Case(
        [Window(60)], along_two_tracks, world={"paging": "offset"}, loose=True, most_requests=100
    ),
    "pages and counts end at 60, which are at one instant, boxes are ignored": lambda: Case(
        [Window(60), Ignores("bbox")], along_two_tracks, world={"paging": "offset"}, loose=True, most_requests=100
    ),
    "pages and counts end at 30, times are ignored": lambda: Case(
        [Window(30), Ignores("datetime")], world={"paging": "offset"}, most_requests=80
    ),
    "pages end at 30, without counts": lambda: Case(
        [Window(30)], world={"paging": "position", "counts": False}, most_requests=120
    ),
    "pages end at 1,000, and an empty one follows, without counts": lambda: Case(
        [Window(1_000), NextOnTheLastPage()], lambda: spread(1_120), {"limit": 100},
        {"paging": "position", "counts": False}, most_requests=60,
    ),
    "counts ignore intersects": lambda: Case(
        [CountsIgnore("intersects")],
        options={"intersects": GLOBE},
        wanted=lambda item: -90 <= item["geometry"]["coordinates"][0] <= 90,
        loose=True,
    ),
    "counts ignore datetime": lambda: Case([CountsIgnore("datetime")], most_requests=75, complete=True),
    "pages beyond 30 are empty, one instant": lambda: Case(
        [NothingBeyond(30)], at_one_instant, world={"paging": "offset"}, most_requests=55, complete=True
    ),
    "pages beyond 30 are the last one again, one instant": lambda: Case(
        [NothingBeyond(30, again=True)], at_one_instant, world={"paging": "offset"}, most_requests=75
    ),
    "pages beyond 30 are empty, half at one instant": lambda: Case(
        [NothingBeyond(30)], half_at_one_instant, world={"paging": "position"}, most_requests=90, complete=True
    ),
    "counts are one too many, and an empty page follows": lambda: Case(
        [NextOnTheLastPage(), Counts(lambda n: n + 1)], world={"paging": "position"}, most_requests=75
    ),
    "ties in any order": lambda: Case([TiesInAnyOrder()], in_ties, world={"paging": "offset"}),
    "ties in any order, by page": lambda: Case([TiesInAnyOrder()], in_ties, world={"paging": "page"}),
    "items are deleted": lambda: Case([ItemsComeAndGo(out="first")], world={"paging": "offset"}),
    "items are added": lambda: Case([ItemsComeAndGo(new="first")], world={"paging": "offset"}),
    "as many items come as go, at the ends": lambda: Case(
        [ItemsComeAndGo(out="first", new="last"), Ignores("datetime", "bbox")], world={"paging": "offset"},
        most_requests=40,
    ),
    "as many items come as go, at the ends, by page": lambda: Case(
        [ItemsComeAndGo(out="first", new="last"), Ignores("datetime", "bbox")], world={"paging": "page"},
        most_requests=40,
    ),
    "as many items come as go, the other way round": lambda: Case(
        [ItemsComeAndGo(out="last", new="first"), Ignores("datetime", "bbox")], world={"paging": "offset"},
        most_requests=40,
    ),
    "as many items come as go, anywhere": lambda: Case(
        [ItemsComeAndGo(out="any", new="any", every=1), Ignores("datetime", "bbox")], world={"paging": "offset"},
        most_requests=40,
    ),
    "an item comes as another goes, once": lambda: Case(
        [ItemsComeAndGo(out="first", new="last", at=9), Ignores("datetime", "bbox")], world={"paging": "offset"},
        most_requests=20,
    ),
    "an item comes as another goes, once, pages of 60": lambda: Case(
        [ItemsComeAndGo(out="first", new="last", at=20), Ignores("datetime", "bbox")], lambda: spread(1_260),
        {"limit": 60}, {"paging": "offset"}, most_requests=28,
    ),
    "an item comes as another goes, once, one a page": lambda: Case(
        [ItemsComeAndGo(out="any", new="any", at=12), Ignores("datetime", "bbox")], lambda: spread(30),
        {"limit": 1}, {"paging": "page"}, most_requests=40,
    ),
    "the last page is full, and has a next link": lambda: Case(
        [NextAfterFullPages(), Ignores("datetime", "bbox")], lambda: spread(1_288), {"limit": 100},
        {"paging": "offset"}, most_requests=20, complete=True,
    ),
    "offsets are rounded to whole pages": lambda: Case(
        [RoundsOffsets(), Ignores("datetime", "bbox")], lambda: spread(420), {"limit": 60}, {"paging": "offset"},
        most_requests=14, complete=True,
    ),
    "large pages by offset, and no more than are counted": lambda: Case(
        [NoPageReachesBeyond(480), Ignores("datetime", "bbox")], lambda: spread(480), {"limit": 60},
        {"paging": "offset"}, most_requests=16, complete=True,
    ),
    "times by the hour": lambda: Case([CoarseTimes(HOUR)]),
    "times by the day": lambda: Case([CoarseTimes(DAY)]),
    "times by the day, without counts": lambda: Case([CoarseTimes(DAY)], world={"counts": False}),
    "times by the day, hourly items": lambda: Case([CoarseTimes(DAY)], hourly, most_requests=200),
    "ranges are found as a whole": lambda: Case([WholeRanges()], in_ranges),
    "ranges are found as a whole, without counts": lambda: Case([WholeRanges()], in_ranges, world={"counts": False}),
    "ranges are found by their middle": lambda: Case([MiddleOfRanges()], in_ranges),
    "another time is compared, without counts": lambda: Case([AnotherTime()], world={"counts": False}),
    "another time is compared": lambda: Case([AnotherTime()]),
    "ranges are turned round": lambda: Case([], in_ranges_turned_round),
    "ranges are turned round, without counts": lambda: Case([], in_ranges_turned_round, world={"counts": False}),
    "times are compared as text": lambda: Case([TimesAsText()], in_many_zones),
    "oldest first": lambda: Case(
        [OldestFirst()], over_years, {"datetime": "2024-01-01T00:00:00Z/2027-01-01T00:00:00Z"},
        {"paging": "position"}, most_requests=32,
    ),
    "times are ignored": lambda: Case([Ignores("datetime")]),
    "a datetime is ignored": lambda: Case(
        [Ignores("datetime")], options={"datetime": f"{LATER}/{EARLIER}"}, wanted=between, world={"paging": "offset"}
    ),
    "a datetime and a bbox are ignored": lambda: Case(
        [ItemsEndpointOnly(), Ignores("datetime", "bbox")],
        options={"datetime": f"{LATER}/{EARLIER}", "bbox": [-90, -90, 90, 90]},
        wanted=lambda item: between(item) and -90 <= item["geometry"]["coordinates"][0] <= 90,
    ),
    "an area is ignored": lambda: Case(
        [Ignores("intersects")],
        options={"intersects": GLOBE},
        wanted=lambda item: -90 <= item["geometry"]["coordinates"][0] <= 90,
    ),
    "an area is taken by POST only, which is not named": lambda: Case(
        [Refuses("area")],
        options={"intersects": GLOBE, "datetime": "2024-01-01T00:00:00Z/.."},
        wanted=lambda item: -90 <= item["geometry"]["coordinates"][0] <= 90,
        complete=True, most_requests=30,
    ),
    "a datetime is ignored, and its links have it": lambda: Case(
        [Ignores("datetime")],
        options={"datetime": f"{LATER}/.."},
        wanted=lambda item: bool(item["properties"]["datetime"] >= LATER),
        world={"paging": "position"},
    ),
    "ids are refused, and there is no search": lambda: Case(
        [ItemsEndpointOnly(None), Refuses("ids")], in_three_collections, {"ids": ["item-0001", "item-0050"]},
        wanted=lambda item: item["id"] in ("item-0001", "item-0050"), most_requests=20,
    ),
    "more ids than fit into an address": lambda: Case(
        [ShortAddresses()],
        options={"ids": [f"item-{number:04}" for number in range(20, 420)]},
        wanted=lambda item: item["id"] >= "item-0020",
        most_requests=30,
    ),
    "more ids than fit into a short address": lambda: Case(
        [ShortAddresses(1_000, 414)],
        options={"ids": [f"item-{number:04}" for number in range(20, 120)]},
        wanted=lambda item: item["id"] >= "item-0020",
        most_requests=30,
    ),
    "more Collections than fit into an address": lambda: Case(
        [ShortAddresses()],
        equal_ids,
        options={"collections": ["scenes", *(f"no-such-collection-{number}" for number in range(300))]},
        wanted=lambda item: item.get("collection") == "scenes",
        most_requests=40,
    ),
    "a datetime is ignored, one item a page": lambda: Case(
        [Ignores("datetime")],
        options={"datetime": f"{LATER}/{EARLIER}", "limit": 1},
        wanted=between,
        world={"paging": "page"},
        most_requests=160,
    ),
    "of ids a few are heeded": lambda: Case(
        [FewIds(20), Ignores("datetime", "bbox")], world={"paging": "offset"}, most_requests=22, complete=True
    ),
    "of ids most are heeded": lambda: Case(
        [FewIds(40), Ignores("datetime", "bbox")], world={"paging": "offset"}, most_requests=24, complete=True
    ),
    "ids are ignored": lambda: Case(
        [Ignores("ids")], options={"ids": ["item-0003"]}, wanted=lambda item: item["id"] == "item-0003"
    ),
    "collections are ignored": lambda: Case(
        [Ignores("collections")],
        equal_ids,
        options={"collection_id": "scenes"},
        wanted=lambda item: item.get("collection") in ("scenes", None),
    ),
    "collections are ignored, and others come": lambda: Case(
        [Ignores("collections")], options={"collections": ["others"]}, wanted=lambda item: False
    ),
    "collections go by other names": lambda: Case([OtherNames()], options={"collections": ["alias-of-scenes"]}),
    "a datetime is rounded to days": lambda: Case(
        [CoarseTimes(DAY)], options={"datetime": f"{LATER}/{EARLIER}"}, wanted=between
    ),
    "a datetime is rounded to days, hourly items": lambda: Case(
        [CoarseTimes(DAY)],
        hourly,
        options={"datetime": f"{text_of(FIRST + timedelta(hours=30))}/{text_of(FIRST + timedelta(hours=90))}"},
        wanted=lambda item: "item-0030" <= item["id"] <= "item-0090",
    ),
    "datetime only": lambda: Case([DatetimeOnly()], some_without_datetime),
    "datetime only, without filters": lambda: Case([DatetimeOnly()], some_without_datetime, world={"filters": False}),
    "null datetimes": lambda: Case([], some_without_datetime),
    "open intervals are refused": lambda: Case([Refuses("open")]),
    "an open interval is refused": lambda: Case(
        [Refuses("open")], options={"datetime": f"{LATER}/.."},
        wanted=lambda item: bool(item["properties"]["datetime"] >= LATER),
    ),
    "fractions are refused": lambda: Case([Refuses("fraction")]),
    "fractions of the end of a day are refused": lambda: Case(
        [Refuses("fraction")], options={"datetime": "2024-01-10/2024-01-20"},
        wanted=lambda item: "2024-01-10" <= item["properties"]["datetime"] < "2024-01-21",
    ),
    "POST is refused": lambda: Case([Refuses("POST")]),
    "POST is refused, fields": lambda: Case([Refuses("POST"), Offers("fields")], options={"fields": ["id"]}),
    "POST is not found": lambda: Case([Refuses("POST", 404)]),
    "POST is not implemented": lambda: Case([Refuses("POST", 501)]),
    "no search, the link to the Collections leads nowhere": lambda: Case([InnerCollections()], most_requests=40),
    "no search, items of a Collection": lambda: Case([ItemsEndpointOnly()]),
    "no search, items of three Collections": lambda: Case(
        [ItemsEndpointOnly(None)], in_three_collections, most_requests=20
    ),
    "no search, items of two Collections of three": lambda: Case(
        [ItemsEndpointOnly(None)], in_three_collections,
        {"collections": ["c", "a"], "datetime": f"{LATER}/{EARLIER}", "bbox": [-90, -90, 90, 90]},
        wanted=lambda item: between(item) and item["collection"] != "b"
        and -90 <= item["geometry"]["coordinates"][0] <= 90,
        most_requests=16,
    ),
    "a search link to OpenSearch": lambda: Case([OpenSearchLink()]),
    "no search, though it is named": lambda: Case(
        [ItemsEndpointOnly(None, named=True)], in_three_collections, most_requests=50
    ),
    "no search link": lambda: Case([NoSearchLink()]),
    "no landing page": lambda: Case([NoLandingPage()], most_requests=40),
    "conforms elsewhere": lambda: Case(
        [Sorts(), ConformsElsewhere()], options={"sortby": "-properties.datetime"}, most_requests=15
    ),
    "token expires": lambda: Case([ExpiringToken()]),
    "token expires after two searches": lambda: Case([ExpiringToken(2)]),
    "5 requests a second, Retry-After": lambda: Case([RateLimit(5, 0.05, retry_after="0.05")]),
    "5 requests a second, 503": lambda: Case([RateLimit(5, 0.05, status=503)]),
    "5 requests a second, 403": lambda: Case([RateLimit(5, 0.05, status=403)]),
    "two requests at once": lambda: Case([AtOnce(2)]),
    "one request at once, without Retry-After": lambda: Case([AtOnce(1, {})]),
    "5 requests a second, firewall": lambda: Case([Firewall(5, 0.05, status=403)]),
    "all on one page": lambda: Case([AllOnOnePage()], most_requests=12),
    "all on one page, without counts": lambda: Case([AllOnOnePage()], world={"counts": False}, most_requests=12),
    "all pages are of one size, without counts": lambda: Case(
        [AllOnOnePage(15)], world={"counts": False}, most_requests=32
    ),
    "a large page is a 500": lambda: Case([LargestPage(4, silent=False)], world={"paging": "offset"}, complete=True),
    "a large page is a 400": lambda: Case([LargestPage(4, silent=False, status=400)]),
    "a large page is a 400, and Items end at a round number": lambda: Case(
        [LargestPage(50, silent=False, status=400)], lambda: spread(1_000), {"limit": 100},
        {"paging": "position"}, most_requests=70, complete=True,
    ),
    "a large page is a 400, and nothing is counted": lambda: Case(
        [LargestPage(3, silent=False, status=400), Counts(lambda _: 0)], world={"paging": "offset"}, most_requests=120
    ),
    "a large page is a 422 behind a redirect": lambda: Case(
        [SlashIsAdded(), LargestPage(7, silent=False, status=422)], world={"counts": False}, most_requests=140
    ),
    "a large page is a 400, unsaid": lambda: Case([LargestPage(4, silent=False, status=400, words="Bad Request")]),
    "a search that names no Collections is refused, fields": lambda: Case(
        [NeedsCollections(), Offers("fields")], options={"fields": ["id"]}, most_requests=50
    ),
    "a large page is cut": lambda: Case([LargestPage(4, silent=True)]),
    "a large page is cut, next is absent": lambda: Case(
        [LargestPage(4, silent=True), NextLink("absent")], most_requests=300
    ),
    "a large page is cut, without counts": lambda: Case([LargestPage(4, silent=True)], world={"counts": False}),
    "a large page is cut, and links do not say so": lambda: Case(
        [LargestPageUnsaid(4)], at_one_instant, world={"paging": "offset"}, most_requests=38
    ),
    "a large page is cut, and links skip the rest": lambda: Case(
        [LargestPageUnsaid(4, skips=True)], world={"paging": "offset"}, most_requests=70
    ),
    "a large page is cut, and links skip the rest, without counts": lambda: Case(
        [LargestPageUnsaid(4, skips=True)], world={"paging": "offset", "counts": False}, most_requests=80
    ),
    "pages are cut, and links skip the rest": lambda: Case(
        [CutsPages()], world={"paging": "position"}, most_requests=60
    ),
    "pages are cut, and links skip the rest, without counts": lambda: Case(
        [CutsPages()], world={"paging": "position", "counts": False}, most_requests=60
    ),
    "all pages say that they are full": lambda: Case([SaysFullPages()], lambda: spread(117), most_requests=50),
    "a large page has no next link": lambda: Case([LinksLostByLargePages(4)], most_requests=100),
    "a large page has no next link, without counts": lambda: Case(
        [LinksLostByLargePages(4)], world={"counts": False}, most_requests=100
    ),
    "a large page is empty": lambda: Case([LinksLostByLargePages(7, empty=True)], most_requests=80, complete=True),
    "one instant": lambda: Case([], at_one_instant),
    "one instant, offsets": lambda: Case([], at_one_instant, world={"paging": "offset"}),
    "one instant, pages": lambda: Case([], at_one_instant, world={"paging": "page"}),
    "one instant, without counts": lambda: Case([], at_one_instant, world={"counts": False}),
    "one instant, some without geometry": lambda: Case([], without_geometry),
    "one instant, half without geometry, a filter for them finds none": lambda: Case(
        [], half_without_geometry, world={"counts": False}, most_requests=60
    ),
    "one instant, a filter for those without geometry finds all": lambda: Case(
        [Ignores("filter")], at_one_instant, most_requests=25, complete=True
    ),
    "one instant, a filter for those without geometry finds all, without counts": lambda: Case(
        [Ignores("filter")], at_one_instant, world={"counts": False}, most_requests=25
    ),
    "half at one instant, counts 10 % too high": lambda: Case(
        [Counts(lambda n: int(1.1 * n))], half_at_one_instant, loose=True, most_requests=120
    ),
    "a next link in vain on every last page, its limit is text": lambda: Case(
        [NoContentBeyondTheEnd(), Refuses("POST", 404)],
        world={"paging": "position", "counts": False},
        most_requests=100,
    ),
    "half at one instant": lambda: Case([], half_at_one_instant, most_requests=70),
    "half at one instant, without counts": lambda: Case(
        [], half_at_one_instant, world={"counts": False}, most_requests=60
    ),
    "half of the items last the whole year": lambda: Case(
        [], half_over_the_year, most_requests=175  # 61 at 8; 20 workers plan 20 parts, of which each has the long ones
    ),
    "half of the items last the whole year, without counts": lambda: Case(
        [], half_over_the_year, world={"counts": False}, most_requests=110
    ),
    "composites": lambda: Case([], composites),
    "composites, without counts": lambda: Case([], composites, world={"counts": False}),
    "the ends of time": lambda: Case([], at_the_ends_of_time),
    "equal ids": lambda: Case([], equal_ids),
    "one that ends its page is poison, by offset, nothing cuts, without counts": lambda: Case(
        [PoisonedItem("item-0049"), Ignores("datetime", "bbox")], at_one_instant,
        world={"counts": False, "paging": "offset"}, most_requests=60, most_failures=1,
    ),
}  # fmt: skip


@dataclass
class Visit:
    keys: list[Key]
    failures: list[Failure]
    stats: ApiStats
    error: str | None


async def visit(world: World, level: int | str, **options: Any) -> Visit:
    """Fetch all that a running world has."""
    needed = {name: value for habit in world.habits for name, value in habit.options.items()}
    module = IngestModule({"source": world.url, "limit": LIMIT, "concurrency": level, **needed, **options})
    context = WorkflowContext.create()
    keys: list[Key] = []
    error = None
    try:
        async for item in module.fetch(context):
            keys.append(key_of(item))  # noqa: PERF401 - what came before an error counts
    except DataProcessingError as caught:
        error = str(caught)
    assert isinstance(module.stats, ApiStats)
    return Visit(keys, context.failure_collector.get_all(), module.stats, error)


def check(case: Case, world: World, came: Visit, wanted: set[Key], level: int | str) -> None:
    """What holds in every world; `wanted` was there at the beginning."""
    proof = came.stats.completeness
    lost = {identity for habit in case.habits for identity in habit.lost}
    may_miss = any(habit.may_miss for habit in case.habits)
    assert came.error is None, "a fault of some pages ended the rest"
    assert len(set(came.keys)) == len(came.keys), "an item came twice"
    still_there = wanted & set(map(key_of, world.items))
    missing = {key for key in still_there - set(came.keys) if key[1] not in lost}
    assert len(missing) <= case.behind or may_miss, f"{len(missing)} items that can be had did not come"
    assert {key for key in set(came.keys) - wanted if not key[1].startswith("new-")} == set(), "not asked for"
    most_requests = case.most_requests * (1.25 if level == "auto" else 1)
    assert world.answered <= len(world.asked) <= most_requests
    if lost or missing:
        assert proof.status != "complete"
        assert proof.problems
        assert came.failures or not lost
        assert len(came.failures) <= case.most_failures
    elif not case.loose and not may_miss:
        assert proof.status != "incomplete", proof.problems
        assert came.failures == []
    if case.complete:
        assert proof.status == "complete", proof.problems
    assert came.failures or proof.status != "incomplete", "what is missing is not named"
    if any(habit.never_complete for habit in case.habits):
        assert proof.status != "complete"


@pytest.mark.parametrize(("name", "level"), list(product(CASES, LEVELS)))
async def test_what_can_be_had_comes_once(name: str, level: int | str) -> None:
    case = CASES[name]()
    world = World(case.items(), case.habits, **case.world)
    wanted = {key_of(item) for item in world.items if case.wanted(item)}
    async with running(world):
        came = await visit(world, level, **case.options)
    check(case, world, came, wanted, level)


class Offers(Habit):
    def __init__(self, extension: str) -> None:
        self.extension = extension

    def document(self, path: str, document: Json) -> Json:
        classes = [*document.get("conformsTo", ()), f"https://api.stacspec.org/v1.0.0/item-search#{self.extension}"]
        return {**document, "conformsTo": classes}


@pytest.mark.parametrize("offered", [True, False])
@pytest.mark.parametrize("condition", [{"filter": "gsd = 10"}, {"query": {"gsd": {"eq": 10}}}])
async def test_a_condition_that_may_be_ignored_is_named(condition: Json, offered: bool) -> None:
    name = next(iter(condition))
    world = World(spread(20), [Ignores("filter"), *([Offers("query")] if offered else [])], filters=offered)
    async with running(world):
        came = await visit(world, 1, **condition)
        plan = await IngestModule({"source": world.url, **condition}).plan()
    assert any(f"ignores `{name}`" in note for note in came.stats.notes) is offered
    for notes in (came.stats.notes, plan.notes):
        assert any(f"may ignore `{name}`" in note for note in notes) is not offered


@pytest.mark.parametrize("ignores", [True, False])
async def test_an_area_that_is_ignored_is_named(ignores: bool) -> None:
    world = World(spread(20), [Ignores("intersects")] if ignores else [])
    async with running(world):
        came = await visit(world, 1, intersects=GLOBE)
    assert any("ignores `intersects`" in note for note in came.stats.notes) is ignores


@pytest.mark.parametrize(("sortby", "kept"), [("-properties.datetime", True), ("datetime", False), ("id", True)])
async def test_an_order_that_is_not_kept_is_named(sortby: str, kept: bool) -> None:
    world = World(spread(20), [Sorts()])  # newest first, whatever the keys
    async with running(world):
        came = await visit(world, 8, sortby=sortby)
    assert (UNSORTED in came.stats.notes) is not kept


class SortsByStart(Sorts):
    """Ranges are sorted by their start, whatever `datetime` says (PgSTAC)."""

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        return sorted(items, key=lambda item: item["properties"]["start_datetime"], reverse=True)


def with_datetime_anywhere_in_ranges() -> list[Json]:
    times = [[text_of(FIRST + timedelta(days=n + days)) for days in (0, n * 7 % 9, 9)] for n in range(20)]
    return [make_item(n, start_datetime=a, datetime=b, end_datetime=c) for n, (a, b, c) in enumerate(times)]


def with_odd_values() -> list[Json]:
    """Values that grow with time, but for those that each server sorts in its own way."""
    zones = {9: "2019-12-31T23:00:00-09:00", 10: "2020-01-01T00:00:00+09:00"}
    odd: dict[int, Any] = {3: float("nan"), 7: "none", 19: 10**400}
    return [make_item(n, value=odd.get(n, n), made=zones.get(n, f"20{n + 10}-01-01T00:00:00Z")) for n in range(20)]


@pytest.mark.parametrize(
    ("items", "habit", "sortby"),
    [
        (with_datetime_anywhere_in_ranges, SortsByStart(), "-datetime"),
        (with_odd_values, Sorts(), "-properties.value"),
        (with_odd_values, Sorts(), "-properties.made"),
    ],
)
async def test_an_order_that_each_server_has_its_own_way_is_not_named(
    items: Callable[[], list[Json]], habit: Habit, sortby: str
) -> None:
    world = World(items(), [habit], paging="position")
    async with running(world):
        came = await visit(world, 8, sortby=sortby)
    assert len(came.keys) == len(world.items)
    assert UNSORTED not in came.stats.notes


@pytest.mark.parametrize("post", [True, False])
async def test_ids_that_do_not_come_are_named(post: bool) -> None:
    world = World(with_commas(), [] if post else [Refuses("POST")])
    async with running(world):
        came = await visit(world, 8, ids=["item-0001,b", "item-0002", "item-0003"])
    missing = ["'item-0003'"] if post else ["'item-0001,b'", "'item-0003'"]
    assert came.stats.notes[-1].endswith(f"No Item came for {len(missing)} of 3 ids: {', '.join(missing)}.")
    assert ["comma" in str(each) for each in came.failures] == [True] * (not post)
    assert came.stats.completeness.status == ("complete" if post else "incomplete")


@pytest.mark.parametrize(
    ("level", "least", "paging", "ignored"),
    [
        *((1, 1.3, "token", ()), (8, 1.3, "token", ()), (1, 1.0, "offset", ())),
        *((1, 1.0, "token", ("datetime", "bbox")), (8, 1.0, "page", ("datetime", "bbox"))),
    ],
)
async def test_a_count_that_contradicts_its_parts_is_no_proof_that_items_are_missing(
    level: int, least: float, paging: str, ignored: tuple[str, ...]
) -> None:
    """It may be drawn anew for each page."""
    dice = random.Random(1)
    world = World(spread(), [Counts(lambda n: int(n * dice.uniform(least, 1.3))), Ignores(*ignored)], paging=paging)
    async with running(world):
        came = await visit(world, level)
    assert len(came.keys) == COUNT
    proof = came.stats.completeness
    assert (proof.status, came.failures) == ("unverified", [])
    assert len(world.asked) < 20 or not ignored
    assert f"the server counts {(proof.counted or 0) - COUNT} items more than its pages hold" in str(proof)


async def test_a_page_that_ends_early_makes_no_page_of_the_next_search_smaller() -> None:
    world, requests = World(in_small_collections(), [CollectionsInTurn(early=True)], paging="offset", counts=False), []
    async with running(world):
        for _ in range(2):
            before = len(world.asked)
            await visit(world, 1)
            requests.append(len(world.asked) - before)
    assert requests[0] == requests[1]


async def test_items_that_no_tile_has_come_where_more_are_wanted_than_there_are() -> None:
    world = World(without_geometry()[:40], filters=False)
    async with running(world):
        came = await visit(world, 3, limit=2, max_items=50)
    assert (len(set(came.keys)), came.stats.completeness.status) == (40, "complete")


@pytest.mark.parametrize("level", [1, 8])
@pytest.mark.parametrize("status", [0, 401, 403, 500])
async def test_without_a_search_each_collection_is_read_and_one_that_fails_is_named(level: int, status: int) -> None:
    items = in_three_collections()
    world = World(items, [ItemsEndpointOnly(None), *([Forbids("a", status)] if status else [])])
    async with running(world):
        several = await visit(world, level, collections=["a", "c"])
        every = await visit(world, level, ordered=True)
        denied = await visit(world, level, collections=["a"])
    assert sorted(name for name, _ in several.keys) == ["a"] * (0 if status else 40) + ["c"] * 40
    assert [name for name, _ in every.keys] == [*(["a"] * (0 if status else 40)), *(["b"] * 40), *(["c"] * 40)]
    for came in several, every:
        proof = came.stats.completeness
        assert proof.status == ("incomplete" if status else "complete")
        assert proof.counted == (None if status else len(came.keys))
        assert bool(came.failures) == bool(status)
        assert all(str(status) in str(each) and "collections/a/items" in str(each) for each in came.failures)
    assert (denied.error is None) is (status == 0)


class Forbids(Habit):
    """A Collection cannot be had."""

    def __init__(self, name: str, status: int) -> None:
        self.name, self.status = name, status

    async def arrives(self, ask: Ask) -> None:
        if self.name in ask.conditions.get("collections", ()):
            raise Refusal(self.status, {"description": "not for you"})


@pytest.mark.parametrize("level", [1, 8])
async def test_an_item_that_is_counted_and_left_out_of_its_page_is_missing(level: int) -> None:
    world = World(spread(), [LeavesOut("item-0033")])
    async with running(world):
        came = await visit(world, level)
    assert len(came.keys) == COUNT - 1
    assert came.stats.completeness.status == "incomplete"
    assert came.failures


class Expires(Habit):
    """Access ends after some searches, for good."""

    def __init__(self, searches: int) -> None:
        self.searches = searches

    async def arrives(self, ask: Ask) -> None:
        if ask.number > self.searches:
            raise Refusal(401, {"description": "the token has expired"})


@pytest.mark.parametrize(("level", "searches"), [(1, 3), (8, 0)])
async def test_a_search_that_ends_with_an_error_is_incomplete(level: int, searches: int) -> None:
    world = World(spread(), [Expires(searches)], counts=False)
    async with running(world):
        came = await visit(world, level)
    assert "the token has expired" in str(came.error)
    assert (len(came.keys), came.stats.completeness.status) == (searches * LIMIT, "incomplete")
    assert came.stats.completeness.problems == [came.error]
