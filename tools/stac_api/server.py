"""All endpoints behind one door, where a request waits, is counted, and may be refused."""

import contextlib
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus

from aiohttp import web

from .catalog import Catalog
from .endpoints import Endpoints, json_answer
from .items import Json
from .manners import Manners
from .options import Options
from .search import SearchError

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
        app.add_routes(Endpoints(self.catalog, self.options).routes())
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
            return _error(HTTPStatus.BAD_REQUEST, str(error))
        except web.HTTPException as error:
            response = _error(HTTPStatus(error.status), f"{request.method} {request.path}: {error.reason}")
            self.stats.refused += error.status == HTTPStatus.TOO_MANY_REQUESTS
            response.headers.update({name: error.headers[name] for name in PASSED_ON if name in error.headers})
            return response

    async def show_stats(self, request: web.Request) -> web.Response:
        return json_answer(self.stats.as_json())

    async def reset_stats(self, request: web.Request) -> web.Response:
        self.stats.reset()
        self.manners = Manners(self.options)
        return json_answer(self.stats.as_json())


def _error(status: HTTPStatus, description: str) -> web.Response:
    document = {"code": status.phrase.title().replace(" ", ""), "description": description}
    return json_answer(document, status=status)


class Stats:
    """What was served since the start or the last reset."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        self.requests: Counter[str] = Counter()
        self.refused = 0
        self.peak_in_flight = self.in_flight

    @contextlib.contextmanager
    def request(self, route: str) -> Iterator[None]:
        self.requests[route] += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1

    def as_json(self) -> Json:
        return {
            "requests": self.requests.total(),
            "requests_by_route": dict(self.requests),
            "refused": self.refused,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
        }
