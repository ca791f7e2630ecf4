"""Kill a run at random moments with SIGKILL, start it again, and compare what comes out with the source.

python tools/prove_resume.py SOURCE.ndjson --kills 100 --workers 2

Prints a line for each kill and how many partitions were done again; exit code 1 if one run was not equal.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import click

from stac_manager.sinks import Sink, write


class Trial(NamedTuple):
    """One run that was killed after so many seconds, and the one after it."""

    killed_after: float
    done: int  # partitions that were noted when it was killed
    again: int  # partitions whose parts were there or begun, and that were done again
    equal: bool  # whether the items are those of the source, each once


def trial(source: Path, dest: Path, workers: int, partition_items: int, seconds: float) -> Trial:
    """Kill a run after so many seconds, finish it, and compare."""
    sink = Sink({"source": source}, dest, partition_items=partition_items)
    begun = _started(sink, workers)
    time.sleep(seconds)
    os.kill(begun, signal.SIGKILL)
    os.waitpid(begun, 0)
    journal = dest / ".stac-manager" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
    noted = {json.loads(line)["key"] for line in lines if line.endswith(b"\n")}
    there = {path.name.split(".")[0] for path in (*dest.glob("*.ndjson"), *dest.glob(".stac-manager/tmp/*"))}
    _, code = os.waitpid(_started(sink, workers), 0)
    equal = code == 0 and digest_of([source]) == digest_of(dest.glob("*.ndjson"))
    return Trial(seconds, len(noted), len(there - noted), equal)


def _started(sink: Sink, workers: int) -> int:
    """Run in a copy of this process, which has imported all that it takes: kills meet work, and not imports."""
    process = os.fork()
    if not process:
        code = 1
        try:
            write(sink, workers=workers)
            code = 0
        finally:
            os._exit(code)
    return process


def digest_of(paths: Iterable[Path]) -> tuple[int, int]:
    """A digest of the lines of files, in any order: their number, and the sum of their digests."""
    total = count = 0
    for path in paths:
        with path.open("rb") as file:
            for line in file:
                total += int.from_bytes(hashlib.blake2b(line.strip(), digest_size=16).digest(), "big")
                count += 1
    return count, total


@click.command(help=__doc__)
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kills", default=100, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--partition-items", default=500, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(source: Path, kills: int, workers: int, partition_items: int, seed: int) -> None:
    chance = random.Random(seed)
    trials = []
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        trial(source, Path(folder) / "whole", workers, partition_items, 0.0)
        longest = time.monotonic() - started
        for number in range(kills):
            dest = Path(folder) / str(number)
            found = trial(source, dest, workers, partition_items, chance.uniform(0.0, longest))
            trials.append(found)
            click.echo(
                f"{number:3}  killed after {found.killed_after:5.2f} s, {found.done:3} partitions noted, "
                f"{found.again} done again, {'equal' if found.equal else 'DIFFERENT'}"
            )
            shutil.rmtree(dest)
    equal, most = sum(each.equal for each in trials), max(each.again for each in trials)
    between = sum(each.done > 0 for each in trials)
    click.echo(f"{equal} of {kills} equal; at most {most} partitions done again; {between} were killed between parts")
    sys.exit(equal != kills or most > workers)


if __name__ == "__main__":
    main()
