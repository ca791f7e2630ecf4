"""Filters on files: which items come, told by tables, a naive oracle, a database and a real STAC client."""

from __future__ import annotations

import json
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stac_manager import ConfigurationError, DataProcessingError, IngestConfig, IngestModule, WorkflowContext
from stac_manager.files.filtering.expressions import compiled
from stac_manager.files.filtering.filters import filters_of


def square(west: float, south: float, size: float = 1.0) -> dict[str, Any]:
    ring = [[west, south], [west + size, south], [west + size, south + size], [west, south + size], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def item(
    identity: str = "a", *, geometry: Any = None, bbox: Any = None, collection: str = "c", **properties: Any
) -> dict[str, Any]:
    made = {
        "type": "Feature", "stac_version": "1.0.0", "id": identity, "collection": collection, "geometry": geometry,
        "properties": {"datetime": "2024-05-01T00:00:00Z", **properties}, "links": [], "assets": {},
    }  # fmt: skip
    return made if bbox is None else {**made, "bbox": bbox}


def matches(candidate: dict[str, Any], **options: Any) -> bool:
    return filters_of(IngestConfig.parse({"mode": "file", "source": "x", **options})).matches(candidate)


TRIANGLE = {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [0, 10], [0, 0]]]}
RING = {"type": "Polygon", "coordinates": [square(0, 0, 10)["coordinates"][0], square(2, 2, 6)["coordinates"][0]]}
FIJI = {"type": "MultiPolygon", "coordinates": [square(179, -18)["coordinates"], square(-180, -18)["coordinates"]]}


