"""All endpoints behind one door, where a request waits, is counted, and may be refused."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from .aggregations import Aggregations
from .answers import error_answer, json_answer
from .catalog import Catalog
from .counters import Stats
from .documents import Documents
from .errors import SearchError
from .item_pages import ItemPages
from .options import Options
from .throttle import Throttle

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PASSED_ON = ("Allow", "Retry-After")
"""Headers of errors that reach the client."""


class Server:
    def __init__(self, catalog: Catalog, options: Options) -> None:
        self.catalog = catalog
        self.options = options
        self.stats = Stats()
        self.throttle = Throttle(options.throttle)
        self.random = random.Random(0)
        self.searches = 0

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self.answer], client_max_size=0)
        app.add_routes(Documents(self.catalog, self.options).routes())
        app.add_routes(ItemPages(self.catalog, self.options).routes())
        if self.options.aggregations:
            app.add_routes(Aggregations(self.catalog).routes())
        app.add_routes([web.get("/_stats", self.show_stats), web.post("/_stats/reset", self.reset_stats)])
        return app

    @web.middleware
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Wait for the latency, then answer; every error is a JSON document."""
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "(none)"
        if route.startswith("/_stats"):
            return await handler(request)
        with self.stats.request(f"{request.method} {route}"):
            refusal = self.throttle.refuses(time.monotonic())
            await request.read()  # now, so that a client that gives up during the wait is no error
            await asyncio.sleep(self.options.latency + self.random.uniform(0, self.options.jitter))
            try:
                if refusal:
                    raise refusal
                self._fail_now_and_then(route)
                response = await handler(request)
            except SearchError as error:
                response = error_answer(HTTPStatus.BAD_REQUEST, str(error))
            except web.HTTPException as error:
                response = error_answer(HTTPStatus(error.status), f"{request.method} {request.path}: {error.reason}")
                self.stats.refused += error.status == HTTPStatus.TOO_MANY_REQUESTS
                response.headers.update({name: error.headers[name] for name in PASSED_ON if name in error.headers})
            self.stats.bytes += response.content_length or 0
        return response

    def _fail_now_and_then(self, route: str) -> None:
        self.searches += route == "/search"
        if self.options.fail_every and route == "/search" and self.searches % self.options.fail_every == 0:
            raise web.HTTPInternalServerError(reason="every now and then, as I was told")

    async def show_stats(self, request: web.Request) -> web.Response:
        return json_answer(self.stats.as_json())

    async def reset_stats(self, request: web.Request) -> web.Response:
        self.stats.reset()
        self.throttle = Throttle(self.options.throttle)
        self.searches = 0
        return json_answer(self.stats.as_json())
