"""API mode against servers of other people: the same items as pystac-client finds there, every one once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pystac_client
import pytest
from servers import pgstac_server, rustac_server
from support import fetch, real_item_files

from tools.test_data_generator import DataSetSpec, ensure

GENERATED_ITEMS = 10_000
LIMIT = 500

Items = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module", params=["rustac", "pgstac"])
def server(request: pytest.FixtureRequest) -> Any:
    """One that is always there, and one that `.ci/run` installs."""
    if request.param == "rustac":
        return rustac_server
    if reason := pgstac_server.missing():
        # A CI that cannot run it must not look as if it had.
        (pytest.fail if os.environ.get("STAC_MANAGER_TEST_SERVERS") == "required" else pytest.skip)(reason)
    return pgstac_server


@pytest.fixture(scope="module", params=["real", "generated"])
def items(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("items")
    if request.param == "generated":
        return ensure(DataSetSpec("naip", GENERATED_ITEMS, "ndjson", datetime_kind="mixed"), folder).path
    if not real_item_files():
        pytest.skip("real items are not beside this checkout")
    path = folder / "items.ndjson"
    path.write_bytes(b"".join(file.read_bytes().rstrip(b"\n") + b"\n" for file in real_item_files()))
    return path


@pytest.fixture(scope="module")
def served(server: Any, items: Path) -> Iterator[tuple[str, Items]]:
    """The address of a server and what pystac-client finds there."""
    with server.serving(items) as url:
        expected = by_key(pystac_client.Client.open(url).search(limit=LIMIT).items_as_dicts())
        assert len(expected) == items.read_bytes().count(b"\n")
        yield url, expected


def by_key(items: Any) -> Items:
    """Items by collection and id; none may come twice."""
    listed = list(items)
    found = {(item["collection"], item["id"]): item for item in listed}
    assert len(found) == len(listed)
    return found


async def test_the_same_items_as_pystac_client(served: tuple[str, Items]) -> None:
    url, expected = served
    assert by_key(await fetch({"source": url, "limit": LIMIT})) == expected
