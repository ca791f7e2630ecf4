"""API mode against a server whose every answer the test writes: the rules of `next` links, errors, secrets."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import ssl
import subprocess
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from aiohttp import __version__, web
from support import fetch, ids, make_items

from stac_manager import ApiStats, DataProcessingError, IngestModule, WorkflowContext
from stac_manager.api import ledger

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ITEMS = make_items(7)
SECRET = "Bearer s3cret"
AIOHTTP = tuple(map(int, __version__.split(".")[:3]))


class Scripted:
    """A landing page, and a search that answers what the test says. Remembers what it was asked."""

    def __init__(self, answer: Callable[[web.Request, Any], Any], *, post: bool = True) -> None:
        self.answer = answer
        self.post = post
        self.asked: list[tuple[str, str, Any, dict[str, str]]] = []
        self.url = ""

    async def landing(self, request: web.Request) -> web.Response:
        links = [{"rel": "search", "href": "search"}, {"rel": "data", "href": "collections"}]
        if self.post:
            links.append({"rel": "search", "href": "search", "method": "POST"})
        return web.json_response({"type": "Catalog", "links": links})

    async def search(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.raw_path, body, dict(request.headers)))
        answer = self.answer(request, body)
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)


@asynccontextmanager
async def serving(server: Scripted, tls: ssl.SSLContext | None = None) -> AsyncIterator[Scripted]:
    app = web.Application()
    app.router.add_get("/stac/", server.landing)
    app.router.add_route("*", "/{tail:.*}", server.search)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    server.url = f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}/stac/"
    try:
        yield server
    finally:
        await runner.cleanup()


def page(items: list[dict[str, Any]], **link: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": items, "links": [{"rel": "next", **link}] if link else []}


async def test_post_pages_with_merge_lay_the_link_over_the_first_request() -> None:
    def answer(request: web.Request, body: Any) -> Any:
        start = body.get("token", 0)
        items = ITEMS[start : start + 3]
        return page(items, href="search", method="POST", merge=True, body={"token": start + 3})

    async with serving(Scripted(answer)) as server:
        assert await fetch({"source": server.url, "limit": 3, "collection_id": "scenes"}) == ITEMS
    bodies = [body for _, _, body, _ in server.asked]
    first = {"collections": ["scenes"], "limit": 3}
    assert bodies[:4] == [first, *({**first, "token": token} for token in (3, 6, 9))]


async def test_post_link_without_merge_is_sent_alone_and_with_its_headers() -> None:
    def answer(request: web.Request, body: Any) -> Any:
        if body.get("token"):
            return page(ITEMS[3:])
        return page(ITEMS[:3], href="search", method="post", body={"token": "a"}, headers={"X-Page": "2"})

    async with serving(Scripted(answer)) as server:
        assert await fetch({"source": server.url, "limit": 3}) == ITEMS
    assert server.asked[1][2] == {"token": "a"}
    assert server.asked[1][3]["X-Page"] == "2"


@pytest.mark.parametrize("method", [{}, {"method": "GET"}])
async def test_a_get_link_that_has_all_in_its_body_is_a_post(method: dict[str, str]) -> None:
    def answer(request: web.Request, body: Any) -> Any:
        if body and body.get("token"):
            return page(ITEMS[3:])
        return page(ITEMS[:3], href="search", body={"token": "a"}, **method)

    async with serving(Scripted(answer)) as server:
        assert await fetch({"source": server.url, "limit": 3}) == ITEMS
    assert [body for _, _, body, _ in server.asked][1] == {"token": "a"}


async def test_a_next_link_without_method_is_a_get_also_after_a_post() -> None:
    opaque = "/stac/search?token=a%2Fb%20c+d&collections=x"

    def answer(request: web.Request, body: Any) -> Any:
        return page(ITEMS[3:]) if request.method == "GET" else page(ITEMS[:3], href=opaque)

    async with serving(Scripted(answer)) as server:
        assert await fetch({"source": server.url, "limit": 3}) == ITEMS
    assert server.asked[1][:3] == ("GET", opaque, None)


async def test_a_next_link_in_a_header_counts_where_the_document_has_none() -> None:
    """As servers of OGC API Features page (RFC 8288)."""

    def answer(request: web.Request, body: Any) -> Any:
        if request.method == "GET":
            return page(ITEMS[3:])
        links = '<./self>; rel="self", <search?token=a%2Fb>; type="application/geo+json"; rel="next"'
        return web.json_response({"type": "FeatureCollection", "features": ITEMS[:3]}, headers={"Link": links})

    async with serving(Scripted(answer)) as server:
        assert await fetch({"source": server.url, "limit": 3}) == ITEMS
    assert server.asked[1][1].endswith("?token=a%2Fb")


@pytest.mark.parametrize("features", [{}, {"features": None}])
async def test_no_list_of_features_is_an_empty_one(features: dict[str, None]) -> None:
    async with serving(Scripted(lambda request, body: {"type": "FeatureCollection", **features})) as server:
        assert await fetch({"source": server.url}) == []


async def test_get_search_where_the_server_offers_no_post() -> None:
    async with serving(Scripted(lambda request, body: page(ITEMS), post=False)) as server:
        await fetch(
            {
                "source": server.url,
                "bbox": [1, 2.5, 3, 4],
                "datetime": "2024-05-01T00:00:00Z/..",
                "ids": ["a", "b"],
                "query": {"eo:cloud_cover": {"lt": 10}},
                "filter": "id = 'a'",
                "collection_id": "scenes",
            }
        )
    (method, path, _, _), *_ = server.asked
    assert method == "GET"
    assert dict(parse_qsl(urlsplit(path).query)) == {
        "bbox": "1.0,2.5,3.0,4.0",
        "datetime": "2024-05-01T00:00:00Z/..",
        "ids": "a,b",
        "query": '{"eo:cloud_cover":{"lt":10}}',
        "filter": "id = 'a'",
        "filter-lang": "cql2-text",
        "collections": "scenes",
        "limit": "100",
    }


async def test_a_post_next_refused_with_405_is_asked_with_get() -> None:
    def answer(request: web.Request, body: Any) -> Any:
        if request.path.endswith("more"):
            return page(ITEMS[3:]) if request.query.get("token") == "1" else web.Response(status=405)
        return page(ITEMS[:3], href="more", method="POST", body={"token": 1})

    async with serving(Scripted(answer)) as server:
        assert await fetch({"source": server.url}) == ITEMS


@pytest.mark.parametrize(
    ("status", "method"), [(301, "POST"), (302, "POST"), (303, "GET"), (307, "POST"), (308, "POST")]
)
async def test_a_redirected_search_keeps_its_conditions(status: int, method: str) -> None:
    """A server without the slash at the end, say: without them it would answer with everything it has."""

    def answer(request: web.Request, body: Any) -> Any:
        if not request.path.endswith("/"):
            return web.Response(status=status, headers={"Location": "search/"})
        return page(ITEMS)

    async with serving(Scripted(answer)) as server:
        await fetch({"source": server.url, "limit": 50, "collection_id": "scenes"})
    body = {"collections": ["scenes"], "limit": 50} if method == "POST" else None
    assert server.asked[1][:3] == (method, "/stac/search/", body)


async def test_a_page_without_anything_new_leaves_the_event_loop_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, items = 0, ledger.Ledger.items

    def counted(*given: Any) -> Iterator[Any]:
        nonlocal turns
        for item in items(*given):
            turns += item is None
            yield item

    def answer(request: web.Request, body: Any) -> Any:
        return page(ITEMS) if "more" in request.query else page(ITEMS[:6], href="search?more=1")

    monkeypatch.setattr(ledger, "TURN_SECONDS", -1.0)
    monkeypatch.setattr(ledger.Ledger, "items", counted)
    async with serving(Scripted(answer)) as server:
        assert await fetch({"source": server.url, "limit": 6}) == ITEMS
    assert turns == 6


async def test_pages_that_a_link_tells_apart_by_a_header() -> None:
    def answer(request: web.Request, body: Any) -> Any:
        start = int(request.headers.get("X-Start", "0"))
        link = {"href": "search", "headers": {"X-Start": str(start + 3)}} if start < 6 else {}
        return page(ITEMS[start : start + 3], **link)

    async with serving(Scripted(answer)) as server:
        assert await fetch({"source": server.url, "limit": 3}) == ITEMS


async def test_a_link_cannot_say_how_a_request_travels() -> None:
    unfit = {"Content-Length": "5", "Transfer-Encoding": "chunked", "host": "elsewhere", "X-Page": "2"}
    unfit |= {"Expect": "100-continue", "Content-Encoding": "gzip"}

    def answer(request: web.Request, body: Any) -> Any:
        return page(ITEMS[3:]) if request.path.endswith("more") else page(ITEMS[:3], href="more", headers=unfit)

    async with serving(Scripted(answer)) as server:
        assert await fetch({"source": server.url, "limit": 3}) == ITEMS
        assert server.asked[1][3]["Host"] in server.url
        assert not {"Expect", "Content-Encoding"} & {*server.asked[1][3]}
    assert server.asked[1][3]["X-Page"] == "2"


async def test_a_count_that_only_later_pages_have_counts() -> None:
    def answer(request: web.Request, body: Any) -> Any:
        if request.path.endswith("more"):
            return {**page(ITEMS[3:5]), "numberMatched": len(ITEMS)}
        return page(ITEMS[:3], href="more")

    async with serving(Scripted(answer)) as server:
        module = IngestModule({"source": server.url, "limit": 3})
        assert [item async for item in module.fetch(WorkflowContext.create())] == ITEMS[:5]
    assert isinstance(module.stats, ApiStats)
    assert module.stats.completeness.status == "incomplete"
    assert "2 of the 7 items counted did not come" in module.stats.completeness.problems


async def test_where_a_merged_link_and_the_first_request_differ_the_link_counts() -> None:
    def answer(request: web.Request, body: Any) -> Any:
        if "token" in body:
            return page(ITEMS[3:])
        return page(ITEMS[:3], href="search", method="POST", merge=True, body={"token": 3, "limit": 2})

    async with serving(Scripted(answer)) as server:
        assert await fetch({"source": server.url, "limit": 3}) == ITEMS
    assert server.asked[1][2] == {"limit": 2, "token": 3}


async def test_the_headers_of_a_link_stay_with_the_server_that_it_leads_to() -> None:
    async with serving(Scripted(lambda request, body: page(ITEMS[3:]))) as other:

        def answer(request: web.Request, body: Any) -> Any:
            if request.path.endswith("more"):
                return web.Response(status=307, headers={"Location": other.url + "search"})
            return page(ITEMS[:3], href="more", headers={"X-Session": "s3cret"})

        async with serving(Scripted(answer)) as server:
            assert await fetch({"source": server.url, "limit": 3}) == ITEMS
    assert server.asked[1][3]["X-Session"] == "s3cret"
    assert other.asked
    assert "s3cret" not in json.dumps(other.asked)


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("by", ["link", "redirect"])
async def test_the_body_of_a_link_goes_to_no_other_origin(by: str, concurrency: int) -> None:
    async with serving(Scripted(lambda request, body: page(ITEMS[3:]))) as other:

        def answer(request: web.Request, body: Any) -> Any:
            if request.path.endswith("more"):
                return web.Response(status=307, headers={"Location": other.url + "search"})
            href = "more" if by == "redirect" else other.url + "search"
            return page(ITEMS[:3], href=href, method="POST", body={"token": "inner"})

        context = WorkflowContext.create()
        async with serving(Scripted(answer)) as server:
            module = IngestModule({"source": server.url, "limit": 3, "concurrency": concurrency})
            assert [item async for item in module.fetch(context)] == ITEMS[:3]
    assert not other.asked
    assert isinstance(module.stats, ApiStats)
    assert "another origin, which is not sent" in str(module.stats.completeness)
    assert context.failure_collector.get_all()


@pytest.mark.parametrize("counts", [{}, {"numberMatched": 0}])
async def test_empty_pages_end_the_search_though_they_have_next_links(counts: dict[str, int]) -> None:
    """Servers that filter after they page have empty ones in between; but these would never end."""

    def answer(request: web.Request, body: Any) -> Any:
        return {**page([], href=f"search?token={len(server.asked)}"), **counts}

    async with serving(Scripted(answer)) as server:
        assert await fetch({"source": server.url}) == []
    assert len(server.asked) == 1 if counts else len(server.asked) < 10


async def test_a_next_link_in_a_circle_is_a_failure_not_an_endless_search() -> None:
    context = WorkflowContext.create()
    async with serving(Scripted(lambda request, body: page(ITEMS, href="search?token=1"))) as server:
        assert ids(await fetch({"source": server.url}, context)) == ids(ITEMS)
    (failure,) = context.failure_collector.get_all()
    assert "the server repeats a page" in failure.reason


async def test_links_longer_than_the_default_header_limit() -> None:
    token = "x" * 60_000

    def answer(request: web.Request, body: Any) -> Any:
        if body and body.get("token"):
            return page(ITEMS[3:])
        return page(ITEMS[:3], href="search", method="POST", body={"token": token})

    async with serving(Scripted(answer)) as server:
        assert await fetch({"source": server.url}) == ITEMS


@pytest.mark.parametrize("max_items", [1, 3, 4, 7, 50])
async def test_max_items_is_exact_and_asks_for_no_page_too_many(max_items: int) -> None:
    def answer(request: web.Request, body: Any) -> Any:
        start = body.get("token", 0)
        end = start + body["limit"]
        more = {"href": "search", "method": "POST", "merge": True, "body": {"token": end}} if end < 7 else {}
        return page(ITEMS[start:end], **more)

    async with serving(Scripted(answer)) as server:
        assert await fetch({"source": server.url, "limit": 3, "max_items": max_items}) == ITEMS[:max_items]
    assert len(server.asked) == -(-min(max_items, 7) // 3)


async def test_members_that_are_no_items_become_failures() -> None:
    """Also those that are nested deeper than they can be compared or written."""
    nested = '[{"a":' * 500 + "1" + "}]" * 500
    unfit: list[Any] = [5, {"type": "Feature"}, "nested", {"type": "Feature", "id": "nested"}]
    text = json.dumps(page([*unfit, *ITEMS])).replace('"nested"', nested)
    context = WorkflowContext.create()
    answer = Scripted(lambda request, body: web.Response(text=text, content_type="application/json"))
    async with serving(answer) as server:
        assert await fetch({"source": server.url}, context) == ITEMS
    assert len(context.failure_collector) == len(unfit)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            web.json_response({"code": "Bad", "description": "limit too\nhigh"}, status=400),
            "400 Bad Request: limit too",
        ),
        (web.json_response({"detail": [{"msg": "bbox"}]}, status=422), "[{'msg': 'bbox'}]"),
        (web.Response(text="<html>busy</html>", status=503), "503 Service Unavailable: busy"),
        (web.Response(text="<html>"), "is not JSON"),
        (web.Response(text="<html>", content_type="text/html"), "is a web page, not JSON"),
        (web.json_response([1]), "not a JSON object"),
        (web.json_response({"type": "Catalog"}), "it has no 'features'"),
        (web.Response(status=307, headers={"Location": "http://[::1"}), "a link of the server leads to no address"),
    ],
)
@pytest.mark.parametrize("concurrency", [1, 5])
async def test_a_server_that_refuses_or_answers_nonsense(answer: web.Response, said: str, concurrency: int) -> None:
    def copy(request: web.Request, body: Any) -> web.Response:
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    options = {"headers": {"Authorization": SECRET}, "limit": 7, "concurrency": concurrency}
    async with serving(Scripted(copy)) as server:
        with pytest.raises(DataProcessingError) as caught:
            await fetch({"source": server.url + "?token=s3cret", **options})
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"href": "ftp://x/y"}, "not http or https"),
        ({"href": "http://a..b/"}, "cannot be asked"),
        ({"href": "more", "headers": {"X": "a\r\nB: c"}}, "cannot be asked"),
        ({"href": "missing"}, "404 Not Found"),
        ({"href": 7}, "has no href"),
        ({"href": "http://[::1"}, "a link of the server leads to no address"),
        ({"href": "http://host:99999/"}, "a link of the server leads to no address"),
        (
            {"href": "more", "method": "POST", "body": {"token": json.loads("[" * 300 + "]" * 300)}},
            "link cannot be sent",
        ),
        ({"href": "more", "headers": [1]}, "headers or body of the server's next link"),
        ({"href": "more", "method": "POST", "body": ["x"]}, "headers or body of the server's next link"),
    ],
)
@pytest.mark.parametrize("concurrency", [1, 5])
async def test_a_next_link_that_leads_nowhere_costs_what_is_behind_it_and_is_named(
    link: dict[str, Any], said: str, concurrency: int
) -> None:
    def answer(request: web.Request, body: Any) -> Any:
        return web.Response(status=404) if request.path.endswith("missing") else page(ITEMS, **link)

    context = WorkflowContext.create()
    async with serving(Scripted(answer)) as server:
        module = IngestModule({"source": server.url, "limit": 7, "concurrency": concurrency})
        assert [item async for item in module.fetch(context)] == ITEMS
    assert isinstance(module.stats, ApiStats)
    assert module.stats.completeness.status == "incomplete"
    assert said in str(module.stats.completeness)
    assert said in str(context.failure_collector.get_all()[0])


ROOT_LINK = {"rel": "root", "href": "./"}


@pytest.mark.parametrize("concurrency", [1, 5])
@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"type": "Catalog", "links": []}, "offers no item search"),
        ({"type": "Catalog", "links": [{"rel": "child", "href": "./a"}]}, "a static catalog: read it with mode 'file'"),
        ({"collections": [], "links": [ROOT_LINK]}, r"offers no item search .*; its root is http://\S*/stac/$"),
        (
            {"type": "Collection", "id": "scenes", "links": [ROOT_LINK]},
            r"/stac/elsewhere: a Collection, not .*; its root is \S*/stac/: use that .*, with collection_id 'scenes'",
        ),
        ({"type": "FeatureCollection", "features": [], "links": []}, "a FeatureCollection, not the landing page"),
        ({"type": "FeatureCollection", "features": []}, "not the landing page of a STAC API: it has no links"),
        ({"links": [{"rel": "search", "href": "http://[::1"}]}, "a link of the server leads to no address"),
    ],
)
async def test_a_source_that_is_no_landing_page(document: Any, said: str, concurrency: int) -> None:
    async with serving(Scripted(lambda request, body: document)) as server:
        with pytest.raises(DataProcessingError, match=said):
            await fetch({"source": server.url + "elsewhere", "concurrency": concurrency})


@pytest.mark.parametrize("concurrency", [1, 5])
async def test_a_source_that_is_a_web_page_is_said_to_be_one_at_once(concurrency: int) -> None:
    def browser(request: web.Request, body: Any) -> web.Response:
        return web.Response(text="<!doctype html><title>STAC Browser</title>", content_type="text/html")

    async with serving(Scripted(browser)) as server:
        source = server.url + "browser/"
        with pytest.raises(DataProcessingError, match=r"browser/: the answer is a web page, not JSON; the source must"):
            await fetch({"source": source, "concurrency": concurrency})
    assert len(server.asked) <= concurrency  # beside the landing page, early questions; none of them twice


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("http://127.0.0.1:9/", "cannot be reached: Connection refused"),
        ("http://no-such-host.invalid/", r"cannot be reached: (?!Unknown error)\w+"),
        (f"http://{'a' * 70}.example/", "cannot be asked"),
        pytest.param(
            "http://2130706433:8000/",
            "cannot be asked: not the name of a host, nor an address of four numbers",
            marks=pytest.mark.skipif(AIOHTTP < (3, 14, 5), reason="aiohttp takes it for 127.0.0.1"),
        ),
    ],
)
@pytest.mark.parametrize("concurrency", [1, 5])
async def test_a_server_that_is_not_there(source: str, said: str, concurrency: int) -> None:
    with pytest.raises(DataProcessingError, match=said):
        await fetch({"source": source, "concurrency": concurrency})


def self_signed(folder: Path) -> ssl.SSLContext:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize("concurrency", [1, 5])
async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path, concurrency: int) -> None:
    async with serving(Scripted(lambda request, body: page(ITEMS)), self_signed(tmp_path)) as server:
        module = IngestModule({"source": server.url, "concurrency": concurrency})
        with pytest.raises(DataProcessingError, match=r"no secure connection: self.signed certificate"):
            await anext(module.fetch(WorkflowContext.create()))
    assert not module.stats.retries  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "401 Unauthorized$"),
        (403, "403 Forbidden$"),
        (429, r"429 Too Many Requests: \(the server's words are left"),
    ],
)
async def test_a_server_that_says_the_credentials_back_is_not_quoted(status: int, says: str) -> None:
    def answer(request: web.Request, body: Any) -> web.Response:
        token = request.headers["Authorization"].split()[1]
        words = (
            f"{token} is no token ({request.headers['Authorization']}, {request.headers['X-Key']}), Bearer it is not"
        )
        return web.json_response({"description": words + 18 * f" {token}"}, status=status)  # also where it is cut short

    headers = {"Authorization": "Bearer s3cret-token", "X-Key": "s3cret key"}
    async with serving(Scripted(answer)) as server:
        with pytest.raises(DataProcessingError, match=says) as caught:
            await fetch({"source": server.url, "headers": headers})
    assert "s3cret" not in str(caught.value)


def moved_to(place: str) -> web.Response:
    return web.Response(status=307, headers={"Location": place})


@pytest.mark.parametrize(
    "answer",
    [
        moved_to("ftp://s3cret-token/x"),
        moved_to("http://s3cret-token.invalid/x"),
        moved_to("http://host:s3cret-token/x"),
        web.json_response(page(ITEMS, href="http://localhost:9/s3cret-token", method="POST", body={"from": 7})),
        web.json_response(page([*ITEMS, {"type": "s3cret-token"}])),
        web.json_response({"description": "no such key: s3cret-query"}, status=404),
    ],
)
async def test_credentials_that_are_repeated_in_a_link_a_host_or_a_member_are_shown_nowhere(
    answer: web.Response, caplog: pytest.LogCaptureFixture
) -> None:
    def copy(request: web.Request, body: Any) -> web.Response:
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    context = WorkflowContext.create()
    caplog.set_level(logging.DEBUG, "stac_manager")
    told = ""
    async with serving(Scripted(copy)) as server:
        module = IngestModule(
            {"source": f"{server.url}?api_key=s3cret-query", "headers": {"Authorization": "Bearer s3cret-token"}}
        )
        try:
            assert [item async for item in module.fetch(context)] == ITEMS
        except DataProcessingError as error:
            told = "".join(traceback.format_exception(error))
    told += f"{module.stats!r}{context.failure_collector.get_all()}{caplog.text}"
    assert "credentials" in told
    assert "s3cret" not in told


@pytest.mark.parametrize("concurrency", [1, 5])
async def test_a_key_in_the_query_of_the_source_goes_no_further_and_a_refusal_says_so(concurrency: int) -> None:
    async with serving(Scripted(lambda request, body: web.Response(status=401))) as server:
        source = {"source": f"{server.url}?api_key=s3cret-key", "concurrency": concurrency}
        with pytest.raises(DataProcessingError, match=r"give a key in headers\): the server answered 401") as caught:
            await fetch(source)
    assert "s3cret" not in str(caught.value) + json.dumps(server.asked)


async def test_a_server_that_moves_to_another_origin_gets_no_credentials_and_the_error_says_so() -> None:
    """As from http to https: the headers stay behind, and the server then refuses."""
    async with serving(Scripted(lambda request, body: web.Response(status=401))) as secure:
        moved = {"Location": secure.url + "elsewhere"}
        async with serving(Scripted(lambda request, body: web.Response(status=301, headers=moved))) as server:
            with pytest.raises(DataProcessingError, match=r"\(without the headers, .*401 Unauthorized") as caught:
                await fetch({"source": server.url + "elsewhere", "headers": {"Authorization": SECRET}})
    assert "s3cret" not in str(caught.value) + json.dumps(secure.asked)


@pytest.mark.parametrize("concurrency", [1, 5])
@pytest.mark.parametrize(("status", "found"), [(404, 0), (404, 7), (200, 0), (500, 0)])
async def test_a_collection_that_the_server_does_not_have_is_named(status: int, found: int, concurrency: int) -> None:
    def answer(request: web.Request, body: Any) -> Any:
        return page(ITEMS[:found]) if request.path.endswith("search") else web.Response(status=status, text="{}")

    async with serving(Scripted(answer)) as server:
        module = IngestModule({"source": server.url, "collection_id": "scones", "concurrency": concurrency})
        assert [item async for item in module.fetch(WorkflowContext.create())] == [], "items of another one"
        planned = await module.plan()
    assert isinstance(module.stats, ApiStats)
    said = "The server has no Collection 'scones'."
    assert (said in module.stats.notes, said in planned.notes) == (status == 404, (status, found) == (404, 0))


@pytest.mark.parametrize("name", ["/x", "a/b", "?x=1", "ä ö"])
async def test_a_collection_id_is_a_name_not_a_path(name: str) -> None:
    async with serving(Scripted(lambda request, body: page([]))) as server:
        assert await fetch({"source": server.url, "collection_id": name, "concurrency": 5}) == []
    assert {unquote(path) for method, path, _, _ in server.asked if method == "GET"} == {f"/stac/collections/{name}"}
    assert [name] in [body["collections"] for _, _, body, _ in server.asked if body]


@pytest.mark.parametrize("by", ["link", "redirect"])
async def test_credentials_go_to_the_origin_of_the_source_only(by: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(Scripted(lambda request, body: page(ITEMS[3:]))) as other:

        def answer(request: web.Request, body: Any) -> Any:
            if by == "link":
                return page(ITEMS[:3], href=other.url + "search")
            if "again" in request.path:
                return web.Response(status=307, headers={"Location": other.url + "search"})
            return page(ITEMS[:3], href="again")

        async with serving(Scripted(answer)) as server:
            headers = {"Authorization": SECRET, "X-Api-Key": "s3cret"}
            assert await fetch({"source": server.url, "headers": headers}) == ITEMS
    assert all(asked[3]["Authorization"] == SECRET for asked in server.asked)
    assert "s3cret" not in json.dumps(other.asked)
    assert other.asked
    assert "s3cret" not in caplog.text


async def test_leaving_early_leaves_no_connection_behind() -> None:
    def answer(request: web.Request, body: Any) -> Any:
        return page(ITEMS, href=f"search?token={len(server.asked)}")

    async with serving(Scripted(answer)) as server:
        stream = IngestModule({"source": server.url, "limit": len(ITEMS)}).fetch(WorkflowContext.create())
        assert ids([await anext(stream)]) == ids(ITEMS[:1])
        await stream.aclose()
    assert len(server.asked) == 1


def test_synchronous_twin_gives_the_same_pages() -> None:
    async def serve_and_fetch() -> list[dict[str, Any]]:
        async with serving(Scripted(lambda request, body: page(ITEMS))) as server:
            module = IngestModule({"source": server.url})
            return await asyncio.to_thread(lambda: list(module.iter_items(WorkflowContext.create())))

    assert asyncio.run(serve_and_fetch()) == ITEMS
