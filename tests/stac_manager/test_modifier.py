"""A function of the user's that changes each item, as catalogs with signed URLs need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import make_item

from stac_manager import ConfigurationError, IngestModule, WorkflowContext


@pytest.fixture
def source(tmp_path: Path) -> Path:
    items = [
        make_item(f"item-{number}", assets={"data": {"href": f"https://example.com/{number}.tif"}})
        for number in range(3)
    ]
    (tmp_path / "items.ndjson").write_text("\n".join(map(json.dumps, items)))
    return tmp_path / "items.ndjson"


def sign(item: dict[str, Any]) -> None:
    for asset in item["assets"].values():
        asset["href"] += "?signature=x"


def hrefs(items: list[dict[str, Any]]) -> list[str]:
    return [item["assets"]["data"]["href"] for item in items]


SIGNED = [f"https://example.com/{number}.tif?signature=x" for number in range(3)]


async def test_each_item_is_signed_once_in_fetch_and_in_read(source: Path) -> None:
    module, context = IngestModule(source=source, modifier=sign), WorkflowContext.create()
    assert hrefs([item async for item in module.fetch(context)]) == SIGNED
    plan = await module.plan()
    assert hrefs([item for part in plan for item in [each async for each in module.read(part, context)]]) == SIGNED


async def test_what_it_returns_is_delivered(source: Path) -> None:
    module = IngestModule(source=source, modifier=lambda item: {"id": item["id"].upper()})
    assert [item async for item in module.fetch(WorkflowContext.create())] == [{"id": f"ITEM-{n}"} for n in range(3)]


async def test_what_it_raises_reaches_the_user_as_it_is(source: Path) -> None:
    def broken(item: dict[str, Any]) -> None:
        raise LookupError(item["id"])

    with pytest.raises(LookupError, match="item-0"):
        [item async for item in IngestModule(source=source, modifier=broken).fetch(WorkflowContext.create())]


def test_a_coroutine_is_refused(source: Path) -> None:
    async def sign_later(item: dict[str, Any]) -> None: ...

    with pytest.raises(ConfigurationError, match="option 'modifier': must be a plain function"):
        IngestModule({"source": source, "modifier": sign_later})
