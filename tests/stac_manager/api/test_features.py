"""Pages whose features are parsed one by one hold the same as if they were parsed at once."""

import json
from typing import Any
from unittest import mock

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stac_manager.api import features as features_module
from stac_manager.api.features import DamagedPageError, Outline, document_of
from stac_manager.api.large import without_pauses
from stac_manager.network.decoding import decoded
from stac_manager.parsing import pieces
from stac_manager.parsing.pieces import Pause

# Texts that look like the seams that are looked for, and other values.
SEAMS = st.sampled_from(['},{"type":"Feature"', '"},{"id":', '],"links":[', "}", '\\"', "é", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | SEAMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SEAMS | st.just("features"), inner, max_size=3),
    max_leaves=8,
)
NESTED = st.fixed_dictionaries({"features": st.lists(VALUES, max_size=2), "links": st.lists(VALUES, max_size=2)})
FEATURES = st.fixed_dictionaries({"type": st.just("Feature"), "id": SEAMS, "a": VALUES, "b": NESTED})
WITH_LINKS = st.fixed_dictionaries({"id": SEAMS, "links": st.just([]), "more": st.lists(st.just({"id": "x"}))})
ITEMS = FEATURES | WITH_LINKS
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" , ", ":")])


def document(features: list[Any], separators: tuple[str, str] = (",", ":"), **members: Any) -> bytes:
    whole = {"type": "FeatureCollection", "features": features, "links": [], "numberReturned": len(features)}
    return json.dumps({**whole, **members}, separators=separators).encode()


@given(st.lists(ITEMS | VALUES, max_size=8), SEPARATORS, st.booleans())
def test_the_same_as_parsed_at_once(features: list[Any], separators: tuple[str, str], ascii_only: bool) -> None:
    whole = {"stac_version": "1.0.0", "features": features, "numberReturned": len(features), "links": [], "n": {"a": 1}}
    data = json.dumps(whole, separators=separators, ensure_ascii=ascii_only).encode()
    outline = Outline.of(data)
    if outline is not None:
        assert list(outline.features()) == features
        assert outline.members == {name: value for name, value in whole.items() if name != "features"}


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("last", ["", "x" * 2_000_000])
def test_pages_as_servers_write_them_are_parsed_one_by_one(
    separators: tuple[str, str], last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features_module, "values", None)  # brackets are not counted
    items = [{"type": "Feature", "id": str(number), "n": last if number == 4 else ""} for number in range(5)]
    outline = Outline.of(document(items, separators))
    assert outline is not None
    features = outline.features()
    assert next(features)["id"] == "0"
    assert len(list(features)) == 4


ALIKE = [{"type": "Feature", "id": str(number), "n": [{"type": "Point"}] * 2} for number in range(5)]
IN_TWO_WAYS = [dict(sorted(item.items(), reverse=number % 2 == 0)) for number, item in enumerate(ALIKE)]
WITH_MEMBERS_LIKE_IT = [{"id": "0", "type": "Feature", "schemas": [{"id": "x"}, {"id": "y"}], "links": []}]


@pytest.mark.parametrize("features", [ALIKE, IN_TWO_WAYS, WITH_MEMBERS_LIKE_IT])
@pytest.mark.parametrize("returned", [None, 0, "5", 5, 4])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_features_are_counted(features: list[Any], separators: tuple[str, str], returned: Any) -> None:
    outline = Outline.of(document(features, separators, numberReturned=returned))
    assert outline is not None
    assert outline.count == len(features)


def test_a_null_member_is_counted_where_the_server_counts_it() -> None:
    outline = Outline.of(document([*ALIKE, None]))
    assert outline is not None
    assert outline.count == 6


def test_features_that_begin_in_many_ways_are_parsed_one_by_one_as_well() -> None:
    features = [{f"{name}{number}": "}, {"} for name in "abc" for number in range(3)]
    outline = Outline.of(document([*features, [], "x", None, 5]))
    assert outline is not None
    parsed: list[bytes] = []

    def loads(data: memoryview) -> Any:
        value = orjson.loads(data)
        parsed.append(bytes(data))
        return value

    assert list(outline.in_turns(loads)) == [*features, [], "x", None, 5]
    assert len(parsed) == 13


