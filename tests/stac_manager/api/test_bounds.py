"""What bounds the wire: bytes, secrets, addresses, retries, sizes of pages. Pure rules, as tables."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import socket
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from unittest import mock
from urllib.parse import quote

import brotli
import pytest
from yarl import URL

from stac_manager import ConfigurationError, DataProcessingError
from stac_manager.api import features, large, page_sizes
from stac_manager.api.page_sizes import PAGES_BEFORE_GROWING, PageSize
from stac_manager.api.requests import Request, limit_of
from stac_manager.network import bodies, decoding
from stac_manager.network.credentials import Credentials
from stac_manager.network.links import refuse_foreign
from stac_manager.network.messages import LEFT_OUT, of_error, server_message
from stac_manager.network.private import GuardedResolver, PrivateAddressError, is_private
from stac_manager.network.redaction import redact
from stac_manager.network.retrying import Decision, Fault, Tries, decide
from stac_manager.network.secrets import LONGEST_TEXT, Secrets, redacted

TOKEN = "s3cret/Token+value=="
SECRETS = Secrets({"Authorization": f"Bearer {TOKEN}", "X-Key": "k3y-0000-1111-2222"})


@pytest.mark.parametrize(
    "said",
    [
        f"no such token {TOKEN}",
        f"no such token {TOKEN.upper()}",
        f"no such token {quote(TOKEN, safe='')}",
        f"no such token {quote(quote(TOKEN, safe=''), safe='')}",
        f"no such token {base64.b64encode(TOKEN.encode()).decode()}",
        f"no such token {base64.b64encode(b'user:' + TOKEN.encode()).decode()}",
        f"no such token {TOKEN.encode().hex()}",
        f"no such token {base64.b85encode(TOKEN.encode()).decode()}",
        f"no such token {base64.a85encode(b'token=' + TOKEN.encode()).decode()}",
        "no such token " + "".join(f"\\u{ord(character):04x}" for character in TOKEN),
        "no such token " + "".join(f"\\x{ord(character):02x}" for character in TOKEN),
        f"no such token {TOKEN[:6]}\n{TOKEN[6:]}",
        f"no such token {' '.join(TOKEN)}",
        f"no such token {TOKEN[::-1]}",
        f"no such token {quote(quote(quote(TOKEN, safe=''), safe=''), safe='')}",
        "no such token " + " ".join(f"0x{character:02x}" for character in TOKEN.encode()),
        "no such token " + "".join(f"\\u{{{ord(character):x}}}" for character in TOKEN),
        f"no such token {list(TOKEN.encode())}",
        "no such token " + quote("".join(f"\\u{ord(character):04x}" for character in TOKEN)),
        "no such token " + quote("".join(f"&#{ord(character)};" for character in TOKEN)),
        "no such token " + quote(f"{list(TOKEN.encode())}"),
        f"no such token {base64.b64encode(base64.b64encode(TOKEN.encode())).decode()}",
        f"no such token {quote(base64.b64encode(quote(TOKEN).encode()).decode())}",
        f"no such token {TOKEN[:-4]}...",
        "wrong key k3y 0000 1111 2222",
    ],
)
@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_no_message_repeats_credentials(said: str, status: int) -> None:
    body = json.dumps({"description": said}).encode()
    words = of_error(status, body, (SECRETS,))
    assert words.partition(": ")[2] == ("" if status in (401, 403) else LEFT_OUT)


@pytest.mark.parametrize("words", ["x" * 1_000_000, "x" * 1_000_000 + TOKEN])
def test_no_more_of_a_text_is_looked_at_and_shown_than_some_thousand_characters(words: str) -> None:
    assert redacted([SECRETS], words) == "x" * LONGEST_TEXT + "..."
    error = DataProcessingError(words)
    redact(error, [SECRETS], "left out")
    assert str(error) == "x" * LONGEST_TEXT + "..."


@pytest.mark.parametrize("status", [401, 403, 404])
def test_other_messages_are_shown(status: int) -> None:
    body = json.dumps({"description": "bbox is required, and so is a bearer"}).encode()
    assert of_error(status, body, ()).endswith(": bbox is required, and so is a bearer")
    assert of_error(404, body, (SECRETS,)) == "404 Not Found: bbox is required, and so is a bearer"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"detail": "a\\u001b[31mb\\u0007c\\u202ed\\u0085e"}', "a [31mb c d e"),
        (b"\x1b]0;title\x07 plain \x9b text", "]0;title plain � text"),
        (b"[" * 300 + b"]" * 300, "[" * 300 + "..."),
        (b"x" * 10_000_000, "x" * 300 + "..."),
        (b'{"detail": "short", "x": "' + b"x" * 100_000 + b'"}', '{"detail": "short", "x": "' + "x" * 274 + "..."),
        (b"", ""),
        (b"<?xml version='1.0'?><Error><Message>Request has expired</Message></Error>", "Request has expired"),
        (b"<html><h1>Blocked</h1>\n<hr>gateway</html>", "Blocked gateway"),
        (b"<" * 60_000, "<" * 300 + "..."),
    ],
)
def test_messages_are_short_and_printable(body: bytes, message: str) -> None:
    assert server_message(body) == message


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("localhost", True), ("LOCALHOST.", True), ("a.localhost", True),
        ("10.0.0.1", True), ("192.168.1.1", True), ("172.16.0.1", True), ("169.254.169.254", True), ("0.0.0.0", True),
        ("::1", True), ("fe80::1", True), ("fd00::1", True), ("::ffff:10.0.0.1", True), ("100.64.0.1", True),
        ("64:ff9b::7f00:1", True), ("64:ff9b:1::a00:1", True), ("2002:a9fe:a9fe::1", True), ("::127.0.0.1", True),
        ("fec0::1", True), ("127.0x0.0.1", True), ("a.0", True), ("b0x.example", False), ("ff02::1", True),
        ("224.0.0.1", True), ("64:ff9b::808:808", False), ("127%E3%80%820%E3%80%820%E3%80%821", True),
        ("%6cocalhost", True), ("\uff4cocalhost", True), ("fe80::1%25eth0", True), ("fe80::1%ab", True),
        ("127\u30020\u30020\u30021", True), ("b\u00fccher.example", False), ("a%2eexample", False),
        ("metadata.google.internal", True), ("8.8.8.8", False), ("2606:4700::1", False), ("example.com", False),
    ],
)  # fmt: skip
def test_private_networks(host: str, private: bool) -> None:
    assert is_private(host) is private
    link = URL.build(scheme="http", host=host, path="/x")
    refuse_foreign(link, URL("http://127.0.0.1:8080/"))
    refuse_foreign(link, URL.build(scheme="https", host=host))
    if private:
        with pytest.raises(DataProcessingError, match="private network"):
            refuse_foreign(link, URL("https://example.org/"))
    else:
        refuse_foreign(link, URL("https://example.org/"))


@pytest.mark.parametrize(("found", "refused"), [(["8.8.8.8", "127.0.0.1"], 1), (["10.0.0.1", "10.0.0.2"], None)])
async def test_the_first_look_up_tells_whether_a_source_is_private(
    found: list[str], refused: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later ones are the server's to choose (DNS rebinding)."""
    resolver = GuardedResolver("a.example")
    for number, address in enumerate(found):
        answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, answer=answer, **__: answer)
        with pytest.raises(PrivateAddressError) if number == refused else nullcontext():
            assert (await resolver.resolve("a.example", 80))[0]["host"] == address


