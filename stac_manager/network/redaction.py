"""Failures and errors without credentials, which a server may repeat in links, ids and members."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from stac_manager.context import FAILURES_KEPT, FailureCollector, OwnFailures
from stac_manager.network.secrets import Secrets, redacted

MORE_OF_A_KIND = "as those before"


def redact(error: Exception, secrets: Collection[Secrets], instead: str) -> None:
    """Leave no credentials in an error, nor in what has led to it."""
    if secrets:
        error.__cause__ = error.__context__ = None
        words = str(error)
        if (found := redacted(secrets, words, "")) != words:
            error.args = (found or redacted(secrets, instead),)


class RedactingFailures(OwnFailures):
    """Hands failures on without credentials.

    Args:
        secrets: Returns what must not be shown.
        source: Stands in place of an address that has them in it.
    """

    def __init__(self, failures: FailureCollector, secrets: Callable[[], Iterable[Secrets]], source: str) -> None:
        super().__init__(failures)
        self._secrets, self._source = secrets, source

    def add(self, source: str, reason: str, *, line: int | None = None) -> None:
        secrets = tuple(self._secrets())
        if secrets and len(self) >= FAILURES_KEPT and self._is_known(reason):
            super().add(self._source, MORE_OF_A_KIND)  # is counted alone: to look for credentials takes 0.1 ms
        else:
            super().add(redacted(secrets, source, self._source), redacted(secrets, reason), line=line)

    def pass_over(self, source: str) -> None:
        self._to.pass_over(redacted(self._secrets(), source, self._source))

    def turn_page(self, source: str, following: str) -> None:
        self._to.turn_page(redacted(self._secrets(), source, self._source), redacted(self._secrets(), following))
