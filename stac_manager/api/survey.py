"""What is asked before a search is read: how many items it has, at which times, and whether it can be cut."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeAlias

from stac_manager.api.endpoint import EXTENSIONS, Endpoint, find_endpoint
from stac_manager.api.forms import REFUSED_METHOD, REFUSED_SEARCH, another_form, found, one_by_one
from stac_manager.api.http import ATTEMPTS, Answer, Client
from stac_manager.api.ownership import Asked, has_null_datetime
from stac_manager.api.paging import Page, fetch_page, page_of
from stac_manager.api.query import HARDLY_ANYTHING, NOWHERE, Bounds, Query, in_vain
from stac_manager.api.requests import Request, limit_of, with_limit
from stac_manager.api.space import cut
from stac_manager.exceptions import DataProcessingError
from stac_manager.geojson import boxes_of, first_vertex
from stac_manager.network.bodies import RefusedBodyError
from stac_manager.network.retrying import TOO_LARGE, Fault
from stac_manager.plan import NoDatetime, NoGeometry, Tile, Whole
from stac_manager.run import owned_tasks
from stac_manager.timestamps import nanoseconds, seconds
from stac_manager.urls import shown

# Elasticsearch and stac-fastapi keep times as nanoseconds since 1970 in 64 bits, so that 2262 is the end.
FAR = nanoseconds(HARDLY_ANYTHING.partition("/")[0])
LATER, AT_SEA = {"datetime": HARDLY_ANYTHING}, {"bbox": list(NOWHERE)}
BEFORE_FAR_FUTURE = "../2200-01-01T00:00:00.000Z"
NO_COLLECTION = "no-such-collection-9b1c6f"
MOST_HALVES = 20  # so often the area of what fails is halved
MOST_COLLECTIONS = 20_000  # of so many the extent is looked at: the event loop waits meanwhile


_Answers: TypeAlias = tuple[Request, Answer | DataProcessingError, Page | None, Page | None, Answer | None]


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a search before it is cut."""

    query: Query  # without open intervals where the server refuses them
    page: Page  # the first one, or another one, without Items perhaps
    honours_datetime: bool  # whether the server was seen to leave items out when asked for other times
    reachable: int | None  # how many items a datetime filter without a beginning finds
    extent: tuple[float | None, float | None]  # the first and last second of the Collections concerned
    second_of_one: Request | None  # for the second page of a search with one item a page, as the server links to it
    failed: DataProcessingError | None = None  # why the first one cannot be had
    miscounts: bool = False  # whether the server counts all Items where it finds none: not those that are asked for


async def survey(
    client: Client, source: str, body: Mapping[str, Any], bounds: Bounds, endpoint: Endpoint | None = None
) -> Survey | Query:
    """Ask what is needed to cut a search, in the form in which the server takes it; that alone, if it has to be taken
    in parts. The path of a search is fixed by the specification (STAC API, item-search): everything is asked for
    together with the landing page, and again where that names another path."""
    guess = Query(endpoint or Endpoint.guess(source), body, bounds)
    async with owned_tasks() as tasks:
        early = tasks.create_task(_ask(client, guess))
        endpoint = endpoint or await find_endpoint(client, source, body.get("collections", ()))
        query = Query(endpoint, body, bounds)
        guessed = (endpoint.search, endpoint.post) == (guess.endpoint.search, guess.endpoint.post)
        if query.apart or not guessed:
            early.cancel()
    if query.apart:
        return query
    first, answer, probe, far, collections = early.result() if guessed else await _ask(client, query)
    said = query
    while isinstance(answer, DataProcessingError):
        of_an_item = probe is not None and may_be_an_item(answer, query)
        asked = query.request(Whole(), limit_of(first) or body["limit"])  # `first` lacks `fields`, if it was a guess
        if of_an_item or (other := await another_form(client, query, answer, Whole(), asked)) in (None, query):
            break
        query, said = other, other if answer.status == REFUSED_METHOD else said
        if query.apart or query.by_names(Whole(), query.request(Whole(), body["limit"])):
            return query
        first, answer, probe, far, collections = await _ask(client, query)
    page = page_of(answer, first) if isinstance(answer, Answer) else None
    if page is None or (page.size and not page.objects()):  # what is read of a damaged page comes on smaller ones
        try:
            page = await fetch_page(client, first, first)
        except DataProcessingError as error:
            known = may_be_an_item(error, query) and await around_first_page(client, query, error, collections)
            if known:
                return known
            if said is query:
                raise
            query, first = said, said.request(Whole(), body["limit"])  # what is said to a POST tells more
            page = await fetch_page(client, first, first)
    if (apart := await one_by_one(client, query, page)) is not None:
        return apart
    closed_only = "datetime" not in body and far is None and probe is not None
    return Survey(
        replace(query, bounds=query.bounds.closed) if closed_only else query,
        page,
        probe is not None and _leaves_out(probe, page.matched or 0),
        None if far is None else far.matched,
        _extent(collections),
        None if far is None else far.following,
        miscounts=probe is not None and not probe.size and 0 < (probe.matched or 0) == page.matched,
    )


