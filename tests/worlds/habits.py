"""What servers do in their own way: one small class a habit."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections import deque
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from .server import FAR, Ask, Habit, Json, Refusal, World, flat, moment_of, newest_first, span_of


class CachedLandingPage(Habit):
    """Documents and `limit=1` come at once, full pages take a while, with a long tail."""

    def __init__(self, median: float = 0.004) -> None:
        self.median, self.random = median, random.Random(1)

    async def arrives(self, ask: Ask) -> None:
        if ask.limit > 1:
            await asyncio.sleep(self.median * self.random.lognormvariate(0.0, 0.8))


class Outage(Habit):
    """From one request on, for some seconds, all are answered with a 504, or with another status and document; until a
    client looks whether it is over, by what was answered before, however slow that client is."""

    said: Json | str = {"message": "Endpoint request timed out"}  # noqa: RUF012

    def __init__(self, after: int, seconds: float, status: int = 504, said: Json | str = said) -> None:
        self.after, self.seconds, self.status, self.said = after, seconds, status, said
        self.ends: float | None = None
        self.answered: set[str] = set()
        self.looked = False

    async def arrives(self, ask: Ask) -> None:
        now, asked = time.monotonic(), str({**ask.conditions, "limit": None})
        if ask.number >= self.after and self.ends is None:
            self.ends = now + self.seconds
        if self.ends is not None and (now < self.ends or not self.looked):
            self.looked |= asked in self.answered
            raise Refusal(self.status, self.said)
        self.answered.add(asked)


class PoisonedItem(Habit):
    """Every page that holds one of some items is a 500."""

    def __init__(self, *item_ids: str) -> None:
        self.lost = frozenset(item_ids)

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if any(item["id"] in self.lost for item in page["features"]):
            raise Refusal(500, {"description": "Internal server error"})


class LeavesOut(PoisonedItem):
    """Or there without it."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        page["features"] = [item for item in page["features"] if item["id"] not in self.lost]


class NullItem(PoisonedItem):
    """Or null in its place."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        page["features"] = [None if item["id"] in self.lost else item for item in page["features"]]


class GarbledItem(PoisonedItem):
    """Or no JSON."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        pass

    def body(self, ask: Ask, body: bytes) -> bytes:
        for item_id in self.lost:
            body = body.replace(b'"id": "%b"' % item_id.encode(), b'"id": tru')
        return body


