"""API mode against a server of other people: `rustac serve`, loaded with real items."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import REAL_ITEMS, fetch, ids, make_item

STARTUP_SECONDS = 30


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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    program = Path(sys.executable).with_name("rustac")
    command = [program, "serve", path, "-a", address, "--create-collections"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) as server:
        try:
            _wait_for(f"http://{address}/")
            yield f"http://{address}/", [json.loads(line)["id"] for line in path.read_text().splitlines()]
        finally:
            server.terminate()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=STARTUP_SECONDS):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


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
