"""All endpoints behind one door, where a request waits, is counted, and may be refused."""

import re
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
from .manners import Manners
from .options import Options

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LIMIT_OF_ONE = re.compile(rb'"limit"\s*:\s*1\s*[,}]')
PASSED_ON = ("Allow", "Retry-After")
"""Headers of errors that reach the client."""
QUICKLY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.GATEWAY_TIMEOUT)
"""What a gateway answers by itself."""


class Server:
    def __init__(self, catalog: Catalog, options: Options) -> None:
        self.catalog = catalog
        self.options = options
        self.stats = Stats()
        self.manners = Manners(options)

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
            await request.read()  # now, so that a client that gives up during the wait is no error
            response = await self._answer(request, handler, route)
            one = request.query.get("limit") == "1" or bool(LIMIT_OF_ONE.search(await request.read()))
            instant = response.status in QUICKLY or route != "/search" or one
            await self.manners.wait(page_bytes=response.content_length or 0, instant=instant)
            self.stats.bytes += response.content_length or 0
        return response

    async def _answer(self, request: web.Request, handler: Handler, route: str) -> web.StreamResponse:
        """Make the answer that is sent after a while."""
        now = time.monotonic()
        try:
            refusal = self.manners.refusal(now) or (self.manners.fault(now) if route == "/search" else None)
            if refusal:
                raise refusal
            return await handler(request)
        except SearchError as error:
            return error_answer(HTTPStatus.BAD_REQUEST, str(error))
        except web.HTTPException as error:
            response = error_answer(HTTPStatus(error.status), f"{request.method} {request.path}: {error.reason}")
            self.stats.refused += error.status == HTTPStatus.TOO_MANY_REQUESTS
            response.headers.update({name: error.headers[name] for name in PASSED_ON if name in error.headers})
            return response

    async def show_stats(self, request: web.Request) -> web.Response:
        return json_answer(self.stats.as_json())

    async def reset_stats(self, request: web.Request) -> web.Response:
        self.stats.reset()
        self.manners = Manners(self.options)
        return json_answer(self.stats.as_json())
