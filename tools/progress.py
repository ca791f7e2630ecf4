"""How far a long run is, and about how long it will still take: on a terminal only."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import click

Show: TypeAlias = Callable[[float, float | None, str], None]
"""Shows how much is done, of how much (None: nobody knows), and some words for it, such as "3/10 runs"."""
STEPS = 1_000  # of a bar, which counts in whole numbers


@contextmanager
def shown(what: str) -> Iterator[Show]:
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":  # which has no line to draw anew
        yield lambda done, total, said: None
        return
    # A line that is too long is drawn below itself instead of anew.
    label = what if shutil.get_terminal_size().columns >= 60 else ""
    with click.progressbar(
        length=STEPS, label=label, width=0, file=sys.stderr, show_percent=False, item_show_func=lambda said: said
    ) as bar:

        def show(done: float, total: float | None, said: str) -> None:
            step = int(STEPS * done / total) if total else 0
            bar.update(max(0, min(step, STEPS) - bar.pos), said)
            bar.render_progress()  # new words, though no step further

        yield show


@contextmanager
def counted(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    with shown(what) as show:
        yield lambda done, total: show(done, total, f"{done:,}/{total:,} {unit}")
