"""Every option of the IngestModule, validated before any work is done."""

from __future__ import annotations

import difflib
import inspect
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime as Datetime
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from stac_manager.exceptions import ConfigurationError

NETWORK = ("timeout", "retries", "rate_limit", "user_agent", "ca_bundle", "client_cert", "trust_env")
API_ONLY = ("query", "limit", "sortby", "ordered")
FILE_ONLY = ("source_type", "format", "storage_options")
FILTERS = ("collections", "ids", "datetime", "bbox", "intersects", "filter")
ITEM_MEMBERS = ("type", "stac_version", "stac_extensions", "id", "geometry", "bbox", "properties", "links", "assets",
                "collection")  # fmt: skip

SECRETS = ("headers", "storage_options")
"""Options that may hold credentials: they are shown and written nowhere."""

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_FILE_URL = re.compile(r"[^/?#]\.(geo)?(json|jsonl|ndjson|parquet|pq)(\.gz|\.zst)?([?#]|$)", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
    r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.IGNORECASE,
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_GEOMETRY_MEMBER = {
    **dict.fromkeys(("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"), "coordinates"),
    "GeometryCollection": "geometries",
}


class IngestConfig(BaseModel):
    """The options of one ingestion. `docs/options.md` explains each for users."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)

    mode: Literal["file", "api"]
    source: str = Field(min_length=1)
    source_type: Literal["auto", "file", "items_directory", "collection"] = "auto"
    format: Literal["json", "ndjson", "parquet"] | None = None
    collection_id: str | None = Field(default=None, min_length=1)
    collections: tuple[str, ...] | None = Field(default=None, min_length=1)
    bbox: tuple[float, ...] | None = None
    datetime: str | None = None
    intersects: dict[str, Any] | None = None
    ids: tuple[str, ...] | None = Field(default=None, min_length=1)
    query: dict[str, Any] | None = None
    filter: dict[str, Any] | str | None = None
    fields: tuple[str, ...] | None = Field(default=None, min_length=1)
    limit: int = Field(default=100, ge=1, le=10_000)
    max_items: int | None = Field(default=None, ge=1)
    headers: dict[str, str] | Callable[[], Any] = Field(default_factory=dict, repr=False)
    storage_options: dict[str, Any] = Field(default_factory=dict, repr=False)
    timeout: float | None = Field(default=None, gt=0, le=3_600)
    retries: int = Field(default=6, ge=0, le=100)
    rate_limit: float | None = Field(default=None, ge=0.001, le=1_000_000)
    user_agent: str | None = Field(default=None, min_length=1)
    ca_bundle: str | None = Field(default=None, min_length=1)
    client_cert: str | tuple[str, str] | None = None
    trust_env: bool = True
    concurrency: int | Literal["auto"] = 1
    sortby: tuple[dict[str, str], ...] | None = Field(default=None, min_length=1)
    ordered: bool = False
    modifier: Callable[[dict[str, Any]], dict[str, Any] | None] | None = Field(default=None, repr=False)
    defer_gc: bool = True

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
        try:
            return cls.model_validate(options)
        except ValidationError as error:
            raise ConfigurationError("\n".join(_explain(error))) from None

    def to_json(self) -> dict[str, Any]:
        """Return the options that were given as a JSON object, without secrets; `parse` is the way back."""
        return self.model_dump(mode="json", exclude=set(SECRETS), exclude_unset=True) | {"mode": self.mode}

    @field_validator("bbox")
    @classmethod
    def _check_bbox(cls, bbox: tuple[float, ...] | None) -> tuple[float, ...] | None:
        """Check against RFC 7946, section 5. West may exceed east: the box then crosses the antimeridian."""
        if bbox is None:
            return None
        if len(bbox) not in (4, 6):
            raise ValueError(f"needs 4 numbers (west, south, east, north) or 6 with heights, not {len(bbox)}")
        if not all(map(math.isfinite, bbox)):
            raise ValueError("must be finite numbers")
        half = len(bbox) // 2
        west, south, east, north = bbox[0], bbox[1], bbox[half], bbox[half + 1]
        if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
            raise ValueError("must be longitude and latitude in degrees (west, south, east, north)")
        if south > north:
            raise ValueError(f"has south ({south:g}) above north ({north:g}); the order is west, south, east, north")
        return bbox

    @field_validator("datetime")
    @classmethod
    def _check_datetime(cls, text: str | None) -> str | None:
        """Check an RFC 3339 instant or interval (STAC API, item-search); plain dates become whole days."""
        if text is None:
            return None
        bounds = text.split("/")
        if len(bounds) > 2:
            raise ValueError("is one instant, or an interval 'start/end' with '..' for an open end")
        if len(bounds) == 1 and _DATE.fullmatch(text):
            bounds = [text, text]
        if len(bounds) == 1:
            return _instant(text)
        start = _bound(bounds[0], "T00:00:00Z")
        end = _bound(bounds[1], "T23:59:59.999999Z")
        if start == end == "..":
            raise ValueError("is open at both ends; leave it out instead")
        if ".." not in (start, end) and _moment(start) > _moment(end):
            raise ValueError(f"ends before it begins: {start} is after {end}")
        return f"{start}/{end}"

    @field_validator("concurrency", mode="before")
    @classmethod
    def _check_concurrency(cls, level: object) -> object:
        if level != "auto" and (not isinstance(level, int) or isinstance(level, bool) or level < 1):
            raise ValueError(f"is a number from 1 up, or 'auto' (got {_short(level)})")
        return level

    @field_validator("intersects")
    @classmethod
    def _check_intersects(cls, geometry: dict[str, Any] | None) -> dict[str, Any] | None:
        if geometry is None:
            return None
        member = _GEOMETRY_MEMBER.get(geometry.get("type", ""))
        if member is None or not isinstance(geometry.get(member), list):
            raise ValueError("must be a GeoJSON geometry with 'type' and 'coordinates' (not a Feature)")
        return geometry

    @field_validator("fields")
    @classmethod
    def _check_fields(cls, fields: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Write each as a path from the item: what is no member of an item is one of its properties."""
        if fields is None:
            return None
        for name in fields:
            if not all(name.split(".")) or name.startswith("-"):
                raise ValueError(
                    f"names members to keep, such as 'properties.datetime' or 'assets.B04.href', not {name!r}"
                )
        paths = (name if name.split(".")[0] in ITEM_MEMBERS else f"properties.{name}" for name in fields)
        return tuple(dict.fromkeys(paths))

    @field_validator("sortby", mode="before")
    @classmethod
    def _check_sortby(cls, keys: object) -> object:
        """Write each key as an object, as a POST search has them (STAC API, Sort extension)."""
        if keys is None:
            return None
        listed = keys.split(",") if isinstance(keys, str) else keys
        if not isinstance(listed, list | tuple):
            raise ValueError("names the fields to sort by, such as '-properties.datetime,+id'")
        return tuple(map(_sort_key, listed))

    @field_validator("query", "filter", "intersects")
    @classmethod
    def _check_json(cls, value: dict[str, Any] | str | None) -> dict[str, Any] | str | None:
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"cannot be written as JSON: {error}") from None
        return value

    @field_validator("modifier")
    @classmethod
    def _check_modifier(cls, modifier: Callable[..., Any] | None) -> Callable[..., Any] | None:
        if inspect.iscoroutinefunction(modifier):
            raise ValueError("must be a plain function, not a coroutine: it is called for each item as it is delivered")
        return modifier

    @field_validator("user_agent")
    @classmethod
    def _check_user_agent(cls, text: str | None) -> str | None:
        if text is not None and not (text.isascii() and text.isprintable()):
            raise ValueError("must be printable ASCII")
        return text

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str] | Callable[[], Any]) -> dict[str, str] | Callable[[], Any]:
        if not callable(headers):
            check_headers(headers)
        return headers

    @model_validator(mode="after")
    def _check_together(self) -> IngestConfig:
        foreign = [name for name in (API_ONLY if self.mode == "file" else FILE_ONLY) if name in self.model_fields_set]
        if foreign:
            other = "api" if self.mode == "file" else "file"
            raise ValueError(f"{', '.join(foreign)}: only for mode {other!r}, this is mode {self.mode!r}")
        if self.mode == "api" and not is_http(self.source):
            raise ValueError(f"source: mode 'api' needs an http or https URL, not {self.source!r}")
        if self.mode == "api":
            _check_url(self.source)
        if self.mode == "file" and is_remote(self.source):
            _check_remote(self)
        elif self.mode == "file":
            _check_local(self)
        if self.collections is not None and self.collection_id is not None:
            raise ValueError("collection_id, collections: give one of them")
        if self.bbox is not None and self.intersects is not None:
            raise ValueError("bbox, intersects: a search takes one of them, not both (STAC API, item-search)")
        if self.mode == "file" and (self.filter is not None or self.intersects is not None):
            from stac_manager.files.filters import filters_of

            filters_of(self)  # says what it does not understand before any work is done
        return self


