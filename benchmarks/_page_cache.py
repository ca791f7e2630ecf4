"""Files out of the page cache, and the proof that they are."""

import os

PROBED_FILES = 50
ATTEMPTS = 4


def require():
    """Raise NotImplementedError where eviction cannot be done or not be verified. For setup, where that means n/a."""
    if not all(hasattr(os, name) for name in ("posix_fadvise", "preadv", "RWF_NOWAIT")):
        raise NotImplementedError("this system cannot drop files from the page cache and show that it did")


def evict(folder):
    """Drop every file of `folder` from the page cache.

    Raises:
        NotImplementedError: If a read that must not wait for the disk still finds some of the probed files.
    """
    require()
    paths = sorted(entry.path for entry in os.scandir(folder))
    probed = paths[:: max(1, len(paths) // PROBED_FILES)]
    for _ in range(ATTEMPTS):
        _drop(paths)
        cached = sum(_with(path, _is_cached) for path in probed)
        if not cached:
            # Looking for a page has made the system fetch it; a page on its way cannot be dropped.
            for path in probed:
                _with(path, lambda file: os.pread(file, 1, 0))
            _drop(probed)
            return
        os.sync()  # nor can one that is not on the disk yet
    raise NotImplementedError(f"{cached} of {len(probed)} probed files stayed in the page cache")


def _drop(paths):
    for path in paths:
        _with(path, lambda file: os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED))


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
