"""Answers that are no UTF-8: read where they say what they are, named where they do not. Files have the same rule."""

from __future__ import annotations

import codecs
import json
import threading
from pathlib import Path

import pytest
from aiohttp import web
from support import make_item

from stac_manager import IngestModule, WorkflowContext
from stac_manager.network.decoding import in_utf_8

from .adversary import Adversary
from .test_faults import serving

NAME = "K\u00f6ln"
ITEMS = [
    make_item(f"item-{n:02}", properties={"datetime": f"2024-05-{n + 1:02}T00:00:00Z", "place": NAME if n == 7 else ""})
    for n in range(25)
]
REASON = "item 'item-07': a text is not valid UTF-8"


async def searched(charset: str, written: str, concurrency: int) -> tuple[dict[str, str], list[str]]:
    adversary = Adversary(ITEMS)

    async def handle(request: web.Request) -> web.StreamResponse:
        reply = await adversary.reply_to(request)
        body = json.dumps(json.loads(reply.body), ensure_ascii=False).encode(written)
        return web.Response(body=body, headers={"Content-Type": f"application/geo+json{charset}"})

    context = WorkflowContext.create()
    async with serving(handle) as url:
        module = IngestModule({"source": url, "mode": "api", "limit": 10, "concurrency": concurrency})
        places = {item["id"]: item["properties"]["place"] async for item in module.fetch(context)}
    failures = [failure.reason for failure in context.failure_collector.get_all()]
    return places, failures


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize(
    ("charset", "written", "legible"),
    [
        ("; charset=iso-8859-1", "latin-1", True),
        ('; Charset="windows-1252"', "cp1252", True),
        ("; charset=iso-8859-1", "utf-8", True),
        ("", "latin-1", False),
        ("; charset=utf-8", "latin-1", False),
        ("; charset=no-such-thing", "latin-1", False),
    ],
)
async def test_text_is_read_as_its_charset_or_named(
    charset: str, written: str, legible: bool, concurrency: int
) -> None:
    places, failures = await searched(charset, written, concurrency)
    assert len(places) == len(ITEMS) - (not legible)
    assert places.get("item-07") == (NAME if legible else None)
    assert failures == ([] if legible else [REASON])


async def test_a_large_page_is_not_put_into_utf_8_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else runs while a codec works."""
    latin, sizes, threads = codecs.lookup("latin-1"), [0], set[int]()

    class Decoder(latin.incrementaldecoder):  # type: ignore[name-defined, misc]
        def decode(self, data: bytes, final: bool = False) -> str:
            sizes.append(len(data))
            threads.add(threading.get_ident())
            return latin.decode(data)[0]

    def looked_up(name: str) -> codecs.CodecInfo | None:
        if name != "x_latin":
            return None
        return codecs.CodecInfo(latin.encode, latin.decode, incrementaldecoder=Decoder, name="x-latin")

    codecs.register(looked_up)
    try:
        monkeypatch.setitem(ITEMS[7]["properties"], "place", NAME * 1_000_000)
        places, failures = await searched("; charset=x-latin", "latin-1", 1)
    finally:
        codecs.unregister(looked_up)
    assert (places["item-07"], failures) == (NAME * 1_000_000, [])
    assert sum(sizes) > 4_000_000 > 20 * max(sizes)
    assert threading.get_ident() not in threads


async def test_a_file_names_it_as_well(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(item, ensure_ascii=False) for item in ITEMS)
    (tmp_path / "items.ndjson").write_bytes(lines.encode("latin-1"))
    context = WorkflowContext.create()
    came = [item async for item in IngestModule({"source": str(tmp_path / "items.ndjson")}).fetch(context)]
    (failure,) = context.failure_collector.get_all()
    assert len(came) == len(ITEMS) - 1
    assert "not valid UTF-8" in failure.reason


@pytest.mark.parametrize(
    "charset", ["unicode_escape", "utf-7", "punycode", "hex", "cp037", "rot13", "idna", "undefined"]
)
def test_only_charsets_in_which_json_is_json_are_heeded(charset: str) -> None:
    data = b'{"a": "\xf6\\u00e9"}'
    assert in_utf_8(data, f"application/json; charset={charset}") is data


@pytest.mark.parametrize("digits", [5_000, 4_000_000])
@pytest.mark.parametrize("concurrency", [1, 4])
async def test_an_item_with_a_number_of_thousands_of_digits_costs_no_other(digits: int, concurrency: int) -> None:
    adversary = Adversary(ITEMS)

    async def handle(request: web.Request) -> web.StreamResponse:
        reply = await adversary.reply_to(request)
        return web.Response(body=reply.body.replace(b'"K\\u00f6ln"', b"9" * digits), content_type="application/json")

    context = WorkflowContext.create()
    async with serving(handle) as url:
        module = IngestModule({"source": url, "mode": "api", "limit": 10, "concurrency": concurrency})
        came = {item["id"] async for item in module.fetch(context)}
    assert came == {item["id"] for item in ITEMS} - {"item-07"}
    assert [f.reason for f in context.failure_collector.get_all()] == ["item 'item-07': a number has too many digits"]
    assert module.stats.requests <= 12