class NextLink(Habit):
    """Something is wrong with the `next` links: see the names of the methods."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    async def arrives(self, ask: Ask) -> None:
        token = ask.conditions.get("token")
        if self.kind == "refused_after_null" and token and str(FAR.total_seconds()) in token:
            raise Refusal(400, {"description": "invalid token: datetime is null"})
        if self.kind == "counts_elsewhere" and "other" in ask.path:
            raise Refusal(404, {"description": "no such Collection"})
        if self.kind == "is_forbidden" and "bucket" in ask.path:
            raise Refusal(403, {"Code": "AccessDenied"})
        if self.kind == "too_long" and ask.method == "GET" and len(urlencode(flat(ask.conditions))) > 2_000:
            raise Refusal(414, {"message": "Request-URI Too Long"})

    def page(self, world: World, ask: Ask, page: Json) -> None:
        for link in page["links"]:
            if self.kind == "is_forbidden":
                link["href"] = link["href"].replace("/search", "/collections/bucket/items")
            elif self.kind == "leads_nowhere":
                link["href"] = link["href"].replace("/search", "/internal/search")
            elif self.kind == "another_host":
                link["href"] = link["href"].replace(world.url, "http://127.0.0.1:9/")
            elif self.kind == "lost_condition" and "body" in link:
                link["body"] = {name: value for name, value in link["body"].items() if name in ("limit", "token")}
            elif self.kind == "lost_condition":
                link["href"] = re.sub(r"(?<=[?&])(datetime|collections)=[^&]*&?", "", link["href"])
            elif self.kind == "lost_all_but_the_token" and "body" in link:
                link["body"] = {"token": link["body"]["token"]}
            elif self.kind == "lost_sort" and "body" in link:
                link["body"] = {name: value for name, value in link["body"].items() if name != "sortby"}
            elif self.kind == "written_raw":
                link["href"] = unquote_plus(link["href"])
            elif self.kind == "several_relations":
                link["rel"] = ["Next"]
            elif self.kind == "body_as_text":
                link["body"] = json.dumps(link["body"])
            elif self.kind == "by_relation":
                page["_links"] = {"_self": world.url, "_next": link}
                page["links"] = [{"rel": "self", "href": world.url}]
            elif self.kind == "no_address":
                link["href"] = {"url": link["href"]}
            elif self.kind == "absent":
                page["links"] = [{"rel": "self", "href": world.url}]
            elif self.kind == "escaped_as_html":
                link["href"] = link["href"].replace("&", "&amp;")
            elif self.kind == "asks_for_more" and "body" in link:  # GEODES
                link["body"]["limit"] = ask.limit + 1
            elif self.kind == "too_long" and "body" in link:  # the whole search, as CMR-STAC gives it
                page["links"] = [{"rel": "next", "href": f"{world.url}search?{urlencode(flat(link['body']))}"}]
            elif self.kind == "merged" and "body" in link:
                link |= {"merge": True, "body": {world.paging: link["body"][world.paging]}}
            elif self.kind == "merged_with_nulls":
                body = {world.paging: link["body"][world.paging], "datetime": None, "sortby": None}
                link |= {"merge": True, "body": body}
            elif self.kind in ("counts_only", "counts_elsewhere"):  # by GET, though the search was POST (pycsw)
                number = {**ask.conditions, **link.get("body", {}), **_query(link)}[world.paging]
                place = world.url + ("search" if self.kind == "counts_only" else "collections/other/items")
                page["links"] = [{"rel": "next", "href": f"{place}?{world.paging}={number}&limit={ask.limit}"}]
            elif self.kind == "one_a_format":
                page["links"] = [{"rel": "next", "type": "text/html", "href": world.url}, *page["links"]]
                break
            elif self.kind == "one_a_method":
                page["links"] = [{"rel": "next", "href": f"{world.url}search?token=of-another-search"}, *page["links"]]
                break
            elif self.kind == "same_page_again" and "token" in ask.conditions:
                link["body"]["token"] = ask.conditions["token"]
                link["body"]["again"] = ask.number


def _query(link: Json) -> Json:
    return dict(parse_qsl(link["href"].partition("?")[2]))


class OlderAnswers(Habit):
    """The number of items and a token of the next page are in a member of the document (STAC API 0.8 and 0.9)."""

    def __init__(self, member: str, count: str, *, tokens: bool = True) -> None:
        self.member, self.count, self.tokens = member, count, tokens

    async def arrives(self, ask: Ask) -> None:
        if "next" in ask.conditions:
            ask.conditions["token"] = ask.conditions.pop("next")

    def page(self, world: World, ask: Ask, page: Json) -> None:
        last = json.dumps(newest_first(page["features"][-1])) if page["features"] else ""
        token = last if page["links"] and self.tokens else None
        page["links"] = [] if self.tokens else page["links"]
        page[self.member] = {"next": token, self.count: page.pop("numberMatched", None)}


class CollectionsInTurn(Habit):
    """One Collection after another, each with offsets of its own; links drop those that were read
    (stac-fastapi-geoparquet, which also ends a page early: once it holds what was left before the last Collection)."""

    def __init__(self, *, early: bool = False) -> None:
        self.early = early

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        left = ask.conditions.get("collections") or sorted({item["collection"] for item in items})
        offset, self.page_items, self.following = ask.conditions.get("offset", 0), list[Json](), {}
        for number, name in enumerate(left):
            own = [item for item in items if item["collection"] == name]
            room = ask.limit - len(self.page_items)
            some = own[offset:][:room]
            self.page_items += some
            if self.early and room <= len(self.page_items) < ask.limit:
                break
            if len(self.page_items) == ask.limit:
                self.following = {"collections": left[number:], "offset": offset + len(some)}
                break
            offset = 0
        return items

    def page(self, world: World, ask: Ask, page: Json) -> None:
        following = {**ask.conditions, **self.following}
        link = {"rel": "next", "method": "POST", "href": f"{world.url}search", "body": following}
        page |= {"features": self.page_items, "links": [link] if self.following else []}


class NextOnTheLastPage(Habit):
    """Every page with items has a `next` link (stac-server)."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if page["features"] and not page["links"]:
            body = {**ask.conditions, "token": f"p{10**6}"}
            page["links"] = [{"rel": "next", "method": "POST", "href": f"{world.url}search", "body": body}]


class OneCollectionAtOnce(Habit):
    """A search in several Collections is refused (eodag, Sentinel Hub)."""

    async def arrives(self, ask: Ask) -> None:
        if len(ask.conditions.get("collections", ())) > 1:
            raise Refusal(400, {"description": "collections: must contain exactly one element"})


class NeedsCollections(Habit):
    """A search without Collections is refused, and one with too many (CMR-STAC, eodag)."""

    def __init__(self, most: int = 10, status: int = 400) -> None:
        self.most, self.status = most, status

    async def arrives(self, ask: Ask) -> None:
        if not 1 <= len(ask.conditions.get("collections", ())) <= self.most:
            raise Refusal(self.status, {"description": f"1 to {self.most} Collections are required"})


class FirstCollectionOnly(Habit):
    """Of several Collections only the first is searched (eodag)."""

    def understood(self, conditions: Json) -> Json:
        first = {"collections": conditions["collections"][:1]} if "collections" in conditions else {}
        return {**conditions, **first}


class HeavyItem(Habit):
    """A page of more than some items is a 500 where it holds one of them; and so is every page beyond a number of items
    (the result window of Elasticsearch)."""

    def __init__(self, item_id: str = "", most: int = 4, window: int = 10**6) -> None:
        self.item_id, self.most, self.window = item_id, most, window

    def page(self, world: World, ask: Ask, page: Json) -> None:
        heavy = ask.limit > self.most and any(item["id"] == self.item_id for item in page["features"])
        if heavy or (int(ask.conditions.get("page", 0)) + 1) * ask.limit > self.window:
            raise Refusal(500, {"message": "Internal Server Error"})