@pytest.mark.parametrize("link", ["file:///etc/passwd", "ftp://example.org/x", "javascript:alert(1)"])
def test_other_schemes(link: str) -> None:
    with pytest.raises(DataProcessingError, match="not http or https"):
        refuse_foreign(URL(link), URL("https://example.org/"))


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


NESTED: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data))),
    ("deflate, br", lambda data: brotli.compress(deflated(data))),
    ("gzip", lambda data: gzip.compress(gzip.compress(data))),
    ("", gzip.compress),
    ("gzip, identity, br", lambda data: brotli.compress(gzip.compress(data))),
]


@pytest.mark.parametrize(("coding", "pack"), NESTED)
async def test_nested_codings_are_undone(coding: str, pack: Callable[[bytes], bytes]) -> None:
    data = json.dumps(list(range(200_000))).encode()
    assert await bodies.decompressed(pack(data), coding) == data


BOMB = b" " * (40 * bodies.MEGABYTE)
BOMBS: list[tuple[str, Callable[[], bytes], str]] = [
    ("gzip", lambda: gzip.compress(BOMB), "200 times"),
    ("deflate", lambda: zlib.compress(BOMB), "200 times"),
    ("br", lambda: brotli.compress(BOMB, quality=2), "200 times"),
    ("gzip, gzip", lambda: gzip.compress(gzip.compress(BOMB)), "200 times"),
    ("gzip", lambda: gzip.compress(b" " * bodies.MEGABYTE) * 40, "200 times"),
    ("gzip", lambda: gzip.compress(b"") * 20_000, "more than 10000 gzip members"),
    ("gzip, gzip, gzip, gzip", lambda: b"x", "4 codings"),
    ("zstd" + "\x1b" * 99, lambda: b"x", "unknown Content-Encoding 'zstd"),
]


