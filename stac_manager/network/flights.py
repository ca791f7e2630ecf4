"""How many requests are on their way."""

from __future__ import annotations

from time import perf_counter

from stac_manager.stats import ApiStats


class Flights:
    """How many requests are in flight, the most and the mean."""

    def __init__(self, stats: ApiStats) -> None:
        self._stats = stats
        self.count = 0
        self._busy_seconds = 0.0  # requests in flight, summed over time
        self._since = self._first = perf_counter()

    def change(self, change: int) -> float:
        """Count one more or less; return how many were in flight, summed over time until now."""
        now = perf_counter()
        self._busy_seconds += self.count * (now - self._since)
        self._since = now
        self.count += change
        self._stats.requests += change > 0
        self._stats.peak_in_flight = max(self._stats.peak_in_flight, self.count)
        self._stats.mean_in_flight = self._busy_seconds / max(now - self._first, 1e-9)
        return self._busy_seconds