def _leaves_out(probe: Page, counted: int) -> bool:
    """Whether hardly anything is found where that is asked for: fewer than in all, and no Item that is not meant."""
    fewer = probe.matched is not None and probe.matched < counted
    return not probe.size or (fewer and all(map(Asked(start=FAR).means, probe.objects())))


async def around_first_page(
    client: Client, query: Query, error: DataProcessingError, collections: Answer | None = None
) -> Survey | None:
    """What can be known of a search of which the first page cannot be had, as one Item may make each page that holds it
    an error; None where nothing is answered."""
    by_time, by_place = await _finds(client, query, LATER), await _finds(client, query, AT_SEA)
    if not by_time and not by_place:
        return None
    client.look_with(query.request(Whole(), 1, LATER if by_time else AT_SEA))
    first = query.request(Whole(), query.body["limit"])
    page = await _page_beside(client, query) if by_place else None
    page = page or Page(shown(first.url), 0, None, None, first, [])
    url = query.endpoint.collection(*query.body.get("collections", ())[:1])
    if collections is None and url is not None:
        collections = await client.ask(Request("GET", str(url)), attempts=1)
    return Survey(query, page, by_time, None, _extent(collections), None, error)


async def _page_beside(client: Client, query: Query) -> Page | None:
    """A page with Items of one half of the area, which fails as a whole, or of one half of a half that fails, and so
    on."""
    failing = [Tile(*box) for box in boxes_of(query.body.get("bbox"))]
    for tile in islice(failing, MOST_HALVES):  # which grows meanwhile
        for half in cut(tile, (), 2):
            page = await found(client, query, half, query.body["limit"], attempts=1)
            if page is not None and page.size:
                client.look_with(page.first)
                return replace(page, matched=None)
            failing += [half] if page is None else []
    return None


async def is_answered(client: Client, query: Query, error: DataProcessingError) -> bool:
    """Whether a search of which the first page cannot be had is answered where it finds hardly anything."""
    return may_be_an_item(error, query) and (await _finds(client, query, LATER) or await _finds(client, query, AT_SEA))


