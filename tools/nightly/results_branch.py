"""asv's results on a git branch of their own: a work tree, commits, and pushes that never force.

The branch has no ancestor in common with the code. Machines write folders of their own, so two of them can be merged
without a conflict; `.gitattributes` says how for the rest.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tools.asv.git import Repository
from tools.errors import ToolError

PUSHES = 3
_ATTRIBUTES = "benchmarks.json merge=ours\n*.jsonl merge=union\n*.judged merge=ours\n"
# `ours` is no driver that git has by itself. A results commit is made by a program: no hooks, no signatures.
_SETTINGS = ("-c", "merge.ours.driver=true", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null")
_NAMES = {"user.name": "nightly benchmarks", "user.email": "nightly@localhost"}


@dataclass(frozen=True)
class ResultsBranch:
    """A branch and the folder that it is checked out in."""

    repository: Repository
    name: str
    folder: Path
    remote: str | None

    def open(self) -> None:
        """Check the branch out, made from the remote's or anew; bring in what the remote has more."""
        repository = self.repository
        if not repository.git("check-ref-format", "--branch", self.name, check=False):
            raise ToolError(f"{self.name!r} cannot name a branch")
        if not (self.folder / ".git").exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            repository.git("worktree", "prune")
            self._make_branch()
            repository.git("worktree", "add", "--quiet", self.folder, self.name)
        here = Repository(self.folder)
        if here.git("symbolic-ref", "--short", "HEAD", check=False) != self.name:
            raise ToolError(f"{self.folder} holds another branch than {self.name}; remove it with git worktree remove")
        # This run holds the lock, so what a killed one left is nobody's.
        lock = Path(here.git("rev-parse", "--git-path", "index.lock"))
        (self.folder / lock).unlink(missing_ok=True)
        here.git("merge", "--abort", check=False)
        for scratch in self.folder.rglob(".*.tmp"):
            scratch.unlink()
        self.commit("Results of an interrupted run")
        self._pull()

    def commit(self, message: str) -> None:
        """Commit whatever has changed, if anything."""
        here = Repository(self.folder)
        here.git("add", "--all")
        if here.git("status", "--porcelain"):
            self._git("commit", "--quiet", "--message", message)

    def push(self) -> None:
        """Send the branch to the remote, merged with what others have sent meanwhile. Raises ToolError if the remote
        does not take it; the results are committed here and go with the next push.
        """
        if self.remote is None:
            return
        for attempt in range(1, PUSHES + 1):
            try:
                self._git("push", "--quiet", self.remote, f"refs/heads/{self.name}:refs/heads/{self.name}")
                return
            except ToolError as error:
                if attempt == PUSHES:
                    raise ToolError(f"{error}; the results are on the local branch {self.name}") from error
                self._pull()

    def _make_branch(self) -> None:
        repository = self.repository
        if repository.git("rev-parse", "--verify", "--quiet", f"refs/heads/{self.name}", check=False):
            return
        fetched = self._fetch()
        if fetched is None:
            tree = self._git("hash-object", "-t", "tree", "-w", "/dev/null")
            fetched = self._git("commit-tree", tree, "-m", "Results of the benchmarks")
        # The empty old value: made only if it is not there.
        repository.git("update-ref", f"refs/heads/{self.name}", fetched, "")

    def _fetch(self) -> str | None:
        """The remote's commit; None where there is no remote, or it has no such branch."""
        if self.remote is None:
            return None
        listed = self.repository.git("ls-remote", "--heads", self.remote, f"refs/heads/{self.name}")
        if not listed:
            return None
        commit = listed.split()[0]
        self.repository.git("fetch", "--quiet", self.remote, f"refs/heads/{self.name}")
        return commit

    def _pull(self) -> None:
        attributes = self.folder / ".gitattributes"
        if not attributes.exists():
            attributes.write_text(_ATTRIBUTES, encoding="utf-8")
            self.commit("How results of several machines are merged")
        fetched = self._fetch()
        if fetched is not None:
            self._git("merge", "--quiet", "--no-edit", "--allow-unrelated-histories", fetched)

    def _git(self, *arguments: str) -> str:
        here = Repository(self.folder if (self.folder / ".git").exists() else self.repository.path)
        names = [f"{name}={value}" for name, value in _NAMES.items() if not here.git("config", name, check=False)]
        settings = [part for name in names for part in ("-c", name)]
        return here.git(*_SETTINGS, *settings, *arguments)
