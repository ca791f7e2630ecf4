"""A process for each concurrency level, which runs when it is asked to, and ends when we do."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from tools import ROOT
from tools.analysis.model import Concurrency

PROGRAM = ROOT / "benchmarks" / "_level.py"


class Worker:
    """One level. It reads requests from a pipe that closes when this process ends, however that ends."""

    def __init__(self, request: Mapping[str, Any], concurrency: Concurrency) -> None:
        self.concurrency = concurrency
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True
        )
        self._ask(json.dumps({**request, "concurrency": concurrency}))

    def ready(self) -> Mapping[str, Any]:
        """What the level says of itself: nothing, or `missing` and why, or `error`."""
        return self._answer()

    def run(self) -> Mapping[str, Any]:
        """Let it fetch once and return what was observed, or `error` and why."""
        self._ask("run")
        return self._answer()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()

    def _ask(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: there will be no answer either
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def _answer(self) -> Mapping[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            found: Mapping[str, Any] = json.loads(line)
            return found
        code = self._process.wait()
        self._said.seek(0)
        said = [each.strip() for each in self._said.read().decode(errors="replace").splitlines() if each.strip()]
        return {"error": said[-1] if said else f"the process ended with exit code {code}"}


@contextmanager
def workers(request: Mapping[str, Any], levels: Sequence[Concurrency]) -> Iterator[list[Worker]]:
    """Start a worker for each level, all at once; none is left when the block ends."""
    with ExitStack() as stack:
        started = []
        for level in levels:
            worker = Worker(request, level)
            stack.callback(worker.close)
            started.append(worker)
        yield started