@pytest.mark.parametrize(("coding", "bomb", "says"), BOMBS)
async def test_bombs_are_not_unpacked(coding: str, bomb: Callable[[], bytes], says: str) -> None:
    taken = 0

    async def take(count: int) -> None:
        nonlocal taken
        taken += count

    with pytest.raises(DataProcessingError, match=says) as caught:
        await bodies.decompressed(bomb(), coding, take)
    assert str(caught.value).isprintable()
    assert taken <= bodies.RATIO_FREE_BYTES + bodies.STEP_BYTES


async def test_all_answers_together_are_bounded_and_the_oldest_goes_on() -> None:
    budget = bodies.Budget()
    order = []

    async def read(name: str, pieces: int) -> None:
        for _ in range(pieces):
            await budget.take(name, 60)
        order.append(name)
        budget.release(name)

    with mock.patch.object(bodies, "BYTES_IN_FLIGHT", 100):
        await budget.take("old", 60)
        young = asyncio.create_task(read("young", 2))
        await asyncio.sleep(0)
        assert not young.done()
        await read("old", 5)
        await young
    assert order == ["old", "young"]


FEATURES = {"features": ["item 'ö?': a text is not valid UTF-8", 1], "a": decoding.NO_TEXT}


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": NaN, "b": -Infinity}', None),
        (b'{"a": [1, -2.5e3, 0.1]}', {"a": [1, -2500.0, 0.1]}),
        (b"\xef\xbb\xbf[1]", [1]),
        ('["ö"]'.encode("utf-16"), ["ö"]),
        ('["ö", "o"]'.encode("latin-1"), ["a text is not valid UTF-8", "o"]),
        (b'{"features": [{"id": "\xc3\xb6\xc3"}, 1], "a": "\xf6"}', FEATURES),
        (b'["a\tb\n", "\\ud800"]', ["a\tb\n", "\ud800"]),
        (b'["a\0b"]', ValueError),
        (b"[" * 300 + b"]" * 300, None),
        (b"[" * 100_000 + b"]" * 100_000, ValueError),
        (b"1" * 5000, ValueError),
        (b"[NaN," + b"1" * 5000 + b"]", ValueError),
        (b"\xff\xfe", ValueError),
        (b'{"a": NaN', ValueError),
    ],
)
def test_what_others_write_is_decoded_or_refused(data: bytes, value: object) -> None:
    if value is ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - every decoder has words of its own
            decoding.decoded(data)
    else:
        found = decoding.decoded(data)
        assert value is None or found == value