class NextAfterFullPages(Habit):
    """Every full page has a `next` link (rustac)."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if len(page["features"]) == ask.limit and not page["links"]:
            body = {**ask.conditions, "offset": ask.conditions.get("offset", 0) + ask.limit}
            page["links"] = [{"rel": "next", "method": "POST", "href": f"{world.url}search", "body": body}]


class NoContentBeyondTheEnd(NextOnTheLastPage):
    """Every page has a `next` link, and behind the last there is a 204."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if not page["features"]:
            raise Refusal(204)
        super().page(world, ask, page)


class RefusesBeyondTheEnd(NextOnTheLastPage):
    """Every page has a `next` link, and that of the last page is refused."""

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        if int(ask.conditions.get("token", "p0")[1:]) > max(len(items) - 1, 0):
            raise Refusal(404, {"detail": "Invalid page."})
        return items


class ErrorsBeyondTheEnd(NextOnTheLastPage):
    """Every page has a `next` link, and what is behind the last one is a 500, or an answer without a body."""

    def __init__(self, *, empty: bool = False) -> None:
        self.empty = empty

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if not (page["features"] or self.empty) and "offset" in ask.conditions:
            raise Refusal(500, {"detail": "list index out of range"})
        if not page["links"]:
            body = {**ask.conditions, "offset": ask.conditions.get("offset", 0) + ask.limit}
            page["links"] = [{"rel": "next", "method": "POST", "href": f"{world.url}search", "body": body}]

    def body(self, ask: Ask, body: bytes) -> bytes:
        behind = self.empty and "offset" in ask.conditions and not json.loads(body)["features"]
        return b"" if behind else body


class IndexedTwice(Habit):
    """Some items are there twice, and counted twice: next to each other, or `apart`, on other pages."""

    def __init__(self, *, apart: bool) -> None:
        self.apart = apart

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        again = [item for item in items[:60] if item["id"].endswith("3")]
        if self.apart:
            return [*items, *again]
        return [each for item in items for each in ([item, item] if item in again else [item])]


class LastPageForEver(Habit):
    """There is no end: the last page leads to itself, as an empty one does, or a later one, which is the last one
    again."""

    def __init__(self, *, later: bool) -> None:
        self.later = later

    async def arrives(self, ask: Ask) -> None:
        self.asked = ask.conditions

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        if self.later:
            last = max(len(items) - 1, 0) // ask.limit * ask.limit
            ask.conditions = {**ask.conditions, "offset": min(ask.conditions.get("offset", 0), last)}
        return items

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if not page["links"] and (page["features"] or not self.later):
            following = self.asked.get("offset", 0) + ask.limit
            body = {**self.asked, "offset": following} if self.later else self.asked
            page["links"] = [{"rel": "next", "method": "POST", "href": f"{world.url}search", "body": body}]


class ErrorsAfterTheLastPage(LastPageForEver):
    """Or it comes twice, and then only errors."""

    async def arrives(self, ask: Ask) -> None:
        await super().arrives(ask)
        if ask.conditions.get("offset", 0) > 120:
            raise Refusal(500, {"detail": "list index out of range"})


class LinksLapse(Habit):
    """A link is good while the next few requests come, and until one of a number (a server that starts once more)."""

    def __init__(self, requests: int = 10**6, restart: int = 0, status: int = 403) -> None:
        self.requests, self.restart, self.status = requests, restart, status

    async def arrives(self, ask: Ask) -> None:
        given = int(ask.conditions.pop("given", ask.number))
        if ask.number - given > self.requests or given < self.restart <= ask.number:
            raise Refusal(self.status, {"description": "the link has expired"})

    def page(self, world: World, ask: Ask, page: Json) -> None:
        for link in page["links"]:
            link["body"]["given"] = ask.number


class LinksFail(Habit):
    """What a `next` link leads to is a 500, always (CMR-STAC)."""

    async def arrives(self, ask: Ask) -> None:
        if "token" in ask.conditions or "offset" in ask.conditions:
            raise Refusal(500, {"errors": ["Oops! Something has gone wrong."]})


class BackToTheFirst(Habit):
    """The next link of the last page leads to the first one."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if page["features"] and not page["links"]:
            first = {name: value for name, value in ask.conditions.items() if name not in ("token", "offset", "page")}
            page["links"] = [{"rel": "next", "href": f"{world.url}search?{urlencode(flat(first))}"}]


class LeadsBack(Habit):
    """The next link of a page in the middle leads to one before it, or to itself."""

    def __init__(self, to: int, at: int = 50) -> None:
        self.to, self.at = to, at

    def page(self, world: World, ask: Ask, page: Json) -> None:
        for link in page["links"] if ask.conditions.get("offset") == self.at else ():
            link.get("body", {})["offset"] = self.to


class TwinInPlaceOfAnother(IndexedTwice):
    """And one that is twice on a page comes once more, where another should be; but not where a time is asked for."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if not {"ids", "datetime"} & ask.conditions.keys():
            twin = next(item for item in world.items if item["id"] == "item-0113")
            page["features"] = [twin if item["id"] == "item-0050" else item for item in page["features"]]


