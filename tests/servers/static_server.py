"""A server of static documents, with the habits of real ones: it waits, fails, redirects, knows no ranges."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from aiohttp import web

Answer: TypeAlias = bytes | Callable[["Documents", web.Request], web.StreamResponse]


class Documents:
    """What a server gives, and what it was asked.

    Attributes:
        answers: Bytes, or a function of the request, by path.
        latency: Seconds before each answer.
        together: The first answers below the entry point wait until so many are asked for at one time.
        ranges: Whether parts of documents are given.
        asked: How often each path was asked for.
        headers: The headers of every request, with its path.
        peak: The most requests at one time.
    """

    def __init__(
        self, answers: Mapping[str, Answer], *, latency: float = 0.0, ranges: bool = True, together: int = 0
    ) -> None:
        self.answers = dict(answers)
        self.latency = latency
        self.together = together
        self._met = asyncio.Event()
        self.ranges = ranges
        self.asked: Counter[str] = Counter()
        self.headers: list[tuple[str, dict[str, str]]] = []
        self.peak = self.in_flight = 0
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked[path] += 1
        self.headers.append((path, dict(request.headers)))
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            if self.in_flight >= self.together:
                self._met.set()
            if path != "/catalog.json":
                await asyncio.wait_for(self._met.wait(), 60)
            await asyncio.sleep(self.latency)
        finally:
            self.in_flight -= 1
        answer = self.answers.get(path)
        if answer is None:
            return web.Response(status=404)
        if callable(answer):
            return answer(self, request)
        asked = request.headers.get("Range") if self.ranges else None
        if asked is None:
            return web.Response(body=answer, headers={"Accept-Ranges": "bytes"} if self.ranges else {})
        first, last = (int(end) for end in asked.removeprefix("bytes=").split("-"))
        part = answer[first : last + 1]
        where = f"bytes {first}-{first + len(part) - 1}/{len(answer)}"
        return web.Response(status=206, body=part, headers={"Content-Range": where})


@contextmanager
def serving(answers: Mapping[str, Answer], **options: Any) -> Iterator[Documents]:
    """Serve documents on a free port of this machine, from a thread of its own."""
    documents = Documents(answers, **options)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/{path:.*}", documents.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        documents.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield documents
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
