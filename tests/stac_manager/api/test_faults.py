"""What each fault of a server leads to, over real sockets; `docs/api-faults.md` is the table of it.

Write the table anew:

    PYTHONPATH=tests/stac_manager:tests:. python -m api.test_faults
"""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from unittest import mock

from aiohttp import web
from support import ROOT, make_item

from stac_manager import ApiStats, DataProcessingError, IngestModule, WorkflowContext
from stac_manager.api import page_sizes
from stac_manager.network import backoff, bodies

from .adversary import Adversary

TABLE = Path("docs") / "api-faults.md"
LEVELS = (1, 5)
COUNT = 60
SECRET = "s3cret"
MEGABYTE = 1_048_576
ITEMS = [
    make_item(f"item-{n:02}", properties={"datetime": f"2024-05-{n // 24 + 1:02}T{n % 24:02}:30:00Z"})
    for n in range(COUNT)
]
QUICK = {
    (backoff, "RETRY_BASE_SECONDS"): 0.001,
    (backoff, "RETRY_CAP_SECONDS"): 0.01,
    (bodies, "MAX_RESPONSE_BYTES"): MEGABYTE,
}

SHORT_SECONDS = 0.5
"""Only where a time-out is what the fault is about: elsewhere a busy machine would turn up in the table."""

