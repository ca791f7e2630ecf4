"""Proxies, certificates, netrc, times and rates: against a real proxy, a real CA, real sockets."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from base64 import b64encode
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from servers.network import HOST, counting, serving, serving_silence
from yarl import URL

from stac_manager import ConfigurationError, DataProcessingError, IngestModule, WorkflowContext
from stac_manager.network.connection import Connection, Rate
from stac_manager.network.pool import Pool

ITEM = {"type": "Feature", "stac_version": "1.0.0", "id": "only", "properties": {"datetime": "2024-01-01T00:00:00Z"}}

pytestmark = pytest.mark.usefixtures("clean_environment")


async def one_item(request: web.Request) -> web.StreamResponse:
    """An API with one item, at whatever name it is asked by."""
    root = f"{request.scheme}://{request.headers['Host']}"
    if request.path == "/":
        links = [{"rel": "search", "href": f"{root}/search", "method": "POST"}]
        return web.json_response({"stac_version": "1.0.0", "conformsTo": [], "links": links})
    return web.json_response({"type": "FeatureCollection", "features": [ITEM], "numberMatched": 1, "links": []})


async def ids(source: str, **options: Any) -> list[str]:
    module = IngestModule({"source": source, "retries": 0, **options})
    return [item["id"] async for item in module.fetch(WorkflowContext.create())]


async def test_http_goes_through_the_proxy_of_the_environment(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(one_item) as port:
        monkeypatch.setenv("http_proxy", proxy)
        assert await ids(f"http://{HOST}:{port}/") == ["only"]


async def test_https_goes_through_the_proxy_with_a_ca_of_its_own(
    proxy: str, tls: ssl.SSLContext, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(one_item, tls) as port:
        monkeypatch.setenv("https_proxy", proxy)
        assert await ids(f"https://{HOST}:{port}/", ca_bundle=str(bundle)) == ["only"]


async def test_a_proxy_that_refuses_shows_no_password(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy.replace("ada:", "eve:"))
    monkeypatch.setenv("http_proxy", proxy.replace("ada:", "eve:"))
    for scheme in ("http", "https"):
        with pytest.raises(DataProcessingError) as raised:
            await ids(f"{scheme}://{HOST}:9/")
        assert "the proxy does not take this user and password (407); see HTTP_PROXY" in str(raised.value)
        assert "s3cret" not in str(raised.value)


async def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://ada:s3cret@127.0.0.1:9")
    with pytest.raises(DataProcessingError, match=r"the proxy 127\.0\.0\.1:9 cannot be reached: Connection refused; "):
        await ids(f"http://{HOST}:9/")


async def test_a_proxy_in_a_private_network_is_used_for_a_source_that_is_in_none(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy is found by a name, and the source by nobody but the proxy."""
    async with serving(one_item) as port:
        monkeypatch.setenv("http_proxy", proxy.replace("127.0.0.1", "localhost").removeprefix("http://"))
        assert await ids(f"http://{HOST}:{port}/") == ["only"]
    monkeypatch.setenv("http_proxy", "http://ada:s3cret-word@:3128")
    with pytest.raises(ConfigurationError, match="http_proxy: not the URL of a proxy") as raised:
        await ids(f"http://{HOST}:9/")
    assert "s3cret" not in str(raised.value)


async def test_what_needs_no_proxy_meets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy that is named does not exist."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with serving(one_item) as port:
        assert await ids(f"http://127.0.0.1:{port}/") == ["only"]
    assert Connection().proxy_for(URL("http://one.test/")) == "http://127.0.0.1:9"
    assert Connection(trust_env=False).proxy_for(URL("http://one.test/")) is None
    monkeypatch.setenv("no_proxy", "one.test,two.test:8080,10.0.0.0/8,fd00::/8")
    for exempt in (
        "http://one.test/",
        "http://one.test:81/",
        "http://two.test:8080/",
        "http://10.1.2.3/",
        "http://[fd00::1]/",
    ):
        assert Connection().proxy_for(URL(exempt)) is None
    for other in ("http://two.test/", "http://11.1.2.3/", "http://[fe00::1]/"):
        assert Connection().proxy_for(URL(other)) == "http://127.0.0.1:9"
    monkeypatch.setenv("http_proxy", "socks5://ada:s3cret@127.0.0.1:9")
    with pytest.raises(ConfigurationError, match="socks5 proxies are not supported; name an http proxy"):
        Connection().proxy_for(URL("http://three.test/"))