def test_a_number_without_end_is_named() -> None:
    with pytest.raises(ValueError, match=r"^a number has too many digits$"):
        decoding.decoded(b"1" * 5_000)


LINKS = b'"links": []}'


@pytest.mark.parametrize(
    ("data", "members"),
    [
        (b'{"type": "x", "features": [{"id": "]}"}, {"a": NaN}],' + LINKS, 2),
        (b'{"links": [], "a": NaN, "features": [1, [[], "\\"]"], {}]}', 3),
        (b'\xef\xbb\xbf{"features": [{"id": 1}], ' + LINKS, 1),
        ('{"features": [{"id": "ö"}], "links": []}'.encode("utf-16"), 1),
        (b'{"features": [], ' + LINKS, 0),
        (b'{"features": [{"id": 1}], "more": "' + b"x" * 300 + b'", ' + LINKS, ValueError),
        (b'{"features": [' + b"[]," * 300 + b"1]}", bodies.RefusedBodyError),
        (b'{"features": [{"id": 1}, ], ' + LINKS, ValueError),
        (b'{"features": [{"id": 1}', ValueError),
        (b'{"features": [{"id": tru}], ' + LINKS, ValueError),
        (b'{"features": [{"id": "' + b'\\"' * 1_100_000 + b'"}, {}], ' + LINKS, 2),
        (b'{"landing": "page", ' + LINKS, ValueError),
        (b'{"landing": "' + b"x" * 300 + b'", ' + LINKS, ValueError),
        (b"[" * 300 + b"]" * 300, ValueError),
    ],
)
async def test_what_is_large_is_read_as_items_or_refused(data: bytes, members: Any) -> None:
    with (
        mock.patch.object(features, "WHOLE_BYTES", 0),
        mock.patch.object(features, "DECODED_AT_ONCE_BYTES", 200),
        mock.patch.object(features, "MOST_MEMBERS", 100),
    ):
        if isinstance(members, int):
            document = await features.document_of(data, "", outline=False)
            assert document.count == members == len(list(large.without_pauses(document.in_turns())))
            assert document.members["links"] == []
            return
        with pytest.raises(members):
            await features.document_of(data, "", outline=False)


STATUS_500, STATUS_504 = Fault("", "status", status=500), Fault("", "status", status=504)
LOST, SLOW, REFUSED = Fault("", "lost"), Fault("", "slow"), Fault("", "status", status=429)
GARBLED = Fault("", "garbled", digest=7)


@pytest.mark.parametrize(
    ("fault", "attempts", "shrinkable", "decision"),
    [
        (STATUS_500, 1, 2, "again"),
        (STATUS_500, 2, 2, "smaller"),
        (STATUS_500, 2, 0, "again"),
        (STATUS_500, 7, 0, "give up"),
        (STATUS_504, 1, 2, "again"),
        (STATUS_504, 2, 2, "smaller"),
        (STATUS_500, 1, 1, "smaller"),
        (GARBLED, 1, 1, "smaller"),
        (GARBLED, 1, 2, "again"),
        (LOST, 6, 2, "again"),
        (LOST, 7, 2, "give up"),
        (SLOW, 1, 2, "smaller"),
        (SLOW, 1, 0, "again"),
        (REFUSED, 3, 2, "again"),
        (REFUSED, 7, 2, "give up"),
    ],
)
def test_what_follows_a_fault(fault: Fault, attempts: int, shrinkable: int, decision: Decision) -> None:
    assert decide(fault, Tries(7, shrinkable, attempts=attempts)) == decision


@pytest.mark.parametrize(("most", "attempts", "decision"), [(1, 2, "give up"), (2, 2, "again"), (2, 7, "give up")])
def test_a_refusal_says_nothing_of_a_page_that_is_asked_for_twice_only(most: int, attempts: int, decision: str) -> None:
    refused = Fault("", "status", status=503, refused=True)
    assert decide(refused, Tries(most, attempts=attempts, usual=7)) == decision
    assert decide(Fault("", "status", status=500), Tries(most, attempts=attempts, usual=7)) == "give up"


