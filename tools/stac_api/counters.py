"""What was served, for `/_stats`."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from .formats import Json


class Stats:
    """What was served since the start or the last reset. Bytes are those of the bodies."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.reset()

    def reset(self) -> None:
        self.requests: Counter[str] = Counter()
        self.refused = 0
        self.bytes = 0
        self.peak_in_flight = self.in_flight

    @contextlib.contextmanager
    def request(self, route: str) -> Iterator[None]:
        self.requests[route] += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1

    def as_json(self) -> Json:
        return {
            "requests": self.requests.total(),
            "requests_by_route": dict(self.requests),
            "refused": self.refused,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "bytes": self.bytes,
        }
