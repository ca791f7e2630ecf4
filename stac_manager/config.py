"""Every option of the IngestModule, validated before any work is done."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from stac_manager import checks
from stac_manager.checks import short
from stac_manager.exceptions import ConfigurationError

NETWORK = ("timeout", "retries", "rate_limit", "user_agent", "ca_bundle", "client_cert", "trust_env")
API_ONLY = ("query", "limit", "sortby", "ordered")
FILE_ONLY = ("source_type", "format", "storage_options")
FILTERS = ("collections", "ids", "datetime", "bbox", "intersects", "filter")
SECRETS = ("headers", "storage_options")
"""Options that may hold credentials: they are shown and written nowhere."""

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_FILE_URL = re.compile(r"[^/?#]\.(geo)?(json|jsonl|ndjson|parquet|pq)(\.gz|\.zst)?([?#]|$)", re.IGNORECASE)


class IngestConfig(BaseModel):
    """The options of one ingestion. `docs/options.md` explains each for users."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)

    mode: Literal["file", "api"]
    source: str = Field(min_length=1)
    source_type: Literal["auto", "file", "items_directory", "collection"] = "auto"
    format: Literal["json", "ndjson", "parquet"] | None = None
    collection_id: str | None = Field(default=None, min_length=1)
    collections: tuple[str, ...] | None = Field(default=None, min_length=1)
    bbox: Annotated[tuple[float, ...], AfterValidator(checks.bbox)] | None = None
    datetime: Annotated[str, AfterValidator(checks.interval)] | None = None
    intersects: Annotated[dict[str, Any], AfterValidator(checks.geometry)] | None = None
    ids: tuple[str, ...] | None = Field(default=None, min_length=1)
    query: Annotated[dict[str, Any], AfterValidator(checks.json_value)] | None = None
    filter: Annotated[dict[str, Any] | str, AfterValidator(checks.json_value)] | None = None
    fields: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(checks.paths)] | None = None
    limit: int = Field(default=100, ge=1, le=10_000)
    max_items: int | None = Field(default=None, ge=1)
    headers: Annotated[dict[str, str] | Callable[[], Any], AfterValidator(checks.headers)] = Field(
        default_factory=dict, repr=False
    )
    storage_options: dict[str, Any] = Field(default_factory=dict, repr=False)
    timeout: float | None = Field(default=None, gt=0, le=3_600)
    retries: int = Field(default=6, ge=0, le=100)
    rate_limit: float | None = Field(default=None, ge=0.001, le=1_000_000)
    user_agent: Annotated[str, Field(min_length=1), AfterValidator(checks.header_text)] | None = None
    ca_bundle: str | None = Field(default=None, min_length=1)
    client_cert: str | tuple[str, str] | None = None
    trust_env: bool = True
    concurrency: Annotated[int | Literal["auto"], BeforeValidator(checks.concurrency)] = 1
    sortby: Annotated[tuple[dict[str, str], ...], Field(min_length=1), BeforeValidator(checks.sort_keys)] | None = None
    ordered: bool = False
    modifier: Annotated[Callable[[dict[str, Any]], dict[str, Any] | None], AfterValidator(checks.modifier)] | None = (
        Field(default=None, repr=False)
    )
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
                else f" (got {short(detail['input'])})"
            )
            message = f"option {name!r}: {message}{shown}"
        lines.setdefault(name or message, message)
    return list(lines.values())


def _nearest(name: str) -> str:
    known = list(IngestConfig.model_fields)
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known options: {', '.join(known)}"
