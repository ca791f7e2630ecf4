"""The options that say which items of a source are meant."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # not generic before click 8.2


_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/+(.+)", re.IGNORECASE | re.DOTALL)
"""Also in an option, and with a slash forgotten; no drive of Windows."""
_QUERY = re.compile(r"\?[\w.-]+=.*", re.DOTALL)
"""Where the scheme was forgotten; no glob."""


def redacted(text: str, words: Iterable[str]) -> str:
    """Return what is said of a command line without what the URLs among its words may hide, wherever they stand."""
    from stac_manager.urls import shown  # when there is something to tell

    for word in sorted(words, key=len, reverse=True):  # one may end as another does
        if found := _ADDRESS.search(word):
            scheme, rest = found[1], found[2].strip()
            _, _, seen = shown(f"{scheme}://{rest}").partition("://")
        elif found := _QUERY.search(word):
            rest, seen = found[0], ""
        else:
            continue
        for written in (repr(rest)[1:-1], rest):
            text = text.replace(written, seen)
    return text


def say(text: str) -> None:
    """Tell the user something beside the output, where somebody listens: nothing fails because nobody does."""
    with suppress(OSError):
        click.echo(text, err=True)


class Level(ParamType):
    """A number from 1 up, or `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == "auto" or isinstance(value, int):
            return str(value) if value == "auto" else value
        if not str(value).isdecimal() or not int(value):
            self.fail(f"{value!r} is neither a number from 1 up nor 'auto'", param, ctx)
        return int(value)


MOST_WORKERS = 256


class Whole(click.IntRange):
    """A whole number in a range, which click calls an integer range."""

    name = "whole number"


class Place(click.Path):
    """A path or URL; `~` is the home folder where no shell has seen to it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not value:
            self.fail("it is empty", param, ctx)
        return os.path.expanduser(os.fspath(value))


class Variable(ParamType):
    """NAME=VARIABLE: something with the value of an environment variable."""

    name = "NAME=VARIABLE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, variable = str(value).partition("=")
        if not (name and equals and variable.isidentifier()):
            # What was given may be a token by mistake: it is not shown.
            self.fail("write NAME=VARIABLE, an environment variable's name and not its value", param, ctx)
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
                content = Path(content[1:]).read_text(encoding="utf-8-sig")  # Windows begins with a mark
            except (OSError, ValueError) as error:
                self.fail(f"{content[1:]}: cannot be read: {getattr(error, 'strerror', None) or error}", param, ctx)
        if self._text and not content.lstrip().startswith("{"):
            return content
        try:
            return json.loads(content)
        except ValueError as error:
            hint = f"; to read that file, write @{value}" if os.path.isfile(content) else ""
            self.fail(f"not JSON: {error}{hint}", param, ctx)


_OPTIONS = (
    click.option("--mode", type=click.Choice(("file", "api")),
                 help="What SOURCE is. [default: api for a URL without the ending of a data file]"),
    click.option("--collection-id", metavar="ID", help="Only items of this collection."),
    click.option("--collections", metavar="ID,ID", multiple=True, help="Only items of these collections."),
    click.option("--bbox", metavar="W,S,E,N", help="Only items in this box, in degrees."),
    click.option("--datetime", metavar="INTERVAL", help="RFC 3339 instant or interval, '..' for an open end."),
    click.option("--intersects", type=JsonOrText(text=False), help="Only items that intersect this GeoJSON geometry."),
    click.option("--ids", metavar="ID,ID", multiple=True, help="Only these items."),
    click.option("--filter", type=JsonOrText(text=True), help="CQL2, as JSON or text."),
    click.option("--query", type=JsonOrText(text=False), help="Condition of the Query extension."),
    click.option("--fields", metavar="NAME,NAME", multiple=True,
                 help="Only these members of each item, such as properties.datetime."),
    click.option("--sortby", metavar="-FIELD,+FIELD", help="Order, from servers that sort."),
    click.option("--limit", type=Whole(1, 10_000), metavar="N", help="Items per page. [default: 100]"),
    click.option("--concurrency", type=Level(), metavar="N|auto",
                 help="Requests or reads at once. [default: auto for an API, else 1]"),
    click.option("--partition-items", type=Whole(1, 1_000_000), metavar="N", default=5_000, show_default=True,
                 help="Items per partition, about: at most one per worker is done again after a crash."),
    # The network
    click.option("--header", "headers", type=Variable(), multiple=True,
                 help="Send a header with the value of an environment variable."),
    click.option("--storage-option", "storage_options", type=Variable(), multiple=True,
                 help="Credentials and settings for s3, gs and az URLs, from environment variables."),
    click.option("--timeout", type=float, metavar="SECONDS", help="For one request. [default: 300, 60 without a byte]"),
    click.option("--retries", type=int, metavar="N", help="How often a failed request is sent again. [default: 6]"),
    click.option("--rate-limit", type=float, metavar="N", help="Requests per second at most, over all workers."),
    click.option("--user-agent", metavar="TEXT", help="User-Agent header; name a contact for long runs."),
    click.option("--ca-bundle", type=Place(), help="Certificates of your own authority: a PEM file or a folder."),
    click.option("--client-cert", type=Place(), help="Client certificate: a PEM file."),
    click.option("--client-key", type=Place(), help="Its private key, where that is in a file of its own."),
    click.option("--trust-env/--no-trust-env", default=None,
                 help="Use the proxies, netrc and CA bundles of the environment. [default: yes]"),
)  # fmt: skip
_LISTS = ("collections", "ids", "fields")
_VARIABLES = ("headers", "storage_options")


def source_options(command: F) -> F:
    """Add SOURCE and its options to a command: it is called with `config`, `variables` and `partition_items`."""

    @functools.wraps(command)
    def wrapped(source: str, partition_items: int, **options: Any) -> Any:
        variables = {name: dict(options.pop(name)) for name in _VARIABLES}
        given = {name: options.pop(name) for name in _NAMES}
        return command(
            config=config_of(source, given), variables=variables, partition_items=partition_items, **options
        )  # fmt: skip

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return click.argument("source", type=Place())(wrapped)  # type: ignore[return-value]


_ITEMS = (
    "mode", "collection_id", "collections", "bbox", "datetime", "intersects", "ids", "filter", "query", "fields",
    "sortby", "limit",
)  # fmt: skip
_NETWORK = (
    "timeout", "retries", "rate_limit", "user_agent", "ca_bundle", "client_cert", "client_key", "trust_env",
)  # fmt: skip
_NAMES = (*_ITEMS, "concurrency", *_NETWORK)


class Grouped(click.Command):
    """A command that lists the options of the source and of the network apart from its own."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {"Options": [], "Source": [], "Network (for URLs)": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                network = param.name in (*_NETWORK, *_VARIABLES)
                group = "Source" if param.name in _ITEMS else "Network (for URLs)" if network else "Options"
                groups[group].append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


def config_of(source: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration for what was given on the command line."""
    if source == "-":
        raise click.UsageError("standard input is not read: save it to a file, which can be read again (./- is a file)")
    config = {name: value for name, value in given.items() if value not in (None, ())}
    for name in _LISTS:
        if name in config:
            config[name] = [piece for text in config[name] for piece in _pieces(name, text)]
    if "bbox" in config:
        config["bbox"] = [_number(piece) for piece in _pieces("bbox", config["bbox"])]
    if (key := config.pop("client_key", None)) is not None:
        if "client_cert" not in config:
            raise click.UsageError("--client-key needs the --client-cert that it belongs to")
        config["client_cert"] = (config["client_cert"], key)
    is_api = config.get("mode", "api" if source.lower().startswith(("http://", "https://")) else "file") == "api"
    if is_api:
        config.setdefault("concurrency", "auto")
    return {"source": source, **config}


def _pieces(name: str, text: str) -> list[str]:
    pieces = [piece.strip() for piece in text.split(",")]
    if "" in pieces:
        raise click.BadParameter(f"{text!r} has an empty entry", param_hint=f"--{name}")
    return pieces


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number", param_hint="--bbox") from None