def mode_of(source: str) -> Literal["file", "api"]:
    """Return the mode that a source stands for: a URL with the suffix of a data file is a file, another one an API."""
    return "api" if is_http(source) and not _FILE_URL.search(source.partition("?")[0]) else "file"


def is_remote(source: str) -> bool:
    """Tell whether `source` is a URL and no local path."""
    return _URL.match(source) is not None and not source.lower().startswith("file:")


def check_headers(headers: object) -> None:
    """Check that these can be sent as header lines.

    Raises:
        ValueError: If not. Values are never quoted.
    """
    if not isinstance(headers, Mapping):
        raise ValueError(f"must be a dict of names and values, not {type(headers).__name__}")
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a header name")
        if not isinstance(value, str):
            raise ValueError(f"the value of {name!r} is not text")
        if "\r" in value or "\n" in value or "\0" in value:
            raise ValueError(f"the value of {name!r} has a line break in it")


def is_http(source: str) -> bool:
    """Tell whether `source` is an http or https URL."""
    return source.lower().startswith(("http://", "https://"))


def _check_remote(config: IngestConfig) -> None:
    """Check the URL of a file, and that the options are those of its store."""
    if is_http(config.source):
        _check_url(config.source)
        if config.storage_options:
            raise ValueError("storage_options: for s3, gs and az URLs; for an http or https URL give 'headers'")
    elif config.headers:
        raise ValueError(f"headers: for http and https; for {_scheme(config.source)} give 'storage_options'")
    elif config.client_cert:
        raise ValueError(f"client_cert: for http and https; {_scheme(config.source)} are asked without one")
    elif "retry_config" in config.storage_options and "retries" in config.model_fields_set:
        raise ValueError("retries, retry_config of 'storage_options': give one of them")


