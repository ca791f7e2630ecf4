"""stac-manager plan SOURCE"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from stac_manager.command.options import Grouped, source_options

if TYPE_CHECKING:
    from stac_manager.plan import Partition, Plan
    from stac_manager.sinks.job import Variables

ROWS_SHOWN = 40
_NO_PLACE = ("kind", "estimate", "document", "documents")


@click.command("plan", cls=Grouped, short_help="Show how SOURCE would be partitioned.")
@source_options
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan_command(config: dict[str, Any], variables: Variables, partition_items: int, as_json: bool) -> int:
    """Show how SOURCE would be partitioned, without fetching its items. SOURCE is what `ingest` takes."""
    import orjson

    from stac_manager.network.authorities import import_aiohttp_for
    from stac_manager.sinks.job import module_of, run_coroutine

    import_aiohttp_for(config["source"])
    module = module_of(config, variables)
    plan = run_coroutine(module.plan(partition_items=partition_items))
    if as_json:
        click.echo(orjson.dumps(plan.to_json(), option=orjson.OPT_INDENT_2))
        return 0
    click.echo("\n".join(lines_of(plan)))
    return 0


def lines_of(plan: Plan) -> list[str]:
    """Describe a plan."""
    lines = [
        f"source      {plan.source}",
        f"counted     {'unknown' if plan.counted is None else f'{plan.counted:,} items'}",
        f"divided by  {plan.rule}",
        f"partitions  {len(plan):,}",
        *(f"note        {note}" for note in plan.notes),
        "",
    ]
    for partition in plan.partitions[:ROWS_SHOWN]:
        items = "?" if partition.estimate is None else f"{partition.estimate:,}"
        lines.append(f"{partition.key[:8]}  {items:>9}  {_place(partition)}")
    if len(plan) > ROWS_SHOWN:
        lines.append(f"and {len(plan) - ROWS_SHOWN:,} more (--json shows all)")
    return lines


def _place(partition: Partition) -> str:
    from stac_manager.exceptions import printable
    from stac_manager.sinks.sources import documents_of

    paths = [printable(document.path) for document in documents_of(partition)]
    more = f" to {paths[-1].rsplit('/', 1)[-1]}" if len(paths) > 1 else ""
    place = f"{paths[0]}{more}" if paths else partition.kind
    members = {name: value for name, value in partition.to_json().items() if name not in _NO_PLACE}
    return " ".join([place, *(f"{name}={_shown(value)}" for name, value in members.items())])


def _shown(value: object) -> object:
    """Show nanoseconds since 1970 as a time, smaller numbers (a place in a file) as they are."""
    if type(value) is not int:
        return value
    if abs(value) < 10**15:
        return f"{value:,}"
    from datetime import UTC, datetime, timedelta

    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value // 1_000)
    except OverflowError:
        return value
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
