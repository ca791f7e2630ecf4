"""What modules look like to the code that runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from stac_manager.context import WorkflowContext

Item: TypeAlias = dict[str, Any]
"""A STAC Item as parsed JSON (STAC 1.1, item-spec)."""


@runtime_checkable
class Fetcher(Protocol):
    """Something that yields STAC items, one by one, without holding them all."""

    def fetch(self, context: WorkflowContext) -> AsyncIterator[Item]:
        """Yield every item of the source exactly once."""
        ...
