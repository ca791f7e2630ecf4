"""What happens during a fetch reaches the logger and `on_event`, each once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from support import ids, make_item

from stac_manager import ApiIngest, FileIngest, WorkflowContext
from stac_manager.events import Event, Fallback, PartitionDone, Pause, Retry, Split
from stac_manager.network import backoff

from .habits import GarbledItem, Ignores, Outage, RateLimit
from .server import Habit, Json, World, running
from .test_worlds import LIMIT, spread


async def events_of(
    habits: Sequence[Habit], concurrency: int | str, **options: object
) -> tuple[list[Event], ApiIngest]:
    seen: list[Event] = []
    async with running(World(spread(), habits)) as world:
        module = ApiIngest({"source": world.url, "limit": LIMIT, "concurrency": concurrency, **options})  # type: ignore[misc]
        async for _ in module.fetch(WorkflowContext.create(on_event=seen.append)):
            pass
    return seen, module


def of(kind: type[Event], events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("concurrency", [1, 8, "auto"])
async def test_each_partition_is_done_once_and_their_items_are_all(concurrency: int | str) -> None:
    seen, module = await events_of([], concurrency)
    done = [event.report for event in seen if isinstance(event, PartitionDone)]
    assert done == module.stats.completeness.partitions
    assert sum(report.items for report in done) == 120
    assert of(Retry, seen) == of(Pause, seen) == []


async def test_every_retry_and_every_pause_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "stac_manager"):
        seen, module = await events_of([RateLimit(5, 0.05)], 8, headers={"Authorization": "Bearer s3cret-word"})
    assert len(of(Retry, seen)) == module.stats.retries > 0
    assert len(of(Pause, seen)) == module.stats.pauses > 0
    pauses = [event.seconds for event in seen if isinstance(event, Pause)]
    assert min(pauses) >= backoff.RETRY_BASE_SECONDS / 2, "who was refused came again at once"
    assert all(isinstance(event, Retry) and "429" in event.reason for event in of(Retry, seen))
    assert [record.getMessage() for record in caplog.records] == list(map(str, seen))
    assert {record.levelno for record in caplog.records if "pause" in record.getMessage()} == {logging.WARNING}
    assert "s3cret" not in caplog.text
    assert "?" not in caplog.text


async def test_a_fallback_is_told_once() -> None:
    seen, module = await events_of([Ignores("datetime")], 8)
    assert [event.note for event in seen if isinstance(event, Fallback)] == module.stats.notes != []


def mostly_in_a_burst() -> list[Json]:
    """Without counts the partitions turn out to be unequal, and idle workers take a share."""
    items = spread()
    for number, item in enumerate(items[:100]):
        item["properties"]["datetime"] = f"2024-01-01T12:{number // 60:02}:{number % 60:02}Z"
    return items


async def test_a_split_names_what_takes_its_place() -> None:
    seen: list[Event] = []
    async with running(World(mostly_in_a_burst(), counts=False)) as world:
        module = ApiIngest(source=world.url, limit=2, concurrency=8)
        async for _ in module.fetch(WorkflowContext.create(on_event=seen.append)):
            pass
    splits = [event for event in seen if isinstance(event, Split)]
    assert splits
    assert all(len(split.parts) > 1 and split.key not in split.parts for split in splits)


async def test_what_others_read_by_now_is_not_split_again_where_a_page_turns_out_to_be_damaged() -> None:
    """The consumer comes to the damage only when the server is asked for nothing more, as all is read ahead."""
    seen: list[Event] = []
    came: list[str] = []
    async with running(World(mostly_in_a_burst(), [GarbledItem("item-0093")], counts=False)) as world:
        async for item in ApiIngest(source=world.url, limit=3, concurrency=8).fetch(
            WorkflowContext.create(on_event=seen.append)
        ):
            came.append(item["id"])
            asked = 0
            while item["id"] == "item-0094" and asked < len(world.asked):
                asked = len(world.asked)
                await asyncio.sleep(0.01)
    beside_it = {"item-0091", "item-0092"}  # in the seconds that are asked for around it
    assert len(set(came)) == len(came)
    assert {item["id"] for item in spread()} - set(came) - beside_it == {"item-0093"}
    keys = [event.key for event in seen if isinstance(event, Split)]
    assert len(set(keys)) == len(keys) > 0


async def test_what_a_listener_raises_ends_the_fetch() -> None:
    def broken(event: Event) -> None:
        raise LookupError("metrics")

    async with running(World(spread(), [Outage(0.0, 0.02)])) as world:
        with pytest.raises(LookupError, match="metrics"):
            async for _ in ApiIngest(source=world.url, concurrency=4).fetch(WorkflowContext.create(on_event=broken)):
                pass


async def test_files_tell_what_is_left_out(tmp_path: Path) -> None:
    links = [{"rel": "item", "href": "./a.json"}]
    collection = {"type": "Collection", "stac_version": "1.0.0", "id": "scenes", "links": links}
    (tmp_path / "collection.json").write_text(json.dumps(collection))
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(make_item(name)))
    seen: list[Event] = []
    module = FileIngest(source=tmp_path)
    assert ids([item async for item in module.fetch(WorkflowContext.create(on_event=seen.append))]) == ["a"]
    assert seen == [Fallback(note) for note in module.stats.notes]
    assert any("b.json" in str(event) for event in seen)


async def test_a_page_that_shows_too_much_and_turns_out_to_be_damaged_is_cut_around() -> None:
    """It is the first one of an interval with many items, of which the older ones would be handed to others."""
    days = [f"2024-{1 + number // 40:02}-{1 + number % 40 // 2:02}" for number in range(240)]
    times = [f"{day}T{number % 2 * 12:02}:00:00Z" for number, day in enumerate(days)]
    times[100:160] = [f"{days[159]}T12:00:{second:02}Z" for second in range(60)]
    items = [make_item(f"item-{number:04}", properties={"datetime": time}) for number, time in enumerate(times)]
    async with running(World(items, [GarbledItem("item-0158")])) as world:
        stream = ApiIngest(source=world.url, limit=10, concurrency=8).fetch(WorkflowContext.create())
        came = [item["id"] async for item in stream]
    assert len(set(came)) == len(came) >= 230
