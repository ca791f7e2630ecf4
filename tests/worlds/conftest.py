"""No test here waits for a real back-off, or knows what another one found out about a server."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator

import pytest
from servers.network import usual_authorities

from stac_manager.api import page_sizes
from stac_manager.network import backoff

__all__ = ["hundredfold", "usual_authorities"]

LONGEST_SECONDS = 300
"""Nothing here takes this long, on a machine that is busy with other work either."""


@pytest.fixture(autouse=True)
def hundredfold(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Waits are a hundredth of what they are outside: an outage of 0.1 s is one of 10 s."""
    for name in ("RETRY_BASE_SECONDS", "RETRY_CAP_SECONDS"):
        monkeypatch.setattr(backoff, name, getattr(backoff, name) / 100)
    page_sizes.forget()
    yield
    page_sizes.forget()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """Ends what would go on for ever, also where it is in a loop that awaits nothing: the test, and not its report."""

    def stop(number: int, frame: object) -> None:
        raise AssertionError(f"no end after {LONGEST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_SECONDS, 1.0)  # again, where somebody caught it
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
