"""How far a long run is, and about how long it will still take: on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.console import Console

Show: TypeAlias = Callable[[float, float | None, str], None]
"""Shows how much is done, of how much (None: nobody knows), and some words for it, such as "3/10 runs"."""


@contextmanager
def shown(what: str, console: Console | None = None) -> Iterator[Show]:
    """A bar while the block runs. None where rich is not installed: the data can be made with little."""
    is_terminal = console.is_terminal if console else sys.stderr.isatty()
    if not is_terminal or find_spec("rich") is None:
        yield lambda done, total, said: None
        return
    # Loaded when there is a bar: it is slow to import.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console or Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, visible=False)

        def show(done: float, total: float | None, said: str) -> None:
            bar.update(task, completed=done, total=total, description=said, visible=True)

        yield show


@contextmanager
def counted(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for what is counted: so many are done of so many."""
    with shown(what) as show:
        yield lambda done, total: show(done, total, f"{done:,}/{total:,} {unit}")
