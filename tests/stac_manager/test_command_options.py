"""The options of the command: what they mean for the configuration, and the network as each worker meets it."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from pathlib import Path
from typing import Any

import aiohttp
import click
import pytest
import trustme
from aiohttp import web
from servers.network import HOST, serving
from support import make_item

from benchmarks import _api_server
from stac_manager import DataProcessingError
from stac_manager.command.options import source_options
from stac_manager.sinks import Sink, write

ITEMS = 40
TOKEN = "Bearer hunter2-0123456789"


@click.command()
@source_options
def given(**parsed: Any) -> dict[str, Any]:
    return parsed


def parsed(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = given.main([*arguments], standalone_mode=False)
    return found


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        (["x"], {"source": "x"}),
        (["~/x"], {"source": os.path.expanduser("~/x")}),
        (["http://x.org", "--bbox", "1,2,3,4"], {"concurrency": "auto", "bbox": [1.0, 2.0, 3.0, 4.0]}),
        (["x", "--collections", "a, b"], {"collections": ["a", "b"]}),
        (["x", "--ids", "a", "--ids", "b,c", "--fields", "id"], {"ids": ["a", "b", "c"], "fields": ["id"]}),
        (["x", "--timeout", "1.5", "--retries", "0", "--rate-limit", "2"],
         {"timeout": 1.5, "retries": 0, "rate_limit": 2.0}),
        (["x", "--user-agent", "me", "--ca-bundle", "ca.pem"], {"user_agent": "me", "ca_bundle": "ca.pem"}),
        (["x", "--client-cert", "c.pem"], {"client_cert": "c.pem"}),
        (["x", "--client-cert", "c.pem", "--client-key", "k.pem"], {"client_cert": ("c.pem", "k.pem")}),
        (["x", "--no-trust-env"], {"trust_env": False}),
        (["x", "--trust-env"], {"trust_env": True}),
    ],
)  # fmt: skip
def test_options_become_the_configuration(arguments: list[str], config: dict[str, Any]) -> None:
    assert parsed(*arguments)["config"] == {"source": arguments[0], **config}


def test_variables_are_kept_by_name() -> None:
    found = parsed("x", "--header", "A=B", "--storage-option", "region=R", "--header", "C=D")["variables"]
    assert found == {"headers": {"A": "B", "C": "D"}, "storage_options": {"region": "R"}}


@pytest.mark.parametrize(
    "arguments",
    [
        [""], ["x", "--ids", ""], ["x", "--ids", "a,,b"], ["x", "--fields", "a,"], ["x", "--client-key", "k.pem"],
        ["x", "--header", "A=not a name"], ["x", "--storage-option", "A"], ["x", "--timeout", "soon"],
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(arguments: list[str]) -> None:
    with pytest.raises(click.UsageError):
        parsed(*arguments)


@pytest.mark.usefixtures("clean_environment")
async def test_every_worker_reaches_the_source_through_the_proxy_with_the_certificates_and_the_token(
    proxy: str, authority: trustme.CA, tls: ssl.SSLContext, bundle: Path, tmp_path: Path
) -> None:
    client = authority.issue_cert("somebody@example.com")
    client.private_key_pem.write_to_path(tmp_path / "key.pem")
    client.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    tls.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(tls)
    asked: set[tuple[str | None, str | None]] = set()
    items = [make_item(f"i{n}", properties={"datetime": f"2024-01-01T{n // 2:02}:00:00Z"}) for n in range(ITEMS)]
    (tmp_path / "items.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))

    with _api_server.running(tmp_path / "items.ndjson", latency_seconds=0.0) as api:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            asked.add((request.headers.get("Authorization"), request.headers.get("User-Agent")))
            url, body = f"{api.rstrip('/')}{request.raw_path}", await request.read() or None
            headers = {"Content-Type": request.content_type}
            async with aiohttp.request(request.method, url, data=body, headers=headers) as answer:
                content = (await answer.read()).replace(api.rstrip("/").encode(), f"https://{request.host}".encode())
                return web.Response(body=content, content_type=answer.content_type)

        async with serving(pass_on, tls) as port:
            program = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "stac_manager", "ingest", f"https://{HOST}:{port}/", tmp_path / "out",
                "--workers", "2", "--partition-items", "10", "--ca-bundle", bundle, "--limit", "5",
                "--client-cert", tmp_path / "cert.pem", "--client-key", tmp_path / "key.pem",
                "--header", "Authorization=MY_TOKEN", "--user-agent", "ada/1",
                env={**os.environ, "https_proxy": proxy, "MY_TOKEN": TOKEN}, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, told = await asyncio.wait_for(program.communicate(), 60)
    assert program.returncode == 0, told.decode()
    assert asked == {(TOKEN, "ada/1")}
    manifest = json.loads((tmp_path / "out" / "_manifest.json").read_text())
    assert manifest["items"] == ITEMS
    assert len(manifest["parts"]) > 1
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    for secret in (TOKEN, "s3cret-word", "key.pem", "ca.pem", "ada/1"):
        assert secret.encode() not in written + told


async def test_object_stores_take_their_options_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed: list[str] = []

    async def refuse(request: web.Request) -> web.StreamResponse:
        signed.append(request.headers["Authorization"])
        return web.Response(status=404)

    variables = {"endpoint": "MY_ENDPOINT", "aws_access_key_id": "MY_KEY", "aws_secret_access_key": "MY_SECRET"}
    async with serving(refuse) as port:
        monkeypatch.setenv("MY_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("MY_KEY", "of-ada")
        monkeypatch.setenv("MY_SECRET", TOKEN)
        sink = Sink({"source": "s3://bucket/x.json"}, tmp_path / "out", storage_variables=variables)
        with pytest.raises(DataProcessingError, match="not found"):
            await asyncio.to_thread(write, sink)
    assert "Credential=of-ada/" in signed[0]
