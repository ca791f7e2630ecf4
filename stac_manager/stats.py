"""What one fetch did, and where its time went. Always on: a few clock reads an item.

Seconds are of the clock on the wall.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class IngestStats:
    """What every fetch counts. Values grow while the fetch runs and stand still when it ends.

    Attributes:
        items: Items delivered to the consumer.
        failures: Documents, lines or members that could not be delivered.
        concurrency: The level in use; with "auto", the level that it has settled on so far.
        seconds: From the start of the fetch to its end, or to the latest part of it.
        seconds_consumer: In the hands of the code that takes the items.
    """

    items: int = 0
    failures: int = 0
    concurrency: int = 0
    seconds: float = 0.0
    seconds_consumer: float = 0.0


@dataclass(slots=True)
class FileStats(IngestStats):
    """What a fetch from files counts beside.

    Attributes:
        documents: Files read.
        bytes: Bytes of the JSON and NDJSON documents read (Parquet files are read by column and not counted).
        seconds_waiting: Waiting for the disk: reads that the page cache could not serve. Known on Linux only.
        seconds_reading: Opening and reading documents, the wait for the disk included.
        seconds_decoding: Turning documents into dicts.
        peak_buffer: The most documents read ahead at one time, the one being decoded included.
    """

    documents: int = 0
    bytes: int = 0
    seconds_waiting: float = 0.0
    seconds_reading: float = 0.0
    seconds_decoding: float = 0.0
    peak_buffer: int = 0


@dataclass(slots=True)
class ApiStats(IngestStats):
    """What a fetch from a STAC API counts beside.

    Attributes:
        requests: Requests sent, the landing page and redirects included.
        pages: Pages that held items.
        bytes_decoded: Bytes of the bodies after decompression.
        seconds_waiting: From each request to the end of its answer.
        seconds_decoding: Turning bodies into dicts.
    """

    requests: int = 0
    pages: int = 0
    bytes_decoded: int = 0
    seconds_waiting: float = 0.0
    seconds_decoding: float = 0.0