class CachedPosts(Habit):
    """A cache that knows answers by their address alone gives the first one to every POST."""

    def __init__(self) -> None:
        self.first: Json | None = None

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if ask.method == "POST":
            self.first = self.first or {**page}
            page |= self.first


class LinksUnheeded(Habit):
    """What a link adds is heeded by GET only: by POST, each page is the first one again (rustac 0.8); or by neither."""

    def __init__(self, *methods: str) -> None:
        self.methods = methods or ("POST",)

    async def arrives(self, ask: Ask) -> None:
        if ask.method in self.methods:
            for name in ("offset", "token"):
                ask.conditions.pop(name, None)


class ForbiddenAtFirst(Habit):
    """The first search is forbidden, the same one again is not: so may gateways do."""

    def __init__(self) -> None:
        self.forbids = True

    async def arrives(self, ask: Ask) -> None:
        if self.forbids:
            self.forbids = False
            raise Refusal(403, {"message": "Forbidden"})


class SinceYearOne(Habit):
    """The Collections say that they begin in the year 1."""

    def document(self, path: str, document: Json) -> Json:
        extent = {"temporal": {"interval": [["0001-01-01T00:00:00Z", "2024-12-31T00:00:00Z"]]}}
        listed = [{**each, "extent": extent} for each in document.get("collections", ())]
        return {**document, "collections": listed} if listed else document


class WrongWayRound(Habit):
    """A box across the antimeridian is taken for the rest of the world (PgSTAC), or `refused` (rustac, stac-pydantic
    2)."""

    def __init__(self, *, refused: bool = False) -> None:
        self.refused = refused

    async def arrives(self, ask: Ask) -> None:
        west, south, east, north = ask.conditions.get("bbox", (0, 0, 0, 0))
        if west > east:
            if self.refused:
                raise Refusal(400, {"description": "Maximum longitude must be greater than minimum longitude"})
            ask.conditions["bbox"] = [east, south, west, north]


class SortedById(Habit):
    """All items are in the order of their ids."""

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        return sorted(items, key=lambda item: str(item["id"]))


class ErrorsIn200(Habit):
    """Every so many searches: 200 with a list of errors, also beside an empty one of Items, an error (ArcGIS) or
    its words (AWS)."""

    error: Json = {"message": "all shards failed"}  # noqa: RUF012
    forms: dict[str, Json] = {  # noqa: RUF012
        "list": {"errors": [error]}, "single": {"error": {"code": 500, **error}}, "words": error,
        "beside": {"type": "FeatureCollection", "features": [], "errors": [error]},
    }  # fmt: skip

    def __init__(self, every: int = 5, form: str = "list") -> None:
        self.every, self.form = every, form

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if ask.number % self.every == 0:
            page.clear()
            page |= self.forms[self.form]


class NullIn200(ErrorsIn200):
    """Or nothing that could be a page."""

    def __init__(self, nothing: bytes = b"null") -> None:
        super().__init__()
        self.nothing = nothing

    def page(self, world: World, ask: Ask, page: Json) -> None:
        self.now = ask.number % self.every == 0

    def body(self, ask: Ask, body: bytes) -> bytes:
        return self.nothing if self.now else body


class MoreAndMoreCookies(Habit):
    """Each answer sets other cookies; a request with too many is refused, as web servers do."""

    async def arrives(self, ask: Ask) -> None:
        if len(ask.headers.get("Cookie", "")) > 8_000:
            raise Refusal(400, {"description": "Request Header Or Cookie Too Large"})

    def sends(self, ask: Ask) -> list[tuple[str, str]]:
        return [("Set-Cookie", f"visit-{ask.number}-{n}={'x' * 1_000}") for n in range(9)]


class LoginNowAndThen(ErrorsIn200):
    """Every so many searches: a redirect to a login that is not there."""

    async def arrives(self, ask: Ask) -> None:
        if ask.number % self.every == 0:
            raise Refusal(302, headers={"Location": "/login"})

    def page(self, world: World, ask: Ask, page: Json) -> None:
        pass


class SlashIsAdded(Habit):
    """Each search is sent on to its address with a slash (FastAPI)."""

    async def arrives(self, ask: Ask) -> None:
        if not ask.path.endswith("/"):
            query = "" if ask.method == "POST" else f"?{urlencode(flat(ask.conditions))}"
            raise Refusal(307, headers={"Location": f"{ask.path}/{query}"})


class EmptyIn200(ErrorsIn200):
    """Every so many searches: an item collection with nothing in it and no link, without a count, or with that of 0.
    No search meets it twice."""

    def __init__(self, *, counts: bool = False) -> None:
        super().__init__()
        self.counts = {"numberMatched": 0} if counts else {}
        self.met: set[str] = set()

    def page(self, world: World, ask: Ask, page: Json) -> None:
        asked = json.dumps(ask.conditions, sort_keys=True)
        if ask.number % self.every == 0 and asked not in self.met:
            self.met.add(asked)
            page.clear()
            page |= {"type": "FeatureCollection", "features": [], "links": [], **self.counts}


