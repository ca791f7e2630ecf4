"""Shares of work, run at once in one process: none is lost, errors reach the consumer, nothing is left running."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from stac_manager.run import Room, Runner, Slots, pages_at_once


def numbers(counts: list[int], level: int = 3, fail_at: frozenset[int] = frozenset()) -> Runner[int, tuple[int, int]]:
    async def work(count: int) -> None:
        for number in range(count):
            await asyncio.sleep(0)
            if count in fail_at and number == 1:
                raise ValueError(f"share {count}")
            runner.put((count, number))
        runner.put((count, -1))

    runner: Runner[int, tuple[int, int]] = Runner(work, lambda: level, float, lambda idle: False)
    runner.add(counts)
    return runner


async def consumed(runner: Runner[int, tuple[int, int]]) -> AsyncIterator[tuple[int, int]]:
    async for count, number in runner.parts():
        if number == -1:
            runner.finished()
        else:
            yield count, number


@pytest.mark.parametrize("level", [1, 3, 50])
async def test_everything_comes_and_nothing_is_left(level: int) -> None:
    counts = [4, 1, 9, 16, 2]
    came = [part async for part in consumed(numbers(counts, level))]
    assert sorted(came) == sorted((count, number) for count in counts for number in range(count))
    assert len(asyncio.all_tasks()) == 1


async def test_shares_may_make_shares() -> None:
    runner = numbers([8])
    came = []
    async for count, number in consumed(runner):
        came.append((count, number))
        if number == 0 and count > 1:
            runner.add([count // 2])
    assert {count for count, _ in came} == {8, 4, 2, 1}


async def test_hands_that_are_free_at_once_find_more_before_the_end() -> None:
    left, together = 5, asyncio.Barrier(4)

    async def work(share: int) -> None:
        await together.wait()
        runner.put((share, 0))
        runner.put((share, -1))

    def more(idle: int) -> bool:
        nonlocal left
        found, left = left > 0, left - 1
        runner.add(range(4) if found else ())
        return found

    runner: Runner[int, tuple[int, int]] = Runner(work, lambda: 4, float, more)
    runner.add(range(4))
    assert len([part async for part in consumed(runner)]) == 24


@pytest.mark.parametrize("failing", [{5}, {5, 6}])
async def test_errors_reach_the_consumer_and_none_is_left_unseen(
    failing: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValueError, match="share"):
        assert [part async for part in consumed(numbers([5, 6, 7], fail_at=frozenset(failing)))]
    gc.collect()
    await asyncio.sleep(0)
    assert not caplog.records
    assert len(asyncio.all_tasks()) == 1


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)  # until all wait


def bare(work: Callable[[int], Awaitable[None]], level: Callable[[], int]) -> Runner[int, tuple[int, int]]:
    return Runner(work, level, float, lambda idle: False)


async def test_a_level_that_rises_and_a_share_that_is_added_while_all_wait_are_taken_up() -> None:
    level, together = 1, asyncio.Barrier(3)

    async def work(share: int) -> None:
        nonlocal level
        await settled()
        level = 3
        runner.put((share, 0))
        await together.wait()
        runner.put((share, -1))

    runner = bare(work, lambda: level)
    runner.add([3, 2])
    async with asyncio.timeout(10):
        async for part in runner.parts():
            await settled()
            if part == (2, 0):
                runner.add([1])
            elif part[1] == -1:
                runner.finished()


async def test_a_hand_that_is_free_after_its_share_was_finished_takes_the_next() -> None:
    async def work(share: int) -> None:
        runner.put((share, -1))
        await settled()

    runner = bare(work, lambda: 1)
    runner.add([2, 1])
    async with asyncio.timeout(10):
        assert not [part async for part in consumed(runner)]


async def test_what_is_spawned_begins_though_nothing_else_happens() -> None:
    opened = asyncio.Event()

    async def work(share: int) -> None:
        await opened.wait()
        runner.put((share, -1))

    async def opening() -> None:
        opened.set()

    runner = bare(work, lambda: 1)
    runner.add([1])
    asyncio.get_running_loop().call_later(0.01, lambda: runner.spawn(opening()))
    async with asyncio.timeout(10):
        assert not [part async for part in consumed(runner)]


async def test_a_consumer_that_leaves_ends_the_work() -> None:
    runner = numbers([10, 10_000_000])
    parts = runner.parts()
    await anext(parts)
    await parts.aclose()
    assert len(asyncio.all_tasks()) == 1


async def test_slots_follow_the_level() -> None:
    level, used, peaks = 4, 0, []
    slots = Slots(lambda: level)

    async def ask() -> None:
        nonlocal used
        async with slots.one():
            used += 1
            peaks.append((used, level))
            await asyncio.sleep(0)
            used -= 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(40):
            tasks.create_task(ask())
        await asyncio.sleep(0)
        level = 2
    assert len(peaks) == 40
    assert max(used for used, level in peaks if level == 4) == 4
    assert max(used for used, level in peaks[8:]) == 2


@pytest.mark.parametrize(("level", "pages"), [(1, 5), (3, 7), (8, 12), (10, 15), (20, 30), (50, 75)])
def test_half_as_many_pages_as_requests_wait_for_the_consumer(level: int, pages: int) -> None:
    assert pages_at_once(level) == pages


async def test_room_is_bounded_in_bytes_but_always_there_for_one() -> None:
    room = Room(100, lambda: 10)
    await room.enter(1_000)
    waits = asyncio.create_task(room.enter(10))
    await asyncio.sleep(0)
    assert not waits.done()
    room.resize(1_000, 90)
    await waits
    assert (room.pages, room.bytes) == (2, 100)
    waits = asyncio.create_task(room.enter(1))
    await asyncio.sleep(0)
    assert not waits.done()
    room.leave(90)
    await waits
    assert (room.pages, room.bytes) == (2, 11)
