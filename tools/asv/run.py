"""asv, started in one place: with its folders and its home where they are wanted, and no process left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from tools.errors import ToolError
from tools.processes import stopped

ELSEWHERE = Path(__file__).with_name("elsewhere.py")
SOME_FAILED = 2
"""asv's exit code when benchmarks fail; the others have results."""
Running: TypeAlias = "subprocess.Popen[bytes]"


class AsvError(ToolError):
    """asv could not do it; the message says why in one line."""


@contextmanager
def started(
    arguments: Sequence[str | Path],
    *,
    config: Path,
    log: Path | None = None,
    program: Sequence[str | Path] = ("-m", "asv"),
    environment: Mapping[str, str | Path] | None = None,
) -> Iterator[Running]:
    """asv, to be waited for in the block; nothing that it started is left behind, however the block ends.

    Args:
        arguments: The subcommand and its options.
        log: What it says is added here; to stderr where there is none.
        program: What Python runs: asv itself, or `elsewhere`.
        environment: Variables beside those of this process.
    """
    command = [sys.executable, *map(str, program), *map(str, arguments), "--config", str(config)]
    # asv looks for a Python of this version there; the first that it finds may be a shim of pyenv that starts none.
    path = os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)))
    own = {name: str(value) for name, value in (environment or {}).items()}
    with (log or Path(os.devnull)).open("ab") as output:
        output.write(f"$ asv {' '.join(map(str, arguments))}\n".encode())
        output.flush()
        asv = subprocess.Popen(
            command, cwd=config.parent, env={**os.environ, "PATH": path, **own},
            stdin=subprocess.DEVNULL, stdout=output if log else sys.stderr,
            stderr=subprocess.STDOUT if log else None, start_new_session=True,
        )  # fmt: skip
    with stopped(asv):
        yield asv


def elsewhere(results_dir: Path, html_dir: Path, branch: str) -> tuple[str | Path, ...]:
    """asv with other folders than its configuration says; for `started(program=...)`."""
    return (ELSEWHERE, results_dir, html_dir, branch)


def last_line(log: Path) -> str:
    """What asv said last."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if len(lines) > 1 else "it printed nothing"