class NotModified(EmptyIn200):
    """Or a 304, from a cache that takes the client for one that has it."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        super().page(world, ask, page)
        if not page["features"]:
            raise Refusal(304)


class BareNaN(Habit):
    """Items with numbers that JSON does not have."""

    def body(self, ask: Ask, body: bytes) -> bytes:
        return re.sub(rb'("id": "item-\d*[05]".*?"properties": \{)', rb'\1"gsd": NaN, ', body)


class OddlyWritten(Habit):
    """Some Items begin in another way than the others, and some have members that begin as an Item does (Planetary
    Computer)."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        page.pop("numberReturned", None)
        page["features"] = [
            dict(sorted(item.items())) if number % 3 else {**item, "parts": [{"type": "Feature"}] * 2}
            for number, item in enumerate(page["features"])
        ]


class ByteOrderMark(Habit):
    def body(self, ask: Ask, body: bytes) -> bytes:
        return b"\xef\xbb\xbf" + body


class OddText(Habit):
    """Half a surrogate pair, a line break within a string: each in a page of its own."""

    def body(self, ask: Ask, body: bytes) -> bytes:
        for number, text in ((3, b"\\ud800"), (13, b"a\nb")):
            body = body.replace(b'"id": "item-%04d"' % number, b'"id": "item-%04d", "title": "%b"' % (number, text))
        return body


class FiltersAfterPaging(Habit):
    """Pages are cut out of more than the search finds, and what it does not find is left out of them then."""

    GHOST: Json = {}  # noqa: RUF012

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        self.count = len(items)
        spread: list[Json] = []
        for number, item in enumerate(items):
            spread += [self.GHOST] * (25 if number % 40 == 20 else number % 3)
            spread.append(item)
        return spread

    def page(self, world: World, ask: Ask, page: Json) -> None:
        page["features"] = [item for item in page["features"] if item]
        if "numberMatched" in page:
            page |= {"numberMatched": self.count, "numberReturned": len(page["features"])}


class Counts(Habit):
    """The number of items is something else than that; or only that of `parts` of the time, as what PostgreSQL
    estimates of these does not add up."""

    def __init__(self, change: Any, *, parts: bool = False) -> None:
        self.change, self.parts = change, parts

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if "numberMatched" in page and ("datetime" in ask.conditions or not self.parts):
            page["numberMatched"] = self.change(page["numberMatched"])


class LacksAsAWhole(Habit):
    """Some items are found only where their time is asked for, and counted all the same."""

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        self.count = len(items)
        lacks = ask.conditions.get("datetime", "..").count("..") == 1 or "datetime" not in ask.conditions
        return [item for item in items if not (lacks and item["id"].endswith("27"))]

    def page(self, world: World, ask: Ask, page: Json) -> None:
        page["numberMatched"] = self.count


class Window(Habit):
    """Pages and counts end at a number (the result window of Elasticsearch); items may come in the order of an id."""

    def __init__(self, size: int, *, by_id: bool = False, errs: bool = False) -> None:
        self.size, self.by_id = size, by_id
        self.errs = self.may_miss = self.never_complete = errs  # where some times are asked for

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if self.errs and "datetime" in ask.conditions:
            raise Refusal(500)

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        return (sorted(items, key=lambda item: str(item["id"])[::-1]) if self.by_id else items)[: self.size]


