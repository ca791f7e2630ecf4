"""Remote files by way of a real proxy, a real CA, a real 401: the options of the network hold as they do for APIs."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections import Counter
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from servers.network import HOST, counting, serving, serving_silence
from support import make_item

from stac_manager import ConfigurationError, DataProcessingError, FileIngest, WorkflowContext
from stac_manager.events import Event, PartitionDone, Pause, Retry
from stac_manager.files.remote.clients import client_options
from stac_manager.files.remote.faults import RemoteError
from stac_manager.network import backoff
from stac_manager.network.connection import Connection
from stac_manager.network.retrying import Tries, decide

pytestmark = pytest.mark.usefixtures("clean_environment", "short_waits")

COUNT = 4
ITEMS = [json.dumps(make_item(f"i{index}")).encode() for index in range(COUNT)]
IDS = [f"i{index}" for index in range(COUNT)]
LINKS = [{"rel": "item", "href": f"{index}.json"} for index in range(COUNT)]
CATALOG = json.dumps({"type": "Catalog", "stac_version": "1.0.0", "id": "c", "description": "c", "links": LINKS})
OF_OBJECTS = {"ETag": '"1"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT", "Accept-Ranges": "bytes"}


async def documents(request: web.Request) -> web.StreamResponse:
    """A catalog of four items, at whatever path: an S3 bucket as well as a server."""
    name = request.path.rpartition("/")[2].partition(".")[0]
    body = {"catalog": CATALOG.encode(), "items": b"\n".join(ITEMS)}.get(name) or ITEMS[int(name)]
    if "bucket" in request.path and "Range" in request.headers:  # other servers may know none
        first, last = (int(end) for end in request.headers["Range"].removeprefix("bytes=").split("-"))
        where = f"bytes {first}-{min(last, len(body) - 1)}/{len(body)}"
        return web.Response(status=206, body=body[first : last + 1], headers={**OF_OBJECTS, "Content-Range": where})
    return web.Response(body=body, headers=OF_OBJECTS)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "RETRY_BASE_SECONDS", 0.001)


class Noting:
    """Notes what is asked, and lets a function answer first."""

    def __init__(self, first: Any = None) -> None:
        self.asked: list[web.Request] = []
        self.count: Counter[str] = Counter()
        self._first = first

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.count[request.path] += 1
        answer = await self._first(request) if self._first is not None else None
        return await documents(request) if answer is None else answer

    def values(self, header: str) -> set[str | None]:
        return {request.headers.get(header) for request in self.asked}


async def ids(source: str, context: WorkflowContext | None = None, **options: Any) -> list[str]:
    module = FileIngest(source=source, **options)
    return [item["id"] async for item in module.fetch(context or WorkflowContext.create())]


def bucket(port: int, scheme: str = "http", host: str = "127.0.0.1", **options: Any) -> dict[str, Any]:
    options = {"endpoint": f"{scheme}://{host}:{port}", "region": "us-east-1", "skip_signature": True, **options}
    return {"source": options.pop("source", "s3://bucket/catalog.json"), "storage_options": options}


# Proxies


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_of_the_environment_is_used(
    scheme: str, proxy: str, tls: ssl.SSLContext, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy alone can find the host, and asks for a password."""
    monkeypatch.setenv(f"{scheme}_proxy", proxy)
    noting = Noting()
    async with serving(noting, tls if scheme == "https" else None) as port:
        url = f"{scheme}://{HOST}:{port}/catalog.json"
        assert await ids(url, ca_bundle=str(bundle), concurrency=3) == IDS
        assert await ids(**bucket(port, scheme, HOST), ca_bundle=str(bundle), concurrency=3) == IDS
        for source in ({"source": url}, bucket(port, scheme, HOST)):
            with pytest.raises(DataProcessingError):
                await ids(**source, trust_env=False, retries=0)
    assert len(noting.asked) == (1 + COUNT) + (2 + COUNT)  # of a bucket it is asked whether the key is there


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_refuses_is_named_without_its_password(
    scheme: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{scheme}_proxy", proxy.replace("ada:", "eve:"))
    for source in ({"source": f"{scheme}://{HOST}:9/catalog.json"}, bucket(9, scheme, HOST)):
        with pytest.raises(DataProcessingError, match="407") as raised:
            await ids(**source)
        assert "s3cret" not in str(raised.value)


async def test_this_machine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with serving(documents) as port:
        assert await ids(f"http://127.0.0.1:{port}/catalog.json") == IDS
        assert await ids(**bucket(port)) == IDS


# Certificates


@pytest.mark.parametrize("variable", ["ca_bundle", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
async def test_a_ca_of_ones_own_is_trusted(
    variable: str, tls: ssl.SSLContext, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(documents, tls) as port:
        sources: list[dict[str, Any]] = [{"source": f"https://127.0.0.1:{port}/catalog.json"}, bucket(port, "https")]
        for source in sources:
            with pytest.raises(DataProcessingError, match=r"no secure connection: .*certificate.*ca_bundle"):
                await ids(**source)
        option = {"ca_bundle": str(bundle)} if variable == "ca_bundle" else {}
        if not option:
            monkeypatch.setenv(variable, str(bundle))
        for source in sources:
            assert await ids(**source, **option) == IDS


async def test_a_certificate_of_another_host_is_no_question_of_authorities(authority: trustme.CA, bundle: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.test").configure_cert(tls)
    async with serving(documents, tls) as port:
        with pytest.raises(DataProcessingError, match=r"certificate is not valid for '127.0.0.1'$"):
            await ids(f"https://127.0.0.1:{port}/catalog.json", ca_bundle=str(bundle))


async def test_a_client_certificate_is_shown_to_the_origin_of_the_source_only(
    authority: trustme.CA, tls: ssl.SSLContext, bundle: Path, tmp_path: Path
) -> None:
    client = authority.issue_cert("somebody@example.com")
    client.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    tls.verify_mode = ssl.CERT_OPTIONAL
    authority.configure_trust(tls)
    shown: list[tuple[str, bool]] = []

    async def named(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        shown.append((request.path, bool(request.transport.get_extra_info("peercert"))))
        if request.path == "/moved/catalog.json":
            return web.Response(status=302, headers={"Location": f"https://127.0.0.1:{other}/catalog.json"})
        return await documents(request)

    async with serving(named, tls) as other, serving(named, tls) as port:
        url = f"https://127.0.0.1:{port}/moved/catalog.json"
        options = {"ca_bundle": str(bundle), "client_cert": str(tmp_path / "client.pem")}
        assert await ids(url, **options) == IDS
        assert shown[0] == ("/moved/catalog.json", True)
        assert {was for _, was in shown[1:]} == {False}
        assert await ids(url, ca_bundle=str(bundle)) == IDS  # it is trusted for every origin


# Credentials


async def test_headers_from_a_function_are_asked_for_again_after_a_401() -> None:
    issued = count(1)
    good = 2

    async def guard(request: web.Request) -> web.StreamResponse | None:
        return None if request.headers.get("Authorization") == f"Bearer {good}" else web.Response(status=401)

    noting = Noting(guard)
    async with serving(noting) as port:
        url = f"http://127.0.0.1:{port}/catalog.json"
        assert await ids(url, headers=lambda: {"Authorization": f"Bearer {next(issued)}"}, concurrency=4) == IDS
        assert next(issued) == 3  # asked for twice, whatever was in flight
        with pytest.raises(DataProcessingError, match=r"access denied \(401\)"):
            await ids(url, headers=lambda: {"Authorization": "Bearer never"})
        with pytest.raises(ConfigurationError, match="option 'headers': must be a dict"):
            await ids(url, headers=lambda: "s3cret")


async def test_netrc_is_for_its_host(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada password s3cret-word\n")
    (tmp_path / ".netrc").chmod(0o600)
    noting = Noting()
    async with serving(noting) as port:
        await ids(f"http://127.0.0.1:{port}/catalog.json")
        assert noting.values("Authorization") == {"Basic YWRhOnMzY3JldC13b3Jk"}
        noting.asked.clear()
        await ids(f"http://localhost:{port}/catalog.json")
        await ids(f"http://127.0.0.1:{port}/catalog.json", trust_env=False)
        assert noting.values("Authorization") == {None}


# Time and number


async def test_who_asks_how_long_and_how_often_is_for_the_user_to_say() -> None:
    async def broken(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=502) if request.path.endswith("2.json") else None

    noting = Noting(broken)
    async with serving(noting) as port:
        for source in ({"source": f"http://127.0.0.1:{port}/catalog.json"}, bucket(port)):
            for retries in (0, 2):
                noting.asked.clear()
                noting.count.clear()
                context = WorkflowContext.create()
                assert await ids(**source, context=context, retries=retries, user_agent="survey/1.0") == [
                    "i0", "i1", "i3"
                ]  # fmt: skip
                assert next(asked for path, asked in noting.count.items() if path.endswith("2.json")) == 1 + retries
                assert noting.values("User-Agent") == {"survey/1.0"}
                (failure,) = context.failure_collector.get_all()
                assert "502" in failure.reason
            noting.asked.clear()
            await ids(**source, retries=0)
            assert {str(agent).partition("/")[0] for agent in noting.values("User-Agent")} == {"stac-manager"}


async def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    async with serving_silence() as port:
        for source in ({"source": f"http://127.0.0.1:{port}/catalog.json"}, bucket(port)):
            with pytest.raises(DataProcessingError, match=r"(not|no) answer in time"):
                await ids(**source, timeout=0.05, retries=0)


async def test_every_request_takes_its_turn_in_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[float] = []

    async def moved(request: web.Request) -> web.StreamResponse | None:
        if request.path == "/3.json":
            return web.Response(status=302, headers={"Location": "/moved/3.json"})
        return web.Response(status=503) if noting.count[request.path] == 1 and request.path == "/1.json" else None

    monkeypatch.setattr("stac_manager.network.carrier.Rate", counting(taken))
    noting = Noting(moved)
    async with serving(noting) as port:
        assert await ids(f"http://127.0.0.1:{port}/catalog.json", rate_limit=1_000, concurrency=3) == IDS
        assert len(taken) == len(noting.asked) == 7
        assert await ids(**bucket(port), rate_limit=1_000, concurrency=3) == IDS
        assert len(taken) == len(noting.asked) == 7 + 6


async def test_a_download_that_broke_off_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server knows no ranges and the document is large: it goes to a temporary file."""
    monkeypatch.setattr("stac_manager.files.remote.transport.WHOLE_BYTES", 100)

    async def cut_off(request: web.Request) -> web.StreamResponse | None:
        if noting.count[request.path] != 3:  # the first two look what it is
            return None
        response = web.Response(body=ITEMS[0], headers={"Content-Length": str(len(ITEMS[0]) + 5)})
        response.force_close()
        return response

    noting = Noting(cut_off)
    async with serving(noting) as port:
        assert await ids(f"http://127.0.0.1:{port}/items.ndjson") == IDS
    assert noting.count["/items.ndjson"] == 4


async def test_a_download_that_drips_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte came within the time for one read."""
    monkeypatch.setattr("stac_manager.files.remote.transport.WHOLE_BYTES", 100)
    monkeypatch.setattr("stac_manager.files.remote.http.MEGABYTE_SECONDS", 0.2)

    async def dripping(request: web.Request) -> web.StreamResponse | None:
        if noting.count[request.path] < 3:
            return None
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.02)
        return response

    noting = Noting(dripping)
    async with serving(noting) as port:
        with pytest.raises(DataProcessingError, match=r"items.ndjson: no answer in time"):
            await ids(f"http://127.0.0.1:{port}/items.ndjson", retries=0)


@pytest.mark.parametrize("name", ["items.ndjson", "items.parquet"])
async def test_a_fetch_that_waits_for_a_range_is_cancelled_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread waits for it, which nobody can cancel."""
    monkeypatch.setattr("stac_manager.files.remote.transport.WHOLE_BYTES", 100)
    for module in ("blocks", "reading"):
        monkeypatch.setattr(f"stac_manager.files.remote.{module}.BLOCK_BYTES", 200)
    asked, never = asyncio.Event(), asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse | None:
        if not request.headers.get("Range", "bytes=0-").startswith("bytes=0-"):
            asked.set()
            await never.wait()
        return None

    async with serving(Noting(silent)) as port:
        for source in (
            {"source": f"http://127.0.0.1:{port}/bucket/{name}"},
            bucket(port, source=f"s3://bucket/{name}"),
        ):
            asked.clear()
            context = WorkflowContext.create()
            task = asyncio.create_task(ids(**source, context=context, timeout=3_000))
            await asked.wait()
            task.cancel()
            await asyncio.wait([task], timeout=30)
            never.set()
            assert task.cancelled()
            assert len(context.failure_collector) == 0
            never.clear()


# Lists of objects


def listed(request: web.Request) -> web.Response:
    """Give two of four keys a page."""
    after = request.query.get("continuation-token") or request.query.get("start-after") or ""
    keys = [key for index in range(COUNT) if (key := f"x/{index}.json") > after]
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{keys[1]}</NextContinuationToken>"
    found = [
        f"<Contents><Key>{key}</Key><Size>9</Size><LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>"
        for key in keys[:2]
    ]
    text = f"<ListBucketResult>{''.join(found)}{more if keys[2:] else ''}</ListBucketResult>"
    return web.Response(text=text, content_type="application/xml")


async def test_a_list_goes_on_where_it_broke_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stac_manager.files.remote.objects.PAGE_OBJECTS", 2)
    asked: list[str | None] = []

    async def broken(request: web.Request) -> web.StreamResponse | None:
        if "list-type" not in request.query:
            return None
        asked.append(request.query.get("start-after") or request.query.get("continuation-token"))
        return web.Response(status=503) if len(asked) in (1, 3, 4) else listed(request)

    async with serving(Noting(broken)) as port:
        assert await ids(**{**bucket(port), "source": "s3://bucket/x"}) == IDS
    assert asked == [None, None, *["x/1.json"] * 3]


async def test_a_prefix_that_may_be_read_but_not_listed_is_its_entry_point() -> None:
    async def denying(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=403) if "list-type" in request.query or "/none/" in request.path else None

    async with serving(Noting(denying)) as port:
        for source in ("s3://bucket/x", "s3://bucket/x/"):
            assert await ids(**{**bucket(port), "source": source}) == IDS
        with pytest.raises(DataProcessingError, match=r"cannot be listed: access denied.*; or name a document in it"):
            await ids(**{**bucket(port), "source": "s3://bucket/none/"})


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (301, "<Code>PermanentRedirect</Code>", "301: the bucket is in another region; name it as the storage option"),
        (400, "<Code>AuthorizationHeaderMalformed</Code>", "400: the bucket is in another region"),
        (400, "<Code>ExpiredToken</Code>", "400: the credentials have expired"),
        (401, '{"error": {"message": "Invalid Credentials"}}', r"access denied \(401\); for public data"),
        (403, "<Code>RequestTimeTooSkewed</Code>", r"access denied \(403\): the clock of this machine is wrong"),
        (404, "<Code>NoSuchBucket</Code>", r"not found \(404\): there is no such bucket"),
        (200, "{}", "the answer has no Content-Length, which obstore needs; name its https address"),
    ],
)  # fmt: skip
async def test_why_a_store_refuses_is_said_at_once(status: int, body: str, said: str) -> None:
    async def refusing(request: web.Request) -> web.StreamResponse:
        answer = web.Response(status=status, text=body)
        if status == 200:
            answer.enable_chunked_encoding()
        return answer

    handler = Noting(refusing)
    async with serving(handler) as port:
        with pytest.raises(DataProcessingError, match=said):
            await ids(**bucket(port))
    assert len(handler.asked) <= 2  # once without a range


async def test_where_no_credentials_are_found_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    nobody = dict.fromkeys(("endpoint", "metadata_endpoint"), "http://127.0.0.1:9")
    with pytest.raises(DataProcessingError, match=r"no credentials were found, and obstore reads no profiles in ~/"):
        await ids("s3://bucket/catalog.json", storage_options={**nobody, "region": "x"})


async def test_where_one_may_not_know_what_is_missing_a_key_is_tried_unescaped_too() -> None:
    async def hiding(request: web.Request) -> web.StreamResponse | None:
        if request.path.endswith("catalog.json"):
            hrefs = CATALOG.replace('"0.json"', '"a%20b/0.json"').encode()
            return None if "Range" in request.headers else web.Response(body=hrefs, headers=OF_OBJECTS)
        return web.Response(status=403) if "%25" in request.raw_path else None

    async with serving(Noting(hiding)) as port:
        assert await ids(**bucket(port)) == IDS


# What happens is told


async def test_retries_and_pauses_are_told_once_each() -> None:
    async def refusing(request: web.Request) -> web.StreamResponse | None:
        if request.path == "/1.json" and noting.count["/1.json"] <= 2:
            return web.Response(status=500)
        if request.path == "/2.json" and noting.count["/2.json"] == 1:
            return web.Response(status=429, headers={"Retry-After": "0.05"})
        return None

    noting = Noting(refusing)
    seen: list[Event] = []
    async with serving(noting) as port:
        module = FileIngest(source=f"http://127.0.0.1:{port}/catalog.json?sig=s3cret", headers={"X-Key": "s3cret"})
        context = WorkflowContext.create(on_event=seen.append)
        assert [item["id"] async for item in module.fetch(context)] == IDS
        retries = [event for event in seen if isinstance(event, Retry)]
        assert [(retry.attempt, retry.reason.rpartition("/")[2]) for retry in retries] == [
            (1, "1.json: the server answered 500"),
            (2, "1.json: the server answered 500"),
            (1, "2.json: the server answered 429"),
        ]
        assert len([event for event in seen if isinstance(event, Pause)]) == 1
        noting.count.clear()
        seen.clear()
        (partition,) = await module.plan()
        assert [item["id"] async for item in module.read(partition, context)] == IDS
    assert len([event for event in seen if isinstance(event, Retry)]) == 3
    assert [event.report.items for event in seen if isinstance(event, PartitionDone)] == [4]
    assert "s3cret" not in str(seen)


@pytest.mark.parametrize(
    ("status", "others_pass", "sent"),
    [(500, False, 3), (500, True, 3), (404, False, 1), (503, False, 3), (503, True, 12)],
)
def test_when_a_request_is_given_up(status: int, others_pass: bool, sent: int) -> None:
    error, tries = RemoteError("", status=status, passing=status != 404), Tries(3)
    for attempt in range(1, 99):
        tries.count(error, attempt if others_pass else 0, attempt)
        if decide(error, tries) == "give up":
            break
    assert attempt == sent


# What a store cannot do is said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"source": "s3://b/c.json", "client_cert": "c.pem"}, "client_cert: for http and https; s3 URLs are asked"),
        ({"source": "s3://b/c.json", "headers": lambda: {}}, "give 'storage_options'"),
        ({"source": "s3://b/c.json", "storage_options": {"endpoint": "localhost:9000"}}, "not an http or https URL"),
        (
            {"source": "s3://b/c.json", "timeout": 3, "storage_options": {"client_options": {"timeout": "5s"}}},
            r"timeout, client_options of 'storage_options' \(timeout\): give one of them",
        ),
        (
            {"source": "s3://b/c.json", "retries": 3, "storage_options": {"retry_config": {"max_retries": 1}}},
            "retries, retry_config of 'storage_options': give one of them",
        ),
        ({"source": "s3://b/c.json", "ca_bundle": "no.pem"}, "ca_bundle: no certificates in 'no.pem': No such file"),
        ({"source": "https://h/c.json", "ca_bundle": "no.pem"}, "ca_bundle: no certificates in 'no.pem': No such"),
        ({"source": "items/", "timeout": 3}, "timeout: only for sources that are URLs; this is a local path"),
    ],
)
async def test_what_cannot_be_done_is_an_error(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        await ids(**{"mode": "file", **options})


def test_a_proxy_of_ones_own_comes_before_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", ".example.com")
    made = client_options(Connection(), {})
    assert made["proxy_url"] == "http://proxy.test:3128"
    assert made["proxy_excludes"].endswith(",.example.com")
    assert client_options(Connection(), {"proxy_url": "http://own.test"}).get("proxy_excludes") is None
    monkeypatch.setenv("https_proxy", "socks5://proxy.test:1080")
    with pytest.raises(ConfigurationError, match="https_proxy: object stores are asked through http and https proxies"):
        client_options(Connection(), {})
