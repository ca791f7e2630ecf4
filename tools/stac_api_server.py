"""A local STAC API with latency: what the API benchmarks run against.

    python tools/stac_api_server.py items.ndjson --port 8080 --latency 0.1

Serves the items of NDJSON files over STAC API 1.0.0 (Core, Collections, Item Search without `intersects`). Every
request takes at least the latency; apart from it the server is as cheap as it can be, so that a benchmark measures the
client: a search answers with the items' own bytes, each as its line in the file, and what a search found is remembered
while its pages are fetched.

Items are ordered newest first: by the start of their range, then by id, both descending. An item's range is
`start_datetime` to `end_datetime` when both are set, else `datetime` twice; it matches a datetime filter when the two
overlap, ends included, to the microsecond.

`--help` lists what makes it behave like other servers. `GET /_stats` counts what was served and `POST /_stats/reset`
starts again, throttle and failures included; neither waits nor is counted itself.

It needs aiohttp, msgspec and orjson only, so that any interpreter which has them can run it.
"""

import sys
from pathlib import Path

if not __package__:  # Started as a program: the folder above is not on the path.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.stac_api.program import main

if __name__ == "__main__":
    sys.exit(main())