@given(st.lists(ITEMS, min_size=2, max_size=5), st.data())
def test_damage_among_the_features_is_found(features: list[Any], data: st.DataObject) -> None:
    whole = document(features)
    begin = whole.index(b"[") + 1
    end = whole.rindex(b'],"links"')
    place = data.draw(st.integers(begin, end - 1))
    damaged = whole[:place] + b"\x00" + whole[place + 1 :]
    outline = Outline.of(damaged)
    if outline is not None:
        with pytest.raises(DamagedPageError):
            list(outline.features())
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(damaged)


@given(st.lists(ITEMS | VALUES, max_size=8), SEPARATORS, st.integers(1, 200))
def test_large_features_are_the_same_in_pieces(features: list[Any], separators: tuple[str, str], large: int) -> None:
    outline = Outline.of(document(features, separators))
    with mock.patch.object(features_module, "LARGE_BYTES", large):
        assert outline is None or list(without_pauses(outline.in_turns())) == features


LARGE = [
    {"type": "Feature", "id": "vertices", "geometry": {"coordinates": [[[number, 0.5] for number in range(5_000)]]}},
    {"type": "Feature", "id": "assets", "assets": {f"a{number}": {"href": "x"} for number in range(2_000)}},
    {"type": "Feature", "id": "brackets", "properties": {"n": [[[[[[[number]]]]]] for number in range(2_000)]}},
]


@pytest.mark.parametrize("large", LARGE, ids=lambda item: item["id"])
@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize("counted", [False, True])
async def test_a_large_feature_is_parsed_once_and_in_turns(
    large: Any, place: int, counted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million members took seconds in which nothing else ran, three times."""
    monkeypatch.setattr(features_module, "LARGE_BYTES", 5_000)
    monkeypatch.setattr(pieces, "PIECE_BYTES", 5_000)
    items = [{"type": "Feature", "id": str(number)} for number in range(4)]
    items.insert(place, large)
    outline = await document_of(document(items, numberReturned=5 if counted else None), "", outline=True)
    assert isinstance(outline, Outline)
    assert list(outline.features()) == items[:place]
    with mock.patch.object(orjson, "loads", side_effect=orjson.loads) as loads:
        found = list(outline.in_turns(loads))
    assert list(without_pauses(found)) == items
    assert max(len(call.args[0]) for call in loads.call_args_list) < 12_000
    assert [each for each in found if type(each) is Pause]


@pytest.mark.parametrize("odd", [b"NaN", b'"a\tb"', b'"\xff"', b"1e999"])
@pytest.mark.parametrize("place", [0, 1])
def test_what_only_the_standard_library_reads_of_a_large_feature_is_read_in_turns(
    odd: bytes, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features_module, "values", None)  # brackets are not counted
    monkeypatch.setattr(pieces, "PIECE_BYTES", 1_000)
    items = [{"type": "Feature", "id": "small"}, {"type": "Feature", "id": "small"}]
    items.insert(place, {"type": "Feature", "id": "large", "n": ["@", *range(2_000)]})
    data = document(items).replace(b'"@"', odd)
    outline = Outline.of(data)
    assert outline is not None
    with mock.patch.object(features_module, "LARGE_BYTES", 2_000):
        found = list(outline.in_turns())
    assert len(found) > 8
    assert repr(list(without_pauses(found))) == repr(decoded(data)["features"])


@pytest.mark.parametrize("order", [ALIKE, IN_TWO_WAYS])
def test_features_of_many_orders_are_not_guessed_again_and_again(
    order: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [dict(order[number % 2], n=number) for number in range(200)]
    outline = Outline.of(document(items))
    assert outline is not None
    monkeypatch.setattr(features_module, "LARGE_BYTES", 1_000)
    with mock.patch.object(orjson, "loads", side_effect=orjson.loads) as loads:
        assert list(without_pauses(outline.in_turns(loads))) == items
    assert loads.call_count < 220


async def test_a_large_page_of_a_number_alone_says_what_is_wrong() -> None:
    with pytest.raises(DamagedPageError, match="its features are broken"):
        await document_of(document([]).replace(b"[]", b"[%b]" % (b"1" * 4_000_000), 1), "", outline=True)


def test_an_empty_page_that_says_it_is_full_is_read_at_once() -> None:
    """As pygeoapi writes the page behind the last one."""
    assert Outline.of(document([], numberReturned=50)) is None