@pytest.mark.parametrize(
    "variable", ["ca_bundle", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_FILE late"]
)
async def test_a_ca_of_ones_own_is_trusted(
    variable: str, tls: ssl.SSLContext, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(one_item, tls) as port:
        url = f"https://127.0.0.1:{port}/"
        with pytest.raises(DataProcessingError, match=r"no secure connection: .*certificate.*ca_bundle"):
            await ids(url)
        options = {"ca_bundle": str(bundle)} if variable == "ca_bundle" else {}
        if variable.startswith("SSL_CERT_FILE"):  # read when OpenSSL first looks: in a process of its own
            variable, late = "SSL_CERT_FILE", variable.endswith("late")  # as the command and its workers do
            program = (
                "import asyncio, ssl; from stac_manager import *\n"
                "from stac_manager.network.authorities import import_aiohttp_for\n"
                f"import_aiohttp_for('{url}' if {late} else 'no/url')\n"
                f"m = IngestModule({{'source': '{url}', 'retries': 0}})\n"
                "async def run(): return [i['id'] async for i in m.fetch(WorkflowContext.create())]\n"
                "print(asyncio.run(run()))"
            )
            trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))  # a variable beside it changes nothing
            variables = {variable: str(bundle)} | ({} if late else {"REQUESTS_CA_BUNDLE": str(tmp_path / "other.pem")})
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", program, env={**os.environ, **variables}, stdout=subprocess.PIPE
            )
            said, _ = await process.communicate()
            assert said.decode().strip() == "['only']"
            return
        if not options:
            monkeypatch.setenv(variable, str(bundle))
        assert await ids(url, **options) == ["only"]
        if not options:
            with pytest.raises(DataProcessingError, match="no secure connection"):
                await ids(url, trust_env=False)


async def test_a_client_certificate_is_shown(
    authority: trustme.CA, tls: ssl.SSLContext, bundle: Path, tmp_path: Path
) -> None:
    tls.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(tls)
    client = authority.issue_cert("somebody@example.com")
    both, cert, key = tmp_path / "both.pem", tmp_path / "cert.pem", tmp_path / "key.pem"
    client.private_key_and_cert_chain_pem.write_to_path(both)
    client.cert_chain_pems[0].write_to_path(cert)
    client.private_key_pem.write_to_path(key)
    async with serving(one_item, tls) as port:
        url = f"https://127.0.0.1:{port}/"
        for shown in (str(both), (str(cert), str(key))):
            assert await ids(url, ca_bundle=str(bundle), client_cert=shown) == ["only"]
        with pytest.raises(DataProcessingError, match="connection"):
            await ids(url, ca_bundle=str(bundle))


async def test_a_client_certificate_is_shown_to_the_origin_of_the_source_only(
    authority: trustme.CA, tls: ssl.SSLContext, bundle: Path, tmp_path: Path
) -> None:
    tls.verify_mode = ssl.CERT_OPTIONAL
    authority.configure_trust(tls)
    authority.issue_cert("somebody@example.com").private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    shown: dict[str, set[bool]] = {"/": set(), "/search": set()}

    async def noting(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        shown[request.path].add(bool(request.transport.get_extra_info("peercert")))
        if request.path == "/search":
            return await one_item(request)
        link = {"rel": "search", "href": f"https://127.0.0.1:{other}/search"}
        return web.json_response({"stac_version": "1.0.0", "conformsTo": [], "links": [link]})

    async with serving(noting, tls) as other, serving(noting, tls) as port:
        options = {"ca_bundle": str(bundle), "client_cert": str(tmp_path / "client.pem")}
        assert await ids(f"https://127.0.0.1:{port}/", **options) == ["only"]
    assert shown == {"/": {True}, "/search": {False}}


async def test_partitions_share_connections_to_which_a_client_certificate_is_shown(
    tls: ssl.SSLContext, bundle: Path, authority: trustme.CA, tmp_path: Path
) -> None:
    authority.issue_cert("somebody@example.com").private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    clients: set[object] = set()

    async def noting(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        clients.add(request.transport.get_extra_info("peername"))
        return await one_item(request)

    async with serving(noting, tls) as port:
        options = {"ca_bundle": str(bundle), "client_cert": str(tmp_path / "client.pem"), "concurrency": 1}
        module = IngestModule({"source": f"https://127.0.0.1:{port}/", "retries": 0, **options})
        plan, pool = await module.plan(), Pool()
        for _ in range(3):
            reader = module.read(plan.partitions[0], WorkflowContext.create(), pool=pool)
            assert [item["id"] async for items in reader.parts() for item in items] == ["only"]
        await pool.close()
    assert len(clients) <= 1 + 1, "that of the plan, and that of all partitions"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ca_bundle": "missing.pem"}, "ca_bundle: no certificates in 'missing.pem': No such file"),
        ({"client_cert": ("missing.pem", "key.pem")}, "client_cert: no certificate with its key in 'missing.pem' and"),
        ({"timeout": 0}, "option 'timeout'"),
        ({"rate_limit": -1}, "option 'rate_limit'"),
        ({"retries": -1}, "option 'retries'"),
        ({"headers": {"X-Key": "s3cret\udc80"}}, "option 'headers': the value of 'X-Key' is not text that can be sent"),
        ({"user_agent": "a\nb"}, "option 'user_agent': must be printable ASCII"),
    ],
)
async def test_a_wrong_option_is_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        await ids("https://127.0.0.1:9/", **options)