def may_be_an_item(error: DataProcessingError, query: Query) -> bool:
    """Whether a page may be damaged, or cannot be made, because of one item: not where nobody answers in time."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, Fault):
        cause = cause.__cause__
    refused = isinstance(error, RefusedBodyError) or "sortby" in query.body
    return not refused and error.status in (0, *TOO_LARGE) and cause is not None and cause.reached


async def _finds(client: Client, query: Query, where: Mapping[str, Any]) -> bool:
    """Whether the search is answered where it finds hardly anything."""
    asked = where is LATER or "intersects" not in query.body
    return asked and await found(client, query, Whole(), 1, where, attempts=1) is not None


async def _ask(client: Client, query: Query) -> _Answers:
    """Ask for the first page, as large as the server takes it, of which an error is returned; where there is hardly
    anything; before the far future; and for the Collections: None of each of these where it has no answer."""

    async def first_page() -> tuple[Request, Answer | DataProcessingError]:
        request = query.request(Whole(), query.body["limit"])
        while True:
            try:
                return request, await client.send(request, attempts=ATTEMPTS, outline=True)
            except DataProcessingError as error:
                limit = limit_of(request) or 1
                smaller = with_limit(request, limit // 2) if limit > 1 and client.is_for_size(error) else None
                if smaller is None:
                    return request, await _said_to_few(client, request, error)
                request = smaller

    def probe(interval: str) -> Coroutine[Any, Any, Page | None]:
        plain = interval if query.bounds.fractions else interval.replace(".000", "")
        return found(client, query, Whole(), others={"datetime": plain})

    async with owned_tasks() as tasks:
        first = tasks.create_task(first_page())
        hardly_anything = tasks.create_task(probe(HARDLY_ANYTHING))
        far = None if "datetime" in query.body else tasks.create_task(probe(BEFORE_FAR_FUTURE))
        url = query.endpoint.collection(*query.body.get("collections", ())[:1])
        listed = tasks.create_task(client.ask(Request("GET", str(url)))) if url else None
    request, answer = first.result()
    extents = listed.result() if listed else None
    return request, answer, hardly_anything.result(), far.result() if far else None, extents


async def _said_to_few(client: Client, request: Request, error: DataProcessingError) -> DataProcessingError:
    """Why a search for one item is refused, if it is, where the error of a large page hides that."""
    few = with_limit(request, 1) if error.status in TOO_LARGE else None
    try:
        if few is not None:
            await client.send(few, attempts=1)
    except DataProcessingError as other:
        return other if other.status in REFUSED_SEARCH else error
    return error


async def is_unknown(client: Client, endpoint: Endpoint, collection_id: str | None) -> bool:
    """Tell whether the server says that it has no such Collection: a search for one just finds nothing."""
    url = endpoint.collection(collection_id)
    if url is None or not collection_id:
        return False
    try:
        await client.send(Request("GET", str(url)), attempts=1)
    except DataProcessingError as error:
        return error.status == 404
    return False


async def heeds_collections(client: Client, query: Query) -> bool:
    """Ask whether a search for a Collection that cannot be there finds nothing, which is what it should find."""
    if query.endpoint.items_only:
        return True
    page = await found(client, query, Whole(), others={"collections": [NO_COLLECTION]})
    return page is None or not page.size  # a server that refuses it has told it from others


async def ignored(client: Client, query: Query) -> list[str]:
    """Name the conditions that the server offers and ignores: with one that no item can meet it finds something."""
    names, nowhere = [], Asked(bbox=NOWHERE)
    for name in ("filter", "query", "intersects"):
        if name in query.body and (name in query.endpoint.offers or name not in EXTENSIONS):
            page = await found(client, query, Whole(), others=in_vain(name, query.body[name]))
            members = page.objects() if page is not None else []
            if any(name in EXTENSIONS or not nowhere.means(member) for member in members):
                names.append(name)
    return names


async def null_datetime_search(client: Client, query: Query) -> Page | None:
    """Search for the items without a datetime (CQL2 `IS NULL`); None where the server cannot find them."""
    if "filter" not in query.endpoint.offers:
        return None
    page = await found(client, query, NoDatetime(), query.body["limit"])
    return page if page is not None and all(map(has_null_datetime, page.features())) else None


async def null_geometry_search(client: Client, query: Query) -> Page | None:
    """Search for the items without a geometry; None where the server cannot find them: what else it gives shows it."""
    if "filter" not in query.endpoint.offers:
        return None
    page = await found(client, query, NoGeometry())
    placed = page is not None and any(first_vertex(each.get("geometry")) for each in page.objects())
    return None if placed else page


def _extent(answer: Answer | None) -> tuple[float | None, float | None]:
    """The first and last second of the temporal extents of Collections; None where one is open or not to be read."""
    starts: list[float | None] = []
    ends: list[float | None] = []
    document = {"collections": []} if answer is None else answer.document
    listed = document.get("collections")
    for collection in listed[:MOST_COLLECTIONS] if isinstance(listed, list) else [document]:
        try:
            start, end = collection["extent"]["temporal"]["interval"][0]
        except (KeyError, IndexError, TypeError, ValueError):
            continue
        starts.append(seconds(start))
        ends.append(seconds(end))
    first = min((start for start in starts if start is not None), default=None)
    last = None if None in ends else max((end for end in ends if end is not None), default=None)
    return first, last