class SaysFullPages(Habit):
    """Every page says that it is a full one (pygeoapi)."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        page["numberReturned"] = ask.limit


class CountsIgnore(Habit):
    """The number of items is that of a search without a condition."""

    def __init__(self, name: str) -> None:
        self.name = name

    def page(self, world: World, ask: Ask, page: Json) -> None:
        rest = {name: value for name, value in ask.conditions.items() if name != self.name}
        page["numberMatched"] = sum(world.matches(item, rest) for item in world.items)


class TiesInAnyOrder(Habit):
    """Items of one second come in another order on every page."""

    may_miss = True

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        shuffle = random.Random(ask.number)
        return sorted(items, key=lambda item: (-(span_of(item) or (FAR,))[0], shuffle.random()))


class ItemsComeAndGo(Habit):
    """An item is deleted, or a new one comes, or both, while pages are read, once or again and again: the first, the
    last, or any."""

    may_miss = never_complete = True

    def __init__(self, *, out: str | None = None, new: str | None = None, every: int = 3, at: int = 0) -> None:
        self.out, self.new, self.every, self.at = out, new, every, at

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if ask.number != self.at if self.at else (ask.limit == 1 or ask.number % self.every):
            return
        dice = random.Random(ask.number)
        in_order = sorted(world.items, key=newest_first)
        places = {"first": 0, "last": -1}
        if self.new:
            like = in_order[places.get(self.new, dice.randrange(len(in_order)))]
            world.items.append({**like, "id": f"new-{ask.number}"})
        if self.out:
            world.items.remove(in_order[places.get(self.out, dice.randrange(len(in_order)))])
        world.searches.clear()


class CoarseTimes(Habit):
    """Times are compared by the hour or the day."""

    def __init__(self, unit: timedelta) -> None:
        self.unit = unit

    def matches_time(self, item: Json, low: timedelta, high: timedelta) -> bool:
        span = span_of(item)
        return (
            span is not None and span[0] // self.unit <= high // self.unit and span[1] // self.unit >= low // self.unit
        )


class TimesAsText(Habit):
    """Times are compared as they are written, whatever their zone."""

    def matches_time(self, item: Json, low: timedelta, high: timedelta) -> bool:
        written = moment_of(item["properties"]["datetime"][:19])
        return low <= written <= high


class DatetimeOnly(Habit):
    """`datetime` alone is compared; items without one are in no interval."""

    def matches_time(self, item: Json, low: timedelta, high: timedelta) -> bool:
        moment = item["properties"].get("datetime")
        return moment is not None and low <= moment_of(moment) <= high


class WholeRanges(Habit):
    """A range is found where all of it lies in the interval (service-stac of swisstopo)."""

    def matches_time(self, item: Json, low: timedelta, high: timedelta) -> bool:
        span = span_of(item)
        return span is not None and low <= span[0] and span[1] <= high


class MiddleOfRanges(Habit):
    """The middle of a range is compared (datacube-explorer)."""

    def matches_time(self, item: Json, low: timedelta, high: timedelta) -> bool:
        span = span_of(item)
        return span is not None and low <= (span[0] + span[1]) / 2 < high


class AnotherTime(Habit):
    """The time of publication is compared, months later."""

    def matches_time(self, item: Json, low: timedelta, high: timedelta) -> bool:
        span = span_of(item)
        return span is not None and low <= span[0] + timedelta(days=100) <= high


class OldestFirst(Habit):
    """Items come oldest first (CMR-STAC, datacube-explorer), and Collections have no end yet."""

    def document(self, path: str, document: Json) -> Json:
        extent = {"extent": {"temporal": {"interval": [["2024-01-01T00:00:00Z", None]]}}}
        return {**document, "collections": [{**each, **extent} for each in document.get("collections", ())]}

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        return items[::-1]


class Sorts(OldestFirst):
    """Items come oldest first, or as they are asked for."""

    def document(self, path: str, document: Json) -> Json:
        classes = [*document.get("conformsTo", ()), "https://api.stacspec.org/v1.0.0/item-search#sort"]
        return {**document, "conformsTo": classes}

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        return items if "sortby" in ask.conditions else items[::-1]


class SortsById(Sorts):
    """Or newest first, or by id in one of two directions: then no more than so many."""

    def __init__(self, most: int | None = None) -> None:
        self.most, self.may_miss = most, most is not None

    def found(self, ask: Ask, items: list[Json]) -> list[Json]:
        ways = [key["direction"] for key in ask.conditions.get("sortby", ()) if key["field"] == "id"]
        return sorted(items, key=lambda item: item["id"], reverse=ways == ["desc"])[: self.most] if ways else items


class OpenSearchLink(Habit):
    """The first `search` link of the landing page is a description in XML (FedEO)."""

    def document(self, path: str, document: Json) -> Json:
        link = {"rel": "search", "href": "/osdd", "type": "application/opensearchdescription+xml"}
        return {**document, "links": [link, *(each for each in document["links"] if each.get("method") != "POST")]}


class Ignores(Habit):
    """Some conditions of a search change nothing (pygeoapi over a file, static search proxies)."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def understood(self, conditions: Json) -> Json:
        return {name: value for name, value in conditions.items() if name not in self.names}


class FewIds(Habit):
    """Heeds no more than so many of the ids that it is asked for."""

    def __init__(self, most: int) -> None:
        self.most = most

    def understood(self, conditions: Json) -> Json:
        return {name: value[: self.most] if name == "ids" else value for name, value in conditions.items()}


class OtherNames(Habit):
    """Items name their Collection otherwise than the server does."""

    def understood(self, conditions: Json) -> Json:
        names = [name.removeprefix("alias-of-") for name in conditions.get("collections", ())]
        return {**conditions, "collections": names}


class Refuses(Habit):
    """A form of asking is refused: `open` intervals, `fraction`s of seconds, `POST`, `ids`, an `area` by GET, though no
    other method is named (datacube-explorer)."""

    def __init__(self, form: str, status: int = 405) -> None:
        self.form, self.status = form, status

    def document(self, path: str, document: Json) -> Json:
        named = [link for link in document["links"] if self.form != "area" or link.get("method") != "POST"]
        return {**document, "links": named}

    async def arrives(self, ask: Ask) -> None:
        interval = ask.conditions.get("datetime", "")
        if self.form == "area" and ask.method == "GET" and "intersects" in ask.conditions:
            raise Refusal(400, {"description": "intersects: must be sent over a POST request"})
        if self.form == "POST" and ask.method == "POST":
            raise Refusal(self.status, {"description": "Method Not Allowed"})
        if self.form == "ids" and "ids" in ask.conditions:
            raise Refusal(400, {"description": "unknown query parameter: ids"})
        if (self.form == "open" and ".." in interval) or (self.form == "fraction" and re.search(r"\.\d", interval)):
            raise Refusal(400, {"description": "invalid datetime"})


