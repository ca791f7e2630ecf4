"""The options of an ingestion, for type checkers: a typo is an error before anything runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date
from os import PathLike
from typing import Any, Literal, Protocol, Required, TypeAlias, TypedDict

Headers: TypeAlias = Mapping[str, str] | Callable[[], Mapping[str, str]] | Callable[[], Awaitable[Mapping[str, str]]]
"""Headers, or a function that returns them: it is called again when the server answers 401."""
Time: TypeAlias = str | date | None
"""An instant, or the end of an interval: text, or a date or datetime; None is open."""


class Geometry(Protocol):
    """An object with a `__geo_interface__`, such as a shape of shapely."""

    @property
    def __geo_interface__(self) -> Mapping[str, Any]: ...


class IngestOptions(TypedDict, total=False):
    """What `IngestModule` takes, as a dict or as keyword arguments. `help(IngestModule)` says what each means."""

    source: Required[str | PathLike[str]]
    mode: Literal["file", "api"]
    source_type: Literal["auto", "file", "items_directory", "collection"]
    format: Literal["json", "ndjson", "parquet"] | None
    collection_id: str | None
    collections: Iterable[str] | None
    bbox: Iterable[float] | str | None
    datetime: Time | tuple[Time, Time] | list[Time]
    intersects: Mapping[str, Any] | Geometry | str | None
    ids: Iterable[str] | None
    query: Mapping[str, Any] | None
    filter: Mapping[str, Any] | str | None
    fields: Iterable[str] | None
    sortby: str | Sequence[str | Mapping[str, str]] | None
    limit: int
    max_items: int | None
    headers: Headers
    storage_options: Mapping[str, Any]
    timeout: float | None
    retries: int
    rate_limit: float | None
    user_agent: str | None
    ca_bundle: str | None
    client_cert: str | tuple[str, str] | None
    trust_env: bool
    concurrency: int | Literal["auto"]
    ordered: bool
    modifier: Callable[[dict[str, Any]], dict[str, Any] | None] | None
    defer_gc: bool
