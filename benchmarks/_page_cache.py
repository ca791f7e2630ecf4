"""Files out of the page cache, and the proof that they are."""

import functools
import os

PROBED_FILES = 50


@functools.cache
def require():
    """Raise NotImplementedError where eviction cannot be done or not be verified. For setup, where that means n/a."""
    if not all(hasattr(os, name) for name in ("posix_fadvise", "preadv", "RWF_NOWAIT")):
        raise NotImplementedError("this system cannot drop files from the page cache and show that it did")
    os.sync()  # pages that are not on the disk yet cannot be dropped


def evict(folder):
    """Drop every file of `folder` from the page cache.

    Raises:
        NotImplementedError: If a read that must not wait for the disk still finds some of the probed files.
    """
    require()
    paths = sorted(entry.path for entry in os.scandir(folder))
    for path in paths:
        _with(path, lambda file: os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED))
    probed = paths[:: max(1, len(paths) // PROBED_FILES)]
    cached = sum(_with(path, _is_cached) for path in probed)
    if cached:
        raise NotImplementedError(f"{cached} of {len(probed)} probed files stayed in the page cache")


def _with(path, act):
    file = os.open(path, os.O_RDONLY)
    try:
        return act(file)
    finally:
        os.close(file)


def _is_cached(file):
    """Read one page without waiting for the disk (preadv2(2), RWF_NOWAIT)."""
    try:
        return os.preadv(file, [bytearray(1)], 0, os.RWF_NOWAIT) > 0
    except BlockingIOError:
        return False