def _check_local(config: IngestConfig) -> None:
    given = [name for name in ("headers", "storage_options", *NETWORK) if name in config.model_fields_set]
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
            "source: leave user and password out of the URL, where they would be shown; send a header instead, such as "
            "headers={'Authorization': 'Basic ...'}"
        )


def _scheme(source: str) -> str:
    return f"{source.split('://', 1)[0].lower()} URLs"


def _sort_key(key: object) -> dict[str, str]:
    """Read one key of `sortby`: a field with + or - before it, or an object with `field` and `direction`."""
    name: object = None
    direction: object = "asc"
    if isinstance(key, str):
        text = key.strip()
        name, direction = text[text[:1] in ("+", "-") :], "desc" if text[:1] == "-" else "asc"
    elif isinstance(key, Mapping) and not set(key) - {"field", "direction"}:
        name, direction = key.get("field"), key.get("direction", "asc")
    if not isinstance(name, str) or not name or not name.isprintable() or direction not in ("asc", "desc"):
        raise ValueError(
            f"has '-properties.datetime' or {{'field': 'properties.datetime', 'direction': 'desc'}}, not {_short(key)}"
        )
    return {"field": name, "direction": str(direction)}


def _instant(text: str) -> str:
    if not _INSTANT.fullmatch(text):
        raise ValueError(f"{text!r} is not an RFC 3339 instant such as 2024-05-01T00:00:00Z")
    try:
        _moment(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a valid date: {error}") from None
    return text


def _moment(text: str) -> tuple[Datetime, str]:
    """Order of an instant: its second in UTC, leap seconds as the one before, and the digits of its fraction."""
    found = re.fullmatch(r"(.{16}):(..)(?:\.(\d+))?(.+)", text.upper())
    assert found is not None
    second = min(int(found[2]), 59)
    moment = Datetime.fromisoformat(f"{found[1]}:{second:02}+00:00")
    hours, minutes = (0, 0) if found[4] == "Z" else map(int, found[4][1:].split(":"))
    offset = timedelta(hours=hours, minutes=minutes)
    moment = moment + offset if found[4].startswith("-") else moment - offset
    return moment, (found[3] or "").rstrip("0")


def _bound(text: str, time_of_day: str) -> str:
    if text in ("", ".."):
        return ".."
    return _instant(text + time_of_day if _DATE.fullmatch(text) else text)


def _explain(error: ValidationError) -> list[str]:
    """Put a validation error into words, a line for each option. Never quotes header values."""
    lines: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        name = str(detail["loc"][0]) if detail["loc"] else ""
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = f"unknown option {name!r}{_nearest(name)}"
        elif detail["type"] == "missing":
            message = f"option {name!r} is missing"
        elif name:
            message = message[:1].lower() + message[1:]
            shown = (
                ""
                if name in ("headers", "storage_options") or detail["type"] == "value_error"
                else f" (got {_short(detail['input'])})"
            )
            message = f"option {name!r}: {message}{shown}"
        lines.setdefault(name or message, message)
    return list(lines.values())


def _nearest(name: str) -> str:
    known = list(IngestConfig.model_fields)
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known options: {', '.join(known)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
