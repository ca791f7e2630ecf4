"""Partitions that are read one by one, as elsewhere: all comes, also where items are not found by their time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import pytest

from stac_manager import DataProcessingError, IngestModule, WorkflowContext
from stac_manager.completeness import merge

from .habits import (
    AnotherTime,
    BackToTheFirst,
    Counts,
    CutsPages,
    ErrorsBeyondTheEnd,
    ExpiringToken,
    HeavyItem,
    IndexedTwice,
    InnerAddresses,
    NextLink,
    PoisonedItem,
    Refuses,
    TimesAsText,
    Window,
)
from .server import Ask, Habit, Json, Key, Refusal, World, key_of, running
from .test_worlds import (
    LIMIT,
    in_many_zones,
    in_ranges_turned_round,
    mixed,
    spread,
    without_geometry,
)


class Landings(Habit):
    """Counts how often the landing page is read."""

    count = 0

    def document(self, path: str, document: Json) -> Json:
        self.count += "conformsTo" in document
        return document


@pytest.mark.parametrize(
    ("habits", "items"),
    [
        ([], spread),
        ([AnotherTime()], spread),
        ([TimesAsText()], in_many_zones),
        ([], in_ranges_turned_round),
        ([Window(30)], spread),
        ([Refuses("open")], spread),
        ([Refuses("POST")], spread),
        ([Refuses("POST", 500)], spread),
        ([CutsPages()], spread),
    ],
)
@pytest.mark.parametrize("counts", [True, False])
async def test_partitions_hold_all(habits: Sequence[Habit], items: Callable[[], list[Json]], counts: bool) -> None:
    landings = Landings()
    world = World(items(), [*habits, landings], counts=counts, paging="position")
    keys: list[Key] = []
    async with running(world):
        module = IngestModule({"source": world.url, "limit": LIMIT, "concurrency": 2})
        plan = await module.plan(partition_items=25)
        landings.count = 0
        readers = [module.read(partition, WorkflowContext.create()) for partition in plan]
        for reader in readers:
            keys += [key_of(item) async for item in reader]
    assert sorted(map(str, keys)) == sorted(str(key_of(item)) for item in world.items)
    assert merge(plan, [reader.report for reader in readers]).status != "incomplete"
    assert landings.count == 1, "once for all partitions"


async def test_what_no_tile_finds_comes_where_a_plan_is_one_partition() -> None:
    world = World(without_geometry(), filters=False)
    async with running(world):
        module = IngestModule({"source": world.url, "limit": LIMIT, "concurrency": 8})
        (partition,) = await module.plan()
        reader = module.read(partition, WorkflowContext.create())
        keys = [key_of(item) async for item in reader]
    assert len(set(keys)) == len(keys) == len(world.items)
    assert reader.report.problem is None


async def test_an_address_that_does_not_answer_is_tried_once_for_all_partitions() -> None:
    world = World(spread(), [InnerAddresses()])
    retries: list[int] = []
    async with running(world):
        module = IngestModule({"source": world.url, "limit": LIMIT})
        for partition in await module.plan(partition_items=50):
            reader = module.read(partition, WorkflowContext.create())
            assert [item async for item in reader]
            retries.append(reader.stats.retries)
    assert retries[0] > 0 == sum(retries[1:])


@pytest.mark.parametrize(("habit", "most"), [(ErrorsBeyondTheEnd(), 270), (BackToTheFirst(), 170)])
async def test_what_follows_the_last_page_of_each_partition_is_none_of_it(habit: Habit, most: int) -> None:
    world = World(spread(115), [habit], paging="offset", counts=False)
    keys: list[Key] = []
    async with running(world):
        module = IngestModule({"source": world.url, "limit": LIMIT})
        plan = await module.plan()
        readers = [module.read(partition, WorkflowContext.create()) for partition in plan]
        for reader in readers:
            keys += [key_of(item) async for item in reader]
    assert sorted(map(str, keys)) == sorted(str(key_of(item)) for item in world.items)
    assert merge(plan, [reader.report for reader in readers]).status == "unverified"
    assert len(world.asked) < most


@pytest.mark.parametrize("counts", [True, False])
async def test_a_partition_is_read_around_an_item_that_makes_its_first_page_an_error(counts: bool) -> None:
    world = World(spread(), [PoisonedItem("item-0119")], counts=counts)
    async with running(world):
        module = IngestModule({"source": world.url, "limit": LIMIT})
        plan = await module.plan(partition_items=25)
        context = WorkflowContext.create()
        readers = [module.read(partition, context) for partition in plan]
        keys = [key_of(item) for reader in readers async for item in reader]
    assert len(plan) > 1
    assert sorted(map(str, keys)) == sorted(str(key_of(item)) for item in world.items if item["id"] != "item-0119")
    proof = merge(plan, [reader.report for reader in readers])
    assert (proof.status, len(context.failure_collector.get_all())) == ("incomplete", 1)
    assert "2024-02-05T04:59:58" in str(proof)
    assert len(world.asked) < 130


@pytest.mark.parametrize("apart", [False, True])
async def test_items_that_the_server_has_twice_are_not_missing_in_a_plan(apart: bool) -> None:
    world = World(spread(), [IndexedTwice(apart=apart)], paging="position")
    async with running(world):
        module = IngestModule({"source": world.url, "limit": LIMIT})
        plan = await module.plan(partition_items=70)
        readers = [module.read(partition, WorkflowContext.create()) for partition in plan]
        keys = [key_of(item) for reader in readers async for item in reader]
    assert len(keys) == len(set(keys)) == len(world.items)
    assert merge(plan, [reader.report for reader in readers]).status == "complete"


async def test_counts_that_cutting_does_not_change_are_asked_for_once() -> None:
    world = World(spread(), [Counts(lambda n: 130)])
    async with running(world):
        plan = await IngestModule({"source": world.url, "limit": LIMIT}).plan(partition_items=25)
    assert (len(plan), len(world.asked) < 30) == (6, True), len(world.asked)


@pytest.mark.parametrize("searches", [3, 12])
async def test_a_token_that_expires_meanwhile_ends_the_planning(searches: int) -> None:
    token = ExpiringToken(searches)
    world = World(spread(), [token])
    async with running(world):
        headers = await token.headers()
        with pytest.raises(DataProcessingError, match="401"):
            await IngestModule({"source": world.url, "limit": LIMIT, "headers": headers}).plan(partition_items=5)
    assert len(world.asked) >= searches


@pytest.mark.parametrize("habit", [NextLink("absent"), HeavyItem(window=70), Refuses("open")])
@pytest.mark.parametrize("concurrency", [1, 8])
async def test_a_search_of_one_partition_is_read_as_well_as_a_fetch(habit: Habit, concurrency: int) -> None:
    world = World(spread(), [habit], paging="page")
    async with running(world):
        module = IngestModule({"source": world.url, "limit": LIMIT, "concurrency": concurrency})
        plan = await module.plan(partition_items=1_000)
        (reader,) = [module.read(partition, WorkflowContext.create()) for partition in plan]
        keys = [key_of(item) async for item in reader]
    assert sorted(map(str, keys)) == sorted(str(key_of(item)) for item in world.items)
    proof = merge(plan, [reader.report])
    assert proof.status == "complete", proof.problems
    assert world.peak <= concurrency
    assert concurrency == 1 or world.peak > 1


class Posts(Habit):
    """Counts what is sent by POST, of which one is lost on its way, or refused; searches by GET may always be."""

    count, dropped = 0, -1

    def __init__(self, status: int = 404, *, gets: bool = True) -> None:
        self.status, self.gets = status, gets

    async def arrives(self, ask: Ask) -> None:
        self.count += ask.method == "POST"
        if ask.method == "POST" and self.count == self.dropped:
            raise Refusal(self.status)
        if ask.method == "GET" and ask.path == "/search" and not self.gets:
            raise Refusal(405)


async def test_a_method_that_is_refused_is_tried_once_for_all_partitions() -> None:
    posts = Posts()
    world = World(spread(), [posts, Refuses("POST", 500)])
    async with running(world):
        module = IngestModule({"source": world.url, "limit": LIMIT, "retries": 1})
        plan = await module.plan(partition_items=25)
        posts.count, counts = 0, []
        for partition in plan:
            assert [item async for item in module.read(partition, WorkflowContext.create())]
            counts.append(posts.count)
    assert len(counts) > 3
    assert len(set(counts)) == 1


@pytest.mark.parametrize("lost", [1, 2])
async def test_a_request_that_is_lost_says_nothing_of_the_method_for_the_partitions_that_follow(lost: int) -> None:
    posts = Posts()
    world = World(spread(), [posts])
    async with running(world):
        module = IngestModule({"source": world.url, "limit": LIMIT, "concurrency": 2})
        plan = await module.plan(partition_items=25)
        counts, keys = [], set[Key]()
        for number, partition in enumerate(plan):
            posts.count, posts.dropped = 0, lost if number == 1 else -1
            keys |= {key_of(item) async for item in module.read(partition, WorkflowContext.create())}
            counts.append(posts.count)
    assert keys == set(map(key_of, world.items))
    assert all(counts)


@pytest.mark.parametrize(("status", "known", "comes"), [(403, True, True), (403, False, False), (404, False, False)])
async def test_a_partition_of_all_collections_is_not_read_for_one_of_them(
    status: int, known: bool, comes: bool
) -> None:
    posts = Posts(status, gets=False)
    world = World(mixed(spread()), [posts])
    async with running(world):
        module = IngestModule({"source": world.url, "limit": LIMIT, "retries": 1})
        first, last, *_ = await module.plan(partition_items=25)
        assert [item async for item in module.read(first, WorkflowContext.create())]
        whole = [key_of(item) async for item in module.read(last, WorkflowContext.create())]
        posts.count, posts.dropped = 0, 1
        module = module if known else IngestModule({"source": world.url, "limit": LIMIT, "retries": 1})
        keys: list[Key] = []
        with nullcontext() if comes else pytest.raises(DataProcessingError, match=f"answered {status}"):
            keys += [key_of(item) async for item in module.read(last, WorkflowContext.create())]
    assert {collection for collection, _ in whole} == {"a", "b", "c"}
    assert keys == (whole if comes else [])
