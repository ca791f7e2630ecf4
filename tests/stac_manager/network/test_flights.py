"""How many requests were in flight with one of them."""

from __future__ import annotations

import pytest

from stac_manager.network import flights as flights_module
from stac_manager.stats import ApiStats


@pytest.mark.parametrize(
    ("begin", "end", "beside"),
    [
        ([0.0] * 8, [1.0] * 8, [8] * 8),  # answers that come together: the last one is not alone
        ([0.0] * 4, [1.0, 2.0, 3.0, 4.0], [4.0, 3.5, 3.0, 2.5]),
        ([0.0, 1.0], [1.0, 2.0], [1.0, 1.0]),
    ],
)
def test_how_many_were_in_flight_in_the_mean(
    begin: list[float], end: list[float], beside: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(flights_module, "perf_counter", lambda: now)
    flights = flights_module.Flights(ApiStats())
    changes = sorted([(time, 1, n) for n, time in enumerate(begin)] + [(time, -1, n) for n, time in enumerate(end)])
    before, means = {}, [0.0] * len(begin)
    for now, change, number in changes:  # noqa: B007 - the clock
        busy = flights.change(change)
        if change > 0:
            before[number] = busy
        else:
            means[number] = (busy - before[number]) / (end[number] - begin[number])
    assert means == beside
