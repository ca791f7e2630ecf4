"""Levels that take turns on one server."""

import time
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from aiohttp import web
from servers.static_server import Documents, serving
from support import make_item

from tools.measuring import ad_hoc
from tools.measuring.schedule import Rules


def test_the_next_level_waits_after_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def once_refused(server: Documents, request: web.Request) -> web.Response:
        if server.asked[request.path] == 1:
            return web.Response(status=429, headers={"Retry-After": "0"})
        return web.Response(body=orjson.dumps(make_item("a")))

    slept: list[float] = []
    monkeypatch.setattr(ad_hoc, "time", SimpleNamespace(monotonic=time.monotonic, sleep=slept.append))
    with serving({"/a.json": once_refused}) as server:
        options: dict[str, Any] = {"mode": "file", "source": f"{server.url}/a.json"}
        report, _ = ad_hoc.measure(ad_hoc.Request("t", "s", options, (1, 2), Rules(repeat=2), warm_up=False))
    assert [level.usage and level.usage.refusals for level in report.data_sets[0].levels] == [0.5, 0.0]
    assert slept == [ad_hoc.REFUSED_SECONDS]
