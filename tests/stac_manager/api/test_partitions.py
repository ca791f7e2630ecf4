"""A search planned once whose partitions are read apart: every item by one of them, whatever the server is like."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stac_manager import IngestModule, WorkflowContext
from stac_manager.completeness import Completeness, merge
from stac_manager.plan import Interval, Plan, partition_of, plan_of
from stac_manager.report import PartitionReport

from .adversary import BASE, Adversary, answering, text_of
from .test_exactly_once import SCENES, SECOND, YEARLY, any_world, catalog_of, keys, options, servers


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


async def read_apart(
    url: str, chosen: dict[str, Any], partition_items: int, backwards: bool
) -> tuple[Plan, list[Any], Completeness]:
    """Plan, and read each partition as if it were in another process: all that travels is JSON."""
    plan = await IngestModule({"source": url, **chosen}).plan(partition_items=partition_items)
    sent = json.loads(json.dumps(plan.to_json()))
    items, reports = [], []
    for document in sent["partitions"][:: -1 if backwards else 1]:
        reader = IngestModule({"source": url, **chosen}).read(partition_of(document), WorkflowContext.create())
        items += [item async for item in reader]
        reports.append(PartitionReport(**json.loads(json.dumps(reader.report.to_json()))))
    return plan, items, merge(plan_of(sent), reports)


@any_world
@given(
    server=servers(), given_options=options, partition_items=st.sampled_from([3, 10, 1_000]), backwards=st.booleans()
)
def test_partitions_read_apart_hold_the_search(
    loop: asyncio.Runner, server: Adversary, given_options: dict[str, Any], partition_items: int, backwards: bool
) -> None:
    chosen = {name: value for name, value in given_options.items() if value is not None}
    server.uncounted = 0
    with answering(server) as url:
        plan, items, proof = loop.run(read_apart(url, chosen, partition_items, backwards))
    wanted = keys(server.found({"datetime": chosen.get("datetime")}))
    came = keys(items)
    assert len(set(came)) == len(came), "two partitions gave the same item"
    assert set(came) == set(wanted), plan
    assert proof.status == ("complete" if server.counts else "unverified"), proof
    assert proof.items == len(items)


def test_partitions_hold_about_as_many_items_as_was_asked_for(loop: asyncio.Runner) -> None:
    times = [*SCENES, *({"datetime": text_of((BASE + n) * SECOND)} for n in range(2_000))]  # most within the first hour
    with answering(Adversary(catalog_of(times))) as url:
        module = IngestModule({"source": url, "concurrency": 4})
        plan = loop.run(module.plan(partition_items=200))
        again = loop.run(module.plan(partition_items=200))
    assert plan == again
    assert plan.counted == 2_500
    assert sum(partition.estimate or 0 for partition in plan) >= 2_500  # items at an edge count twice
    assert max(partition.estimate or 0 for partition in plan) <= 300
    assert 12 <= len(plan) <= 30


def test_a_partition_that_was_left_says_so(loop: asyncio.Runner) -> None:
    async def leave(url: str) -> PartitionReport:
        reader = IngestModule({"source": url, "limit": 10}).read(Interval(None, None), WorkflowContext.create())
        parts = reader.parts()
        next(iter(await anext(parts)))
        await parts.aclose()
        return reader.report

    with answering(Adversary(catalog_of(SCENES))) as url:
        report = loop.run(leave(url))
    assert report.problem == "not read to its end"


def test_an_item_outside_of_its_own_range_is_delivered_once_or_missed_aloud(loop: asyncio.Runner) -> None:
    """Servers that look at the range return it for another interval than the one of its datetime."""
    odd = [{**YEARLY, "datetime": text_of((BASE + n * 86_400) * SECOND)} for n in (-300, -200, 900)]
    server = Adversary(catalog_of([*SCENES, *odd]), rule="pgstac")
    with answering(server) as url:
        _, items, proof = loop.run(read_apart(url, {"limit": 50}, 60, False))
        assert len(set(keys(items))) == len(items)
        assert len(items) == 503 or proof.status == "incomplete"
        module = IngestModule({"source": url, "limit": 50, "concurrency": 8})

        async def fetch() -> list[Any]:
            return [item async for item in module.fetch(WorkflowContext.create())]

        assert sorted(keys(loop.run(fetch()))) == sorted(keys(server.items))  # in one process: whoever sees it first
