"""Requests to a STAC API, as JSON documents: what an answer is, and which faults may pass. `network` carries them."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any, Self

from yarl import URL

from stac_manager.api.features import Outline, document_of
from stac_manager.api.requests import Request, with_limit
from stac_manager.exceptions import DataProcessingError, StatusError
from stac_manager.limiter import Limiter
from stac_manager.network import messages
from stac_manager.network.backoff import may_pass
from stac_manager.network.bodies import RefusedBodyError
from stac_manager.network.carrier import Carrier
from stac_manager.network.connection import Connection
from stac_manager.network.credentials import Credentials
from stac_manager.network.exchange import Reply, Wire
from stac_manager.network.pool import Pool
from stac_manager.network.redaction import redact
from stac_manager.network.retrying import Fault, SearchEndsError, TooLargeError
from stac_manager.network.secrets import Secrets, of_query, redacted
from stac_manager.network.unreached import PROXY_DENIED
from stac_manager.options import Headers
from stac_manager.stats import ApiStats
from stac_manager.urls import shown

# Questions that only make things faster are not worth long retries.
ATTEMPTS = 3
NO_ITEMS = b'{"type": "FeatureCollection"}'
QUERY_HINT = " (without the query of the source, which only its landing page gets: give a key in headers)"
# The last page of a partition is shorter: it says something of the server while it is at least half a page.
LEAST_SHARE_OF_A_FULL_PAGE = 0.5
# The most requests of a search, retries included, and for each item that came: every page of it could be asked for ten
# times with one item a page.
REQUESTS_A_SEARCH, REQUESTS_AN_ITEM = 10_000, 10


@dataclass(frozen=True, slots=True)
class Answer:
    """The parsed document, and the address it came from after redirects."""

    url: URL
    document: dict[str, Any]
    size_bytes: int
    outline: Outline | None = None  # where the features are not parsed yet: `document` is every other member
    link: str = ""  # the header

    @property
    def size(self) -> int:
        """How many members an item collection has; 0 of anything else."""
        if self.outline is not None:
            return self.outline.count
        features = self.document.get("features")
        return len(features) if isinstance(features, list) else 0

    @property
    def links(self) -> list[dict[str, Any]]:
        """Its links, as far as they are any: a list, or addresses or links by their relation (HAL, JSON:API)."""
        found: list[Any] = []
        for links in map(self.document.get, ("links", "_links")):
            if isinstance(links, dict):
                as_links = ((name, to if isinstance(to, dict) else {"href": to}) for name, to in links.items())
                links = [{"rel": name.lstrip("_"), **link} for name, link in as_links]
            found += links if isinstance(links, list) else []
        return [link for link in found if isinstance(link, dict)]


class Client:
    """A session with one server. `headers` are sent to the origin of `root` and nowhere else."""

    def __init__(
        self,
        root: str,
        headers: Headers,
        stats: ApiStats,
        limiter: Limiter,
        connection: Connection,
        pool: Pool | None,
        let_in: set[URL] | None = None,
    ) -> None:
        self._source, self._stats = URL(root), stats
        credentials = Credentials(headers, lambda given: connection.credentials(self._source, given), of_query(root))
        self._carrier = Carrier(connection, limiter, stats)
        self.wire = Wire(self._source, credentials, connection, stats, limiter, pool, self._carrier.turn)
        self._let_in = set[URL]() if let_in is None else let_in  # below which places items were had
        self._latest: URL | None = None  # where they were had last
        self.posted = False  # whether some were had by POST
        self.sample: Request | None = None  # a small request that was answered
        self.blamed = "limit"  # what refusals say of pages that are too large; empty where they do not

    @property
    def faults_pass(self) -> bool:
        """Whether a request that the server failed to answer was answered when it was sent again."""
        return self._carrier.faults_pass

    async def __aenter__(self) -> Self:
        await self.wire.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.wire.__aexit__(*error)

    async def send(
        self,
        request: Request,
        *,
        attempts: int | None = None,
        shrinkable: int = 0,
        outline: bool = False,
        full: int | None = None,
    ) -> Answer:
        """Send one request, again where the fault may be passing, and parse the answer.

        Args:
            attempts: How often it is sent at most, within what `retries` allows; refusals (429, 503) while others get
                through are not counted.
            shrinkable: Raise `TooLargeError` after so many attempts, for the caller to ask for less; never for 0.
            outline: Leave the items undecoded where the rest can be read without them.
            full: The size of a full page, where this asks for one: only such answers say what level is good.

        Raises:
            StatusError: If the server answers with an error status; carries the server's own message.
            TooLargeError: If a smaller page may work. Only with `shrinkable`.
            DataProcessingError: If the server cannot be reached, or answers no JSON object.
        """
        tries = self._carrier.tries(attempts, shrinkable=shrinkable, link=request.given_by is not None)
        try:
            answer = await self._carrier.carry(lambda: self._sent(request, outline=outline, full=full), tries)
        except Fault as fault:
            raise StatusError(str(fault), fault.status) if fault.status else DataProcessingError(str(fault)) from fault
        except StatusError as error:
            if shrinkable and self.is_for_size(error):
                self._stats.retries += 1
                raise TooLargeError(str(error)) from error
            raise
        if answer.size:
            self._let_in.add(answer.url.parent)
            self._latest = answer.url.with_query(None)
            self.posted |= request.method == "POST"
            if not self._carrier.knows:
                self.look_with(request)
        return answer

    def is_for_size(self, error: DataProcessingError) -> bool:
        """Whether the server refuses a page for its size, as far as its words tell."""
        return error.status == 413 or messages.blames(error, self.blamed)

    def look_with(self, request: Request) -> None:
        """Take the request for a page that came for one that shows whether the server is there."""
        if (sample := with_limit(request, 1)) is not None:
            self.sample = sample
            self._carrier.look_with(lambda: self._sent(sample))

    async def is_there(self) -> bool:
        """Whether the server answers what it answered before, on a new connection where it closes one after an error
        (uvicorn): then it is a page that it cannot make."""
        return self.sample is not None and await self.ask(self.sample, attempts=2) is not None

    async def ask(self, request: Request, *, attempts: int = ATTEMPTS) -> Answer | None:
        """Send what can be done without; None where there is no answer."""
        try:
            return await self.send(request, attempts=attempts)
        except DataProcessingError:
            return None

    async def _sent(self, request: Request, *, outline: bool = False, full: int | None = None) -> Answer:
        """Send it once. An error that repeats what is not to be shown is made to say nothing."""
        requests = self._stats.requests
        if requests >= REQUESTS_A_SEARCH + REQUESTS_AN_ITEM * self._stats.completeness.items:
            raise SearchEndsError(f"the search ends after {requests} requests, which is far more than its items need")
        try:
            place, reply, redirected = await self.wire.follow(request, let_in=self._carrier.knows)
            if reply.status >= 300:
                raise self._refusal(request, place, reply, redirected=redirected)
            return await self._answer(place, reply, outline, full, of_source=request.url == str(self._source))
        except (Fault, DataProcessingError) as error:
            redact(error, self.wire.credentials.hidden, f"{request.method} {shown(request.url)}: {messages.LEFT_OUT}")
            raise

    async def _answer(self, place: str, reply: Reply, outline: bool, full: int | None, *, of_source: bool) -> Answer:
        started = perf_counter()
        try:
            answer = await _parsed(place, reply, outline, self.wire.credentials.secrets)
        except Fault as fault:
            if fault.kind != "web page" or self._carrier.answered or not of_source:
                fault.digest *= not (fault.kind == "web page" and self._carrier.knows)  # as the gateway's, it passes
                raise
            # What is there is no API: the address is wrong.
            raise DataProcessingError(f"{fault}; the source must be the landing page of a STAC API") from None
        finally:
            self._stats.seconds_decoding += perf_counter() - started
        informs = full and answer.size >= LEAST_SHARE_OF_A_FULL_PAGE * full
        self.wire.answered("page" if informs else "other", reply)
        return answer

    def _refusal(self, request: Request, place: str, reply: Reply, *, redirected: bool) -> Fault | StatusError:
        """Say what an error status means, and whether it may pass."""
        status = reply.status
        if status == 407:
            return StatusError(f"{place}: {PROXY_DENIED}", status)
        # One who was let in there is not forbidden to go on (firewalls say so of too many requests), nor sent away.
        let_in = status == 403 and reply.own and reply.url.parent in self._let_in
        if status in messages.DENIED and self._source.raw_query_string not in reply.url.raw_query_string:
            place += QUERY_HINT
        secrets = self.wire.credentials.secrets if reply.own else ()
        words = f"{place}: the server answered {messages.of_error(status, reply.body, secrets)}"
        of_amazon = status == 403 and "x-amzn-RequestId" in reply.headers
        throttled = let_in or (of_amazon and messages.server_message(reply.body) == "Forbidden")
        if throttled:
            self.wire.refused(reply)
        sent_away = redirected and self._carrier.knows and reply.url.with_query(None) != self._latest
        if may_pass(status) or throttled or sent_away:
            return Fault(words, "status", status=status, refused=throttled, retry_after=reply.retry_after)
        if status == 403 and reply.own and self._carrier.answered and request.method == "GET":  # POST is sent as GET
            return Fault(words, "status", status=status, digest=status)  # the same once more is no stray one
        return StatusError(words, status)


async def _parsed(place: str, reply: Reply, outline: bool, secrets: tuple[Secrets, ...]) -> Answer:
    data, content_type = NO_ITEMS if reply.status == 204 else reply.body, reply.headers.get("Content-Type", "")
    try:
        document = await document_of(data, content_type, outline=outline)
    except RefusedBodyError as error:
        raise RefusedBodyError(f"{place}: {error}") from None
    except ValueError as error:
        if content_type.startswith("text/html"):
            raise Fault(f"{place}: the answer is a web page, not JSON", "web page", digest=hash(data)) from None
        if not data.strip():
            raise Fault(f"{place}: the answer is not JSON: it is empty", "nothing", digest=1) from None
        reason = str(getattr(error, "msg", None) or error)[:100]
        broke_off = data.lstrip()[:1] == b"{" and data.rstrip()[-1:] != b"}"  # which may pass, also twice
        digest = 0 if broke_off else hash(data)
        raise Fault(f"{place}: the answer is not JSON: {reason}", "garbled", digest=digest) from None
    if isinstance(document, Outline):
        return Answer(reply.url, document.members, len(data), document, reply.link)
    if not document:
        raise Fault(f"{place}: the answer is empty", "nothing", digest=1)
    if not isinstance(document, dict):
        raise Fault(f"{place}: the answer is not a JSON object", "garbled", digest=hash(data))
    if errors := messages.errors_in(document):
        said = redacted(secrets, errors, messages.LEFT_OUT)
        raise Fault(f"{place}: the server answered 200 with errors: {said}", "status", status=500)
    return Answer(reply.url, document, len(data), link=reply.link)
