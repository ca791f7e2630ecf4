"""API mode against a server of other people: `rustac serve`, loaded with real items."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from servers import rustac_server
from support import REAL_ITEMS, fetch, ids, make_item


@pytest.fixture(scope="module", params=["real", "made"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """The address of a running server and the ids of the items it was given."""
    path = REAL_ITEMS / "sentinel-2-l2a-cogs.ndjson"
    if request.param == "made":
        path = tmp_path_factory.mktemp("rustac") / "items.ndjson"
        made = [
            make_item(f"item-{n:03}", properties={"datetime": f"2024-05-01T10:{n // 60:02}:{n % 60:02}Z"})
            for n in range(250)
        ]
        path.write_text("".join(json.dumps(item) + "\n" for item in made))
    elif not path.exists():
        pytest.skip("real items are not beside this checkout")
    with rustac_server.serving(path) as url:
        yield url, [json.loads(line)["id"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("limit", [7, 50, 1000])
async def test_every_item_comes_once(served: tuple[str, list[str]], limit: int) -> None:
    url, expected = served
    assert sorted(ids(await fetch({"source": url, "limit": limit}))) == sorted(expected)


async def test_max_items(served: tuple[str, list[str]]) -> None:
    url, expected = served
    found = ids(await fetch({"source": url, "limit": 9, "max_items": 31}))
    assert len(set(found)) == len(found) == 31
    assert set(found) <= set(expected)


async def test_ids(served: tuple[str, list[str]]) -> None:
    url, expected = served
    assert sorted(ids(await fetch({"source": url, "ids": expected[:3]}))) == sorted(expected[:3])
