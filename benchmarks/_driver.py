"""One fetch in a fresh interpreter: what `instructions` and `counts` start.

    python benchmarks/_driver.py import              prints how many modules are imported
    python benchmarks/_driver.py file SOURCE ITEMS   the same after a fetch
    python benchmarks/_driver.py api URL ITEMS       the same after a fetch
    python benchmarks/_driver.py cold SOURCE ITEMS CONCURRENCY
        prints the most documents held open, and how many reads were refused

The clock that the package reads goes by calls and not by time, and threads do not take turns by time either: what the
package does when something takes long would differ from run to run. `cold` refuses every read that must not wait for
the disk (preadv2(2), RWF_NOWAIT), as a system does whose page cache is empty: whatever is in the cache of this machine,
the package meets the same one.
"""

import errno
import itertools
import os
import sys
import time

CLOCK_STEP_SECONDS = 1e-5


def main(what, *fetch):
    sys.setswitchinterval(1000.0)
    time.perf_counter = itertools.count(0.0, CLOCK_STEP_SECONDS).__next__
    refused = _refuse_reads_that_must_not_wait() if what == "cold" else None
    import _compat  # beside this file; asv, which imports every file here to look for benchmarks, finds it elsewhere

    if what == "import":
        _compat.import_package()
    elif what == "cold":
        module = _compat.ingest_module("file", fetch[0], concurrency=int(fetch[2]))
        _compat.drain(module, int(fetch[1]))
        sys.stdout.write(f"{module.stats.peak_buffer} {len(refused)}\n")
        return
    else:
        source, items = fetch[0], int(fetch[1])
        _compat.drain(_compat.ingest_module(what, source), items)
    sys.stdout.write(f"{len(sys.modules)}\n")


def _refuse_reads_that_must_not_wait():
    """Let each fail as with an empty page cache, and return the list that grows by one with each."""
    refused, preadv = [], os.preadv

    def refusing(file, buffers, offset, flags=0):
        if flags & os.RWF_NOWAIT:
            refused.append(file)
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return preadv(file, buffers, offset, flags)

    os.preadv = refusing
    return refused


if __name__ == "__main__":
    main(*sys.argv[1:])
