"""Which partition owns an item, decided by the item alone."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stac_manager.api.ownership import Asked, Glance, Owner, owner, time_of
from stac_manager.api.seen import MEAN_BUCKET, Seen, identity_of
from stac_manager.api.space import Point, cut, is_outside
from stac_manager.geojson import WORLD, box_around, boxes_of, first_vertex
from stac_manager.plan import Interval, NoDatetime, NoGeometry, Partition, Tile, Whole
from stac_manager.timestamps import SECOND, text_of_second

OWN, FOREIGN, UNCLEAR = Owner.OWN, Owner.FOREIGN, Owner.UNCLEAR
MAY = 1_714_521_600 * SECOND
FIRST, LATER = "2024-05-01T00:00:00Z", "2024-05-02T00:00:00Z"


def item(geometry: Any = None, **properties: Any) -> dict[str, Any]:
    return {"id": "a", "geometry": geometry, "properties": properties}


def point(x: float, y: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [x, y]}


@pytest.mark.parametrize(
    ("partition", "member", "expected"),
    [
        (Interval(MAY, None), item(datetime=FIRST), OWN),
        (Interval(None, MAY), item(datetime=FIRST), FOREIGN),
        (Interval(None, MAY + 1), item(datetime=FIRST), OWN),
        (Interval(MAY + 1, None), item(datetime=FIRST), FOREIGN),
        (Interval(MAY, None), item(datetime=None, start_datetime=FIRST, end_datetime=LATER), OWN),
        (Interval(MAY, None, by_start=False), item(datetime=None, start_datetime=FIRST, end_datetime=LATER), FOREIGN),
        (Interval(None, None), item(datetime=None), UNCLEAR),
        (Interval(None, None), item(datetime="soon"), UNCLEAR),
        (Interval(None, None), item(datetime=FIRST, start_datetime="soon"), UNCLEAR),
        (Interval(MAY, None), item(datetime=FIRST, start_datetime=LATER, end_datetime=LATER), UNCLEAR),
        (Interval(None, None), {"id": "a"}, UNCLEAR),
        (NoDatetime(), item(datetime=None), OWN),
        (NoDatetime(), item(datetime=FIRST), FOREIGN),
        (NoGeometry(), item(), OWN),
        (NoGeometry(), item(point(1, 2)), FOREIGN),
        (Tile(0, 0, 10, 10), item(point(0, 0)), OWN),
        (Tile(0, 0, 10, 10), item(point(10, 0)), FOREIGN),
        (Tile(0, 0, 180, 90), item(point(180, 90)), OWN),
        (Tile(-180, 0, 0, 90), item(point(181, 5)), OWN),  # across the antimeridian
        (Tile(0, 0, 10, 10), item(), FOREIGN),
        (Tile(0, 0, 10, 10, MAY, None), item(point(1, 1), datetime=FIRST), OWN),
        (Tile(0, 0, 10, 10, None, MAY), item(point(1, 1), datetime=FIRST), FOREIGN),
        (Tile(0, 0, 10, 10, nulls=True), item(point(1, 1), datetime=FIRST), FOREIGN),
        (Tile(0, 0, 10, 10, nulls=True), item(point(1, 1), datetime=None), OWN),
        (Whole(), item(), OWN),
    ],
)
def test_owner(partition: Partition, member: dict[str, Any], expected: Owner) -> None:
    assert owner(member, partition) is expected


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        (point(1, 2), (1, 2)),
        ({"type": "Polygon", "coordinates": [[[3, 4], [5, 6], [3, 4]]]}, (3, 4)),
        ({"type": "MultiPolygon", "coordinates": [[[[3, 4, 100], [5, 6, 0]]]]}, (3, 4)),
        ({"type": "GeometryCollection", "geometries": [point(7, 8)]}, (7, 8)),
        *((nothing, None) for nothing in (None, {}, {"coordinates": []}, {"coordinates": ["a", "b"]}, 5, [[[]]])),
    ],
)
def test_first_vertex(geometry: Any, expected: Point | None) -> None:
    assert first_vertex(geometry) == expected


POINTS = st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), max_size=40)


@given(POINTS, st.integers(2, 20), POINTS)
def test_every_vertex_has_one_tile(sample: list[Point], parts: int, others: list[Point]) -> None:
    tiles = cut(Tile(*WORLD), sample, parts)
    for x, y in [*sample, *others, (180.0, 90.0), (-180.0, -90.0)]:
        assert [owner(item(point(x, y)), tile) for tile in tiles].count(OWN) == 1


@given(st.sets(st.integers(-(10**6), 10**9), max_size=6), st.integers(-(10**6), 10**9))
def test_every_time_has_one_interval(edges: set[int], second: int) -> None:
    inside = [edge * SECOND for edge in sorted(edges)]
    intervals = [Interval(*pair) for pair in zip([None, *inside], [*inside, None], strict=True)]
    member = item(datetime=text_of_second(second))
    assert [owner(member, each) for each in intervals].count(OWN) == 1


def test_a_box_across_the_antimeridian_is_two_and_what_reaches_in_from_outside_is_unclear() -> None:
    bbox = [170.0, -10.0, -170.0, 10.0]
    assert [(box.west, box.east) for box in boxes_of(bbox)] == [(170.0, 180.0), (-180.0, -170.0)]
    assert not is_outside(bbox, item(point(175, 0)))
    assert is_outside(bbox, item(point(0, 0)))


def test_what_the_user_asked_for() -> None:
    asked = Asked(frozenset({"a"}), None, MAY, MAY + 86_400 * SECOND)
    assert asked.means({"collection": "a", **item(datetime=FIRST)})
    assert not asked.means({"collection": "b", **item(datetime=FIRST)})
    assert asked.also(["b"]).means({"collection": "b", **item(datetime=FIRST)})
    assert not asked.means({"collection": "a", **item(datetime="2024-05-03T00:00:00Z")})
    assert asked.means({"collection": "a", **item(datetime="2023-01-01T00:00:00Z", end_datetime=FIRST)})
    assert time_of(item(datetime=FIRST)) == (MAY, True)


@pytest.mark.parametrize(
    ("geometry", "meant"),
    [
        (point(5, 5), True),
        (point(20.05, 5), True),  # by so little servers round
        (point(21, 5), False),
        (point(5, -91e5), True),  # no place on Earth
        ({"type": "LineString", "coordinates": [[30, 5], [15, 5]]}, True),
        ({"type": "LineString", "coordinates": [[30, 5], [25, 5]]}, False),
        ({"type": "LineString", "coordinates": [[179, 5], [-179, 5]]}, True),  # across the antimeridian, or the world
        ({"type": "GeometryCollection", "geometries": [point(30, 5), point(15, 5)]}, True),
        ({"type": "Point", "coordinates": []}, True),
        (None, True),
    ],
)
def test_what_cannot_be_in_the_box_of_the_search_is_not_meant(geometry: object, meant: bool) -> None:
    asked = Asked(bbox=(0.0, 0.0, 20.0, 20.0))
    assert asked.means({"geometry": geometry}) is meant


@pytest.mark.parametrize(
    ("west", "east", "x", "meant"),
    [
        (170, -170, 175, True),
        (170, -170, -175, True),
        (170, -170, -165, False),
        (170, -170, 0, False),
        (180, 180, -180, True),
        (-180, -170, 180, True),
        (-180, -170, 195, False),
        (-180, 180, 270, True),
    ],
)
def test_a_box_goes_on_at_the_other_side_of_the_antimeridian(west: float, east: float, x: float, meant: bool) -> None:
    assert Asked(bbox=(west, -10.0, east, 10.0)).means({"geometry": point(x, 0)}) is meant


# Times around the edges below, as items have them, and what is none.
TIMES = (
    *(f"2024-05-01T00:00:0{rest}" for rest in ("0Z", "0.9999999Z", "1+00:00", "2.5Z", "1", "3Z")),
    *("2024-04-30T23:59:59.9999999Z", "2024-05-01T00:00:02+00:00:02", "2024-05-01", "2024-W18-3T00:00:01Z"),
    "2024-05-01.00:00:00.7Z",  # read by the standard library, its first fraction is none
    *("2024-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9Z", "", None, 5),
)
EDGES = st.sampled_from([MAY + offset for offset in (-1, 0, 1, 3 * SECOND)] + [-(10**30), 10**30])
MEMBERS = st.fixed_dictionaries(
    {
        "id": st.sampled_from("ab"),
        "collection": st.sampled_from(["a", "b", None, ["a"]]),
        "geometry": st.sampled_from([point(5, 5), point(50, 5), None, 5]),
    }
)
RANGES = st.just({}) | st.dictionaries(st.sampled_from(["start_datetime", "end_datetime"]), st.sampled_from(TIMES))
CONDITIONS = st.builds(
    Asked,
    st.sampled_from([None, frozenset({"a"})]),
    st.none(),
    st.none() | EDGES,
    st.none() | EDGES,
    st.sampled_from([None, (0.0, 0.0, 20.0, 20.0)]),
)
PARTITIONS = st.builds(Interval, st.none() | EDGES, st.none() | EDGES, st.booleans()) | st.just(Whole())


@settings(max_examples=200)
@given(MEMBERS, RANGES, PARTITIONS, CONDITIONS)
def test_what_is_told_at_a_glance_is_what_the_rules_say(
    plain: dict[str, Any], times: dict[str, Any], partition: Partition, asked: Asked
) -> None:
    glance = Glance.at(partition, asked)
    assert glance is not None
    for properties in [None, times, *({**times, "datetime": time} for time in TIMES)]:
        member = {**plain, "properties": properties}
        if glance.tells(member):
            assert owner(member, partition) is OWN
            assert asked.means(member)


@pytest.mark.parametrize("partition", [Whole(), Interval(MAY, None), Interval(None, MAY + SECOND, by_start=False)])
@pytest.mark.parametrize("asked", [Asked(), Asked(frozenset({"a"}), None, MAY, MAY, (0.0, 0.0, 20.0, 20.0))])
def test_an_item_like_most_is_told_at_a_glance(partition: Partition, asked: Asked) -> None:
    glance = Glance.at(partition, asked)
    assert glance is not None
    assert glance.tells({"collection": "a", **item(point(5, 5), datetime=FIRST)})
    assert Glance.at(partition, replace(asked, ids=frozenset({"a"}))) is None


def test_the_box_around_an_area() -> None:
    ring = [[170, -10], [190, -10], [190, 10], [170, -10]]
    assert box_around({"type": "Polygon", "coordinates": [[[0, 5], [20, 0], [10, 20], [0, 5]]]}) == (0, 0, 20, 20)
    assert box_around({"type": "GeometryCollection", "geometries": [point(3, 4), point(-1, 2)]}) == (-1, 2, 3, 4)
    assert box_around({"type": "Polygon", "coordinates": [ring]}) is None
    assert box_around({"type": "MultiPoint", "coordinates": [[179, 1], [-179, 1]]}) is None
    assert box_around(None) is None


def test_an_id_that_was_not_asked_for_is_not_meant() -> None:
    assert Asked(ids=frozenset({"a"})).means({"id": "a"})
    assert not Asked(ids=frozenset({"a"})).means({"id": "b"})


def test_items_without_a_collection_are_told_apart_by_all_they_have() -> None:
    one, other = item(datetime=FIRST), item(datetime=LATER)
    assert identity_of(one) != identity_of(other)
    assert identity_of({**one, "collection": "c"}) == identity_of({**other, "collection": "c"})


@given(st.lists(st.integers(0, 2**64 - 1), max_size=30), st.integers(0, 100 * MEAN_BUCKET))
def test_seen_is_a_set(marks: list[int], spread: int) -> None:
    seen, known = Seen(), set()
    for mark in [*range(0, spread * 2**50, 2**50), *marks, *marks]:
        mark %= 2**64
        assert seen.add(mark) == (mark not in known)
        known.add(mark)
    assert set(seen) == known
    assert len(seen) == len(known)
    assert all(mark in seen for mark in known)
    assert set(Seen(seen)) == known