@pytest.mark.parametrize(
    ("link", "others_refused", "sent"),
    [(True, 0, 5), (True, 1, 12), (False, 0, 12)],  # where others are refused, too, so many are too many
)
def test_a_link_that_others_get_past_is_good_no_longer(link: bool, others_refused: int, sent: int) -> None:
    forbidden, tries = Fault("", "status", status=403, refused=True), Tries(3, link=link)
    for attempt in range(1, 99):
        tries.count(forbidden, attempt, attempt * (1 + others_refused))
        if decide(forbidden, tries) == "give up":
            break
    assert attempt == sent


def test_the_same_garbled_answer_again_is_no_passing_fault() -> None:
    fault = Fault("", "garbled", digest=7)
    for before, decision in ((0, "again"), (8, "again"), (7, "give up")):
        assert decide(fault, Tries(7, attempts=2, digest=before)) == decision
    assert decide(fault, Tries(7, shrinkable=2, attempts=2, digest=7)) == "smaller"


def test_sizes_of_pages_shrink_grow_and_are_remembered() -> None:
    page_sizes.forget()
    size = PageSize("http://a.example/x", 100)
    size.failed(25)
    assert size.now == 25
    assert not size.helped, "where a page fails however small it is, none of four comes"
    assert page_sizes.working("http://a.example/", 100)[0] == 100, "nothing came of that size yet"
    seen = []
    for _ in range(3 * PAGES_BEFORE_GROWING):
        size.came(size.now)
        seen.append(size.now)
    assert seen[PAGES_BEFORE_GROWING - 1] == 50
    assert seen[-1] == 100
    assert size.helped
    assert page_sizes.working("http://a.example/", 100)[0] == 100, "large pages work again"
    size.failed(50)
    for _ in range(PAGES_BEFORE_GROWING):
        size.came(50)
    assert size.now == 100
    size.failed(50)  # growing was in vain: longer until the next time
    for _ in range(PAGES_BEFORE_GROWING):
        size.came(50)
    assert size.now == 50
    assert page_sizes.working("http://a.example/y", 100)[0] == 50
    assert page_sizes.working("http://b.example/", 100)[0] == 100
    later = PageSize("http://a.example/y", 100)
    for number in range(2 * PAGES_BEFORE_GROWING):
        assert later.now == 50, f"grown after {number} pages"
        later.came(50)
    assert later.now == 100


async def test_credentials_come_from_a_mapping_or_a_function() -> None:
    calls = 0

    async def headers() -> dict[str, str]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        return {"Authorization": f"Bearer {calls}"}

    credentials = Credentials(headers)
    assert (await credentials.current())["Authorization"] == "Bearer 1"
    issue = credentials.issue
    await asyncio.gather(*(credentials.renew(issue) for _ in range(5)))
    assert (await credentials.current())["Authorization"] == "Bearer 2", "five requests ask for new ones once"
    assert not Credentials({"A": "b"}).renewable
    assert await Credentials(lambda: {"A": "b"}).current() == {"A": "b"}


@pytest.mark.parametrize("wrong", [None, ["a"], {"a b": "c"}, {"a": 1}, {"a": "b\r\nc"}])
async def test_a_function_that_returns_no_headers_is_named(wrong: object) -> None:
    with pytest.raises(ConfigurationError, match="option 'headers': "):
        await Credentials(lambda: wrong).current()  # type: ignore[arg-type, return-value]


def test_a_limit_of_5000_digits_is_no_size_of_page() -> None:
    assert limit_of(Request("GET", f"http://a.example/search?limit={'9' * 5000}")) is None
    assert limit_of(Request("GET", "http://a.example/search?x=1&limit=250")) == 250
