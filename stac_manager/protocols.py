"""What modules look like to the code that runs them."""

from collections.abc import AsyncIterator
from typing import Any, Protocol, TypeAlias, runtime_checkable

from stac_manager.context import WorkflowContext

Item: TypeAlias = dict[str, Any]
"""A STAC Item as parsed JSON (STAC 1.1, item-spec)."""


@runtime_checkable
class Fetcher(Protocol):
    """Something that yields STAC items, one by one, without holding them all."""

    def fetch(self, context: WorkflowContext) -> AsyncIterator[Item]:
        """Yield every item of the source exactly once."""
        ...
