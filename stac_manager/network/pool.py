"""Connections that several searches share: a new one to a secure server costs two round trips and a handshake."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp


class Pool:
    """Keeps the connections to the server of one configuration, in one event loop, in which it is to be closed."""

    def __init__(self) -> None:
        self._connector: aiohttp.BaseConnector | None = None

    def connector(self, make: Callable[[], aiohttp.BaseConnector]) -> aiohttp.BaseConnector:
        """Return what keeps the connections, made by the first who asks."""
        if self._connector is None:
            self._connector = make()
        return self._connector

    async def close(self) -> None:
        """Close the connections."""
        if self._connector is not None:
            await self._connector.close()
            self._connector = None
