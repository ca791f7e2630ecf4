"""git, asked for what a night needs: the line of commits of a branch, and their subjects."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import TrackingError


@dataclass(frozen=True)
class Repository:
    """A git checkout."""

    path: Path

    def git(self, *arguments: str | Path, check: bool = True) -> str:
        """Run git and return what it printed.

        Raises:
            TrackingError: If git fails and `check` is true.
        """
        command = ["git", "-C", str(self.path), *map(str, arguments)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        except FileNotFoundError:
            raise TrackingError("git is not installed; the results are kept by commit") from None
        if done.returncode and check:
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            told = next(str(word) for word in arguments if "=" not in str(word) and not str(word).startswith("-"))
            raise TrackingError(f"git {told} failed in {self.path}: {said[-1]}")
        return done.stdout.strip() if not done.returncode else ""

    def line(self, branch: str) -> list[str]:
        """Every commit of a branch, oldest first; of merges the first parent only, as asv walks."""
        if not self.git("rev-parse", "--verify", "--quiet", f"{branch}^{{commit}}", check=False):
            raise TrackingError(f"there is no branch {branch!r} in {self.path}; name one with --branch")
        return self.git("rev-list", "--first-parent", "--reverse", branch, "--").split()

    def subject(self, commit: str) -> str:
        return self.git("show", "--no-patch", "--format=%s", commit)