async def test_no_error_nor_what_led_to_it_repeats_credentials_from_a_redirect() -> None:
    async def repeating(request: web.Request) -> web.StreamResponse:
        if request.path == "/search":
            raise web.HTTPFound(f"/{request.headers['X-Key']}/{'search' * (request.query_string == '')}")
        return await one_item(request) if request.path == "/" else web.json_response({"type": "Catalog"})

    async with serving(repeating) as port:
        with pytest.raises(DataProcessingError, match="credentials") as raised:
            await ids(f"http://127.0.0.1:{port}/", headers={"X-Key": "s3cret-word-0123"})
    error: BaseException | None = raised.value
    while error is not None:
        assert "s3cret" not in repr(error)
        error = error.__cause__ or error.__context__


async def test_netrc_is_for_its_host_and_a_header_comes_first(tmp_path: Path) -> None:
    seen: list[str | None] = []

    async def noting(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization"))
        return await one_item(request)

    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada password s3cret-word\n")
    (tmp_path / ".netrc").chmod(0o600)
    async with serving(noting) as port:
        await ids(f"http://127.0.0.1:{port}/")
        assert set(seen) == {"Basic " + b64encode(b"ada:s3cret-word").decode()}
        seen.clear()
        await ids(f"http://localhost:{port}/")
        await ids(f"http://127.0.0.1:{port}/", trust_env=False)
        assert set(seen) == {None}
        seen.clear()
        await ids(f"http://127.0.0.1:{port}/", headers={"authorization": "Bearer other"})
        assert set(seen) == {"Bearer other"}
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada s3cret-word\n")
        with pytest.raises(ConfigurationError, match=r"\.netrc: not a netrc file \(line \d\)") as raised:
            await ids(f"http://127.0.0.1:{port}/")
        assert "s3cret" not in str(raised.value)
        (tmp_path / ".netrc").write_bytes(b"machine 127.0.0.1 login \xff password s3cret-word\n")
        with pytest.raises(ConfigurationError, match=r"\.netrc: not a netrc file"):
            await ids(f"http://127.0.0.1:{port}/")


async def test_who_asks_how_long_and_how_often_is_for_the_user_to_say() -> None:
    seen: list[str] = []

    async def broken(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers["User-Agent"])
        raise web.HTTPBadGateway

    async with serving(broken) as port:
        for retries in (0, 2):
            with pytest.raises(DataProcessingError, match="502"):
                await ids(f"http://127.0.0.1:{port}/", retries=retries, user_agent="survey/1.0 (ada@example.com)")
        assert seen == ["survey/1.0 (ada@example.com)"] * 4
        seen.clear()
        with pytest.raises(DataProcessingError, match="502"):
            await ids(f"http://127.0.0.1:{port}/")
        assert seen[0].startswith("stac-manager/")

    async with serving_silence() as port:
        with pytest.raises(DataProcessingError, match="no answer in time"):
            await ids(f"http://127.0.0.1:{port}/", timeout=0.05)


@given(st.lists(st.floats(0, 10), max_size=30), st.floats(0.1, 100))
def test_no_more_requests_begin_than_the_rate_allows(waits: list[float], rate: float) -> None:
    now = 0.0
    clock = lambda: now  # noqa: E731
    turns = Rate(rate, clock)
    begun = []
    for wait in waits:
        now += wait
        begun.append(now + turns.reserve())
    for before, after in pairwise(begun):
        assert after - before >= (1 / rate) * (1 - 1e-9)


async def test_the_rate_holds_for_a_whole_search(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[float] = []
    monkeypatch.setattr("stac_manager.network.carrier.Rate", counting(taken))
    async with serving(one_item) as port:
        module = IngestModule({"source": f"http://127.0.0.1:{port}/", "rate_limit": 1000})
        assert len([item async for item in module.fetch(WorkflowContext.create())]) == 1
    assert len(taken) == module.stats.requests  # type: ignore[union-attr]
