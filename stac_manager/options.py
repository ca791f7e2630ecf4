"""The options of an ingestion, for type checkers: a typo is an error before anything runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Required, TypeAlias, TypedDict

Headers: TypeAlias = Mapping[str, str] | Callable[[], Mapping[str, str]] | Callable[[], Awaitable[Mapping[str, str]]]
"""Header lines, or a function that gives them: it is asked again when the server answers 401."""


class IngestOptions(TypedDict, total=False):
    """What `IngestModule` takes, as a dict or as keyword arguments. `help(IngestModule)` says what each means."""

    source: Required[str | PathLike[str]]
    mode: Literal["file", "api"]
    source_type: Literal["auto", "file", "items_directory", "collection"]
    format: Literal["json", "ndjson", "parquet"] | None
    collection_id: str | None
    collections: Sequence[str] | None
    bbox: Sequence[float] | None
    datetime: str | None
    intersects: Mapping[str, Any] | None
    ids: Sequence[str] | None
    query: Mapping[str, Any] | None
    filter: Mapping[str, Any] | str | None
    fields: Sequence[str] | None
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
