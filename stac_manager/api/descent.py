"""How far down in time a search was read whose pages come newest first."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from stac_manager.timestamps import SECOND


@dataclass(slots=True)
class Descent:
    """Where a reading stands in time, in seconds, and where others read what is older."""

    reached: float | None = inf  # the beginning of its latest page; None where pages do not come newest first
    pace: float = inf  # how much lies between the beginnings of the latest two
    until: float = -inf  # where others go on
    given: int = 0  # so many items, about, those read

    @property
    def is_in_order(self) -> bool:
        """Whether pages came, and newest first."""
        return self.reached not in (None, inf)

    @property
    def is_shared(self) -> bool:
        """Whether others read what is older."""
        return self.until > -inf

    @property
    def is_over(self) -> bool:
        """Whether it has come to where others go on."""
        return self.reached is not None and self.reached < self.until

    @property
    def pages_left(self) -> float | None:
        """How many pages are left at this pace; None where that cannot be told."""
        if self.reached is None or not (-inf < self.until < self.reached < inf and 0 < self.pace < inf):
            return None
        return max((self.reached - self.until) / self.pace - 1, 0.5)

    def go_on(self, time: int | None) -> None:
        """Take note of the time of the first item of a page, in nanoseconds."""
        if self.reached is None or time is None:
            self.reached, self.pace = None, inf
            return
        second = time / SECOND
        self.pace = self.reached - second
        self.reached = second if self.pace >= 0 else None

    def stop_at(self, time: int, given: int) -> None:
        """Go on to a time, in nanoseconds, behind which others read so many items."""
        self.until = time / SECOND
        self.given += given
