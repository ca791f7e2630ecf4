"""A STAC API into a sink: an expired token, secrets, and what is newer."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from support import make_item
from worlds.habits import Ignores, Window
from worlds.server import Ask, Habit, World, running

from benchmarks import _api_server
from stac_manager import DataProcessingError, IngestModule, WorkflowContext
from stac_manager.config import IngestConfig
from stac_manager.parsing import text_items
from stac_manager.parsing.text_items import TextItemReader
from stac_manager.parsing.texts import TextItem
from stac_manager.protocols import Item
from stac_manager.sinks import Sink, write
from stac_manager.sinks.model import Watermark
from stac_manager.sinks.newer import conditions
from stac_manager.sinks.running import Progress
from stac_manager.sinks.verifying import verify

SECRET = "hunter2-0123456789"
ITEMS = 60


def item_of_day(number: int, **properties: Any) -> dict[str, Any]:
    day = f"2024-{1 + number // 28:02}-{1 + number % 28:02}T00:00:00Z"
    return make_item(f"item-{number:03}", properties={"datetime": day, "updated": day, **properties})


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "items.ndjson"
    path.write_text("".join(json.dumps(item_of_day(number)) + "\n" for number in range(ITEMS)))
    return path


class Guarded:
    """A door in front of an API that wants a token, and takes it for so many requests."""

    def __init__(self, behind: str) -> None:
        self.left = 10**9
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._pass(None)

            def do_POST(self) -> None:
                self._pass(self.rfile.read(int(self.headers["Content-Length"])))

            def _pass(self, body: bytes | None) -> None:
                import urllib.request

                outer.left -= 1
                if self.headers["Authorization"] != f"Bearer {SECRET}" or outer.left < 0:
                    self.send_response(401)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                request = urllib.request.Request(behind + self.path, data=body, method=self.command)
                request.add_header("Content-Type", "application/json")
                with urllib.request.urlopen(request) as answer:
                    content = answer.read().replace(behind.encode(), outer.url.encode())
                self.send_response(200)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def guarded(items: Path) -> Iterator[Guarded]:
    with _api_server.running(items, latency_seconds=0.0) as url:
        door = Guarded(url.rstrip("/"))
        yield door
        door.close()


@pytest.mark.parametrize(("workers", "format"), [(1, "ndjson"), (2, "geoparquet")])
def test_a_token_that_expires_ends_the_run_and_the_next_goes_on(
    workers: int, format: str, guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process and in others, from which the answer of the server comes through a pipe."""
    monkeypatch.setenv("MY_TOKEN", f"Bearer {SECRET}")
    dest = tmp_path / "out"
    sink = Sink(
        {"source": guarded.url, "limit": 5, "retries": 0}, dest, format,
        header_variables={"Authorization": "MY_TOKEN"}, partition_items=10,
    )  # fmt: skip
    guarded.left = 12
    with pytest.raises(DataProcessingError, match="401") as caught:
        write(sink, workers=workers)
    assert re.search(r"partitions done.*\n  partition interval \((start|end) 2024-[-0-9]*T.*Z\): ", str(caught.value))
    guarded.left = 10**9
    manifest = write(replace(sink, config={**sink.config, "limit": 3, "timeout": 30}), workers=workers)
    assert (manifest.items, manifest.status) == (ITEMS, "complete")
    assert not verify(dest, unique=True).problems
    written = b"".join(path.read_bytes() for path in dest.rglob("*") if path.is_file())
    assert SECRET.encode() not in written + str(caught.value).encode()


