"""stac-manager plan SOURCE"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from stac_manager.command.options import Grouped, source_options

if TYPE_CHECKING:
    from stac_manager.sinks.job import Variables

ROWS_SHOWN = 40


@click.command("plan", cls=Grouped, short_help="Show how SOURCE would be partitioned.")
@source_options
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan_command(config: dict[str, Any], variables: Variables, partition_items: int, as_json: bool) -> int:
    """Show how SOURCE would be partitioned, without fetching its items."""
    import orjson

    from stac_manager.network.authorities import import_aiohttp_for
    from stac_manager.sinks.job import module_of, run_coroutine

    import_aiohttp_for(config["source"])
    module = module_of(config, variables)
    plan = run_coroutine(module.plan(partition_items=partition_items))
    document = plan.to_json()
    if as_json:
        click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        return 0
    click.echo("\n".join(lines_of(document, [partition.key for partition in plan])))
    return 0


def lines_of(document: Mapping[str, Any], keys: list[str]) -> list[str]:
    """Describe a plan."""
    partitions = document["partitions"]
    counted = document["counted"]
    lines = [
        f"source      {document['source']}",
        f"counted     {'unknown' if counted is None else f'{counted:,} items'}",
        f"divided by  {document['rule']}",
        f"partitions  {len(partitions):,}",
        *(f"note        {note}" for note in document["notes"]),
        "",
    ]
    for key, partition in list(zip(keys, partitions, strict=True))[:ROWS_SHOWN]:
        estimate = partition.get("estimate")
        items = "?" if estimate is None else f"{estimate:,}"
        lines.append(f"{key[:8]}  {items:>9}  {_place(partition)}")
    if len(partitions) > ROWS_SHOWN:
        lines.append(f"and {len(partitions) - ROWS_SHOWN:,} more (--json shows all)")
    return lines


def _place(partition: Mapping[str, Any]) -> str:
    members = {name: value for name, value in partition.items() if name not in ("kind", "estimate")}
    documents = members.pop("documents", None) or [members.pop("document", None)]
    if documents[0] is not None:
        more = f" to {_path(documents[-1]).rsplit('/', 1)[-1]}" if len(documents) > 1 else ""
        return " ".join([f"{_path(documents[0])}{more}", *_shown(members)])
    return " ".join([str(partition["kind"]), *_shown(members)])


def _path(document: Mapping[str, str]) -> str:
    from stac_manager.exceptions import printable

    return document["path"] if "path" in document else printable(os.fsdecode(bytes.fromhex(document["path_hex"])))


def _shown(members: Mapping[str, Any]) -> list[str]:
    return [f"{name}={_moment(value) if type(value) is int else value}" for name, value in members.items()]


def _moment(value: int) -> str:
    """Show nanoseconds since 1970 as a time, smaller numbers (a place in a file) as they are."""
    if abs(value) < 10**15:
        return f"{value:,}"
    from datetime import UTC, datetime, timedelta

    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value // 1_000)
    except OverflowError:
        return str(value)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
