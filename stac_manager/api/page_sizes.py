"""How many items to ask for at once: halved where a page cannot be had, grown again, remembered for a while."""

from __future__ import annotations

from time import monotonic

from yarl import URL

REMEMBERED_SECONDS = 600.0  # a server that could not make large pages may have been ill, not small
# So many pages of a size come before one twice as large is tried, and twice as many each time that this was in vain.
PAGES_BEFORE_GROWING = 4
BYTES_SMOOTHING = 0.1

_sizes: dict[str, tuple[int, float]] = {}


def working(source: str, limit: int) -> int:
    """The size to ask for: the given one, or what was found to work lately."""
    size, until = _sizes.get(str(URL(source).origin()), (limit, 0.0))
    return min(limit, size) if monotonic() < until else limit


def forget() -> None:
    _sizes.clear()


class PageSize:
    """The size of page that a search asks for `now`, and what pages of this server hold and weigh."""

    def __init__(self, source: str, wanted: int) -> None:
        self._origin = str(URL(source).origin())
        self._wanted = wanted
        self.largest = 0  # members of a page with a next link
        self.bytes = 0.0  # of a full page
        self.start_over()

    def start_over(self, wanted: int | None = None) -> None:
        """Ask for as many as were wanted first, or for so many."""
        self.now = self._wanted = wanted or self._wanted
        self._came = 0
        self._needed = PAGES_BEFORE_GROWING
        self._grew_from: int | None = None

    @property
    def works(self) -> bool:
        """Whether pages of this size came, of which one twice as large could not be had."""
        return self._came > 1

    @property
    def are_reduced(self) -> bool:
        """Whether fewer are asked for than were wanted."""
        return self.now < self._wanted

    def learn(self, size: int, size_bytes: int) -> None:
        """Follow what a page weighs: up at once, down slowly; and take note that it came."""
        full = size_bytes / size * self.now
        self.bytes = max(full, self.bytes + BYTES_SMOOTHING * (full - self.bytes))
        self.came(size)

    def failed(self, size: int) -> None:
        """A page could be had of this size only: others are asked for as small ones for now."""
        if size >= self.now:
            return
        if self._grew_from is not None:
            self._needed *= 2
        self.now, self._came, self._grew_from = max(size, 1), 0, None

    def came(self, size: int) -> None:
        """A full page came."""
        if size < self.now:
            return
        self._grew_from = None
        if self.now == self._wanted:
            return
        self._came += 1
        if self._came == 1 or self._needed > PAGES_BEFORE_GROWING:
            _sizes[self._origin] = self.now, monotonic() + REMEMBERED_SECONDS
        if self._came >= self._needed:
            self._grew_from, self._came = self.now, 0
            self.now = min(2 * self.now, self._wanted)
            if self.now == self._wanted:
                _sizes.pop(self._origin, None)
