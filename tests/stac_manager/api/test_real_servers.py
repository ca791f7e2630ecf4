"""API mode against servers of other people: the same items as pystac-client finds there, every one once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pystac_client
import pytest
from servers import pgstac_server, rustac_server
from support import THOROUGH, real_item_files

from stac_manager import DataProcessingError, IngestModule, WorkflowContext
from stac_manager.stats import ApiStats
from tools.test_data.items import DataSetSpec
from tools.test_data.sets import ensure

GENERATED_ITEMS = 800
LIMIT = 50

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


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated items, enough to be split, and real ones, where they are beside this checkout."""
    folder = tmp_path_factory.mktemp("items")
    generated = ensure(DataSetSpec("naip", GENERATED_ITEMS, "ndjson", datetime_kind="mixed"), folder).path
    path = folder / "items.ndjson"
    path.write_bytes(b"".join(file.read_bytes().rstrip(b"\n") + b"\n" for file in [generated, *real_item_files()]))
    return path


@pytest.fixture(scope="module")
def url(server: Any, items: Path) -> Iterator[str]:
    with server.serving(items) as address:
        yield address


@pytest.fixture(scope="module", params=[None, "2022-01-01T00:00:00Z/2023-06-30T23:59:59.5Z"], ids=["all", "datetime"])
def searched(request: pytest.FixtureRequest, url: str, items: Path) -> tuple[dict[str, Any], Items]:
    """The options of a search, and what pystac-client finds with them."""
    options = {"source": url, "limit": LIMIT, **({"datetime": request.param} if request.param else {})}
    expected = by_key(pystac_client.Client.open(url).search(limit=LIMIT, datetime=request.param).items_as_dicts())
    total = items.read_bytes().count(b"\n")
    assert len(expected) == total if request.param is None else 0 < len(expected) < total
    return options, expected


def by_key(items: Iterable[dict[str, Any]]) -> Items:
    """Items by collection and id; none may come twice."""
    listed = list(items)
    found = {(item["collection"], item["id"]): item for item in listed}
    assert len(found) == len(listed)
    return found


@pytest.mark.parametrize("concurrency", [1, 10, "auto"] if THOROUGH else [10])
async def test_the_same_items_as_pystac_client(
    server: Any, searched: tuple[dict[str, Any], Items], concurrency: int | str
) -> None:
    options, expected = searched
    module = IngestModule({**options, "concurrency": concurrency})
    context = WorkflowContext.create()
    assert by_key([item async for item in module.fetch(context)]) == expected
    assert not context.failure_collector.get_all()
    assert isinstance(module.stats, ApiStats)
    completeness = module.stats.completeness
    assert completeness.items == len(expected)
    assert not completeness.problems
    if "datetime" in options and concurrency != 1:
        assert len(expected) > 5 * LIMIT
        assert len(completeness.slices) > 1  # or one cursor would have been compared with another
    # rustac gives no counts: there is nothing to prove it with.
    assert (completeness.status, completeness.counted) == (
        ("complete", len(expected)) if server is pgstac_server else ("unverified", None)
    )


async def test_sortby_is_the_order_where_the_server_sorts(server: Any, url: str) -> None:
    module = IngestModule({"source": url, "limit": LIMIT, "concurrency": 10, "sortby": "-id", "max_items": 2 * LIMIT})
    if server is rustac_server:
        with pytest.raises(DataProcessingError, match="sortby: the server does not sort"):
            await anext(module.fetch(WorkflowContext.create()))
        return
    ids = [item["id"] async for item in module.fetch(WorkflowContext.create())]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 2 * LIMIT
