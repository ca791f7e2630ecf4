"""Every option of the IngestModule, validated before any work is done."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_type_hints

import msgspec

from stac_manager import checks
from stac_manager.checks import short
from stac_manager.exceptions import ConfigurationError
from stac_manager.urls import is_http, is_remote, shown

NETWORK = ("timeout", "retries", "rate_limit", "user_agent", "ca_bundle", "client_cert", "trust_env")
API_ONLY = ("query", "limit", "sortby", "ordered")
FILE_ONLY = ("source_type", "format", "storage_options")
SECRETS = ("headers", "storage_options")
"""Options that may hold credentials: they are shown and written nowhere."""

Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
Names: TypeAlias = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class IngestConfig:
    """The options of one ingestion. `docs/options.md` explains each for users."""

    mode: Literal["file", "api"]
    source: Text
    source_type: Literal["auto", "file", "items_directory", "collection"] = "auto"
    format: Literal["json", "ndjson", "parquet"] | None = None
    collection_id: Text | None = None
    collections: Names | None = None
    bbox: tuple[float, ...] | None = None
    datetime: str | None = None
    intersects: dict[str, Any] | None = None
    ids: Names | None = None
    query: dict[str, Any] | None = None
    filter: dict[str, Any] | str | None = None
    fields: Names | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    max_items: Annotated[int, msgspec.Meta(ge=1)] | None = None
    headers: dict[str, str] | Callable[[], Any] = field(default_factory=dict)
    storage_options: dict[str, Any] = field(default_factory=dict)
    timeout: Annotated[float, msgspec.Meta(gt=0, le=3_600)] | None = None
    retries: Annotated[int, msgspec.Meta(ge=0, le=100)] = 6
    rate_limit: Annotated[float, msgspec.Meta(ge=0.001, le=1_000_000)] | None = None
    user_agent: Text | None = None
    ca_bundle: Text | None = None
    client_cert: str | tuple[str, str] | None = None
    trust_env: bool = True
    concurrency: int | Literal["auto"] = 1
    sortby: tuple[dict[str, str], ...] | None = None
    ordered: bool = False
    modifier: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None
    defer_gc: bool = True
    given: frozenset[str] = field(default=frozenset(), compare=False)
    """The options that were given; the others have their defaults."""

    def __repr__(self) -> str:
        values = {**self.to_json(), "source": shown(self.source)}
        values.pop("modifier", None)  # what it is bound to may be a key
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    @classmethod
    def parse(cls, options: Mapping[str, Any], mode: Literal["file", "api"] | None = None) -> IngestConfig:
        """Validate `options`. With a `mode`, they are for that one.

        Raises:
            ConfigurationError: With one line for each wrong option. Values of `headers` are never quoted.
        """
        if not isinstance(options, Mapping):
            raise ConfigurationError(f"the configuration must be a dict of options, not {type(options).__name__}")
        options = {name: str(value) if name == "source" and hasattr(value, "__fspath__") else value
                   for name, value in options.items()}  # fmt: skip
        if mode is not None and options.setdefault("mode", mode) != mode:
            raise ConfigurationError(f"option 'mode' is {options['mode']!r}; this is for mode {mode!r}")
        if "mode" not in options and isinstance(options.get("source"), str):
            options = {"mode": mode_of(options["source"]), **options}
        unknown = [f"unknown option {name!r}{_nearest(str(name))}" for name in options if name not in NAMES]
        missing = [] if "source" in options else ["option 'source' is missing"]
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for name, value in options.items():
            if name in NAMES:
                try:
                    values[name] = _read(name, value)
                except ValueError as error:
                    wrong.append(f"option {name!r}: {error}")
        if unknown or missing or wrong:
            raise ConfigurationError("\n".join((*missing, *wrong, *unknown)))
        config = cls(**values, given=frozenset(values))
        try:
            _check_together(config)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        return config

    def to_json(self) -> dict[str, Any]:
        """Return the options that were given as a JSON object, without secrets; `parse` is the way back."""
        values = {name: getattr(self, name) for name in NAMES if name in self.given and name not in SECRETS}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()} | {
            "mode": self.mode
        }


NAMES = tuple(each.name for each in fields(IngestConfig) if each.name != "given")
ELSEWHERE = {
    **dict.fromkeys(("url", "api_url", "catalog_url", "endpoint", "href", "path", "paths", "files"), "source"),
    **dict.fromkeys(("workers", "max_workers", "n_jobs", "threads", "max_concurrency"), "concurrency"),
    **dict.fromkeys(("page_size", "per_page", "page_limit", "batch_size"), "limit"),
    **dict.fromkeys(("max_results", "max_records", "max"), "max_items"),
    **dict.fromkeys(("time", "date", "interval"), "datetime"),
    **dict.fromkeys(("request_modifier", "patch_url", "sign"), "modifier"),
    **dict.fromkeys(("aoi", "geometry", "geopolygon"), "intersects"), "collection": "collection_id", "sort": "sortby",
    "cql": "filter", "max_retries": "retries", "token": "headers", "auth": "headers", "verify": "ca_bundle",
}  # fmt: skip
"""What other clients call an option."""
_READ: dict[str, Callable[[Any], Any]] = {
    "headers": checks.headers, "modifier": checks.modifier, "concurrency": checks.concurrency,
    "sortby": checks.sort_keys, "datetime": checks.interval,
}  # fmt: skip
"""Of options whose type says too little: these take what was given as it is."""
_WRITE: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("collections", "ids", "fields", "bbox"), checks.listed), "intersects": checks.mapped,
}  # fmt: skip
"""These may be written in more ways than one."""
_CHECK: dict[str, Callable[[Any], Any]] = {
    "bbox": checks.bbox, "intersects": checks.geometry, "query": checks.condition,
    "filter": checks.condition, "fields": checks.paths, "user_agent": checks.header_text,
}  # fmt: skip
"""These take a value of the right type."""

_SUCH_AS = {"bbox": "(west, south, east, north)", "query": "{'eo:cloud_cover': {'lt': 10}}", "fields": "['id']"}


def _read(name: str, value: object) -> Any:
    """Return the value of an option as it is used.

    Raises:
        ValueError: If it is wrong. Values of secrets are never quoted.
    """
    kind = _kinds()[name]
    if value is None and type(None) in get_args(kind):
        return None
    if name in _READ:
        return _READ[name](value)
    if name in _WRITE:
        value = _WRITE[name](value)
    try:
        found = msgspec.convert(checks.plain(value), kind, strict=False)
    except msgspec.ValidationError as error:
        shown = "" if name in SECRETS else f" (got {short(value)})"
        such = f", such as {_SUCH_AS[name]}" if name in _SUCH_AS else ""
        raise ValueError(f"{_expected(kind, str(error))}{such}{shown}") from None
    return _CHECK[name](found) if name in _CHECK else found


@cache
def _kinds() -> dict[str, Any]:
    return get_type_hints(IngestConfig, include_extras=True)


_WORDS = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "array": "a list",
          "object": "a dict", "null": "None"}  # fmt: skip


def _expected(kind: Any, message: str) -> str:
    """Put what msgspec says into words for people who write Python."""
    for each in (kind, *get_args(kind)):
        if getattr(each, "__origin__", None) is Literal and all(isinstance(value, str) for value in get_args(each)):
            return f"must be {' or '.join(map(repr, get_args(each)))}"
    message = message.partition(" - at ")[0].partition(", got")[0]
    message = re.sub(
        "`(.*?)`", lambda hit: " or ".join(_WORDS.get(each, each) for each in hit[1].split(" | ")), message
    )
    return message[:1].lower() + message[1:]


def mode_of(source: str) -> Literal["file", "api"]:
    """Return the mode that a source stands for: a URL with the suffix of a data file is a file, another one an API."""
    if not is_http(source):
        return "file"
    from stac_manager.files.formats import format_of_name

    name = re.split("[?#]", source, maxsplit=1)[0].rpartition("/")[2]
    return "file" if format_of_name(name) else "api"


def _check_together(config: IngestConfig) -> None:
    foreign = [name for name in (API_ONLY if config.mode == "file" else FILE_ONLY) if name in config.given]
    if foreign:
        other = "api" if config.mode == "file" else "file"
        raise ValueError(f"{', '.join(foreign)}: only for mode {other!r}, this is mode {config.mode!r}")
    if config.mode == "api" and not is_http(config.source):
        raise ValueError(f"source: mode 'api' needs an http or https URL, not {shown(config.source)!r}")
    if config.mode == "api":
        _check_url(config.source)
    if config.mode == "file" and is_remote(config.source):
        _check_remote(config)
    elif config.mode == "file":
        _check_local(config)
    if config.collections is not None and config.collection_id is not None:
        raise ValueError("collection_id, collections: give one of them")
    if config.bbox is not None and config.intersects is not None:
        raise ValueError("bbox, intersects: a search takes one of them, not both (STAC API, item-search)")
    if config.mode == "file" and (config.filter is not None or config.intersects is not None):
        from stac_manager.files.filtering.filters import filters_of

        filters_of(config)  # says what it does not understand before any work is done


def _check_remote(config: IngestConfig) -> None:
    """Check the URL of a file, and that the options are those of its store."""
    if is_http(config.source):
        _check_url(config.source)
        if config.storage_options:
            raise ValueError("storage_options: for s3, gs and az URLs; for an http or https URL give 'headers'")
    elif not config.source.partition("://")[2].partition("/")[0]:
        raise ValueError("source: the URL names no bucket")
    elif config.headers:
        raise ValueError(f"headers: for http and https; for {_scheme(config.source)} give 'storage_options'")
    elif config.client_cert:
        raise ValueError(f"client_cert: for http and https; {_scheme(config.source)} are asked without one")
    elif "retry_config" in config.storage_options and "retries" in config.given:
        raise ValueError("retries, retry_config of 'storage_options': give one of them")


def _check_local(config: IngestConfig) -> None:
    given = [name for name in ("headers", "storage_options", *NETWORK) if name in config.given]
    given = [name for name in given if getattr(config, name) not in ({}, None)]
    if given:
        raise ValueError(f"{', '.join(given)}: only for sources that are URLs; this is a local path")


def _check_url(source: str) -> None:
    from yarl import URL

    try:
        url = URL(source)
        host, user, password = url.host, url.user, url.password
        _ = url.port
    except ValueError as error:
        raise ValueError(f"source: not a URL: {error}") from None
    if not host:
        raise ValueError("source: the URL names no host")
    if user is not None or password is not None:
        raise ValueError(
            "source: leave user and password out of the URL, where they would be shown; "
            "send the header Authorization instead"
        )


def _scheme(source: str) -> str:
    return f"{source.split('://', 1)[0].lower()} URLs"


def _nearest(name: str) -> str:
    import difflib

    if name.lower() in ELSEWHERE:
        return f"; did you mean {ELSEWHERE[name.lower()]!r}?"
    close = difflib.get_close_matches(name.lower(), NAMES, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known options: {', '.join(NAMES)}"
