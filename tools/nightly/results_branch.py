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
_SETTINGS = (
    "-c", "merge.ours.driver=true", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null",
    "-c", "user.name=nightly benchmarks", "-c", "user.email=nightly@localhost",
)  # fmt: skip


@dataclass(frozen=True)
class ResultsBranch:
    repository: Repository
    name: str
    folder: Path
    remote: str | None

    def open(self) -> None:
        """Check the branch out, made from the remote's or anew; bring in what the remote has more."""
        if not self.repository.git("check-ref-format", "--branch", self.name, check=False):
            raise ToolError(f"{self.name!r} cannot name a branch")
        if not (self.folder / ".git").exists():
            self._check_out()
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
        here = Repository(self.folder)
        here.git("add", "--all")
        if here.is_dirty:
            here.git(*_SETTINGS, "commit", "--quiet", "--message", message)

    def push(self) -> None:
        """Send the branch to the remote, merged with what others have sent meanwhile. Raises ToolError if the remote
        does not take it; the results are committed here and go with the next push.
        """
        for attempt in range(PUSHES if self.remote else 0):
            try:
                self.repository.git(*_SETTINGS, "push", "--quiet", str(self.remote), f"{self._ref}:{self._ref}")
                return
            except ToolError as error:
                if attempt == PUSHES - 1:
                    raise ToolError(f"{error}; the results are on the local branch {self.name}") from error
                self._pull()

    @property
    def _ref(self) -> str:
        return f"refs/heads/{self.name}"

    def _check_out(self) -> None:
        repository = self.repository
        shutil.rmtree(self.folder, ignore_errors=True)
        repository.git("worktree", "prune")
        if repository.find(self._ref) is None and not self._fetched(f"{self._ref}:{self._ref}"):
            tree = repository.git("hash-object", "-t", "tree", "-w", "/dev/null")
            first = repository.git(*_SETTINGS, "commit-tree", tree, "-m", "Results of the benchmarks")
            repository.git("update-ref", self._ref, first)
        repository.git("worktree", "add", "--quiet", self.folder, self.name)
        (self.folder / ".gitattributes").write_text(_ATTRIBUTES, encoding="utf-8")
        self.commit("How results of several machines are merged")

    def _pull(self) -> None:
        if self._fetched(self._ref):
            merge = ("merge", "--quiet", "--no-edit", "--allow-unrelated-histories", "FETCH_HEAD")
            Repository(self.folder).git(*_SETTINGS, *merge)

    def _fetched(self, what: str) -> bool:
        """Whether there is a remote that has the branch: then it is fetched."""
        here = Repository(self.folder) if self.folder.exists() else self.repository
        if self.remote is None or not here.git("ls-remote", "--heads", self.remote, self._ref):
            return False
        here.git("fetch", "--quiet", self.remote, what)
        return True
