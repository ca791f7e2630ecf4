"""The peak resident memory of this process, and of nothing else."""

import re
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_bytes():
    """Return the highest resident set size that this process has had, in bytes.

    Linux keeps `ru_maxrss` across exec, so a small process started by a large one inherits the large one's peak;
    `VmHWM` starts anew with each program (proc(5)).
    """
    if _STATUS.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB$", _STATUS.read_text(), flags=re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
