"""stac-manager verify DEST"""

from __future__ import annotations

import click

from stac_manager.command.options import Place, say


@click.command("verify", short_help="Recount the items at DEST.")
@click.argument("dest", type=Place())
@click.option("--unique", is_flag=True, help="Also look for items that are there twice: 100 bytes of memory an item.")
def verify_command(dest: str, unique: bool) -> int:
    """Recount the items at DEST, which `ingest` wrote, and compare them with its manifest."""
    from stac_manager.sinks.verifying import verify
    from stac_manager.words import many

    found = verify(dest, unique=unique)
    for problem in found.problems:
        say(f"wrong: {problem}")
    if found.damaged:
        say("to repair: delete what is named above and run ingest again with the same options")
    end = "not as the manifest says" if found.problems else "as the manifest says"
    click.echo(f"{many(found.items, 'item')} in {many(found.parts, 'part')}: {end}")
    return 1 if found.problems else 0
