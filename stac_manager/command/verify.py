"""stac-manager verify DEST"""

from __future__ import annotations

import click

from stac_manager.command.options import Place


@click.command("verify")
@click.argument("dest", type=Place())
@click.option("--unique", is_flag=True, help="Also look for items that are there twice: 100 bytes of memory an item.")
def verify_command(dest: str, unique: bool) -> int:
    """Count the items at DEST again and compare them with its manifest."""
    from stac_manager.sinks.verifying import verify

    found = verify(dest, unique=unique)
    for problem in found.problems:
        click.echo(f"wrong: {problem}", err=True)
    parts = "part" if found.parts == 1 else "parts"
    click.echo(
        f"{found.items:,} items in {found.parts:,} {parts}: {'wrong' if found.problems else 'as the manifest says'}"
    )
    return 1 if found.problems else 0
