"""The options that say which items of a source are meant."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # not generic before click 8.2


class Level(ParamType):
    """A number from 1 up, or `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == "auto" or isinstance(value, int):
            return str(value) if value == "auto" else value
        if not str(value).isdecimal() or not int(value):
            self.fail(f"{value!r} is neither a number from 1 up nor 'auto'", param, ctx)
        return int(value)


class Header(ParamType):
    """NAME=VARIABLE: a header with the value of an environment variable."""

    name = "NAME=VARIABLE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, variable = str(value).partition("=")
        if not (name and equals and variable.isidentifier()):
            # What follows the = may be a token by mistake: it is not shown.
            self.fail(f"{name!r}: write NAME=VARIABLE, an environment variable's name and not its value", param, ctx)
        return name, variable


class JsonOrText(ParamType):
    """JSON, @FILE with JSON, or, where `text` is allowed, anything else."""

    def __init__(self, *, text: bool) -> None:
        self.name = "JSON|@FILE|TEXT" if text else "JSON|@FILE"
        self._text = text

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        content = str(value)
        if content.startswith("@"):
            try:
                content = Path(content[1:]).read_text(encoding="utf-8")
            except (OSError, ValueError) as error:
                self.fail(f"{content[1:]}: cannot be read: {error}", param, ctx)
        if self._text and not content.lstrip().startswith("{"):
            return content
        try:
            return json.loads(content)
        except ValueError as error:
            self.fail(f"not JSON: {error}", param, ctx)


_OPTIONS = (
    click.option("--mode", type=click.Choice(("file", "api")), help="What SOURCE is. [default: api for a URL]"),
    click.option("--collection-id", metavar="ID", help="Only items of this collection."),
    click.option("--bbox", metavar="W,S,E,N", help="Only items in this box, in degrees."),
    click.option("--datetime", metavar="INTERVAL", help="RFC 3339 instant or interval, '..' for an open end."),
    click.option("--intersects", type=JsonOrText(text=False), help="Only items that meet this GeoJSON geometry."),
    click.option("--ids", metavar="ID,ID", help="Only these items."),
    click.option("--filter", type=JsonOrText(text=True), help="CQL2, as JSON or text."),
    click.option("--query", type=JsonOrText(text=False), help="Condition of the query extension."),
    click.option("--fields", metavar="NAME,NAME", help="Only these members of each item, such as properties.datetime."),
    click.option("--sortby", metavar="-FIELD,+FIELD", help="The order, from servers that sort."),
    click.option("--limit", type=click.IntRange(1, 10_000), help="Items a page."),
    click.option("--header", "headers", type=Header(), multiple=True,
                 help="Send a header with the value of an environment variable."),
    click.option("--concurrency", type=Level(), help="Requests or reads at once. [default: auto for an API]"),
    click.option("--partition-items", type=click.IntRange(1, 1_000_000), default=5_000, show_default=True,
                 help="Items a partition: the most that is done again after a crash, by each worker."),
)  # fmt: skip
_LISTS = ("bbox", "ids", "fields")


def source_options(command: F) -> F:
    """Add SOURCE and its options to a command: it is called with `config`, `variables` and `partition_items`."""

    @functools.wraps(command)
    def wrapped(source: str, headers: tuple[tuple[str, str], ...], **options: Any) -> Any:
        given = {name: options.pop(name) for name in list(options) if name in _NAMES}
        return command(config=config_of(source, given), variables=dict(headers), **options)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return click.argument("source")(wrapped)  # type: ignore[return-value]


_NAMES = (
    "mode", "collection_id", "bbox", "datetime", "intersects", "ids", "filter", "query", "fields", "sortby", "limit",
    "concurrency",
)  # fmt: skip


def config_of(source: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration for what was given on the command line."""
    config = {name: value for name, value in given.items() if value is not None}
    for name in _LISTS:
        if isinstance(config.get(name), str):
            config[name] = [piece.strip() for piece in config[name].split(",")]
    if "bbox" in config:
        config["bbox"] = [_number(piece) for piece in config["bbox"]]
    is_api = config.get("mode", "api" if source.lower().startswith(("http://", "https://")) else "file") == "api"
    if is_api:
        config.setdefault("concurrency", "auto")
    return {"source": source, **config}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number", param_hint="--bbox") from None