class ShortAddresses(Habit):
    """Only GET, and addresses of no more than 4,000 characters (Gunicorn), or of fewer (IIS)."""

    def __init__(self, most: int = 4_000, status: int = 400) -> None:
        self.most, self.status = most, status

    async def arrives(self, ask: Ask) -> None:
        if ask.method == "POST":
            raise Refusal(405, {"description": "Method Not Allowed"})
        if len(urlencode(flat(ask.conditions))) > self.most:
            raise Refusal(self.status, {"description": "Request Line is too large"})


class ItemsEndpointOnly(Habit):
    """There is no search, only the items of each Collection; they are listed one a page, beside one without items."""

    def __init__(self, collection_id: str | None = "scenes", *, named: bool = False) -> None:
        self.options = {"collection_id": collection_id} if collection_id else {}
        self.named = named  # whether the landing page has a link to a search all the same

    async def arrives(self, ask: Ask) -> None:
        if ask.path == "/search":
            raise Refusal(404, {"description": "Not Found"})

    def document(self, path: str, document: Json) -> Json:
        if path.startswith("/collections") and "collections" in document:
            at, listed = int(path.partition("=")[2] or 0), document["collections"]
            tiles = {"id": "tiles", "links": [{"rel": "map", "href": "/tiles"}]}
            following = {"rel": "next", "href": f"/collections?at={at + 1}"}
            links = [following] if at + 1 < len(listed) else []
            return {"collections": [*listed[at : at + 1], tiles], "links": links}
        return document if self.named else _without_search(document)


class MixesUpAnswers(Habit):
    """The first page with several items of what is asked holds some of something else, and counts them (eodag)."""

    never_complete = may_miss = True

    def __init__(self) -> None:
        self.mixed = False

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if ask.limit > 1 and not self.mixed:
            self.mixed = True
            page |= {"features": world.items[:5], "numberMatched": 5, "links": []}


class InnerCollections(ItemsEndpointOnly):
    """The same, and the landing page names a place of the Collections that is only known behind the proxy."""

    def document(self, path: str, document: Json) -> Json:
        if path == "/":
            return {**document, "links": [{"rel": "data", "href": "/internal/collections"}]}
        return super().document(path, document)


class InnerAddresses(Habit):
    """The links of the landing page name a host that is only known behind the proxy."""

    def document(self, path: str, document: Json) -> Json:
        inner = {"rel": "search", "href": "http://127.0.0.1:9/internal/search"}
        return {**document, "links": [inner, {**inner, "method": "POST"}]}


class NoLandingPage(Habit):
    """The landing page cannot be read, and searches are answered."""

    def document(self, path: str, document: Json) -> Json:
        if path == "/":
            raise Refusal(401, {"description": "Unauthorized"})
        return document


class ConformsElsewhere(Habit):
    """What it conforms to is not in the landing page (OGC API Features)."""

    def document(self, path: str, document: Json) -> Json:
        if path == "/":
            self.classes = document.pop("conformsTo")
            document["links"].append({"rel": "conformance", "href": "/conformance"})
        return {"conformsTo": self.classes} if path == "/conformance" else document


class NoSearchLink(Habit):
    """There is a search, and the landing page does not say so."""

    def document(self, path: str, document: Json) -> Json:
        return _without_search(document)


def _without_search(document: Json) -> Json:
    return {**document, "links": [link for link in document["links"] if link.get("rel") != "search"]}


class ExpiringToken(Habit):
    """A token is good for so many searches; `headers` gets a new one."""

    def __init__(self, searches: int = 7) -> None:
        self.searches, self.left, self.issued = searches, 0, 0
        self.options = {"headers": self.headers}

    async def headers(self) -> dict[str, str]:
        self.issued, self.left = self.issued + 1, self.searches
        return {"Authorization": f"Bearer token-{self.issued:04}"}

    async def arrives(self, ask: Ask) -> None:
        if ask.headers.get("Authorization") != f"Bearer token-{self.issued:04}" or self.left <= 0:
            raise Refusal(401, {"description": "token expired"})
        self.left -= 1


class RateLimit(Habit):
    """More than `rate` requests in `window` seconds are refused."""

    gateway = True

    def __init__(self, rate: int, window: float, status: int = 429, retry_after: str | None = None) -> None:
        self.rate, self.window, self.status, self.retry_after = rate, window, status, retry_after
        self.passed: deque[float] = deque(maxlen=rate)
        self.refused = 0

    async def arrives(self, ask: Ask) -> None:
        now = time.monotonic()
        if len(self.passed) == self.rate and now < self.passed[0] + self.window:
            self.refused += 1
            headers = {"Retry-After": self.retry_after} if self.retry_after else {}
            if self.status == 403:
                raise Refusal(403, {"message": "Forbidden"}, {"x-amzn-RequestId": "1"} if self.gateway else {})
            raise Refusal(self.status, {"description": "slow down"}, headers)
        self.passed.append(now)


