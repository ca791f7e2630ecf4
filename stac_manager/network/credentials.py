"""The headers that the user gives: as they are, or from a function that is asked again once the server refuses them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping

from stac_manager.checks import check_headers
from stac_manager.exceptions import ConfigurationError
from stac_manager.network.secrets import Secrets
from stac_manager.options import Headers

MAX_RENEWALS = 5
"""How often one request is refused with credentials that were asked for before it is given up."""


class Credentials:
    """The headers in use, and how to get new ones.

    Args:
        headers: A mapping, or a function that returns one (or an awaitable of one).
        complete: Adds what is known from elsewhere, such as netrc.
        beside: What must not be shown either.
    """

    def __init__(
        self,
        headers: Headers,
        complete: Callable[[Mapping[str, str]], Mapping[str, str]] = dict,
        beside: tuple[Secrets, ...] = (),
    ) -> None:
        self._headers, self._complete, self._beside = headers, complete, beside
        self._known: Mapping[str, str] | None = None
        self._lock = asyncio.Lock()
        self.issue = 0
        """How often they were asked for."""
        self.accepted = 0
        """How many requests were answered that were sent with them, of any issue."""
        self.secrets: tuple[Secrets, ...] = ()
        """What is sent and must not be shown."""

    @property
    def hidden(self) -> tuple[Secrets, ...]:
        """All that must not be shown, though a server may repeat it."""
        return (*self._beside, *self.secrets)

    @property
    def renewable(self) -> bool:
        return callable(self._headers)

    async def current(self) -> Mapping[str, str]:
        """Return the headers, asking for them the first time."""
        if self._known is None:
            await self.renew(self.issue)
        assert self._known is not None
        return self._known

    async def renew(self, issue: int) -> bool:
        """Ask for new ones, unless somebody did since `issue`. One at a time asks, the others wait for what comes.

        Returns:
            Whether they were asked for.

        Raises:
            ConfigurationError: If the function returns no headers. Never quotes them.
        """
        async with self._lock:
            if self.issue != issue:
                return False
            headers = self._headers() if callable(self._headers) else self._headers
            if inspect.isawaitable(headers):
                headers = await headers
            try:
                check_headers(headers)
            except ValueError as error:
                raise ConfigurationError(f"option 'headers': {error}") from None
            self._known = dict(self._complete(headers))
            self.issue += 1
            self.secrets = (Secrets(self._known),) if self._known else ()
            return True


class Renewals:
    """New credentials for one request, which the server refuses with those that it has."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self.count = 0

    async def ask(self, issue: int, accepted: int) -> bool:
        """Ask for them, if that can be and was not in vain too often; tell whether to send the request again. It was
        sent with those of an `issue`, when so many requests had been `accepted`."""
        credentials = self._credentials
        if not credentials.renewable or self.count >= MAX_RENEWALS:
            return False
        # Not counted where it was sent with old ones, and others have got through with newer ones meanwhile.
        self.count += await credentials.renew(issue) or credentials.accepted == accepted
        return True
