"""What one fetch did, and where its time went. Always on: a few clock reads an item.

Seconds are of the clock on the wall.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from stac_manager.completeness import Completeness as Completeness
from stac_manager.events import Event, Fallback, PartitionDone


def _nobody(event: Event) -> None:
    """Nobody listens."""


@dataclass(slots=True)
class IngestStats:
    """What every fetch counts. Values grow while the fetch runs and stand still when it ends.

    Attributes:
        items: Items delivered to the consumer.
        failures: Documents, lines or members that could not be delivered.
        concurrency: The level in use; with "auto", the level that it has settled on so far.
        seconds: From the start of the fetch to its end, or to the latest part of it.
        seconds_consumer: In the hands of the code that takes the items.
        notes: What was left out, and how else than usual the source was read, in sentences.
        tell: Takes the events of this fetch.
    """

    items: int = 0
    failures: int = 0
    concurrency: int = 0
    seconds: float = 0.0
    seconds_consumer: float = 0.0
    notes: list[str] = field(default_factory=list)
    tell: Callable[[Event], None] = field(default=_nobody, repr=False, compare=False)


@dataclass(slots=True)
class FileStats(IngestStats):
    """What a fetch from files counts beside.

    Attributes:
        documents: Files read.
        bytes: Bytes of the JSON and NDJSON documents read (Parquet files are read by column and not counted).
        seconds_waiting: Waiting for the disk: reads that the page cache could not serve. Known on Linux only.
        seconds_reading: Opening and reading documents, the wait for the disk included; of Parquet files also
            unpacking them and turning columns into values.
        seconds_decoding: Turning documents into dicts.
        peak_buffer: The most documents read ahead at one time, the one being decoded included.
        refusals: Answers 429 and 503 of a server.
    """

    documents: int = 0
    bytes: int = 0
    seconds_waiting: float = 0.0
    seconds_reading: float = 0.0
    seconds_decoding: float = 0.0
    peak_buffer: int = 0
    refusals: int = 0


LATENCIES_KEPT = 1_024


@dataclass(slots=True)
class ApiStats(IngestStats):
    """What a fetch from a STAC API counts beside.

    Attributes:
        requests: Requests sent, retries included.
        retries: Requests sent again after a fault.
        refusals: Answers 429 and 503.
        pauses: Times when all requests were held back, by a refusal or for five seconds by a limit that is reached.
        pages: Pages that held items.
        bytes_received: Bytes of the bodies as they came over the wire.
        bytes_decoded: Bytes of the bodies after decompression.
        seconds_waiting: Waiting for the server with nothing to hand over.
        seconds_decoding: Turning bodies into dicts.
        seconds_paused: What those pauses took.
        peak_buffer: The most pages in flight or waiting for the consumer at one time.
        peak_in_flight: The most requests in flight at one time.
        mean_in_flight: The mean number, from the first request to the last answer.
        completeness: What was proved about the result.
    """

    requests: int = 0
    retries: int = 0
    refusals: int = 0
    pauses: int = 0
    pages: int = 0
    bytes_received: int = 0
    bytes_decoded: int = 0
    seconds_waiting: float = 0.0
    seconds_decoding: float = 0.0
    seconds_paused: float = 0.0
    peak_buffer: int = 0
    peak_in_flight: int = 0
    mean_in_flight: float = 0.0
    completeness: Completeness = field(default_factory=Completeness)
    _latencies: list[float] = field(default_factory=list, repr=False)
    _answers: int = field(default=0, repr=False)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Add up the time in which there is nothing to do but to wait for the server."""
        started, decoding = perf_counter(), self.seconds_decoding
        yield
        decoded = self.seconds_decoding - decoding
        self.seconds_waiting += perf_counter() - started - decoded

    def add_latency(self, seconds: float) -> None:
        """Take note of the time from a request to the end of its answer; a bounded, evenly thinned sample is kept."""
        self._answers += 1
        if len(self._latencies) < LATENCIES_KEPT:
            self._latencies.append(seconds)
        else:
            self._latencies[self._answers * 7_919 % LATENCIES_KEPT] = seconds

    def latency(self, quantile: float) -> float:
        """Return a quantile (0 to 1) of the seconds from a request to the end of its answer; 0 before the first."""
        ordered = sorted(self._latencies)
        return ordered[min(int(quantile * len(ordered)), len(ordered) - 1)] if ordered else 0.0


class Told:
    """Tells of the notes and the finished partitions of a fetch, each once."""

    def __init__(self, stats: IngestStats) -> None:
        self._stats = stats
        self._notes = self._partitions = 0

    def tell_what_is_new(self) -> None:
        """Tell of what came since the last time."""
        stats = self._stats
        for note in stats.notes[self._notes :]:
            self._notes += 1
            stats.tell(Fallback(note))
        if isinstance(stats, ApiStats):
            for report in stats.completeness.partitions[self._partitions :]:
                self._partitions += 1
                stats.tell(PartitionDone(report))
