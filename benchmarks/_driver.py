"""One fetch in a fresh interpreter: what `instructions` and `counts` start. Prints how many modules are imported.

    python benchmarks/_driver.py import
    python benchmarks/_driver.py file SOURCE ITEMS
    python benchmarks/_driver.py api URL ITEMS

The clock that the package reads goes by calls and not by time, and threads do not take turns by time either: what the
package does when something takes long would differ from run to run.
"""

import itertools
import sys
import time

CLOCK_STEP_SECONDS = 1e-5


def main(what, *fetch):
    sys.setswitchinterval(1000.0)
    time.perf_counter = itertools.count(0.0, CLOCK_STEP_SECONDS).__next__
    import _compat  # beside this file; asv, which imports every file here to look for benchmarks, finds it elsewhere

    if what == "import":
        _compat.import_package()
    else:
        source, items = fetch[0], int(fetch[1])
        _compat.drain(_compat.ingest_module(what, source), items)
    sys.stdout.write(f"{len(sys.modules)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