@pytest.mark.parametrize(
    ("geometry", "own_bbox", "bbox", "is_in"),
    [
        (square(0, 0), [0, 0, 1, 1], (0.5, 0.5, 2, 2), True),
        (square(0, 0), [0, 0, 1, 1], (1, 1, 2, 2), True),  # closed: a corner is enough
        (square(0, 0), [0, 0, 1, 1], (1.001, 0, 2, 1), False),
        (square(0, 0), None, (-1, -1, 5, 5), True),
        (TRIANGLE, [0, 0, 10, 10], (7, 7, 9, 9), False),  # in the bbox of the item, not in its geometry
        (TRIANGLE, [0, 0, 10, 10], (4, 4, 9, 9), True),
        (TRIANGLE, [0, 0, 10, 10], (1, 1, 2, 2), True),  # within the geometry
        (RING, [0, 0, 10, 10], (4, 4, 5, 5), False),  # in its hole
        (RING, [0, 0, 10, 10], (1, 4, 5, 5), True),
        ({"type": "LineString", "coordinates": [[0, 0], [10, 10]]}, None, (4, 5.5, 5, 6), False),
        ({"type": "LineString", "coordinates": [[0, 0], [10, 10]]}, None, (4, 4.5, 5, 6), True),
        ({"type": "Point", "coordinates": [3, 4, 5]}, None, (3, 4, 3, 4), True),
        ({"type": "GeometryCollection", "geometries": [TRIANGLE]}, None, (4, 4, 9, 9), True),
        (FIJI, [179, -18, -179, -17], (179.5, -20, -179.5, 0), True),  # both cross the antimeridian
        (FIJI, [179, -18, -179, -17], (178, -20, 178.5, 0), False),
        (FIJI, [179, -18, -179, -17], (-179.5, -20, -170, 0), True),
        (FIJI, [179, -18, -179, -17], (-10, -20, 10, 0), False),
        (square(179.5, 0, 0.4), [179.5, 0, 179.9, 0.4], (170, -1, -170, 1), True),
        ({"type": "Polygon", "coordinates": [[[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]]}, [179, 0, -179, 1],
         (0, 0, 1, 1), False),  # in one piece across the antimeridian
        ({"type": "Polygon", "coordinates": [[[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]]}, [179, 0, -179, 1],
         (-180, 0, -179.5, 1), True),
        (square(0, 0), [0, 0, 100, 1, 1, 200], (0, 0, 150, 1, 1, 300), True),
        (square(0, 0), [0, 0, 100, 1, 1, 200], (0, 0, 201, 1, 1, 300), False),
        (square(0, 0), [0, 0, 1, 1], (0, 0, 201, 1, 1, 300), True),  # without heights it is at every height
        (None, None, (-180, -90, 180, 90), False),
        ({"type": "Polygon", "coordinates": "?"}, [0, 0, 1, 1], (0, 0, 1, 1), False),
    ],
)  # fmt: skip
def test_bbox(geometry: Any, own_bbox: Any, bbox: tuple[float, ...], is_in: bool) -> None:
    assert matches(item(geometry=geometry, bbox=own_bbox), bbox=bbox) is is_in


YEAR = {"start_datetime": "2024-01-01T00:00:00Z", "end_datetime": "2024-12-31T00:00:00Z"}


@pytest.mark.parametrize(
    ("properties", "asked", "is_in"),
    [
        ({}, "2024-05-01T00:00:00Z", True),
        ({}, "2024-05-01", True),
        ({"datetime": "2024-05-01T23:59:59.999Z"}, "2024-05-01", True),
        ({"datetime": "2024-05-01T23:59:59.999999999Z"}, "2024-05-01", True),
        ({"datetime": "2024-05-31T23:59:59.9999995Z"}, "2024-04/2024-05", True),
        ({"datetime": "2024-05-01T23:59:59.999001Z"}, "../2024-05-01T23:59:59.999Z", False),
        ({"datetime": "2024-05-02T00:00:00Z"}, "2024-05-01", False),
        ({}, "2024-05-01T00:00:00Z/..", True),
        ({}, "../2024-05-01T00:00:00Z", True),
        ({}, "../2024-04-30T23:59:59.999999999Z", False),
        ({"datetime": "2024-05-01T02:00:00+02:00"}, "2024-05-01T00:00:00Z", True),
        ({"datetime": "2024-05-01t00:00:00.0000000001z"}, "2024-05-01T00:00:00Z", True),  # beyond nanoseconds
        ({"datetime": "2024-05-01T00:00:00.000000001Z"}, "2024-05-01T00:00:00Z", False),
        ({"datetime": "2016-12-31T23:59:60Z"}, "2017-01-01T00:00:00Z", True),
        ({"datetime": None}, "2024-05-01", False),
        ({"datetime": "yesterday"}, "2024-05-01", False),
        ({"datetime": None, **YEAR}, "2024-05-01", True),
        ({"datetime": "2024-01-01T00:00:00Z", **YEAR}, "2024-05-01", True),
        ({"start_datetime": "2024-01-01T00:00:00Z"}, "2024-03-01", True),  # from its start to its datetime
        ({"datetime": None, "start_datetime": "2024-01-01T00:00:00Z"}, "2024-03-01", False),
    ],
)  # fmt: skip
def test_datetime(properties: dict[str, Any], asked: str, is_in: bool) -> None:
    assert matches(item(**properties), datetime=asked) is is_in


S2 = item(
    "S2B_1", geometry=square(10, 50), bbox=[10, 50, 11, 51], platform="Sentinel-2B", cloud=12.5, tags=["a", "b"],
    created="2024-06-01T00:00:00Z", nothing=None, land=True, **{"eo:cloud_cover": 12.5, "name": "Málaga 100%"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "is_in"),
    [
        ("cloud < 20", True),
        ("properties.cloud < 20", True),
        ("eo:cloud_cover >= 12.5 AND eo:cloud_cover <= 12.5", True),
        ("cloud < 10 OR collection = 'c'", True),
        ("missing = 1", False),
        ("NOT missing = 1", False),  # unknown is not true, whichever way round
        ("missing = 1 OR cloud > 1", True),
        ("missing IS NULL AND nothing IS NULL AND cloud IS NOT NULL", True),
        ("platform <> 'x'", True),
        ("cloud = '12.5'", False),
        ("cloud BETWEEN 12 AND 13 AND cloud NOT BETWEEN 13 AND 14", True),
        ("id IN ('S2A_1', 'S2B_1') AND id NOT IN ('x')", True),
        ("id LIKE 'S2_\\_%' AND NOT id LIKE 's2%'", True),
        ("name LIKE '%100\\%'", True),
        ("CASEI(platform) = CASEI('SENTINEL-2b')", True),
        ("ACCENTI(name) LIKE ACCENTI('Malagá%')", True),
        ("cloud * 2 + 1 = 26 AND cloud / 0 IS NULL", True),
        ("datetime >= TIMESTAMP('2024-05-01T00:00:00Z')", True),
        ("datetime > TIMESTAMP('2024-05-01T00:00:00+01:00')", True),
        ("datetime >= DATE('2024-05-02')", False),
        ("created > '2024-05-31'", True),
        ("T_INTERSECTS(datetime, INTERVAL('2024-04-01', '2024-05-01'))", True),
        ("T_DURING(datetime, INTERVAL('..', '2024-04-30'))", False),
        ("T_BEFORE(datetime, created)", True),
        ("A_CONTAINS(tags, ('a')) AND A_OVERLAPS(tags, ('b','z')) AND A_CONTAINEDBY(tags, ('a','b','c'))", True),
        ("A_EQUALS(tags, ('b','a'))", False),
        ("S_INTERSECTS(geometry, POINT(10.5 50.5))", True),
        ("S_WITHIN(geometry, BBOX(0, 0, 20, 40))", False),
        ("NOT S_INTERSECTS(footprint, POINT(10.5 50.5))", False),
        ("land = true AND NOT land = false", True),
    ],
)  # fmt: skip
def test_cql2(text: str, is_in: bool) -> None:
    assert matches(S2, filter=text) is is_in


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("cloud <", "not CQL2 text: the error is at line 1, character 8"),
        ("soundex(id) = 'x'", "operator 'soundex' is not known"),
        ({"op": "<", "args": [1]}, "'<' takes 2 arguments, not 1"),
        ({"eo:cloud_cover": {"lt": 10}}, "not CQL2: {'eo:cloud_cover'"),
        ({"op": "=", "args": [{"property": "datetime"}, {"timestamp": "2024"}]}, "'2024' is not an RFC 3339 time"),
        ({"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Blob"}]}, "'s_intersects'"),
    ],
)
def test_a_filter_that_is_not_understood_is_refused_before_any_work(expression: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        IngestConfig.parse({"mode": "file", "source": "x", "filter": expression})
    assert "'filter'" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"filter": "a = 1"}, "option 'filter': CQL2 text needs the package cql2"),
        ({"intersects": {"type": "Point", "coordinates": [1, 2]}}, "a geometry in 'intersects' or 'filter' needs"),
    ],
)
def test_an_option_that_needs_a_package_is_named(
    condition: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cql2", None)
    with pytest.raises(ConfigurationError, match=said):
        IngestConfig.parse({"mode": "file", "source": "x", **condition})


def test_a_filter_nested_without_end_is_refused() -> None:
    expression: dict[str, Any] = {"op": "isNull", "args": [{"property": "a"}]}
    for _ in range(150):
        expression = {"op": "not", "args": [expression]}
    with pytest.raises(ConfigurationError, match="levels deep"):
        IngestConfig.parse({"mode": "file", "source": "x", "filter": expression})


# A database as the oracle of the three truth values

COLUMNS = ("a", "b", "c")
names = st.sampled_from(COLUMNS)
numbers = st.integers(-2, 2)


def reads(name: str) -> dict[str, str]:
    return {"property": name}


@st.composite
def leaves(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """A condition, as CQL2 and as SQL."""
    a, b, low, high = draw(names), draw(names), draw(numbers), draw(numbers)
    compare = draw(st.sampled_from(["=", "<>", "<", "<=", ">", ">="]))
    sign = draw(st.sampled_from("+-*"))
    forms: list[tuple[dict[str, Any], str]] = [
        ({"op": compare, "args": [reads(a), low]}, f"({a} {compare} {low})"),
        ({"op": "isNull", "args": [reads(a)]}, f"({a} IS NULL)"),
        ({"op": "between", "args": [reads(a), low, high]}, f"({a} BETWEEN {low} AND {high})"),
        ({"op": "in", "args": [reads(a), [low, high]]}, f"({a} IN ({low}, {high}))"),
        ({"op": ">", "args": [{"op": sign, "args": [reads(a), reads(b)]}, low]}, f"(({a} {sign} {b}) > {low})"),
    ]
    return draw(st.sampled_from(forms))


def negated(inner: tuple[dict[str, Any], str]) -> tuple[dict[str, Any], str]:
    return {"op": "not", "args": [inner[0]]}, f"(NOT {inner[1]})"


def joined(name: str, parts: list[tuple[dict[str, Any], str]]) -> tuple[dict[str, Any], str]:
    return {"op": name, "args": [part[0] for part in parts]}, f"({f' {name} '.join(part[1] for part in parts)})"


conditions = st.recursive(
    leaves(),
    lambda inner: st.one_of(
        inner.map(negated),
        st.builds(joined, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=6,
)
DATABASE = sqlite3.connect(":memory:", check_same_thread=False)


@given(conditions, st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS, st.one_of(st.none(), st.integers(-2, 2)))))
def test_conditions_are_true_when_a_database_says_so(
    condition: tuple[dict[str, Any], str], row: dict[str, Any]
) -> None:
    expression, sql = condition
    values = {name: row.get(name) for name in COLUMNS}
    (said,) = DATABASE.execute(f"SELECT {sql} FROM (SELECT :a AS a, :b AS b, :c AS c)", values).fetchone()
    assert compiled(expression)[0]({"properties": row}) is (said == 1)


# Whole fetches

ids = st.sampled_from(["a", "b", "c", "d"])
days = st.integers(0, 40).map(lambda hours: datetime(2024, 5, 1, tzinfo=UTC) + timedelta(hours=hours))
made_items = st.lists(
    st.builds(
        lambda identity, west, south, day, collection, cloud: item(
            identity, geometry=square(west, south), bbox=[west, south, west + 1, south + 1], collection=collection,
            **{"datetime": day.isoformat().replace("+00:00", "Z"), "eo:cloud_cover": cloud},
        ),
        ids, st.integers(-5, 5), st.integers(-5, 5), days, st.sampled_from(["c", "d", "e"]), st.integers(0, 100),
    ),
    min_size=1, max_size=20,
)  # fmt: skip
made_options = st.fixed_dictionaries(
    {},
    optional={
        "ids": st.lists(ids, min_size=1, max_size=3),
        "collections": st.lists(st.sampled_from(["c", "d", "x"]), min_size=1, max_size=2),
        "bbox": st.tuples(st.integers(-5, 0), st.integers(-5, 0), st.integers(0, 5), st.integers(0, 5)),
        "datetime": st.sampled_from(["2024-05-01", "2024-05-01T12:00:00Z/..", "../2024-05-01T06:00:00Z"]),
        "filter": st.sampled_from(['"eo:cloud_cover" < 50', "id <> 'a' AND collection = 'c'"]),
    },
)


def naive(candidate: dict[str, Any], options: dict[str, Any]) -> bool:
    """What each option says, written as plainly as it can be for squares and for times in UTC."""
    west, south, east, north = candidate["bbox"]
    when = candidate["properties"]["datetime"]
    bbox = options.get("bbox", (-180, -90, 180, 90))
    start, end = {
        "2024-05-01": ("2024-05-01T00:00:00Z", "2024-05-01T23:59:59Z"),
        "2024-05-01T12:00:00Z/..": ("2024-05-01T12:00:00Z", "9999"),
        "../2024-05-01T06:00:00Z": ("", "2024-05-01T06:00:00Z"),
        None: ("", "9999"),
    }[options.get("datetime")]
    filters = {
        None: True,
        '"eo:cloud_cover" < 50': candidate["properties"]["eo:cloud_cover"] < 50,
        "id <> 'a' AND collection = 'c'": candidate["id"] != "a" and candidate["collection"] == "c",
    }
    return (
        candidate["id"] in options.get("ids", candidate["id"])
        and candidate["collection"] in options.get("collections", candidate["collection"])
        and west <= bbox[2] and east >= bbox[0] and south <= bbox[3] and north >= bbox[1]
        and start <= when <= end
        and filters[options.get("filter")]
    )  # fmt: skip


@given(made_items, made_options)
def test_a_fetch_gives_what_a_naive_reading_of_the_options_gives(
    tmp_path_factory: pytest.TempPathFactory, items: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("filters") / "items.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in items))
    expected = [each for each in items if naive(each, options)]
    try:
        found = list(IngestModule({"mode": "file", "source": path, **options}).iter_items(WorkflowContext.create()))
    except DataProcessingError:  # a collection of which there is nothing
        found = []
    assert found == expected


@pytest.mark.parametrize("options", [{}, {"fields": ["id"]}])
async def test_items_whose_time_is_not_understood_are_noted(options: dict[str, Any], tmp_path: Path) -> None:
    others = {"start_datetime": "2024-05-01T00:00:00Z", "end_datetime": "2024-05-02"}
    times: list[dict[str, Any]] = [{}, {"datetime": "2024-05-01T10:00:00 CET"}, {"datetime": None}, {"datetime": 5}]
    times += [{"datetime": None, **others}, {"datetime": "2023-05-01T00:00:00Z"}, {"datetime": "?", **others}]
    made = [item(str(number), **each) for number, each in enumerate(times)]
    made.append({**item("7"), "properties": None})
    (tmp_path / "a.ndjson").write_text("\n".join(map(json.dumps, made)))
    (tmp_path / "b.json").write_text(json.dumps(item("8", datetime="?", collection="other")))
    source = {"source": str(tmp_path), "collection_id": "c", **options}
    module = IngestModule({**source, "datetime": "2024-01-01/2024-12-31"})
    assert [each["id"] async for each in module.fetch(WorkflowContext.create())] == ["0", "4", "6"]
    (note,) = module.stats.notes
    assert note.startswith("4 Items left out by 'datetime': the time is missing or not understood, the first: '1' of ")
    assert note.endswith("'2024-05-01T10:00:00 CET'")
    module = IngestModule(source)
    assert len([each async for each in module.fetch(WorkflowContext.create())]) == 8
    assert module.stats.notes == []
