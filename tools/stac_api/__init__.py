"""The local STAC API that `tools/stac_api_server.py` runs, from the files to the socket.

What is served: `items`, `collection_documents`, with `instants`, `boxes` and `shapes` for time and space. What is
asked: `request_parts`, `search`. What is found: `catalog`, `store`. What is said: `links`, `answers`, `conformance`,
`openapi`. The endpoints: `documents`, `item_pages`, `aggregations`. In front of them, in `server`: latency,
`throttle`, `counters`. Around it all: `options`, `program`.
"""
