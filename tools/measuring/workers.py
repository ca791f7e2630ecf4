"""A process for each concurrency level, which runs when it is asked to, and ends when we do."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from tools import ROOT
from tools.analysis.model import Concurrency

PROGRAM = ROOT / "benchmarks" / "_level.py"


class Worker:
    """One level, and what it has shown so far. It reads requests from a pipe that closes when this process ends,
    however that ends.

    Attributes:
        runs: What was observed in each.
        status: n/a where the level cannot be measured, as with a package that is too old; failed where it was tried.
        reason: Why it is not measured.
    """

    def __init__(self, request: Mapping[str, Any], concurrency: Concurrency) -> None:
        self.concurrency = concurrency
        self.runs: list[Mapping[str, Any]] = []
        self.status: Literal["n/a", "failed"] = "failed"
        self.reason: str | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True
        )
        self._ask(json.dumps({**request, "concurrency": concurrency}))

    @property
    def seconds(self) -> list[float]:
        return [run["usage"]["wall_seconds"] for run in self.runs]

    @property
    def failed(self) -> int:
        """How many documents or items could not be delivered, in the worst run."""
        return max((run["failed"] for run in self.runs), default=0)

    def wait(self) -> None:
        """Until it can run, or says why it cannot."""
        answer = self._answer()
        self.reason = answer.get("missing") or answer.get("error")
        self.status = "n/a" if "missing" in answer else "failed"

    def run(self, *, keep: bool = True) -> None:
        """Let it fetch once. Where that fails, it does not run again, and what it took before does not count."""
        self._ask("run")
        answer = self._answer()
        if "error" in answer:
            self.reason = answer["error"]
            self.runs.clear()
        elif keep:
            self.runs.append(answer)

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
