"""asv, started in one place: with its folders and its home where they are wanted, and no process left behind."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tools import ROOT
from tools.errors import ToolError

from .project import Project

ELSEWHERE = Path(__file__).with_name("elsewhere.py")
SOME_FAILED = 2  # asv's exit code of `run` when benchmarks fail; the others have results
MARK = "STAC_MANAGER_RUN"
"""A variable of asv and of all that it starts, whatever sessions and groups that makes: by its value they are found."""
STOP_SECONDS = 5.0
GUARD = "import sys; sys.stdin.read(); from tools.asv.run import end_all; end_all(sys.argv[1], 'TMPDIR')"
"""A process that ends the others if this one is killed: the system closes the pipe to it then. It knows them by their
folder for temporary files: the mark may be that of a later run as well."""


@contextmanager
def started(
    arguments: Sequence[str | Path],
    *,
    config: Path,
    log: Path | None = None,
    program: Sequence[str | Path] = ("-m", "asv"),
    environment: Mapping[str, str | Path] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """asv, to be waited for in the block; nothing that it started is left behind, however the block ends, and no
    temporary file; if this process is killed, no process. What it says is added to `log`; `environment` comes beside
    the variables of this process.
    """
    command = [sys.executable, *map(str, program), *map(str, arguments), "--config", str(config)]
    # asv looks for a Python of this version there; the first that it finds may be a shim of pyenv that starts none.
    path = os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)))
    own = {name: str(value) for name, value in (environment or {}).items()}
    scratch = tempfile.TemporaryDirectory(prefix="asv-", dir=own.get("TMPDIR"), ignore_cleanup_errors=True)
    own |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), scratch.name)
    own.setdefault(MARK, scratch.name)
    with scratch, (log or Path(os.devnull)).open("ab") as output:
        output.write(f"$ asv {' '.join(map(str, arguments))}\n".encode())
        output.flush()
        guard = subprocess.Popen(
            [sys.executable, "-c", GUARD, scratch.name], cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True
        )
        asv = subprocess.Popen(
            command, cwd=config.parent, env={**os.environ, "PATH": path, **own},
            stdin=subprocess.DEVNULL, stdout=output if log else sys.stderr,
            stderr=subprocess.STDOUT if log else None, start_new_session=True,
        )  # fmt: skip
        try:
            yield asv
        finally:
            end_all(own[MARK])
            asv.wait()
            guard.kill()
            guard.communicate()


def end_all(mark: str, variable: str = MARK) -> None:
    """End what was started with this mark: politely; then for good, also what was started in the meantime."""
    for end in (psutil.Process.terminate, psutil.Process.kill):
        left = [process for process in psutil.process_iter() if _value_of(process, variable) == mark]
        for process in left:
            with suppress(psutil.NoSuchProcess):
                end(process)
        psutil.wait_procs(left, timeout=STOP_SECONDS)


def _value_of(process: psutil.Process, variable: str) -> str | None:
    with suppress(psutil.Error, OSError):  # it has ended, or is somebody else's
        return process.environ().get(variable)
    return None


@dataclass(frozen=True)
class Asv:
    """asv on a project's configuration, with a branch of its own. What it says goes to `log`, to stderr without one."""

    project: Project
    branch: str
    log: Path | None = None
    environment: Mapping[str, str | Path] | None = None

    def run(self, what: str, arguments: Sequence[str], results_dir: Path) -> None:
        """Run it to its end. Raises ToolError: it could not do `what`; a benchmark that fails is a result."""
        program = (ELSEWHERE, results_dir, self.branch)
        config, log, environment = self.project.config, self.log, self.environment
        with started(arguments, config=config, log=log, program=program, environment=environment) as asv:
            code = asv.wait()
        if code not in ((0, SOME_FAILED) if arguments[0] == "run" else (0,)):
            raise self.failed(what)

    def failed(self, what: str) -> ToolError:
        said = f": {last_line(self.log)}; all it said: {self.log}" if self.log else "; what it says stands above"
        return ToolError(f"asv could not {what}{said}")


def last_line(log: Path) -> str:
    """What asv said last."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if len(lines) > 1 else "it printed nothing"