Handler = Callable[["Server", web.Request, int, web.Response], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """A well-behaved API, whose searches pass through a fault."""

    fault: Handler
    adversary: Adversary
    other: str = ""
    searches: int = 0
    secrets_elsewhere: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        reply = await self.adversary.reply_to(request)
        content_type = reply.headers.pop("Content-Type", "application/geo+json")
        answer = web.Response(body=reply.body, status=reply.status, headers=reply.headers, content_type=content_type)
        if request.path != "/search":
            return answer
        self.searches += 1
        return await self.fault(self, request, self.searches, answer)

    async def handle_elsewhere(self, request: web.Request) -> web.StreamResponse:
        self.secrets_elsewhere += SECRET in str(request.headers)
        reply = await self.adversary.reply_to(request)
        return web.Response(body=reply.body, status=reply.status, content_type="application/geo+json")


async def reset(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Every third search: the connection is reset."""
    if number % 3 == 0:
        assert request.transport is not None
        request.transport.abort()
    return answer


async def slow_once(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """The second search sends a byte now and then and never ends; later ones are answered."""
    return await _drip(request) if number == 2 else answer


async def slow(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Every search sends a byte now and then and never ends."""
    return await _drip(request)


async def _drip(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


async def truncated(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Every third search breaks off in the middle of the body."""
    if number % 3:
        return answer
    assert isinstance(answer.body, bytes)
    response = web.StreamResponse(headers={"Content-Length": str(len(answer.body))})
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


async def cut_gzip(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Every third search has a gzip body without its end."""
    assert isinstance(answer.body, bytes)
    packed = gzip.compress(answer.body)
    return web.Response(body=packed[:-9] if number % 3 == 0 else packed, headers={"Content-Encoding": "gzip"})


async def html(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Every search answers 200 and a login page in HTML."""
    return web.Response(text="<html>log in</html>", content_type="text/html")


async def plain(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Items come as text/plain."""
    return web.Response(body=answer.body, content_type="text/plain")


async def storm(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Three searches of four are refused with 429 and `Retry-After: 0`."""
    return web.Response(status=429, headers={"Retry-After": "0"}) if number % 4 else answer


async def refusal(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Every search is refused with 429."""
    return web.json_response({"description": "come back tomorrow"}, status=429)


async def every_third(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Every third search is answered with 500."""
    return web.Response(status=500) if number % 3 == 0 else answer


async def too_large(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Pages of more than four items are answered with 502."""
    assert isinstance(answer.body, bytes)
    return web.Response(status=502) if answer.body.count(b'"stac_version"') > 4 else answer


async def loop(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Every page links to the first one of its search as the next."""
    return web.Response(body=re.sub(rb'"skip":\d+', b'"skip":0', bytes(answer.body)))  # type: ignore[arg-type]


async def no_next(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """No page has a `next` link."""
    return web.Response(body=re.sub(rb'"rel":"next"', b'"rel":"later"', bytes(answer.body)))  # type: ignore[arg-type]


async def bomb(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """A gzip body of a few kilobytes unpacks to more bytes than the cap."""
    return web.Response(body=gzip.compress(b" " * (2 * MEGABYTE)), headers={"Content-Encoding": "gzip"})


async def off_host(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Every search is redirected (307) to another host, which has the items."""
    return web.Response(status=307, headers={"Location": f"{server.other}{request.raw_path[1:]}"})


async def scheme(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Every search is redirected to a `file:` address."""
    return web.Response(status=307, headers={"Location": "file:///etc/passwd"})


async def bad_request(server: Server, request: web.Request, number: int, answer: web.Response) -> web.StreamResponse:
    """Every search is refused with 400 and a message."""
    return web.json_response({"code": "BadRequest", "description": "bbox is required here"}, status=400)


FAULTS: dict[str, Handler | None] = {
    "refused": None,
    "reset": reset,
    "slow-loris, once": slow_once,
    "slow-loris": slow,
    "truncated": truncated,
    "truncated gzip": cut_gzip,
    "wrong content type": html,
    "wrong content type, right content": plain,
    "429 storm": storm,
    "429 for ever": refusal,
    "500 every third": every_third,
    "page too large": too_large,
    "next loop": loop,
    "no next": no_next,
    "gzip bomb": bomb,
    "redirect off host": off_host,
    "redirect off http": scheme,
    "400": bad_request,
}


@asynccontextmanager
async def serving(handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application(handler_args={"handler_cancellation": True})
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@contextmanager
def shortened(constants: dict[tuple[ModuleType, str], float]) -> Iterator[None]:
    with ExitStack() as stack:
        for (module, name), value in constants.items():
            stack.enter_context(mock.patch.object(module, name, value))
        yield


async def outcome(fault: Handler | None, concurrency: int) -> str:
    """Fetch through a fault, and say in words how that ended."""
    page_sizes.forget()
    server = Server(fault or plain, Adversary(ITEMS))
    async with serving(server.handle) as url, serving(server.handle_elsewhere) as other:
        server.other = other
        source = "http://127.0.0.1:9/" if fault is None else url
        timeout = {"timeout": SHORT_SECONDS} if fault in (slow, slow_once) else {}
        module = IngestModule(
            source=source, limit=10, concurrency=concurrency, headers={"Authorization": SECRET}, **timeout
        )
        ids: list[str] = []
        try:
            async for item in module.fetch(WorkflowContext.create()):
                ids.append(item["id"])  # noqa: PERF401 - what came before an error counts
            error = ""
        except DataProcessingError as caught:
            error = str(caught)
    stats = module.stats
    assert isinstance(stats, ApiStats)
    assert len(set(ids)) == len(ids), "an item came twice"
    assert SECRET not in error + str(stats)
    assert not server.secrets_elsewhere, "credentials went to another host"
    words = f"{len(ids)} of {COUNT} items" if ids or not error else "no item"
    words += f", after {'retries' if stats.retries else 'no retry'}"
    words += f": `{error}`" if error else f": {stats.completeness.status}"
    return re.sub(r"http://127\.0\.0\.1:\d+", "http://host", words).replace("|", "\\|")


async def rows(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        fault = FAULTS[name]
        says = (fault.__doc__ or "").strip() if fault else "Nothing listens at the address."
        outcomes = await asyncio.gather(*(outcome(fault, level) for level in LEVELS))
        shown = [*outcomes[:1], *("the same" if each == outcomes[0] else each for each in outcomes[1:])]
        found[name] = f"| {name} | {says} | {' | '.join(shown)} |"
    return found


async def table() -> str:
    levels = " | ".join("one request at a time" if level == 1 else f"{level} at once" for level in LEVELS)
    longest = "slow-loris"  # waits only: half of the time, if nothing were done beside
    with shortened(QUICK):
        waited, others = await asyncio.gather(rows([longest]), rows(name for name in FAULTS if name != longest))
    found = waited | others
    head = [f"| Fault | The server | {levels} |", "|---|---|" + "---|" * len(LEVELS)]
    return "\n".join([*head, *(found[name] for name in FAULTS)]) + "\n"


def committed_table() -> str:
    text = (ROOT / TABLE).read_text(encoding="utf-8")
    lines = text[text.index("| Fault |") :].splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith("|"))


async def test_each_fault_leads_to_what_the_documentation_says() -> None:
    assert await table() == committed_table()


def main() -> None:
    text = (ROOT / TABLE).read_text(encoding="utf-8")
    (ROOT / TABLE).write_text(text.replace(committed_table(), asyncio.run(table())), encoding="utf-8")


if __name__ == "__main__":
    main()
