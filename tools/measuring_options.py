"""Options that the programs which measure have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import click

AUTO = "auto"

Concurrency: TypeAlias = int | str

Command: TypeAlias = Callable[..., None]
Decorator: TypeAlias = Callable[[Command], Command]


class Levels(click.ParamType[tuple[Concurrency, ...]]):
    """Concurrency levels as a list with commas: 1,5,10, and `auto` for the one that the module finds itself."""

    name = "levels"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Concurrency, ...]:
        if isinstance(value, tuple):
            return value
        parts = {part.strip() for part in str(value).split(",")}
        numbers = parts - {AUTO}
        if not all(part.isdecimal() and int(part) > 0 for part in numbers):
            self.fail(f"{value!r} is not a list of levels such as 1,5,10 or 1,5,auto", param, ctx)
        return (*sorted(map(int, numbers)), *(parts & {AUTO}))


class Processes(Levels):
    """Numbers of processes as a list with commas: 1,2,4. They are levels as reports name them: 1, "2 processes"."""

    name = "processes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Concurrency, ...]:
        if isinstance(value, tuple):
            return value
        levels = super().convert(value, param, ctx)
        if AUTO in levels:
            self.fail(f"{value!r} is not a list of numbers such as 1,2,4", param, ctx)
        return tuple(1 if level == 1 else f"{level} processes" for level in levels)


def all_of(*options: Decorator) -> Decorator:
    """Add several options to a command, which `--help` shows in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add
