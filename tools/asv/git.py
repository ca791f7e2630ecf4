"""git, asked in one place: which commit is meant, what comes before it, and what is wrong with a checkout."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.errors import ToolError


class GitError(ToolError):
    """git cannot say; the message is one line that says what to do."""


@dataclass(frozen=True)
class Repository:
    """A git checkout: a clone, a work tree, or a folder below one."""

    path: Path

    def git(self, *arguments: str | Path, check: bool = True) -> str:
        """Run git and return what it printed; "" where it fails and `check` is false."""
        command = ["git", "-C", str(self.path), *map(str, arguments)]
        try:
            done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL, errors="replace")
        except FileNotFoundError:
            raise GitError("git is not installed; results are kept by commit") from None
        if done.returncode and "dubious ownership" in done.stderr:
            raise GitError(
                f"git refuses {self.path}, which belongs to another user; if you trust it, run "
                f"`git config --global --add safe.directory {self.path.resolve()}`"
            )
        if done.returncode and check:
            words = (str(word) for word in arguments)
            told = next((word for word in words if "=" not in word and not word.startswith("-")), "")
            lines = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
            why = next((line for line in lines if line.startswith(("fatal: ", "error: "))), lines[-1])  # no hints
            raise GitError(f"git {told} failed in {self.path}: {why.removeprefix('fatal: ').removeprefix('error: ')}")
        return "" if done.returncode else done.stdout.strip()

    def commit(self, name: str) -> str:
        """The full hash of what git takes for a commit: a hash or its start, a branch, a tag, `HEAD~2`."""
        found = self.find(name)
        if found is None:
            self.head()  # is there any
            raise GitError(f"git knows no commit {name!r} in {self.path}{self.advice}")
        return found

    def find(self, name: str) -> str | None:
        """As `commit`, and None instead of an error where there is no such commit."""
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return (self.git(*asked, check=False) or None) if name else None

    def head(self) -> str:
        """The commit that is checked out. Raises GitError if this is no checkout, or has no commit yet."""
        found = self.find("HEAD")
        if found is None:
            raise GitError(f"{self.path} {'has no commit yet' if self._is_checkout else 'is not a git checkout'}")
        return found

    def branch(self, configured: str | None = None) -> str:
        """The branch to follow: the configured one where there is such a branch, else the one checked out."""
        for name in (configured, configured and f"origin/{configured}"):
            if name and self.find(name):
                return name
        current = self.git("symbolic-ref", "--short", "--quiet", "HEAD", check=False)
        if current and self.find(current):
            return current
        self.head()
        raise GitError(f"there is no branch {configured!r} in {self.path} and HEAD is detached; name one with --branch")

    def line(self, name: str, *, first_parent: bool = False) -> list[str]:
        """Every commit that leads to this one, and itself, oldest first."""
        how = ("--first-parent",) if first_parent else ("--topo-order",)
        return self.git("rev-list", *how, "--reverse", name, "--").split()

    def subject(self, commit: str) -> str:
        return self.git("show", "--no-patch", "--format=%s", commit)

    @property
    def advice(self) -> str:
        """What to do where a commit is missing, after what was said of it."""
        if self.is_shallow:
            return "; it is a shallow clone: run `git fetch --unshallow`"
        return "" if self._is_checkout else f"; {self.path} is not a git checkout"

    @property
    def is_dirty(self) -> bool:
        return bool(self.git("status", "--porcelain"))

    @property
    def _is_checkout(self) -> bool:
        return bool(self.git("rev-parse", "--git-dir", check=False))

    @property
    def is_shallow(self) -> bool:
        return self.git("rev-parse", "--is-shallow-repository", check=False) == "true"
