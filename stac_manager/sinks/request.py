"""What is asked of a run, parted from its secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from stac_manager.config import SECRETS, IngestConfig
from stac_manager.exceptions import ConfigurationError, printable
from stac_manager.plan import Plan, digest
from stac_manager.sinks.folder import Header
from stac_manager.sinks.job import Job, Variables, run_coroutine
from stac_manager.sinks.layout import Layout
from stac_manager.urls import shown

IRRELEVANT = (
    "concurrency", "limit", "ordered", "defer_gc", "timeout", "retries", "rate_limit", "user_agent", "ca_bundle",
    "client_cert", "trust_env",
)  # fmt: skip
"""Options that do not decide which items there are."""


@dataclass(frozen=True)
class Request:
    """What to write, and where."""

    config: IngestConfig  # the source and what to take of it
    secrets: Mapping[str, Any] = field(repr=False)  # options that may hold credentials, as they were given
    layout: Layout
    variables: Variables  # names in its options, and the environment variables with their values
    partition_items: int  # about so many a partition should hold

    @property
    def header(self) -> Header:
        """The first line of the plan."""
        options = options_of(self.config)
        kept = {name: value for name, value in options.items() if name not in IRRELEVANT}
        kept["source"] = printable(kept["source"])  # a path need not be text
        source = printable(shown(self.config.source))
        return Header(digest(kept), source, {**kept, "source": source}, self.layout.format)

    @property
    def job(self) -> Job:
        """The same for workers. A partition does not know how many items the others have: `max_items` stays here."""
        options = {name: value for name, value in options_of(self.config).items() if name != "max_items"}
        return Job(options, self.layout, self.variables, self.secrets)


def options_of(config: IngestConfig) -> dict[str, Any]:
    """Return the options of a configuration as JSON, without secrets, a local source with its whole path."""
    options = config.to_json()
    if config.mode == "file" and "://" not in config.source:
        options["source"] = os.path.abspath(config.source)
    return options


def plan_of_source(request: Request) -> Plan:
    """Divide the source into partitions."""
    module = replace(request.job, options=options_of(request.config)).module()
    return run_coroutine(module.plan(partition_items=request.partition_items))


def request_for(config: Mapping[str, Any], layout: Layout, variables: Variables, partition_items: int) -> Request:
    """Check a configuration and part it from its secrets.

    Raises:
        ConfigurationError: If an option is wrong.
    """
    secrets = {name: config[name] for name in SECRETS if config.get(name)}
    parsed = IngestConfig.parse(config)
    if parsed.modifier is not None:
        raise ConfigurationError(
            "modifier: not for sinks, as a resumed run cannot tell whether it is the same; write what fetch() gives"
        )
    return Request(parsed, secrets, layout, variables, partition_items)
