"""What stands between a client and a server: a real proxy, a CA of one's own. The fixtures are those of conftest.py."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from stac_manager.network.connection import Rate

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
# A name that only the proxy can find.
HOST = "catalog.test"
RESOLVER = """
from proxy.http.proxy import HttpProxyBasePlugin
class Resolver(HttpProxyBasePlugin):
    def resolve_dns(self, host, port):
        return ("127.0.0.1", None) if host == "catalog.test" else (None, None)
"""


@pytest.fixture(autouse=True)
def usual_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle that the environment names is read for each search, and takes longer than most searches here."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*PROXY_VARIABLES, "ssl_cert_file", "requests_ca_bundle", "curl_ca_bundle", "netrc"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving_silence() -> AsyncIterator[int]:
    """A server that answers nobody until the block ends."""
    enough = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        await enough.wait()
        return web.Response()

    async with serving(silent) as port:
        try:
            yield port
        finally:
            enough.set()


def counting(taken: list[float]) -> type[Rate]:
    """A rate that notes each turn which is taken: asked of the schedule, not of the clock."""

    class Counting(Rate):
        def reserve(self) -> float:
            taken.append(super().reserve())
            return taken[-1]

    return Counting


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", HOST).configure_cert(context)
    return context


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A proxy that asks for a name and a password."""
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "resolver.py").write_text(RESOLVER)
    command = [
        sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0", "--port-file", folder / "port",
        "--num-workers", "1", "--num-acceptors", "1", "--basic-auth", "ada:s3cret-word", "--data-dir", folder,
        "--plugins", "resolver.Resolver",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(600):
            if (folder / "port").exists() and (text := (folder / "port").read_text().strip()):
                break
            assert process.poll() is None, "the proxy has ended"
            subprocess.run(["sleep", "0.1"], check=True)
        yield f"http://ada:s3cret-word@127.0.0.1:{text.split()[0]}"
    finally:
        process.terminate()
        process.wait(20)
