"""Long lists of Collections, and of links, are read one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support import turns_beside

from stac_manager import run
from stac_manager.api import features
from stac_manager.api.features import document_of, listed_in

COUNT = 40
EXTENT = {"temporal": {"interval": [["2024-01-01T00:00:00Z", None]]}}
LISTED = [
    {
        "id": f"c{number}",
        "extent": EXTENT,
        "title": '"],"links":[]}',
        "links": [{"rel": "self"}],
        "keywords": ["é", "b"],
    }
    for number in range(COUNT)
]
KEPT = [{"id": each["id"], "extent": EXTENT} for each in LISTED]


@pytest.fixture(autouse=True)
def everything_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "WHOLE_BYTES", 100)
    monkeypatch.setattr(run, "TURN_SECONDS", 0.0)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    ("before", "after"), [({}, {}), ({"links": []}, {}), ({}, {"links": [{"rel": "a", "b": [1]}], "numberMatched": 40})]
)
async def test_the_extents_of_a_long_list_are_kept(before: Any, after: Any, indent: int | None) -> None:
    data = json.dumps({**before, "collections": LISTED, **after}, indent=indent).encode()
    assert await listed_in(data, "collections") == {**before, "collections": KEPT, **after}


@pytest.mark.parametrize(
    "document",
    [
        {"collections": []},
        {"features": LISTED},
        {"collections": "none", "links": LISTED},
        {"summaries": {"collections": LISTED}},
        LISTED,
    ],
)
async def test_other_documents_are_left_alone(document: Any) -> None:
    assert await listed_in(json.dumps(document).encode() + b" " * 200, "collections") is None


async def test_a_damaged_list_is_left_to_those_who_say_what_is_wrong() -> None:
    data = json.dumps({"collections": LISTED, "links": []}).encode()
    assert await listed_in(data.replace(b'"c7"', b'"c7'), "collections") is None
    assert await listed_in(data[:-30], "collections") is None


@pytest.mark.parametrize("name", ["collections", "links"])
async def test_others_have_their_turn_meanwhile(name: str) -> None:
    data = json.dumps({name: LISTED, "conformsTo": []}).encode()
    assert await turns_beside(document_of(data, "", outline=False)) >= COUNT / 2


async def test_some_links_of_each_relation_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "LINKS_KEPT", 3)
    links = [{"rel": "self"}, *({"rel": "child", "href": str(number)} for number in range(COUNT)), {"rel": "search"}]
    document = {"id": "root", "links": links, "conformsTo": ["core"]}
    read = await document_of(json.dumps(document).encode(), "", outline=False)
    assert read == {**document, "links": [*links[:4], links[-1]]}
