"""Option `fields` on APIs: passed to those that have the Fields extension, and kept by us on all of them."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from servers.static_server import Documents, serving
from support import make_item

from stac_manager import IngestModule, WorkflowContext

ITEMS = [make_item(f"i{index}", assets={"a": {"href": "a.tif"}, "b": {"href": "b.tif"}}) for index in range(5)]
WANTED = {"type", "stac_version", "id", "collection", "assets"} & set(ITEMS[0])


def api(asked: list[str | None], classes: list[str]) -> dict[str, Any]:
    def landing(server: Documents, request: web.Request) -> web.Response:
        links = [{"rel": "search", "href": f"{server.url}/search"}]
        return web.json_response({"stac_version": "1.0.0", "conformsTo": classes, "links": links})

    def search(server: Documents, request: web.Request) -> web.Response:
        asked.append(request.query.get("fields"))
        return web.json_response({"type": "FeatureCollection", "features": ITEMS, "links": []})

    return {"/": landing, "/search": search}


@pytest.mark.parametrize("offered", [True, False])
def test_fields_are_asked_for_where_they_are_offered_and_kept_everywhere(offered: bool) -> None:
    asked: list[str | None] = []
    classes = ["https://api.stacspec.org/v1.0.0/item-search#fields"] if offered else []
    with serving(api(asked, classes)) as server:
        module = IngestModule({"mode": "api", "source": f"{server.url}/", "fields": ["assets.b.href"]})
        items = list(module.iter_items(WorkflowContext.create()))
    assert [item["id"] for item in items] == [item["id"] for item in ITEMS]
    assert all(set(item) == WANTED and item["assets"] == {"b": {"href": "b.tif"}} for item in items)
    assert all(("assets.b.href" in (fields or "").split(",")) is offered for fields in asked)
    assert all((fields is not None) is offered for fields in asked)  # what decides who owns an item is asked for, too
    assert all("properties.datetime" in fields for fields in asked if fields)