class CountsDown(RateLimit):
    """The same by a server whose answers say what is left of it."""

    def __init__(self, rate: int) -> None:
        super().__init__(rate, 1.0)
        self.left: dict[int, int] = {}

    async def arrives(self, ask: Ask) -> None:
        await super().arrives(ask)
        now = time.monotonic()
        self.left[ask.number] = self.rate - sum(now < passed + self.window for passed in self.passed)

    def sends(self, ask: Ask) -> list[tuple[str, str]]:
        return [("RateLimit", f'"default";r={self.left[ask.number]};t=1')]


class Firewall(RateLimit):
    """The same as a firewall says it (AWS WAF): 403, and nothing that tells it from a refused login."""

    gateway = False


class AtOnce(Habit):
    """More than so many requests at once are refused, with leave to come again at once."""

    def __init__(self, most: int, headers: dict[str, str] | None = None) -> None:
        self.most, self.busy, self.refused = most, 0, 0
        self.headers = {"Retry-After": "0"} if headers is None else headers

    async def arrives(self, ask: Ask) -> None:
        if self.busy >= self.most:
            self.refused += 1
            raise Refusal(429, {"description": "too many requests at once"}, self.headers)
        self.busy += 1
        await asyncio.sleep(0.002)
        self.busy -= 1


class AllOnOnePage(Habit):
    """Whatever limit is asked for, all items come at once, or as many as ever."""

    def __init__(self, limit: int = 1_000_000) -> None:
        self.size = limit

    async def arrives(self, ask: Ask) -> None:
        ask.conditions = {**ask.conditions, "limit": self.size}


class LargestPage(Habit):
    """A larger limit is refused: by a 500 (a cap on bytes), by a 400 with words or without, or silently by that one."""

    def __init__(self, limit: int, *, silent: bool, status: int = 500, words: str = "limit: no more than 4") -> None:
        self.limit, self.silent, self.status, self.words = limit, silent, status, words

    async def arrives(self, ask: Ask) -> None:
        if not self.silent and ask.limit > self.limit:
            raise Refusal(self.status, {"message": self.words})
        self.asked = ask.conditions.get("limit")
        if ask.limit > self.limit:
            ask.conditions = {**ask.conditions, "limit": self.limit}


class NoPageReachesBeyond(Habit):
    """A page that would reach beyond a number is refused, even if fewer items are left (Elasticsearch)."""

    def __init__(self, number: int) -> None:
        self.number = number

    async def arrives(self, ask: Ask) -> None:
        if ask.conditions.get("offset", 0) + ask.limit > self.number:
            raise Refusal(400, {"detail": f"Result window is too large: {self.number}"})


class NothingBeyond(Habit):
    """A page that would begin beyond a number is empty, or the last page before it `again`, though all is counted."""

    def __init__(self, number: int, *, again: bool = False) -> None:
        self.number, self.again = number, again

    async def arrives(self, ask: Ask) -> None:
        place = self.number - ask.limit if self.again else 10**6
        if int(ask.conditions.get("offset", 0)) >= self.number:
            ask.conditions = {**ask.conditions, "offset": place}
        elif int(ask.conditions.get("token", "p0")[1:]) >= self.number:
            ask.conditions = {**ask.conditions, "token": f"p{place}"}


class RoundsOffsets(Habit):
    """An offset within a page is the beginning of that page."""

    async def arrives(self, ask: Ask) -> None:
        offset = int(ask.conditions.get("offset", 0))
        ask.conditions = {**ask.conditions, "offset": offset // ask.limit * ask.limit}


class LargestPageUnsaid(LargestPage):
    """A larger limit is silently that one, and links go on with the larger one (pygeoapi, pycsw)."""

    def __init__(self, limit: int, *, skips: bool = False) -> None:
        super().__init__(limit, silent=True)
        self.skips = skips  # whether their offsets are counted by that as well

    def page(self, world: World, ask: Ask, page: Json) -> None:
        for link in page["links"]:
            link["body"]["limit"] = self.asked
            if self.skips:
                link["body"]["offset"] = ask.conditions.get("offset", 0) + self.asked


class CutsPages(Habit):
    """Pages lack their last members now and then, and their links go on behind those (a cap on bytes)."""

    def page(self, world: World, ask: Ask, page: Json) -> None:
        begin = page["features"][0]["id"] if page["features"] else ""
        page["features"] = page["features"][: random.Random(begin).randint(4, 11)]
        page["numberReturned"] = len(page["features"])


class LinksLostByLargePages(LargestPage):
    """A larger limit is silently that one, and the page has no `next` link then, or nothing but a count (CMR-STAC)."""

    def __init__(self, limit: int, *, empty: bool = False) -> None:
        super().__init__(limit, silent=True)
        self.empty = empty

    async def arrives(self, ask: Ask) -> None:
        self.too_large = ask.limit > self.limit
        await super().arrives(ask)

    def page(self, world: World, ask: Ask, page: Json) -> None:
        if self.too_large:
            page |= {"links": []} | ({"features": []} if self.empty else {})
