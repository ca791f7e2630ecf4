"""Starts a server of a nested static catalog: in a process of its own, so that its work is not measured as ours.

Run as a program, it is that server: `python _static_server.py ITEMS.ndjson LATENCY_SECONDS`.
"""

import asyncio
import atexit
import functools
import json
import subprocess
import sys
from itertools import islice

LATENCY_SECONDS = 0.05
ITEMS_A_COLLECTION = 100
COLLECTIONS_A_CATALOG = 10


@functools.cache
def start(items_path, items, latency_seconds=LATENCY_SECONDS):
    """Start a server of the first so many items once in this process, and return the address of the catalog."""
    command = [sys.executable, __file__, str(items_path), str(items), str(latency_seconds)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.kill)
    port = server.stdout.readline().strip()
    if not port:
        raise OSError("the server of static documents did not start")
    return f"http://127.0.0.1:{port}/catalog.json"


def documents(items_path, items):
    """Return the documents of a catalog by path: catalogs of ten Collections of a hundred items each."""
    found, catalogs, collections = {}, [], []

    def catalog(path, kind, links):
        members = {"type": kind, "stac_version": "1.0.0", "id": path.strip("/"), "description": "-", "links": links}
        if kind == "Collection":
            extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
            members |= {"license": "other", "extent": extent}
        found[path] = json.dumps(members).encode()

    with open(items_path, "rb") as lines:
        number = 0
        while some := list(islice(lines, min(ITEMS_A_COLLECTION, items - number))):
            number += len(some)
            where = f"{len(collections) // COLLECTIONS_A_CATALOG}/{len(collections)}"
            for index, line in enumerate(some):
                found[f"/{where}/{index}.json"] = line
            links = [{"rel": "item", "href": f"{index}.json"} for index in range(len(some))]
            catalog(f"/{where}/collection.json", "Collection", links)
            collections.append(where)
    for first in range(0, len(collections), COLLECTIONS_A_CATALOG):
        name = str(first // COLLECTIONS_A_CATALOG)
        inner = collections[first : first + COLLECTIONS_A_CATALOG]
        links = [{"rel": "child", "href": f"{where.rpartition('/')[2]}/collection.json"} for where in inner]
        catalog(f"/{name}/catalog.json", "Catalog", links)
        catalogs.append(name)
    catalog("/catalog.json", "Catalog", [{"rel": "child", "href": f"{name}/catalog.json"} for name in catalogs])
    return found


class _Connection(asyncio.Protocol):
    """Answers GET, each request after the latency, and nothing else: a tenth of the cost of a framework."""

    def __init__(self, answers, latency_seconds):
        self._answers = answers
        self._latency_seconds = latency_seconds
        self._received = b""

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            asyncio.get_running_loop().call_later(self._latency_seconds, self._answer, path)

    def _answer(self, path):
        body = self._answers.get(path)
        status, body = (b"404 Not Found", b"") if body is None else (b"200 OK", body)
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self._transport.write(head + body)


async def _serve(items_path, items, latency_seconds):
    answers = documents(items_path, items)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answers, latency_seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await loop.run_in_executor(None, sys.stdin.read)  # until the other side ends


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
