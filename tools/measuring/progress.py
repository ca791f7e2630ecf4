"""How far a measurement is and about how long it will still take: on a terminal only."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from tools.words import plural

from . import schedule


@contextmanager
def shown(console: Console, rules: schedule.Rules) -> Iterator[Callable[[schedule.Samples, float], None]]:
    """Give what shows the samples so far after so many seconds."""
    columns = (TextColumn("measuring"), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def show(samples: schedule.Samples, elapsed: float) -> None:
            left = schedule.seconds_left(samples, elapsed, rules)
            said = plural(sum(map(len, samples.values())), "run")
            if left is None:
                bar.update(task, description=said)
            else:
                bar.update(task, total=elapsed + left, completed=elapsed, description=f"{said}, {in_words(left)} left")

        yield show


def in_words(seconds: float) -> str:
    """About so long: "about 40 s", "about 3 min"."""
    return f"about {math.ceil(seconds)} s" if seconds < 100 else f"about {math.ceil(seconds / 60)} min"