def test_the_command_takes_tokens_from_the_environment_and_shows_them_nowhere(
    guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", f"Bearer {SECRET}")
    command = [sys.executable, "-m", "stac_manager", "ingest", f"{guarded.url}/?key=abc", tmp_path / "out"]
    done = subprocess.run(
        [*map(str, command), "--header", "Authorization=MY_TOKEN", "--workers", "2", "--partition-items", "10"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert SECRET.encode() not in written + done.stderr.encode()
    assert b"key=abc" not in written + done.stderr.encode()
    wrong = subprocess.run(
        [*map(str, command), "--header", f"Authorization={SECRET}"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert SECRET not in wrong.stderr


@pytest.mark.parametrize("format", ["ndjson", "geoparquet"])
def test_an_update_takes_what_is_newer_and_merges_it(format: str, items: Path, tmp_path: Path) -> None:
    dest = tmp_path / "out"
    with _api_server.running(items, latency_seconds=0.0) as url:
        first = write(Sink({"source": url}, dest, format, partition_items=10))
        port = int(url.rstrip("/").rsplit(":", 1)[1])
    changed = item_of_day(ITEMS - 1, title="changed")
    new = item_of_day(ITEMS, title="new")
    lines = [*items.read_text().splitlines()[:-1], json.dumps(changed), json.dumps(new)]
    items.write_text("\n".join(lines) + "\n")
    with _api_server.running(items, latency_seconds=0.0, options=("--port", str(port))) as url:
        said: list[str] = []
        second = write(Sink({"source": url}, dest, format, partition_items=10, update=True, say=said.append))
        third = write(Sink({"source": url}, dest, format, partition_items=10, update=True))
    assert "items edited in place are missed" in said[0]  # this server does not filter
    assert (first.items, second.items, third.items) == (ITEMS, ITEMS + 1, ITEMS + 1)
    found = verify(dest, unique=True)
    assert (found.items, found.problems) == (ITEMS + 1, ())
    if format == "ndjson":
        held = [json.loads(line) for path in dest.glob("*.ndjson") for line in path.read_text().splitlines()]
        assert sorted(each["properties"].get("title", "") for each in held)[-2:] == ["changed", "new"]
        assert sum(part["items"] for part in third.parts if "-" in part["file"]) <= 3


def test_a_time_in_the_future_does_not_tell_what_is_newer(items: Path, tmp_path: Path) -> None:
    """One item of the year 2999 would let every later update find nothing, and say that all is well."""
    base, future = write(Sink({"source": items}, tmp_path / "out")), Watermark(ITEMS, "2999-01-01T00:00:00Z")
    by_updated, by_datetime = conditions(base, {})
    assert by_updated is not None
    assert by_datetime == {"datetime": "2024-03-04T00:00:00Z/.."}
    assert "2024-03-04T00:00:00Z" in str(by_updated)
    began = replace(base, started="2024-03-03T12:00:00Z")
    assert "2024-03-03T11:00:00Z" in str(conditions(began, {})[0])
    assert conditions(began, {})[1] == by_datetime
    assert conditions(replace(base, started=None), {})[0] == by_updated
    assert conditions(replace(base, updated=future), {}) == (by_datetime, None)
    assert conditions(replace(base, datetime=future), {}) == (by_updated, None)
    assert conditions(replace(base, updated=future, datetime=future), {}) == (None, None)


@pytest.mark.parametrize(
    ("asked", "since"),
    [
        (None, "2024-03-04T00:00:00Z/.."),
        ("2024-01-01T00:00:00Z/..", "2024-03-04T00:00:00Z/.."),
        ("../2024-03-04T01:00:00+01:00", "2024-03-04T00:00:00Z/2024-03-04T01:00:00+01:00"),
        ("2024-03-04T00:00:00Z", "2024-03-04T00:00:00Z/2024-03-04T00:00:00Z"),
        ("2024-02-01T00:00:00Z/2024-03-03T23:59:59Z", "2024-02-01T00:00:00Z/2024-03-03T23:59:59Z"),
        ("2024-03-04T00:00:00.5Z/..", "2024-03-04T00:00:00.5Z/.."),
        ("2024-03-03T00:00:00Z", "2024-03-03T00:00:00Z"),
    ],
)
def test_an_update_by_datetime_asks_for_nothing_that_the_user_has_not(
    asked: str | None, since: str, items: Path, tmp_path: Path
) -> None:
    """A server that matches `start_datetime` to `end_datetime` finds items whose `datetime` lies outside."""
    options = {} if asked is None else {"datetime": asked}
    assert conditions(write(Sink({"source": items}, tmp_path / "out")), options)[1] == {"datetime": since}
    IngestConfig.parse({"source": "https://example.com", "datetime": since})


@pytest.mark.parametrize(
    ("ending", "since"), [("Z", "2024-03-04"), ("+00:00", "2024-03-04"), (".5z", "2024-03-04"), ("+01:00", None)]
)
def test_times_in_utc_tell_what_is_newer_however_they_say_so(ending: str, since: str | None, tmp_path: Path) -> None:
    times = [item_of_day(number)["properties"]["datetime"].replace("Z", ending) for number in (0, ITEMS - 1, 1)]
    lines = (json.dumps(make_item(time, properties={"datetime": time, "updated": time})) + "\n" for time in times)
    (tmp_path / "items.ndjson").write_text("".join(lines))
    found = conditions(write(Sink({"source": tmp_path / "items.ndjson"}, tmp_path / "out")), {})
    assert found[1] == (since and {"datetime": f"{since}T00:00:00Z/.."})


class FiltersByUpdated(Habit):
    """Heeds `updated >= TIME`, as servers with the Filter extension do."""

    def understood(self, conditions: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in conditions.items() if name != "filter" or "updated" not in str(value)}

    def found(self, ask: Ask, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        since = re.search(r"timestamp\W+([-\dT:]+Z)", str(ask.conditions.get("filter")))
        return [item for item in items if since is None or item["properties"]["updated"] >= since[1]]


async def test_an_update_takes_what_changed_after_the_run_had_read_it(tmp_path: Path) -> None:
    """While that went on: one that it read later was edited after the one that it had read before."""
    now = datetime.now(UTC)
    items = [item_of_day(number, updated=f"{now - timedelta(days=99):%Y-%m-%dT%H:%M:%SZ}") for number in range(ITEMS)]
    items[1]["properties"]["updated"] = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    world = World(items, [FiltersByUpdated()])
    async with running(world):
        sink = Sink({"source": world.url}, tmp_path / "out", update=True, partition_items=10)
        await asyncio.to_thread(write, sink)
        items[0] = item_of_day(0, title="edited", updated=f"{now - timedelta(seconds=60):%Y-%m-%dT%H:%M:%SZ}")
        world.searches.clear()
        world.asked.clear()
        assert (await asyncio.to_thread(write, sink)).items == ITEMS
        assert len(world.asked) < 20, "what has not changed for days is not read again"
    held = b"".join(path.read_bytes() for path in (tmp_path / "out").glob("*.ndjson"))
    assert (held.count(b'"edited"'), verify(tmp_path / "out", unique=True).problems) == (1, ())


async def test_an_update_that_would_ask_for_other_items_than_the_interrupted_one_is_begun_anew(tmp_path: Path) -> None:
    """Another version of this program began it, or what it follows was resumed meanwhile."""
    world = World([item_of_day(number) for number in range(9)], [FiltersByUpdated()])
    dest = tmp_path / "out"
    async with running(world):
        sink = Sink({"source": world.url}, dest, update=True)
        await asyncio.to_thread(write, sink)
        world.items += [item_of_day(number) for number in (9, 10)]
        world.searches.clear()

        def stop(progress: Progress) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await asyncio.to_thread(write, replace(sink, on_progress=stop))
        manifest = json.loads((dest / "_manifest.json").read_text())
        manifest["updated"]["latest"] = "2024-01-01T00:00:00Z"
        (dest / "_manifest.json").write_text(json.dumps(manifest))
        assert (await asyncio.to_thread(write, sink)).items == 11
    assert verify(dest, unique=True).problems == ()


class Withholds(Habit):
    """Counts an item that it does not give."""

    def page(self, world: World, ask: Ask, page: dict[str, Any]) -> None:
        page["features"] = [item for item in page["features"] if item["id"] != "item-010"]


async def test_what_several_updates_miss_is_said_once(tmp_path: Path) -> None:
    world = World([item_of_day(number, updated=None) for number in range(9)])
    async with running(world):
        sink = Sink({"source": world.url}, tmp_path / "out", update=True)
        assert (await asyncio.to_thread(write, sink)).status == "complete"
        world.items += [item_of_day(number, updated=None) for number in (9, 10)]
        world.searches.clear()
        world.habits = [Withholds()]
        for _ in range(3):  # the first asks from the last item of the run on, the others from that of the update on
            found = await asyncio.to_thread(write, sink)
        said = [f"1 of the {counted} items counted did not come" for counted in (3, 2)]
        assert (found.items, found.status) == (10, "incomplete")
        assert [each for each in found.problems if "counted" in each] == said
        assert len(set(found.problems)) == len(found.problems)


async def test_partitions_share_their_connections(tmp_path: Path) -> None:
    async with running(World([item_of_day(number) for number in range(ITEMS)])) as world:
        sink = Sink({"source": world.url, "limit": 5, "concurrency": 2}, tmp_path / "out", partition_items=10)
        assert len((await asyncio.to_thread(write, sink)).parts) >= 4
    assert len(world.clients) <= 2 + 2, "those of the plan, and those of all partitions"


def long_item(number: int) -> dict[str, Any]:
    """An item of which the sink reads a part. Every tenth can only be told apart by all that it holds."""
    item = item_of_day(number, count=2**60 + number)
    item["geometry"] = {"type": "Point", "coordinates": [number % 20, 10]}
    item["assets"] = {f"B{index}": {"href": f"https://example.com/{number}/{index}.tif"} for index in range(120)}
    if number % 10 == 0:
        del item["collection"]
        item["id"] = "the same"
    return item


@pytest.mark.parametrize("options", [{}, {"bbox": [4.5, 0, 12, 20]}, {"ids": ["item-007", "the same"]}], ids=str)
@pytest.mark.parametrize("habits", [[], [Ignores("bbox", "ids"), Window(30)]], ids=["", "ignores and has a window"])
async def test_parts_of_an_api_are_the_same_as_without_simdjson(
    habits: list[Habit], options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("simdjson")
    found = []
    as_text: list[Item] = []
    loads = TextItemReader.loads
    monkeypatch.setattr(
        TextItemReader,
        "loads",
        lambda *given: (type(item := loads(*given)) is TextItem and as_text.append(item)) or item,
    )
    async with running(World([long_item(number) for number in range(ITEMS)], habits)) as world:
        for name in ("as_text", "whole"):
            sink = Sink({"source": world.url, "limit": 7, **options}, tmp_path / name, partition_items=20)
            manifest = (await asyncio.to_thread(write, sink)).to_json()
            del manifest["finished"], manifest["started"]
            parts = {path.name: path.read_bytes() for path in sink.dest.glob("*.ndjson")}
            written = len(as_text)
            module = IngestModule(sink.config)
            lines = [text async for part in module.texts(WorkflowContext.create()) for text in part]
            assert list(map(json.loads, lines)) == [item async for item in module.fetch(WorkflowContext.create())]
            found.append((manifest, parts, lines))
            assert (len(as_text) > written > 0) is bool(as_text) is (name == "as_text")
            monkeypatch.setattr(text_items, "simdjson_module", lambda: None)
            as_text.clear()
    assert found[0] == found[1]
    assert found[0][0]["items"] >= len(options) + 1
